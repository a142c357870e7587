"""The site's appearance and search: dark mode doesn't change photos, tables sort, pages are small, axe finds no serious problem, and
searches find the right page."""
import io, json, re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_site import HTML, PAGES, ROOT, site, watched # fixtures of the site

CHECKED = ['index.html', 'gallery.html', 'color.html', 'recipes.html', 'papers/fordham.html', 'nbs/claims/10_comparison.html',
        'nbs/tutorials/01_color_a_photo.html', 'nbs/tutorials/03_why_brown.html', 'nbs/infer/01_colorizer.html',
        'nbs/train/03_learner.html', 'glossary.html', 'model_card.html', 'search.html', 'playground.html', 'explorers.html',
        'nbs/widgets/index.html', 'nbs/widgets/03_tune.html']
RESULTS = 'nbs/claims/10_comparison.html'

def pixels(locator): return np.asarray(Image.open(io.BytesIO(locator.screenshot())).convert('RGB')).astype(int)

@pytest.mark.parametrize('where,which', [
    ('index.html', '.hero .wipe .after:not([hidden])'),
    ('gallery.html', '.wall img'),
    ('nbs/infer/01_colorizer.html', '.cell_output img')])
def test_dark_mode_does_not_change_photos(watched, site, where, which):
    shots = {}
    for theme in ('light','dark'):
        watched.emulate_media(color_scheme=theme)
        watched.goto(site+where)
        picture = watched.locator(which).first
        picture.scroll_into_view_if_needed()
        picture.evaluate('i => i.decode()')
        assert watched.evaluate('document.documentElement.dataset.theme')==theme
        shots[theme] = pixels(picture)
    assert shots['light'].shape==shots['dark'].shape
    inside = np.s_[12:-12, 12:-12] # without the rounded corners
    assert np.abs(shots['light'][inside]-shots['dark'][inside]).mean() < .5 and np.ptp(shots['light'], 2).max() > 20

def column(page, n):
    numbers = f"t => [...t.tBodies[0].rows].map(r => parseFloat(r.cells[{n}].textContent.replace(/,/g, ''))).filter(v => !isNaN(v))"
    return page.locator('.cell_output table').first.evaluate(numbers)

def test_a_table_of_results_sorts_and_keeps_its_first_column(watched, site):
    watched.set_viewport_size(dict(width=700, height=900))
    watched.goto(site+RESULTS)
    table = watched.locator('.cell_output table').first
    heads = table.locator('thead tr').last.locator('th')
    n = next(i for i,t in enumerate(heads.all_inner_texts()) if t.startswith('CIEDE2000'))
    before = column(watched, n)
    heads.nth(n).locator('button').click()
    assert column(watched, n)==sorted(before)!=before and heads.nth(n).get_attribute('aria-sort')=='ascending'
    heads.nth(n).locator('button').click()
    assert column(watched, n)==sorted(before, reverse=True)
    heads.nth(n).locator('button').click()
    assert column(watched, n)==before
    tall = table.locator('tbody tr').evaluate_all('rows => rows.map(r => r.offsetHeight)')
    assert max(tall) < 1.5*min(tall), 'intervals do not wrap'
    first = table.locator('tbody td, tbody th').first
    x = first.bounding_box()['x']
    moved = table.evaluate('t => { const box = t.closest(".scroll, .pst-scrollable-table-container"); '
                           'box.scrollLeft = 300; return box.scrollLeft }')
    assert moved > 20 and abs(first.bounding_box()['x']-x) < 2 # the table scrolled, but not its first column
    assert table.locator('td.bar').count() > 10 and watched.problems==[]

def test_pictures_and_tables_open_large(watched, site):
    watched.set_viewport_size(dict(width=700, height=900))
    watched.goto(site+RESULTS)
    picture = watched.locator('.cell_output img.opens').first
    small = picture.bounding_box()['width']
    picture.focus()
    watched.set_viewport_size(dict(width=1600, height=1000))
    watched.keyboard.press('Enter')
    assert watched.locator('dialog.large img').bounding_box()['width'] > small
    watched.keyboard.press('Escape')
    watched.set_viewport_size(dict(width=700, height=900))
    watched.reload()
    rows = watched.locator('.bd-article table').first.locator('tr').count()
    watched.get_by_role('button', name='Open the whole table').first.click()
    assert watched.locator('dialog.large table tr').count() == rows
    watched.get_by_role('button', name='Close').click()
    assert watched.locator('.bd-article table').first.locator('tr').count()==rows and watched.problems==[]

def test_print_keeps_the_tables(watched, site):
    watched.goto(site+RESULTS)
    watched.emulate_media(media='print')
    box = watched.locator('.cell_output .scroll, .pst-scrollable-table-container').first
    assert box.evaluate('e => getComputedStyle(e).overflowX')=='visible'
    assert not watched.locator('.bd-sidebar-primary').is_visible()

