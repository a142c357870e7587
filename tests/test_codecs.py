"Codecs: round trips, published definitions, and values worked out by hand."
import json

import numpy as np, pytest, torch

from colorize_nb.color.classes import ChannelBins, density_bins
from colorize_nb.color.classes import JointBins, class_weights, collapse, color_prior, grid_centers
from colorize_nb.color.codecs import LabAB, RGB, YCbCr, codec_from_config
from colorize_nb.color.space import ciede2000, lab2rgb, rgb2lab
from colorize_nb.core.photo import bundled_photos, open_photo, to_tensor


@pytest.fixture(scope='module')
def rgb(): return torch.cat([to_tensor(open_photo(bundled_photos()[k]).resize((96,64))) for k in ('astronaut','coffee','chelsea')])


REGRESSION = [LabAB(), LabAB(110, 'unit', True), RGB(), RGB(tanh=True), YCbCr(), YCbCr(tanh=True)]
CLASSES = [ChannelBins(10), ChannelBins(30), ChannelBins(50), JointBins(5), JointBins(10), JointBins(20, k=1), JointBins(10, 'center')]


@pytest.mark.parametrize('codec', REGRESSION, ids=repr)
def test_regression_round_trip_is_exact(codec, rgb):
    x, y = codec.encode(rgb)
    assert x.shape==(3,codec.n_in,64,96) and y.shape==(3,codec.n_out,64,96)
    assert (codec.decode(x, y)-rgb).abs().max()<1/510
    assert (codec.ab(x, y)-rgb2lab(rgb)[:,1:]).abs().max()<.1
    lo, hi = (-1.001, 1.001) if not (isinstance(codec, RGB) and not codec.tanh) else (0, 1)
    assert y.min()>=lo and y.max()<=hi and x.min()>=-1.001 and x.max()<=1.001


@pytest.mark.parametrize('codec', CLASSES, ids=repr)
def test_classes_are_within_half_a_cell(codec, rgb):
    x, y = codec.encode(rgb)
    ab = codec.ab(x, y, **({'how':'mode'} if isinstance(codec, JointBins) else {}))
    off = (ab-rgb2lab(rgb)[:,1:]).abs().amax(1)
    half = codec._config.get('grid', 200/codec.n)/2 # half the cell's side
    assert (off<=half+.01).float().mean()>.99


@pytest.mark.parametrize('codec', REGRESSION+CLASSES, ids=repr)
def test_config_survives_json(codec):
    assert codec_from_config(json.loads(json.dumps(codec.config())))==codec


@pytest.mark.parametrize('codec', REGRESSION+CLASSES, ids=repr)
def test_raw_predictions_at_half_size_decode(codec, rgb):
    x, y = codec.encode(rgb)
    raw = torch.randn(3, codec.n_out, 32, 48)
    out = codec.decode(x, codec.activate(raw))
    assert out.shape==rgb.shape and out.min()>=0 and out.max()<=1
    assert codec.resize_target(y, (32,48)).shape[-2:]==(32,48)


def test_scaling_of_the_papers():
    x, y = LabAB(L_mode='unit').encode(torch.tensor([1.,0,0])[None,:,None,None])
    assert torch.allclose(torch.cat([x*100, y*128], 1).flatten(), torch.tensor([53.24, 80.09, 67.20]), atol=.02) # CIELAB of sRGB red


def test_uniform_bins_match_the_paper():
    "Stanford, section 4.2.2: 10 bins, each a range of 20 from -100 to 100."
    c = ChannelBins(10)
    assert c.edges[0].tolist()==[*range(-100,101,20)] and c.centers[1].tolist()==[*range(-90,91,20)] and c.n_out==20


def test_density_bins_have_equal_shares(rgb):
    c = density_bins(rgb.split(1), 10)
    y = c.encode(rgb)[1]
    share = torch.stack([(y==i).float().mean((0,2,3)) for i in range(10)])
    assert (share-.1).abs().max()<.02
    floor = lambda c: ciede2000(rgb2lab(c.decode(*c.encode(rgb))), rgb2lab(rgb)).mean()
    assert floor(c)<floor(ChannelBins(10))


def test_how_many_cells_srgb_reaches():
    assert len(grid_centers(10))==261 and len(grid_centers(10, 'center'))==229


def test_custom_centers(rgb):
    centers = np.array([(a,b) for a in (-20,0,20) for b in (-20,0,20)])
    c = JointBins(centers=centers, k=3)
    assert c.n==9 and codec_from_config(json.loads(json.dumps(c.config())))==c
    assert c.encode(rgb)[1].shape[1]==6


