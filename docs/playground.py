"The playground's script: what the library knows as data, the modules of docs/play and TensorFlow.js, put together by esbuild."
import base64, inspect, json, shutil, subprocess
from pathlib import Path

from colorize_nb.color.classes import JointBins
from colorize_nb.color.codecs import LabAB
from colorize_nb.data.shapes import COLORS
from colorize_nb.train.losses import RebalancedCE, smooth_l1

DOCS = Path(__file__).resolve().parent
GRID = 10 # Width of a cell in Lab units, the default of JointBins: 261 cells
WASM = DOCS/'node_modules/@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm'

def default(f, name): return inspect.signature(f).parameters[name].default

def facts():
    "Numbers that the page and the library share: dice, cells, scalings and parameters of losses."
    codec, numbers = JointBins(GRID), LabAB()
    return dict(colors=COLORS, cells=dict(centers=codec.centers.tolist(), k=codec.k, sigma=codec.sigma), scale=numbers.ab_scale,
                beta=default(smooth_l1, 'beta'), lam=default(RebalancedCE, 'lam'), T=default(codec.ab, 'T'))

def bundle(entry, out, *more):
    "One script of `entry` and all it imports."
    tool = DOCS/'node_modules/.bin/esbuild'
    subprocess.run([str(tool), str(entry), '--bundle', '--minify', '--target=es2020', '--main-fields=module,main', '--legal-comments=none',
                    '--log-level=warning', f'--outfile={out}', *more], check=True)

def gather(work):
    "The modules of the page and what they need, in a folder of their own."
    shutil.copytree(DOCS/'play', work)
    (work/'node_modules').symlink_to(DOCS/'node_modules')
    (work/'facts.json').write_text(json.dumps(facts()), 'utf8')

def write(static, work):
    """`play.js` and `explorers.js` (pages) and `play-engine.js` (the worker's script and its WebAssembly, as text: so it runs from a disk
    too)."""
    gather(work)
    bundle(work/'engine.js', work/'built/engine.js', '--format=iife')
    wasm = base64.b64encode(WASM.read_bytes()).decode()
    text = dict(script=(work/'built/engine.js').read_text('utf8'), wasm=f'data:application/wasm;base64,{wasm}')
    (static/'play-engine.js').write_text(f'globalThis.PlayEngine = {json.dumps(text)}', 'utf8')
    bundle(DOCS/'find/page.js', static/'find.js', '--format=iife')
    for page,script in (('page','play'), ('explorers','explorers')): bundle(work/f'{page}.js', static/f'{script}.js', '--format=iife')