def test_the_first_screen_has_the_main_links(watched, site):
    watched.set_viewport_size(dict(width=1280, height=800))
    watched.goto(site)
    for where in ('color.html','playground.html','tutorials.html'):
        if not (HTML/where).exists(): continue
        box = watched.locator(f'.first a[href="{where}"]').bounding_box()
        assert box and box['y']+box['height'] < 800, where
    assert watched.get_by_text("What doesn't:").bounding_box()['y'] < 800 and watched.locator('.first pre').bounding_box()['y'] < 800
    assert watched.locator('.first a', has_text='Repository').bounding_box()['y'] < 800

@pytest.mark.parametrize('where', ['index.html', 'tutorials.html', 'papers/fordham.html'])
def test_a_page_loads_less_than_a_megabyte(browser, site, where):
    ctx = browser.new_context()
    page, sizes = ctx.new_page(), {}
    page.on('response', lambda r: sizes.update({r.url: len(r.body())}))
    page.goto(site+where, wait_until='networkidle')
    assert sum(sizes.values()) < 1e6, sorted(((v, k) for k,v in sizes.items()), reverse=True)[:6]
    assert not [u for u in sizes if re.search('mathjax|fontawesome|woff|searchindex', u)]
    ctx.close()

def test_icons_are_drawn_without_a_font(watched, site):
    watched.goto(site)
    icon = watched.locator('.fa-circle-half-stroke:visible, .fa-sun:visible, .fa-moon:visible').first
    box = icon.bounding_box()
    assert box['width']>8 and np.ptp(pixels(icon).mean(2)) > 60 # an icon is visible

@pytest.mark.parametrize('query,url', [
    ('loss', 'nbs/train/00_losses.html'),
    ('train my own model', 'nbs/tutorials/05_train_your_own.html'),
    ('why is my photo gray', 'nbs/tutorials/03_why_brown.html'),
    ('GPU', 'index.html'),
    ('old photo', 'nbs/tutorials/10_old_photographs.html'),
    ('add a color by hand', 'nbs/tutorials/13_hints_and_examples.html'),
    ('dull', 'nbs/tutorials/03_why_brown.html'),
    ('install cuda', 'index.html'),
    ('color', 'color.html'),
    ('video', 'nbs/infer/02_film.html'),
    ('train my own photos', 'nbs/tutorials/05_train_your_own.html'),
    ('can I use it commercially', 'model_card.html'),
    ('upload my own photo', 'color.html'),
    ('how long does training take', 'nbs/tutorials/05_train_your_own.html'),
    ('which model should I use', 'nbs/tutorials/15_the_field.html'),
    ('faces look green', 'nbs/tutorials/troubleshooting.html'),
    ('black and white video', 'nbs/infer/02_film.html'),
    ('batch of photos', 'nbs/app/00_cli.html')])
def test_the_first_search_result(watched, site, query, url):
    watched.goto(f"{site}search.html?q={query.replace(' ', '+')}")
    watched.wait_for_selector('#search-results li a')
    first = watched.locator('#search-results li > a').first.get_attribute('href')
    assert first==url, watched.locator('#search-results li > a').evaluate_all("as => as.slice(0, 5).map(a => a.getAttribute('href'))")
    excerpts = ' '.join(watched.locator('#search-results .context').all_inner_texts())
    assert not re.search('JavaScript|noscript|Auto|Ctrl', excerpts) and 'import torch' not in excerpts # excerpts are from the article

def test_a_chapter_ranks_above_the_library(watched, site):
    watched.goto(site+'search.html?q=sepia')
    watched.wait_for_selector('#search-results li a')
    kinds = watched.locator('#search-results .kind').all_inner_texts()
    assert kinds[0]=='Chapter' and 'Library' in kinds

def test_the_search_icon_does_not_cover_the_text(watched, site):
    watched.goto(site+'search.html?q=sepia')
    watched.wait_for_selector('#search-results li a')
    form = watched.locator('article form.bd-search, .bd-search-container form.bd-search').first
    icon, field = form.locator('.fa-magnifying-glass').bounding_box(), form.locator('input').bounding_box()
    padding = form.locator('input').evaluate('e => parseFloat(getComputedStyle(e).paddingLeft)')
    assert icon['x']+icon['width'] <= field['x']+padding

FOCUSED = '''() => { const e = document.activeElement, shows = x => { const s = getComputedStyle(x); return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0 || s.boxShadow !== 'none' };
  const after = getComputedStyle(e, '::after'), near = [e, e.nextElementSibling, e.closest('form')].filter(Boolean);
  return e === document.body ? null : near.some(shows) || after.outlineStyle !== 'none' ? '' : e.outerHTML.slice(0, 120) }'''

