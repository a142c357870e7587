"Test color conversions against other libraries and published tables: values, round trips, gradients, shapes, and errors."
import numpy as np, pytest, torch
from PIL import Image
from skimage import color as sk

from colorize_nb.color.space import *
from colorize_nb.color.space import _parts

def hwc(t): return t.movedim(-3, -1).numpy()
def px(*c, **kw): return torch.tensor(c, **kw).view(3, 1, 1)
def cube(step):
    v = torch.arange(0, 256, step).float()
    return torch.stack(torch.meshgrid(v, v, v, indexing='ij')).flatten(2)/255
def random_lab(*shape, dtype=torch.float32):
    g = torch.Generator().manual_seed(0)
    return (torch.rand(*shape, generator=g, dtype=dtype) - px(0., .5, .5, dtype=dtype))*px(100., 250., 250., dtype=dtype)

# Sharma, Wu, Dalal 2005, table 1: L1 a1 b1 L2 a2 b2 dE00
SHARMA = """50 2.6772 -79.7751 50 0 -82.7485 2.0425
50 3.1571 -77.2803 50 0 -82.7485 2.8615
50 2.8361 -74.02 50 0 -82.7485 3.4412
50 -1.3802 -84.2814 50 0 -82.7485 1
50 -1.1848 -84.8006 50 0 -82.7485 1
50 -0.9009 -85.5211 50 0 -82.7485 1
50 0 0 50 -1 2 2.3669
50 -1 2 50 0 0 2.3669
50 2.49 -0.001 50 -2.49 0.0009 7.1792
50 2.49 -0.001 50 -2.49 0.001 7.1792
50 2.49 -0.001 50 -2.49 0.0011 7.2195
50 2.49 -0.001 50 -2.49 0.0012 7.2195
50 -0.001 2.49 50 0.0009 -2.49 4.8045
50 -0.001 2.49 50 0.001 -2.49 4.8045
50 -0.001 2.49 50 0.0011 -2.49 4.7461
50 2.5 0 50 0 -2.5 4.3065
50 2.5 0 73 25 -18 27.1492
50 2.5 0 61 -5 29 22.8977
50 2.5 0 56 -27 -3 31.903
50 2.5 0 58 24 15 19.4535
50 2.5 0 50 3.1736 0.5854 1
50 2.5 0 50 3.2972 0 1
50 2.5 0 50 1.8634 0.5757 1
50 2.5 0 50 3.2592 0.335 1
60.2574 -34.0099 36.2677 60.4626 -34.1751 39.4387 1.2644
63.0109 -31.0961 -5.8663 62.8187 -29.7946 -4.0864 1.263
61.2901 3.7196 -5.3901 61.4292 2.248 -4.962 1.8731
35.0831 -44.1164 3.7933 35.0232 -40.0716 1.5901 1.8645
22.7233 20.0904 -46.694 23.0331 14.973 -42.5619 2.0373
36.4612 47.858 18.3852 36.2715 50.5065 21.2231 1.4146
90.8027 -2.0831 1.441 91.1528 -1.6435 0.0447 1.4441
90.9257 -0.5406 -0.9208 88.6381 -0.8985 -0.7239 1.5381
6.7747 -0.2908 -2.4247 5.8714 -0.0985 -2.2286 0.6377
2.0776 0.0795 -1.135 0.9033 -0.0636 -0.5514 0.9082"""
SHARMA = [list(map(float, l.split())) for l in SHARMA.splitlines()]

def test_lab_agrees_with_skimage():
    rgb = cube(5)
    want = sk.rgb2lab(hwc(rgb).astype('f8'))
    assert np.abs(hwc(rgb2lab(rgb)) - want).max() < 1e-3
    assert np.abs(hwc(rgb2lab(rgb.double())) - want).max() < 1e-3
    assert np.abs(hwc(lab2rgb(torch.tensor(want).movedim(-1, -3))) - hwc(rgb)).max() < 1e-4

@pytest.mark.parametrize('step', [3, pytest.param(1, marks=pytest.mark.slow)])
def test_8bit_colors_survive(step):
    for plane in cube(step).split(16, -2):                                    # 16.7 million colors at step 1
        assert torch.equal((lab2rgb(rgb2lab(plane))*255).round(), (plane*255).round())
        assert torch.equal((ycbcr2rgb(rgb2ycbcr(plane))*255).round(), (plane*255).round())

def test_published_pairs_are_copied_correctly():
    t = np.array(SHARMA)
    assert t.shape == (34, 7) and np.abs(sk.deltaE_ciede2000(t[:, :3], t[:, 3:6]) - t[:, 6]).max() < 1e-4

@pytest.mark.parametrize('dtype,tol', [(torch.float64, 1e-4), (torch.float32, 2e-4)])
@pytest.mark.parametrize('swap', [False, True])
def test_ciede2000_matches_all_34_published_pairs(swap, dtype, tol):
    t = torch.tensor(SHARMA, dtype=dtype).T[:, None]
    a,b = (t[3:6], t[:3]) if swap else (t[:3], t[3:6])
    assert (ciede2000(a, b) - t[6]).abs().max() < tol

