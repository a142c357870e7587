"The papers' metrics and the frontier, each with a known result."
import numpy as np, pytest, torch
from skimage import color as sk

from colorize_nb.color.classes import ChannelBins
from colorize_nb.color.classes import JointBins, color_prior
from colorize_nb.color.metrics import *
from colorize_nb.color.metrics import Frontier, saturate
from colorize_nb.color.space import lab2rgb, rgb2lab


def flat(L=50., a=0., b=0., size=16): return lab2rgb(torch.tensor([L,a,b])[None,:,None,None].expand(1,3,size,size))

@pytest.fixture
def photos():
    coarse = torch.rand(3, 3, 5, 5, generator=torch.Generator().manual_seed(1))
    return torch.nn.functional.interpolate(coarse, size=(24,24), mode='bilinear')

def test_closeness_is_the_frobenius_norm(photos):
    p, t = (rgb2lab(o)[:,1:].numpy()/128 for o in (photos, photos.flip(0)))
    assert np.allclose(closeness(photos, photos.flip(0)), [np.linalg.norm((a-b).ravel()) for a,b in zip(p, t)], rtol=1e-4)

def test_psnr_ab_of_a_known_shift(): assert psnr_ab(flat(a=20.), flat()).item()==pytest.approx(-10*np.log10(20**2/2/255**2), abs=1e-2)

@pytest.mark.parametrize('d', [3.5, 30.5, 60.5])
def test_auc_of_a_known_shift(d): assert auc_ab(flat(a=d), flat()).item()==pytest.approx((150-d)/150, abs=1e-3)

def test_balanced_auc_weights_rare_colors():
    true = torch.cat([flat(size=12), flat(a=60., b=40., size=12)], 3)[...,:16] # three quarters gray, one quarter red
    codec = JointBins(k=1)
    codec = codec.with_prior(color_prior(codec, [true], sigma=0))
    gray = flat(size=12)[...,:1].expand(1,3,12,16)
    err = (rgb2lab(true)[:,1:,0,-1]-rgb2lab(gray)[:,1:,0,-1]).norm().item()
    low = 1-np.ceil(err)/150+.5/150 # the trapezoid rule splits the step between two whole numbers
    assert auc_ab(gray, true).item()==pytest.approx(.75+.25*low, abs=.01)
    assert auc_ab(gray, true, codec).item()==pytest.approx(.5+.5*low, abs=.01)

def test_bin_accuracy_counts_both_channels():
    codec = ChannelBins(10)
    assert bin_accuracy(flat(a=30.), flat(), codec).item()==.5 and bin_accuracy(flat(), flat(), codec).item()==1.

def test_most_common_bin_by_hand():
    codec = ChannelBins(10)
    batches = [flat(size=4), flat(size=4), flat(a=30., size=4)]
    a = [codec.encode(b)[1][0,:,0,0].tolist() for b in batches]
    assert a[0][0]!=a[2][0] and a[0][1]==a[2][1]
    assert most_common_accuracy(batches, codec)==pytest.approx((2/3+1)/2)

def test_keras_accuracy_matches_its_definition():
    "categorical_accuracy on channels last: mean(argmax(y_true, -1) == argmax(y_pred, -1))."
    p, t = torch.randn(4, 2, 6, 6), torch.randn(4, 2, 6, 6)
    want = [(np.argmax(a.permute(1,2,0).numpy(), -1)==np.argmax(b.permute(1,2,0).numpy(), -1)).mean() for a,b in zip(t, p)]
    assert np.allclose(keras_accuracy(p, t), want)
    assert torch.equal(keras_accuracy(p*1000, t), keras_accuracy(p, t)), 'only the order of the channels should matter'

