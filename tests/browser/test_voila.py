"`make app` in a real browser: upload and paste photos, drag the line, download the result, and get messages for bad files."
import io, os, re, sys
from pathlib import Path
import numpy as np, pytest
from PIL import Image

pytest.importorskip('playwright')
pytest.importorskip('voila')
sys.path.append(str(Path(__file__).resolve().parent.parent))
from conftest import serving


@pytest.fixture(scope='module')
def url(root, tmp_path_factory):
    command = [sys.executable, 'tools/app.py', 'tools/app.ipynb', '--no-browser']
    with serving(command, root, tmp_path_factory.mktemp('app'), '/static/') as url: yield url


def test_upload_drag_paste_and_download(url, browser, tmp_path):
    ctx = browser.new_context(viewport=dict(width=1280, height=800))
    page, errors, outside = ctx.new_page(), [], []
    page.on('pageerror', lambda e: errors.append(str(e)))
    ctx.route(re.compile(r'https?://(?!127\.0\.0\.1[:/])'), lambda r: (outside.append(r.request.url), r.abort())) # block requests to other hosts
    page.goto(url)
    picture = page.locator('.widget-image').last
    picture.wait_for()
    assert 'from colorize_nb' not in page.locator('body').inner_text(), 'the code is hidden'
    assert 'Traceback' not in page.content() and page.title()=='Color a photo'
    assert page.locator('h1').inner_text().startswith('Color a photo')
    assert picture.bounding_box()['y'] < 500, 'the panel is on the first screen'
    shown = lambda: picture.evaluate("async i => { const u = i.tagName=='IMG' ? i.src : i.querySelector('img').src; "
                                     "return [...new Uint8Array(await (await fetch(u)).arrayBuffer())].length + u }")
    def upload(name, content):
        f = tmp_path/name
        f.write_bytes(content)
        with page.expect_file_chooser() as chooser: page.locator('.uploader').first.click()
        chooser.value.set_files(str(f))

    good = io.BytesIO()
    Image.fromarray((np.add.outer(np.arange(300), np.arange(400))%256).astype('uint8')).save(good, 'JPEG')
    bad = (('notes.jpg', b'hello', 'notes.jpg'),
               ('cut.jpg', good.getvalue()[:3000], 'cut.jpg'),
               ('film.jpg', bytes(50_000_000), '50 MB'))
    for name,content,word in bad:
        upload(name, content)
        page.wait_for_function(f"[...document.querySelectorAll('[role=alert]')].some(o => o.innerText.includes({word!r}))")
    page.get_by_role('button', name='coffee, an example').click()
    page.get_by_text('coffee.png: 600x400').wait_for()
    before = shown()
    upload('good.jpg', good.getvalue())
    for _ in range(1200):
        if shown()!=before: break
        page.wait_for_timeout(100)
    assert shown()!=before
    # the text is updated after the picture, by a separate message
    page.wait_for_function("!document.querySelector('[role=alert]')")
    box = picture.bounding_box()
    line = page.locator('.divider')
    def move(x): page.mouse.move(box['x']+x*box['width'], box['y']+box['height']/2)
    def percent(): return float(line.evaluate('d => d.style.left').rstrip('%'))
    move(.5)
    page.mouse.down()
    move(.2)
    assert line.is_visible() and abs(percent()-20) < 1, 'the browser moves the line during the drag'
    page.mouse.up()
    page.wait_for_function("[...document.querySelectorAll('.widget-readout')].some(o => o.innerText=='0.20')")
    pasted = ("async () => { const d = new DataTransfer(), c = Object.assign(document.createElement('canvas'), {width: 90, height: 60}); "
              "d.items.add(new File([await new Promise(r => c.toBlob(r))], 'pasted.png', {type: 'image/png'})); "
              "document.dispatchEvent(new ClipboardEvent('paste', {clipboardData: d, bubbles: true})) }")
    page.evaluate(pasted)
    page.get_by_text('pasted.png: 90x60').wait_for()
    upload('good.jpg', good.getvalue())
    page.get_by_text('good.jpg: 400x300').wait_for()
    with page.expect_download() as download: page.locator('.downloader').first.click()
    result = Image.open(download.value.path())
    assert download.value.suggested_filename=='good-color.jpg' and result.size==(400,300) and np.ptp(np.asarray(result).astype(int), axis=2).max()>10
    if shots := os.environ.get('KEEP_SHOTS'):
        picture.scroll_into_view_if_needed()
        page.screenshot(path=f'{shots}/voila.png')
    ctx.close()
    assert not errors and not outside, (errors, outside)

NAMELESS = ("[...document.querySelectorAll('.colorize-panel :is(button, input, select, .noUi-handle, .widget-readout[tabindex])')].filter(e => e.checkVisibility() && "
            "!(e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent.trim() || e.querySelector('img')?.alt)).map(e => e.outerHTML.slice(0, 90))")

def test_a_phone_and_the_names_of_controls(url, browser):
    ctx = browser.new_context(viewport=dict(width=390, height=844), has_touch=True, is_mobile=True)
    page = ctx.new_page()
    page.goto(url)
    slider = page.get_by_role('slider', name='saturation')
    slider.wait_for()
    page.locator('.colorize-panel img.widget-image').wait_for()
    def boxes(): # labels, and the control of each
        return page.evaluate("[...document.querySelectorAll('.colorize-panel :is(.widget-slider, .widget-hslider, .choice)')].map(e => [e.firstElementChild, e.querySelector('.slider-container, .widget-hbox')].map(x => x.getBoundingClientRect().toJSON()))")
    assert page.evaluate('document.documentElement.scrollWidth') <= 390 and page.evaluate(NAMELESS)==[]
    assert len(boxes())==4 and all(label['bottom'] <= track['top']+4 and label['left'] < 40 and track['width'] > 200 for label,track in boxes()), 'the label is above the track'
    assert page.locator('.choice button[aria-pressed=true]').inner_text()=='wipe'
    ctx.close()
