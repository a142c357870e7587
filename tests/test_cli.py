"The console script as a person runs it: in a process of its own, on a folder with good and bad files."
import os, signal, subprocess, sys, time

import numpy as np, pytest
from PIL import Image

from colorize_nb.io.photo import bundled_photos, open_photo

RUN = [sys.executable, '-W', 'ignore', '-c', 'import sys; from colorize_nb.app.cli import main; sys.exit(main())']


def run(*args, cwd, **kw):
    return subprocess.run([*RUN, *map(str, args)], cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL, env={**os.environ, 'OMP_NUM_THREADS': '1'}, **kw)


@pytest.fixture
def album(tmp_path):
    photo = open_photo(bundled_photos()['coffee']).resize((150,100))
    (tmp_path/'album/in').mkdir(parents=True)
    a = tmp_path/'album'
    photo.save(a/'good.jpg', quality=95)
    photo.convert('L').save(a/'in/good.jpg')
    photo.convert('CMYK').save(a/'cmyk.jpg')
    Image.fromarray(np.asarray(photo.convert('L')).astype(np.uint16)*257).save(a/'sixteen.png')
    (a/'cut.jpg').write_bytes((a/'good.jpg').read_bytes()[:3000])
    (a/'letter.jpg').write_text('Dear cup')
    (a/'empty.jpg').write_bytes(b'')
    return a


def test_a_folder_with_good_and_bad_files(album):
    before = {p: p.read_bytes() for p in album.rglob('*') if p.is_file()}
    got = run('album', '-o', 'out', cwd=album.parent)
    assert got.returncode==1
    out = album.parent/'out'
    assert sorted(str(p.relative_to(out)) for p in out.rglob('*') if p.is_file())==['cmyk-color.jpg','good-color.jpg','in/good-color.jpg','sixteen-color.png']
    bad = [l for l in got.stderr.splitlines() if l.startswith('album')]
    assert [l.split(':')[0] for l in sorted(bad)]==['album/cut.jpg','album/empty.jpg','album/letter.jpg'] and '4 coloured, 3 not' in got.stdout
    assert 'Traceback' not in got.stderr and all(p.read_bytes()==b for p,b in before.items())
    assert 'predicted' in Image.open(out/'good-color.jpg').getexif()[0x0131]
    assert np.ptp(np.asarray(Image.open(out/'in/good-color.jpg')).astype(int), axis=2).max()>3, 'a result stayed gray'
    again = run('album', '-o', 'out', cwd=album.parent)
    assert again.returncode==1 and again.stderr.count('exists already; --force')==4 and '0 coloured' in again.stdout


def test_beside_the_photo_and_force(album):
    assert run('good.jpg', cwd=album).returncode==0 and (album/'good-color.jpg').exists()
    stamp = (album/'good-color.jpg').stat().st_mtime_ns
    assert run('good.jpg', cwd=album).returncode==1 and (album/'good-color.jpg').stat().st_mtime_ns==stamp
    assert run('good.jpg', '--force', cwd=album).returncode==0 and (album/'good-color.jpg').stat().st_mtime_ns>stamp


def test_results_do_not_take_each_others_place(album):
    got = run('good.jpg', 'in/good.jpg', '-o', 'out', cwd=album)
    assert got.returncode==1 and 'take the place' in got.stderr and len(list((album/'out').iterdir()))==1
    assert run('good.jpg', '--suffix', '', cwd=album).returncode==1, 'a photo was overwritten by its own result'


@pytest.mark.parametrize('args,says', [(['gone.jpg'], 'gone.jpg: no such file'), (['good.jpg','--model','nope'], 'shipped'), (['good.jpg','--size','8'], '32 or more'),
                                       (['in','--out','good.jpg'], 'could not be written'), (['train','nowhere'], 'nowhere')])
def test_one_line_for_what_is_wrong(album, args, says):
    got = run(*args, cwd=album)
    assert got.returncode==1 and says in got.stderr and 'Traceback' not in got.stderr


def test_help_is_quick_and_imports_nothing_heavy(tmp_path):
    heavy = 'import sys; from colorize_nb.app.cli import main\ntry: main(["--help"])\nfinally: print([m for m in ("torch","fastai","numpy","PIL","matplotlib") if m in sys.modules])'
    got = subprocess.run([sys.executable, '-c', heavy], capture_output=True, text=True)
    assert 'colorize-nb train' in got.stdout and got.stdout.strip().endswith('[]')


def test_models_lists_what_ships(tmp_path):
    assert run('models', cwd=tmp_path).stdout.startswith('shipped: unet_compact')


def test_interrupted_it_leaves_whole_files_only(album):
    many = album.parent/'many'
    many.mkdir()
    photo = open_photo(album/'good.jpg').resize((1200,800))
    for i in range(60): photo.save(many/f'{i:02}.jpg')
    p = subprocess.Popen([*RUN, 'many', '-o', 'out'], cwd=album.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                         preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)) # a shell's background job ignores it
    out, until = album.parent/'out', time.time()+60
    while time.time()<until and not (out.exists() and any(f.suffix=='.jpg' and not f.name.startswith('.') for f in out.iterdir())): time.sleep(.05)
    p.send_signal(signal.SIGINT)
    assert p.wait(60)==130
    files = list(out.iterdir())
    assert 0<len(files)<60 and all(Image.open(f).load() for f in files)


def test_train_then_use(album):
    for i in range(12): open_photo(album/'good.jpg').rotate(i*3).save(album.parent/f'in{i}.jpg')
    got = run('train', '.', '--epochs', 1, '--size', 64, '--bs', 4, '--arch', 'unet_compact', '-o', 'mine.safetensors', cwd=album.parent)
    assert got.returncode==0, got.stderr[-800:]
    assert run('album/good.jpg', '--model', 'mine.safetensors', cwd=album.parent).returncode==0
    assert run('train', '.', '-o', 'mine.safetensors', cwd=album.parent).returncode==1
