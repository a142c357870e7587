"""Fuzz the package with corrupt files. Each file is used, or rejected with one line that names it. Nothing hangs, crashes, or changes the
input.

With `FUZZ_SECONDS=60` (`make fuzz`), each test generates new files for that many seconds. Otherwise, every run uses the same few files."""
import contextlib, copy, faulthandler, html.parser, io, json, os, struct, sys, tempfile, time
from functools import lru_cache
from pathlib import Path

import pytest
from PIL import Image

hypothesis = pytest.importorskip('hypothesis')
from hypothesis import given, settings, strategies as st

from conftest import torch_threads
from colorize_nb.app.album import color_album
from colorize_nb.app.cli import main
from colorize_nb.color.codecs import LabAB
from colorize_nb.core.photo import PhotoError, bundled_photos, open_photo, photo_meta, save_photo, source_type
from colorize_nb.core.show import wipe
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.models.layers import create_model
from colorize_nb.models.store import StoreError, load_model_file, save_model

SECONDS = float(os.environ.get('FUZZ_SECONDS', 0))
HANG = 120 # seconds for one example, enough for a busy machine
WIDTHS = dict(widths=[8, 16, 32], depths=[0, 1, 1])
WRITTEN = '.jpg', '.png', '.webp', '.tif'


@pytest.fixture(autouse=True)
def one_thread_and_little_memory():
    "Use one thread, and raise a MemoryError instead of filling the machine's memory."
    with torch_threads(1):
        if sys.platform!='linux': return (yield)
        import resource
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (16*10**9, hard))
        yield
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))

def fuzz(check, examples, *strategies):
    "Call `check(folder, *drawn)` with an empty folder for each example, then for `SECONDS`. A hang ends pytest with a traceback."
    @settings(max_examples=examples, deadline=None, database=None, derandomize=not SECONDS,
              suppress_health_check=list(hypothesis.HealthCheck), phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink])
    @given(st.tuples(*strategies))
    def run(drawn):
        faulthandler.dump_traceback_later(HANG, exit=True)
        try:
            with tempfile.TemporaryDirectory() as d: outcomes.append(check(Path(d), *drawn))
        finally: faulthandler.cancel_dump_traceback_later()
    outcomes, end = [], time.monotonic()+SECONDS
    run()
    while time.monotonic()<end: run()
    counts = {o: outcomes.count(o) for o in set(outcomes)}
    print(f'{len(outcomes)} examples: {counts}')
    return counts

EDITS = st.lists(st.tuples(st.sampled_from(('replace','zero','repeat','delete','cut')), st.floats(0, 1, exclude_max=True),
                           st.sampled_from((1, 2, 4, 16, 256)), st.binary(min_size=1, max_size=16)), min_size=1, max_size=12)

def corrupt(data, edits):
    "Return a copy of `data` with parts replaced, zeroed, repeated, deleted, or truncated."
    data = bytearray(data)
    for kind, where, n, new in edits:
        i = int(where*len(data))
        if kind=='replace': data[i:i+len(new)] = new
        elif kind=='zero': data[i:i+n] = bytes(len(data[i:i+n]))
        elif kind=='repeat': data[i:i] = data[i:i+n]
        elif kind=='delete': del data[i:i+n]
        elif where>.9: del data[i:]
    return bytes(data)

def rejected(error, name):
    "Check that an error is one line that names the file."
    assert '\n' not in str(error) and str(name)[:40] in str(error), f'not one line with the file name: {str(error)[:200]!r}'
    return 'rejected'

@lru_cache
def photo(): return open_photo(bundled_photos()['coffee']).resize((60, 40))

@lru_cache
def photo_file(ext):
    out = io.BytesIO()
    photo().save(out, Image.registered_extensions()[ext])
    return out.getvalue()

@lru_cache
def model_file():
    "Return the weights and the header of a small model file."
    model, spec = create_model('unet_compact', **WIDTHS), dict(arch='unet_compact', n_in=1, n_out=2, size=32, kwargs=WIDTHS)
    with tempfile.TemporaryDirectory() as d: data = save_model(Path(d)/'m.safetensors', model, LabAB(), spec).read_bytes()
    n, = struct.unpack('<Q', data[:8])
    return data[8+n:], json.loads(data[8:8+n])

