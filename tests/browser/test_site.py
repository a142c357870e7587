"""The built site in a real browser: pages load without other hosts, links resolve, search works, the wipe moves, and the page that colors
photos gives the same result as the library."""
import base64, functools, io, json, os, re, sys, threading
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import numpy as np
import pytest
from PIL import Image

pytest.importorskip('playwright')
ROOT = Path(__file__).resolve().parent.parent.parent
HTML = ROOT/'docs/_build/html'
sys.path.insert(0, str(ROOT/'docs'))
sys.path.append(str(ROOT/'tests'))
from build import digest
from conftest import until
STAMP = HTML/'made-from.txt'
if not STAMP.exists() or STAMP.read_text()!=digest():
    why = f"{'an outdated site' if STAMP.exists() else 'no site'} in docs/_build/html; run make docs SERVE="
    if os.environ.get('REQUIRE_SITE'): raise FileNotFoundError(why)
    pytest.skip(why, allow_module_level=True)

PAGES = sorted(p.relative_to(HTML).as_posix() for p in HTML.rglob('*.html') if '_static' not in p.parts)

OURS = {'site.css', 'page.css', 'play.css', 'explore.css', 'wipe.css', 'site.js', 'colorize.js', 'finding.py'} # files with selectors

class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *a): pass

@pytest.fixture(scope='module')
def site():
    "Serve the site and yield its URL."
    server = ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory=HTML))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f'http://127.0.0.1:{server.server_port}/'
    server.shutdown()

@pytest.fixture
def watched(page, site):
    "Open a page that records console errors, failed requests, and requests to other hosts in `page.problems`."
    page.problems = []
    page.on('console', lambda m: m.type=='error' and page.problems.append(m.text))
    page.on('pageerror', lambda e: page.problems.append(str(e)))
    page.on('request', lambda r: not r.url.startswith((site, 'data:', 'blob:')) and page.problems.append(f'request to {r.url}'))
    page.on('response', lambda r: r.status>=400 and page.problems.append(f'{r.status} {r.url}'))
    return page

@pytest.mark.parametrize('part', range(4))
def test_every_page_loads_without_other_hosts(watched, site, part):
    for p in [p for i,p in enumerate(PAGES) if not p.startswith('_modules') or i%10==0][part::4]: # the source pages are alike
        watched.goto(site+p, wait_until='load')
        assert watched.locator('h1').count()>=1 or p in ('search.html','genindex.html') or p.startswith('_modules'), p
    watched.wait_for_timeout(300)
    assert watched.problems==[]

class Parsed(HTMLParser):
    "The links, IDs, and pictures without alternative text of a page."
    def __init__(self, page):
        super().__init__()
        self.links, self.ids, self.no_alt = set(), set(), []
        self.feed((HTML/page).read_text('utf8'))
    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        self.links |= {a[k] for k in ('href','src') if a.get(k)}
        if a.get('id'): self.ids.add(a['id'])
        if tag=='img' and not a.get('alt'): self.no_alt.append(a.get('src', '')[:90])

@pytest.fixture(scope='module')
def parsed(): return {p: Parsed(p) for p in PAGES}

def test_links_inside_the_site_resolve(parsed):
    bad = []
    for p,page in parsed.items():
        for link in page.links:
            if link.startswith(('http:','https:','data:','mailto:','javascript:')) or link in ('#','#top'): continue
            to, part = urldefrag(urljoin(f'http://site/{p}', link))
            to = unquote(urlsplit(to).path).lstrip('/')
            if not (HTML/to).is_file(): bad.append(f'{p}: {link}')
            elif part and to in parsed and unquote(part) not in parsed[to].ids: bad.append(f'{p}: {link} (no such ID)')
    assert bad==[], f'{len(bad)} broken links'
    assert sum(len(page.links) for page in parsed.values()) > 1000

def test_pictures_have_alternative_text(parsed):
    bad = [f'{p}: {src}' for p,page in parsed.items() for src in page.no_alt]
    assert bad==[], f'{len(bad)} pictures without alternative text'

def test_no_page_contains_widget_state():
    bad = [p for p in PAGES if 'vnd.jupyter.widget' in (HTML/p).read_text('utf8')]
    assert bad==[]

@pytest.mark.parametrize('word', ['annealed','PatchGAN'])
def test_search_finds_the_glossary(watched, site, word):
    watched.goto(f'{site}search.html?q={word}')
    watched.wait_for_selector('#search-results li a')
    found = watched.locator('#search-results').inner_text()
    assert 'Glossary' in found and watched.problems==[]

