"Further measures, each on a case whose answer is known."
import numpy as np, pytest, torch

from colorize_nb.color.classes import ChannelBins
from colorize_nb.color.classes import JointBins, color_prior
from colorize_nb.color.codecs import LabAB
from colorize_nb.color.metrics import *
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

def test_balanced_auc_weighs_the_rare_colour():
    true = torch.cat([flat(size=12), flat(a=60., b=40., size=12)], 3)[...,:16] # 3 quarters gray, 1 quarter red
    codec = JointBins(k=1)
    codec = codec.with_prior(color_prior(codec, [true], sigma=0))
    gray = flat(size=12)[...,:1].expand(1,3,12,16)
    err = (rgb2lab(true)[:,1:,0,-1]-rgb2lab(gray)[:,1:,0,-1]).norm().item()
    low = 1-np.ceil(err)/150+.5/150 # trapezoid: the step lies between two whole numbers
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

def test_keras_accuracy_is_what_keras_computes():
    "categorical_accuracy on channels last: mean(argmax(y_true, -1) == argmax(y_pred, -1))."
    p, t = torch.randn(4, 2, 6, 6), torch.randn(4, 2, 6, 6)
    want = [(np.argmax(a.permute(1,2,0).numpy(), -1)==np.argmax(b.permute(1,2,0).numpy(), -1)).mean() for a,b in zip(t, p)]
    assert np.allclose(keras_accuracy(p, t), want)
    assert torch.equal(keras_accuracy(p*1000, t), keras_accuracy(p, t)), 'how large the values are plays no part'

def test_ssim_is_scikit_images(photos):
    from skimage.metrics import structural_similarity
    a, b = (o[0].permute(1,2,0).double().numpy() for o in (photos, photos.flip(0)))
    want = structural_similarity(a, b, channel_axis=2, data_range=1., gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
    assert ssim(photos[:1], photos.flip(0)[:1]).item()==pytest.approx(want, abs=1e-6)

@pytest.mark.parametrize('sigma', [1., 4.])
def test_chroma_noise_reads_the_noise(sigma):
    lab = rgb2lab(flat(size=96)).clone()
    lab[:,1:] += sigma*torch.randn(1, 2, 96, 96, generator=torch.Generator().manual_seed(2))
    assert chroma_noise(lab2rgb(lab)).item()==pytest.approx(sigma, rel=.06) and chroma_noise(flat()).item()<1e-2

def test_delta_colorfulness_conventions():
    from colorize_nb.color.metrics import colorfulness
    a, b = flat(a=40.), flat()
    cf = colorfulness(a).item()-colorfulness(b).item()
    assert delta_colorfulness([a, b], [b, a])==pytest.approx(0, abs=1e-4)
    assert delta_colorfulness([a, b], [b, a], 'photos')==pytest.approx(cf, abs=1e-3)

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
