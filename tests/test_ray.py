"""A cluster of two machines, each a Ray node of this one: the files and rows of the plain loop, whoever is killed or switched off
meanwhile; one line for what is wrong."""
import csv, os, shutil, signal, socket, subprocess, sys, threading, time
from pathlib import Path

import pytest, torch
from fastcore.basics import chunked

import colorize_nb
from conftest import torch_threads
from colorize_nb.app import cluster
from colorize_nb.app.addresses import retry
from colorize_nb.app.archive import color_archive
from colorize_nb.app.cli import main
from colorize_nb.app.cluster import ClusterWorker, RayCrew, connect, shares
from colorize_nb.app.jobs import Jobs
from colorize_nb.app.workers import KILLED
from colorize_nb.core.photo import bundled_photos, open_photo
from colorize_nb.models.store import shipped_models

os.environ.update(cluster.QUIET) # which Ray reads when it is imported
ray = pytest.importorskip('ray')


def two_nodes():
    from ray.cluster_utils import Cluster
    made = Cluster(initialize_head=True, head_node_args=dict(num_cpus=1, include_dashboard=False))
    made.add_node(num_cpus=1)
    return made

@pytest.fixture(scope='module')
def machines():
    "Two nodes of one core each; this process belongs to the first."
    try: made = retry(two_nodes, tries=2)
    except Exception as e:
        if 'timed out during startup' not in str(e): raise
        pytest.skip('this machine is too busy for Ray, which gives its helpers 15 seconds to start')
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__]) # other processes do not find this file
    assert connect(made.address)[1], 'the connection was made here'
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.fixture
def album(tmp_path, monkeypatch):
    "Twelve photos in two folders, and a letter."
    monkeypatch.chdir(tmp_path)
    photos = [*bundled_photos().values()]
    for i in range(12):
        to = Path(f'album/{i%2}/{i:02}.jpg')
        to.parent.mkdir(parents=True, exist_ok=True)
        open_photo(photos[i%len(photos)]).resize((60, 40+i)).convert('L').save(to)
    Path('album/1/letter.jpg').write_text('Dear cup')
    with torch_threads(1): yield tmp_path

def files(out): return {str(p.relative_to(out)): p.read_bytes() for p in Path(out).rglob('*.jpg')}
def rows(path): return {r['photo']: {**r, 'seconds': None} for r in csv.DictReader(open(path))}


def test_files_and_rows_are_those_of_the_plain_loop(machines, album, capfd):
    shutil.copy(shipped_models()['shipped'], 'mine.safetensors') # a file that other machines do not have
    color_archive(['album'], 'plain', workers=0, size=64, model='mine.safetensors')
    command = ['album', '-o', 'out', '--ray', machines.address, '--size', '64', '--model', 'mine.safetensors']
    capfd.readouterr()
    assert main(command)==1
    said = capfd.readouterr()
    assert said.out=='12 coloured, 1 not; each of them in out/report.csv\n'
    assert len(said.err.splitlines())==1
    assert 'letter.jpg: not a picture' in said.err
    assert len(files('plain'))==12 and files('out')==files('plain')
    want = {p: {**r, 'result': r['result'].replace('plain', 'out')} for p,r in rows('plain/report.csv').items()}
    assert rows('out/report.csv')==want
    assert not [*Path().rglob('.seen-*'), *Path('out').rglob('.*.part')]
    Path('out/0/04-color.jpg').unlink()
    Path('album/1/letter.jpg').unlink()
    assert main(command)==0 and '1 coloured, 0 not, 11 were there' in capfd.readouterr().out and files('out')==files('plain')


RUN = [sys.executable, '-W', 'ignore', '-c', 'import sys; from colorize_nb.app.cli import main; sys.exit(main())']

