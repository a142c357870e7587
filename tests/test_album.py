"Albums: where results go, what a report contains, and that processes, buckets, and interruptions don't change the pictures."
import csv, os, signal, subprocess, sys, time
from pathlib import Path

import pytest
from PIL import Image
from upath import UPath

from conftest import torch_threads
from colorize_nb.app.album import color_album, plan_album
from colorize_nb.core.photo import bundled_photos, open_photo

COMMAND = [sys.executable, '-W', 'ignore', '-m', 'colorize_nb.app.cli']


@pytest.fixture(autouse=True)
def one_thread():
    with torch_threads(1): yield


@pytest.fixture
def album(tmp_path, monkeypatch):
    "Ten photos in two folders, a text file with a photo's name, and another text file."
    monkeypatch.chdir(tmp_path)
    cup = open_photo(bundled_photos()['coffee'])
    for i in range(10):
        to = Path(f'album/{i%2}/{i:02}.jpg')
        to.parent.mkdir(parents=True, exist_ok=True)
        cup.crop((4*i, 2*i, 4*i+100, 2*i+70)).convert('L').save(to)
    Path('album/1/letter.jpg').write_text('Dear cup')
    Path('album/notes.txt').touch()
    return tmp_path

def pictures(out): return {str(p.relative_to(out)): p.read_bytes() for p in Path(out).rglob('*.jpg')}

def rows(path):
    "Return the rows of a report by photo, without the time and the result's folder."
    with open(path) as f: return {r['photo']: {**r, 'seconds': '', 'result': r['result'].partition('/')[2]} for r in csv.DictReader(f)}

def counts(album): return tuple(map(album.count, ('colored', 'existing', 'failed')))


def test_a_pool_makes_the_same_pictures_and_rows_as_one_process(album):
    one = color_album(['album'], 'one', size=64, report='one/report.csv')
    done = subprocess.run([*COMMAND, 'album', '-o', 'pool', '--size', '64', '--workers', '2'], capture_output=True, text=True)
    assert done.returncode==1, done.stderr
    assert counts(one)==(10, 0, 1) and len(pictures('one'))==10
    assert done.stdout=='10 colored, 1 failed, 1 skipped because of their names (.txt 1); see pool/report.csv\n'
    assert done.stderr.startswith('album/1/letter.jpg: not a picture') and len(done.stderr.splitlines())==1
    assert pictures('pool')==pictures('one')
    assert rows('pool/report.csv')==rows('one/report.csv')


def test_a_second_run_only_does_what_is_missing(album):
    color_album(['album'], 'out', size=32, report='out/report.csv')
    before = rows('out/report.csv')
    assert before['album/0/02.jpg']['width']=='100' and before['album/0/02.jpg']['height']=='70'
    Path('album/1/letter.jpg').unlink()
    open_photo('album/0/00.jpg').save('album/1/letter.jpg')
    Path('out/0/04-color.jpg').unlink()
    stamp = Path('out/0/02-color.jpg').stat().st_mtime_ns
    again = color_album(['album'], 'out', size=32, report='out/report.csv')
    after = rows('out/report.csv')
    assert counts(again)==(2, 9, 0) and Path('out/0/02-color.jpg').stat().st_mtime_ns==stamp
    assert {r['status'] for r in after.values()}=={'colored'} and after['album/0/02.jpg']==before['album/0/02.jpg']
    forced = color_album(['album/0'], 'out/0', size=32, force=True)
    assert counts(forced)==(5, 0, 0) and Path('out/0/02-color.jpg').stat().st_mtime_ns>stamp


