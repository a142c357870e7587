"Common photos open with the correct pixels, photos in folders are found, and other programs can read the results."
import io, os, shutil, subprocess, sys
from importlib.util import find_spec

import numpy as np, pytest
from PIL import Image, ImageCms, ImageFile

from colorize_nb.core import photo as page
from colorize_nb.core.photo import PhotoError, bundled_photos, find_photos, is_gray, open_photo, to_image, to_tensor
from colorize_nb.core.photo import marked, photo_meta, photo_notes, save_photo, source_type
from colorize_nb.core.show import show_photos

tifffile = pytest.importorskip('tifffile')
IDENTIFY = shutil.which('identify')
GRAY = np.linspace(0, 255, 64*48).reshape(48,64)
RGB = np.stack([GRAY, GRAY[::-1], 255-GRAY[:,::-1]*.5], -1)

def error(img, want):
    "Return the largest difference between a PIL image and an array from 0 to 255."
    a = np.asarray(img).astype(float)
    assert a.shape==(*want.shape[:2], 3)
    return np.abs(a-(want if want.ndim==3 else want[...,None])).max()

def check(path, want, tol=0):
    "Check that a file opens in Pillow and ImageMagick with the pixels `want` (an RGB array) and without transparency."
    assert np.abs(np.asarray(Image.open(path).convert('RGB')).astype(float)-want).max()<=tol
    if not IDENTIFY: return
    out = subprocess.run([IDENTIFY, '-format', '%w %h %[fx:mean.r*255] %[fx:mean.g*255] %[fx:mean.b*255]\n', str(path)],
                         capture_output=True, text=True, timeout=60)
    assert out.returncode==0, out.stderr
    w, h, *means = map(float, out.stdout.split()[:5])
    assert (h, w)==want.shape[:2] and np.abs(np.asarray(want, float).mean((0,1))-means).max()<=tol+.1

def through(src, dst, **kw):
    "Open `src`, save it as `dst` with its metadata, and return the pixels of the opened photo."
    img = open_photo(src, flatten=False)
    save_photo(img, dst, photo_meta(src), note='predicted', **kw)
    return np.asarray(img)

@pytest.fixture
def photo():
    a = np.random.default_rng(0).integers(0, 255, (6,8,3)).astype(np.uint8)
    return Image.fromarray(a).resize((64,48), Image.BICUBIC)

# --- opening

@pytest.mark.parametrize('mode,ext', [
    ('RGB','png'), ('L','png'), ('LA','png'), ('RGBA','png'), ('P','png'), ('1','png'), ('CMYK','jpg'),
    ('CMYK','tif'), ('L','jpg'), ('YCbCr','jpg'), ('P','gif'), ('RGB','webp'), ('F','tif'), ('LAB','tif'), ('RGB','jp2')])
def test_every_mode_opens_as_rgb(photo, tmp_path, mode, ext):
    photo.convert(mode).save(tmp_path/f'x.{ext}')
    got = open_photo(tmp_path/f'x.{ext}')
    assert (got.mode, got.size, got.info)==('RGB', photo.size, {})
    if mode in ('F','L') and ext!='jpg': assert error(got, np.asarray(photo.convert('L')))<=1

ORIENTED = {1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
            5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_90}

@pytest.mark.parametrize('ext', ['png','tif'])
@pytest.mark.parametrize('mode', ['RGB','L','RGBA'])
@pytest.mark.parametrize('orientation', ORIENTED)
def test_photos_are_turned_upright(photo, tmp_path, orientation, mode, ext):
    "Including uncompressed TIFFs, whose rows Pillow scrambles when it maps them to memory."
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, 'Leica'
    img = photo.convert(mode)
    if mode=='RGBA': img.putalpha(Image.linear_gradient('L').resize(img.size))
    img.save(tmp_path/f'x.{ext}', exif=exif, dpi=(300, 600))
    turn = ORIENTED[orientation]
    want = img if turn is None else img.transpose(turn)
    assert error(open_photo(tmp_path/f'x.{ext}', flatten=False), np.asarray(want.convert('RGB')))==0
    out = save_photo(open_photo(tmp_path/f'x.{ext}', flatten=False), tmp_path/f'y.{ext}', photo_meta(tmp_path/f'x.{ext}'), 'predicted')
    back = Image.open(out)
    assert back.getexif().get(0x0112, 1)==1 and back.getexif()[0x010F]=='Leica' and 'predicted' in back.getexif()[0x0131]
    assert tuple(round(v) for v in back.info['dpi'])==((300, 600) if orientation<5 else (600, 300))
    if mode=='RGBA': assert np.array_equal(back.getchannel('A'), want.getchannel('A'))

def icc(name):
    "A wide-gamut profile of the system, or a made-up one with swapped primaries of sRGB."
    path = f'/usr/share/color/icc/ghostscript/{name}.icc'
    if not os.path.exists(path): pytest.skip('needs the color profiles of ghostscript')
    return open(path, 'rb').read()