def test_a_bucket_by_way_of_a_cluster(album, bucket):
    "Workers find the keys where their machine has them; here in the environment that the cluster was started in."
    fs = bucket('photos', 'colour')
    for p in Path('album/0').iterdir(): fs.pipe_file(f'photos/0/{p.name}', p.read_bytes())
    command = [*RUN, 's3://photos', '-o', 's3://colour/out', '--ray', 'local', '--workers', '1', '--size', '64', '--report', 'far.csv']
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if 'timed out during startup' in done.stderr: pytest.skip('this machine is too busy for Ray')
    assert done.returncode==0, done.stderr
    color_archive(['album/0'], 'plain', workers=0, size=64)
    assert files('plain') and {f.removeprefix('colour/out/0/'): fs.cat_file(f) for f in fs.find('colour')}==files('plain')
    assert {r['outcome'] for r in rows('far.csv').values()}=={'colored'}


class Known(ClusterWorker):
    "A worker that leaves its number in a folder."
    def begin(self, *told):
        super().begin(*told)
        Path('pids').mkdir(exist_ok=True)
        Path(f'pids/{os.getpid()}').touch()

class KnownCrew(RayCrew): worker = Known

def test_a_worker_that_is_killed_loses_nothing(machines, album):
    color_archive(['album'], 'plain', workers=0, size=64)
    todo, seen = [(p, to) for p,kind,to in Jobs(['album'], 'out') if kind=='job'], []
    with KnownCrew('auto', 2, size=64) as crew:
        for some in crew.run(todo[i:i+2] for i in range(0, len(todo), 2)):
            if not seen: os.kill(int(os.listdir('pids')[0]), signal.SIGKILL)
            seen += some
        assert len(os.listdir('pids'))>=2 and crew.crew
    assert sorted(r['photo'] for r in seen)==sorted(p for p,_ in todo)
    assert [r['photo'] for r in seen if r['outcome']=='failed']==['album/1/letter.jpg']
    assert files('out')==files('plain') and not [*Path('out').rglob('.*.part')]


class Light(ClusterWorker):
    "A worker without a model, which some photos kill; it says on which machine it works."
    def begin(self, *_): pass
    def color(self, jobs, again):
        for photo,_ in jobs:
            if 'bomb' in photo: os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(.1)
        return [dict(photo=photo, result=to, outcome='colored', why=ray.get_runtime_context().get_node_id()) for photo,to in jobs]

class LightCrew(RayCrew): worker = Light

def parcels(names, n=4): return chunked(((name, f'{name}.done') for name in names), n)

def test_a_photo_that_kills_its_workers_is_named_and_the_others_done(machines, capfd):
    names = [f'{i:02}{"bomb" if i in (17,) else ""}' for i in range(30)]
    with LightCrew('auto', 2) as crew: seen = [r for some in crew.run(parcels(names)) for r in some]
    assert sorted(r['photo'] for r in seen)==names
    failed = {r['photo']: r['why'] for r in seen if r['outcome']=='failed'}
    assert failed=={'17bomb': f'17bomb: {KILLED}'} and capfd.readouterr()==('', '')

def test_a_machine_that_is_not_fit_says_why(machines, tmp_path):
    with RayCrew('auto', 1, places=[tmp_path/'out/album']) as crew:
        (folder, mark), = crew.marks
        os.remove(mark)
        crew.failed = 2 # one more may try
        with pytest.raises(ValueError, match=f'no worker can start: .* does not see {folder}; share that folder'):
            [*crew.run(parcels(['a']))]
        assert folder==str(tmp_path) and crew.failed==4
    with RayCrew('auto', 1, places=[tmp_path]) as crew:
        assert [*crew.run(iter(()))]==[] and not crew.starting, 'nothing to do starts nobody'
    assert not os.listdir(tmp_path)
    with pytest.raises(ValueError, match=f'has colorize_nb {colorize_nb.__version__}, this machine 0.0.0'):
        ClusterWorker('.').begin('shipped', None, 'cpu', {}, [], '0.0.0')

def test_a_machine_that_is_switched_off_loses_nothing_and_accuses_nobody(machines):
    names, seen = [], []
    def photos(after=30, most=900):
        "Names until one machine is left, however late the second one came, then `after` more."
        while after and len(names)<most:
            after -= len(machines.list_all_nodes())==1
            names.append(f'{len(names):03}')
            yield names[-1]
    with LightCrew('auto', 2) as crew:
        for some in crew.run(parcels(photos(), 3)):
            seen += some
            if len({r['why'] for r in seen})==2 and len(machines.list_all_nodes())==2:
                machines.remove_node(machines.list_all_nodes()[1], allow_graceful=False)
    assert len(machines.list_all_nodes())==1, 'both machines were at work, and then one was gone'
    assert sorted(r['photo'] for r in seen)==names and all(r['outcome']=='colored' for r in seen)


