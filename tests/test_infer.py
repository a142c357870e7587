"Colorizing photos: shapes, lightness, options, batches, and errors."
import os

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from colorize_nb.color.classes import JointBins
from colorize_nb.color.codecs import LabAB, RGB, YCbCr
from colorize_nb.color.space import in_gamut, rgb2lab
from colorize_nb.core.photo import PhotoError, bundled_photos, open_photo, to_tensor
from colorize_nb.models.layers import create_model
from colorize_nb.infer.colorizer import Colorizer, ColorizeMemoryError, load_colorizers
from colorize_nb.infer.paint import enlarge_chroma, lightness, paint, small_copy
from colorize_nb.models.store import StoreError, save_model


class Constant(nn.Module):
    "Predict the same values everywhere."
    def __init__(self, *y):
        super().__init__()
        self.y = torch.tensor(y)[None,:,None,None]
    def forward(self, x): return self.y.expand(len(x), -1, x.shape[-2]//2, x.shape[-1]//2)


class RecordInput(nn.Module):
    "Predict zero chroma and remember the input."
    def forward(self, x):
        self.x = x
        return torch.zeros(len(x), 2, *x.shape[-2:])


TINY = dict(widths=(8,16,32), depths=(0,1,1))

@pytest.fixture(scope='module')
def shipped(): return Colorizer.load('shipped')

@pytest.fixture(scope='module')
def coffee(): return open_photo(bundled_photos()['coffee'])

def constant(a, b): return Colorizer(Constant(a, b), LabAB(ab_scale=1.))

def mid_gray(): return Image.new('L', (64,48), 119) # L is about 50

def mean_ab(result): return rgb2lab(to_tensor(result.image))[0,1:].mean((1,2))


def test_lightness_equals_cielab():
    a = np.random.default_rng(0).integers(0, 256, (40,50,3)).astype(np.uint8)
    assert (lightness(a)-rgb2lab(to_tensor(a))[:,:1]).abs().max()<1e-2


def test_gray_images_can_be_painted():
    painted = paint(mid_gray(), torch.tensor([10., -5.])[None,:,None,None].expand(-1,-1,24,32))
    assert (lightness(mid_gray())-50).abs().max()<.1
    assert torch.allclose(rgb2lab(to_tensor(painted))[0].mean((1,2)), torch.tensor([50., 10., -5.]), atol=.5)


def test_photo_keeps_its_lightness_and_gets_the_predicted_chroma(coffee):
    ab = (12., 15.)
    out = constant(*ab)(coffee)
    L, after = rgb2lab(to_tensor(coffee))[:,:1], rgb2lab(to_tensor(out.image))
    displayable = in_gamut(torch.cat([L, torch.tensor(ab)[None,:,None,None].expand(-1,-1,*L.shape[-2:])], 1))
    assert displayable.float().mean()>.5
    assert (after[:,:1]-L)[:,0][displayable].abs().max()<.75 # rounding three channels to 8 bits moves L by up to about 0.6
    assert (after[0,1:].permute(1,2,0)[displayable[0]]-torch.tensor(ab)).abs().mean()<.8


@pytest.mark.parametrize('size', [(1,1), (31,500), (500,31), (3000,8), (127,129)])
def test_result_has_the_size_of_the_photo(shipped, size):
    assert shipped(Image.new('RGB', size, 'gray')).image.size==size


def test_small_copy_keeps_the_aspect_ratio():
    assert small_copy(Image.new('L', (400,300)), 150).size==(200,150)
    assert small_copy(Image.new('L', (300,400)), 150).size==(150,200)
    assert max(small_copy(Image.new('L', (10000,10)), 128).size)<=12*128


def test_padding_repeats_the_edge():
    model = RecordInput()
    Colorizer(model, LabAB())(Image.new('L', (200,100), 200), size=96)
    assert model.x.shape[-2:]==(96,192) and model.x.std()<1e-3


@pytest.mark.parametrize('mode', ['L','RGBA','CMYK','P','I;16'])
def test_image_modes(shipped, coffee, tmp_path, mode):
    f = tmp_path/('x.jpg' if mode=='CMYK' else 'x.png')
    small = coffee.resize((90,60))
    (Image.fromarray(np.asarray(small.convert('L')).astype(np.uint16)*257) if mode=='I;16' else small.convert(mode)).save(f)
    out = shipped(f)
    assert out.image.size==(90,60) and out.image.convert('RGB').getpixel((0,0)) and out.save().stem=='x-color'


# options, with values worked out without the package

@pytest.mark.parametrize('factor', [0., .5, 1., 2.])
def test_saturation_multiplies_the_predicted_chroma(factor):
    a, b = mean_ab(constant(10., -15.)(mid_gray(), saturation=factor)).tolist()
    assert abs(a-10*factor)<.7 and abs(b+15*factor)<.7


def test_saturation_from_the_model_file_is_the_default():
    c = Colorizer(Constant(10., -15.), LabAB(ab_scale=1.), meta={'knobs': {'saturation': 2.}})
    assert abs(mean_ab(c(mid_gray()))[0]-20)<.7 and abs(mean_ab(c(mid_gray(), saturation=1.))[0]-10)<.7
    assert abs(mean_ab(next(c.colorize_many([mid_gray()], saturation=.5)))[0]-5)<.7


@pytest.mark.parametrize('size', [64, 96, 160])
def test_size_is_the_short_side_of_the_input(size):
    model = RecordInput()
    Colorizer(model, LabAB(), size=32)(Image.new('L', (300,200)), size=size)
    assert model.x.shape[-2]==size and model.x.shape[-1]>=1.5*size
    list(Colorizer(model, LabAB(), size=size).colorize_many([Image.new('L', (300,200))]))
    assert model.x.shape[-2]==size


def test_gamut_chroma_keeps_lightness_and_clip_does_not(coffee):
    strong, L = constant(90., 80.), lightness(coffee)
    change = {g: (lightness(strong(coffee, gamut=g).image)-L).abs().mean() for g in ('chroma','clip')}
    assert change['chroma']<.3 and change['clip']>2
    with pytest.raises(ValueError, match="'chroma' or 'clip'"): strong(coffee, gamut='x')


def test_upsample_sets_how_chroma_crosses_an_edge():
    "The photo's edge is in the middle of a chroma sample, so only the guided result has a step at the edge."
    photo = Image.fromarray(np.where(np.arange(64)<28, 60, 180).astype(np.uint8)[None].repeat(64, 0)).convert('RGB')
    ab = torch.zeros(1, 2, 8, 8)
    ab[:,0,:,4:] = 20
    ab[:,0,:,3] = 10 # half of this sample's pixels are on either side
    a = {u: rgb2lab(to_tensor(paint(photo, ab, u)))[0,1,32] for u in ('nearest','bilinear','guided')}
    assert abs(a['nearest'][25]-a['nearest'][30])<1.5, 'within a sample, chroma is constant'
    assert abs(a['bilinear'][36]-20)<1.5 and 8<a['bilinear'][28]<13, 'chroma changes linearly'
    assert a['guided'][24]<a['bilinear'][24]-1 and a['guided'][31]>a['bilinear'][31]+.5, 'at the edge, chroma is steeper than with bilinear'


@pytest.mark.parametrize('how,want', [('mean', 10.), ('mode', 0.)])
def test_how_decodes_to_the_mean_or_the_mode(how, want):
    "60% gray and 40% of the color (a, b) = (25, 5) have the mean (10, 2)."
    codec = JointBins()
    centers = torch.as_tensor(codec.centers).float()
    logits = torch.full((codec.n_out,), -30.)
    near = lambda a, b: (centers-torch.tensor([a, b])).norm(dim=1).argmin()
    gray, color = near(0., 0.), near(25., 5.)
    logits[gray], logits[color] = np.log(.6), np.log(.4)
    c = Colorizer(Constant(*logits.tolist()), codec)
    a = mean_ab(c(mid_gray(), how=how))[0]
    exact = centers[gray] if how=='mode' else .6*centers[gray]+.4*centers[color]
    assert abs(a-exact[0])<1 and abs(exact[0]-want)<5


@pytest.mark.parametrize('bad', [float('nan'), float('inf'), -1., '2', True])
def test_invalid_saturation(shipped, coffee, bad):
    with pytest.raises(ValueError, match='saturation is'): shipped(coffee, saturation=bad)


@pytest.mark.parametrize('bad', [torch.rand(1,3,8,8), np.zeros((8,8,3), np.float32), 3, None], ids=['tensor','floats','number','nothing'])
def test_other_kinds_of_photos_give_one_line(shipped, bad):
    for f in (shipped, shipped.predict):
        with pytest.raises(PhotoError, match='a path, a PIL image, or a uint8 array'): f(bad)

def test_unknown_option(shipped, coffee):
    with pytest.raises(ValueError, match="JointBins has no option 'hue'"): shipped(coffee, hue=.4)


def test_default_options_are_in_the_file(tmp_path, coffee):
    codec = JointBins()
    spec = dict(arch='unet_compact', n_in=1, n_out=codec.n_out, size=256, kwargs=TINY)
    model = create_model('unet_compact', 1, codec.n_out, **TINY)
    f = save_model(tmp_path/'m.safetensors', model, codec, spec, {'knobs': {'how': 'mean', 'saturation': 1.25}})
    c = Colorizer.load(f)
    assert c.knobs=={'how': 'mean', 'saturation': 1.25} and c.size==256
    assert "how='mean'" in repr(c) and 'saturation=1.25' in repr(c)
    p = c.predict(coffee, 64)
    assert torch.allclose(c.chroma(p), 1.25*c.chroma(p, saturation=1.)) and not torch.allclose(c.chroma(p), c.chroma(p, how='mode'))
    assert torch.equal(c.chroma(p), c.chroma(coffee, 64))
    for bad in ({'how2': 1}, {'saturation': -1}, {'gamut': 'x'}, 'text', [1]):
        save_model(f, model, codec, spec, {'knobs': bad})
        with pytest.raises(StoreError, match='default knobs'): Colorizer.load(f)


@pytest.mark.parametrize('codec', [LabAB(), LabAB(tanh=True, L_mode='unit'), RGB(), YCbCr()], ids=repr)
def test_codecs(codec, coffee):
    out = Colorizer(create_model('unet_compact', codec.n_in, codec.n_out, **TINY), codec, size=64)(coffee)
    assert out.image.size==coffee.size


# painting

def test_guided_enlargement_follows_an_edge():
    L = torch.full((1,1,64,64), 20.)
    L[...,29:] = 80
    ab = torch.stack([(L[0,0]>50)*60., (L[0,0]>50)*-30.])[None]
    pool = lambda t: torch.nn.functional.adaptive_avg_pool2d(t, (8,8))
    error = {s: (enlarge_chroma(pool(ab), pool(L), L, sigma=s)-ab).abs().mean() for s in (10., float('inf'))}
    assert error[10.]<.6*error[float('inf')]
    strips = torch.cat([enlarge_chroma(pool(ab), pool(L), L[:,:,y:y+16], y, 64) for y in range(0,64,16)], 2)
    assert torch.allclose(strips, enlarge_chroma(pool(ab), pool(L), L), atol=1e-4)


def test_no_seams_between_bands(coffee):
    ab = torch.randn(1, 2, 20, 30)*20
    assert np.array_equal(paint(coffee, ab, rows=37), paint(coffee, ab, rows=10_000))


def test_chroma_that_is_not_finite_raises_an_error(coffee):
    with pytest.raises(ValueError, match="isn't finite"): paint(coffee, torch.full((1,2,8,8), float('nan')))
    broken = constant(float('nan'), 0.)
    with pytest.raises(PhotoError, match="isn't finite"): broken(coffee)
    assert [type(r) for r in broken.colorize_many([coffee, coffee])]==[PhotoError]*2


# many photos

def test_batches_give_the_same_colors_and_continue_after_a_bad_file(shipped, coffee, tmp_path):
    (tmp_path/'bad.jpg').write_text('no')
    photos = [coffee.crop((0,0,200,150)), tmp_path/'bad.jpg', coffee.crop((100,50,300,200)), coffee.crop((0,0,100,200))]
    results = list(shipped.colorize_many(photos, bs=3))
    assert isinstance(results[1], PhotoError) and 'bad.jpg' in str(results[1]) and '\n' not in str(results[1])
    for p,r in zip(photos, results):
        if not isinstance(r, PhotoError): assert np.abs(np.asarray(r.image).astype(int)-np.asarray(shipped(p).image)).max()<=1


@pytest.mark.parametrize('batched,bs,held', [(False, 3, 1), (True, 3, 3), (True, 2, 2)])
def test_only_one_batch_is_read_ahead(shipped, coffee, monkeypatch, batched, bs, held):
    monkeypatch.setattr(shipped, 'batched', batched)
    read, small = [], coffee.resize((60,40))
    next(iter(shipped.colorize_many((read.append(i) or small for i in range(5)), bs=bs)))
    assert len(read)==held


def test_out_of_memory_suggests_a_size(coffee):
    class Greedy(nn.Module):
        def forward(self, x):
            if x.shape[-2]>128: raise RuntimeError('DefaultCPUAllocator: not enough memory')
            return torch.zeros(len(x), 2, *x.shape[-2:])
    with pytest.raises(ColorizeMemoryError, match="size=512 doesn't fit.*size=128 does"): Colorizer(Greedy(), LabAB())(coffee, size=512)


def test_other_model_errors_are_raised(coffee):
    class Broken(nn.Module):
        def forward(self, x): raise RuntimeError('shapes do not match')
    with pytest.raises(RuntimeError, match='shapes'): Colorizer(Broken(), LabAB())(coffee)


@pytest.mark.skipif(os.name=='nt', reason='Windows has no named pipes')
def test_one_result_per_photo(coffee, tmp_path):
    "A pipe, a folder, a photo too large for memory, and one that disappears don't stop the others."
    os.mkfifo(tmp_path/'pipe.jpg')
    (tmp_path/'folder.jpg').mkdir()
    coffee.resize((90,60)).save(tmp_path/'a.jpg')
    coffee.resize((90,60)).save(tmp_path/'gone.jpg')
    coffee.resize((400,60)).save(tmp_path/'wide.jpg')
    class Greedy(nn.Module):
        def forward(self, x):
            (tmp_path/'gone.jpg').unlink(missing_ok=True)
            if len(x)>1 or x.shape[-1]>200: raise RuntimeError('not enough memory')
            return torch.zeros(len(x), 2, *x.shape[-2:])
    names = ['pipe.jpg','a.jpg','folder.jpg','gone.jpg','wide.jpg','no.jpg','a.jpg']
    colorizer = Colorizer(Greedy(), LabAB(), 64)
    colorizer.batched = True # as on a GPU: all photos are opened before the first one is colored
    results = list(colorizer.colorize_many([tmp_path/n for n in names]))
    assert [type(r).__name__ for r in results]==['PhotoError','ColorizedPhoto','PhotoError','ColorizedPhoto',
                                                 'ColorizeMemoryError','PhotoError','ColorizedPhoto']
    assert all(n in str(r) for n,r in zip(names, results))


# files

def test_load_a_model_file(tmp_path):
    codec, spec = LabAB(tanh=True), dict(arch='unet_compact', n_in=1, n_out=2, size=96, kwargs=TINY)
    f = save_model(tmp_path/'m.safetensors', create_model('unet_compact', **TINY), codec, spec)
    c = Colorizer.load(f)
    assert c.size==96 and c.codec==codec and c.name=='m'
    with pytest.raises(StoreError, match='shipped'): Colorizer.load('nope')
    assert list(load_colorizers([f, 'shipped', f, f]))==['m','shipped','m 2','m 3']
    assert list(load_colorizers({'mine': f}))==['mine']
    save_model(tmp_path/'n.safetensors', create_model('unet_compact', **TINY), codec, spec)
    assert list(load_colorizers({'mine': tmp_path}))==['mine m','mine n']


def test_results_have_a_note_and_the_mark(coffee, tmp_path):
    small = coffee.resize((300,200))
    small.save(tmp_path/'a.jpg')
    result = constant(0., 0.)(tmp_path/'a.jpg')
    plain, marked = result.save(tmp_path/'plain.png', exact=True), result.save(tmp_path/'marked.png', exact=True, mark=True)
    assert 'predicted' in Image.open(plain).getexif()[0x0131].lower()
    a, b = (np.asarray(open_photo(f)).astype(int) for f in (plain, marked))
    changed = np.argwhere(np.abs(a-b).max(-1)>0)
    assert np.array_equal(a, np.asarray(result.image)) and len(changed) and changed.min(0)[0]>150 and changed.min(0)[1]>150
    with pytest.raises(PhotoError, match='already exists'): result.save(plain)
    assert result.save(plain, force=True)==plain