def test_ssim_matches_scikit_image(photos):
    from skimage.metrics import structural_similarity
    a, b = (o[0].permute(1,2,0).double().numpy() for o in (photos, photos.flip(0)))
    want = structural_similarity(a, b, channel_axis=2, data_range=1., gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
    assert ssim(photos[:1], photos.flip(0)[:1]).item()==pytest.approx(want, abs=1e-6)

@pytest.mark.parametrize('sigma', [1., 4.])
def test_chroma_noise_measures_the_noise(sigma):
    lab = rgb2lab(flat(size=96)).clone()
    lab[:,1:] += sigma*torch.randn(1, 2, 96, 96, generator=torch.Generator().manual_seed(2))
    assert chroma_noise(lab2rgb(lab)).item()==pytest.approx(sigma, rel=.06) and chroma_noise(flat()).item()<1e-2

@pytest.mark.parametrize('side', [3, 9])
def test_chroma_noise_has_a_window(side):
    "A ramp of a with slope 1 has a variance of side^2/12 in each window, with the correction for the sample."
    lab = rgb2lab(flat(size=40)).clone()
    lab[:,1] += torch.arange(40.)-20
    assert chroma_noise(lab2rgb(lab), side).item()==pytest.approx(side/24**.5, rel=.02)

def test_delta_colorfulness_has_both_meanings():
    "|mean CF(pred) - mean CF(true)| (DDColor) and mean |CF_i(pred) - CF_i(true)|, with M3 computed by hand."
    vivid, gray = (torch.tensor(c)[None,:,None,None].expand(1,3,4,4) for c in ((1.,0,0), (.5,.5,.5)))
    m3 = .3*np.hypot(255, 127.5) # one color: no variance, R-G = 255, (R+G)/2-B = 127.5
    assert delta_colorfulness([vivid, gray], [gray, vivid])==pytest.approx(0, abs=1e-3)
    assert delta_colorfulness([vivid, gray], [gray, vivid], 'photo')==pytest.approx(m3, rel=1e-4)
    assert delta_colorfulness([vivid, vivid], [gray, vivid])==pytest.approx(m3/2, rel=1e-4)
    half = torch.zeros(1, 3, 4, 4)
    half[:,0,:,:2] = half[:,1,:,2:] = 1
    assert delta_colorfulness(half, gray)==pytest.approx(293.25, abs=.01)
    assert delta_colorfulness(half, gray, fn=colorfulness_abs)==pytest.approx(85.53, abs=.01)

def sk_saturate(rgb, factor):
    "Multiply a and b by `factor` with scikit-image."
    lab = sk.rgb2lab(rgb.movedim(1, -1).double().numpy())
    lab[...,1:] *= factor
    return (np.clip(sk.lab2rgb(lab), 0, 1)*255).round()/255

@pytest.mark.parametrize('factor', [0., .5, 1., 2.])
def test_saturate_multiplies_the_chroma(photos, factor):
    muted = saturate(photos, .4) # far from the edge of the gamut
    got = rgb2lab(saturate(muted, factor))
    assert torch.allclose(got[:,1:], factor*rgb2lab(muted)[:,1:], atol=.1) and torch.allclose(got[:,:1], rgb2lab(muted)[:,:1], atol=.1)
    assert np.abs(saturate(photos, factor).movedim(1, -1).numpy()-sk_saturate(photos, factor)).max()<.003 # before rounding to 8 bits

def test_frontier_measures_every_saturation(photos):
    "Compare colorfulness and CIEDE2000 of each factor with numpy and scikit-image."
    true, factors = photos, (.3, 1., 1.7)
    pred = saturate(photos.flip(3), .5)
    f = frontier(pred, true, factors)
    for k,factor in enumerate(factors):
        shown, want = sk_saturate(pred, factor), true.movedim(1, -1).double().numpy()
        errors = [sk.deltaE_ciede2000(sk.rgb2lab(a), sk.rgb2lab(b)).mean() for a,b in zip(shown, want)]
        assert np.allclose(f.ciede[k], errors, atol=.02)
        r, g, b = shown.reshape(len(shown), -1, 3).transpose(2, 0, 1)*255
        rg, yb = r-g, (r+g)/2-b
        m3 = np.hypot(rg.std(1), yb.std(1)) + .3*np.hypot(rg.mean(1), yb.mean(1))
        assert f.colorfulness[k].item()==pytest.approx(m3.mean(), abs=.1)

def test_frontier_interpolates_and_compares():
    f = Frontier((0., 1., 2.), torch.tensor([0., 20., 60.]), torch.tensor([[10., 8.], [6., 7.], [12., 15.]]))
    assert f.at(20).tolist()==[6, 7] and f.at(40).tolist()==[9, 11] and f.at(5).tolist()==[9, 7.75]
    other = Frontier((0., 1., 2.), torch.tensor([0., 10., 40.]), torch.tensor([[10., 8.], [4., 9.], [7., 12.]]))
    assert torch.allclose(f.gain(other), torch.tensor([6., 7.])-torch.tensor([5., 10.])) # colorfulness 20: a third of the way
    for outside in (-1, 61):
        with pytest.raises(ValueError, match='outside the measured range'): f.at(outside)

def test_fid_of_a_feature_with_known_moments():
    pytest.importorskip('torchmetrics')
    pytest.importorskip('torch_fidelity')
    class MeanColor(torch.nn.Module):
        def forward(self, x): return x.float().mean((2,3))
    g = torch.Generator().manual_seed(0)
    base = (torch.rand(400, 3, 1, 1, generator=g)*100+50).round()/255
    batch = lambda shift: (base+shift/255).expand(-1,-1,8,8)
    same, moved = (fid([batch(s)], [batch(0)], MeanColor()) for s in (0, 10))
    assert same['value']==pytest.approx(0, abs=1e-2) and moved['value']==pytest.approx(3*10**2, rel=.01) # |difference of means|^2
    assert 'torchmetrics' in moved['backend'] and moved['n']==[400,400]

def test_lpips_and_fid_without_torchmetrics(monkeypatch, photos):
    import sys
    monkeypatch.setitem(sys.modules, 'torchmetrics', None)
    for f in (lambda: lpips(photos, photos), lambda: fid([photos], [photos])):
        with pytest.raises(ImportError, match='quality'): f()