@pytest.mark.parametrize('profile', ['a98','rommrgb'])
@pytest.mark.parametrize('mode,ext', [('RGB','png'), ('RGBA','png'), ('P','png'), ('RGB','tif'), ('RGB','jpg')])
def test_wide_gamut_photos_are_converted_to_srgb(tmp_path, profile, mode, ext):
    "A nearly gray and a strong color are painted in sRGB, converted to the wide profile, and restored."
    painted = Image.new('RGB', (32,32), (124, 118, 126))
    painted.paste((190, 60, 70), (16,0,32,32))
    stored = ImageCms.profileToProfile(painted, ImageCms.createProfile('sRGB'), io.BytesIO(icc(profile)), outputMode='RGB')
    assert error(stored, np.asarray(painted))>10
    stored = stored.quantize(4) if mode=='P' else stored.convert(mode)
    stored.save(tmp_path/f'x.{ext}', icc_profile=icc(profile), **({'quality': 100, 'subsampling': 0} if ext=='jpg' else {}))
    for got in (open_photo(tmp_path/f'x.{ext}'), to_image(to_tensor(Image.open(tmp_path/f'x.{ext}')))):
        assert error(got, np.asarray(painted))<=(4 if ext=='jpg' else 2)
    assert not is_gray(Image.open(tmp_path/f'x.{ext}'))
    through(tmp_path/f'x.{ext}', tmp_path/'y.png')
    assert 'sRGB' in ImageCms.getProfileDescription(io.BytesIO(Image.open(tmp_path/'y.png').info['icc_profile']))

@pytest.mark.parametrize('index,want', [('R03', [(255,0,0), (0,255,1), (0,0,255)]), ('R98', None)])
@pytest.mark.parametrize('ext', ['png','webp'])
def test_adobe_rgb_can_be_declared_in_exif_alone(tmp_path, index, want, ext):
    "The sRGB primaries have these values in Adobe RGB (1998)."
    stored = [(219,0,0), (144,255,60), (0,0,250)]
    img, exif = Image.new('RGB', (3,1)), Image.Exif()
    img.putdata(stored)
    exif[0x8769] = {0xA001: 65535, 0xA005: {1: index}}
    img.save(tmp_path/f'x.{ext}', exif=exif, **({'lossless': True} if ext=='webp' else {}))
    got = [tuple(c) for c in np.asarray(open_photo(tmp_path/f'x.{ext}'))[0].tolist()]
    assert got==(want or stored)
    through(tmp_path/f'x.{ext}', tmp_path/'y.png')
    assert Image.open(tmp_path/'y.png').getexif().get_ifd(0x8769)[0xA001]==1 and error(open_photo(tmp_path/'y.png'), np.array([got]))==0

def test_the_adobe_rgb_profile_matches_adobe():
    steps = np.linspace(0, 255, 18).astype(np.uint8)
    grid = Image.fromarray(np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, 18, 3))
    ours, theirs = (ImageCms.profileToProfile(grid, io.BytesIO(p), ImageCms.createProfile('sRGB'), outputMode='RGB')
                    for p in (page._adobe_rgb_profile(), icc('a98')))
    assert error(ours, np.asarray(theirs))<=1

def test_srgb_pixels_stay_exactly_as_they_are(photo, tmp_path):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
    photo.save(tmp_path/'x.png', icc_profile=srgb)
    assert error(open_photo(tmp_path/'x.png'), np.asarray(photo))==0
    photo.save(tmp_path/'bad.png', icc_profile=b'damaged')
    assert error(open_photo(tmp_path/'bad.png'), np.asarray(photo))==0
    assert photo_meta(photo)['icc'] is None

@pytest.mark.parametrize('a,want', [
    ((GRAY/255*4095).astype('uint16'), GRAY), ((GRAY/255*1023).astype('uint16'), GRAY), ((GRAY/255*16383).astype('uint16'), GRAY),
    ((GRAY*257).astype('uint16'), GRAY), (GRAY.astype('uint16'), GRAY), ((GRAY/255*4000).astype('uint16'), GRAY*4000/65535),
    ((GRAY/255*50000).astype('uint16'), GRAY*50000/65535), ((GRAY/255*(2**31-1)).astype('int32'), GRAY),
    ((GRAY*257).astype('int32'), GRAY), (GRAY.astype('int32'), GRAY), ((GRAY/255).astype('float32'), GRAY),
    ((GRAY/255*1.04).astype('float32'), np.clip(GRAY*1.04, 0, 255)), ((GRAY/2550).astype('float32'), GRAY/10),
    (GRAY.astype('float32'), GRAY), ((GRAY*257).astype('float32'), GRAY)], ids=lambda a: f'{a.dtype} to {a.max():.5g}')
def test_deep_pictures_keep_their_lightness(a, want, tmp_path):
    Image.fromarray(a).save(tmp_path/'x.tif')
    assert error(open_photo(tmp_path/'x.tif'), want)<=1.01

@pytest.mark.parametrize('bad', [np.inf, -np.inf, np.nan])
def test_infinite_and_missing_values_do_not_affect_other_pixels(bad, tmp_path):
    for top in (1, 255):
        a = (GRAY/255*top).astype('float32')
        a[0,0] = bad
        Image.fromarray(a).save(tmp_path/'x.tif')
        got = np.asarray(open_photo(tmp_path/'x.tif'))[...,0].astype(int)
        assert np.abs(got-GRAY)[1:].max()<=1 and got[0,0]==(255 if bad==np.inf else 0)

