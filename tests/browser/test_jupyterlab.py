"""Every widget in a real JupyterLab: run all cells, click or drag, and check that the picture changes.

Set KEEP_SHOTS to a folder to keep screenshots, and LAB_THEME=dark to use the dark theme.
"""
import json, os, re, socket, subprocess, sys, urllib.request, time
from contextlib import contextmanager
import pytest

sync = pytest.importorskip('playwright.sync_api')
expect = sync.expect
nbformat = pytest.importorskip('nbformat')
pytest.importorskip('jupyterlab')

COFFEE = "from colorize_nb.core.photo import bundled_photos\ncoffee = bundled_photos()['coffee']\n"
NOTEBOOKS = {
    'explorers': ["from colorize_nb.widgets.explorers import *\nfrom pathlib import Path\nimport time\n"+COFFEE,
                  "lab = LabExplorer(coffee, side=160)\nlab", "sepia = SepiaExplorer()\nsepia", "bins = BinsExplorer(coffee, side=160)\nbins",
                  "while not Path('go').exists(): time.sleep(.1)", "'%g %s' % (lab.state()['a'], bins.state()['kind'])"],
    'compare': [COFFEE+"from colorize_nb.widgets.compare import compare\ncompare(['photo.png', coffee], 'shipped', side=320)"],
    'tune': ["from colorize_nb.data.folder import ColorizeDataLoaders, crop_photos\nfrom colorize_nb.widgets.tune import tune\n"
             "t = tune(ColorizeDataLoaders.from_folder(crop_photos('crops', n=60, size=48), size=32, bs=8, device='cpu'), "
             "{'unet_compact': dict(widths=[8,16], depths=[0,0])}).set(epochs=50)\nt"],
    'turing': ["from colorize_nb.widgets.turing import turing_test\nturing_test('shipped', out='answers.csv', n=10, practice=2, side=160)"],
    'app': [COFFEE+"from colorize_nb.widgets.app import color_app\ncolor_app(coffee, side=360)"],
    'hint': [COFFEE+"from colorize_nb.widgets.hint import hint\nhint(coffee, 'shipped', side=240)"],
    'many': [COFFEE+"from colorize_nb.widgets.hint import hint\nfrom colorize_nb.widgets.app import color_app\n"
             "from pathlib import Path\nimport time", "hint(coffee, 'shipped', side=160)", "color_app(coffee, side=200)", "hint(coffee, 'shipped', side=160)",
             "while not Path('go').exists(): time.sleep(.1)"]}
GIVEN_UP = 'Failed to initialize model' # anywidget's page error when a script loads too slowly


@pytest.fixture(scope='module')
def lab(tmp_path_factory):
    "Start a JupyterLab that serves `NOTEBOOKS`. Yields its URL and folder."
    home = tmp_path_factory.mktemp('lab')
    kernel = dict(name='python3', display_name='Python 3', language='python')
    for name,codes in NOTEBOOKS.items():
        nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in codes], metadata={'kernelspec': kernel})
        nbformat.write(nb, home/f'{name}.ipynb')
    from PIL import Image
    Image.radial_gradient('L').resize((120,90)).convert('RGB').save(home/'photo.png')
    Image.linear_gradient('L').resize((120,90)).convert('RGB').save(home/'other.png')
    (home/'go').touch() # the notebook `many` waits for this file
    settings = home/'s'/'@jupyterlab'/'apputils-extension'
    settings.mkdir(parents=True)
    options = {'themes': {'theme': f"JupyterLab {os.environ.get('LAB_THEME', 'light').title()}"},
              'notification': {'fetchNews': 'false', 'checkForUpdates': False}}
    for name,option in options.items():
        (settings/f'{name}.jupyterlab-settings').write_text(json.dumps(option))
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        port = s.getsockname()[1]
    env = {**os.environ, 'PYTHONWARNINGS': 'ignore', 'OMP_NUM_THREADS': '1',
           'JUPYTER_CONFIG_DIR': str(home/'c'), 'JUPYTER_DATA_DIR': str(home/'d'),
           'JUPYTERLAB_SETTINGS_DIR': str(home/'s'), 'JUPYTERLAB_WORKSPACES_DIR': str(home/'w')}
    log = open(home/'log.txt', 'w')
    command = [sys.executable, '-m', 'jupyter', 'lab', '--no-browser', '--allow-root', f'--port={port}',
           '--ServerApp.token=', '--ServerApp.password=', f'--ServerApp.root_dir={home}']
    p = subprocess.Popen(command, stdout=log, stderr=log, env=env)
    try:
        for _ in range(480):
            try:
                urllib.request.urlopen(f'http://127.0.0.1:{port}/api')
                break
            except OSError: time.sleep(.25)
        else: pytest.fail((home/'log.txt').read_text()[-800:])
        yield f'http://127.0.0.1:{port}/lab', home
    finally:
        p.terminate()
        try: p.wait(10)
        except subprocess.TimeoutExpired: p.kill() # it would wait for its kernels, which only end with it
        log.close()


