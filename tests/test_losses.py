"Losses by name: values that match torch, gradients, sizes, dtypes, errors, and use in fastai."
import pickle
import pytest, torch, torch.nn as nn, torch.nn.functional as F

from colorize_nb.color.codecs import Codec, LabAB
from colorize_nb.train.losses import ColorLoss, get_loss, list_losses, register_loss
import colorize_nb.train.losses as losses

class Cells(Codec): n_out, kind = 4, 'classification'

@pytest.fixture
def codec(): return LabAB()

@pytest.fixture
def registry(monkeypatch): monkeypatch.setattr(losses._losses, '_entries', dict(losses._losses._entries))

def pair(n=3, size=8): return torch.randn(n, 2, size, size)*.5, torch.randn(n, 2, size, size)*.3

@pytest.mark.parametrize('name,kw,ref', [
    ('l2', {}, F.mse_loss),
    ('l1', {}, F.l1_loss),
    ('smooth_l1', dict(beta=.2), lambda p, y: F.smooth_l1_loss(p, y, beta=.2)),
    ('huber', dict(delta=.3), lambda p, y: F.huber_loss(p, y, delta=.3))])
def test_values(codec, name, kw, ref):
    raw, y = pair()
    assert torch.allclose(get_loss(name, codec, **kw)(raw, y), ref(raw, y))

WHOLE = ('perceptual', 'colorfulness') # they compare whole photos; tested in test_features.py

@pytest.mark.parametrize('name', [n for n in list_losses(LabAB()) if n not in WHOLE])
def test_every_loss(codec, name):
    f = get_loss(name, codec)
    raw, y = pair()
    assert isinstance(f, ColorLoss) and f(y, y) == 0 and f(raw, y).ndim == 0
    raw.requires_grad_()
    f(raw, y).backward()
    assert raw.grad.isfinite().all() and raw.grad.abs().sum() > 0
    with torch.no_grad(): assert f(raw - 1e-2*raw.grad, y) < f(raw, y)
    z = y.clone().requires_grad_()
    f(z, y).backward()
    assert z.grad.isfinite().all()

def test_activates(codec):
    raw, y = pair()
    assert torch.allclose(get_loss('l1', LabAB(tanh=True))(raw, y), F.l1_loss(raw.tanh(), y))

def test_smaller_prediction(codec):
    raw, y = pair(size=8)[0], pair(size=16)[1]
    assert torch.allclose(get_loss('l1', codec)(raw, y), F.l1_loss(raw, F.avg_pool2d(y, 2)))

@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision(codec, dtype):
    raw, y = pair()
    got = get_loss('l2', codec)(raw.to(dtype), y)
    assert got.dtype == torch.float32 and torch.allclose(got, F.mse_loss(raw.to(dtype).float(), y))
    with torch.autocast('cpu', dtype=torch.bfloat16): assert get_loss('l2', codec)(raw, y).dtype == torch.float32

def test_sum(codec):
    raw, y = pair()
    want = .1*F.l1_loss(raw, y) + 5*F.mse_loss(raw, y) + F.smooth_l1_loss(raw, y, beta=.1)
    assert torch.allclose(get_loss('0.1*l1 + 5 * l2+smooth_l1', codec)(raw, y), want)

def test_reduction_none(codec):
    raw, y = pair()
    f = get_loss('l1 + l2', codec)
    whole, f.reduction = f(raw, y), 'none'
    assert f(raw, y).shape == (3,) and torch.allclose(f(raw, y).mean(), whole)

def test_fastai_subclasses(codec):
    from fastai.torch_core import TensorBase
    class X(TensorBase): pass
    class Y(TensorBase): pass
    raw, y = pair()
    got = get_loss('l1', codec)(raw.as_subclass(X), y.as_subclass(Y))
    assert type(got) is torch.Tensor and torch.allclose(got, F.l1_loss(raw, y))

def test_pickles(codec):
    raw, y = pair()
    f = get_loss('smooth_l1', codec, beta=.3)
    assert torch.allclose(pickle.loads(pickle.dumps(f))(raw, y), f(raw, y))

def test_callable_is_returned(codec):
    f = lambda raw, y: (raw - y).abs().max()
    assert get_loss(f, codec) is f
    m = nn.MSELoss()
    assert get_loss(m, codec) is m

