"The command line, run like a user runs it, on a folder with good and bad files."
import contextlib, inspect, io, os, signal, subprocess, sys, time
from types import SimpleNamespace

import numpy as np, pytest
from PIL import Image

from colorize_nb.app.cli import main
from colorize_nb.core.photo import bundled_photos, open_photo

COMMAND = [sys.executable, '-W', 'ignore', '-m', 'colorize_nb.app.cli']


def run(*args, cwd):
    "Run the command in this process."
    out, err, before = io.StringIO(), io.StringIO(), os.getcwd()
    os.chdir(cwd)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err): status = main([str(a) for a in args])
    finally: os.chdir(before)
    return SimpleNamespace(returncode=status, stdout=out.getvalue(), stderr=err.getvalue())

def run_process(*args, cwd):
    "Run the command in a separate process."
    env = {**os.environ, 'OMP_NUM_THREADS': '1'}
    return subprocess.run([*COMMAND, *map(str, args)], cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=env)


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
    got = run_process('album', '-o', 'out', cwd=album.parent)
    assert got.returncode==1
    out = album.parent/'out'
    written = sorted(str(p.relative_to(out)) for p in out.rglob('*') if p.is_file())
    assert written==['cmyk-color.jpg','good-color.jpg','in/good-color.jpg','sixteen-color.png']
    bad = [l for l in got.stderr.splitlines() if l.startswith('album')]
    assert [l.split(':')[0] for l in sorted(bad)]==['album/cut.jpg','album/empty.jpg','album/letter.jpg','album/sixteen.png'], 'three errors and a note'
    assert '4 colored, 3 failed' in got.stdout
    assert 'Traceback' not in got.stderr and all(p.read_bytes()==b for p,b in before.items())
    assert 'predicted' in Image.open(out/'good-color.jpg').getexif()[0x0131]
    assert np.ptp(np.asarray(Image.open(out/'in/good-color.jpg')).astype(int), axis=2).max()>3, 'a result stayed gray'
    again = run('album', '-o', 'out', cwd=album.parent)
    assert again.returncode==1 and '0 colored, 3 failed, 4 already there' in again.stdout
    for p in before:
        if p.name in ('cut.jpg','letter.jpg','empty.jpg'): p.unlink()
    once_more = run('album', '-o', 'out', cwd=album.parent)
    assert once_more.returncode==0 and '0 colored, 0 failed, 4 already there' in once_more.stdout and not once_more.stderr


def test_salvage_uses_what_is_left_of_a_truncated_photo(album):
    assert '--salvage' in run('album/cut.jpg', '-o', 'out', cwd=album.parent).stderr
    got = run('album/cut.jpg', '-o', 'out', '--salvage', cwd=album.parent)
    lines = [l for l in got.stderr.splitlines() if 'cut.jpg' in l]
    assert got.returncode==0 and len(lines)==1 and 'album/cut.jpg: the file ends early; about' in lines[0] and 'rows are missing' in lines[0]
    assert Image.open(album.parent/'out/cut-color.jpg').size==(150,100)

def test_next_to_the_photo_and_force(album):
    assert run('good.jpg', cwd=album).returncode==0 and (album/'good-color.jpg').exists()
    stamp = (album/'good-color.jpg').stat().st_mtime_ns
    assert run('good.jpg', cwd=album).returncode==1 and (album/'good-color.jpg').stat().st_mtime_ns==stamp
    assert run('good.jpg', '--force', cwd=album).returncode==0 and (album/'good-color.jpg').stat().st_mtime_ns>stamp


def test_saturation_multiplies_the_chroma(album):
    from skimage.color import rgb2lab
    chroma = {}
    for factor in (0, .5, 1):
        out = f'saturation-{factor}'
        assert run('good.jpg', '--saturation', factor, '--exact', '-o', out, cwd=album).returncode==0
        lab = rgb2lab(np.asarray(Image.open(album/out/'good-color.png')))
        chroma[factor] = np.hypot(lab[...,1], lab[...,2]).mean()
    assert chroma[0]<1 and chroma[1]>5 and chroma[.5]/chroma[1]==pytest.approx(.5, abs=.03)


