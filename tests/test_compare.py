"The comparison panel without a browser: controls, uploads, errors, and results that match the library."
import io
import numpy as np, pytest, torch
from PIL import Image

from colorize_nb.color.classes import JointBins
from colorize_nb.color.codecs import LabAB
from colorize_nb.color.metrics import ciede
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.core.photo import bundled_photos, open_photo, to_tensor
from colorize_nb.core.show import image_grid
from colorize_nb.models.layers import create_model
from colorize_nb.train.learner import colorize_learner
from colorize_nb.widgets.base import Choice, divided, named_photos
from colorize_nb.infer.colorizer import load_colorizers
from colorize_nb.widgets.compare import compare

KW = dict(widths=[8,16,24], depths=[0,0,0])

@pytest.fixture
def photo(): return bundled_photos()['coffee']

def net(codec, seed=0):
    torch.manual_seed(seed)
    return Colorizer(create_model('unet_compact', 1, codec.n_out, **KW), codec, 64)

def pixels(w): return np.asarray(Image.open(io.BytesIO(w.picture.value)).convert('RGB')).astype(float)
def png(size=(60,40), mode='RGB', color=(200,40,40)):
    out = io.BytesIO()
    Image.new(mode, size, color).save(out, 'PNG')
    return out.getvalue()
def message(name, content): return dict(name=name, size=len(content), at=0), [content]


@pytest.mark.parametrize('side', [60, 150])
def test_side_is_the_longest_side_of_a_picture(photo, side):
    assert max(compare(photo, side=side).answer('shipped').size)==side

def test_photos_with_the_same_name_are_numbered():
    photos = ['a/sea.jpg', 'b/sea.jpg', Image.new('RGB', (8,8)), 'c/sea 2.jpg']
    assert list(named_photos(photos).items())==[*zip(['sea', 'sea 2', 'photo 3', 'sea 2 2'], photos)]

def test_options_start_with_the_defaults_of_the_model(photo):
    model = Colorizer(net(JointBins(grid=20)).model, JointBins(grid=20), 64, meta=dict(knobs=dict(saturation=1.5, T=.6)))
    w = compare(photo, {'mine': model}, side=60)
    assert 'saturation=1.5' in w.code() and 'T=0.6' in w.code() and 'saturation=1,' in compare(photo, {'a': net(LabAB())}, side=60).code()

def test_size_starts_with_the_size_of_the_model(photo):
    size = compare(photo, {'mine': Colorizer(net(LabAB()).model, LabAB(), 224)}, side=60).controls['size']
    assert size.value==224 and size.options==(32,64,96,128,192,224,256,384,512)

def test_prediction_matches_the_colorizer(photo):
    w = compare(photo, 'shipped', side=200)
    img = w.predictions.photo(w.state())
    direct = Colorizer.load()(img, size=96, saturation=1.3, gamut='clip').image
    w.set(size=96, saturation=1.3, gamut='clip')
    assert np.array_equal(np.asarray(w.answer('shipped')), np.asarray(direct))
    assert 'size=96' in w.code() and 'saturation=1.3' in w.code() and "gamut='clip'" in w.code() and 'size=96' in w.line.value

@pytest.mark.parametrize('view', ['side by side','wipe','blend','all'])
def test_every_view_shows_a_picture_and_metrics(photo, view):
    w = compare(photo, {'a': net(JointBins(grid=20)), 'b': 'shipped'}, side=120).set(view=view)
    assert w.error.value=='' and pixels(w).std()>10 and 'CIEDE2000' in w.says.value and 'gray' in w.says.value
    assert w.controls['wipe'].disabled==(view!='wipe') and w.controls['blend'].disabled==(view!='blend')

def test_wipe_slider_moves_the_line(photo):
    w = compare(photo, side=160).set(view='wipe', left='gray', right='photo', wipe=0.)
    color = lambda: np.ptp(pixels(w), axis=2).mean()
    most = color()
    w.controls['wipe'].value = .5
    half = color()
    w.controls['wipe'].value = 1.
    assert most > half > color() and color() < .2*most

def test_blend_goes_from_one_model_to_the_other(photo):
    w = compare(photo, {'a': net(JointBins(grid=20)), 'b': 'shipped'}, side=120).set(view='blend', left='gray', right='b')
    error = lambda p,q: ciede(to_tensor(p), to_tensor(q)).item()
    assert error(w.set(blend=0.).answer('blend'), w.answer('gray'))<1 and error(w.set(blend=1.).answer('blend'), w.answer('b'))<1
    assert error(w.set(blend=.5).answer('blend'), w.answer('b'))>1