@pytest.mark.parametrize('address,says', [
    ('ray://host:10001', 'give local, auto, or HOST:PORT'),
    ('127.0.0.1:1', 'no cluster answers there'),
    ('nowhere', 'give local')])
def test_a_wrong_address_is_one_line(album, monkeypatch, capsys, address, says):
    monkeypatch.setattr(ray, 'is_initialized', lambda: False)
    start = time.monotonic()
    assert main(['album', '-o', 'out', '--ray', address])==1
    said = capsys.readouterr()
    assert said.out=='' and len(said.err.splitlines())==1 and address in said.err and says in said.err
    assert time.monotonic()-start<20 and not Path('out').exists()

def test_a_port_of_another_program_is_one_line(monkeypatch):
    monkeypatch.setattr(ray, 'is_initialized', lambda: False)
    with socket.create_server(('127.0.0.1', 0)) as s:
        s.settimeout(20)
        def answer():
            with s.accept()[0] as c: c.sendall(b'HTTP/1.1 400 Bad Request\r\n\r\n')
        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(ValueError, match='another program'): connect(f'127.0.0.1:{s.getsockname()[1]}')

def test_without_ray_everything_else_works():
    code = ("import sys; import colorize_nb.app.cluster, colorize_nb.app.archive; assert 'ray' not in sys.modules\n"
            "sys.modules['ray'] = None\n"
            "from colorize_nb.app.cli import main\nsys.exit(main(['photo.jpg', '--ray', 'local']))")
    r = subprocess.run([sys.executable, '-W', 'ignore', '-c', code], capture_output=True, text=True)
    assert (r.returncode, r.stdout, r.stderr)==(1, '', "colorize-nb: --ray needs Ray: pip install 'colorize_nb[ray]'\n")

def test_a_share_of_the_gpus():
    for gpus in (1, 2, 3, 8):
        for n in (1, 2, 3, 5, 16, 64):
            got, share, device = shares(dict(CPU=64, GPU=gpus), n)
            assert got==n and device=='cuda' and gpus*int(1/share)>=n and (n>gpus or share==1)
    assert shares(dict(CPU=64, GPU=2))==(16, .125, 'cuda')
    assert shares(dict(CPU=64, GPU=2), device='cpu')==(64, 0, 'cpu')
    assert shares(dict(CPU=4))==(4, 0, 'cpu')
    with pytest.raises(ValueError, match='no GPU'): shares(dict(CPU=4), device='cuda')


@pytest.mark.slow
def test_a_cluster_of_this_machine_comes_and_goes(album):
    "As a command: only its own lines, and no process is left, however it ends."
    command = [sys.executable, '-W', 'ignore', '-c', 'import sys; from colorize_nb.app.cli import main; sys.exit(main())',
               'album', '-o', 'out', '--ray', 'local', '--workers', '1', '--size', '64']
    p, end = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True), time.time()+150
    while time.time()<end and not files('out'): time.sleep(.05)
    begun = below(p.pid)
    p.send_signal(signal.SIGTERM)
    out, err = p.communicate(timeout=40)
    assert p.returncode==143 and out=='' and all('letter.jpg: not a picture' in line for line in err.splitlines()) and files('out'), err
    while time.time()<end+20 and any(map(alive, begun)): time.sleep(.1)
    assert len(begun)>3 and not [b for b in begun if alive(b)], 'a process of Ray outlived the command'

def stat(pid):
    try: return Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()
    except (FileNotFoundError, ProcessLookupError): return ['X', '0']

def alive(pid): return stat(pid)[0] not in 'XZ'

def below(pid):
    "The processes that `pid` started, and those that they started."
    parents = {int(d.name): int(stat(d.name)[1]) for d in Path('/proc').glob('[0-9]*')}
    found = [pid]
    for p in found: found += [child for child,parent in parents.items() if parent==p]
    return found[1:]
