"""The playground in a real browser: training reaches the best predictions, decoding works without training again, and the URL keeps the
state."""
import base64, io, re, time

import numpy as np
import pytest
import torch
from PIL import Image

from conftest import until
from test_site import site, watched # fixtures of the site
from colorize_nb.color.space import rgb2lab
from colorize_nb.data.shapes import COLORS, best_color
from colorize_nb.core.photo import to_tensor

STATE = "document.querySelector('#playground-panel').dataset"
RED, BLUE = (np.array(c[1:]) for c in COLORS['shirt'])

def pair(page, kind, loss):
    "Return the predicted ab, the best ab, and their difference, as displayed next to a swatch."
    d = page.locator(f'.card[data-kind={kind}] .pair[data-loss={loss}]').evaluate('e => ({...e.dataset})')
    return np.array([float(v) for v in d['got'].split(',')]), np.array([float(v) for v in d['best'].split(',')]), float(d['apart'])

def canvas(page, row, i):
    "Return picture `i` of a row (input, predictions, or target) as Lab `(3,H,W)`."
    url = page.locator('.pictures .row:not([hidden])').nth(row).locator('canvas').nth(i).evaluate("c => c.toDataURL('image/png')")
    return rgb2lab(to_tensor(Image.open(io.BytesIO(base64.b64decode(url.split(',')[1]))).convert('RGB')))[0]

def object_color(page, row, i):
    "Return the mean ab of a prediction where the target has an object."
    inside = canvas(page, 3, i)[1:].norm(dim=0) > 20
    return canvas(page, row, i)[1:][:,inside].mean(1).numpy()

def step(page): return int(page.locator('#playground-panel').get_attribute('data-step'))

def test_training_reaches_the_best_predictions(watched, site, note):
    watched.goto(site+'playground.html#compare=soft_ce&how=mode&noise=0&width=8')
    t0 = time.time()
    watched.get_by_role('button', name='Train', exact=True).click()
    until(watched, f'+{STATE}.step > 0')
    note(f'playground: first step {time.time()-t0:.1f} s after the click')
    until(watched, f"['done','failed'].includes({STATE}.state)", 800_000)
    assert step(watched)==400, watched.locator('.said').inner_text()
    note(f'playground: 400 steps of two networks in {time.time()-t0:.0f} s')

    got, best, error = pair(watched, 'shirt', 'l2')
    assert np.abs(best-best_color('shirt', 'mean').numpy()).max() <= .5 and error < 8, (got, best)
    mode, best_mode, error = pair(watched, 'shirt', 'soft_ce')
    assert error < 8 and np.linalg.norm(mode-RED) < 15 < np.linalg.norm(mode-got), (mode, got)
    for i in (0,1): # a red shirt and a blue one
        mixed, decided = object_color(watched, 1, i), object_color(watched, 2, i)
        assert BLUE[0] < mixed[0] < RED[0] and BLUE[1]+15 < mixed[1] < RED[1]-10, f'L2 shows {mixed}; it should be between red and blue'
        assert decided[1] > mixed[1], f'the mode shows {decided}; it should be redder than L2'
    note(f'playground: shirts with L2 {got}, best {best}; with the mode of classes {mode}, best {best_mode}')

    watched.get_by_text('mean', exact=True).click() # decode the same network differently
    until(watched, "location.hash.includes('how=mean')")
    watched.wait_for_timeout(200)
    mean, _, _ = pair(watched, 'shirt', 'soft_ce')
    assert np.linalg.norm(mean-mode) > 8 and step(watched)==400
    assert watched.problems==[]

def test_the_url_keeps_the_state(watched, site):
    watched.goto(site+'playground.html#loss=l1&red=30&noise=0&width=24&T=0.5&at=2,3,4')
    assert watched.get_by_label('Loss', exact=True).input_value()=='l1' and watched.get_by_label('Width').input_value()=='24'
    slider = watched.get_by_role('slider', name='Share of red shirts')
    assert slider.get_attribute('aria-valuetext')=='30% red, 70% blue'
    slider.focus()
    watched.keyboard.press('ArrowRight')
    watched.locator('.pictures').focus()
    watched.keyboard.press('ArrowDown')
    until(watched, "location.hash.includes('red=31') && location.hash.includes('at=2,3,5')")
    best = watched.locator('.card[data-kind=shirt] .pair').get_attribute('data-best')
    assert [float(v) for v in best.split(',')]==list(BLUE), 'the median is the more frequent color'
    watched.reload()
    assert watched.get_by_role('slider', name='Share of red shirts').input_value()=='31'
    assert watched.get_by_label('Loss', exact=True).input_value()=='l1'