def test_the_wipe_on_the_home_page_moves(watched, site):
    watched.goto(site)
    wipe = watched.locator('.wipe').first
    box, before = wipe.bounding_box(), wipe.screenshot()
    watched.mouse.move(box['x']+box['width']/2, box['y']+box['height']/2)
    watched.mouse.down()
    watched.mouse.move(box['x']+box['width']*.9, box['y']+box['height']/2)
    watched.mouse.up()
    assert watched.get_by_role('slider').first.get_attribute('aria-valuenow')=='90'
    assert wipe.screenshot()!=before and watched.problems==[]

@pytest.mark.parametrize('where', [
    'index.html', 'nbs/color/00_space.html', 'color.html', 'nbs/infer/01_colorizer.html', 'gallery.html', 'playground.html',
    'nbs/tutorials/03_why_brown.html', 'nbs/claims/10_comparison.html', 'papers/fordham.html', 'explorers.html', 'claims.html',
    'recipes.html', 'genindex.html', 'py-modindex.html', 'nbs/models/papers/03_koalarization.html', 'nbs/models/released/02_siggraph17.html'])
def test_fits_a_phone(watched, site, where):
    watched.set_viewport_size(dict(width=390, height=844))
    watched.goto(site+where)
    watched.wait_for_timeout(500)
    assert watched.evaluate('document.documentElement.scrollWidth') <= 391, 'the page scrolls sideways'

def test_equations_are_drawn_offline(watched, site):
    watched.goto(site+'nbs/color/03_metrics.html')
    watched.wait_for_selector('mjx-container svg')
    assert watched.problems==[]

@pytest.mark.parametrize('name', ['explorers', 'playground', 'color', 'index', 'gallery'])
def test_ids_are_unique_and_the_heading_is_visible(watched, site, name):
    "Our scripts don't insert anything into sections that Sphinx generated."
    watched.goto(f'{site}{name}.html')
    watched.wait_for_timeout(500)
    ids = watched.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert sorted(i for i in set(ids) if ids.count(i)>1)==[]
    heading = watched.locator('article h1').first
    assert heading.is_visible() and heading.inner_text().strip('#\n ')

def test_no_selector_of_ours_matches_a_section_of_the_book(parsed):
    "Sphinx names a section after its heading, so the page about the class Colorizer has a section with the ID `colorizer`."
    ours = {i for f in [*(HTML/'_static').glob('*.css'), HTML/'_static/site.js', HTML/'_static/colorize.js', ROOT/'docs/finding.py'] if f.name in OURS
            for i in re.findall(r"#([a-z][\w-]*)(?=[ .,>:{')\[])", f.read_text('utf8'))}
    sections = {p: set(re.findall(r'<section[^>]* id="([^"]+)"', (HTML/p).read_text('utf8'))) for p in parsed}
    assert 'photo-colorizer' in ours and {p: found & ours for p,found in sections.items() if found & ours}=={}

def test_search_covers_every_page():
    pages = json.loads((HTML/'_static/search-index.js').read_text('utf8').removeprefix('globalThis.SEARCH = '))
    titles = [p['title'] for p in pages]
    assert len(pages)>100 and all(titles) and all(p['text'] or p['headings'] for p in pages)
    assert sorted(t for t in set(titles) if titles.count(t)>1)==[], 'no two pages share a title'

def test_dark_theme(watched, site):
    watched.emulate_media(color_scheme='dark')
    watched.goto(site+'color.html')
    r, g, b = map(int, re.findall(r'\d+', watched.evaluate('getComputedStyle(document.body).backgroundColor'))[:3])
    assert max(r, g, b) < 80

def colored_photo(page):
    "Wait until the photo is colored and return the canvas as an array."
    page.wait_for_function("['done','failed'].includes(document.querySelector('#photo-colorizer').dataset.state)")
    assert page.locator('#photo-colorizer').get_attribute('data-state')=='done', page.locator('#photo-colorizer .said').inner_text()
    png = base64.b64decode(page.evaluate("document.querySelector('canvas.after').toDataURL('image/png').split(',')[1]"))
    return np.asarray(Image.open(io.BytesIO(png)).convert('RGB'))