def test_results_do_not_overwrite_each_other(album):
    got = run('good.jpg', 'in/good.jpg', '-o', 'out', cwd=album)
    assert got.returncode==1 and 'overwrite the result of' in got.stderr and len(list((album/'out').iterdir()))==1
    assert run('good.jpg', '--suffix', '', cwd=album).returncode==1, 'a photo was overwritten by its own result'


@pytest.mark.parametrize('args,message', [
    (['gone.jpg'], 'gone.jpg: no such file'),
    (['good.jpg','--model','nope'], 'shipped'),
    (['good.jpg','--size','8'], '32 or more'),
    (['in','--out','good.jpg'], 'results go to a folder'),
    (['good.jpg','-o','result.jpg'], 'result.jpg: the name of a file'),
    (['train','nowhere'], 'nowhere'),
    (['trian','in'], 'trian: no such file, folder, or command; did you mean train?'),
    (['train.jpg'], 'train.jpg: no such file or folder'),
    (['good.jpg','--saturation','nan'], 'saturation is nan'),
    (['good.jpg','--size','0'], '--size is 0'),
    (['good.jpg','--steady','2'], 'steady is 2'),
    (['good.jpg','--device','cuda:9'], "device 'cuda:9' cannot be used here"),
    (['evaluate','shipped','gone'], 'gone')])
def test_problems_give_one_line(album, args, message):
    got = run(*args, cwd=album)
    assert got.returncode==1 and message in got.stderr and 'Traceback' not in got.stderr


def test_help_does_not_import_large_libraries(tmp_path):
    heavy = ('import sys; from colorize_nb.app.cli import main\ntry: main(["--help"])\n'
             'finally: print([m for m in ("torch","fastai","numpy","PIL","matplotlib") if m in sys.modules])')
    got = subprocess.run([sys.executable, '-c', heavy], capture_output=True, text=True)
    assert 'colorize-nb train' in got.stdout and got.stdout.strip().endswith('[]')


@pytest.mark.parametrize('options,n', [('', 5), ('--split even', 3), ('--split odd', 2), ('--every 2', 3), ('--every 4', 2), ('--split odd --every 2', 1)])
def test_evaluation_uses_a_share_of_the_photos(tmp_path, capsys, options, n):
    photo = open_photo(bundled_photos()['coffee'])
    for i in range(5): photo.crop((60*i, 100, 60*i+64, 164)).save(tmp_path/f'{i}.png')
    assert main(['evaluate','shipped',str(tmp_path),*options.split(),'--sizes','32'])==0
    assert f'\n{n} photos' in capsys.readouterr().out


def test_a_name_for_the_page_is_enough(album, capsys):
    page = album/'page.html'
    assert main(['evaluate','shipped',str(album/'good.jpg'),'--sizes','64','-o',str(page)])==0
    assert 'good.jpg' in page.read_text('utf8') and f'wrote {page}' in capsys.readouterr().out


def test_models_lists_the_shipped_models(tmp_path):
    assert run('models', cwd=tmp_path).stdout.startswith('shipped: ')


def test_models_prints_the_default_options_of_a_file(tmp_path, capsys):
    from colorize_nb.models.store import load_model_file, save_model
    model, codec, spec, meta = load_model_file('shipped')
    save_model(tmp_path/'bold.safetensors', model, codec, spec, {**meta, 'knobs': {'saturation': 1.25}})
    assert main(['models', str(tmp_path/'bold.safetensors')])==0
    assert 'saturation 1.25' in capsys.readouterr().out


def test_version(capsys):
    import colorize_nb
    assert main(['--version'])==0 and capsys.readouterr().out.strip()==f'colorize-nb {colorize_nb.__version__}'


def test_every_parameter_of_a_command_is_an_option():
    from colorize_nb.app import cli
    for command in (cli.color, *cli._COMMANDS.values()):
        parser = cli._parser(command, 'x')
        options = {a.dest: a for a in parser._actions if a.dest!='help'}
        parameters = inspect.signature(command).parameters
        assert options.keys()==parameters.keys()
        for name,p in parameters.items():
            assert options[name].help and bool(options[name].option_strings)==(p.kind is p.KEYWORD_ONLY)
            if p.default is not p.empty: assert options[name].default==p.default