@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_ciede2000_of_opposite_hues(dtype):
    "When the hues are exactly 180 degrees apart, the mean hue is (h1+h2)/2 (eq. 14). scikit-image rounds some of these wrong."
    angle = torch.arange(0., 180., dtype=torch.float64).deg2rad()
    a = torch.stack([torch.full_like(angle, 50), 2.5*angle.cos(), 2.5*angle.sin()])[:, None].float().double()
    C, x, y = 2.5, *a[1:, 0].numpy()
    x = x*(1.5 - .5*(C**7/(C**7 + 25**7))**.5)
    C, h = np.hypot(x, y), np.degrees(np.arctan2(y, x)) + 90
    deg = lambda v: np.cos(np.radians(v))
    T = 1 - .17*deg(h - 30) + .24*deg(2*h) + .32*deg(3*h + 6) - .2*deg(4*h - 63)
    want = 2*C/(1 + .015*C*T)
    b = a*px(1., -1., -1.)
    for p,q in ((a, b), (b, a)): assert np.abs(ciede2000(p.to(dtype), q.to(dtype))[0].numpy() - want).max() < 1e-4

def test_ciede2000_agrees_with_skimage():
    a,b = random_lab(3, 90, 90, dtype=torch.float64), random_lab(3, 90, 90, dtype=torch.float64).flip(-1)
    want = sk.deltaE_ciede2000(hwc(a), hwc(b))
    assert np.abs(ciede2000(a, b).numpy() - want).max() < 1e-6
    assert np.abs(ciede2000(a.float(), b.float()).numpy() - want).mean() < 1e-4
    assert ciede2000(a, a).max() == 0

@pytest.mark.parametrize('f', [rgb2lab, lab2rgb, rgb2ycbcr, ycbcr2rgb, lab2lch, lch2lab, clip_chroma, to_gamut, srgb2linear, linear2srgb])
@pytest.mark.parametrize('v', [0., 1., .04045, .5])
def test_gradients_finite(f, v):
    for x in (px(v, v, v), px(100*v, 0., 0.), px(v, 0., 1.)):
        x = x.expand(3, 2, 2).clone().requires_grad_()
        f(x).sum().backward()
        assert x.grad.isfinite().all()

def test_ciede2000_gradients_finite():
    for a,b in ((px(0., 0, 0), px(0., 0, 0)),
                (px(100., 0, 0), px(0., 0, 0)),
                (px(50., 0, 0), px(50., 30, 0)),
                (px(50., 20, 5), px(50., 20, 5))):
        a,b = a.clone().requires_grad_(), b.clone().requires_grad_()
        ciede2000(a, b).sum().backward()
        assert a.grad.isfinite().all() and b.grad.isfinite().all()

@pytest.mark.parametrize('f', [rgb2lab, lab2rgb])
def test_gradcheck(f):
    x = torch.rand(1, 3, 3, 3, dtype=torch.float64)*.8 + .1
    assert torch.autograd.gradcheck(f, (x if f is rgb2lab else rgb2lab(x)).requires_grad_())

def test_ciede2000_gradcheck():
    a,b = (rgb2lab(torch.rand(3, 3, 3, dtype=torch.float64)).requires_grad_() for _ in range(2))
    assert torch.autograd.gradcheck(ciede2000, (a, b))

def test_clip_chroma_keeps_lightness_and_hue():
    lab = random_lab(2, 3, 64, 64)
    out = clip_chroma(lab)
    was, now = lab2lch(lab), lab2lch(out)
    assert not in_gamut(lab).all() and in_gamut(out).all()
    assert torch.equal(out[:, 0], lab[:, 0])
    assert (now[:, 1] <= was[:, 1] + 1e-3).all() and ((now[:, 2] - was[:, 2]).sin().abs()*now[:, 1] < 1e-2).all()
    inside = in_gamut(lab)[:, None].expand_as(lab)
    assert torch.equal(out[inside], lab[inside])
    assert (rgb2lab(to_gamut(lab))[:, 0] - lab[:, 0]).abs().max() < .05
    more = torch.cat([out[:, :1], out[:, 1:]*1.02], 1)                        # 2% more chroma is out of gamut
    clipped, vivid = ~in_gamut(lab), now[:, 1] > 5
    assert (~in_gamut(more))[clipped & vivid].float().mean() > .99

@pytest.mark.parametrize('steps', [1, 3])
def test_clip_chroma_takes_that_many_steps(steps):
    lab = random_lab(3, 64, 64)
    scale = lab2lch(clip_chroma(lab, steps))[1]/lab2lch(lab)[1]*2**steps # whole numbers if it takes that many steps
    clipped = ~in_gamut(lab)
    assert (scale - scale.round())[clipped].abs().max() < 1e-3 and set(scale[clipped].round().tolist()) == set(range(2**steps))

def test_photos_in_gamut_are_unchanged():
    lab = rgb2lab(cube(15))
    assert in_gamut(lab).all() and clip_chroma(lab) is lab or torch.equal(clip_chroma(lab), lab)