STEP2 = 'playground.html#step=2'

def tasks(page): return ['done' in (t.get_attribute('class') or '') for t in page.locator('.tasks li').all()]

def test_the_steps_check_off_tasks(watched, site):
    watched.goto(site+STEP2)
    text = watched.locator('.story .text').inner_text()
    assert 'median' in text and tasks(watched)==[False]*3
    watched.get_by_role('button', name='Train', exact=True).click()
    until(watched, "document.querySelectorAll('.tasks .done').length===1", 400_000)
    assert 'red shirts' in watched.locator('.tasks li').first.inner_text()
    watched.get_by_role('slider', name='Share of red shirts').fill('20')
    until(watched, "document.querySelectorAll('.tasks .done').length===3", 600_000)
    assert 'blue shirts' in watched.locator('.tasks li').last.inner_text() # L1 has switched to the other color
    assert watched.locator('.story .text').inner_text()==text, 'the text of the step does not change'
    assert watched.locator('.story ol button').nth(1).get_attribute('aria-label')=='The median, done'
    watched.get_by_role('button', name='Undo my changes').click()
    until(watched, "!location.hash.includes('red=')")
    watched.get_by_role('button', name='Back', exact=True).click()
    until(watched, "document.querySelector('.story .text').textContent.includes('mean')")
    assert watched.get_by_role('button', name='Back', exact=True).is_disabled()
    watched.go_back() # the browser's back button
    until(watched, "document.querySelector('.story .text').textContent.includes('median')")
    assert watched.problems==[]

def test_controls_and_results_fit_in_one_window(watched, site):
    for where in ('playground.html', STEP2, 'playground.html#step=4'):
        watched.set_viewport_size(dict(width=1300, height=900))
        watched.goto('about:blank')
        watched.goto(site+where)
        boxes = [watched.locator(s).bounding_box() for s in ('.tasks', '[aria-label=Controls]', '.go', '.pictures', '.card[data-kind=shirt]')]
        slider = watched.get_by_role('slider', name='Share of red shirts').bounding_box()
        assert all(b['y'] >= 0 and b['y']+b['height'] <= 900 for b in [*boxes, slider]), (where, boxes)

def test_the_controls_stay_visible(watched, site):
    watched.set_viewport_size(dict(width=1300, height=600))
    watched.goto(site+STEP2)
    watched.locator('.pictures .row').last.scroll_into_view_if_needed()
    slider, last = watched.get_by_role('slider', name='Share of red shirts').bounding_box(), watched.locator('.pictures .row').last.bounding_box()
    assert 0 <= slider['y'] < last['y'] < 600
    assert watched.evaluate("([x, y]) => document.elementFromPoint(x, y).type === 'range'", [slider['x']+slider['width']/2, slider['y']+slider['height']/2])

def test_title_and_colors_agree(watched, site):
    watched.goto(site+'playground.html')
    title = watched.locator('article h1').inner_text()
    best = watched.locator('.card[data-kind=shirt] figcaption').inner_text().split('|')[1].strip()
    assert best=='dull pink' and 'pink' in title and best in watched.locator('.story .text').inner_text()
    assert 'brown' in watched.locator('.card[data-kind=car] figcaption').inner_text().split('|')[1]
    red, blue = watched.locator('.card[data-kind=shirt] .shares span').evaluate_all('all => all.map(e => getComputedStyle(e).flexGrow)')
    assert (float(red), float(blue))==(.65, .35)

def test_a_link_skips_to_the_steps(watched, site):
    watched.goto(site+'playground.html')
    watched.keyboard.press('Tab')
    watched.keyboard.press('Tab')
    link = watched.get_by_role('link', name='Skip to the five steps')
    assert link.evaluate('e => e === document.activeElement') and link.bounding_box()['y'] >= 0
    watched.keyboard.press('Enter')
    assert watched.evaluate("document.activeElement.closest('.story') !== null")