def join(weights, header):
    text = json.dumps(header).encode()
    return struct.pack('<Q', len(text))+text+weights


def test_corrupt_photos():
    def check(d, ext, edits, out):
        path = d/f'photo{ext}'
        path.write_bytes(corrupt(photo_file(ext), edits))
        try: img = open_photo(path)
        except PhotoError as e: return rejected(e, path)
        save_photo(img, d/f'out{out}', photo_meta(path), 'note')
        return 'used'
    kinds = *WRITTEN, '.gif', '.bmp', '.ppm', '.tga', '.jp2'
    assert {*fuzz(check, 150, st.sampled_from(kinds), EDITS, st.sampled_from(WRITTEN))}=={'used', 'rejected'}

def test_corrupt_metadata_does_not_prevent_coloring():
    exif = Image.Exif()
    exif[0x010F], exif[0x0131] = 'camera', 'program'
    def check(d, ext, out, orientation, edits, xmp):
        exif[0x0112] = orientation
        path = d/f'photo{ext}'
        photo().save(path, exif=b'Exif\0\0'+corrupt(exif.tobytes()[6:], edits), xmp=xmp)
        img = open_photo(path)
        assert sorted(img.size)==[40, 60] and source_type(save_photo(img, d/f'out{out}', photo_meta(path), 'note'))
    fuzz(check, 80, st.sampled_from(WRITTEN[:3]), st.sampled_from(WRITTEN), st.integers(0, 12), EDITS, st.binary(max_size=99))

class Tags(html.parser.HTMLParser):
    "Collect the names of the tags and event handlers on a page."
    found = frozenset()
    def handle_starttag(self, tag, attrs): self.found |= {tag, *(k for k,_ in attrs if k.startswith('on'))}

PIECES = ('<img src=x onerror=alert(1)>', '"><script>x</script>', "' onload='x", '&lt;', '$x$', '`', '|', '%s', '{0}', '*', '[',
          '\n', '\r', '\t', '\x1b[2J', '..', '~', '-', '--force', ';', ' ', '\u202e', 'é', '漢', '🐈', 'a'*200)

def test_strange_file_names(tmp_path):
    weights, header = model_file()
    (tmp_path/'small.safetensors').write_bytes(join(weights, header))
    def check(d, pieces):
        name = os.fsencode(''.join(pieces).replace('/', '').replace('\0', ''))[:240].decode('utf8', 'ignore') or 'x'
        (d/'album').mkdir()
        (d/'album'/f'{name}.jpg').write_bytes(photo_file('.jpg'))
        tags = Tags()
        tags.feed(wipe(name, {name: photo(), f'{name} 2': photo()}, name))
        assert tags.found<={'figure','div','img','span','figcaption','b','i','p'}, f'the name became {tags.found}'
        with contextlib.redirect_stderr(io.StringIO()):
            done = color_album([d/'album'], d/'out', model=tmp_path/'small.safetensors', device='cpu')
        written = list((d/'out').iterdir()) if (d/'out').is_dir() else []
        hidden = name.startswith('.')
        assert hidden or len(written)==done.count('colored') and len(written)+done.count('failed')==1, f'{written}, {done.rows}'
    fuzz(check, 25, st.lists(st.one_of(st.sampled_from(PIECES), st.text(st.characters(codec='utf8'), max_size=20)), min_size=1, max_size=4))

def load(path):
    try: model, codec, *_ = load_model_file(path)
    except StoreError as e: return rejected(e, path)
    try: Colorizer(model, codec, 32)(photo())
    except PhotoError as e: return rejected(e, "isn't finite")
    return 'used'

VALUES = st.sampled_from((None, True, -1, 0, 1, 3, 10**4, 10**7, 10**18, 10**400, .5, 1e300, '', 'x', 'unet_compact', 'JointBins', 'a'*5000,
                          [], [1]*50, [[1]], {}, {'a': 1}, [10**7]*3, {'name': 'JointBins', 'grid': 1, 'reach': 'center'}))