@pytest.mark.parametrize('where', ['index.html', 'color.html', 'explorers.html', 'search.html?q=loss'])
def test_the_keyboard_focus_is_visible(watched, site, where):
    watched.goto(site+where)
    watched.locator('main').first.wait_for()
    seen = []
    for _ in range(60):
        watched.keyboard.press('Tab')
        if (hidden := watched.evaluate(FOCUSED)) is None: break
        seen.append(hidden)
    assert len(seen)>20 and not any(seen), [s for s in seen if s]

@pytest.mark.parametrize('theme', ['light','dark'])
@pytest.mark.parametrize('where', CHECKED)
def test_axe_finds_nothing_serious(browser, site, where, theme):
    axe = ROOT/'docs/node_modules/axe-core/axe.min.js'
    ctx = browser.new_context(viewport=dict(width=1100, height=900), color_scheme=theme, bypass_csp=True)
    page = ctx.new_page()
    page.goto(site+where)
    page.wait_for_timeout(400)
    page.add_script_tag(path=axe)
    found = page.evaluate("async () => (await axe.run()).violations.filter(v => ['serious','critical'].includes(v.impact))"
                          ".map(v => [v.id, v.nodes.length, v.nodes[0].html.slice(0, 160), v.nodes[0].failureSummary?.slice(0, 260)])")
    ctx.close()
    assert found==[]

def test_code_has_a_copy_button(watched, site):
    watched.goto(site+'nbs/tutorials/01_color_a_photo.html')
    assert watched.locator('div.highlight pre').count()==watched.locator('div.highlight button.copybtn').count() > 0

def test_a_page_links_to_its_notebook_and_solutions(watched, site):
    watched.goto(site+'nbs/tutorials/03_why_brown.html')
    with watched.expect_download() as d: watched.get_by_role('link', name='Download this notebook').click()
    got, notebook = (json.loads(p.read_text('utf8')) for p in (Path(d.value.path()), ROOT/'nbs/tutorials/03_why_brown.ipynb'))
    assert [c['source'] for c in got['cells']]==[c['source'] for c in notebook['cells']]
    assert not any(c.get('outputs') for c in got['cells'])
    watched.locator('.notebook').get_by_role('link', name='Solutions').click()
    watched.wait_for_url('**/solutions/03_why_brown.html')

def test_panels_have_a_picture():
    shown = [p for p in PAGES if 'class="panel"' in (HTML/p).read_text('utf8')]
    assert len(shown)>3
    for p in shown:
        pictures = re.findall(r'<figure class="panel"><img src="([^"]+)"', (HTML/p).read_text('utf8'))
        for src in pictures: assert ((HTML/p).parent/src).resolve().is_file()

def test_the_claims_page_opens_with_verdicts():
    from lab.verdicts import load_verdicts
    text = (HTML/'claims.html').read_text('utf8')
    rows = text[:text.index('<h2>The experiments')].count('class="verdict ')
    assert rows==len(load_verdicts())>30 and text.count('[+')+text.count('[-')>10 # intervals

def test_examples_are_above_the_parameters():
    text = (HTML/'nbs/color/00_space.html').read_text('utf8')
    entry = text[text.index('id="colorize_nb.color.space.srgb2linear"'):]
    assert entry.index('class="example"') < entry.index('description')

def test_no_source_of_another_library_is_shown(): assert [p for p in PAGES if re.match(r'_modules/(?!colorize_nb|index)', p)]==[]

def test_the_gallery_has_wipes_and_enlarges_photos(watched, site):
    watched.goto(site+'gallery.html')
    wipes = watched.locator('.photos .wipe')
    assert wipes.count()>=8
    wipes.nth(2).locator('.line').press('End')
    assert wipes.nth(2).evaluate("w => w.style.getPropertyValue('--x')")=='100%'
    watched.locator('.thumbs img').first.click()
    assert watched.locator('dialog.large img').is_visible()
    assert watched.locator('.wall .fails').count()>=1

@pytest.mark.parametrize('paper', ['fordham','stanford','indiana','cats','koalarization'])
def test_a_page_about_a_paper_is_complete(paper):
    text = (HTML/f'papers/{paper}.html').read_text('utf8')
    assert all(w in text for w in ('Authors','Year','Link','How to cite','next to baselines and ours')) and '% numbers' not in text

