"Training in two CPU processes gives the same results as in one, writes one file, and resumes with a different number of processes."
import json, os, subprocess, sys

import pytest, torch
pytest.importorskip('accelerate')
from safetensors.torch import load_file

from colorize_nb.data.folder import ColorizeDataLoaders, crop_photos
from colorize_nb.train.callbacks import TrainingError
from colorize_nb.train.gan import gan_learner
from colorize_nb.train.learner import colorize_learner
from colorize_nb.train.distributed import distributed

PROGRAM = '''
import json, os, sys
from fastai.callback.core import Callback
from fastai.torch_core import num_distrib, rank_distrib, set_seed
from colorize_nb.data.folder import ColorizeDataLoaders
from colorize_nb.train.learner import colorize_learner
from colorize_nb.train.distributed import distributed
from colorize_nb.train.resume import Checkpoint

augment, stop, kw = json.loads(sys.argv[1])
class Stop(Callback):
    order = 80 # after the checkpoint
    def after_epoch(self):
        if self.epoch+1==stop: os._exit(9)
seen = []
class See(Callback):
    def before_batch(self):
        if self.training: seen.append([round(v, 4) for v in self.yb[0].abs().mean((1,2,3)).tolist()])
set_seed(0)
dls = ColorizeDataLoaders.from_folder('photos', size=32, bs=16//max(1, num_distrib()), augment=augment, device='cpu')
learn = colorize_learner(dls, 'unet_compact', loss='l2', model_kwargs=dict(widths=[8,16,24], depths=[0,0,0], **kw))
cbs = [See()] + ([Checkpoint('run.pt'), Stop()] if stop else [])
with distributed(learn), learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(4, 4e-3, cbs=cbs)
found = dict(rows=[list(v) for v in learn.recorder.values], seen=seen, photos=learn.training_record.facts['photos'], rank=rank_distrib())
open(f'found{rank_distrib()}.json', 'w').write(json.dumps(found))
'''
ENV = {k: v for k,v in os.environ.items() if k not in ('WORLD_SIZE','RANK','LOCAL_RANK')}
ENV |= {'OMP_NUM_THREADS': '1', 'PYTHONWARNINGS': 'ignore'}
MANY = ['-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', '2']

@pytest.fixture(scope='module')
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp('processes')
    crop_photos(home/'photos', 20, 48)
    (home/'program.py').write_text(PROGRAM)
    return home

def run(home, *command):
    return subprocess.run([sys.executable, *command], cwd=home, env=ENV, capture_output=True, text=True, timeout=200)

def fit(home, processes, augment=False, stop=0, **kw):
    "Run the program and return the results of each process."
    for f in home.glob('found*.json'): f.unlink()
    r = run(home, *(MANY if processes==2 else []), 'program.py', json.dumps([augment, stop, kw]))
    found = [json.loads(f.read_text()) for f in sorted(home.glob('found*.json'))]
    assert bool(found)==(r.returncode==0), r.stderr[-3000:]
    return found

def close(a, b, rel): return all(x==pytest.approx(y, rel=rel) for p,q in zip(a, b, strict=True) for x,y in zip(p, q, strict=True))


@pytest.fixture(scope='module')
def alone(home): return fit(home, 1, norm=False)[0]

@pytest.mark.slow
def test_two_processes_give_the_results_of_one(home, alone):
    a, b = fit(home, 2, norm=False)
    assert close(a['rows'], alone['rows'], 1e-4) and close(b['rows'], alone['rows'], 1e-4), (a['rows'], alone['rows'])
    assert a['photos']==alone['photos']==64
    for x,y,both in zip(a['seen'], b['seen'], alone['seen'], strict=True):
        assert len(x)==len(y)==8 and sorted(x+y)==sorted(both), 'each photo is used by exactly one process'

@pytest.mark.slow
def test_batchnorm_statistics_are_per_process(home):
    "On CPUs, statistics are computed per process, so results are close but not the same."
    a, _ = fit(home, 2)
    one, = fit(home, 1)
    assert close(a['rows'], one['rows'], .25) and not close(a['rows'], one['rows'], 1e-4)

