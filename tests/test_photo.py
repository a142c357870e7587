"Any picture file in, one line for what is none, and a picture file out whole or not at all."
import io, os

import numpy as np, pytest, torch
from PIL import Image, ImageCms

from colorize_nb.core.photo import PhotoError, bundled_photos, find_photos, is_gray, open_photo, to_image, to_tensor
from colorize_nb.core.photo import marked, photo_meta, save_photo, source_type
from colorize_nb.core.show import show_photos


@pytest.fixture
def photo():
    a = np.random.default_rng(0).integers(0, 255, (6,8,3)).astype(np.uint8)
    return Image.fromarray(a).resize((64,48), Image.BICUBIC)


@pytest.mark.parametrize('mode,ext', [
    ('RGB','png'), ('L','png'), ('LA','png'), ('RGBA','png'), ('P','png'), ('1','png'), ('CMYK','jpg'),
    ('CMYK','tif'), ('L','jpg'), ('YCbCr','jpg'), ('P','gif'), ('RGB','webp'), ('I;16','png'), ('F','tif')])
def test_every_mode_opens_as_upright_rgb(photo, tmp_path, mode, ext):
    f = tmp_path/f'x.{ext}'
    if mode=='I;16': img = Image.fromarray(np.asarray(photo.convert('L')).astype(np.uint16)*257)
    else: img = photo.convert(mode)
    img.save(f)
    got = open_photo(f)
    assert (got.mode, got.size)==('RGB', photo.size)
    if mode in ('I;16','F','L') and ext!='jpg': assert np.abs(np.asarray(got)[...,0].astype(int)-np.asarray(photo.convert('L'))).max()<=1


@pytest.mark.parametrize('orientation,turn', [
    (3, Image.Transpose.ROTATE_180),
    (6, Image.Transpose.ROTATE_270),
    (8, Image.Transpose.ROTATE_90)])
def test_exif_turns_the_photo_and_is_reset(photo, tmp_path, orientation, turn):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, 'Leica'
    photo.save(tmp_path/'x.png', exif=exif)
    assert np.array_equal(open_photo(tmp_path/'x.png'), photo.transpose(turn))
    out = save_photo(open_photo(tmp_path/'x.png'), tmp_path/'y.jpg', photo_meta(tmp_path/'x.png'), note='predicted')
    back = Image.open(out).getexif()
    assert back.get(0x0112, 1)==1 and back[0x010F]=='Leica' and 'predicted' in back[0x0131]


def test_transparency_lies_on_white():
    clear = Image.new('RGBA', (4,4), (0,0,0,0))
    assert np.asarray(open_photo(clear)).min()==255


def test_an_animation_gives_its_first_frame(tmp_path):
    frames = [Image.new('RGB', (8,8), c) for c in ('red','blue')]
    frames[0].save(tmp_path/'x.gif', save_all=True, append_images=frames[1:])
    r, g, b = np.asarray(open_photo(tmp_path/'x.gif'))[0,0]
    assert r>200 and b<50


def test_a_colour_profile_is_kept_for_rgb_only(photo, tmp_path):
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
    photo.save(tmp_path/'rgb.jpg', icc_profile=icc)
    photo.convert('CMYK').save(tmp_path/'cmyk.jpg', icc_profile=icc)
    assert photo_meta(tmp_path/'rgb.jpg')['icc']==icc and photo_meta(tmp_path/'cmyk.jpg')['icc'] is None
    out = save_photo(open_photo(tmp_path/'rgb.jpg'), tmp_path/'y.jpg', photo_meta(tmp_path/'rgb.jpg'))
    assert Image.open(out).info['icc_profile']==icc