class Notebook:
    "Open a notebook in a page and run all of its cells."
    def __init__(self, page, name, pictures):
        self.page = page
        page.locator('.jp-NotebookPanel .jp-Notebook').wait_for()
        kernel = page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').first
        kernel.wait_for(state='attached')
        try:
            self.run_all()
            page.wait_for_function(f"document.querySelectorAll('.jp-OutputArea .widget-image').length >= {pictures}")
        except Exception: pytest.fail(f'{name}: no picture. Text of the page: ' + page.locator('.jp-Notebook').inner_text()[-1500:])

    def run_all(self, tries=20):
        """Choose "Run All Cells" until each cell has run. JupyterLab shows the menu before it works, and on a busy machine it may run only
        some of the cells."""
        dialogs = []
        for _ in range(tries):
            if text := self.accept_dialog(): dialogs.append(text)
            try:
                self.page.get_by_role('menuitem', name='Run', exact=True).click(timeout=5000)
                self.page.get_by_role('menuitem', name='Run All Cells', exact=True).click(timeout=5000)
                self.prompts(r'\[[*\d]', 5)
            except sync.TimeoutError: self.page.keyboard.press('Escape')
            else:
                self.prompts(r'\[[ \d]', 240) # no cell is waiting, but some may not have run because a request was lost
                if self.page.evaluate(self.PROMPTS+r'.every(o => /\[\d/.test(o.textContent))'): return
        pytest.fail(f'Run All Cells does nothing; dialogs: {dialogs}. Text of the page: ' + self.page.locator('body').inner_text()[-1500:])

    PROMPTS = "[...document.querySelectorAll('.jp-Notebook .jp-CodeCell .jp-InputPrompt')]"
    def prompts(self, what, seconds): self.until(f'{self.PROMPTS}.every(o => /{what}/.test(o.textContent))', seconds)

    def accept_dialog(self):
        "Accept a dialog of JupyterLab, which asks for a kernel or reports a slow request. Return its text, or None if there is none."
        dialog = self.page.locator('dialog.jp-Dialog').first
        if not dialog.count(): return
        text = dialog.inner_text()
        dialog.locator('.jp-mod-accept').click()
        return text

    def open_menu(self, menu, entry, seconds=60):
        "Choose an entry of a menu, after accepting any dialog that is in the way."
        end = time.monotonic()+seconds
        while True:
            try:
                self.accept_dialog()
                self.page.get_by_role('menuitem', name=menu, exact=True).click(timeout=3000)
                return self.page.get_by_role('menuitem', name=re.compile(entry)).first.click(timeout=3000)
            except Exception:
                if time.monotonic()>end: raise

    @property
    def code(self): return self.page.locator('.jp-OutputArea pre code').first.inner_text()
    def picture(self):
        "Return a hash of the first picture's bytes."
        return self.page.evaluate("(async () => { const i = document.querySelector('.jp-OutputArea .widget-image'); "
                                  "const s = i.tagName==='IMG' ? i.src : i.querySelector('img').src;"
                                  "const b = new Uint8Array(await (await fetch(s)).arrayBuffer()); "
                                  "let h = b.length; for (const v of b) h = (h*31+v)>>>0; return h })()")
    def wait_for_change(self, before, seconds=120):
        "Wait until the first picture differs from `before`."
        end = time.monotonic()+seconds
        while self.picture()==before:
            assert time.monotonic()<end, 'the picture does not change'
            self.page.wait_for_timeout(100)
    def settled(self, still=15):
        "Wait until the picture hasn't changed for `still` tenths of a second, because moving a slider draws it several times."
        last, same = self.picture(), 0
        while same<still:
            self.page.wait_for_timeout(100)
            now = self.picture()
            same, last = (same+1 if now==last else 0), now
        return last
    def until(self, js, seconds=120): self.page.wait_for_function(js, timeout=1000*seconds)
    def button(self, name): return self.page.locator('.jp-OutputArea button').get_by_text(name, exact=True).first
    def upload(self, file):
        with self.page.expect_file_chooser() as chooser: self.page.locator('.jp-OutputArea .uploader').first.click()
        chooser.value.set_files(file)
    def drag(self, n, dx):
        slider = self.page.locator('.jp-OutputArea .noUi-handle').nth(n)
        slider.scroll_into_view_if_needed()
        b = slider.bounding_box()
        x, y = b['x']+b['width']/2, b['y']+b['height']/2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x+dx, y, steps=4)
        self.page.mouse.up()

