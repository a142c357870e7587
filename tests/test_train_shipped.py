"The program that trains the shipped model uses each of its options."
import pytest, random, torch
from PIL import Image, ImageOps

from colorize_nb.color.classes import JointBins
from colorize_nb.color.metrics import colorfulness
from colorize_nb.color.space import lab2rgb, rgb2lab
from colorize_nb.core.photo import bundled_photos, open_photo, to_tensor
from colorize_nb.models.store import load_model_file, read_header, save_model, shipped_models
from lab import train_shipped as shipped
from lab.soup import average

@pytest.fixture
def lab():
    photo = open_photo(bundled_photos()['coffee'])
    photo.thumbnail((64,64))
    return rgb2lab(to_tensor(photo))

def test_vivid_adds_the_colorfulness_loss(lab):
    ab = .5*lab[:,1:]
    ab[...,32:] *= -1 # opposite colors, so that signed opponents differ from absolute ones
    painted = lab2rgb(torch.cat([lab[:,:1], ab], 1)).clamp(0, 1)
    added = shipped.color_loss(ab, lab, vivid=.5)-shipped.color_loss(ab, lab)
    assert added.item() == pytest.approx(.5*(1-colorfulness(painted).item()/100), abs=1e-4)

def test_vivid_has_a_finite_gradient_at_gray(lab):
    ab = torch.zeros_like(lab[:,1:], requires_grad=True)
    shipped.color_loss(ab, lab, vivid=1.).backward()
    assert ab.grad.isfinite().all()

def test_saturation_is_part_of_the_loss():
    "A network that's sure of half the true chroma is right at saturation 2."
    codec = JointBins()
    half = codec.centers[codec.centers.norm(dim=1).sub(20).abs().argmin()]
    lab = torch.cat([torch.tensor([60.]), 2*half]).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    raw = -(codec.centers-half).square().sum(1).view(1, -1, 1, 1).expand(1, -1, 4, 4)
    pale, right = (shipped.make_loss(codec, saturation=s)(raw, lab).item() for s in (1., 2.))
    assert right < pale-1

@pytest.mark.parametrize('least', [.6, 1.])
def test_smallest_crop(least):
    photo = open_photo(bundled_photos()['chelsea']).resize((320,240))
    rng = random.Random(0)
    crops = [shipped.random_crop(photo, 120, 160, rng, least) for _ in range(8)]
    whole = photo.resize((160,120), Image.BILINEAR)
    same = [any(c.tobytes()==w.tobytes() for w in (whole, ImageOps.mirror(whole))) for c in crops]
    assert all(same) if least==1 else not any(same)

def test_largest_crop_stays_inside_the_photo():
    "For 134 x 100 pixels, the height of the largest crop is rounded to a little more than 100."
    photo = open_photo(bundled_photos()['chelsea']).resize((134,100))
    assert all(shipped.random_crop(photo, 120, 160, random.Random(i), 1.).size==(160,120) for i in range(8))

def test_options_reach_training_and_the_file(tmp_path, monkeypatch):
    "Two photo steps, starting from the shipped file."
    seen = {}
    def spy(name, first):
        "Keep the arguments of a function, from `first` on."
        function = getattr(shipped, name)
        def call(*args):
            seen[name] = args[first:]
            return function(*args)
        monkeypatch.setattr(shipped, name, call)
    spy('make_loss', 2)
    spy('random_crop', 4)
    monkeypatch.setattr(shipped, 'SHAPES', {(64,64): (2, 1.)})
    (tmp_path/'photos').mkdir()
    for i in range(3): open_photo(bundled_photos()['coffee']).resize((96,72)).save(tmp_path/f'photos/{i}.png')
    shipped.main(shipped.arguments([str(tmp_path), '--packs', 'photos', '--runs', str(tmp_path), '--name', 'try', '--device', 'cpu',
        '--start', str(shipped_models()['shipped']), '--photos', '2', '--settle', '1', '--crop', '.9', '--vivid', '.3', '--saturation', '1.5']))
    assert seen=={'make_loss': (.3, 1.5), 'random_crop': (.9,)}
    assert read_header(tmp_path/'try/try.safetensors')['meta']['knobs']['saturation']==1.5

def test_soup_averages_weights(tmp_path):
    model, codec, spec, meta = load_model_file(shipped_models()['shipped'])
    for name,value in dict(a=1., b=5.).items():
        model.head.weight.data.fill_(value)
        save_model(tmp_path/f'{name}.safetensors', model, codec, spec, meta)
    files = [tmp_path/'a.safetensors', tmp_path/'b.safetensors']
    assert average(files)[0].head.weight.unique().tolist()==[3.]
    model, _, _, facts = average(files, [.75, .25])
    assert model.head.weight.unique().tolist()==[2.] and facts['average_of']==[['a', .75], ['b', .25]]
    with pytest.raises(ValueError, match='another network'): average([files[0], shipped_models()['compact']])