def start(*args): return subprocess.Popen([*COMMAND, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

def workers_of(pid):
    "Return the worker processes of the command `pid`, which its fork server started."
    parents = {}
    for p in Path('/proc').glob('[0-9]*'):
        try: parents[int(p.name)] = int((p/'stat').read_text().rsplit(')', 1)[1].split()[1])
        except (FileNotFoundError, ProcessLookupError): pass
    children = [p for p,parent in parents.items() if parent==pid]
    return [p for p,parent in parents.items() if parent in children]

def wait_until(condition, seconds=300):
    "Wait until a condition is true. This may take long on a busy machine."
    end = time.monotonic()+seconds
    while not condition() and time.monotonic()<end: time.sleep(.02)
    return condition()

@pytest.mark.skipif(sys.platform!='linux', reason='reads /proc')
def test_a_dead_worker_is_reported_and_the_same_command_resumes(album):
    args = 'album', '-o', 'out', '--size', '64', '--workers', '2'
    p = start(*args)
    assert wait_until(lambda: Path('out').is_dir() and pictures('out') or p.poll() is not None)
    for worker in workers_of(p.pid): os.kill(worker, signal.SIGKILL)
    out, err = p.communicate(timeout=300)
    if p.returncode==0 or 'colored' in out: pytest.skip('it finished before a worker could be killed')
    assert p.returncode==1 and 'a worker died while these files were in progress: album/' in err and 'Traceback' not in err
    done = pictures('out')
    assert 0<len(done)<10 and {r['status'] for r in rows('out/report.csv').values()}<={'colored', 'failed'}
    again = color_album(['album'], 'out', size=64, report='out/report.csv')
    assert counts(again)==(10-len(done), len(done), 1)
    assert len(pictures('out'))==10 and len(rows('out/report.csv'))==11


@pytest.mark.slow
@pytest.mark.skipif(sys.platform!='linux', reason='reads /proc')
def test_no_worker_outlives_the_command(album):
    p = start('album', '-o', 'out', '--size', '64', '--workers', '1')
    assert wait_until(lambda: Path('out').is_dir() and pictures('out') or p.poll() is not None)
    workers = workers_of(p.pid)
    p.kill()
    p.communicate()
    assert wait_until(lambda: not any(Path(f'/proc/{w}').exists() for w in workers))


def test_problems_are_reported_before_the_first_photo(album):
    Path('mine.csv').write_text('photo\n')
    for options, message in [(dict(report='mine.csv'), "isn't a report"), (dict(model='nope'), 'shipped'),
                             (dict(saturation=-1), 'saturation is -1'), (dict(steady=2), 'steady is 2'),
                             (dict(size=5), 'size is 5')]:
        with pytest.raises(ValueError, match=message): color_album(['album'], 'out', **options)
    with pytest.raises(ValueError, match='nowhere'): color_album(['nowhere://a'], 'out')
    assert Path('mine.csv').read_text()=='photo\n' and not Path('out').exists()


def test_no_result_overwrites_an_input_or_another_result(album):
    for name in ('a/x.jpg','b/x.jpg'):
        Path(name).parent.mkdir()
        open_photo('album/0/00.jpg').save(name)
    over = [r['message'] for r in plan_album(['a','b'], 'b', suffix='', force=True).rows]
    assert len(over)==2 and all('would overwrite the photo b/x.jpg' in message for message in over)
    twice = plan_album(['a','b'], 'c')
    assert twice.jobs==[('a/x.jpg', 'c/x-color.jpg')] and 'would overwrite the result of a/x.jpg' in twice.rows[0]['message']
    for ext in ('bmp','png'): Path(f'album/0/02.{ext}').touch()
    same = plan_album(['album/0'], 'c')
    assert not same.rows and {'c/02-bmp-color.png','c/02-png-color.png'} <= {to for _,to in same.jobs}
    os.symlink(os.path.abspath('b/x.jpg'), 'a/x-color.jpg') # the result's name is a link to an input
    linked = plan_album(['a','b'], force=True)
    assert linked.count('failed')==1 and linked.jobs==[('b/x.jpg', 'b/x-color.jpg')]


def test_what_a_folder_contains(album):
    Path('album/.hidden').mkdir()
    for name in ('.hidden/x.jpg', '0/film.mp4', '0/lost-color.jpg', '0/a.pdf', '0/B.PDF', 'LICENSE'): Path('album', name).touch()
    os.symlink('.', 'album/loop')
    plan = plan_album(['album'], 'out')
    assert len(plan.jobs)==12 and ('album/0/film.mp4', 'out/0/film-color.mp4') in plan.jobs, 'ten photos, a letter, and a film'
    assert plan.skipped=={'.pdf': 2, '.txt': 1, 'no extension': 1, '-color': 1} and not plan.rows
    named = plan_album(['album/0/00.jpg'], suffix='')
    assert not named.jobs and 'overwrite the photo' in named.rows[0]['message']


def test_one_path_is_an_album(album):
    for given in ('album', Path('album'), UPath('album')):
        assert plan_album(given, 'out').jobs==plan_album(['album'], 'out').jobs and len(plan_album(given).jobs)==11


def test_a_bucket_gets_the_pictures_of_a_local_run(album, bucket):
    fs = bucket('photos', 'color')
    for p in Path('album/1').iterdir(): fs.pipe_file(f'photos/1/{p.name}', p.read_bytes())
    fs.pipe_file('photos/notes.txt', b'x')
    done = color_album(['s3://photos'], 's3://color/out', size=32, report='far.csv')
    assert counts(done)==(5, 0, 1) and done.skipped=={'.txt': 1}
    with open('far.csv') as f: failed = [r for r in csv.DictReader(f) if r['status']=='failed']
    assert len(failed)==1 and failed[0]['message'].startswith('s3://photos/1/letter.jpg: not a picture')
    color_album(['album/1'], 'out', size=32)
    assert {f.removeprefix('color/out/1/'): fs.cat_file(f) for f in fs.find('color')}==pictures('out')
    assert counts(color_album(['s3://photos'], 's3://color/out', size=32))==(0, 5, 1)
    one = color_album(['s3://photos/1/01.jpg'], 's3://color/out/1', size=32)
    assert counts(one)==(0, 0, 1) and 'exists already' in one.rows[0]['message']


def test_animations_keep_their_frames_here_and_in_a_bucket(album):
    import fsspec
    Path('moving').mkdir()
    frames = [open_photo(f'album/0/{i:02}.jpg') for i in (0, 2, 4)]
    frames[0].save('moving/a.gif', save_all=True, append_images=frames[1:], duration=80)
    frames[0].save('moving/b.gif')
    assert counts(color_album(['moving'], 'out', size=32))==(2, 0, 0)
    assert Image.open('out/a-color.gif').n_frames==3 and Path('out/b-color.png').exists()
    fs = fsspec.filesystem('memory')
    fs.pipe_file('/moving/a.gif', Path('moving/a.gif').read_bytes())
    assert counts(color_album(['memory://moving'], 'memory://colored', size=32))==(1, 0, 0)
    assert fs.cat_file('/colored/a-color.gif')==Path('out/a-color.gif').read_bytes()
    for folder in ('/moving', '/colored'): fs.rm(folder, recursive=True)


def test_a_bucket_result_may_have_the_name_of_its_photo(album):
    import fsspec
    fs = fsspec.filesystem('memory')
    fs.pipe_file('/gray/00.jpg', Path('album/0/00.jpg').read_bytes())
    assert counts(color_album(['memory://gray'], 'memory://colored', suffix='', size=32))==(1, 0, 0)
    color_album(['album/0/00.jpg'], 'out', suffix='', size=32)
    assert fs.cat_file('/colored/00.jpg')==Path('out/00.jpg').read_bytes()!=fs.cat_file('/gray/00.jpg')
    for folder in ('/gray', '/colored'): fs.rm(folder, recursive=True)


def test_films_in_a_folder_are_colored(album):
    av = pytest.importorskip('av')
    with av.open('album/0/film.mp4', 'w') as film:
        video = film.add_stream('libx264', rate=8)
        video.width, video.height, video.pix_fmt = 64, 48, 'yuv420p'
        picture = open_photo('album/0/00.jpg').resize((64, 48))
        for i in range(4): film.mux(video.encode(av.VideoFrame.from_image(picture.rotate(i))))
        film.mux(video.encode())
    done = color_album(['album/0'], 'out', size=32)
    assert counts(done)==(6, 0, 0) and Path('out/film-color.mp4').stat().st_size>500


def test_the_mark_and_the_size_reach_the_picture(album):
    for out, options in dict(plain={}, marked=dict(mark=True), small=dict(size=128)).items():
        color_album(['album/0/00.jpg'], out, **{'size': 32, **options})
    plain, marked, small = (pictures(out)['00-color.jpg'] for out in ('plain', 'marked', 'small'))
    assert len({plain, marked, small})==3
