"""Fuzz photos with all combinations of Pillow's modes, formats, orientations, and profiles, and with damaged files.

The default run is short. For a long run: `FUZZ_SECONDS=3600 python -m pytest tests/test_fuzz_photo.py`."""
import io, os, shutil, subprocess, time, warnings

import numpy as np, pytest
from PIL import Image, ImageCms

hypothesis = pytest.importorskip('hypothesis')
from hypothesis import HealthCheck, given, settings, strategies as st

from colorize_nb.core.photo import PhotoError, open_photo, photo_meta, photo_notes, save_photo

SECONDS = float(os.environ.get('FUZZ_SECONDS', 0))
LIMITS = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=not SECONDS, database=None)
IDENTIFY = shutil.which('identify')

TURNS = [None, None, *(Image.Transpose[n] for n in ('FLIP_LEFT_RIGHT', 'ROTATE_180', 'FLIP_TOP_BOTTOM', 'TRANSPOSE', 'ROTATE_270',
                                                     'TRANSVERSE', 'ROTATE_90'))] # by the value of the EXIF tag
SOURCES = { # format -> modes that it stores losslessly
    'PNG': ('1','L','LA','P','RGB','RGBA','I;16'), 'TIFF': ('1','L','LA','P','RGB','RGBA','CMYK','YCbCr','I;16','F'),
    'WEBP': ('RGB','RGBA'), 'BMP': ('1','L','P','RGB'), 'GIF': ('L','P'), 'PPM': ('1','L','RGB'), 'TGA': ('L','LA','P','RGB','RGBA'),
    'JPEG2000': ('L','LA','RGB','RGBA'), 'JPEG': ('L','RGB','CMYK')}
TURNED = ('PNG','TIFF','WEBP','JPEG') # formats with EXIF
TIFF = (None,'tiff_lzw','tiff_adobe_deflate','packbits')
PROFILES = {'none': None, 'sRGB': ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes(), 'damaged': b'no profile'}
for name in ('a98','rommrgb','default_gray','default_cmyk'):
    path = f'/usr/share/color/icc/ghostscript/{name}.icc'
    if os.path.exists(path): PROFILES[name] = open(path, 'rb').read()
PROFILES['R03'] = None # Adobe RGB that only EXIF mentions
ALPHA = ('PNG','WEBP','TIFF','TGA','JPEG2000')

@st.composite
def sources(draw):
    "Draw the mode, size, and content of a picture, and the format and settings of its file."
    fmt = draw(st.sampled_from(sorted(SOURCES)))
    return dict(fmt=fmt, mode=draw(st.sampled_from(SOURCES[fmt])), size=(draw(st.integers(1, 40)), draw(st.integers(1, 40))),
                seed=draw(st.integers(0, 99)), orientation=draw(st.integers(1, 8)) if fmt in TURNED else 1,
                profile=draw(st.sampled_from(sorted(PROFILES))), compression=draw(st.sampled_from(TIFF)) if fmt=='TIFF' else None,
                to=draw(st.sampled_from(('png','tif','webp','jpg','bmp','tga'))))

