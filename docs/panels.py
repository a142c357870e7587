"""Take pictures of the panels with Voila and Chromium, for pages where no Python is running. Run this when a panel changes.

    python docs/panels.py            write docs/static/panels/*.jpg
    python docs/panels.py tune hint  only these panels
"""
import json, sys, tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT/'tests'))
from conftest import find_chromium, serving

BEGIN = 'from colorize_nb.all import *\nphotos = bundled_photos()'
TRAINED = """dls = ColorizeDataLoaders.from_folder(crop_photos('pieces', n=120, size=64), size=48, bs=8, device='cpu')
panel = tune(dls)
for lr in (3e-4, 3e-3): panel.set(lr=lr, epochs=4).train().wait()
panel"""
HINTED = """panel = hint(photos['coffee'], 'shipped', side=400)
for x,y,color in ((.5, .45, '#7a1fa0'), (.2, .6, '#2f6d8c'), (.9, .2, '#6d8f3a')): panel.add(x, y, color)
panel"""
PANELS = {
    'app': 'color_app()',
    'lab': "LabExplorer(photos['chelsea'], side=200)",
    'bins': "BinsExplorer(photos['coffee'], side=200)",
    'sepia': 'SepiaExplorer()',
    'distribution': "DistributionExplorer(bundled_photos('color')['strawberries'], 'shipped').set(x=.3, y=.6)",
    'turing': "turing_test('shipped', out='turing.csv', n=4, practice=1).begin(timer=False)",
    'compare': "compare([photos['coffee'], photos['chelsea']], 'shipped').set(view='blend', right='photo', left='shipped')",
    'tune': TRAINED,
    'hint': HINTED}

def notebook(*code):
    "Return a notebook (a dict) with the cells `code`."
    cells = [dict(cell_type='code', id=f'c{i}', metadata={}, outputs=[], execution_count=None, source=s) for i,s in enumerate(code)]
    kernel = dict(name='python3', display_name='python3', language='python')
    return dict(nbformat=4, nbformat_minor=5, metadata=dict(kernelspec=kernel), cells=cells)

def take(browser, name, url, to):
    "Write a picture of the panel in the notebook `name` to the folder `to`."
    page = browser.new_page(viewport=dict(width=1180, height=1600))
    page.goto(f'{url}/voila/render/{name}.ipynb', timeout=240_000)
    panel = page.locator('.jp-OutputArea-output > .widget-vbox').first
    panel.wait_for(timeout=240_000)
    page.wait_for_timeout(3000)
    panel.screenshot(path=to/f'{name}.jpg', type='jpeg', quality=85)
    page.close()

def main(*names, to=ROOT/'docs/static/panels'):
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as p:
        folder = Path(folder)
        for n,code in PANELS.items(): (folder/f'{n}.ipynb').write_text(json.dumps(notebook(BEGIN, code)))
        run = [sys.executable, '-m', 'voila', str(folder), '--no-browser', '--theme=light']
        with serving(run, folder, folder, PYTHONPATH=str(ROOT)) as url:
            browser = p.chromium.launch(executable_path=find_chromium(), args=['--no-sandbox', '--disable-gpu'])
            for n in names or PANELS: take(browser, n, url, to)
            browser.close()

if __name__=='__main__': main(*sys.argv[1:])