@pytest.fixture
def notebook(lab, browser):
    "Return a context manager that opens and runs a notebook. It fails on errors and on requests to other hosts."
    @contextmanager
    def opened(name, pictures=1, script='', slower=1, harmless=None):
        url, home = lab
        ctx = browser.new_context(viewport=dict(width=1280, height=800))
        page, errors, outside = ctx.new_page(), [], []
        page.add_init_script(script)
        ctx.new_cdp_session(page).send('Emulation.setCPUThrottlingRate', dict(rate=slower))
        page.on('pageerror', lambda e: errors.append(str(e)))
        page.on('request', lambda r: outside.append(r.url) if r.url.startswith('http') and '127.0.0.1' not in r.url else None)
        page.goto(f'{url}/workspaces/{name}/tree/{name}.ipynb')
        b = Notebook(page, name, pictures)
        b.home = home
        yield b
        assert page.locator('[data-mime-type="application/vnd.jupyter.stderr"]').count()==0 and 'Traceback' not in page.content()
        if shots := os.environ.get('KEEP_SHOTS'):
            page.wait_for_timeout(500)
            page.screenshot(path=f"{shots}/{name}_{os.environ.get('LAB_THEME', 'light')}.png")
        ctx.close()
        errors = [e for e in errors if not (harmless and harmless in e)]
        assert not errors and not outside, (errors, outside)
    return opened


def test_explorers_react_while_the_kernel_is_busy(notebook):
    with notebook('explorers', 0) as b:
        b.until("document.querySelectorAll('.jp-OutputArea .explorer canvas').length >= 3")
        ids = b.page.evaluate("[...document.querySelectorAll('.jp-OutputArea .explorer [id]')].map(e => e.id)")
        assert len(ids)==len(set(ids)) > 10, 'panels have different IDs, so labels belong to their own sliders'
        panels = b.page.locator('.jp-OutputArea .explorer')
        lab, bins = (panels.filter(has=b.page.locator(f'section.{k}')) for k in ('lab','bins'))
        code = lambda panel: panel.locator('pre code').text_content()
        drawn = lambda panel: panel.locator('canvas').first.evaluate("c => c.toDataURL()")
        lab.locator('canvas').first.wait_for()
        b.until("[...document.querySelectorAll('.explorer pre code')].filter(c => c.textContent).length==3")
        assert 'tensor([1, 1, 1])' in code(lab) and 'ChannelBins(n=10)' in code(bins)
        (b.home/'go').unlink()
        try:
            b.page.locator('.jp-CodeCell').nth(4).locator('.cm-content').click()
            b.page.keyboard.press('Control+Enter')
            b.until(f"{b.PROMPTS}[4].textContent.includes('*')")
            before = drawn(lab)
            lab.get_by_label('a, green to red').fill('0.5')
            bins.get_by_text('joint cells').click()
            b.until("document.querySelector('.lab pre code').textContent.includes('tensor([1, 0.5, 1])')")
            b.until("document.querySelector('.bins pre code').textContent.includes('JointBins(grid=10, k=1)')")
            assert drawn(lab)!=before and b.page.locator('.kernel:visible').count()==0
        finally: (b.home/'go').touch()
        b.page.locator('.jp-CodeCell').nth(5).locator('.cm-content').click()
        b.page.keyboard.press('Control+Enter')
        b.page.get_by_text("'0.5 joint'").wait_for() # the kernel has the new state