def test_temperature_is_only_enabled_for_joint_bins(photo):
    w = compare(photo, {'bins': net(JointBins(grid=20)), 'ab': 'shipped'}, side=120).set(left='gray', right='ab')
    assert w.controls['T'].disabled
    w.set(right='bins')
    assert not w.controls['T'].disabled
    mode = w.set(T=0.).answer('bins')
    assert not np.array_equal(np.asarray(mode), np.asarray(w.set(T=1.).answer('bins'))) and 'T=1' in w.code()

def test_quick_sliders_do_not_run_the_network_again(photo):
    c = net(JointBins(grid=20))
    calls = []
    c.model.register_forward_hook(lambda *a: calls.append(1))
    w = compare(photo, c, side=120)
    n = len(calls)
    w.set(saturation=.4)
    w.set(T=.1)
    w.set(gamut='clip')
    w.set(view='wipe', wipe=.2)
    assert len(calls)==n
    w.set(size=96)
    assert len(calls)==n+1

def test_models_by_name_file_folder_and_learner(photo, tmp_path):
    from colorize_nb.data.folder import ColorizeDataLoaders, crop_photos
    dls = ColorizeDataLoaders.from_folder(crop_photos(tmp_path/'p', n=6, size=48), size=32, bs=2, device='cpu')
    learn = colorize_learner(dls, 'unet_compact', model_kwargs=KW, metrics=[])
    learn.save_colorizer(tmp_path/'mine.safetensors')
    assert set(load_colorizers(tmp_path/'mine.safetensors'))=={'mine'} and set(load_colorizers(tmp_path))=={'mine'}
    assert set(compare(photo, ['shipped', learn, tmp_path/'mine.safetensors'], side=80).models)=={'shipped', 'unet_compact', 'mine'}
    (tmp_path/'bad.safetensors').write_bytes(b'no')
    for bad,word in ((tmp_path/'bad.safetensors', 'bad'),
                     ('nothing', 'not one of the models .shipped, '),
                     ('indiana_unet', 'recipe_learner'),
                     (tmp_path/'p', 'safetensors')):
        with pytest.raises(ValueError, match=word): load_colorizers(bad)

def test_gray_photo_has_no_error_metric(photo):
    w = compare(open_photo(photo).convert('L'), side=100)
    assert 'CIEDE2000' not in w.says.value and 'this photo is gray' in w.says.value

def test_uploads_are_added_and_bad_files_give_a_message(photo):
    w = compare(photo, side=100)
    w.upload.receive(*message('red.png', png()))
    assert w.state()['photo']=='red.png' and w.error.value==''
    before = w.picture.value
    w.upload.receive(*message('red.png', png(color=(0,200,0))))
    assert w.picture.value!=before, 'a new photo with the same name replaces the old one'
    before = w.picture.value
    for name,content,word in (('x.txt', b'hello', 'x.txt'),
                              ('cut.jpg', b'\xff\xd8\xff\xe0', 'cut.jpg'),
                              ('big.png', b'0'*41_000_000, '41 MB')):
        w.upload.receive(*message(name, content))
        assert word in w.error.value and w.picture.value==before and list(w.photos)==['coffee','red.png']
    assert w.set(photo='coffee').error.value==''

def test_choice_disables_options_with_a_reason():
    c = Choice(['a','b','c'])
    seen = []
    c.observe(lambda ch: seen.append(ch['new']), 'value')
    c.buttons['b'].click()
    c.forbid({'b': 'it rains'})
    assert c.value=='a' and c.buttons['b'].disabled and 'it rains' in c.why.value and seen==['b','a']
    c.forbid({})
    assert not c.buttons['b'].disabled and c.why.value==''

def test_image_grid_keeps_pixels():
    a, b = (Image.new('RGB', (20,10), c) for c in ('red','blue'))
    s = image_grid([a, b], gap=4)
    assert s.size==(44,10) and s.getpixel((19,5))==(255,0,0) and s.getpixel((24,5))==(0,0,255) and s.getpixel((21,5))==(255,255,255)
    assert image_grid([a, b, a], ['one','two','three'], 2).size==(46, 2*(10+22+6)-6)
    d = divided(a, b, .5)
    assert d.getpixel((3,5))==(255,0,0) and d.getpixel((17,5))==(0,0,255)

def test_dragging_the_picture_moves_the_line():
    w = compare(bundled_photos()['coffee'], side=120)
    assert w.picture.left==b'', 'there is no line to drag between photos side by side'
    w.set(view='wipe')
    both = [Image.open(io.BytesIO(b)) for b in (w.picture.left, w.picture.right)]
    assert both[0].size==both[1].size==w.image.size
    w.picture._handle_custom_msg(dict(at=.25), []) # the message that the browser sends
    assert w.state()['wipe']==.25 and w.picture.at==.25
    gray, colored = pixels(w)[60,:w.image.width//4-8], pixels(w)[60,w.image.width//4+8:]
    assert np.ptp(gray, 1).max() < 25 < np.ptp(colored, 1).max()
    assert w.set(view='blend').picture.left==b''
