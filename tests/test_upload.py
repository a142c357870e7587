"Uploads and downloads of panels: chunks become a photo or a message, and the result can be downloaded."
import io
import pytest
from PIL import Image

pytest.importorskip('anywidget')
from colorize_nb.core.photo import PhotoError, bundled_photos
from colorize_nb.widgets.app import color_app
from colorize_nb.widgets.base import Uploader, photo_from_bytes


def png(size=(60,40), mode='RGB', color=(200,40,40)):
    out = io.BytesIO()
    Image.new(mode, size, color).save(out, 'PNG')
    return out.getvalue()

@pytest.mark.parametrize('mode,color', [('RGB', (9,99,200)), ('LA', (9,200)), ('P', 3), ('L', 7), ('I;16', 700)])
def test_every_mode_opens_as_rgb_from_bytes(mode, color): assert photo_from_bytes('a.png', png(mode=mode, color=color)).mode=='RGB'

@pytest.mark.parametrize('content,word', [
    (b'', 'a.jpg'),
    (b'hello', 'a.jpg'),
    (b'\xff\xd8\xff\xe0', 'a.jpg'),
    (png()[:60], 'a.jpg'),
    (bytes(50_000_000), '50 MB')])
def test_invalid_photos_give_one_line(content, word):
    with pytest.raises(PhotoError, match=word) as e: photo_from_bytes('a.jpg', content)
    assert '\n' not in str(e.value)

def test_chunks_of_two_files_can_be_interleaved():
    got, errors = {}, []
    u = Uploader(lambda name,photo: got.update({name: photo.getpixel((0,0))}), errors.append)
    files = {'red.png': png(size=(300,200)), 'green.png': png(size=(300,200), color=(0,200,0))}
    for at in range(0, max(map(len, files.values())), 100):
        for name,c in files.items():
            if at<len(c): u.receive(dict(name=name, size=len(c), at=at), [memoryview(c[at:at+100])])
    assert got=={'red.png': (200,40,40), 'green.png': (0,200,0)} and not errors and not u.parts

def test_app_colors_an_upload_at_full_size():
    w = color_app()
    gray = Image.open(bundled_photos()['coffee']).convert('L')
    out = io.BytesIO()
    gray.save(out, 'JPEG')
    before = w.image
    w.upload.receive(dict(name='cup.jpg', size=len(out.getvalue()), at=0), [out.getvalue()])
    assert w.error.value=='' and w.image.size and w.image.tobytes()!=before.tobytes()
    name, content = w.download.make()
    assert name=='cup-color.jpg' and Image.open(io.BytesIO(content)).size==gray.size
    again = Image.open(io.BytesIO(content)).convert('HSV').split()[1]
    assert max(again.getextrema())>30, 'the result has color'
    assert b'predicted' in content, 'the metadata mentions that the colors are predicted'

def test_a_bad_upload_gives_a_message_and_keeps_the_last_photo():
    w = color_app()
    name, shown = w.name, w.picture.value
    w.upload.receive(dict(name='notes.txt', size=5, at=0), [b'hello'])
    assert 'notes.txt' in w.error.value and (w.name, w.picture.value)==(name, shown)
    w.upload.receive(dict(name='film.mov', size=50_000_000, refused=True))
    assert 'film.mov' in w.error.value and '50 MB' in w.error.value
    assert w.set(saturation=0).error.value=='' and w.picture.value!=shown

BAD = '<img src=x onerror=alert(1)>'

def test_names_are_shown_as_text(tmp_path):
    "The name of a file, EXIF text, and the name of a model: in text, tables, code, menus, and errors."
    from colorize_nb.infer.colorizer import Colorizer
    from colorize_nb.widgets.compare import compare
    from colorize_nb.widgets.turing import turing_test
    im = Image.effect_noise((60,40), 90).convert('RGB')
    exif = Image.Exif()
    exif[0x010e] = BAD
    exif[0x013b] = BAD
    out = io.BytesIO()
    im.save(out, 'JPEG', exif=exif)
    model = Colorizer.load()
    model.name, model.meta = BAD, {'about': BAD, 'data': BAD}
    app = color_app(model=model)
    app.upload.receive(dict(name=f'{BAD}.jpg', size=len(out.getvalue()), at=0), [out.getvalue()])
    assert app.name==f'{BAD}.jpg' and app.error.value==''
    side = compare({BAD: im}, {BAD: model}, side=60)
    test = turing_test({BAD: model}, {BAD: im, 'b': im}, out=tmp_path/'a.csv', n=2, practice=0, side=32).begin(timer=False)
    while not test.done: test.hide().answer('left', timer=False)
    refused = color_app()
    refused.upload.receive(dict(name=BAD, size=5, at=0), [b'hello'])
    for w in (app, side, test, refused):
        text = ''.join(o.value for o in (w.says, w.error, w.busy, w.clamped))
        assert '<img' not in text and '&lt;img' in text, type(w).__name__