def places(o, path=()):
    "Yield the paths to all values in nested dicts and lists."
    pairs = o.items() if isinstance(o, dict) else enumerate(o) if isinstance(o, list) else ()
    return [p for k,v in pairs for p in [(*path, k), *places(v, (*path, k))]]

def test_corrupt_model_headers():
    weights, header = model_file()
    ours = json.loads(header['__metadata__']['colorize_nb'])
    def check(d, changes):
        new = copy.deepcopy(ours)
        for where, delete, value in changes:
            found = places(new)
            if not found: break
            *path, k = found[int(where*len(found))]
            o = new
            for step in path: o = o[step]
            if delete: del o[k]
            else: o[k] = copy.deepcopy(value)
        (d/'model.safetensors').write_bytes(join(weights, {**header, '__metadata__': {'colorize_nb': json.dumps(new)}}))
        return load(d/'model.safetensors')
    change = st.tuples(st.floats(0, 1, exclude_max=True), st.booleans(), VALUES)
    assert {*fuzz(check, 80, st.lists(change, min_size=1, max_size=3))}=={'used', 'rejected'}

def test_corrupt_model_files():
    def check(d, edits):
        (d/'model.safetensors').write_bytes(corrupt(join(*model_file()), edits))
        return load(d/'model.safetensors')
    assert 'rejected' in fuzz(check, 60, EDITS)

@lru_cache
def film_file(kind):
    av, out = pytest.importorskip('av'), io.BytesIO()
    with av.open(out, 'w', format=kind) as film:
        v = film.add_stream('libx264', rate=12)
        v.width, v.height, v.pix_fmt = 60, 40, 'yuv420p'
        for i in range(6): film.mux(v.encode(av.VideoFrame.from_image(photo().rotate(3*i))))
        film.mux(v.encode())
    return out.getvalue()

def test_corrupt_films():
    "The readable frames of a film are colored, or it gives one line."
    pytest.importorskip('av')
    from colorize_nb.infer.film import FilmError, FilmIncomplete, color_film
    small = Colorizer(create_model('unet_compact', **WIDTHS), LabAB(), 32, 'small')
    def check(d, kind, edits):
        path = d/f'film.{kind[:3]}'
        path.write_bytes(corrupt(film_file(kind), edits))
        try: color_film(path, d/f'out.{"mp4" if kind=="mp4" else "mkv"}', small)
        except FilmIncomplete: return 'used'
        except FilmError as e: return rejected(e, path)
        return 'used'
    fuzz(check, 8, st.sampled_from(('mp4', 'matroska')), EDITS)

ODD = st.sampled_from(('0', '-1', 'nan', 'inf', '1e9', '10000000', 'x', '', '<b>', 'gone', '.', 'good.jpg', '31.5'))
OPTION = st.one_of(st.tuples(st.sampled_from(('--size', '--saturation', '--steady', '--suffix', '--device', '--model', '-o')), ODD),
                   st.tuples(st.sampled_from(('--exact', '--mark', '--force'))))

def test_unusual_command_lines():
    "Commands end with a status and complete lines, without a traceback, and don't change the photo."
    def check(d, what, options):
        (d/'good.jpg').write_bytes(photo_file('.jpg'))
        argv, text, before = [what, *(word for o in options for word in o)], io.StringIO(), os.getcwd()
        os.chdir(d)
        try:
            with contextlib.redirect_stderr(text), contextlib.redirect_stdout(io.StringIO()):
                try: status = main(argv)
                except SystemExit as e: status = e.code
        finally: os.chdir(before)
        assert status in (0, 1, 2) and 'Traceback' not in text.getvalue() and (status==0 or text.getvalue().strip()), argv
        assert (d/'good.jpg').read_bytes()==photo_file('.jpg'), f'{argv} changed the photo'
    fuzz(check, 10, st.sampled_from(('good.jpg', '.', 'gone.jpg', '')), st.lists(OPTION, max_size=3))