@pytest.mark.parametrize('name,size', [('coffee',None), ('chelsea',(331,517)), ('rocket',(1700,1000)), ('china',(90,60))])
def test_colors_match_the_library(watched, site, tmp_path, name, size, note):
    from colorize_nb.infer.colorizer import Colorizer
    from colorize_nb.core.photo import bundled_photos, open_photo
    photo = open_photo(bundled_photos()[name])
    if size: photo = photo.resize(size)
    photo.info.pop('icc_profile', None) # browsers convert to sRGB, but the library keeps the profile
    photo.save(f := tmp_path/f'{name}.png')
    watched.goto(site+'color.html')
    watched.set_input_files('#photo-colorizer input[type=file]', f)
    got, want = colored_photo(watched).astype(int), np.asarray(Colorizer.load('shipped')(photo).image).astype(int)
    assert got.shape==want.shape and np.abs(got-want).max() <= 2, f'pixels differ by up to {np.abs(got-want).max()} of 255'
    assert np.abs(want-np.asarray(photo)).mean() > 1 # the result isn't just the photo
    note(f'coloring in the page, {photo.width} x {photo.height}: {watched.locator("#photo-colorizer .said").inner_text()}')
    assert watched.problems==[]

def test_saturation_and_saving(watched, site):
    watched.goto(site+'color.html')
    watched.get_by_role('button', name='China').click()
    bold = colored_photo(watched)
    watched.locator('#photo-colorizer .saturation').focus()
    watched.keyboard.press('Home')
    watched.wait_for_function("document.querySelector('#photo-colorizer output').value === '0.00' && "
                              "document.querySelector('.said').textContent.includes('colored here')")
    gray = colored_photo(watched)
    assert np.ptp(gray, 2).max() <= 1 < np.ptp(bold, 2).max()
    with watched.expect_download() as d: watched.get_by_role('button', name='Save as PNG').click()
    assert d.value.suggested_filename=='China-color.png'
    assert np.array_equal(np.asarray(Image.open(d.value.path()).convert('RGB')), gray)

def test_a_wrong_file_gets_a_message(watched, site, tmp_path):
    (f := tmp_path/'notes.jpg').write_text('not a picture')
    watched.goto(site+'color.html')
    watched.set_input_files('#photo-colorizer input[type=file]', f)
    watched.wait_for_function("document.querySelector('#photo-colorizer').dataset.state === 'failed'")
    assert 'notes.jpg is not a picture' in watched.locator('#photo-colorizer .said').inner_text()

def test_a_transparent_photo_stays_transparent_and_a_moved_slider_keeps_its_value(watched, site, tmp_path):
    from colorize_nb.core.photo import bundled_photos, open_photo
    photo = np.dstack([np.asarray(open_photo(bundled_photos()['chelsea']).resize((240,160))), np.full((160,240), 255, np.uint8)])
    photo[:40,:,3], photo[40:80,:,3] = 0, 128
    Image.fromarray(photo).save(f := tmp_path/'cut.png')
    watched.goto(site+'color.html')
    watched.set_input_files('#photo-colorizer input[type=file]', f)
    watched.evaluate("() => { const s = document.querySelector('.saturation'); s.value = .3; s.dispatchEvent(new Event('input')) }") # before the photo has loaded
    watched.wait_for_function("document.querySelector('#photo-colorizer').dataset.state === 'done'")
    assert watched.locator('#photo-colorizer output').inner_text()=='0.30' and 'transparency' in watched.locator('#photo-colorizer .said').inner_text()
    with watched.expect_download() as d: watched.get_by_role('button', name='Save as PNG').click()
    saved = np.asarray(Image.open(d.value.path()))
    assert np.array_equal(saved[...,3], photo[...,3])
    opaque = saved[80:,:,:3].astype(int)
    assert 5 < np.ptp(opaque, 2).max() < 90

def test_a_slider_moved_while_the_network_runs_decides_the_colors(watched, site, tmp_path):
    Image.effect_noise((3000, 2000), 60).convert('RGB').save(f := tmp_path/'large.jpg', quality=70)
    watched.goto(site+'color.html')
    watched.set_input_files('#photo-colorizer input[type=file]', f)
    watched.locator('#photo-colorizer.opened[data-state=busy]').wait_for()
    watched.evaluate("() => { const s = document.querySelector('.saturation'); s.value = 0; s.dispatchEvent(new Event('input')) }")
    gray = colored_photo(watched)
    assert watched.locator('#photo-colorizer output').inner_text()=='0.00' and np.ptp(gray, 2).max() <= 1

