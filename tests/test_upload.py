"What a person hands in: pieces become a photo or a line; what goes back is the file."
import io
import pytest
from PIL import Image

pytest.importorskip('anywidget')
from colorize_nb.io.photo import PhotoError, bundled_photos
from colorize_nb.widgets.app import color_app
from colorize_nb.widgets.upload import Download, Uploader, photo_from_bytes


def png(size=(60,40), mode='RGB', color=(200,40,40)):
    out = io.BytesIO(); Image.new(mode, size, color).save(out, 'PNG'); return out.getvalue()

@pytest.mark.parametrize('mode,color', [('RGB', (9,99,200)), ('LA', (9,200)), ('P', 3), ('L', 7), ('I;16', 700)])
def test_reads_what_pil_reads(mode, color): assert photo_from_bytes('a.png', png(mode=mode, color=color)).mode=='RGB'

@pytest.mark.parametrize('content,word', [(b'', 'a.jpg'), (b'hello', 'a.jpg'), (b'\xff\xd8\xff\xe0', 'a.jpg'), (png()[:60], 'a.jpg'), (bytes(50_000_000), '50 MB')])
def test_one_line_for_what_is_none(content, word):
    with pytest.raises(PhotoError, match=word) as e: photo_from_bytes('a.jpg', content)
    assert '\n' not in str(e.value)

def test_pieces_of_two_files_may_mix():
    got, said = {}, []
    u = Uploader(lambda name,photo: got.update({name: photo.getpixel((0,0))}), said.append)
    files = {'red.png': png(size=(300,200)), 'green.png': png(size=(300,200), color=(0,200,0))}
    for at in range(0, max(map(len, files.values())), 100):
        for name,c in files.items():
            if at<len(c): u.receive(dict(name=name, size=len(c), at=at), [memoryview(c[at:at+100])])
    assert got=={'red.png': (200,40,40), 'green.png': (0,200,0)} and not said and not u.parts

def test_app_colours_what_is_handed_in_and_gives_it_back_at_full_size():
    w = color_app()
    gray = Image.open(bundled_photos()['coffee']).convert('L')
    out = io.BytesIO(); gray.save(out, 'JPEG')
    before = w.image
    w.upload.receive(dict(name='cup.jpg', size=len(out.getvalue()), at=0), [out.getvalue()])
    assert w.error.value=='' and w.image.size and w.image.tobytes()!=before.tobytes()
    name, content = w.download.make()
    assert name=='cup-color.jpg' and Image.open(io.BytesIO(content)).size==gray.size
    again = Image.open(io.BytesIO(content)).convert('HSV').split()[1]
    assert max(again.getextrema())>30, 'it has colour'
    assert b'predicted' in content, 'and says so'

def test_app_says_what_is_wrong_and_keeps_the_last_photo():
    w = color_app()
    name, shown = w.name, w.picture.value
    w.upload.receive(dict(name='notes.txt', size=5, at=0), [b'hello'])
    assert 'notes.txt' in w.error.value and (w.name, w.picture.value)==(name, shown)
    w.upload.receive(dict(name='film.mov', size=50_000_000, refused=True))
    assert 'film.mov' in w.error.value and '50 MB' in w.error.value
    assert w.set(saturation=0).error.value=='' and w.picture.value!=shown
