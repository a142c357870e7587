"Metrics match other libraries and known values. Also tests baselines, tables, intervals, and metrics during training."
import math
from types import SimpleNamespace
import numpy as np, pytest, torch
from skimage import color as sk
from skimage.metrics import peak_signal_noise_ratio

from colorize_nb.color.classes import ChannelBins
from colorize_nb.color.codecs import LabAB
from colorize_nb.color.metrics import *
from colorize_nb.color.space import rgb2lab
from colorize_nb.core.show import Results
from colorize_nb.train.metrics import ColorMetric, color_metrics

def u8(t): return (t.movedim(-3, -1).numpy()*255).round().astype('u1')

@pytest.fixture
def photos():
    g = torch.Generator().manual_seed(1)
    small = torch.rand(6, 3, 5, 6, generator=g)
    return through_8bit(torch.nn.functional.interpolate(small, size=(20, 24), mode='bilinear'))

@pytest.fixture
def pred(photos): return through_8bit(photos.flip(0)*.5 + photos*.5)

def test_psnr(pred, photos):
    want = [peak_signal_noise_ratio(a, b) for a,b in zip(u8(photos), u8(pred))]
    assert np.allclose(psnr(pred, photos), want, atol=1e-3)
    assert psnr(photos, photos).tolist() == [math.inf]*6
    assert torch.equal(psnr(pred + 1e-4, photos), psnr(pred, photos)) # rounded away in 8 bits

def test_psnr_of_noise_does_not_wrap():
    a,b = (through_8bit(torch.rand(1, 3, 200, 200)) for _ in range(2))
    assert abs(psnr(a, b).item() - 7.78) < .1

def test_ab_errors(pred, photos):
    p,t = (sk.rgb2lab(o.movedim(1, -1).double().numpy())[..., 1:]/128 for o in (pred, photos))
    assert np.allclose(mse_ab(pred, photos), ((p - t)**2).mean((1, 2, 3)), atol=1e-6)
    assert np.allclose(mae_ab(pred, photos), np.abs(p - t).mean((1, 2, 3)), atol=1e-5)

def test_ciede(pred, photos):
    want = [sk.deltaE_ciede2000(sk.rgb2lab(a), sk.rgb2lab(b)).mean() for a,b in zip(u8(photos), u8(pred))]
    assert np.allclose(ciede(pred, photos), want, atol=2e-3)
    assert ciede(photos, photos).max() == 0

def m3(im, f=lambda o: o):
    r,g,b = im.astype('f8').reshape(-1, 3).T
    rg, yb = f(r - g), f((r + g)/2 - b)
    return np.hypot(rg.std(), yb.std()) + .3*np.hypot(rg.mean(), yb.mean())

def test_colorfulness(photos):
    assert np.allclose(colorfulness(photos), [m3(o) for o in u8(photos)], atol=1e-2)
    assert np.allclose(colorfulness_abs(photos), [m3(o, np.abs) for o in u8(photos)], atol=1e-2)

def test_colorfulness_known_values():
    half = torch.zeros(1, 3, 10, 10)
    half[:, 0, :, :5] = half[:, 1, :, 5:] = 1
    noise = torch.rand(1, 3, 500, 500)
    assert abs(colorfulness(half).item() - 293.25) < .01 and abs(colorfulness_abs(half).item() - 85.53) < .01
    sd = 255/12**.5 # R, G, and B are independent and uniform, so the variances are 2 and 3/2 of theirs
    assert abs(colorfulness(noise).item() - sd*3.5**.5) < 1 # 137.7 without the means, which are 0
    assert 110 < colorfulness_abs(noise).item() < 118
    assert colorfulness(torch.full((1, 3, 4, 4), .3)).item() == 0

@pytest.mark.parametrize('level,z', [(.95, 1.960), (.9, 1.645), (.5, .6745)])
def test_bootstrap_interval_has_its_level(level, z):
    "For many numbers, the bootstrap interval of a mean is close to the normal interval, mean +- z sd/sqrt(n)."
    x = torch.randn(4000, generator=torch.Generator().manual_seed(3))*5 + 2
    half = z*x.std(unbiased=False).item()/len(x)**.5
    low, high = bootstrap_interval(x, level)
    assert (high - low)/2 == pytest.approx(half, rel=.05) # 90% instead of 95% would be 16% off
    assert (high + low)/2 == pytest.approx(x.mean().item(), abs=.15*half)

def test_bootstrap_interval_of_nothing():
    with pytest.raises(ValueError, match='x is empty'): bootstrap_interval(torch.zeros(0))

def test_bootstrap_interval_covers_the_true_mean():
    "About 95% of the intervals contain the true mean."
    g = torch.Generator().manual_seed(0)
    hits = 0
    for i in range(400):
        low, high = bootstrap_interval(torch.rand(60, generator=g), n=400, seed=i)
        hits += low <= .5 <= high
    assert .915 < hits/400 < .975

