"The playground's numbers match the library's: the same network in torch, with the same initial weights and batches."
import json, os, shutil, subprocess, sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT/'docs'))
WASM = ROOT/'docs/node_modules/@tensorflow/tfjs-backend-wasm/dist'
if not WASM.is_dir() or not shutil.which('node'):
    if os.environ.get('REQUIRE_SITE'): raise FileNotFoundError('node and docs/node_modules are needed; run make docs SERVE= to install the packages')
    pytest.skip('no node, or no docs/node_modules (run make docs SERVE=)', allow_module_level=True)

from colorize_nb.color.classes import JointBins, class_weights, collapse, color_prior
from colorize_nb.color.codecs import LabAB
from colorize_nb.color.space import lab2rgb
from colorize_nb.data.shapes import COLORS, KINDS, best_color
from colorize_nb.train.losses import get_loss

RED, STEPS = .6, 40
SETTINGS = dict(compare='', seed=0, red=RED, rate=.01, width=8, noise=.5, steps=STEPS, train=STEPS, wasm=f'{WASM}/')
LOSSES = ('l2','l1','smooth_l1','soft_ce','rebalanced_ce')

@pytest.fixture(scope='module')
def script(tmp_path_factory):
    "Bundle the page's modules for node."
    import playground
    work = tmp_path_factory.mktemp('play')/'work'
    playground.gather(work)
    shutil.copy2(Path(__file__).parent/'replay.js', work)
    playground.bundle(work/'replay.js', work/'replay.cjs', '--platform=node', '--format=cjs')
    return work/'replay.cjs'

@pytest.fixture(scope='module')
def replay(script):
    "Return a function that trains with the page's code and returns the results. Each loss is trained once."
    known = {}
    def run(loss):
        if loss not in known:
            options = json.dumps({**SETTINGS, 'loss': loss})
            r = subprocess.run(['node', str(script)], input=options, capture_output=True, text=True, timeout=170)
            assert r.returncode==0, r.stderr[-800:]
            known[loss] = json.loads(r.stdout)
        return known[loss]
    return run

class Block(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o)
    def forward(self, x): return self.norm(self.conv(x)).relu()

class Net(nn.Module):
    "The page's network in torch."
    def __init__(self, w, n):
        super().__init__()
        blocks = dict(a=(1,w,2), b=(w,2*w,2), c=(2*w,2*w,2), d=(2*w,2*w,1), e=(2*w,w,1), f=(w,w,1))
        for k,(i,o,stride) in blocks.items(): setattr(self, k, Block(i, o, stride))
        self.head, self.twice = nn.Conv2d(w, n, 1), nn.Upsample(scale_factor=2)
    def forward(self, x):
        a = self.a(4*x)
        b = self.b(a)
        return self.head(self.f(self.twice(self.e(self.twice(self.d(self.c(b)))+b))+a))

def with_weights(net, initial):
    "Load the page's initial weights into `net`. TensorFlow.js stores the output channels last."
    def convert(name, v):
        t = torch.tensor(v['data']).view(v['shape'])
        if name=='head.weight': return t.T[:,:,None,None]
        return t.permute(3,2,0,1) if t.ndim==4 else t
    missing = net.load_state_dict({k: convert(k, v) for k,v in initial.items()}, strict=False)
    assert not missing.unexpected_keys and all('num_batches' in k for k in missing.missing_keys)
    return net

def rgb(batch):
    "Convert a batch of the page to RGB `(B,3,32,32)`."
    n = len(batch['ab'])
    L, part = (torch.tensor(batch[k], dtype=torch.float32).view(n,1,32,32) for k in ('L','part'))
    return lab2rgb(torch.cat([L, part*torch.tensor(batch['ab'], dtype=torch.float32)[:,:,None,None]], 1))

def codec_for(loss, prior):
    if not loss.endswith('_ce'): return LabAB()
    return JointBins().with_prior(torch.tensor(prior)) if loss=='rebalanced_ce' else JointBins()

def train(loss, r):
    "Train the same network with the library's loss and codec on the page's batches. Return the losses, the codec, and the network."
    codec = codec_for(loss, r['prior'])
    net, f = with_weights(Net(SETTINGS['width'], codec.n_out), r['initial']).train(), get_loss(loss, codec)
    opt, costs = torch.optim.Adam(net.parameters(), betas=(.9,.99), eps=1e-8), []
    for i,b in enumerate(r['batches']):
        opt.param_groups[0]['lr'] = SETTINGS['rate']*min(1, (i+1)/20)*(.5+.5*np.cos(np.pi*i/STEPS))
        x, y = codec.encode(rgb(b))
        opt.zero_grad()
        cost = f(net(x), y)
        cost.backward()
        opt.step()
        costs.append(cost.item())
    return costs, codec, net.eval()