@pytest.mark.slow
def test_processes_augment_differently(home):
    "A flip keeps the mean chroma, so the comparison relies on rotations and zooms."
    a, b = fit(home, 2, augment=True, norm=False)
    one = fit(home, 1, augment=True, norm=False)[0]
    assert a['seen']!=one['seen'] and len({json.dumps(s) for s in (*a['seen'], *b['seen'])})==8
    assert a['rows']==b['rows'], 'both processes report the same metrics'

@pytest.mark.slow
@pytest.mark.parametrize('first,then', [(2,1), (1,2)])
def test_resume_with_another_number_of_processes(home, alone, first, then):
    (home/'run.pt').unlink(missing_ok=True)
    assert fit(home, first, stop=2, norm=False)==[] and (home/'run.pt').exists()
    kept = torch.load(home/'run.pt', weights_only=True)
    assert kept['epoch']==1 and not any(k.startswith('module.') for k in kept['model'])
    found = fit(home, then, stop=99, norm=False)
    assert all(close(f['rows'], alone['rows'], 1e-3) for f in found), (found[0]['rows'], alone['rows'])
    assert len(found[0]['seen'])==2, 'only two epochs were left'

@pytest.mark.slow
def test_the_command_line_writes_one_model(home):
    command = ['--no_python', os.path.join(os.path.dirname(sys.executable), 'colorize-nb'), 'train', 'photos', '--size', '32', '--bs', '8',
           '--epochs', '1', '--device', 'cpu', '-o', 'mine.safetensors']
    r = run(home, *MANY, *command)
    assert r.returncode==0, r.stderr[-3000:]
    assert r.stdout.count('epoch 1:')==1 and r.stdout.count('saved mine.safetensors')==1
    assert all(v.isfinite().all() for v in load_file(home/'mine.safetensors').values()) and not (home/'mine-2.safetensors').exists()


@pytest.fixture
def learn(home):
    dls = ColorizeDataLoaders.from_folder(home/'photos', size=32, bs=8, augment=False, device='cpu')
    return colorize_learner(dls, 'unet_compact', model_kwargs=dict(widths=[8,16,24], depths=[0,0,0]))

def test_a_single_process_is_unchanged(learn):
    before = [type(cb) for cb in learn.cbs]
    with distributed(learn) as l: assert l is learn and [type(cb) for cb in learn.cbs]==before

def test_skipped_photos_are_mentioned(tmp_path, monkeypatch, capsys):
    from colorize_nb.train.distributed import _SharedDL
    crop_photos(tmp_path, 6, 48)
    files = sorted(tmp_path.iterdir())
    files[0].write_text('not a photo')
    dls = ColorizeDataLoaders.from_files(files, valid_files=files[1:3], size=32, bs=2, augment=False, device='cpu')
    monkeypatch.setattr(_SharedDL, '_broadcast', lambda self, t, rank: t)
    assert len(list(_SharedDL(dls.train, rank=0, world_size=1)))==3
    assert f'skipped {files[0]}: not a picture' in capsys.readouterr().out

def test_readable_errors(learn, monkeypatch):
    from colorize_nb.data.stream import GeneratedBatches, stream_loaders
    stream = stream_loaders(*[GeneratedBatches(lambda i: torch.rand(4, 3, 32, 32), 2)]*2, size=32, device='cpu')
    learn = colorize_learner(stream, 'unet_compact', model_kwargs=dict(widths=[8,16,24], depths=[0,0,0]))
    monkeypatch.setenv('WORLD_SIZE', '2')
    with pytest.raises(TrainingError, match='StreamDL cannot be shared'):
        with distributed(learn): pass
    with pytest.raises(TrainingError, match='a single process'): gan_learner(learn)
    monkeypatch.setitem(sys.modules, 'accelerate', None)
    with pytest.raises(TrainingError, match='pip install accelerate'):
        with distributed(learn): pass
