"""Archives: the same bytes as the plain loop, whoever is killed meanwhile; a report of every photo; folders, buckets, one line for what is
wrong."""
import csv, os, signal, subprocess, sys, time
from pathlib import Path

import numpy as np, pytest, torch
from PIL import Image

from conftest import torch_threads
from colorize_nb.app.addresses import save_at
from colorize_nb.app.archive import color_archive
from colorize_nb.app.jobs import Jobs
from colorize_nb.app.report import Report
from colorize_nb.app.workers import Crew, work
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.core.photo import PhotoError, bundled_photos, open_photo

RUN = [sys.executable, '-W', 'ignore', '-c', 'import sys; from colorize_nb.app.cli import main; sys.exit(main())']


@pytest.fixture(autouse=True)
def one_thread():
    with torch_threads(1): yield


@pytest.fixture
def album(tmp_path, monkeypatch):
    "Thirty photos in three folders, one of them a letter."
    monkeypatch.chdir(tmp_path)
    cup = open_photo(bundled_photos()['coffee'])
    for i in range(30):
        to = Path(f'album/{i%3}/{i:02}.jpg')
        to.parent.mkdir(parents=True, exist_ok=True)
        cup.crop((4*i, 2*i, 4*i+100, 2*i+70)).convert('L').save(to)
    Path('album/1/letter.jpg').write_text('Dear cup')
    return tmp_path


def plain(out, size=64):
    "The plain loop: results by their path in `out`."
    shipped = Colorizer.load('shipped')
    for p in sorted(Path('album').rglob('[0-9]*.jpg')):
        to = Path(out)/p.relative_to('album').with_stem(f'{p.stem}-color')
        shipped(p, size=size).save(to)
    return files(out)

def files(out): return {str(p.relative_to(out)): p.read_bytes() for p in Path(out).rglob('*') if p.is_file() and p.suffix=='.jpg'}
def rows(path='out/report.csv'): return {r['photo']: r for r in csv.DictReader(open(path))}
def hidden(out): return [p.name for p in Path(out).rglob('.*.part')]


def test_workers_write_what_the_plain_loop_writes_and_one_that_is_killed_loses_nothing(album):
    want, seen = plain('plain'), []
    jobs = [(p, to) for p,kind,to in Jobs(['album'], 'out') if kind=='job']
    with Crew(2, 'shipped', size=64) as crew:
        for some in crew.run(jobs[i:i+3] for i in range(0, len(jobs), 3)):
            if not seen: os.kill(min(crew.pool._processes), signal.SIGKILL)
            seen += some
    assert sorted(r['photo'] for r in seen)==sorted(p for p,_ in jobs)
    assert [r['photo'] for r in seen if r['outcome']=='failed']==['album/1/letter.jpg']
    assert files('out')==want and not hidden('out')


def bomb(jobs, again=False):
    if any('12' in photo for photo,_ in jobs): os.kill(os.getpid(), signal.SIGKILL)
    return work(jobs, again)

class Bombed(Crew): task = staticmethod(bomb)

def test_a_photo_that_kills_its_worker_is_found_and_named(album):
    jobs = [(p, to) for p,kind,to in Jobs(['album/0'], 'out') if kind=='job']
    with Bombed(1, 'shipped', size=32) as crew: seen = [r for some in crew.run([jobs[:3], jobs[3:6], jobs[6:]]) for r in some]
    assert len(seen)==10
    assert [r['photo'] for r in seen if r['outcome']=='failed']==['album/0/12.jpg']
    assert 'its worker died' in next(r['why'] for r in seen if r['why'])
    assert len(files('out'))==9