TIFFS = dict(gray=(GRAY.astype('uint8'), {}), zip=(GRAY.astype('uint8'), dict(compression='zlib')),
    gray16=((GRAY*257).astype('uint16'), {}), white0=((255-GRAY).astype('uint8'), dict(photometric='miniswhite')),
    white0_16=(((255-GRAY)*257).astype('uint16'), dict(photometric='miniswhite')),
    white0_float=((1-GRAY/255).astype('float32'), dict(photometric='miniswhite')),
    rgb=(RGB.astype('uint8'), dict(photometric='rgb')), rgb16=((RGB*257).astype('uint16'), dict(photometric='rgb')),
    planar=(np.moveaxis(RGB, -1, 0).astype('uint8'), dict(photometric='rgb', planarconfig='separate')),
    tiled=(RGB.astype('uint8'), dict(photometric='rgb', tile=(16,16))), strips=(RGB.astype('uint8'), dict(photometric='rgb', rowsperstrip=5)),
    bigtiff=(RGB.astype('uint8'), dict(photometric='rgb', bigtiff=True)), bigendian=(RGB.astype('uint8'), dict(photometric='rgb', byteorder='>')),
    predictor=(RGB.astype('uint8'), dict(photometric='rgb', compression='deflate', predictor=True)))

@pytest.mark.parametrize('name', TIFFS)
@pytest.mark.parametrize('ext', ['tif','jpg','png'])
def test_results_of_all_kinds_of_tiffs_can_be_opened(name, ext, tmp_path):
    "The result must not inherit the tags that describe how the source stored its pixels."
    a, kw = TIFFS[name]
    tifffile.imwrite(tmp_path/'x.tif', a, description='The river in 1910', resolution=(600, 600), resolutionunit='INCH', **kw)
    got = through(tmp_path/'x.tif', tmp_path/f'y.{ext}')
    assert error(got, RGB if a.ndim==3 else GRAY)<=1.01
    check(tmp_path/f'y.{ext}', got, tol=0 if ext!='jpg' else 8)
    back = Image.open(tmp_path/f'y.{ext}')
    assert back.getexif()[270]=='The river in 1910' and [round(v) for v in back.info['dpi']]==[600, 600]

@pytest.mark.parametrize('mode,kw', [('L', {}), ('1', {}), ('1', dict(compression='group4')), ('1', dict(compression='group3')),
    ('P', {}), ('CMYK', {}), ('RGBA', {}), ('LA', {}), ('YCbCr', {}), ('YCbCr', dict(compression='jpeg')), ('LAB', {}),
    ('RGB', dict(compression='jpeg')), ('RGB', dict(compression='packbits')), ('L', dict(compression='tiff_lzw')), ('I;16', {}), ('I', {}), ('F', {})])
def test_tiffs_written_by_pillow_too(mode, kw, photo, tmp_path):
    img = Image.fromarray((GRAY*257).astype('uint16')) if mode=='I;16' else photo.convert(mode)
    img.save(tmp_path/'x.tif', **kw)
    got = through(tmp_path/'x.tif', tmp_path/'y.tif', exact=True)
    if mode in ('L','1','RGBA','P'): assert error(got, np.asarray(img.convert('RGB')))==0
    if mode=='YCbCr': assert error(got, np.asarray(photo))<=(3 if not kw else 60)
    assert np.array_equal(np.asarray(Image.open(tmp_path/'y.tif').convert('RGB')), got)
    check(tmp_path/'y.tif', got)

def test_saving_an_open_photo_inherits_no_compression(photo, tmp_path):
    photo.save(tmp_path/'x.tif', compression='jpeg')
    img = Image.open(tmp_path/'x.tif')
    img.load()
    save_photo(open_photo(tmp_path/'x.tif'), tmp_path/'y.tif', exact=True)
    save_photo(img, tmp_path/'z.tif', exact=True)
    for f in ('y.tif','z.tif'): assert np.array_equal(Image.open(tmp_path/f), img)

def test_32_bit_scans_are_read_as_unsigned(tmp_path):
    tifffile.imwrite(tmp_path/'x.tif', (GRAY/255*(2**32-1)).astype('uint32'), photometric='minisblack')
    assert error(open_photo(tmp_path/'x.tif'), GRAY)<=1

def write_jpeg2000(path, value):
    "A JPEG 2000 in which each channel has 16 bits."
    av = pytest.importorskip('av')
    with av.open(str(path), 'w', format='image2') as out:
        v = out.add_stream('jpeg2000', rate=1)
        v.width, v.height, v.pix_fmt = 40, 30, 'rgb48le'
        out.mux(v.encode(av.VideoFrame.from_ndarray(np.full((30,40,3), value, np.uint16), format='rgb48le')))
        out.mux(v.encode())

def test_jpeg2000_of_more_than_8_bits_is_right_or_rejected(tmp_path):
    "Pillow reads white as black in color, and gray correctly."
    write_jpeg2000(tmp_path/'x.jp2', 65535)
    with pytest.raises(PhotoError, match='JPEG 2000 with 16 bits per channel'): open_photo(tmp_path/'x.jp2')
    Image.fromarray((GRAY*257).astype('uint16')).save(tmp_path/'y.jp2')
    assert error(open_photo(tmp_path/'y.jp2'), GRAY)<=1.01