def test_the_text_of_an_explorer_is_escaped():
    import ipywidgets as W
    from colorize_nb.widgets.base import Explorer
    class Loud(Explorer):
        title = BAD
        def draw(self): return Image.new('RGB', (9,9)), [BAD, BAD]
        def code(self): return BAD
    w = Loud(x=W.IntSlider())
    assert '<img' not in w.says.value+w.widget.children[0].value

def test_the_kernel_enforces_the_size_limit():
    errors = []
    u = Uploader(lambda name,photo: pytest.fail('no photo'), lambda e: errors.append(str(e)))
    u.receive(dict(name='a.png', size=50_000_000, at=0), [bytes(1000)]) # not marked as refused
    u.largest = 1e6 # the browser can change this
    u.receive(dict(name='a.png', size=50_000_000, at=0), [bytes(1000)])
    assert all('50 MB' in s for s in errors) and len(errors)==2 and not u.parts
    u.receive(dict(name='liar.png', size=10, at=0), [bytes(1000)])
    assert 'received more' in errors[-1] and not u.parts
    u.receive(dict(name='b.png', size=1000, at=0), [bytes(10)])
    u.receive(dict(name='b.png', size=1000, at=500), [bytes(10)])
    assert 'missing' in errors[-1] and not u.parts
    for i in range(50): u.receive(dict(name=f'{i}.png', size=1000, at=0), [bytes(500)])
    assert len(u.parts)<=4, 'incomplete uploads are discarded'
    u.close()
    assert not u.parts

def test_a_refused_upload_changes_nothing():
    w = color_app()
    sent = []
    w.download.send = lambda message,buffers: sent.append(message['name'])
    label = w.download.label
    w.upload.receive(dict(name='holiday.jpg', size=5, at=0), [b'hello'])
    assert 'holiday.jpg' in w.error.value and not w.download.disabled and w.download.label==label
    w.download.give()
    assert sent==['chelsea-color.jpg'] and 'chelsea-color.jpg' in w.download.label

def test_a_failed_coloring_keeps_the_last_photo(monkeypatch):
    w = color_app()
    real = w.colorizer
    class Small:
        size, name = real.size, real.name
        def __call__(self, photo, **k):
            if max(photo.size)<180: raise MemoryError('does not fit')
            return real(photo, **k)
    w.colorizer = Small()
    w.upload.receive(dict(name='tiny.png', size=len(png()), at=0), [png()])
    assert 'does not fit' in w.error.value and w.name=='chelsea.png' and not w.download.disabled

def test_the_code_keeps_the_file_name():
    w = color_app()
    w.upload.receive(dict(name='alpha.png', size=len(png()), at=0), [png()])
    assert "('alpha.png'" in w.code() and 'alpha.png: 60x40' in w.says.value

def test_sliders_describe_their_values():
    from colorize_nb.widgets.app import detail_words
    from colorize_nb.widgets.compare import saturation_words, temperature_words
    assert saturation_words(0.)=='gray' and saturation_words(1.)=='as predicted' and 'paler' in saturation_words(.5)
    assert 'trained at' in detail_words(128, 128) and detail_words(64, 128)!=detail_words(256, 128) and temperature_words(1.)=='the mean'

def test_javascript_is_in_the_package():
    import colorize_nb.widgets.base as C
    from importlib.resources import files
    names = {f.name for f in (files('colorize_nb.widgets')/'static').iterdir()}
    assert {'clickable.js','uploader.js','download.js','static_view.js'} <= names and 'export default' in C.asset('uploader.js')

def test_choosing_an_example():
    w = color_app()
    w.examples._handle_custom_msg(dict(name='coffee'), [])
    assert w.name=='coffee.png' and w.error.value=='' and len(w.examples.pictures)>=4
    w.examples._handle_custom_msg(dict(name='/etc/passwd'), [])
    assert w.name=='coffee.png'

def test_a_failed_download_gives_a_message_and_enables_the_button():
    w, sent = color_app(), []
    w.download.send = lambda message,buffers: sent.append(message)
    def broken(*a): raise MemoryError('no room for 54 megapixels')
    w.download.make = broken
    w.download.give()
    assert 'no room' in w.error.value and sent==[{'name': ''}]
    assert 'megapixels' in w.download.work

def test_a_panel_without_a_kernel_explains_what_to_do():
    assert 'Run its cell again' in color_app().line.advice