@pytest.mark.parametrize('L', [-5., 0., 100., 130.])
def test_lightness_out_of_range(L):
    rgb = to_gamut(px(L, 40., 40.))
    assert rgb.isfinite().all() and (rgb >= 0).all() and (rgb <= 1).all()
    assert (rgb - (0. if L <= 0 else 1.)).abs().max() < 1e-3

def test_clip_clamps_channels():
    lab = random_lab(3, 20, 20)
    assert torch.equal(to_gamut(lab, 'clip'), lab2rgb(lab).clamp(0, 1))
    with pytest.raises(ValueError, match="'soft'"): to_gamut(lab, 'soft')

def test_ycbcr():
    rgb = torch.randint(0, 256, (3, 50, 50)).float()/255
    arr = (hwc(rgb)*255).round().astype('u1')
    pil = np.asarray(Image.fromarray(arr).convert('YCbCr')).astype('f4')
    assert np.abs(hwc(rgb2ycbcr(rgb))*255 - pil).max() < 1.01                 # pillow rounds
    studio = sk.rgb2ycbcr(arr)                                                # 16..235, 16..240
    full = (studio - [16, 128, 128])/[219, 224, 224] + [0, .5, .5]
    assert np.abs(hwc(rgb2ycbcr(rgb)) - full).max() < 1e-3

@pytest.mark.parametrize('shape', [(3, 1, 1), (3, 5, 7), (1, 3, 4, 4), (2, 2, 3, 4, 4), (2, 3, 200, 300), (0, 3, 4, 4)])
def test_shapes(shape):
    x = torch.rand(shape)
    for f in (rgb2lab, lab2rgb, rgb2ycbcr, ycbcr2rgb, lab2lch, lch2lab, clip_chroma, to_gamut): assert f(x).shape == shape
    for o in (in_gamut(x), ciede2000(x, x)): assert o.shape == shape[:-3] + shape[-2:]

def test_blocks_change_nothing():
    x = torch.rand(2, 3, 300, 301)
    assert torch.allclose(rgb2lab(x)[1, :, 37:40], rgb2lab(x[1, :, 37:40]), atol=1e-3)
    t = x.permute(0, 1, 3, 2)                                                 # not contiguous
    assert torch.allclose(rgb2lab(t), rgb2lab(x).permute(0, 1, 3, 2), atol=1e-3)
    c = x.contiguous(memory_format=torch.channels_last)
    assert torch.allclose(rgb2lab(c), rgb2lab(x), atol=1e-3)

@pytest.mark.parametrize('shape', [(3, 300, 301), (2, 3, 300, 301), (40, 3, 64, 64), (2, 5, 3, 90, 80), (3, 2, 200_000)])
def test_blocks_are_small_and_complete(shape):
    x = torch.rand(shape)
    parts = _parts(x, 65536)
    assert sum(p.numel() for p in parts)==x.numel() and all(p.numel()<=3*65536 or p.shape[-2]==1 for p in parts)
    for p in parts: p.zero_() # views
    assert not x.any()

@pytest.mark.parametrize('dtype,back', [
    (torch.float64,)*2, (torch.float32,)*2, (torch.float16, torch.float32), (torch.bfloat16, torch.float32)])
def test_dtypes(dtype, back):
    x = torch.rand(3, 4, 4).to(dtype)
    for f in (rgb2lab, lab2rgb, rgb2ycbcr, lab2lch): assert f(x).dtype == back
    assert ciede2000(rgb2lab(x), rgb2lab(x)).dtype == back

def test_inputs_unchanged():
    x = torch.rand(3, 8, 8)
    y = x.clone()
    for f in (rgb2lab, lab2rgb, rgb2ycbcr, ycbcr2rgb, lab2lch, lch2lab, clip_chroma, to_gamut, srgb2linear, linear2srgb): f(x)
    assert torch.equal(x, y)

def test_exact_under_autocast():
    x = torch.rand(3, 16, 16)
    with torch.autocast('cpu', dtype=torch.bfloat16): inside = rgb2lab(x)
    assert torch.allclose(inside, rgb2lab(x), atol=1e-4)

@pytest.mark.parametrize('bad,why', [(torch.zeros(3, 4, 4, dtype=torch.uint8), '/255'), (np.zeros((3, 4, 4)), 'ndarray')])
def test_wrong_type(bad, why):
    for f in (rgb2lab, lab2rgb, rgb2ycbcr):
        with pytest.raises(TypeError, match=f'{f.__name__}.*{why}'): f(bad)

@pytest.mark.parametrize('shape', [(4, 4, 3), (1, 1, 4, 4), (3, 4)])
def test_wrong_shape(shape):
    with pytest.raises(ValueError, match='3 channels at dim -3'): rgb2lab(torch.rand(shape))

@pytest.mark.skipif(not torch.cuda.is_available(), reason='no GPU')
def test_cuda():
    x = torch.rand(2, 3, 64, 64)
    assert torch.allclose(rgb2lab(x.cuda()).cpu(), rgb2lab(x), atol=1e-3)
    lab = random_lab(2, 3, 64, 64)
    assert torch.allclose(to_gamut(lab.cuda()).cpu(), to_gamut(lab), atol=1e-3)