def test_fewer_bits_are_mentioned(tmp_path, photo):
    for name,a in dict(deep=(RGB*257).astype('uint16'), gray=(GRAY*257).astype('uint16'), plain=RGB.astype('uint8')).items():
        tifffile.imwrite(tmp_path/f'{name}.tif', a, photometric='rgb' if a.ndim==3 else 'minisblack')
        assert photo_notes(photo_meta(tmp_path/f'{name}.tif'))==([] if name=='plain' else ['its bit depth was reduced to 8 bits'])

def test_planar_16_bit_tiffs_are_rejected_rather_than_scrambled(tmp_path):
    tifffile.imwrite(tmp_path/'x.tif', np.moveaxis(RGB*257, -1, 0).astype('uint16'), photometric='rgb', planarconfig='separate')
    with pytest.raises(PhotoError, match='separate color planes'): open_photo(tmp_path/'x.tif')

# --- transparency

def with_alpha(photo, mode):
    alpha = Image.linear_gradient('L').resize(photo.size)
    if mode=='P':
        img = photo.quantize(16)
        img.info['transparency'] = bytes([0]+[255]*14+[128])
        return img, img.convert('RGBA').getchannel('A')
    img = photo.convert(mode[:-1])
    img.putalpha(alpha)
    return img, alpha

@pytest.mark.parametrize('ext', ['png','webp','tif','tga','jp2'])
@pytest.mark.parametrize('mode', ['RGBA','LA','P'])
def test_alpha_is_kept_exactly(photo, tmp_path, mode, ext):
    img, alpha = with_alpha(photo, mode)
    img.save(tmp_path/'x.png')
    got = through(tmp_path/'x.png', tmp_path/f'y.{ext}', exact=ext in ('png','webp','tif','tga'))
    back = Image.open(tmp_path/f'y.{ext}')
    assert np.array_equal(back.getchannel('A'), alpha) and error(got, np.asarray(img.convert('RGBA').convert('RGB')))==0
    if ext!='jp2': assert np.array_equal(np.asarray(back.convert('RGBA'))[...,:3], got)
    assert photo_notes(photo_meta(tmp_path/'x.png'), f'y.{ext}')==[]

def test_16_bit_alpha_is_kept(tmp_path):
    a = np.stack([*np.moveaxis(RGB, -1, 0), GRAY], -1)
    tifffile.imwrite(tmp_path/'x.tif', (a*257).astype('uint16'), photometric='rgb', extrasamples=['unassalpha'])
    through(tmp_path/'x.tif', tmp_path/'y.png')
    assert np.abs(np.asarray(Image.open(tmp_path/'y.png')).astype(float)-a).max()<=1

def test_the_transparent_color_of_a_gray_16_bit_png(tmp_path):
    Image.fromarray((GRAY*257).astype('uint16')).save(tmp_path/'x.png', transparency=0)
    alpha = np.asarray(photo_meta(tmp_path/'x.png')['alpha'])
    assert alpha[0,0]==0 and alpha.ravel()[1:].min()==255

def test_lost_transparency_is_mentioned(photo, tmp_path):
    img, alpha = with_alpha(photo, 'RGBA')
    img.save(tmp_path/'x.png')
    through(tmp_path/'x.png', tmp_path/'y.jpg')
    assert photo_notes(photo_meta(tmp_path/'x.png'), 'y.jpg')==["JPEG can't store transparency, so the picture was put on white"]
    assert np.asarray(Image.open(tmp_path/'y.jpg'))[0].min()>240 # transparent at the top
    opaque = photo.copy()
    opaque.putalpha(255)
    assert photo_meta(opaque)['alpha'] is None
    assert np.asarray(open_photo(Image.new('RGBA', (4,4), (0,0,0,0)))).min()==255

# --- several pictures, warnings, and errors

@pytest.mark.parametrize('ext', ['tif','gif','webp','png','avif','mpo'])
def test_files_with_several_pictures_use_the_first_with_a_note(tmp_path, ext):
    if ext=='avif' and 'AVIF' not in Image.SAVE: pytest.skip('this Pillow writes no AVIF')
    frames = [Image.new('RGB', (16,16), c) for c in ('red','blue','lime')]
    frames[0].save(tmp_path/f'x.{ext}', save_all=True, append_images=frames[1:])
    r, g, b = np.asarray(open_photo(tmp_path/f'x.{ext}'))[0,0]
    assert r>200 and b<50
    assert photo_notes(photo_meta(tmp_path/f'x.{ext}'))==['only the first of its 3 pictures was used']

def test_warnings_of_pillow_become_notes(photo, tmp_path, recwarn):
    photo.save(tmp_path/'x.tif')
    data = bytearray((tmp_path/'x.tif').read_bytes())
    ifd = int.from_bytes(data[4:8], 'little')
    n = int.from_bytes(data[ifd:ifd+2], 'little')
    entry = ifd+2+12*(n-1)
    data[entry+2:entry+12] = (5).to_bytes(2, 'little')+(9).to_bytes(4, 'little')+(10**9).to_bytes(4, 'little') # beyond the end
    (tmp_path/'x.tif').write_bytes(data)
    try: open_photo(tmp_path/'x.tif')
    except PhotoError: pass
    notes = photo_meta(tmp_path/'x.tif')['notes']
    assert not recwarn.list and notes and all('\n' not in n for n in notes)