def test_compare(notebook):
    with notebook('compare') as b:
        before = b.picture()
        b.button('wipe').click()
        b.wait_for_change(before)
        before = b.picture()
        b.drag(0, -80)
        b.wait_for_change(before)
        before, box = b.settled(), b.page.locator('.jp-OutputArea .draggable').bounding_box()
        def move(x): b.page.mouse.move(box['x']+x*box['width'], box['y']+.7*box['height'])
        move(.5)
        b.page.mouse.down()
        move(.8)
        at = lambda: b.page.locator('.divider').evaluate('d => Math.round(parseFloat(d.style.left))')
        assert b.picture()==before and at()==80, 'during the drag, only the browser moves the line'
        b.page.mouse.up()
        b.wait_for_change(before)
        b.until("[...document.querySelectorAll('.jp-OutputArea .widget-readout')].some(o => o.innerText=='0.80')")
        b.upload(dict(name='notes.txt', mimeType='text/plain', buffer=b'not a photo'))
        b.until("document.querySelector('.jp-OutputArea [role=alert]')?.innerText.includes('notes.txt')")
        before = b.picture()
        b.upload(str(b.home/'other.png'))
        b.wait_for_change(before)
        expect(b.page.locator('.jp-OutputArea [role=alert]')).to_have_count(0) # the message goes after the picture has changed

def test_app(notebook):
    with notebook('app') as b:
        before = b.picture()
        film = b.home/'film.png'
        film.write_bytes(bytes(45_000_000))
        b.upload(str(film))
        b.until("document.querySelector('.jp-OutputArea [role=alert]')?.innerText.includes('45 MB')")
        big = b.home/'big.png'
        from PIL import Image
        Image.effect_noise((1800,1200), 90).save(big) # uploaded in several chunks
        b.upload(str(big))
        b.wait_for_change(before)
        with b.page.expect_download() as download:
            b.page.locator('.jp-OutputArea .downloader').click()
            expect(b.page.locator('.jp-OutputArea .downloader')).to_contain_text('coloring 2.2 megapixels') # the button shows what it is doing
        assert download.value.suggested_filename=='big-color.jpg' and Image.open(download.value.path()).size==(1800,1200)

def test_tune(notebook):
    with notebook('tune') as b:
        before = b.picture()
        b.button('Train').click()
        b.wait_for_change(before) # the picture is updated during training
        expect(b.button('Stop')).to_be_enabled()
        for name in ('Train','l1'): expect(b.button(name)).to_be_disabled()
        b.button('Stop').click() # the kernel stays responsive
        b.until("document.querySelector('.jp-OutputArea table')?.innerText.includes('stopped')")
        b.until("[...document.querySelectorAll('.jp-OutputArea button')].some(o => o.innerText==='Train' && !o.disabled)")
        b.button('l1').click()
        b.until("document.querySelector('.jp-OutputArea pre code').innerText.includes(\"loss='l1'\")")
        more = b.page.locator('.jupyter-widget-Collapse-header')
        assert more.get_attribute('aria-expanded')=='false'
        more.press('Enter') # without a mouse
        b.page.get_by_role('slider', name='dropout').wait_for()
        b.until("document.querySelector('.jupyter-widget-Collapse-header').getAttribute('aria-expanded')=='true'")