def test_the_command_is_killed_and_goes_on_where_it_was(album):
    command = [*RUN, 'album', '-o', 'out', '--workers', '1', '--size', '64']
    p, end = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE), time.time()+90
    while time.time()<end and not (Path('out').is_dir() and len(files('out'))>2): time.sleep(.02)
    workers = children(p.pid)
    p.kill()
    p.communicate()
    assert 0<len(files('out'))<30 and workers
    while time.time()<end and any(Path(f'/proc/{w}').exists() for w in workers): time.sleep(.05)
    assert not any(Path(f'/proc/{w}').exists() for w in workers), 'a worker outlived the command'
    begun = files('out')
    Path('out/0/.03-color.jpg.0123456789abcdef.part').write_bytes(b'half')
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode==1
    assert f'{30-len(begun)} coloured, 1 not, {len(begun)} were there already' in again.stdout
    assert 'letter.jpg: not a picture' in again.stderr
    assert files('out')==plain('plain') and not hidden('out')
    told = rows()
    assert len(told)==31
    assert {r['outcome'] for r in told.values()} <= {'colored','there','failed'}
    assert 'not a picture' in told['album/1/letter.jpg']['why']

def children(pid):
    "The processes that `pid` started to colour."
    def facts(p): return p.name, (p/'stat').read_text().rsplit(')', 1)[1].split()[1], (p/'cmdline').read_bytes()
    found = [facts(p) for p in Path('/proc').glob('[0-9]*') if (p/'stat').exists()]
    return [name for name,parent,line in found if parent==str(pid) and b'spawn_main' in line]


def test_the_report_says_what_became_of_every_photo(album):
    done = color_archive(['album'], 'out', workers=0, size=32)
    told = rows()
    assert (done['colored'], done['failed'], done['there'])==(30, 1, 0) and len(told)==31 and done['report']==Path('out/report.csv')
    one = told['album/0/03.jpg']
    assert (one['result'], one['outcome'], one['width'], one['height'])==('out/0/03-color.jpg','colored','100','70')
    assert float(one['seconds'])>0
    Path('album/1/letter.jpg').unlink()
    open_photo('album/0/00.jpg').save('album/1/letter.jpg')
    Path('out/2/02-color.jpg').unlink()
    again = color_archive(['album'], 'out', workers=0, size=32)
    assert (again['colored'], again['failed'], again['there'])==(2, 0, 29)
    assert all(r['outcome']=='colored' for r in rows().values())
    assert rows()['album/0/03.jpg']==one
    stamp = Path('out/0/03-color.jpg').stat().st_mtime_ns
    color_archive(['album/0'], 'out/0', workers=0, size=32, force=True)
    assert Path('out/0/03-color.jpg').stat().st_mtime_ns>stamp


def test_the_same_rows_as_parquet(album):
    pq = pytest.importorskip('pyarrow.parquet')
    done = color_archive(['album/1'], 'out', workers=0, size=32, report='told.parquet')
    table = pq.read_table(done['report']).to_pylist()
    assert len(table)==11 and sum(r['outcome']=='colored' for r in table)==10 and {r['width'] for r in table}=={100, None}


def test_what_cannot_work_is_one_line_before_the_first_photo(album):
    Path('mine.csv').write_text('photo\n')
    for how,says in [(dict(report='mine.csv'), 'no earlier run wrote it'),
                     (dict(report='x.txt'), '.csv or .parquet'),
                     (dict(model='nope'), 'shipped'),
                     (dict(saturation=-1), 'saturation is -1'),
                     (dict(steady=2), 'steady is 2')]:
        with pytest.raises(ValueError, match=says): color_archive(['album'], 'out', workers=2, **how)
    with pytest.raises(ValueError, match='nowhere://a: Protocol not known'): color_archive(['nowhere://a'], 'out', workers=0)
    busy = Report('busy.csv')
    with pytest.raises(ValueError, match='in use by another run'): Report('busy.csv')
    busy.close()
    assert Path('mine.csv').read_text()=='photo\n' and not files('out')