def test_the_code_on_the_page_runs(watched, site):
    "The code below the controls runs, and L2 learns the same dull pink from the same colors."
    watched.goto(site+'playground.html#step=0&loss=l2&width=16&steps=400&noise=0&red=65')
    code = watched.locator('#playground-panel pre code').text_content()
    assert 'noise=0)' in code and 'widths=(16,32,32)' in code
    before = COLORS['shirt']
    try:
        ns = {}
        exec(code, ns)
        rgb, (target, kind) = ns['learn'].dls.codec.decode(ns['x'], ns['learn'].model(ns['x'])).detach(), ns['ambiguous_shapes'](16, 32, seed=0, noise=0)
    finally: COLORS['shirt'] = before
    assert (rgb2lab(rgb)[:,0]-rgb2lab(target)[:,0]).abs().mean() < 1 # both are drawn without noise in the background
    got = rgb2lab(rgb)[:,1:].permute(0,2,3,1)[kind==1].mean(0).numpy()
    assert np.linalg.norm(got-best_color('shirt', 'mean').numpy()) < 20 < np.linalg.norm(got-RED), got

def test_invalid_values_in_the_url_are_ignored(watched, site):
    watched.goto(site+'playground.html#loss=magic&red=1e9&width=7&at=9,99,-1&rate=x')
    assert watched.get_by_label('Loss', exact=True).input_value()=='l2'
    assert watched.get_by_role('slider', name='Share of red shirts').input_value()=='100'
    assert watched.problems==[]

@pytest.mark.parametrize('scheme', ['light','dark'])
def test_sliders_update_the_page_at_once(watched, site, note, scheme):
    watched.emulate_media(color_scheme=scheme)
    watched.goto(site+'playground.html')
    cdp = watched.context.new_cdp_session(watched)
    cdp.send('Performance.enable', dict(timeDomain='threadTicks')) # CPU time of the page's thread
    def task_time(): return next(m['value'] for m in cdp.send('Performance.getMetrics')['metrics'] if m['name']=='TaskDuration')
    move = """async to => {
        const s = document.querySelector('.bar input[type=range]');
        for (let i = 20; i < to; i++) {
            s.value = i; s.dispatchEvent(new Event('input')); await new Promise(r => requestAnimationFrame(r)) } }"""
    watched.evaluate(move, 30)
    before = task_time()
    watched.evaluate(move, 80)
    ms = 1000*(task_time()-before)/60
    note(f'playground: {ms:.1f} ms of CPU time per frame while the slider moves')
    assert ms > 0 and watched.get_by_role('slider', name='Share of red shirts').get_attribute('aria-valuetext')=='79% red, 21% blue'
    assert watched.locator('.card[data-kind=shirt] .pair').get_attribute('data-best')==', '.join(f'{v:.0f}' for v in .79*RED+.21*BLUE)

def test_every_control_has_a_name_and_a_value(watched, site):
    watched.goto(site+'playground.html#loss=soft_ce')
    for el in watched.locator('#playground-panel :is(input,select,button)').all():
        name = el.evaluate("e => (e.labels?.[0]?.textContent ?? e.textContent).trim()")
        assert name, el.evaluate('e => e.outerHTML')
    assert all(re.search(r'\w', s.get_attribute('aria-valuetext')) for s in watched.locator('#playground-panel input[type=range]').all())