def test_turing(notebook):
    with notebook('turing') as b:
        left = b.button('left is colorized')
        expect(left).to_be_disabled()
        b.button('Begin').click()
        b.until("[...document.querySelectorAll('.jp-OutputArea button')].some(o => o.innerText==='left is colorized' && !o.disabled)")
        left.click()
        b.until("document.querySelector('.jp-OutputArea').parentElement.innerText.includes('pair 2 of 12')")
        rows = (b.home/'answers.csv').read_text().splitlines()
        assert len(rows)==2 and ',left,' in rows[1]

def test_hint(notebook):
    with notebook('hint') as b:
        before, img = b.picture(), b.page.locator('.jp-OutputArea img.clickable')
        img.scroll_into_view_if_needed()
        box = img.bounding_box()
        img.click(position=dict(x=.25*box['width'], y=.5*box['height']))
        b.wait_for_change(before)
        b.until("document.querySelector('.jp-OutputArea pre code').innerText.includes('w.add(')")
        b.button('Remove last').click()
        b.until("!document.querySelector('.jp-OutputArea pre code').innerText.includes('w.add(')")

PICTURES = "[...document.querySelectorAll('.jp-OutputArea .widget-image')]"
def all_show_pictures(b, n):
    "Wait until `n` pictures are loaded; the test fails if one stays empty."
    b.until(f"{PICTURES}.length=={n} && {PICTURES}.every(i => !i.hidden && i.complete && i.naturalWidth>0)")

def test_panels_work_if_anywidget_gives_up_on_their_scripts(notebook):
    "anywidget waits two seconds for a script. Here it waits for one millisecond, so each script is late, as on a busy computer."
    late = 'const wait = AbortSignal.timeout.bind(AbortSignal); AbortSignal.timeout = ms => wait(ms == 2000 ? 1 : ms)'
    with notebook('many', 3, script=late, harmless=GIVEN_UP) as b:
        all_show_pictures(b, 3)
        b.run_all()
        all_show_pictures(b, 3)
        before, img = b.picture(), b.page.locator('.jp-OutputArea img.clickable').first
        img.scroll_into_view_if_needed()
        img.click(position=dict(x=40, y=50))
        b.wait_for_change(before)
        b.upload(str(b.home/'other.png'))
        b.page.get_by_text('other.png: 120x90').wait_for()

@pytest.mark.slow
def test_panels_survive_run_all_on_a_slow_computer(notebook):
    with notebook('many', 3, slower=4, harmless=GIVEN_UP) as b:
        for _ in range(10):
            b.run_all()
            all_show_pictures(b, 3)

def test_a_panel_names_the_cell_it_waits_for(notebook):
    with notebook('many', 3) as b:
        (b.home/'go').unlink()
        try:
            b.page.locator('.jp-CodeCell').last.locator('.cm-content').click()
            b.page.keyboard.press('Control+Enter')
            b.until(f"{b.PROMPTS}.at(-1).textContent.includes('*')")
            before, img = b.picture(), b.page.locator('.jp-OutputArea img.clickable').first
            img.scroll_into_view_if_needed()
            img.click(position=dict(x=40, y=50))
            said = b.page.locator('.kernel[role=status]').first
            said.get_by_text("while not Path('go').exists()").wait_for()
            assert said.is_visible() and b.picture()==before
        finally: (b.home/'go').touch()
        said.wait_for(state='hidden')
        b.wait_for_change(before)

def test_a_panel_reports_a_restarted_kernel(notebook):
    with notebook('hint') as b:
        assert b.page.locator('.kernel:visible').count()==0
        b.open_menu('Kernel', '^Restart Kernel')
        b.page.get_by_role('button', name='Confirm Kernel Restart').click()
        b.until("document.querySelector('.jp-OutputArea .lifeline')?.innerText.includes('Run its cell again')")