def test_bootstrap_interval_options():
    x = torch.rand(20, generator=torch.Generator().manual_seed(0))
    assert bootstrap_interval(x) == bootstrap_interval(x, seed=0) != bootstrap_interval(x, seed=1)
    few = bootstrap_interval(x, n=10)
    assert few != bootstrap_interval(x) and few[0] <= few[1]
    assert bootstrap_interval(torch.full((7,), 3.)) == (3, 3)

@pytest.mark.parametrize('f', [mse_ab, mae_ab, psnr, ciede])
def test_pairs(f, pred, photos):
    assert f(pred, photos).shape == (6,) and torch.allclose(f(pred, photos)[2:3], f(pred[2:3], photos[2:3]), atol=1e-5)
    with pytest.raises(ValueError, match=r'\(6, 3, 20, 24\).*\(5, 3, 20, 24\)'): f(pred, photos[:5])

@pytest.mark.parametrize('f', [colorfulness, colorfulness_abs])
def test_singles(f, photos): assert f(photos).shape == (6,) and torch.allclose(f(photos)[:1], f(photos[:1]))

def test_baselines(photos):
    gray = gray_baseline(photos)
    assert colorfulness(gray).max() < .2 and (rgb2lab(gray)[:, 0] - rgb2lab(photos)[:, 0]).abs().max() < .02
    mean = dataset_mean_ab(photos.split(4))
    assert mean.shape == (2,) and torch.allclose(mean, rgb2lab(photos)[:, 1:].mean((0, 2, 3)), atol=1e-3)
    brown = rgb2lab(mean_color_baseline(photos, mean))
    assert (brown[:, 0] - rgb2lab(photos)[:, 0]).abs().max() < .05 and (brown[:, 1:] - mean.view(1, 2, 1, 1)).abs().median() < .05
    assert mse_ab(mean_color_baseline(photos, mean), photos).mean() < mse_ab(gray, photos).mean()
    assert torch.equal(mean_color_baseline(photos, mean.tolist()), mean_color_baseline(photos, mean))
    assert (mean_color_baseline(photos, [90, 90]) <= 1).all()

def test_mean_color_weights_photos_equally(photos):
    sizes = [photos[:1], photos[1:2, :, :10]]
    want = torch.stack([rgb2lab(o)[0, 1:].mean((1, 2)) for o in sizes]).mean(0)
    assert torch.allclose(dataset_mean_ab(sizes), want, atol=1e-4)
    with pytest.raises(ValueError, match='needs photos'): dataset_mean_ab([])

def test_through_8bit(photos):
    assert torch.equal(through_8bit(photos), photos) and torch.equal(through_8bit(photos, LabAB()), photos)
    assert torch.equal(through_8bit(photos + .4/255*torch.rand_like(photos)), photos)
    assert through_8bit(torch.tensor([-1., 2.])).tolist() == [0, 1]
    rough = through_8bit(photos, ChannelBins(10)) # chroma of -90, -70, ... 90
    ab = rgb2lab(rough)[:, 1:]
    assert ciede(rough, photos).mean() > 2 and (ab/20 - .5 - (ab/20 - .5).round()).abs().median() < .05

def test_table(photos, pred):
    r = evaluate(photos.split(4), {'gray': gray_baseline, 'same': lambda o: o}, note='6 <photos>')
    assert [o['n'] for o in r.rows] == [6, 6] and list(r.rows[0]) == ['', 'psnr', 'ciede', 'colorfulness', 'n']
    assert r.rows[0]['ciede'] == pytest.approx(ciede(through_8bit(gray_baseline(photos)), photos).mean().item(), abs=1e-4)
    md = r.to_markdown().splitlines()
    assert md[0] == '|  | psnr | ciede | colorfulness | n |'
    assert md[1].startswith('| --- | ---: |')
    assert md[2].startswith('| gray |')
    assert md[-1] == '6 &lt;photos&gt;'
    assert '<td>gray</td>' in r._repr_html_() and '6 &lt;photos&gt;' in r._repr_html_() and 'inf' in r._repr_html_()
    one = evaluate([photos], {'x': lambda rgb: pred}, [mae_ab]).rows[0]
    assert one['mae_ab'] == pytest.approx(mae_ab(pred, photos).mean().item())
    with pytest.raises(ValueError, match='gray: there are no photos'): evaluate([], {'gray': gray_baseline})

def test_results_with_gaps():
    r = Results([{'a': 1, 'b': 2.34567}, {'a': 3, 'c': None}])
    assert r.to_markdown() == '| a | b | c |\n| --- | ---: | ---: |\n| 1 | 2.346 |  |\n| 3 |  |  |'

def run(mets, x, raw, y, sizes):
    for m in mets: m.reset()
    for a,b,c in zip(x.split(sizes), raw.split(sizes), y.split(sizes)):
        for m in mets: m.accumulate(SimpleNamespace(x=a, pred=b, y=c))
    return {m.name: m.value for m in mets}