@pytest.mark.parametrize('loss', LOSSES)
def test_the_page_trains_like_the_library(replay, loss, note):
    r = replay(loss)
    costs, codec, net = train(loss, r)
    assert costs[0]==pytest.approx(r['costs'][0], rel=1e-4), 'the loss of the first forward pass differs'
    assert costs==pytest.approx(r['costs'], rel=.01) and r['expected'][0] < r['before'], 'training should lower the loss'
    x = codec.encode(rgb(r['held']))[0]
    with torch.no_grad(): pred = codec.activate(net(x))
    for how in ('mean','annealed') if loss.endswith('_ce') else ('mean',):
        ab = codec.ab(x, pred, **(dict(how=how) if loss.endswith('_ce') else {}))
        error = (ab.permute(0,2,3,1).reshape(-1,2)-torch.tensor(r['chroma'][how])).norm(dim=1)
        note(f'playground and torch, {loss}, {how}: after {STEPS} steps, ab differs by {error.mean():.3f} on average and {error.max():.2f} at most')
        assert error.mean() < .5 and error.max() < 4, f'{how}: ab differs by {error.mean():.3f} on average and {error.max():.2f} at most'

def page_colors():
    "Return the library's colors with the page's share of red shirts."
    (_, *red), (_, *blue) = COLORS['shirt']
    return {**COLORS, 'shirt': ((RED, *red), (1-RED, *blue))}

@pytest.mark.parametrize('loss,how', [('l2','mean'), ('l1','median')])
def test_best_regression_prediction(replay, monkeypatch, loss, how):
    for k,v in page_colors().items(): monkeypatch.setitem(COLORS, k, v)
    for kind in KINDS[1:]: assert replay(loss)['best'][kind]['mean']==pytest.approx(best_color(kind, how).tolist(), abs=1e-4)

def test_best_smooth_l1_prediction(replay):
    "Compare the page's value with the best one on a fine grid."
    f = get_loss('smooth_l1', LabAB())
    for kind in KINDS[1:]:
        p, ab = torch.tensor(page_colors()[kind]).split([1,2], 1)
        grid = torch.linspace(-60, 60, 24001)
        for c in (0,1):
            cost = lambda v: torch.nn.functional.smooth_l1_loss(grid/128, (v/128).expand_as(grid), reduction='none', beta=.1)
            costs = sum(q*cost(v) for q,v in zip(p[:,0], ab[:,c]))
            assert replay('smooth_l1')['best'][kind]['mean'][c]==pytest.approx(grid[costs.argmin()].item(), abs=.02)
    assert f.__name__=='smooth_l1'

@pytest.mark.parametrize('loss', ['soft_ce','rebalanced_ce'])
def test_best_class_prediction(replay, loss):
    r, codec = replay(loss), JointBins()
    v = class_weights(torch.tensor(r['prior'])) if loss=='rebalanced_ce' else torch.ones(codec.n)
    for kind in KINDS[1:]:
        p, ab = torch.tensor(page_colors()[kind]).split([1,2], 1)
        y = codec.encode(lab2rgb(torch.cat([torch.full_like(p, 55), ab], 1)[:,:,None,None]))[1]
        q = p[:,0]*v[y[:,0,0,0].long()]
        mixed = ((q/q.sum())[:,None,None,None]*codec.probs(y)).sum(0, keepdim=True)
        for how in ('mean','annealed','mode'):
            assert r['best'][kind][how]==pytest.approx(collapse(mixed, codec.centers, how)[0,:,0,0].tolist(), abs=.05)

def test_prior_matches_the_batches(replay):
    r = replay('rebalanced_ce')
    drawn = color_prior(JointBins(), [rgb(b) for b in r['batches']])
    assert abs(np.array(r['prior'])-drawn.numpy()).sum() < .1 and sum(r['prior'])==pytest.approx(1, abs=1e-5)

@pytest.mark.parametrize('loss', LOSSES)
def test_no_network_beats_the_lowest_possible_loss(replay, loss):
    cost, least = replay(loss)['expected']
    assert 0 < least < cost