def test_own_function(codec, registry):
    @register_loss('largest', source='here')
    def largest(pred, y, p=1): return (pred - y).abs().flatten(1).amax(1)**p
    raw, y = pair()
    assert 'largest' in list_losses(codec) and get_loss('largest', codec, p=2)(raw, y) == ((raw - y).abs().flatten(1).amax(1)**2).mean()

def test_own_module_with_weights(codec, registry):
    @register_loss('learned')
    class Learned(nn.Module):
        def __init__(self, codec, start=1.):
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(start)*codec.n_out)
        def forward(self, pred, y): return self.scale*(pred - y)**2
    raw, y = pair()
    f = get_loss('l1 + learned', codec)
    assert len(list(f.parameters())) == 1 and torch.allclose(f(raw, y), F.l1_loss(raw, y) + 2*F.mse_loss(raw, y))
    assert torch.allclose(get_loss('learned', codec, start=3.)(raw, y), 6*F.mse_loss(raw, y))

@pytest.mark.parametrize('loss,kw,words', [
    ('l3', {}, ["'l3'", 'smooth_l1']),
    ('', {}, ['cannot read']),
    ('l1 - l2', {}, ['cannot read']),
    ('2*l1 + l9', {}, ["'l9'"]),
    ('l1 + l2', dict(beta=1), ['beta']),
    (nn.MSELoss, {}, ['MSELoss']),
    (None, {}, ['None'])])
def test_readable_errors(codec, loss, kw, words):
    with pytest.raises(ValueError) as e: get_loss(loss, codec, **kw)
    assert all(w in str(e.value) for w in words) and '\n' not in str(e.value)

def test_wrong_pairing(registry):
    register_loss('cross', 'classification')(lambda pred, y: F.cross_entropy(pred, y, reduction='none'))
    with pytest.raises(ValueError, match="'l2' is for regression codecs.*Cells.*fit: ce, cross"): get_loss('l2', Cells())
    with pytest.raises(ValueError, match="'cross' is for classification codecs.*LabAB.*l1, l2"): get_loss('cross', LabAB())
    assert list_losses(Cells()) == ['ce', 'cross'] and 'cross' in list_losses()

def test_l2_is_minimized_by_the_mean_and_l1_by_the_median(codec):
    y = torch.tensor([[.5, .2]]*6 + [[-.4, -.3]]*4)[..., None, None]
    def best(name):
        raw = torch.zeros(1, 2, 1, 1, requires_grad=True)
        opt = torch.optim.SGD([raw], lr=.5)
        sched = torch.optim.lr_scheduler.LinearLR(opt, 1, 0, 400)
        for _ in range(400):
            opt.zero_grad()
            get_loss(name, codec)(raw.expand_as(y), y).backward()
            opt.step()
            sched.step()
        return raw.detach()[0]
    assert torch.allclose(best('l2'), y.mean(0), atol=.01) and torch.allclose(best('l1'), y[0], atol=.03)


# --- classes

from colorize_nb.color.classes import ChannelBins
from colorize_nb.color.classes import JointBins, class_weights, collapse

@pytest.fixture
def joint(): return JointBins(grid=20)

def photos(n=2, size=6): return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(3))

def test_ce_of_channel_bins_matches_torch():
    bins = ChannelBins(10)
    y, raw = bins.encode(photos())[1], torch.randn(2, 20, 6, 6)
    want = (F.cross_entropy(raw[:,:10], y[:,0]) + F.cross_entropy(raw[:,10:], y[:,1]))/2
    assert torch.allclose(get_loss('ce', bins)(raw, y), want)

def test_ce_and_soft_ce_of_joint_bins_match_torch(joint):
    y, raw = joint.encode(photos())[1], torch.randn(2, joint.n, 6, 6)
    dense = joint.probs(y)
    assert torch.allclose(get_loss('soft_ce', joint)(raw, y), F.cross_entropy(raw, dense), atol=1e-5)
    assert torch.allclose(get_loss('ce', joint)(raw, y), F.cross_entropy(raw, dense.argmax(1)), atol=1e-5)

