"A Ray cluster with two nodes on this machine gives the same pictures and rows as one process, even if a worker is killed."
import csv, os, shutil, signal, subprocess, sys, threading, time
from pathlib import Path

import pytest

from conftest import torch_threads
from colorize_nb.app.album import color_album
from colorize_nb.app.cli import main
from colorize_nb.core.photo import bundled_photos, open_photo
from colorize_nb.models.store import shipped_models


@pytest.fixture(scope='module')
def cluster():
    "Start two nodes with one core each. This process belongs to the first one."
    os.environ.update(RAY_USAGE_STATS_ENABLED='0', RAY_DEDUP_LOGS='0')
    ray = pytest.importorskip('ray')
    from ray.cluster_utils import Cluster
    for _ in range(3): # Ray gives its processes 30 seconds to start, which a busy machine may miss
        made = None
        try:
            made = Cluster(initialize_head=True, head_node_args=dict(num_cpus=1, include_dashboard=False))
            made.add_node(num_cpus=1)
            break
        except Exception as e:
            if 'timed out during startup' not in str(e): raise
            if made: made.shutdown()
    else: pytest.skip('this machine is too busy for Ray')
    ray.init(made.address, log_to_driver=False, logging_level='CRITICAL')
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.fixture
def album(tmp_path, monkeypatch):
    "Six photos in two folders, and a text file with a photo's name."
    monkeypatch.chdir(tmp_path)
    photos = [*bundled_photos().values()]
    for i in range(6):
        to = Path(f'album/{i%2}/{i:02}.jpg')
        to.parent.mkdir(parents=True, exist_ok=True)
        open_photo(photos[i%len(photos)]).resize((60, 40+i)).convert('L').save(to)
    Path('album/1/letter.jpg').write_text('Dear cup')
    with torch_threads(1): yield tmp_path

def pictures(out): return {str(p.relative_to(out)): p.read_bytes() for p in Path(out).rglob('*.jpg')}

def rows(path):
    "Return the rows of a report by photo, without the time and the result's folder."
    with open(path) as f: return {r['photo']: {**r, 'seconds': '', 'result': r['result'].partition('/')[2]} for r in csv.DictReader(f)}


@pytest.mark.slow
def test_pictures_and_rows_match_one_process(cluster, album, capfd):
    shutil.copy(shipped_models()['shipped'], 'mine.safetensors') # a file that other machines don't have
    color_album(['album'], 'one', size=64, model='mine.safetensors', report='one/report.csv')
    capfd.readouterr()
    assert main(['album', '-o', 'out', '--ray', 'auto', '--size', '64', '--model', 'mine.safetensors'])==1
    printed = capfd.readouterr()
    assert printed.out=='6 colored, 1 failed; see out/report.csv\n' and 'letter.jpg: not a picture' in printed.err
    assert len(pictures('one'))==6 and pictures('out')==pictures('one')
    assert rows('out/report.csv')==rows('one/report.csv')
    Path('out/0/04-color.jpg').unlink()
    assert main(['album', '-o', 'out', '--ray', 'auto', '--size', '64', '--model', 'mine.safetensors'])==1
    assert '1 colored, 1 failed, 5 already there' in capfd.readouterr().out and pictures('out')==pictures('one')


def ray_workers():
    "Return the IDs of Ray's processes that are coloring a file."
    found = []
    for p in Path('/proc').glob('[0-9]*'):
        try: found += [int(p.name)] if b'ray::_work' in (p/'cmdline').read_bytes() else []
        except (FileNotFoundError, ProcessLookupError): pass
    return found

@pytest.mark.slow
@pytest.mark.skipif(sys.platform!='linux', reason='reads /proc')
def test_ray_replaces_a_killed_worker(cluster, album):
    color_album(['album/0'], 'one', size=64)
    killed = []
    def kill_one():
        while not killed:
            for worker in ray_workers()[:1]:
                os.kill(worker, signal.SIGKILL)
                killed.append(worker)
            time.sleep(.005)
    threading.Thread(target=kill_one, daemon=True).start()
    try: done = color_album(['album/0'], 'out', size=64, ray='auto')
    finally: killed.append(None)
    assert killed[0], 'no worker was killed'
    assert done.count('colored')==3 and pictures('out')==pictures('one')


@pytest.mark.slow
def test_a_bucket_and_a_local_cluster(album, bucket):
    "Workers read the keys from the environment in which the cluster was started."
    pytest.importorskip('ray')
    fs = bucket('photos', 'color')
    for p in Path('album/0').iterdir(): fs.pipe_file(f'photos/0/{p.name}', p.read_bytes())
    args = 's3://photos', '-o', 's3://color/out', '--ray', 'local', '--workers', '1', '--size', '64', '--report', 'report.csv'
    done = subprocess.run([sys.executable, '-W', 'ignore', '-m', 'colorize_nb.app.cli', *args], capture_output=True, text=True, timeout=300)
    if 'timed out during startup' in done.stderr: pytest.skip('this machine is too busy for Ray')
    assert done.returncode==0, done.stderr
    color_album(['album/0'], 'one', size=64)
    assert {f.removeprefix('color/out/0/'): fs.cat_file(f) for f in fs.find('color')}==pictures('one')
    assert {r['status'] for r in rows('report.csv').values()}=={'colored'}


@pytest.mark.parametrize('address', ['127.0.0.1:1', 'nowhere'])
def test_a_wrong_address_gives_one_line(album, monkeypatch, capsys, address):
    ray = pytest.importorskip('ray')
    monkeypatch.setattr(ray, 'is_initialized', lambda: False)
    assert main(['album', '-o', 'out', '--ray', address])==1
    printed = capsys.readouterr()
    lines = [line for line in printed.err.splitlines() if line.startswith('colorize-nb')]
    assert printed.out=='' and len(lines)==1 and f'--ray {address}' in lines[0] and 'HOST:PORT' in lines[0]
    assert not Path('out').exists() or not pictures('out')


def test_without_ray_the_option_explains_what_to_install(album, monkeypatch, capsys):
    from colorize_nb.app.cli import main
    monkeypatch.setitem(sys.modules, 'ray', None)
    assert main(['album/0', '--ray', 'local'])==1
    assert capsys.readouterr()==('', "colorize-nb: --ray needs Ray: pip install 'colorize_nb[ray]'\n")