def test_the_url_keeps_the_state_of_the_color_page(watched, site):
    watched.goto(site+'color.html#saturation=0.40&photo=china&left=own')
    watched.wait_for_function("['done','failed'].includes(document.querySelector('#photo-colorizer').dataset.state)")
    assert watched.locator('#photo-colorizer output').inner_text()=='0.40' and watched.locator('.tag.left').inner_text()=='original colors'
    assert np.ptp(pixels(watched.locator('canvas.before')), 2).max()>60
    watched.locator('#photo-colorizer .saturation').press('ArrowRight')
    watched.wait_for_function("location.hash.includes('saturation=0.45')")

def test_the_saturation_slider_is_smooth_at_twelve_megapixels(watched, site, tmp_path, note):
    Image.effect_noise((4000, 3000), 60).convert('RGB').save(f := tmp_path/'large.jpg', quality=80)
    watched.goto(site+'color.html')
    watched.set_input_files('#photo-colorizer input[type=file]', f)
    watched.wait_for_function("['done','failed'].includes(document.querySelector('#photo-colorizer').dataset.state)")
    frames = watched.evaluate("""async () => { const s = document.querySelector('.saturation'), c = document.querySelector('canvas.after'), frames = [];
      for (let i = 0; i < 12; i++) {
        const t = performance.now(); s.value = i/10; s.dispatchEvent(new Event('input'));
        await new Promise(requestAnimationFrame); await new Promise(requestAnimationFrame); frames.push([performance.now()-t, Math.max(c.width, c.height)]) }
      return frames.sort((a, b) => a[0]-b[0]) }""")
    note(f'a saturation change at 4000 x 3000: {frames[6][0]:.0f} ms for two frames')
    assert all(side <= 720 for _,side in frames), 'while the slider moves, the page only colors a small copy'

def test_columns_of_text_are_aligned_left_and_numbers_right(watched, site):
    def sides(table, column): return set(table.evaluate(f"t => [...t.tBodies[0].rows].map(r => getComputedStyle(r.cells[{column}]).textAlign)"))
    watched.goto(site+'nbs/tutorials/index.html')
    course = watched.locator('article table').first
    assert sides(course, 1)==sides(course, 3)=={'left'}
    watched.goto(site+RESULTS)
    table = watched.locator('.cell_output table').first
    heads = table.locator('thead tr').last.locator('th').all_inner_texts()
    assert sides(table, next(i for i,t in enumerate(heads) if t.startswith('CIEDE2000')))=={'right'}

def test_headings_that_sort_are_large_enough_for_a_finger(watched, site):
    watched.goto(site+RESULTS)
    heads = watched.locator('article th button')
    heads.first.wait_for()
    assert min(heads.evaluate_all('all => all.flatMap(e => [e.offsetWidth, e.offsetHeight])')) >= 24

def test_claims_fit_a_phone_with_their_numbers(watched, site):
    watched.set_viewport_size(dict(width=390, height=844))
    watched.goto(site+'claims.html')
    cells = watched.locator('.claims tbody tr').first.locator('td')
    boxes = [c.bounding_box() for c in cells.all()]
    assert len(boxes)==4 and all(b['x'] >= 0 and b['x']+b['width'] <= 390 and b['y']+b['height'] < 844 for b in boxes), boxes
    watched.set_viewport_size(dict(width=1300, height=900))
    assert watched.locator('.claims').evaluate('e => e.scrollWidth-e.clientWidth') <= 1, 'the table fits next to the contents'

def test_a_phone_shows_the_name_of_the_step(watched, site):
    watched.set_viewport_size(dict(width=390, height=844))
    watched.goto(site+'playground.html#step=2')
    assert watched.locator('.story .text').get_attribute('data-name')=='2. The median.'

def test_the_plane_is_next_to_the_pictures(watched, site):
    watched.set_viewport_size(dict(width=1300, height=900))
    watched.goto(site+'explorers.html')
    watched.get_by_role('button', name='Coffee', pressed=True).wait_for()
    slider, plane = watched.get_by_role('slider', name='Plane at L'), watched.locator('.lab .planefigure canvas')
    plane.wait_for()
    top, below = slider.bounding_box()['y'], plane.bounding_box()
    assert below['y']+below['height']-top < 700 and below['x'] > watched.locator('.lab .pictures4').bounding_box()['x']+400, 'the slider and its picture fit in one window'

def test_formulas_are_not_stops_for_the_keyboard(watched, site):
    watched.goto(site+'nbs/color/03_metrics.html')
    watched.wait_for_selector('mjx-container svg')
    assert watched.locator('mjx-container[tabindex="0"]').count()==0

def test_excerpts_contain_no_tex():
    pages = json.loads((HTML/'_static/search-index.js').read_text('utf8').removeprefix('globalThis.SEARCH = '))
    assert len(pages)>90 and not [p['url'] for p in pages if '\\(' in p['text'] or '\\frac' in p['text']]