def test_rebalanced_ce_by_hand():
    two = JointBins(centers=[[0.,0.], [50.,50.]], k=1).with_prior([.8, .2])
    v = 1/(.5*torch.tensor([.8,.2])+.25)
    v = v/(torch.tensor([.8,.2])*v).sum()
    y = torch.tensor([[0.,1.], [1.,1.]])[:,:,None,None] # a pixel of each class, weight 1
    got = get_loss('rebalanced_ce', two)(torch.zeros(2, 2, 1, 1), y)
    assert torch.allclose(got, v.mean()*torch.tensor(2.).log()) and torch.allclose(class_weights(two.prior), v)
    assert torch.allclose(get_loss('rebalanced_ce', two, lam=1.)(torch.zeros(2, 2, 1, 1), y), torch.tensor(2.).log())

@pytest.mark.parametrize('name', ['ce','soft_ce','rebalanced_ce'])
def test_gradients_in_float64(joint, name):
    joint = joint.with_prior(torch.softmax(-joint.centers.norm(dim=1)/30, 0))
    y = joint.encode(photos(1, 3))[1].double()
    loss = get_loss(name, joint)
    assert torch.autograd.gradcheck(lambda raw: loss(raw, y), torch.randn(1, joint.n, 3, 3, dtype=torch.float64, requires_grad=True))

@pytest.mark.parametrize('name', ['l2','half_sum','smooth_l1','huber'])
def test_regression_gradients_in_float64(codec, name):
    y = torch.randn(1, 2, 3, 3, dtype=torch.float64)*.3
    raw = torch.randn(1, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda raw: get_loss(name, codec)(raw, y), raw)

@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_classes_in_half_precision_are_computed_in_float32(joint, dtype):
    y, raw = joint.encode(photos())[1], 8*torch.randn(2, joint.n, 6, 6)
    with torch.autocast('cpu', torch.bfloat16): got = get_loss('soft_ce', joint)(raw.to(dtype), y)
    assert got.dtype==torch.float32 and torch.allclose(got, get_loss('soft_ce', joint)(raw.to(dtype).float(), y))

def test_smaller_prediction_of_classes(joint):
    y = joint.encode(photos(1, 8))[1]
    assert get_loss('soft_ce', joint)(torch.randn(1, joint.n, 4, 4), y).isfinite()

def test_half_sum_matches_koalarization(codec):
    raw, y = pair()
    assert torch.allclose(get_loss('half_sum', codec)(raw, y), ((raw-y)**2).sum()/(2*8*8)/3)

@pytest.mark.parametrize('name,which,fits', [
    ('l2', JointBins(), 'soft_ce'),
    ('soft_ce', ChannelBins(), 'ce'),
    ('ce', LabAB(), 'smooth_l1'),
    ('perceptual', JointBins(), 'rebalanced_ce')])
def test_a_wrong_pair_suggests_a_loss(name, which, fits):
    with pytest.raises(ValueError, match=fits) as e: get_loss(name, which)
    assert '\n' not in str(e.value)

def test_a_missing_prior_raises_an_error(joint):
    with pytest.raises(ValueError, match='color_prior'): get_loss('rebalanced_ce', joint)

def test_temperature_zero_is_the_mode(joint):
    p = torch.softmax(3*torch.randn(1, joint.n, 4, 4), 1)
    assert torch.equal(collapse(p, joint.centers, 'annealed', 0), collapse(p, joint.centers, 'mode'))


# --- the registry

def test_losses_are_registered_by_function_name(registry):
    @register_loss
    def nearest(pred, y): return (pred - y).abs()
    @register_loss(kind='any', source='nowhere')
    def nearly(pred, y): return (pred - y).abs()
    assert list_losses('near*') == ['nearest', 'nearly'] and list_losses('near*', Cells()) == ['nearly']
    row, = [r for r in losses.describe_losses('nearly').rows]
    assert row['loss'] == 'nearly' and row['codecs'] == 'any' and row['source'] == 'nowhere'

def test_replacing_a_loss_warns_unless_its_cell_is_run_again(registry, recwarn):
    def mine(pred, y): return pred - y
    register_loss(mine)
    register_loss(mine)
    assert not recwarn.list
    with pytest.warns(UserWarning, match="the loss 'l1' of colorize_nb.train.losses is replaced"): register_loss('l1')(mine)

def test_every_loss_is_described():
    rows = losses.describe_losses().rows
    assert len(rows) == len(list_losses())
    assert all(r['about'] and r['source'] for r in rows if r['loss'] in ('l1','l2','ce','perceptual','colorfulness'))
