"The demo's page, opened from disk in a real browser."
import io
import pytest
from PIL import Image

pytest.importorskip('playwright')
from colorize_nb.app.demo import main
from colorize_nb.core.photo import bundled_photos


def test_page_wipes_sorts_enlarges_and_fits_a_phone(page, tmp_path):
    main(tmp_path, seconds=1, photos={k: bundled_photos()[k] for k in ('coffee','chelsea')})
    page.goto((tmp_path/'index.html').as_uri())
    box = page.locator('.wipe').first
    shot = lambda: Image.open(io.BytesIO(box.screenshot())).convert('RGB').resize((16,16))
    color = lambda im: sum(max(p)-min(p) for p in im.getdata())
    page.get_by_role('group').get_by_text('photo', exact=True).click()
    b = box.bounding_box()
    colors = []
    for x in (.02, .98): # show all of the photo, then all of the gray input
        page.mouse.move(b['x']+.5*b['width'], b['y']+b['height']*.5)
        page.mouse.down()
        page.mouse.move(b['x']+x*b['width'], b['y']+b['height']*.5)
        page.mouse.up()
        colors.append(color(shot()))
    assert colors[0] > 5*colors[1], 'dragging the line uncovers the photo'
    page.set_viewport_size(dict(width=390, height=800))
    assert page.evaluate('document.documentElement.scrollWidth') <= 390

    table = page.locator('main table')
    def column(): return [float(v) for v in table.locator('tbody tr td:nth-child(4)').all_inner_texts()]
    before, first = column(), table.locator('tbody td').first
    table.locator('thead tr').last.locator('th button').nth(3).click()
    assert column()==sorted(before)!=before, 'a click on a heading sorts the table'
    x = first.bounding_box()['x']
    assert table.evaluate("t => { const box = t.closest('.scroll'); box.scrollLeft = 200; return box.scrollLeft }")==200
    assert abs(first.bounding_box()['x']-x) < 1, 'the first column stays in view'
    page.set_viewport_size(dict(width=1500, height=900))
    def close():
        page.get_by_role('button', name='Close').click()
        page.wait_for_function("!document.querySelector('dialog.large .wipe')") # a later event moves the picture back
    small = box.bounding_box()['width']
    page.get_by_role('button', name='open large').first.click()
    large = page.locator('dialog.large .wipe')
    assert large.bounding_box()['width'] > 1.3*small
    close()
    page.locator('figure .line').first.press('Enter')
    assert large.is_visible()
    large.locator('.line').press('End')
    close()
    position = page.locator('figure .wipe').first.evaluate("w => w.style.getPropertyValue('--x')")
    assert position=='100%', 'the line stays where it was in the large view'