def test_what_is_no_photo_says_which_and_why(photo, tmp_path):
    photo.save(tmp_path/'good.jpg', quality=95)
    whole = (tmp_path/'good.jpg').read_bytes()
    for name, content, why in (('empty.jpg', b'', 'empty'),
                               ('text.jpg', b'hello there', 'not a picture'),
                               ('cut.jpg', whole[:len(whole)//2], 'damaged')):
        (tmp_path/name).write_bytes(content)
        with pytest.raises(PhotoError, match=why) as e: open_photo(tmp_path/name)
        assert str(tmp_path/name) in str(e.value) and '\n' not in str(e.value)
    for path, why in ((tmp_path/'gone.jpg', 'no such file'), (tmp_path, 'a folder')):
        with pytest.raises(PhotoError, match=why): open_photo(path)


def test_a_bomb_is_refused(monkeypatch, tmp_path):
    Image.new('L', (400,400)).save(tmp_path/'big.png')
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 1000)
    with pytest.raises(PhotoError, match='megapixels'): open_photo(tmp_path/'big.png')


def test_saving_is_whole_or_not_at_all(photo, tmp_path, monkeypatch):
    out = save_photo(photo, tmp_path/'new'/'x.png', note='n')
    assert Image.open(out).text['Comment']=='n'
    before = out.read_bytes()
    with pytest.raises(PhotoError, match='exists'): save_photo(photo, out)
    def broken(self, fp, *a, **k):
        open(fp, 'wb').write(b'half')
        raise OSError('no space left on device')
    monkeypatch.setattr(Image.Image, 'save', broken)
    with pytest.raises(PhotoError, match='no space'): save_photo(photo, out, force=True)
    assert out.read_bytes()==before and os.listdir(out.parent)==['x.png']


def test_find_photos(photo, tmp_path):
    for n in ('b.JPG', 'a.png', 'notes.txt', '.hidden.jpg', 'in/c.tif', '.git/d.png'):
        (tmp_path/n).parent.mkdir(exist_ok=True)
        (tmp_path/n).write_bytes(b'x')
    assert [p.name for p in find_photos(tmp_path)]==['a.png','b.JPG','c.tif']
    assert [p.name for p in find_photos(tmp_path, recurse=False)]==['a.png','b.JPG']
    assert find_photos([tmp_path/'notes.txt', tmp_path/'notes.txt'])==[tmp_path/'notes.txt']
    with pytest.raises(PhotoError, match='no such'): find_photos(tmp_path/'gone')


def test_bundled_photos_are_in_colour():
    photos = bundled_photos()
    assert {'astronaut','coffee','chelsea','rocket'} <= {*photos}
    assert not any(is_gray(open_photo(p)) for k,p in photos.items() if k!='hubble')
    assert is_gray(open_photo(photos['coffee']).convert('L'))


def test_tensors_and_back(photo):
    t = to_tensor(photo)
    assert t.shape==(1,3,48,64) and t.min()>=0 and t.max()<=1
    assert np.array_equal(to_image(t), photo)
    assert np.array_equal(to_image(t[0]+10), np.full((48,64,3), 255))
    assert len(show_photos([photo, t, np.asarray(photo)], ncols=2).axes)==4


@pytest.mark.parametrize('ext', ['jpg','png','webp','tif','avif'])
@pytest.mark.parametrize('note', [
    'Colours predicted by colorize_nb (model shipped)', 'model <img src=x> & "quoted" é漢 \x00 \udcff.safetensors'], ids=['usual','odd'])
def test_a_result_says_its_source_to_programs(photo, tmp_path, ext, note):
    "Read back by Pillow's own XMP reader: the IPTC term, and the program; a photo without a note says nothing."
    pytest.importorskip('defusedxml')
    if ext=='avif' and 'AVIF' not in Image.SAVE: pytest.skip('this PIL writes no AVIF')
    out = save_photo(photo, tmp_path/f'x.{ext}', note=note)
    said = Image.open(out).getxmp()['xmpmeta']['RDF']['Description']
    assert said['DigitalSourceType']=='http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia'
    assert Image.open(out).getexif()[0x0131].startswith(note[:10])
    assert said['AISystemUsed'].startswith(note[:10]) and source_type(out)=='compositeWithTrainedAlgorithmicMedia'
    assert source_type(save_photo(photo, tmp_path/f'y.{ext}')) is None


def test_a_mark_is_seen_and_the_photo_is_not_touched(photo):
    big = photo.resize((640,480))
    before, got = np.asarray(big).copy(), marked(big)
    assert np.array_equal(big, before) and (np.asarray(got)!=before).any(-1)[-30:,-120:].mean()>.5
    assert np.array_equal(np.asarray(got)[:400], before[:400]) and marked(Image.new('RGB', (1,1))).size==(1,1)


def test_only_formats_that_hold_photos_are_opened(photo, tmp_path):
    (tmp_path/'x.jpg').write_bytes(b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n')
    assert Image.open(tmp_path/'x.jpg').format=='EPS'
    with pytest.raises(PhotoError, match='not a picture in a format'): open_photo(tmp_path/'x.jpg')
    for ext in ('pdf','ico','pcx','xbm','im'):
        img = photo.convert('1') if ext=='xbm' else photo
        img.save(tmp_path/f'y.{ext}')
        with pytest.raises(PhotoError, match='not a picture in a format'): open_photo(tmp_path/f'y.{ext}')
    for ext in ('jpg','png','webp','tif','bmp','gif','ppm','jp2','tga'):
        photo.save(tmp_path/f'z.{ext}')
        assert open_photo(tmp_path/f'z.{ext}').size==photo.size


@pytest.mark.parametrize('ext', ['png','webp','jpg','tif'])
def test_a_broken_exif_header_is_no_reason_to_refuse(photo, tmp_path, ext):
    f = tmp_path/f'x.{ext}'
    photo.save(f, **({} if ext=='tif' else dict(exif=b'Exif\x00\x00garbage header')))
    assert open_photo(f).size==photo.size
    out = save_photo(open_photo(f), tmp_path/'out.png', photo_meta(f), note='predicted')
    assert Image.open(out).getexif()[0x0131]=='predicted'


GRAY = np.linspace(0, 255, 64*48).reshape(48,64)

@pytest.mark.parametrize('a', [
    (GRAY/255*4095).astype('uint16'), (GRAY/255*1023).astype('uint16'), (GRAY/255*16383).astype('uint16'),
    (GRAY*257).astype('uint16'), GRAY.astype('uint16'), (GRAY/255*(2**31-1)).astype('int32'),
    (GRAY*257).astype('int32'), GRAY.astype('int32'), (GRAY/255).astype('float32'), (GRAY/255*1.04).astype('float32'),
    GRAY.astype('float32'), (GRAY*257).astype('float32')], ids=lambda a: f'{a.dtype} to {a.max():.5g}')
def test_deep_pictures_are_scaled_by_what_is_there(a, tmp_path):
    Image.fromarray(a).save(tmp_path/'x.tif')
    got = np.asarray(open_photo(tmp_path/'x.tif'))[...,0].astype(int)
    want = np.clip(a*255, 0, 255) if a.max()<1.1 else GRAY
    assert np.abs(got-want).max()<=1.01


@pytest.mark.parametrize('bad', [np.inf, -np.inf, np.nan])
def test_one_pixel_that_is_no_number_spoils_no_other(bad, tmp_path):
    for top in (1, 255):
        a = (GRAY/255*top).astype('float32')
        a[0,0] = bad
        Image.fromarray(a).save(tmp_path/'x.tif')
        got = np.asarray(open_photo(tmp_path/'x.tif'))[...,0].astype(int)
        assert np.abs(got-GRAY)[1:].max()<=1 and got[0,0]==(255 if bad==np.inf else 0)


def test_lightness_is_kept_as_far_as_the_page_says(tmp_path):
    from colorize_nb.color.space import rgb2lab
    im = open_photo(bundled_photos()['coffee'])
    def step(path, **how):
        a, b = (rgb2lab(to_tensor(o))[0,0] for o in (im, open_photo(save_photo(im, path, force=True, **how))))
        return (a-b).abs().max().item()
    assert step(tmp_path/'x.jpg')<2 and step(tmp_path/'x.jpg', quality=95)>2
    assert step(tmp_path/'x.png')==step(tmp_path/'x.webp', exact=True)==step(tmp_path/'x.tif', exact=True)==0
    with pytest.raises(PhotoError, match='JPEG does not keep every value'): save_photo(im, tmp_path/'y.jpg', exact=True)
