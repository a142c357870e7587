"Bundle the scripts of the playground, the explorers, and the search with esbuild, from docs/play, docs/find, TensorFlow.js, and numbers from the library."
import base64, inspect, json, shutil, subprocess
from pathlib import Path

from colorize_nb.color.classes import JointBins
from colorize_nb.color.codecs import LabAB
from colorize_nb.data.shapes import COLORS
from colorize_nb.train.losses import RebalancedCE, smooth_l1
from colorize_nb.widgets.explorers import BinsExplorer, LabExplorer, SepiaExplorer

DOCS = Path(__file__).resolve().parent
SHARED = DOCS.parent/'colorize_nb/widgets/static/explore' # The explorers and their arithmetic, as in notebooks
GRID = 10 # Width of a cell in Lab units, the default of JointBins: 261 cells
WASM = DOCS/'node_modules/@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm'

def default(f, name):
    "Return the default of a parameter of `f`."
    return inspect.signature(f).parameters[name].default

def facts():
    "Return the numbers that the page shares with the library: colors and their probabilities, cells, scaling, and parameters of losses; and templates of code."
    def here(template): return template.replace('{source}', "'photo.jpg'")
    code = dict(lab=here(LabExplorer.template), sepia=SepiaExplorer.template, bins={k: here(v) for k,v in BinsExplorer.template.items()})
    codec, numbers = JointBins(GRID), LabAB()
    return dict(code=code, colors=COLORS, cells=dict(centers=codec.centers.tolist(), k=codec.k, sigma=codec.sigma), scale=numbers.ab_scale,
                beta=default(smooth_l1, 'beta'), lam=default(RebalancedCE, 'lam'))

def bundle(entry, out, *more):
    "Bundle `entry` and everything it imports into one script."
    tool = DOCS/'node_modules/.bin/esbuild'
    subprocess.run([str(tool), str(entry), '--bundle', '--minify', '--target=es2020', '--main-fields=module,main', '--legal-comments=none',
                    '--log-level=warning', f'--outfile={out}', *more], check=True)

def gather(work):
    "Put the modules of docs/play and what they import into the new folder `work`."
    shutil.copytree(DOCS/'play', work)
    for p in SHARED.iterdir(): shutil.copy2(p, work)
    (work/'node_modules').symlink_to(DOCS/'node_modules')
    (work/'facts.json').write_text(json.dumps(facts()), 'utf8')

def write(static, work):
    """Write the scripts of the pages, `play.js`, `explorers.js`, and `find.js`, and the worker, `play-engine.js`. The worker's script and
    WebAssembly are stored as text in this file, so that it also works when the page is opened from disk."""
    gather(work)
    shutil.copy2(SHARED/'explore.css', static)
    bundle(work/'engine.js', work/'built/engine.js', '--format=iife')
    wasm = base64.b64encode(WASM.read_bytes()).decode()
    text = dict(script=(work/'built/engine.js').read_text('utf8'), wasm=f'data:application/wasm;base64,{wasm}')
    (static/'play-engine.js').write_text(f'globalThis.PlayEngine = {json.dumps(text)}', 'utf8')
    bundle(DOCS/'find/page.js', static/'find.js', '--format=iife')
    for page,script in (('page','play'), ('explorers','explorers')): bundle(work/f'{page}.js', static/f'{script}.js', '--format=iife')
