"The network that spreads hints: properties for any weights, and the quality of the shipped weights."
import json
from pathlib import Path
import numpy as np, pytest, torch

import colorize_nb
from colorize_nb.color.space import rgb2lab
from colorize_nb.core.photo import bundled_photos, open_photo, to_tensor
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.infer.paint import lightness, small_copy
from colorize_nb.models.hints import HintNet, load_hint_net, spread_hints

ROOT = Path(__file__).resolve().parent.parent

@pytest.fixture(scope='module')
def net(): return load_hint_net()

def test_no_hints_keep_the_prediction(net):
    base = torch.randn(1, 2, 8, 12)
    assert spread_hints(net, torch.rand(1, 1, 32, 48)*100, base, []) is base

def test_missing_hints_of_a_batch_have_no_effect():
    torch.manual_seed(0)
    net, L, base = HintNet().eval(), torch.rand(2, 1, 32, 48)*100, torch.randn(2, 2, 8, 12)*20
    color, where = torch.randn(2, 3, 2)*40, torch.tensor([[5, 50, 90], [7, 0, 0]])
    given = torch.tensor([[True, True, True], [True, False, False]])
    together = net(L, base, color, where, given)
    alone = [net(L[i:i+1], base[i:i+1], color[i:i+1,:n], where[i:i+1,:n]) for i,n in ((0, 3), (1, 1))]
    assert torch.allclose(together, torch.cat(alone), atol=1e-3)

def test_positions_of_a_batch_match_the_whole_photo():
    torch.manual_seed(0)
    net, L, base = HintNet().eval(), torch.rand(1, 1, 32, 48)*100, torch.randn(1, 2, 8, 12)*20
    color, where, at = torch.randn(1, 2, 2)*40, torch.tensor([[5, 50]]), torch.tensor([[0, 13, 95]])
    assert torch.allclose(net(L, base, color, where, at=at), net(L, base, color, where)[:,at[0]], atol=1e-3)

@pytest.mark.parametrize('x,y,where', [(0., 0., 0), (.5, .5, 4*12+6), (1., 1., 95)])
def test_hints_are_placed_by_row_and_column(x, y, where):
    seen = []
    def spy(L, base, color, where):
        seen.append((color.tolist(), where.tolist()))
        return torch.zeros(1, 96, 2)
    spread_hints(spy, torch.zeros(1, 1, 32, 48), torch.zeros(1, 2, 8, 12), [(x, y, 5., -7.)])
    assert seen==[([[[5., -7.]]], [[where]])]

def test_a_hint_changes_its_own_position_most(net):
    "Two flat halves: a red hint on the left changes the left half more than the right one."
    L = torch.cat([torch.full((1, 1, 64, 64), 30.), torch.full((1, 1, 64, 64), 80.)], 3)
    base = torch.zeros(1, 2, 16, 32)
    moved = spread_hints(net, L, base, [(.2, .5, 50., 30.)])[0].norm(dim=0)
    assert moved[8,6]>15 and moved[:,:12].mean()>2*moved[:,20:].mean()

def hinted(photo, n, seed=0):
    "Return the ab errors of the prediction and of the result with `n` hints in the photo's own colors."
    model, net, rng = Colorizer.load('shipped'), load_hint_net(), np.random.default_rng(seed)
    base, true = model.chroma(photo), rgb2lab(to_tensor(photo))[:,1:]
    target = torch.nn.functional.adaptive_avg_pool2d(true, base.shape[-2:])
    at = rng.random((n, 2))
    hints = [(x, y, *target[0,:,int(y*target.shape[2]),int(x*target.shape[3])].tolist()) for x,y in at]
    out = spread_hints(net, lightness(small_copy(photo, model.size)), base, hints)
    return [(ab-target).norm(dim=1).mean().item() for ab in (base, out)]

def test_hints_lower_the_error_on_new_photos():
    photos = [open_photo(bundled_photos()[n]) for n in ('coffee', 'chelsea', 'flower', 'astronaut')]
    errors = np.array([[hinted(p, n) for p in photos] for n in (3, 20)]) # counts, photos, (prediction, result)
    before, few, many = errors[0,:,0].mean(), errors[0,:,1].mean(), errors[1,:,1].mean()
    assert few<.95*before and many<.75*before and many<few

def test_the_file_is_small(): assert (Path(colorize_nb.__file__).parent/'weights'/'hints.npz').stat().st_size<100_000

def test_results_on_held_out_photos():
    "In the committed results, the network matches the model without hints, and beats each variant of Levin's method with hints."
    rows = json.loads((ROOT/'colorize_nb/course/hints.json').read_text())['rows']
    def error(n, method): return next(r['ciede'] for r in rows if r['hints']==n and r['method']==method)
    assert abs(error(0, 'network over the model')-error(0, 'Levin over the model'))<.01
    for n in (1, 3, 10, 30):
        assert error(n, 'network over the model')<min(r['ciede'] for r in rows if r['hints']==n and 'Levin' in r['method'])