def paint(mode, size, seed):
    "Return random gradients as an image in `mode`, with the expected RGB (before the color profile) and alpha (or None)."
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 256, (3,3,4)).astype(np.uint8)
    img = Image.fromarray(a, 'RGBA').resize(size, Image.BILINEAR)
    if mode=='I;16':
        gray = np.asarray(img.convert('L')).astype(np.uint16)*257
        gray[0,0] = 65535 # so that it isn't taken for a 12-bit file
        return Image.fromarray(gray), Image.fromarray((gray//257).astype(np.uint8)).convert('RGB'), None
    if mode=='F':
        gray = np.asarray(img.convert('L')).astype(np.float32)
        return Image.fromarray(gray/255), Image.fromarray(gray.astype(np.uint8)).convert('RGB'), None
    if mode=='P': img = img.convert('RGB').quantize(17)
    elif mode in ('LA','RGBA'): img = img.convert(mode)
    else: img = img.convert('RGB').convert(mode)
    return img, img.convert('RGBA').convert('RGB') if mode in ('LA','RGBA') else img.convert('RGB'), \
           img.getchannel('A') if mode in ('LA','RGBA') else None

def write(o, img):
    "Return the bytes of the source file."
    exif, out = Image.Exif(), io.BytesIO()
    if o['orientation']!=1: exif[0x0112] = o['orientation']
    if o['profile']=='R03' and o['fmt']!='TIFF': exif[0x8769] = {0xA001: 65535, 0xA005: {1: 'R03'}}
    exif[0x010E] = 'painted'
    extra = dict(exif=exif) if o['fmt'] in TURNED else {}
    if PROFILES[o['profile']] and o['fmt'] in TURNED: extra['icc_profile'] = PROFILES[o['profile']]
    if o['fmt']=='TIFF' and o['compression']: extra['compression'] = o['compression']
    if o['fmt']=='WEBP': extra.update(lossless=True, exact=True)
    if o['fmt']=='JPEG': extra.update(quality=100, subsampling=0)
    img.save(out, o['fmt'], **extra)
    return out.getvalue()

def expected(o, rgb):
    "Return the painted pixels after applying the file's profile, or None if the profile doesn't fit the mode."
    name = 'a98' if o['profile']=='R03' and o['fmt']!='TIFF' else o['profile'] # Pillow can't write it in a TIFF
    icc = PROFILES.get(name) if o['fmt'] in TURNED else None
    if o['fmt'] in TURNED and name=='a98' and not icc: return None
    if not icc or name in ('damaged','sRGB'): return rgb
    if name in ('a98','rommrgb') and o['mode'] in ('RGB','RGBA','P','YCbCr'):
        return ImageCms.profileToProfile(rgb, io.BytesIO(icc), ImageCms.createProfile('sRGB'), outputMode='RGB')
    gray = o['mode'] in ('1','L','LA','I;16','F')
    return None if (name, gray) in (('default_gray', True), ('default_cmyk', False)) else rgb

def repeat(check):
    "Run `check` once, then repeatedly for half of `FUZZ_SECONDS`."
    end, n = time.monotonic()+SECONDS/2, 1
    check()
    while time.monotonic()<end:
        check()
        n += 1
    print(f'{60*n} examples')

def test_pixels_are_kept(tmp_path): repeat(lambda: check_painted(tmp_path))
def test_damaged_files_give_a_photo_or_one_line(tmp_path): repeat(lambda: check_damaged(tmp_path))

@LIMITS
@given(o=sources())
def check_painted(tmp_path, o):
    d = tmp_path/'fuzz'
    d.mkdir()
    try:
        img, rgb, alpha = paint(o['mode'], o['size'], o['seed'])
        src = d/f'source.{o["fmt"].lower()}'
        src.write_bytes(write(o, img))
        got, meta, turn = open_photo(src, flatten=False), photo_meta(src), TURNS[o['orientation']]
        want = expected(o, rgb)
        lossy = o['fmt']=='JPEG' or o['mode']=='YCbCr'
        tolerance = 2 if not lossy else 8 if want is None or want is rgb else 40 # dark pixels amplify JPEG errors
        if turn is not None: want, alpha = (x and x.transpose(turn) for x in (want, alpha))
        assert got.mode=='RGB' and (want is None or got.size==want.size)
        if want is not None: assert np.abs(np.asarray(got).astype(int)-np.asarray(want)).max()<=tolerance
        out = save_photo(got, d/f'out.{o["to"]}', meta, note='predicted', exact=o['to'] in ('png','tif','webp','bmp','tga'))
        back = Image.open(out)
        fmt = back.format
        if alpha is not None and alpha.getextrema()[0]<255:
            if fmt in ALPHA: assert np.array_equal(back.getchannel('A'), alpha)
            else: assert any('transparency' in n for n in photo_notes(meta, out))
        if fmt in ALPHA: assert np.array_equal(np.asarray(back.convert('RGBA'))[...,:3], np.asarray(got))
        if fmt in TURNED: assert back.getexif().get(0x0112, 1)==1 and 'predicted' in back.getexif()[0x0131]
        if o['fmt'] in TURNED and fmt in TURNED: assert back.getexif()[0x010E]=='painted'
        if IDENTIFY and SECONDS: subprocess.run([IDENTIFY, str(out)], check=True, capture_output=True, timeout=60)
    finally: shutil.rmtree(d, ignore_errors=True)

@LIMITS
@given(o=sources(), changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8), keep=st.floats(0, 1),
       salvage=st.booleans())
def check_damaged(tmp_path, o, changes, keep, salvage):
    data = bytearray(write(o, paint(o['mode'], o['size'], o['seed'])[0]))
    for where,value in changes: data[int(where*(len(data)-1))] = value
    d = tmp_path/'fuzz'
    d.mkdir()
    try:
        src = d/'source.jpg'
        src.write_bytes(data[:int(len(data)*(.5+keep/2))])
        meta = photo_meta(src)
        assert all('\n' not in n for n in meta['notes'])
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            try: got = open_photo(src, salvage=salvage)
            except PhotoError as e:
                assert '\n' not in str(e) and str(src) in str(e)
                return
        assert got.mode=='RGB' and min(got.size)>0
        save_photo(got, d/'out.png', meta, note='predicted')
        Image.open(d/'out.png').load()
    finally: shutil.rmtree(d, ignore_errors=True)