@pytest.mark.parametrize('args,message', [
    (['--lr','nan'], '--lr is nan'),
    (['--lr','1e9'], '--lr is 1e+09'),
    (['--lr','-1'], '--lr is -1'),
    (['--bs','0'], '--bs is 0'),
    (['--epochs','0'], '--epochs is 0'),
    (['--size','16'], '--size is 16'),
    (['-o','good.jpg/x.safetensors'], 'cannot be written'),
    (['--checkpoint','good.jpg/c.pt'], 'cannot be written')])
def test_training_options_are_checked_before_large_imports(album, monkeypatch, capsys, args, message):
    import builtins
    monkeypatch.chdir(album)
    real = builtins.__import__
    def light(name, *a, **k):
        assert name.split('.')[0] not in ('fastai','torch'), f'{name} was imported'
        return real(name, *a, **k)
    monkeypatch.setattr(builtins, '__import__', light)
    assert main(['train', '.', *args])==1
    err = capsys.readouterr().err
    assert message in err and err.count('\n')==1 and not list(album.glob('*.safetensors'))


def test_a_result_never_overwrites_an_input(album):
    from colorize_nb.app.album import plan_album
    (album/'b').mkdir()
    for d in ('in','b'): open_photo(album/'good.jpg').save(album/d/'aa.jpg')
    before = (album/'b/aa.jpg').read_bytes()
    got = run('in', 'b', '-o', 'b', '--suffix', '', '--force', cwd=album)
    assert got.returncode==1 and 'would overwrite the photo b/aa.jpg' in got.stderr and (album/'b/aa.jpg').read_bytes()==before
    (album/'link.jpg').symlink_to(album/'b/aa.jpg')
    (album/'link-color.jpg').symlink_to(album/'b/aa.jpg') # the name of a result is a link to an input
    assert not plan_album([album/'link.jpg', album/'b/aa.jpg'], force=True).jobs[1:]


def test_skipped_files_are_mentioned(album, monkeypatch):
    from colorize_nb.app.album import plan_album
    (album/'loop').symlink_to(album/'loop')
    (album/'round.jpg').symlink_to(album/'round.jpg')
    (album/'old-color.jpg').write_bytes((album/'good.jpg').read_bytes())
    real = os.scandir
    def scandir(p='.'):
        if str(p).endswith('/in'): raise PermissionError(13, 'Permission denied', str(p))
        return real(p)
    monkeypatch.setattr(os, 'scandir', scandir)
    plan = plan_album([album])
    assert any('in: this folder cannot be searched' in r['message'] for r in plan.rows)
    assert plan.skipped['-color']==1 and "skipped because of their names (-color 1" in repr(plan)


def test_one_bad_entry_never_ends_the_folder(album):
    (album/'round.jpg').symlink_to(album/'round.jpg')
    (album/('n'*246+'.jpg')).write_bytes((album/'good.jpg').read_bytes()) # the result's name would be too long for the file system
    os.mkfifo(album/'pipe.jpg')
    got = run('album', '-o', 'out', cwd=album.parent)
    assert got.returncode==1 and '4 colored, 6 failed' in got.stdout and 'Traceback' not in got.stderr
    assert all(n in got.stderr for n in ('round.jpg','nnnn','pipe.jpg','cut.jpg','letter.jpg','empty.jpg'))


def test_exact_results_are_png(album):
    assert run('good.jpg', '--exact', cwd=album).returncode==0
    from colorize_nb.infer.colorizer import Colorizer
    want = Colorizer.load('shipped')(album/'good.jpg').image
    assert np.array_equal(np.asarray(open_photo(album/'good-color.png')), np.asarray(want))