def test_soft_targets_match_zhang(rgb):
    c = JointBins(10)
    y = c.encode(rgb)[1]
    ab = rgb2lab(rgb)[:,1:].permute(0,2,3,1).reshape(-1,2).double()
    d = torch.cdist(ab, c.centers.double())
    want = torch.zeros_like(d).scatter(1, d.topk(5, largest=False).indices, 1)*(-d**2/50).exp()
    want = want/want.sum(1, keepdim=True)
    got = c.probs(y).permute(0,2,3,1).reshape(-1, c.n)
    assert (got-want).abs().sum(1).mean()<.01 # neighbors come from a table in steps of 0.5, so near ties may differ
    assert torch.equal(y[:,0].flatten().long(), d.argmin(1))
    assert y.shape[1]==10, 'a target should have k numbers and k weights per pixel'


def test_prior_and_weights_by_hand():
    c = JointBins(centers=[[0.,0.],[60.,40.]], k=1)
    gray, red = torch.full((1,3,4,4), .5), torch.tensor([.8,.2,.1])[None,:,None,None].expand(1,3,4,4)
    p = color_prior(c, [gray, gray, gray, red], sigma=0)
    assert torch.allclose(p, torch.tensor([.75,.25]))
    w = class_weights(p)
    a, b = 1/(.375+.25), 1/(.125+.25)
    assert torch.allclose(w, torch.tensor([a,b])/(.75*a+.25*b))
    s = color_prior(c, [gray, red], sigma=5.)
    assert torch.isclose(s.sum(), torch.tensor(1.))
    kept = codec_from_config(json.loads(json.dumps(c.with_prior(p).config())))
    assert torch.equal(kept.prior, p)


def test_limits_of_the_temperature():
    torch.manual_seed(0)
    p = (torch.randn(2, 9, 3, 3)*4).softmax(1)
    centers = torch.randn(9,2)*40
    at = lambda **k: collapse(p, centers, **k)
    assert torch.equal(at(T=0), at(how='mode')) and torch.allclose(at(T=1), at(how='mean'), atol=1e-4)
    assert torch.allclose(at(T=.002), at(how='mode'), atol=.5)
    d = [(at(T=t)-at(how='mean')).norm() for t in (1., .7, .38, .1)]
    assert d==sorted(d)


# --- each option, compared with numbers worked out by hand

def one_pixel(values): return torch.tensor(values)[None,:,None,None]

def test_channel_bins_how():
    "Two bins that decode to -50 and 50: .75 on the first gives the mode -50 and the mean -25."
    codec, logits = ChannelBins(2), one_pixel([.75,.25,.2,.8]).log()
    for how,want in (('mode', [-50,50]), ('mean', [-25,30])):
        assert codec.ab(None, logits, how=how).flatten().tolist()==pytest.approx(want, abs=1e-3)


@pytest.mark.parametrize('how,T,want', [('mode',.38,0), ('median',.38,10), ('mean',.38,13.5), ('annealed',1.,13.5),
                                        ('annealed',.5,10.797), ('annealed',.25,6.881), ('annealed',0.,0)])
def test_joint_bins_how_and_temperature(how, T, want):
    "Annealing with T=.5 squares .4, .35, and .25; T=.25 squares the squares."
    codec = JointBins(centers=[[0.,0.],[10.,-10.],[40.,-40.]], k=1)
    ab = codec.ab(None, one_pixel([.4,.35,.25]).log(), how=how, T=T).flatten().tolist()
    assert ab[0]==pytest.approx(want, abs=2e-3)
    if how!='median': assert ab[1]==pytest.approx(-want, abs=2e-3)


@pytest.mark.parametrize('sigma,want', [(5.,.1192), (10.,.3775)])
def test_sigma_of_targets_and_of_the_prior(sigma, want):
    "A gray pixel gives a cell at distance 10 the share e/(1+e), where e = exp(-100/2sigma²)."
    gray = torch.full((1,3,4,4), .5)
    cells = dict(centers=[[0.,0.],[10.,0.]])
    target = JointBins(**cells, k=2, sigma=sigma).encode(gray)[1]
    assert target[0,:2,0,0].tolist()==[0,1] and target[0,3,0,0].item()==pytest.approx(want, abs=2e-3)
    assert color_prior(JointBins(**cells, k=1), [gray], sigma=sigma)[1].item()==pytest.approx(want, abs=2e-3)


@pytest.mark.parametrize('lam,want', [(0.,[.625,2.5]), (.5,[.8537,1.5854]), (1.,[1,1])])
def test_lam_mixes_the_prior_with_equal_shares(lam, want):
    "Classes with shares .8 and .2: weights 1/.8 and 1/.2 for lam=0, 1/(.4+.25) and 1/(.1+.25) for .5, scaled to a mean of 1."
    assert class_weights(torch.tensor([.8,.2]), lam).tolist()==pytest.approx(want, abs=1e-4)