def test_errors_name_the_file_and_the_reason(photo, tmp_path):
    photo.save(tmp_path/'good.jpg', quality=95)
    whole = (tmp_path/'good.jpg').read_bytes()
    for name, content, why in (('empty.jpg', b'', 'empty'),
                               ('text.jpg', b'hello there', 'not a picture'),
                               ('cut.jpg', whole[:len(whole)//2], 'damaged.*salvage=True'),
                               ('a.heic', b'\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'damaged' if find_spec('pillow_heif') else r'colorize_nb\[heif\]'),
                               ('b.heic', b'\0\0\0\x18ftyphevc\0\0\0\0msf1hevc', 'a sequence of pictures; rename it to .heics'),
                               ('c.heic', b'\0\0\0\x18ftypmsf1\0\0\0\0msf1hevc', 'a sequence of pictures; rename it to .heics'),
                               ('x.psd', b'8BPS\0\1'+bytes(20), 'a Photoshop file'),
                               ('a.jxl', b'\xff\x0a\0\0', 'JPEG XL'), ('b.jxl', b'\0\0\0\x0cJXL \r\n\x87\n', 'JPEG XL')):
        (tmp_path/name).write_bytes(content)
        with pytest.raises(PhotoError, match=why) as e: open_photo(tmp_path/name)
        assert str(tmp_path/name) in str(e.value) and '\n' not in str(e.value)
    for path, why in ((tmp_path/'gone.jpg', 'no such file'), (tmp_path, 'a folder')):
        with pytest.raises(PhotoError, match=why): open_photo(path)

def test_unsupported_tiffs_get_the_right_message(tmp_path):
    tifffile.imwrite(tmp_path/'x.tif', RGB/255, photometric='rgb')
    with pytest.raises(PhotoError, match="a kind of TIFF that isn't supported.*save it with 8 or 16 bits"): open_photo(tmp_path/'x.tif')

@pytest.mark.parametrize('compression', ['group4','tiff_lzw','tiff_adobe_deflate'])
def test_libtiff_prints_nothing_to_the_terminal(photo, tmp_path, capfd, compression):
    "A damaged fax is used, and one warning names the file. The others are rejected."
    img = photo.resize((400,300)).convert('1' if compression=='group4' else 'L')
    img.save(tmp_path/'x.tif', compression=compression)
    data = bytearray((tmp_path/'x.tif').read_bytes())
    at = Image.open(tmp_path/'x.tif').tag_v2[273][0]
    for i in range(at+40, at+200, 7): data[i] ^= 255
    (tmp_path/'x.tif').write_bytes(data)
    if compression!='group4':
        with pytest.raises(PhotoError, match='x.tif: damaged'): open_photo(tmp_path/'x.tif')
    else:
        with pytest.warns(UserWarning, match=r'x.tif: damaged; the decoder reported \d+ error.*Fax4') as caught:
            assert open_photo(tmp_path/'x.tif').size==img.size
        assert len(caught)==1
    photo_meta(tmp_path/'x.tif')
    assert capfd.readouterr().err==''

def heif():
    "Pillow with HEIC. Skips the test if it isn't installed."
    pytest.importorskip('pillow_heif')
    page._register_heif()

def test_heic(photo, tmp_path):
    heif()
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, 'painted'
    photo.save(tmp_path/'x.heic', quality=100, chroma=444, exif=exif.tobytes())
    want = np.asarray(photo.transpose(Image.Transpose.ROTATE_270))
    got = open_photo(tmp_path/'x.heic')
    assert got.size==(48,64) and np.abs(np.asarray(got).astype(int)-want).mean()<3
    through(tmp_path/'x.heic', tmp_path/'y.jpg')
    exif = Image.open(tmp_path/'y.jpg').getexif()
    assert exif[0x010E]=='painted' and exif.get(0x0112, 1)==1 and Image.open(tmp_path/'y.jpg').size==(48,64)
    img, alpha = with_alpha(photo, 'RGBA')
    img.save(tmp_path/'a.heic', quality=100)
    assert np.abs(np.asarray(photo_meta(tmp_path/'a.heic')['alpha']).astype(int)-alpha).max()<=2

def test_a_heic_with_several_pictures_uses_the_first(tmp_path):
    heif()
    frames = [Image.new('RGB', (64,64), c) for c in ('red','blue','lime')]
    frames[0].save(tmp_path/'x.heic', save_all=True, append_images=frames[1:])
    assert np.asarray(open_photo(tmp_path/'x.heic'))[5,5,0]>240
    assert photo_notes(photo_meta(tmp_path/'x.heic'))==['only the first of its 3 pictures was used']

@pytest.mark.parametrize('name', ['x.dng','x.nef','x.tif'])
def test_the_thumbnail_of_a_raw_file_is_not_taken_for_the_photo(photo, tmp_path, name):
    exif = Image.Exif()
    if name=='x.tif': exif[50706] = b'\1\4\0\0'
    photo.save(tmp_path/name, 'TIFF', exif=exif)
    with pytest.raises(PhotoError, match="raw camera files aren't supported"): open_photo(tmp_path/name)

def test_a_truncated_jpeg_can_be_salvaged(tmp_path):
    img = open_photo(bundled_photos()['coffee'])
    img.save(tmp_path/'x.jpg', quality=95)
    data = (tmp_path/'x.jpg').read_bytes()
    (tmp_path/'x.jpg').write_bytes(data[:len(data)//2])
    with pytest.warns(UserWarning, match=r'x.jpg: the file ends early; about \d\d% of the rows are missing'):
        got = open_photo(tmp_path/'x.jpg', salvage=True)
    top = np.asarray(got)[:100].astype(int)-np.asarray(img)[:100]
    assert got.size==img.size and np.abs(top).mean()<2 and not ImageFile.LOAD_TRUNCATED_IMAGES
    (tmp_path/'y.jpg').write_bytes(b'not at all')
    with pytest.raises(PhotoError): open_photo(tmp_path/'y.jpg', salvage=True)

def test_decompression_bombs_are_rejected_but_not_phone_photos(monkeypatch, tmp_path):
    assert 2*Image.MAX_IMAGE_PIXELS>=200e6
    Image.new('L', (400,400)).save(tmp_path/'big.png')
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 1000)
    with pytest.raises(PhotoError, match='400 megapixels; set COLORIZE_MEGAPIXELS'): open_photo(tmp_path/'big.png')

def test_only_formats_made_for_photos_are_opened(photo, tmp_path):
    (tmp_path/'x.jpg').write_bytes(b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n')
    assert Image.open(tmp_path/'x.jpg').format=='EPS'
    with pytest.raises(PhotoError, match='not a picture in a supported format'): open_photo(tmp_path/'x.jpg')
    for ext in ('pdf','ico','pcx','xbm','im'):
        img = photo.convert('1') if ext=='xbm' else photo
        img.save(tmp_path/f'y.{ext}')
        with pytest.raises(PhotoError, match='not a picture in a supported format'): open_photo(tmp_path/f'y.{ext}')
    for ext in ('jpg','png','webp','tif','bmp','dib','gif','ppm','pgm','pbm','jp2','jpf','tga','mpo'):
        photo.save(tmp_path/f'z.{ext}')
        assert open_photo(tmp_path/f'z.{ext}').size==photo.size and f'.{ext}' in page.EXTENSIONS

def test_photoshop_files_and_portable_floats(photo, tmp_path):
    "A merged Photoshop file is the composite of its layers, uncompressed and planar."
    w, h = photo.size
    head = b'8BPS\0\1'+bytes(6)+(3).to_bytes(2, 'big')+h.to_bytes(4, 'big')+w.to_bytes(4, 'big')+b'\0\x08\0\3'
    planes = np.moveaxis(np.asarray(photo), -1, 0).tobytes()
    (tmp_path/'x.psd').write_bytes(head+bytes(12)+b'\0\0'+planes)
    assert error(open_photo(tmp_path/'x.psd'), np.asarray(photo))==0
    (tmp_path/'x.pfm').write_bytes(b'Pf\n64 48\n-1.0\n'+(GRAY[::-1]/255).astype('<f4').tobytes())
    assert error(open_photo(tmp_path/'x.pfm'), GRAY)<=1

# --- folders

def test_file_names_in_an_ascii_locale(photo, tmp_path):
    "Many servers and cron jobs use this locale."
    (tmp_path/'in').mkdir()
    photo.save(tmp_path/'in'/'Großmutter 漢.jpg')
    code = 'import sys; from colorize_nb.app.cli import main; sys.exit(main())'
    env = {**os.environ, 'LC_ALL': 'C', 'PYTHONUTF8': '0', 'PYTHONCOERCECLOCALE': '0', 'OMP_NUM_THREADS': '1'}
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', code, 'in', 'gone ß', '-o', 'out', '--report', 'out/r.csv'], cwd=tmp_path, env=env,
                          capture_output=True)
    assert done.returncode==1 and b'1 colored, 1 failed' in done.stdout, done.stderr
    assert sorted(os.listdir(tmp_path/'out'))==['Großmutter 漢-color.jpg', 'r.csv']

def test_find_photos(tmp_path):
    for n in ('b.JPG', 'a.png', 'notes.txt', 'film.mov', 'c.jxl', '.hidden.jpg', '._b.jpg', 'in/c.tif', '.git/d.png', '.thumbnails/e.png',
              '@eaDir/b.JPG', 'in/__MACOSX/c.tif'):
        (tmp_path/n).parent.mkdir(exist_ok=True)
        (tmp_path/n).write_bytes(b'x')
    skipped = {}
    assert [p.name for p in find_photos(tmp_path, skipped=skipped)]==['a.png','b.JPG','c.tif']
    assert skipped=={'.jxl': 1, '.mov': 1, '.txt': 1}
    assert [p.name for p in find_photos(tmp_path, recurse=False)]==['a.png','b.JPG']
    assert find_photos([tmp_path/'notes.txt', tmp_path/'notes.txt'])==[tmp_path/'notes.txt']
    with pytest.raises(PhotoError, match='no such'): find_photos(tmp_path/'gone')

def test_linked_folders_are_searched_once(tmp_path):
    (tmp_path/'album').mkdir(), (tmp_path/'elsewhere').mkdir()
    (tmp_path/'elsewhere'/'a.png').touch()
    try:
        (tmp_path/'album'/'link').symlink_to(tmp_path/'elsewhere')
        (tmp_path/'elsewhere'/'loop').symlink_to(tmp_path/'elsewhere')
    except OSError: pytest.skip('no symbolic links here')
    assert find_photos(tmp_path/'album')==[tmp_path/'album'/'link'/'a.png']

def test_bundled_photos_are_in_color():
    photos = bundled_photos()
    assert {'astronaut','coffee','chelsea','rocket'} <= {*photos}
    assert not any(is_gray(open_photo(p)) for k,p in photos.items() if k!='hubble')
    assert is_gray(open_photo(photos['coffee']).convert('L'))

@pytest.mark.parametrize('apart,tol,want', [(2, 2., True), (3, 2., False), (3, 3.5, True), (8, 3.5, False)])
def test_the_tolerance_of_gray_is_a_difference_of_channels(apart, tol, want):
    flat = Image.new('RGB', (80, 60), (100, 100, 100+apart))
    assert is_gray(flat, tol)==is_gray(to_tensor(flat), tol+1e-3)==want and is_gray(flat)==(apart<=2)

def test_tensors_and_back(photo):
    t = to_tensor(photo)
    assert t.shape==(1,3,48,64) and t.min()>=0 and t.max()<=1
    assert np.array_equal(to_image(t), photo)
    assert np.array_equal(to_image(t[0]+10), np.full((48,64,3), 255))
    assert len(show_photos([photo, t, np.asarray(photo)], ncols=2).axes)==4

# --- metadata

def test_descriptions_survive(photo, tmp_path):
    exif = Image.Exif()
    exif[270], exif[271], exif[306], exif[315], exif[33432] = 'Zürich'.encode(), 'Leica', '1910:01:02 03:04:05', 'Müller'.encode(), '(c) me'
    exif[0x8769] = {0x9003: '1910:01:02 03:04:05', 0xA001: 65535, 0xA002: 99}
    exif[0x8825] = {1: 'N', 2: (47., 22., 0.)}
    for ext in ('jpg','png','webp','tif'):
        block = Image.Exif()
        block.load(exif.tobytes())
        for k in (270, 315): block[k] = exif[k]
        photo.save(tmp_path/f'x.{ext}', exif=block, dpi=(600,600))
        for out in ('jpg','png','webp','tif'):
            through(tmp_path/f'x.{ext}', tmp_path/'y'/f'{ext}.{out}')
            back = Image.open(tmp_path/'y'/f'{ext}.{out}').getexif()
            text = {k: back[k].encode('latin-1').decode('utf8') for k in (270, 271, 306, 315, 33432)}
            assert text=={270: 'Zürich', 271: 'Leica', 306: '1910:01:02 03:04:05', 315: 'Müller', 33432: '(c) me'}, (ext, out)
            inner = back.get_ifd(0x8769)
            assert inner[0x9003]=='1910:01:02 03:04:05' and inner[0xA001]==1 and 0xA002 not in inner
            assert back.get_ifd(0x8825)[1]=='N'
            if ext!='webp': assert round(float(back[282]))==600

def test_png_text_becomes_png_text_and_exif(photo, tmp_path):
    from PIL import PngImagePlugin
    info = PngImagePlugin.PngInfo()
    for k,v in (('Description', 'a river'), ('Author', 'Ødegård'), ('Comment', 'scan 7'), ('Shelf', 'B 12')): info.add_text(k, v)
    photo.save(tmp_path/'x.png', pnginfo=info)
    through(tmp_path/'x.png', tmp_path/'y.png')
    text = Image.open(tmp_path/'y.png').text
    assert text['Shelf']=='B 12' and text['Author']=='Ødegård' and text['Comment']=='scan 7; predicted'
    through(tmp_path/'x.png', tmp_path/'y.jpg')
    assert Image.open(tmp_path/'y.jpg').getexif()[270]=='a river' and Image.open(tmp_path/'y.jpg').info['comment']==b'scan 7'

def test_iptc_is_kept_in_jpegs(photo, tmp_path):
    from PIL import IptcImagePlugin
    iptc = b'\x1c\x02\x78\x00\x07a river'
    photo.save(tmp_path/'x.jpg', extra=page._iptc_segment(iptc))
    through(tmp_path/'x.jpg', tmp_path/'y.jpg')
    assert IptcImagePlugin.getiptcinfo(Image.open(tmp_path/'y.jpg'))[2,120]==b'a river'

def test_iptc_is_kept_in_tiffs(photo, tmp_path):
    from PIL import IptcImagePlugin
    iptc = b'\x1c\x02\x78\x00\x07a river'
    tifffile.imwrite(tmp_path/'x.tif', np.asarray(photo), photometric='rgb', extratags=[(33723, 7, len(iptc), iptc, True)])
    for ext in ('jpg','tif'):
        through(tmp_path/'x.tif', tmp_path/f'y.{ext}')
        assert IptcImagePlugin.getiptcinfo(Image.open(tmp_path/f'y.{ext}'))[2,120]==b'a river'

OLD_XMP = b'''<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description
 rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"
 dc:format="image/tiff" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"><Iptc4xmpExt:DigitalSourceType
 >http://cv.iptc.org/newscodes/digitalsourcetype/negativeFilm</Iptc4xmpExt:DigitalSourceType></rdf:Description></rdf:RDF></x:xmpmeta>'''

@pytest.mark.parametrize('ext', ['jpg','png','webp','tif','avif'])
@pytest.mark.parametrize('note', [
    'Colors predicted by colorize_nb (model shipped)', 'model <img src=x> & "quoted" é漢 \x00 \udcff.safetensors'], ids=['usual','odd'])
def test_results_name_their_source_for_programs(photo, tmp_path, ext, note):
    "Read with Pillow's XMP reader. A photo without a note names no source, and the photo's own packet is extended."
    pytest.importorskip('defusedxml')
    if ext=='avif' and 'AVIF' not in Image.SAVE: pytest.skip('this Pillow writes no AVIF')
    out = save_photo(photo, tmp_path/f'x.{ext}', note=note)
    found = Image.open(out).getxmp()['xmpmeta']['RDF']['Description']
    assert found['DigitalSourceType']=='http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia'
    assert Image.open(out).getexif()[0x0131].startswith(note[:10])
    assert found['AISystemUsed'].startswith(note[:10]) and source_type(out)=='compositeWithTrainedAlgorithmicMedia'
    assert source_type(save_photo(photo, tmp_path/f'y.{ext}')) is None
    out = save_photo(photo, tmp_path/f'z.{ext}', dict(xmp=OLD_XMP), note)
    old, ours = Image.open(out).getxmp()['xmpmeta']['RDF']['Description']
    assert old['format']=='image/tiff' and 'Orientation' not in old and 'DigitalSourceType' not in old
    assert ours==found and source_type(out)=='compositeWithTrainedAlgorithmicMedia'

@pytest.mark.parametrize('ext', ['png','webp','jpg','tif'])
def test_damaged_exif_is_ignored(photo, tmp_path, ext):
    f = tmp_path/f'x.{ext}'
    photo.save(f, **({} if ext=='tif' else dict(exif=b'Exif\x00\x00garbage header')))
    assert open_photo(f).size==photo.size
    out = save_photo(open_photo(f), tmp_path/'out.png', photo_meta(f), note='predicted')
    assert Image.open(out).getexif()[0x0131]=='predicted'

# --- saving

def test_photos_are_saved_completely_or_not_at_all(photo, tmp_path, monkeypatch):
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

def test_lightness_error_matches_the_page(tmp_path):
    from colorize_nb.color.space import rgb2lab
    im = open_photo(bundled_photos()['coffee'])
    def lightness_error(path, **kw):
        a, b = (rgb2lab(to_tensor(o))[0,0] for o in (im, open_photo(save_photo(im, path, force=True, **kw))))
        return (a-b).abs().max().item()
    assert lightness_error(tmp_path/'x.jpg')<2 and lightness_error(tmp_path/'x.jpg', quality=95)>2
    for ext in ('png','webp','tif'): assert lightness_error(tmp_path/f'x.{ext}', exact=True)==0
    with pytest.raises(PhotoError, match="JPEG doesn't keep exact values"): save_photo(im, tmp_path/'y.jpg', exact=True)

@pytest.mark.parametrize('ext,tol', [('jpg', .15), ('png', 0), ('webp', .4), ('tif', 0), ('bmp', 0), ('jp2', 0), ('tga', 0), ('ppm', 0), ('avif', 1)])
def test_writers_keep_the_mean_color(tmp_path, ext, tol):
    if ext=='avif' and 'AVIF' not in Image.SAVE: pytest.skip('this Pillow writes no AVIF')
    im = open_photo(bundled_photos()['chelsea'])
    shift = np.asarray(open_photo(save_photo(im, tmp_path/f'x.{ext}'))).astype(float)-np.asarray(im)
    assert np.abs(shift.mean((0,1))).max()<=tol

def test_a_mark_is_visible_and_only_covers_a_corner(photo):
    big = photo.resize((640,480))
    before, got = np.asarray(big).copy(), marked(big)
    assert np.array_equal(big, before) and (np.asarray(got)!=before).any(-1)[-30:,-120:].mean()>.5
    assert np.array_equal(np.asarray(got)[:400], before[:400]) and marked(Image.new('RGB', (1,1))).size==(1,1)

# --- albums

def test_photos_with_the_same_stem_get_separate_results(photo, tmp_path):
    from colorize_nb.app.album import plan_album
    for name in ('a.png','a.tif','b.png'): photo.save(tmp_path/name)
    plan = plan_album([tmp_path], tmp_path/'out')
    names = {os.path.basename(f): os.path.basename(to) for f,to in plan.jobs}
    assert not plan.rows and len({*names.values()})==3 and names['b.png'].startswith('b-color')
    assert all(names[f'a.{ext}'].startswith('a') for ext in ('png','tif'))
    assert sum(ext in names[f'a.{ext}'] for ext in ('png','tif'))>=1
