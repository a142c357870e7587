"Losses by name: values against torch's own, gradients, sizes, dtypes, refusals, and behaviour inside fastai."
import pickle
import pytest, torch, torch.nn as nn, torch.nn.functional as F

from colorize_nb.codecs import Codec, LabAB
from colorize_nb.losses import ColorLoss, get_loss, list_losses, register_loss
import colorize_nb.losses as losses

class Cells(Codec): n_out, kind = 4, 'classification'

@pytest.fixture
def codec(): return LabAB()

@pytest.fixture
def registry(monkeypatch): monkeypatch.setattr(losses, '_losses', dict(losses._losses))

def pair(n=3, size=8): return torch.randn(n, 2, size, size)*.5, torch.randn(n, 2, size, size)*.3

@pytest.mark.parametrize('name,kw,ref', [('l2', {}, F.mse_loss), ('l1', {}, F.l1_loss), ('smooth_l1', dict(beta=.2), lambda p, y: F.smooth_l1_loss(p, y, beta=.2)),
                                         ('huber', dict(delta=.3), lambda p, y: F.huber_loss(p, y, delta=.3))])
def test_values(codec, name, kw, ref):
    raw, y = pair()
    assert torch.allclose(get_loss(name, codec, **kw)(raw, y), ref(raw, y))

@pytest.mark.parametrize('name', list_losses(LabAB()))
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

@pytest.mark.parametrize('loss,kw,words', [('l3', {}, ["'l3'", 'smooth_l1']), ('', {}, ['cannot read']), ('l1 - l2', {}, ['cannot read']), ('2*l1 + l9', {}, ["'l9'"]),
                                           ('l1 + l2', dict(beta=1), ['beta']), (nn.MSELoss, {}, ['MSELoss']), (None, {}, ['None'])])
def test_refusals(codec, loss, kw, words):
    with pytest.raises(ValueError) as e: get_loss(loss, codec, **kw)
    assert all(w in str(e.value) for w in words) and '\n' not in str(e.value)

def test_wrong_pairing(registry):
    register_loss('cross', 'classification')(lambda pred, y: F.cross_entropy(pred, y, reduction='none'))
    with pytest.raises(ValueError, match="'l2' is for regression codecs.*Cells.*fit: cross"): get_loss('l2', Cells())
    with pytest.raises(ValueError, match="'cross' is for classification codecs.*LabAB.*l1, l2"): get_loss('cross', LabAB())
    assert list_losses(Cells()) == ['cross'] and 'cross' in list_losses()

def test_l2_answers_with_the_mean_and_l1_with_the_median(codec):
    y = torch.tensor([[.5, .2]]*6 + [[-.4, -.3]]*4)[..., None, None]
    def best(name):
        raw = torch.zeros(1, 2, 1, 1, requires_grad=True)
        opt = torch.optim.SGD([raw], lr=.5)
        sched = torch.optim.lr_scheduler.LinearLR(opt, 1, 0, 400)
        for _ in range(400): opt.zero_grad(); get_loss(name, codec)(raw.expand_as(y), y).backward(); opt.step(); sched.step()
        return raw.detach()[0]
    assert torch.allclose(best('l2'), y.mean(0), atol=.01) and torch.allclose(best('l1'), y[0], atol=.03)