def test_a_large_photo_does_not_freeze_the_page_and_can_be_canceled(watched, site, tmp_path, note):
    Image.effect_noise((6000, 4000), 60).convert('RGB').save(f := tmp_path/'large.jpg', quality=70)
    watched.goto(site+'color.html')
    watched.set_input_files('#photo-colorizer input[type=file]', f)
    watched.evaluate("() => { globalThis.most = 0; let t = performance.now(); const f = () => { const n = performance.now(); most = Math.max(most, n-t); t = n; requestAnimationFrame(f) }; f() }")
    def status(): return watched.locator('#photo-colorizer .said').inner_text()
    watched.wait_for_function("document.querySelector('#photo-colorizer .said').textContent.startsWith('Coloring')") # by now, the preview is in color
    colored = watched.locator('canvas.after').evaluate("c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].some((v, i, all) => i%4 === 0 && Math.abs(v-all[i+2]) > 4)")
    assert colored and watched.locator('#photo-colorizer progress').is_visible() and watched.locator('.save').is_disabled()
    note(f"24 megapixels: the page froze for {watched.evaluate('most'):.0f} ms at most")
    watched.get_by_role('button', name='Cancel').click()
    assert status().startswith('Canceled') and watched.locator('#photo-colorizer').get_attribute('data-state')=='canceled'
    watched.wait_for_timeout(500)
    assert status().startswith('Canceled') and watched.problems==[]

@pytest.mark.parametrize('width,height', [(1300,900), (900,900), (390,844)])
def test_picture_saturation_and_save_fit_in_the_window(watched, site, width, height):
    watched.set_viewport_size(dict(width=width, height=height))
    watched.goto(site+'color.html')
    watched.get_by_role('button', name='Grace Hopper').click()
    colored_photo(watched)
    watched.locator('#photo-colorizer .said').evaluate('e => e.scrollIntoView()')
    boxes = [watched.locator(s).bounding_box() for s in ('#photo-colorizer .wipe', '.saturation', '.save')]
    assert all(b['y'] >= 0 and b['y']+b['height'] <= height and b['x']+b['width'] <= width for b in boxes), boxes

def test_every_page_has_a_policy_before_any_script():
    for p in (p for p in HTML.rglob('*.html') if '_static' not in p.parts):
        head = p.read_text('utf8').split('<script')[0]
        assert "connect-src 'self'" in head and "'unsafe-inline'" not in head.split('script-src')[1].split('"')[0], p

LEAKS = { # ways to send data from a page -> the directive that blocks them
    "fetch(away)": 'connect-src',
    "navigator.sendBeacon(away, 'x')": 'connect-src',
    "new WebSocket(away.replace('http', 'ws'))": 'connect-src',
    "new Image().src = away + 'x.png'": 'img-src',
    "document.head.append(Object.assign(document.createElement('script'), {src: away + 'x.js'}))": 'script-src-elem',
    "document.head.append(Object.assign(document.createElement('script'), {text: 'window.ran = 1'}))": 'script-src-elem',
    "document.body.insertAdjacentHTML('beforeend', '<img src=\"data:,\" onerror=\"window.ran = 1\">')": 'script-src-attr',
    "document.body.append(Object.assign(document.createElement('iframe'), {src: away}))": 'frame-src',
    "setTimeout('window.ran = 1')": 'script-src',
    "document.body.insertAdjacentHTML('beforeend', '<form method=post action=' + away + '></form>'); "
    "document.querySelector('form[method=post]').submit()": 'form-action'}

@pytest.mark.parametrize('where', ['color.html', 'nbs/core/01_photo.html'])
def test_pages_cannot_send_data(browser, site, where):
    "The page's policy blocks requests to another server and injected scripts."
    requests = []
    class Other(Quiet):
        def do_GET(self):
            requests.append(self.path)
            self.send_response(204)
            self.send_header('Access-Control-Allow-Origin', '*')
            self.end_headers()
        do_POST = do_GET
    server = ThreadingHTTPServer(('127.0.0.1', 0), Other)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ctx = browser.new_context()
    page = ctx.new_page()
    page.goto(site+where)
    page.evaluate("() => { window.blocked = []; document.addEventListener('securitypolicyviolation', e => blocked.push(e.effectiveDirective)) }")
    for leak,directive in LEAKS.items():
        code = leak if leak.startswith(('document','setTimeout')) else 'return ' + leak
        page.evaluate(f"() => {{ blocked.length = 0; const away = 'http://127.0.0.1:{server.server_port}/'; "
                      f"try {{ const p = (() => {{ {code} }})(); p && p.catch && p.catch(() => 0) }} catch (e) {{}} }}")
        until(page, 'blocked.length')
        assert directive in page.evaluate('blocked'), leak
    assert not page.evaluate('window.ran') and requests==[]
    ctx.close()
    server.shutdown()

def test_files_for_other_programs():
    text = (HTML/'llms.txt').read_text('utf8')
    assert all((HTML/l).is_file() for l in re.findall(r'\]\(([^)]+)\)', text)) and 'nbs/tutorials/01_color_a_photo.html' in text
    assert (HTML/'objects.inv').read_bytes().startswith(b'# Sphinx inventory version 2')
