"The explorers' JavaScript, run in node: its numbers are those of the library."
import json, re, shutil, subprocess
from importlib.resources import files
import numpy as np, pytest, torch

from colorize_nb.color.space import in_gamut, lab2rgb, rgb2lab
from colorize_nb.core.photo import bundled_photos
from colorize_nb.widgets.base import asset, bundle
from colorize_nb.widgets.explorers import BinsExplorer, DistributionExplorer, LabExplorer, SepiaExplorer, answers

NODE = shutil.which('node')
pytestmark = pytest.mark.skipif(not NODE, reason='node is not installed')
SCRIPT = """
import {readFileSync} from 'node:fs';
import {quantize} from './bins.js';
import {collapse, softmax} from './cells.js';
import {ciede2000} from './ciede.js';
import {lab2rgb, rgb2lab} from './color.js';
import {Distribution} from './explore_distribution.js';
import {ANSWERS, percent} from './explore_sepia.js';
const {rgb, lab, kinds, mixtures, network, pixels} = JSON.parse(readFileSync(0, 'utf8'));
const labs = rgb.map(c => rgb2lab(...c)), [L, a, b] = [0, 1, 2].map(i => Float32Array.from(labs, c => c[i])), photo = {L, a, b};
const bins = kinds.map(k => {
  const q = quantize(photo, k);
  return {used: q.used, all: q.all, a: [...q.a], b: [...q.b], far: labs.map((c, i) => ciede2000(c, [L[i], q.a[i], q.b[i]]))};
});
const best = mixtures.map(({colors, T}) => Object.fromEntries(Object.entries(ANSWERS).map(([k, f]) => [k, f(colors, T)])));
const {logits, ...data} = network, panel = {data, logits: Uint8Array.from(logits)};
const predicted = pixels.map(state => {
  const at = Distribution.prototype.at.call({...panel, state}), n = at.length;
  return {p: [...softmax(at, 0, n)], ab: collapse(at, 0, data.centers, 'annealed', state.T, [0, 0])};
});
console.log(JSON.stringify({predicted, labs, rgbs: lab.map(c => lab2rgb(...c)), bins, best, shares: mixtures.map(m => percent(m.colors.map(c => c[0])))}));
"""
KINDS = [dict(kind=k, n=n, grid=g) for k,n,g in (('uniform',10,10), ('uniform',31,10), ('density',7,10), ('joint',10,10), ('joint',10,16))]
MIXTURES = [dict(colors=[[.6,60.,35.], [.4,5.,-50.]], T=.38), dict(colors=[[.25,60.,35.], [.3,5.,-50.], [.45,0.,0.]], T=.7), dict(colors=[[1/3,10.,20.]]*3, T=0)]

PIXELS = [dict(x=(i+.5)/24, y=(j+.5)/16, T=T) for i,j,T in ((0,0,.38), (23,15,.2), (7,9,1.), (12,3,.7))]

@pytest.fixture(scope='module')
def network():
    "A panel with the prediction of the shipped network."
    return DistributionExplorer(bundled_photos()['coffee'], 'shipped', side=160)

@pytest.fixture(scope='module')
def both(tmp_path_factory, network):
    "The library's photo and colors, and what node makes of them."
    home = tmp_path_factory.mktemp('js')
    for p in files('colorize_nb.widgets').joinpath('static', 'explore').iterdir(): (home/p.name).write_text(p.read_text('utf8'), 'utf8')
    (home/'package.json').write_text('{"type": "module"}')
    (home/'run.js').write_text(SCRIPT)
    bins = BinsExplorer(bundled_photos()['motorcycle'], side=60)
    g = torch.Generator().manual_seed(0)
    lab = torch.rand(200, 3, generator=g)*torch.tensor([100.,160.,160.])-torch.tensor([0.,80.,80.])
    told = dict(rgb=bins.rgb[0].flatten(1).T.tolist(), lab=lab.tolist(), kinds=KINDS, mixtures=MIXTURES, pixels=PIXELS,
                network={k: list(v) if isinstance(v, bytes) else v for k,v in network.picture.data.items()})
    r = subprocess.run([NODE, 'run.js'], cwd=home, input=json.dumps(told), capture_output=True, text=True, timeout=120)
    assert r.returncode==0, r.stderr[-800:]
    return bins, lab, json.loads(r.stdout)

def test_colors(both):
    bins, lab, got = both
    want = rgb2lab(bins.rgb)[0].flatten(1).T
    assert torch.allclose(torch.tensor(got['labs']), want, atol=.01)
    assert torch.allclose(torch.tensor(got['rgbs']), lab2rgb(lab.T.reshape(1,3,1,-1))[0,:,0].T, atol=1e-3)

@pytest.mark.parametrize('i', range(len(KINDS)))
def test_bins(both, i):
    bins, _, got = both
    got = got['bins'][i]
    used, available = bins.set(**KINDS[i]).used()
    assert got['all']==available and abs(got['used']-used)<=max(1, .02*used)
    L = rgb2lab(bins.rgb)[0,0].flatten()
    lab = torch.stack([L, torch.tensor(got['a']), torch.tensor(got['b'])])[None,:,None]
    inside = in_gamut(lab)[0,0]
    want = rgb2lab(bins.quantized())[0].flatten(1)
    same = (lab[0,:,0]-want).abs().amax(0)[inside]<.05
    assert inside.float().mean()>.5 and same.float().mean()>.99
    assert np.mean(got['far'])==pytest.approx(bins.floor(), rel=.1) # the library also clips the colors to sRGB

@pytest.mark.parametrize('i', range(len(MIXTURES)))
def test_answers(both, i):
    mixture = torch.tensor(MIXTURES[i]['colors'])
    want = answers(mixture[:,1:], mixture[:,0], MIXTURES[i]['T'])
    for name,ab in both[2]['best'][i].items(): assert ab==pytest.approx(want[name].tolist(), abs=.01), name
    shares = both[2]['shares'][i]
    assert sum(shares)==pytest.approx(1) and shares==pytest.approx(mixture[:,0].tolist(), abs=.0101)

@pytest.mark.parametrize('i', range(len(PIXELS)))
def test_predicted_distributions(both, network, i):
    got, w = both[2]['predicted'][i], network.set(**PIXELS[i])
    assert got['p']==pytest.approx(w.at().tolist(), rel=.07, abs=1e-4) and max(got['p'])>.01
    assert got['ab']==pytest.approx(w.colors()['annealed mean'].tolist(), abs=1)

def test_limits_are_those_of_the_classes(network):
    ranges = {k: json.loads(v) for k,v in re.findall(r'(\w+): (\[[^\]]*\])', re.sub(r'(?<![\d])\.', '0.', asset('explore/ranges.js').partition('RANGES')[2]))}
    photo = bundled_photos()['coffee']
    knobs = {**LabExplorer(photo, side=40).controls, **BinsExplorer(photo, side=40).controls, **{k: network.controls[k] for k in 'xyT'}}
    for k,(low,high,_) in ranges.items(): assert (knobs[k].low, knobs[k].high)==(low, high), k

def test_each_script_is_complete(tmp_path):
    for name in ('explore/explore.js', 'line.js', 'draggable.js'):
        (f := tmp_path/'whole.mjs').write_text(bundle(name)+asset('part.js'), 'utf8')
        r = subprocess.run([NODE, '--input-type=module', '-e', f"const m = await import({f.as_uri()!r}); console.log(typeof m.default.render)"], capture_output=True, text=True)
        assert r.stdout.strip()=='function', r.stderr[-500:]
