"""Takes the pictures of panels that stand on pages without Python, by Voila and Chromium; run it when a panel looks different.

    python docs/panels.py            writes docs/static/panels/*.jpg
"""
import json, os, socket, subprocess, sys, tempfile, time, urllib.request
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT/'tests'))
from conftest import find_chromium

PANELS = {'app': 'color_app()', 'lab': "LabExplorer(photos['chelsea'], side=200)", 'bins': "BinsExplorer(photos['coffee'], side=200)",
          'distribution': "DistributionExplorer(photos['coffee'], Colorizer.load('shipped'), side=200)", 'turing': "turing_test('shipped', out='turing.csv', n=4, practice=1)"}

def notebook(code):
    cells = [f'from colorize_nb.all import *\nphotos = bundled_photos()', code]
    return dict(nbformat=4, nbformat_minor=5, metadata=dict(kernelspec=dict(name='python3', display_name='python3', language='python')),
                cells=[dict(cell_type='code', id=f'c{i}', metadata={}, outputs=[], execution_count=None, source=s) for i,s in enumerate(cells)])

def take(browser, name, address, to):
    page = browser.new_page(viewport=dict(width=900, height=900))
    page.goto(f'{address}/voila/render/{name}.ipynb', timeout=240_000)
    panel = page.locator('.jp-OutputArea-output > .widget-vbox').first
    panel.wait_for(timeout=240_000)
    page.wait_for_timeout(3000)
    panel.screenshot(path=to/f'{name}.jpg', type='jpeg', quality=85)
    page.close()

def main(to=ROOT/'docs/static/panels'):
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as p:
        for n,code in PANELS.items(): (Path(folder)/f'{n}.ipynb').write_text(json.dumps(notebook(code)))
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            port = s.getsockname()[1]
        server = subprocess.Popen([sys.executable, '-m', 'voila', folder, '--no-browser', f'--port={port}', '--theme=light'], cwd=folder, env={**os.environ, 'PYTHONPATH': str(ROOT)}, stderr=subprocess.DEVNULL)
        try:
            for _ in range(240):
                try: urllib.request.urlopen(f'http://127.0.0.1:{port}/', timeout=2); break
                except urllib.error.HTTPError: break
                except OSError: time.sleep(.5)
            browser = p.chromium.launch(executable_path=find_chromium(), args=['--no-sandbox', '--disable-gpu'])
            for n in PANELS: take(browser, n, f'http://127.0.0.1:{port}', Path(to))
            browser.close()
        finally:
            server.kill()
            server.wait()

if __name__=='__main__': main()