def middle(locator):
    "Return the color that is visible in the middle of an element, as `[r, g, b]`."
    im = Image.open(io.BytesIO(locator.screenshot())).convert('RGB')
    return list(im.getpixel((im.width//2, im.height//2)))

def test_sepia_explorer_matches_the_library(watched, site):
    from colorize_nb.widgets.explorers import answers, swatch
    watched.goto(site+'explorers.html')
    def ab_of(c): return rgb2lab(torch.tensor([int(c[i:i+2], 16)/255 for i in (1,3,5)]).view(1,3,1,1))[0,1:,0,0]
    ab = torch.stack([ab_of(c) for c in ('#d83c3e','#2877d6')])
    for red,blue in ((60,40), (30,40)):
        for i,v in enumerate((red, blue)): watched.get_by_label(f'Weight of color {i+1}').fill(str(v))
        p = torch.tensor([red, blue])/(red+blue)
        for name,want in answers(ab, p).items():
            if name=='mean': continue # the same as L2
            shown = watched.locator(f'.sepia [data-answer="{name}"]')
            assert [float(v) for v in shown.get_attribute('data-ab').split(',')]==pytest.approx(want.tolist(), abs=.11), name
            assert middle(shown.locator('.big'))==pytest.approx([255*v for v in swatch(want)], abs=3), name
    assert watched.problems==[]

def test_the_distribution_follows_a_click(watched, site):
    from colorize_nb.core.photo import bundled_photos
    from colorize_nb.widgets.explorers import DistributionExplorer
    watched.goto(site+'explorers.html')
    panel, w = watched.locator('.distribution'), DistributionExplorer(bundled_photos('color')['strawberries'], 'shipped').set(T=.5)
    panel.get_by_label('Temperature').fill('0.5')
    photo, before = panel.locator('.pick'), panel.locator('canvas').nth(1).screenshot()
    rows, cols = w.picture.data['rows'], w.picture.data['cols']
    x, y = 16.5/cols, 3.5/rows # the middle of a position
    box = photo.bounding_box()
    photo.click(position=dict(x=x*box['width'], y=y*box['height']))
    until(watched, f"Math.abs(parseFloat(document.querySelector('.distribution .ring').style.left)-{100*x}) < 1")
    for name,want in w.set(x=x, y=y).colors().items():
        if name=='mode': continue # two cells can be nearly equal
        got = panel.locator(f'[data-answer="{name}"]').get_attribute('data-ab')
        assert [float(v) for v in got.split(',')]==pytest.approx(want.tolist(), abs=2), name
    assert panel.locator('canvas').nth(1).screenshot()!=before and 'T=0.5' in panel.locator('code').inner_text()
    panel.get_by_label('Pixel, left to right').focus() # by keyboard
    watched.keyboard.press('Home')
    until(watched, "document.querySelector('.distribution .ring').style.left==='0%'")
    assert panel.locator('.without-mouse').bounding_box()['height']>50 and watched.problems==[]

def test_bins_explorer_matches_the_library(watched, site):
    from colorize_nb.color.classes import JointBins
    watched.goto(site+'explorers.html')
    until(watched, "document.querySelector('#explorer-panels').dataset.photo === 'Coffee'")
    watched.locator('#bins-panel').get_by_text('joint cells').click()
    for grid in (10, 16, 25):
        watched.get_by_label('Width of a cell').fill(str(grid))
        until(watched, f"document.querySelector('#bins-panel code').textContent.includes('grid={grid},')")
        assert f'of {JointBins(grid).n} colors used' in watched.locator('#bins-panel .said').inner_text()
    assert watched.problems==[]

def test_explorers_fit_a_phone_and_read_a_photo(watched, site, tmp_path):
    watched.set_viewport_size(dict(width=390, height=844))
    watched.goto(site+'explorers.html')
    Image.new('RGB', (64,48), (200,40,40)).save(f := tmp_path/'red.png')
    until(watched, "document.querySelector('#explorer-panels').dataset.photo === 'Coffee'")
    watched.set_input_files('#explorer-panels input[type=file]', f)
    until(watched, "document.querySelector('#explorer-panels').dataset.photo === 'red.png'")
    until(watched, "document.querySelector('#bins-panel .said').textContent.startsWith('1 of')")
    assert watched.evaluate('document.documentElement.scrollWidth') <= 391 and watched.problems==[]

def test_the_url_keeps_the_state_of_the_explorers(watched, site):
    watched.goto(site+'explorers.html#weights=20,70,0,10,0&T=0.5&a=-0.5&kind=joint&grid=20&photo=china&L=9&n=x&plane=')
    until(watched, "document.querySelector('#explorer-panels').dataset.photo==='China'")
    assert [watched.get_by_label(f'Weight of color {i}').input_value() for i in (1,2,4)]==['20','70','10']
    assert watched.get_by_label('Width of a cell').input_value()=='20' and watched.get_by_label('Lightness').input_value()=='1.5'
    assert watched.get_by_label('Bins for a, and for b').input_value()=='10' # invalid values are ignored
    knob = watched.get_by_label('a, green to red')
    assert knob.input_value()=='-0.5' and knob.get_attribute('aria-valuetext')=='a times -0.5'
    knob.focus()
    watched.keyboard.press('ArrowRight')
    until(watched, "location.hash.includes('a=-0.45')")
    watched.get_by_role('button', name='Flower').click()
    until(watched, "location.hash.includes('photo=flower')")
    watched.reload()
    until(watched, "document.querySelector('#explorer-panels').dataset.photo==='Flower'")
    assert watched.get_by_label('a, green to red').input_value()=='-0.45'
    assert 'JointBins(grid=20' in watched.locator('#bins-panel pre').inner_text()
    assert watched.problems==[]

def test_a_notebook_page_has_a_live_explorer(watched, site):
    watched.goto(site+'nbs/tutorials/02_what_is_lab.html')
    panel = watched.locator('.live-panel')
    panel.locator('canvas').first.wait_for()
    panel.get_by_label('a, green to red').fill('-1')
    until(watched, "document.querySelector('.live-panel pre code').textContent.includes('tensor([1, -1, 1])')")
    assert watched.problems==[]
