"The before/after page in a real browser: the mouse, keys, and touch move the line, and the pictures follow."
import io
import pytest
from PIL import Image

pytest.importorskip('playwright')
from colorize_nb.core.show import wipe, wipe_page

RED, BLUE, GREEN = (200,30,30), (30,30,200), (30,160,30)

@pytest.fixture
def opened(page, tmp_path):
    flat = lambda c, size=(400,300): Image.new('RGB', size, c)
    figs = [wipe(n, dict(gray=flat(RED, s), model=flat(BLUE, s), photo=flat(GREEN, s)), note='a note', badge='held out')
            for n,s in [('one',(400,300)), ('two',(300,400))]]
    table = '<table><tr><td>1</td></tr></table>'
    f = wipe_page(tmp_path/'page.html', figs, ['model','photo'], 'Wipes', '<p>Hello</p>', table, 'made by a test')
    page.goto(f.as_uri())
    return page

def color_at(page, frac, nth=0):
    "Return the name of the color at `frac` of the width of a picture, a fifth of the way down."
    box = page.locator('.wipe').nth(nth)
    im = Image.open(io.BytesIO(box.screenshot())).convert('RGB')
    px = im.getpixel((int(frac*im.width), im.height//5))
    return min([('red',RED),('blue',BLUE),('green',GREEN)], key=lambda o: sum((a-b)**2 for a,b in zip(o[1], px)))[0]

def drag(page, start, stop, nth=0):
    b = page.locator('.wipe').nth(nth).bounding_box()
    y = b['y']+b['height']*.7
    page.mouse.move(b['x']+start*b['width'], y)
    page.mouse.down()
    page.mouse.move(b['x']+(start+stop)/2*b['width'], y)
    page.mouse.move(b['x']+stop*b['width'], y)
    page.mouse.up()

def value(page, nth=0): return int(page.get_by_role('slider').nth(nth).get_attribute('aria-valuenow'))

def test_the_line_starts_in_the_middle(opened):
    assert (color_at(opened,.25), color_at(opened,.75), value(opened))==('red','blue',50)

def test_mouse_drags_the_line(opened):
    drag(opened, .5, .9)
    assert color_at(opened,.75)=='red' and value(opened)==90
    drag(opened, .9, .1)
    assert color_at(opened,.25)=='blue' and value(opened)==10
    assert value(opened, 1)==50, 'the line of the other picture stays'

def test_dragging_past_the_edge_stops_there(opened):
    drag(opened, .5, 1.4)
    assert value(opened)==100 and color_at(opened,.97)=='red'

def test_keys_move_the_line(opened):
    s = opened.get_by_role('slider').first
    s.focus()
    for key,v in [('ArrowRight',52), ('Shift+ArrowLeft',42), ('PageUp',52), ('ArrowDown',50), ('Home',0)]:
        opened.keyboard.press(key)
        assert value(opened)==v, key
    assert color_at(opened,.25)=='blue' and s.get_attribute('aria-valuetext')=='0% gray'
    opened.keyboard.press('End')
    assert color_at(opened,.75)=='red'

def test_tab_reaches_the_choice_and_every_line(opened):
    roles = []
    for _ in range(3):
        opened.keyboard.press('Tab')
        roles.append(opened.evaluate("document.activeElement.getAttribute('role') || document.activeElement.type"))
    assert roles==['radio','slider','slider']

def test_the_choice_changes_the_right_side_of_every_picture(opened):
    opened.get_by_label('photo', exact=True).check()
    assert [color_at(opened,.75,i) for i in (0,1)]==['green','green'] and color_at(opened,.25)=='red'
    assert opened.locator('.tag.right').all_inner_texts()==['photo','photo']

def test_a_finger_can_drag_and_scroll(browser, opened):
    ctx = browser.new_context(viewport=dict(width=390, height=700), has_touch=True, is_mobile=True)
    p = ctx.new_page()
    p.goto(opened.url)
    b = p.locator('.wipe').first.bounding_box()
    cdp = ctx.new_cdp_session(p)
    def touch(kind, *pts): cdp.send('Input.dispatchTouchEvent', dict(type=kind, touchPoints=[dict(x=x, y=y) for x,y in pts]))
    y = b['y']+b['height']*.7
    touch('touchStart', (b['x']+.5*b['width'], y))
    for f in (.55,.6,.7,.8): touch('touchMove', (b['x']+f*b['width'], y))
    touch('touchEnd')
    assert 70<=value(p)<=85 and color_at(p,.6)=='red'
    assert p.evaluate("getComputedStyle(document.querySelector('.wipe')).touchAction")=='pan-y'
    assert p.evaluate('document.documentElement.scrollWidth <= innerWidth'), 'the page is wider than the screen'
    ctx.close()
