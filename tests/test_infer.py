"Colorizer from outside: any photo, its own lightness, batches as singles, one line when memory runs out."
import numpy as np, pytest, torch
from PIL import Image
from torch import nn

from colorize_nb.color.codecs import LabAB, RGB, YCbCr
from colorize_nb.color.space import in_gamut, rgb2lab
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.infer.colorizer import ColorizeMemoryError
from colorize_nb.infer.paint import enlarge_chroma, input_shape, lightness, paint
from colorize_nb.core.photo import PhotoError, bundled_photos, open_photo, to_tensor
from colorize_nb.core.registry import create_model
from colorize_nb.models.store import StoreError, save_model


class Flat(nn.Module):
    "Predicts one chroma everywhere."
    def __init__(self, *y):
        super().__init__()
        self.y = torch.tensor(y)[None,:,None,None]
    def forward(self, x): return self.y.expand(len(x), -1, x.shape[-2]//2, x.shape[-1]//2)


@pytest.fixture(scope='module')
def shipped(): return Colorizer.load('shipped')


@pytest.fixture(scope='module')
def coffee(): return open_photo(bundled_photos()['coffee'])


def test_lightness_is_that_of_cielab():
    a = np.random.default_rng(0).integers(0, 256, (40,50,3)).astype(np.uint8)
    assert (lightness(a)-rgb2lab(to_tensor(a))[:,:1]).abs().max()<1e-2


def test_the_photo_keeps_its_lightness(coffee):
    ab = (12., 15.)
    out = Colorizer(Flat(*ab), LabAB(ab_scale=1.))(coffee)
    L, after = rgb2lab(to_tensor(coffee))[:,:1], rgb2lab(to_tensor(out.image))
    fits = in_gamut(torch.cat([L, torch.tensor(ab)[None,:,None,None].expand(-1,-1,*L.shape[-2:])], 1))
    assert fits.float().mean()>.5
    assert (after[:,:1]-L)[:,0][fits].abs().max()<.75 # 8-bit rounding of three channels moves L by up to about 0.6
    assert (after[0,1:].permute(1,2,0)[fits[0]]-torch.tensor(ab)).abs().mean()<.8


@pytest.mark.parametrize('size', [(1,1), (31,500), (500,31), (3000,8), (127,129)])
def test_any_shape_comes_back_in_its_own(shipped, size):
    assert shipped(Image.new('RGB', size, 'gray')).image.size==size


def test_small_copies_keep_their_shape():
    assert input_shape(400, 300, 150)==(200,150) and input_shape(300, 400, 150)==(150,200)
    w, h = input_shape(10000, 10, 128)
    assert max(w,h)<=12*128


def test_padding_does_not_reach_the_answer():
    class Probe(nn.Module):
        def forward(self, x):
            self.x = x
            return torch.zeros(len(x), 2, *x.shape[-2:])
    probe = Probe()
    Colorizer(probe, LabAB())(Image.new('L', (200,100), 200), size=96)
    assert probe.x.shape[-2:]==(96,192) and probe.x.std()<1e-3


@pytest.mark.parametrize('mode', ['L','RGBA','CMYK','P','I;16'])
def test_every_mode(shipped, coffee, tmp_path, mode):
    f = tmp_path/('x.jpg' if mode=='CMYK' else 'x.png')
    small = coffee.resize((90,60))
    (Image.fromarray(np.asarray(small.convert('L')).astype(np.uint16)*257) if mode=='I;16' else small.convert(mode)).save(f)
    out = shipped(f)
    assert out.image.size==(90,60) and out.image.mode=='RGB' and out.save().name=='x-color.jpg'


def test_a_batch_is_its_singles_and_a_bad_file_is_one_of_them(shipped, coffee, tmp_path):
    (tmp_path/'bad.jpg').write_text('no')
    photos = [coffee.crop((0,0,200,150)), tmp_path/'bad.jpg', coffee.crop((100,50,300,200)), coffee.crop((0,0,100,200))]
    got = list(shipped.many(photos, bs=3))
    assert isinstance(got[1], PhotoError) and 'bad.jpg' in str(got[1])
    for p,g in zip(photos, got):
        if not isinstance(g, PhotoError): assert np.abs(np.asarray(g.image).astype(int)-np.asarray(shipped(p).image)).max()<=1


@pytest.mark.parametrize('batched,held', [(False, 1), (True, 3)])
def test_no_more_photos_are_held_than_go_through_together(shipped, coffee, monkeypatch, batched, held):
    monkeypatch.setattr(shipped, 'batched', batched)
    taken, small = [], coffee.resize((60,40))
    next(iter(shipped.many((taken.append(i) or small for i in range(5)), bs=3)))
    assert len(taken)==held


def test_saturation_and_gamut(coffee):
    strong = Colorizer(Flat(90., 80.), LabAB(ab_scale=1.))
    assert np.ptp(np.asarray(strong(coffee, saturation=0.).image).astype(int), axis=2).max()<=1
    L = rgb2lab(to_tensor(coffee))[0,0]
    drift = {g: (rgb2lab(to_tensor(strong(coffee, gamut=g).image))[0,0]-L).abs().mean() for g in ('chroma','clip')}
    assert drift['chroma']<.3 and drift['clip']>2
    with pytest.raises(ValueError, match="'chroma' or 'clip'"): strong(coffee, gamut='x')


@pytest.mark.parametrize('codec', [LabAB(), LabAB(tanh=True, L_mode='unit'), RGB(), YCbCr()])
def test_every_codec_colours(codec, coffee):
    out = Colorizer(create_model('unet_compact', codec.n_in, codec.n_out, widths=(8,16,32), depths=(0,1,1)), codec, size=64)(coffee)
    assert out.image.size==coffee.size


def test_guided_enlargement_follows_an_edge():
    L = torch.full((1,1,64,64), 20.)
    L[...,29:] = 80
    ab = torch.stack([(L[0,0]>50)*60., (L[0,0]>50)*-30.])[None]
    pool = lambda t: torch.nn.functional.adaptive_avg_pool2d(t, (8,8))
    err = {s: (enlarge_chroma(pool(ab), pool(L), L, sigma=s)-ab).abs().mean() for s in (10., float('inf'))}
    assert err[10.]<.6*err[float('inf')]
    strips = torch.cat([enlarge_chroma(pool(ab), pool(L), L[:,:,y:y+16], y, 64) for y in range(0,64,16)], 2)
    assert torch.allclose(strips, enlarge_chroma(pool(ab), pool(L), L), atol=1e-4)


def test_strips_do_not_show(coffee):
    ab = torch.randn(1, 2, 20, 30)*20
    assert np.array_equal(paint(coffee, ab, rows=37), paint(coffee, ab, rows=10_000))


def test_out_of_memory_names_a_size_that_fits(coffee):
    class Greedy(nn.Module):
        def forward(self, x):
            if x.shape[-2]>128: raise RuntimeError('DefaultCPUAllocator: not enough memory')
            return torch.zeros(len(x), 2, *x.shape[-2:])
    with pytest.raises(ColorizeMemoryError, match='size=512 does not fit.*size=128 does'): Colorizer(Greedy(), LabAB())(coffee, size=512)


def test_other_errors_of_a_model_are_not_taken_for_memory(coffee):
    class Broken(nn.Module):
        def forward(self, x): raise RuntimeError('shapes do not match')
    with pytest.raises(RuntimeError, match='shapes'): Colorizer(Broken(), LabAB())(coffee)


def test_files(tmp_path):
    codec, spec = LabAB(tanh=True), dict(arch='unet_compact', n_in=1, n_out=2, size=96, kwargs=dict(widths=(8,16,32), depths=(0,1,1)))
    f = save_model(tmp_path/'m.safetensors', create_model('unet_compact', **spec['kwargs']), codec, spec)
    c = Colorizer.load(f)
    assert c.size==96 and c.codec==codec and c.name=='m'
    with pytest.raises(StoreError, match='shipped'): Colorizer.load('nope')


def test_inference_needs_no_fastai():
    import subprocess, sys
    code = 'import sys; from colorize_nb.infer.colorizer import Colorizer; Colorizer.load("shipped"); sys.exit("fastai" in sys.modules)'
    assert subprocess.run([sys.executable, '-W', 'ignore', '-c', code]).returncode==0


def test_default_knobs_come_with_the_file(tmp_path, coffee):
    from colorize_nb.color.classes import JointBins
    codec, spec = JointBins(), dict(arch='unet_compact', n_in=1, n_out=None, size=256, kwargs=dict(widths=(8,16,32), depths=(0,1,1)))
    spec['n_out'] = codec.n_out
    model = create_model('unet_compact', 1, codec.n_out, **spec['kwargs'])
    f = save_model(tmp_path/'m.safetensors', model, codec, spec, {'knobs': {'how': 'mean', 'saturation': 1.25}})
    c = Colorizer.load(f)
    assert c.knobs=={'how': 'mean', 'saturation': 1.25} and c.size==256 and "how='mean'" in repr(c) and 'saturation=1.25' in repr(c)
    p = c.predict(coffee, 64)
    assert torch.allclose(c.chroma(p), 1.25*c.chroma(p, saturation=1.)) and not torch.allclose(c.chroma(p), c.chroma(p, how='mode'))
    assert torch.equal(c.chroma(p), c.chroma(coffee, 64))
    for bad in ({'how2': 1}, {'saturation': -1}, {'gamut': 'x'}, 'text', [1]):
        save_model(f, model, codec, spec, {'knobs': bad})
        with pytest.raises(StoreError, match='default knobs'): Colorizer.load(f)


@pytest.mark.parametrize('bad', [float('nan'), float('inf'), -1., '2', True])
def test_saturation_is_a_number(shipped, coffee, bad):
    with pytest.raises(ValueError, match='saturation is'): shipped(coffee, saturation=bad)


def test_a_knob_that_the_codec_has_not_is_refused(shipped, coffee):
    with pytest.raises(ValueError, match='hue is no knob of JointBins'): shipped(coffee, hue=.4)


def test_chroma_that_is_not_finite_is_refused(coffee):
    with pytest.raises(ValueError, match='not finite'): paint(coffee, torch.full((1,2,8,8), float('nan')))
    broken = Colorizer(Flat(float('nan'), 0.), LabAB())
    with pytest.raises(PhotoError, match='not finite'): broken(coffee)
    assert [type(o) for o in broken.many([coffee, coffee])]==[PhotoError]*2


def test_one_photo_one_outcome(coffee, tmp_path):
    "What concerns one photo does not end the others: a pipe, a folder, one too large for the memory, one that vanishes meanwhile."
    import os
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
    colorizer.batched = True # as on a GPU: all are opened before the first is colored
    got = list(colorizer.many([tmp_path/n for n in names]))
    assert [type(o).__name__ for o in got]==['PhotoError','Colored','PhotoError','Colored','ColorizeMemoryError','PhotoError','Colored']
    assert all(n in str(o) for n,o in zip(names, got))
