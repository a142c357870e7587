"Explorers in a real JupyterLab: run all cells, drag a slider, see the picture change."
import os, socket, subprocess, sys, time, urllib.request
import pytest

pytest.importorskip('playwright'); nbformat = pytest.importorskip('nbformat'); pytest.importorskip('jupyterlab')

CELLS = ["from colorize_nb.explorers import *\nfrom colorize_nb.photo import bundled_photos",
         "lab = LabExplorer(bundled_photos()['coffee'], side=160)\nlab", "SepiaExplorer()", "BinsExplorer(bundled_photos()['coffee'], side=160)"]


@pytest.fixture(scope='module')
def lab(tmp_path_factory):
    "A JupyterLab of its own, serving one notebook; gives the address."
    home = tmp_path_factory.mktemp('lab')
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in CELLS], metadata={'kernelspec': dict(name='python3', display_name='Python 3', language='python')})
    nbformat.write(nb, home/'explore.ipynb')
    with socket.socket() as s: s.bind(('127.0.0.1', 0)); port = s.getsockname()[1]
    env = {**os.environ, 'PYTHONWARNINGS': 'ignore', 'OMP_NUM_THREADS': '1', 'JUPYTER_CONFIG_DIR': str(home/'c'), 'JUPYTER_DATA_DIR': str(home/'d'), 'JUPYTERLAB_SETTINGS_DIR': str(home/'s'), 'JUPYTERLAB_WORKSPACES_DIR': str(home/'w')}
    log = open(home/'log.txt', 'w')
    p = subprocess.Popen([sys.executable, '-m', 'jupyter', 'lab', '--no-browser', '--allow-root', f'--port={port}', '--ServerApp.token=', '--ServerApp.password=', f'--ServerApp.root_dir={home}'],
                         stdout=log, stderr=log, env=env)
    try:
        for _ in range(240):
            try: urllib.request.urlopen(f'http://127.0.0.1:{port}/api'); break
            except OSError: time.sleep(.25)
        else: pytest.fail((home/'log.txt').read_text()[-800:])
        yield f'http://127.0.0.1:{port}/lab/tree/explore.ipynb'
    finally: p.terminate(); p.wait(20); log.close()


def test_run_all_and_drag(lab, browser, tmp_path):
    ctx = browser.new_context(viewport=dict(width=1280, height=800))
    page, errors, outside = ctx.new_page(), [], []
    page.on('pageerror', lambda e: errors.append(str(e)))
    page.on('request', lambda r: outside.append(r.url) if r.url.startswith('http') and '127.0.0.1' not in r.url else None)
    page.goto(lab)
    page.locator('.jp-NotebookPanel .jp-Notebook').wait_for(timeout=60_000)
    page.get_by_text('Python 3', exact=False).first.wait_for(timeout=60_000)
    page.get_by_role('menuitem', name='Run', exact=True).click()
    page.get_by_role('menuitem', name='Run All Cells', exact=True).click()
    pictures = page.locator('.jp-OutputArea img.widget-image, .jp-OutputArea .widget-image img')
    page.wait_for_function("document.querySelectorAll('.jp-OutputArea .widget-image').length >= 3", timeout=120_000)
    first = lambda: page.evaluate("(async () => { const i = document.querySelector('.jp-OutputArea .widget-image'); const s = i.tagName==='IMG' ? i.src : i.querySelector('img').src;"
                                  "const b = new Uint8Array(await (await fetch(s)).arrayBuffer()); let h = b.length; for (const v of b) h = (h*31+v)>>>0; return h })()")
    before, line = first(), page.locator('.jp-OutputArea pre code').first
    assert 'tensor([1, 1, 1])' in line.inner_text()
    slider = page.locator('.jp-OutputArea .noUi-handle').nth(1) # a
    slider.scroll_into_view_if_needed()
    b = slider.bounding_box()
    page.mouse.move(b['x']+b['width']/2, b['y']+b['height']/2); page.mouse.down()
    page.mouse.move(b['x']-60, b['y']+b['height']/2, steps=4); page.mouse.up()
    page.wait_for_function("!document.querySelector('.jp-OutputArea pre code').innerText.includes('tensor([1, 1, 1])')", timeout=20_000)
    page.wait_for_timeout(500)
    assert first()!=before, 'the picture follows the slider'
    assert page.locator('[data-mime-type="application/vnd.jupyter.stderr"]').count()==0 and 'Traceback' not in page.content()
    shot = os.environ.get('KEEP_SHOTS')
    if shot: page.screenshot(path=f'{shot}/lab.png')
    ctx.close()
    assert not errors and not outside, (errors, outside)