def test_exact_results_keep_webp_and_tiff(album):
    from colorize_nb.app.album import color_album
    from colorize_nb.infer.colorizer import Colorizer
    from colorize_nb.core.photo import source_type
    colorizer, names = Colorizer.load('shipped'), ('a.webp','b.tif','c.bmp','d.jpg')
    for n in names: open_photo(album/'good.jpg').save(album/n)
    done = color_album([album/n for n in names], album/'out', exact=True)
    assert [os.path.basename(r['result']) for r in done.rows]==['a-color.webp','b-color.tif','c-color.png','d-color.png']
    for f,to in ((r['photo'], r['result']) for r in done.rows):
        assert np.array_equal(open_photo(to), colorizer(f).image), to
        assert source_type(to)=='compositeWithTrainedAlgorithmicMedia', to
    assert run('good.jpg', '--mark', '-o', 'out', cwd=album).returncode==0
    shown, plain = (np.asarray(open_photo(o)).astype(int) for o in (album/'out/good-color.jpg', album/'out/d-color.png'))
    assert np.abs(shown-plain)[-14:,-60:].mean()>60 and np.abs(shown-plain)[:50].mean()<12


@pytest.mark.parametrize('sig,status', [(signal.SIGINT,130), (signal.SIGTERM,143)])
def test_an_interruption_leaves_complete_files(album, sig, status):
    many = album.parent/'many'
    many.mkdir()
    photo = open_photo(album/'good.jpg').resize((1200,800))
    for i in range(60): photo.save(many/f'{i:02}.jpg')
    p = subprocess.Popen([*COMMAND, 'many', '-o', 'out'], cwd=album.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                         preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)) # in the background, the signal would be ignored
    out, deadline = album.parent/'out', time.time()+300
    begun = lambda: out.exists() and any(f.suffix=='.jpg' and not f.name.startswith('.') for f in out.iterdir())
    while time.time()<deadline and not begun(): time.sleep(.05)
    p.send_signal(sig)
    assert p.wait(300)==status
    files = list(out.iterdir())
    assert not [f for f in files if f.name.startswith('.')]
    assert 0<len(files)<60 and all(Image.open(f).load() for f in files)


def test_train_and_color(album):
    for i in range(12): open_photo(album/'good.jpg').rotate(i*3).save(album.parent/f'in{i}.jpg')
    got = run('train', '.', '--epochs', 1, '--size', 64, '--bs', 4, '--arch', 'unet_compact', '-o', 'mine.safetensors', cwd=album.parent)
    assert got.returncode==0, got.stderr[-800:]
    assert all(r in got.stdout for r in ('gray','mean color','mine, input 64 px','CIEDE2000')) and '\r' not in got.stdout+got.stderr
    assert run('album/good.jpg', '--model', 'mine.safetensors', cwd=album.parent).returncode==0
    assert run('train', '.', '-o', 'mine.safetensors', cwd=album.parent).returncode==1


@pytest.mark.parametrize('arch', ['unet_compact', 'start.safetensors'])
def test_training_is_gentle_if_it_starts_from_a_model(tmp_path, monkeypatch, arch):
    import torch
    from fastai.learner import Learner
    from colorize_nb.color.codecs import LabAB
    from colorize_nb.data.folder import crop_photos
    from colorize_nb.models.layers import create_model
    from colorize_nb.models.store import save_model
    monkeypatch.chdir(tmp_path)
    crop_photos('photos', n=12, size=48)
    spec = dict(arch='unet_compact', n_in=1, n_out=2, size=48, kwargs=dict(widths=[8,16], depths=[0,1]))
    torch.manual_seed(0)
    net = create_model('unet_compact', 1, 2, 48, **spec['kwargs'])
    save_model('start.safetensors', net, LabAB(), spec, {})
    used = []
    for name in ('fit_one_cycle', 'fine_tune_gently'):
        def watch(self, *args, name=name, real=getattr(Learner, name), **kwargs):
            used.append(name)
            return real(self, *args, **kwargs)
        monkeypatch.setattr(Learner, name, watch)
    assert main(['train', 'photos', '--arch', arch, '--epochs', '1', '--size', '48', '--bs', '4', '-o', 'out.safetensors'])==0
    assert used==(['fine_tune_gently'] if arch.endswith('safetensors') else [])+['fit_one_cycle']