@pytest.mark.parametrize('tanh', [False, True])
def test_streaming_gives_the_mean_over_photos(photos, tanh):
    codec = LabAB(tanh=tanh)
    x,y = codec.encode(photos)
    raw = torch.randn(6, 2, 10, 12)*.2
    want = {f.__name__: f(codec.decode(x, codec.activate(raw)), photos).mean().item() for f in (psnr, ciede)}
    for sizes in ([6], [4, 2], [1, 5]):
        got = run(color_metrics(codec), x, raw, y, sizes)
        assert got['psnr'] == pytest.approx(want['psnr'], abs=.02) and got['ciede'] == pytest.approx(want['ciede'], abs=1e-3)
        assert set(got) == {'psnr', 'ciede', 'colorfulness'}

def test_streaming_names_and_reset(photos):
    codec = LabAB()
    x,y = codec.encode(photos)
    m = ColorMetric(colorfulness, codec, name='of the prediction')
    first = run([m], x, torch.zeros_like(y), y, [6])
    assert first == {'of the prediction': pytest.approx(0, abs=.2)}
    assert run([m], x, y, y, [6])['of the prediction'] == pytest.approx(colorfulness(photos).mean().item(), abs=.01)
    m.reset()
    assert m.value is None

def test_metrics_share_one_decoding(photos):
    class Counting(LabAB):
        n = 0
        def decode(self, *a, **k):
            Counting.n += 1
            return super().decode(*a, **k)
    codec = Counting()
    x,y = codec.encode(photos)
    run(color_metrics(codec), x, torch.zeros_like(y), y, [4, 2])
    assert Counting.n == 4

def test_inside_a_learner(photos):
    from fastai.data.core import DataLoaders
    from fastai.data.load import DataLoader
    from fastai.learner import Learner
    from fastai.torch_core import TensorBase
    import fastai.callback.progress
    from colorize_nb.train.losses import get_loss
    class X(TensorBase): pass
    class Y(TensorBase): pass
    codec = LabAB()
    x,y = codec.encode(photos)
    items = list(zip(x.as_subclass(X), y.as_subclass(Y)))
    dls = DataLoaders(*(DataLoader(items, bs=4, num_workers=0) for _ in range(2)), device='cpu')
    learn = Learner(dls, torch.nn.Conv2d(1, 2, 3, padding=1), loss_func=get_loss('l1', codec), metrics=color_metrics(codec))
    with learn.no_bar(), learn.no_logging():
        loss, p, c, _ = learn.validate()
        with torch.no_grad(): out = codec.decode(x, learn.model(x))
        assert p == pytest.approx(psnr(out, photos).mean().item(), abs=.02)
        assert c == pytest.approx(ciede(out, photos).mean().item(), abs=1e-3)
        learn.fit(1, 1e-3)
    assert learn.recorder.metric_names == ['epoch', 'train_loss', 'valid_loss', 'psnr', 'ciede', 'colorfulness', 'time']

def test_frechet_matches_the_textbook_formula():
    "Compare with scipy's matrix square root, with more photos than features and with fewer."
    from scipy.linalg import sqrtm
    from colorize_nb.color.metrics import frechet
    import numpy as np
    g = torch.Generator().manual_seed(1)
    for n in (60, 5):
        x, y = torch.randn(n, 7, generator=g), 1.5*torch.randn(n+3, 7, generator=g)+.3
        s, t = (np.cov(v.numpy().T) for v in (x, y))
        root = np.real(np.trace(sqrtm(s@t)))
        expected = ((x.mean(0)-y.mean(0))**2).sum().item()+np.trace(s)+np.trace(t)-2*root
        assert abs(frechet(x, y)-expected)<1e-3*max(1, expected)

def test_the_limit_removes_most_of_the_bias():
    from colorize_nb.color.metrics import frechet, frechet_limit
    g = torch.Generator().manual_seed(2)
    x, y = (torch.randn(200, 20, generator=g) for _ in range(2))
    limit, sizes, means = frechet_limit(x, y)
    assert means==sorted(means, reverse=True) and sizes[-1]==200 and abs(limit)<frechet(x, y)/2
    assert abs(frechet_limit(x, y+1)[0]-20)<2 # a shift of 1 in 20 dimensions

def test_repeats_of_the_frechet_limit_are_averaged():
    "The mean of 16 independent samples has a quarter of the standard deviation of one sample."
    from colorize_nb.color.metrics import frechet_limit
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(400, 3, generator=g), torch.randn(400, 3, generator=g)+1
    def spread(repeats): return np.std([frechet_limit(x, y, (10, 20), repeats, seed)[2][0] for seed in range(40)])
    assert spread(16)/spread(1)==pytest.approx(.25, abs=.1)