@pytest.mark.parametrize('codec', [ChannelBins(2), JointBins(centers=[[-50.,-50.],[50.,50.]], k=1)], ids=['channel','joint'])
def test_gamut_of_decoded_classes(codec):
    "sRGB has no such cyan at lightness 60. 'clip' does what scikit-image does, 'chroma' keeps the hue and the lightness."
    from skimage import color
    x, y = codec.x_from_L(torch.full((1,1,1,1), 60.)), torch.zeros(1, codec.n_out, 1, 1)
    y[:,::2] = 9. # the class with a = b = -50
    clipped, reduced = (codec.decode(x, y, gamut=gamut).flatten().numpy() for gamut in ('clip','chroma'))
    want = color.lab2rgb([60.,-50.,-50.])
    assert np.allclose(clipped, want, atol=2e-3) and np.allclose(codec.decode(x, y).flatten(), want, atol=2e-3)
    L, a, b = color.rgb2lab(reduced.astype(float))
    assert L==pytest.approx(60, abs=.3) and a==pytest.approx(b, abs=.3) and 10<-a<50


@pytest.mark.parametrize('make,message', [
    (lambda: ChannelBins(1), 'at least 2'),
    (lambda: ChannelBins(0), 'at least 2'),
    (lambda: ChannelBins(10,'log'), "'uniform' or 'density'"),
    (lambda: density_bins([], 10), 'needs photos'),
    (lambda: color_prior(JointBins(20), []), 'needs photos'),
    (lambda: JointBins(20, k=0), 'between 1 and'),
    (lambda: JointBins(20, sigma=0), 'above 0'),
    (lambda: class_weights(torch.ones(2)/2, 2), 'between 0'),
    (lambda: LabAB(L_mode='log'), "'sym'")])
def test_invalid_options_raise_readable_errors(make, message):
    with pytest.raises(ValueError, match=message): make()


def test_density_bins_of_a_single_color():
    c = density_bins([torch.full((1,3,8,8), .5)], 10)
    x, y = c.encode(torch.full((1,3,8,8), .5))
    assert (c.edges.diff(dim=1)>0).all() and (c.decode(x, y)-.5).abs().max()<.02


def test_the_registry_lists_describes_and_warns():
    import warnings
    from colorize_nb.color.codecs import Codec, describe_codecs, list_codecs, register_codec
    assert {'ChannelBins','JointBins','LabAB','RGB','YCbCr'} <= {*list_codecs()} and list_codecs('*Bins')==['ChannelBins','JointBins']
    kinds = {r['codec']: (r['kind'], r['channels out']) for r in describe_codecs().rows}
    assert kinds.items() >= {'ChannelBins': ('classification',20), 'JointBins': ('classification',261),
                   'LabAB': ('regression',2), 'RGB': ('regression',3), 'YCbCr': ('regression',2)}.items()
    assert [c.joint for c in (LabAB(), ChannelBins(), JointBins())]==[False, False, True]
    def other():
        class LabAB(Codec): "Another one."
        return LabAB
    with pytest.warns(UserWarning, match="'LabAB' of colorize_nb.color.codecs is replaced"): register_codec(other())
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        register_codec(type('Mine', (Codec,), {'__doc__': 'Mine.'}))
        register_codec(type('Mine', (Codec,), {'__doc__': 'Mine.'}))
    from colorize_nb.color import codecs
    codecs._codecs.remove('Mine'), codecs._codecs.remove('LabAB')
    register_codec(LabAB)


def test_bins_decode_to_midpoints_or_means():
    "Stanford's unbin() can be read both ways. With two bins from -100 to 100, midpoints are -50 and 50."
    green, red = (lab2rgb(torch.tensor([60.,a,10])[None,:,None,None].expand(1,3,4,4)) for a in (-30.,20))
    codec = ChannelBins(2)
    means = codec.with_means([green, red, red])
    for c,want in ((codec, (-50,50)), (means, (-30,20))):
        a = [c.ab(*c.encode(p))[0,0,0,0].item() for p in (green, red)]
        assert a==pytest.approx(want, abs=.1)
    assert means.centers[1,1].item()==pytest.approx(10, abs=.1) and means.centers[1,0]==-50 # an empty bin keeps its midpoint
    assert codec_from_config(json.loads(json.dumps(means.config())))==means!=codec


def test_replace_changes_only_what_is_given():
    prior = torch.ones(77)/77
    c = JointBins(20).with_prior(prior).replace(k=1)
    assert (c.k, c.sigma, c.n)==(1, 5., 77) and torch.equal(c.prior, prior)
    assert LabAB(110).replace(tanh=True)==LabAB(110, tanh=True) and YCbCr().replace()==YCbCr()
    with pytest.raises(TypeError): LabAB().replace(scale=110)


def test_codec_from_config_imports_the_module_of_a_codec():
    import subprocess, sys
    code = "from colorize_nb.color.codecs import codec_from_config as f; print(f({'name': 'JointBins', 'k': 1}).k)"
    assert subprocess.run([sys.executable, '-c', code], capture_output=True, text=True).stdout=='1\n'