def test_no_result_takes_the_place_of_an_input_or_of_another_result(album):
    Path('album/0/same.png').write_bytes(b'')
    for name in ('a/x.jpg','b/x.jpg'):
        Path(name).parent.mkdir()
        open_photo('album/0/00.jpg').save(name)
    before = Path('b/x.jpg').read_bytes()
    over = [why for _,kind,why in Jobs(['a','b'], 'b', suffix='', force=True) if kind=='failed']
    assert len(over)==2 and 'would overwrite b/x.jpg' in over[0] and 'its own place' in over[1]
    twice = [(kind, why) for _,kind,why in Jobs(['a','b'], 'c')]
    assert [k for k,_ in twice]==['job','failed'] and 'would take the place of that of a/x.jpg' in twice[1][1]
    Path('album/0/03.bmp').write_bytes(b'')
    Path('album/0/03.png').write_bytes(b'')
    assert sum(kind=='failed' for _,kind,_ in Jobs(['album/0'], 'c'))==1
    os.symlink(os.path.abspath('b/x.jpg'), 'a/x-color.jpg')
    assert [kind for _,kind,_ in Jobs(['a','b'], force=True)]==['failed','job'] and Path('b/x.jpg').read_bytes()==before


def test_jobs_are_those_of_the_plain_plan(album):
    from colorize_nb.app.album import plan
    Path('album/.hidden').mkdir()
    Path('album/.hidden/x.jpg').touch(), Path('album/note.txt').touch(), Path('album/2/lost-color.jpg').touch()
    os.symlink('.', 'album/loop')
    for out in (None, 'out'):
        jobs, same = Jobs(['album'], out), plan(['album'], out)
        assert sorted({(p, to) for p,kind,to in jobs if kind=='job'})==sorted((str(p), str(to)) for p,to in same.jobs)
    assert Jobs(['album']).count()==31 and sum(kind=='said' for _,kind,_ in Jobs(['album']))==1


def test_a_bucket(album, bucket):
    "In and out; the bytes are those of a local run."
    fs = bucket('photos', 'colour')
    for p in Path('album/1').iterdir(): fs.pipe_file(f'photos/1/{p.name}', p.read_bytes())
    done = color_archive(['s3://photos'], 's3://colour/out', workers=0, size=32, report='far.csv')
    assert (done['colored'], done['failed'])==(10, 1)
    assert "s3://photos/1/letter.jpg: not a picture" in rows('far.csv')['s3://photos/1/letter.jpg']['why']
    color_archive(['album/1'], 'out', workers=0, size=32)
    assert {f.removeprefix('colour/out/1/'): fs.cat_file(f) for f in fs.find('colour')}==files('out')
    again = color_archive(['s3://photos'], 's3://colour/out', workers=0, size=32, report='far.csv')
    assert (again['colored'], again['failed'], again['there'])==(0, 1, 10)


def test_nothing_is_overwritten_at_an_address_unasked(album):
    "Not even what came there since the jobs were listed."
    import fsspec
    fs, colored = fsspec.filesystem('memory'), Colorizer.load('shipped')('album/0/00.jpg', size=32)
    fs.pipe_file('/kept/a.jpg', b'mine')
    with pytest.raises(PhotoError, match='memory://kept/a.jpg: exists already'): save_at(colored, 'memory://kept/a.jpg')
    assert fs.cat_file('/kept/a.jpg')==b'mine'
    save_at(colored, 'memory://kept/a.jpg', force=True)
    assert fs.cat_file('/kept/a.jpg')[:2]==b'\xff\xd8'
    fs.rm('/kept', recursive=True)


def test_an_animation_keeps_its_frames_or_is_refused(album):
    import fsspec
    Path('moving').mkdir()
    frames = [open_photo(f'album/0/{i:02}.jpg') for i in (0, 3, 6)]
    frames[0].save('moving/a.gif', save_all=True, append_images=frames[1:], duration=80)
    frames[0].save('moving/b.gif')
    done = color_archive(['moving'], 'out', workers=0, size=32)
    assert done['colored']==2 and Image.open('out/a-color.gif').n_frames==3 and Path('out/b-color.png').exists()
    fsspec.filesystem('memory').pipe_file('/moving/a.gif', Path('moving/a.gif').read_bytes())
    assert color_archive(['memory://moving'], 'far', workers=0, size=32)['failed']==1
    assert 'on this disk only' in rows('far/report.csv')['memory://moving/a.gif']['why']
