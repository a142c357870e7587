"A killed run resumes with the same schedule, table, and weights as a run that was never interrupted."
import gc, multiprocessing, signal, subprocess, sys
import pytest, torch

from conftest import torch_threads
from colorize_nb.data.folder import ColorizeDataLoaders, crop_photos
from colorize_nb.train.learner import colorize_learner
from colorize_nb.train.resume import Checkpoint, _lock
from fastai.callback.core import Callback
from fastai.callback.tracker import EarlyStoppingCallback, SaveModelCallback
from fastai.torch_core import set_seed

small = dict(widths=[8,16,24], depths=[0,0,1])

@pytest.fixture(autouse=True, scope='module')
def one_thread():
    with torch_threads(1): yield

@pytest.fixture(scope='module')
def folder(tmp_path_factory): return crop_photos(tmp_path_factory.mktemp('resume')/'photos', n=24, size=48)

def make(folder, seed=1, **kw):
    set_seed(seed)
    dls = ColorizeDataLoaders.from_folder(folder, size=32, bs=4, device='cpu', path=folder.parent, num_workers=0)
    learn = colorize_learner(dls, **{**dict(model_kwargs=small, metrics=[]), **kw})
    learn.remove_cb(learn.progress)
    learn.logger = lambda *a: None
    return learn

def weights(learn): return torch.cat([p.detach().flatten() for p in learn.model.state_dict().values()])

class Cut(Callback):
    "Interrupt epoch `at` of fit `fit`."
    def __init__(self, at, fit=0): self._at,self._fit,self._n = at,fit,-1
    def before_fit(self): self._n += 1
    def before_batch(self):
        if self.training and self.epoch==self._at and self._n==self._fit and self.iter==1: raise KeyboardInterrupt

script = '''
import os, signal, sys, torch
from pathlib import Path
torch.set_num_threads(1)
from fastai.callback.core import Callback
from fastai.torch_core import set_seed
from colorize_nb.data.folder import ColorizeDataLoaders
from colorize_nb.train.learner import colorize_learner
from colorize_nb.train.resume import Checkpoint
folder, file = Path(sys.argv[1]), sys.argv[2]
class Kill(Callback):
    def before_batch(self):
        if self.training and self.epoch==2 and self.iter==1: os.kill(os.getpid(), signal.SIGKILL)
set_seed(5)
dls = ColorizeDataLoaders.from_folder(folder, size=32, bs=4, device='cpu', path=folder.parent, num_workers=0)
learn = colorize_learner(dls, model_kwargs=dict(widths=[8,16,24], depths=[0,0,1]), metrics=[])
with learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(5, 5e-3, cbs=[Checkpoint(file), Kill()])
'''

def test_a_resumed_run_equals_an_uninterrupted_one(folder, tmp_path, capsys):
    killed = subprocess.run([sys.executable, '-W', 'ignore', '-c', script, str(folder), str(tmp_path/'killed')], capture_output=True, text=True)
    assert killed.returncode==-signal.SIGKILL, killed.stderr[-2000:]
    assert torch.load(tmp_path/'killed.pt', weights_only=True)['epoch']==1
    b,a = make(folder, seed=6),make(folder, seed=5)
    a.fit_one_cycle(5, 5e-3, cbs=Checkpoint(tmp_path/'whole'))
    b.fit_one_cycle(5, 5e-3, cbs=Checkpoint(tmp_path/'killed'))
    assert 'resuming after 2 of 5 epochs' in capsys.readouterr().out
    a_rec,b_rec = a.recorder,b.recorder
    assert len(b_rec.values)==5 and len(b_rec.lrs)==len(a_rec.lrs)==a.train_iter==b.train_iter
    assert b_rec.lrs==pytest.approx(a_rec.lrs) and b_rec.hps['mom']==pytest.approx(a_rec.hps['mom'])
    for x,y in zip(a_rec.values, b_rec.values): assert list(y)==pytest.approx(list(x), rel=1e-4)
    assert [float(v) for v in b_rec.losses]==pytest.approx([float(v) for v in a_rec.losses], rel=1e-4)
    assert torch.allclose(weights(a).double(), weights(b).double(), rtol=1e-5, atol=1e-6)

def test_a_complete_run_is_not_trained_again(folder, tmp_path, capsys):
    a = make(folder)
    a.fit_one_cycle(2, 5e-3, cbs=Checkpoint(tmp_path/'a'))
    b = make(folder, seed=2)
    b.fit_one_cycle(2, 5e-3, cbs=[Checkpoint(tmp_path/'a'), Cut(0)])
    assert 'complete after 2 of 2' in capsys.readouterr().out
    assert torch.equal(weights(a), weights(b)) and b.recorder.values==a.recorder.values
    assert b.training_record.facts['photos']==a.training_record.facts['photos']

@pytest.mark.parametrize('fit,at', [(0,0), (1,0), (1,1)])
def test_fine_tune_resumes_in_the_same_phase(folder, tmp_path, fit, at):
    def go(learn, *cbs, file): learn.fine_tune(2, 5e-3, freeze_epochs=2, cbs=[Checkpoint(file), *cbs])
    a,b,c = make(folder),make(folder),make(folder, seed=3 if (fit,at)!=(0,0) else 1)
    set_seed(4)
    go(a, file=tmp_path/'a')
    set_seed(4)
    with pytest.raises(KeyboardInterrupt): go(b, Cut(at, fit), file=tmp_path/'b')
    set_seed(4)
    go(c, file=tmp_path/'b')
    assert list(c.recorder.values[-1])==pytest.approx(list(a.recorder.values[-1]), rel=1e-4)
    assert len(c.recorder.lrs)==len(a.recorder.lrs)==2*len(a.dls.train)

def test_trackers_count_across_an_interruption(folder, tmp_path, capsys):
    def cbs(*more):
        stop, keep = EarlyStoppingCallback(min_delta=100., patience=4), SaveModelCallback(fname='tracked')
        return [Checkpoint(tmp_path/'a'), stop, keep, *more]
    b = make(folder)
    with pytest.raises(KeyboardInterrupt): b.fit(9, 1e-3, cbs=cbs(Cut(3)))
    best = b.path/'models'/'tracked.pth'
    was = best.read_bytes()
    c = make(folder, seed=9)
    c.fit(9, 1e-3, cbs=cbs())
    assert len(c.recorder.values)==5, 'epochs without improvement are counted over both parts'
    kept = best.read_bytes()==was or c.recorder.values[3][1]<min(v[1] for v in c.recorder.values[:3])
    assert kept, 'the best model is not overwritten by an untrained one'
    d = make(folder, seed=10)
    d.fit(9, 1e-3, cbs=cbs())
    assert torch.equal(weights(d), weights(c)) and 'complete after 5 of 9' in capsys.readouterr().out

def test_errors_leave_the_file_unchanged(folder, tmp_path):
    f = tmp_path/'a.pt'
    make(folder).fit(1, 1e-3, cbs=Checkpoint(f))
    was = f.read_bytes()
    with pytest.raises(ValueError, match='another number of epochs: 1; this one has 3'): make(folder).fit(3, 1e-3, cbs=Checkpoint(f))
    with pytest.raises(ValueError, match='another architecture'):
        make(folder, model_kwargs=dict(widths=[8,16,32], depths=[0,0,1])).fit(1, cbs=Checkpoint(f))
    with pytest.raises(ValueError, match='not to the learner'): make(folder, cbs=Checkpoint(f))
    assert f.read_bytes()==was
    f.write_bytes(was[:999])
    with pytest.raises(ValueError, match='damaged, or not a checkpoint'): make(folder).fit(1, cbs=Checkpoint(f))
    assert f.read_bytes()==was[:999] and not list(tmp_path.glob('.*'))

def test_every_is_the_number_of_epochs_between_writes(folder, tmp_path):
    seen = []
    class Watch(Callback):
        order = 80
        def after_epoch(self): seen.append(torch.load(tmp_path/'a.pt', weights_only=True)['epoch'] if (tmp_path/'a.pt').exists() else None)
    make(folder).fit(5, 1e-3, cbs=[Checkpoint(tmp_path/'a', every=2), Watch()])
    assert seen==[None,1,1,3,4]

@pytest.mark.parametrize('what,kw,lr', [
    ('loss', dict(loss='l1'), 1e-3),
    ('learning rate', {}, 1e-2),
    ('codec', dict(codec=True), 1e-3),
    ('batch size', dict(bs=8), 1e-3),
    ('architecture', dict(size=40), 1e-3),
    ('training photos', dict(photos=True), 1e-3)])
def test_the_file_of_another_run_raises_an_error(folder, tmp_path, what, kw, lr):
    from colorize_nb.color.codecs import LabAB
    f = tmp_path/'a.pt'
    make(folder).fit(1, 1e-3, cbs=Checkpoint(f))
    was = f.read_bytes()
    other = crop_photos(tmp_path/'others', n=24, size=48) if kw.get('photos') else folder
    codec = LabAB(100.) if kw.get('codec') else None
    dls = ColorizeDataLoaders.from_folder(other, size=kw.get('size', 32), bs=kw.get('bs', 4), codec=codec, device='cpu', num_workers=0)
    learn = colorize_learner(dls, loss=kw.get('loss', 'smooth_l1'), model_kwargs=small, metrics=[], path=tmp_path)
    learn.remove_cb(learn.progress)
    learn.logger = lambda *a: None
    with pytest.raises(ValueError, match=f'written with another {what}: .*Give another file') as e: learn.fit(1, lr, cbs=Checkpoint(f))
    assert '\n' not in str(e.value) and f.read_bytes()==was
    del learn, e
    gc.collect() # both learners close the file
    assert not [*tmp_path.glob('.*')]

def test_a_file_in_use_raises_an_error(folder, tmp_path):
    context = multiprocessing.get_context('fork')
    locked = context.Event()
    def hold():
        _lock(tmp_path/'a.pt')
        locked.set()
        signal.pause()
    other = context.Process(target=hold)
    other.start()
    assert locked.wait(60)
    with pytest.raises(ValueError, match='in use by another run'): make(folder).fit(1, 1e-3, cbs=Checkpoint(tmp_path/'a'))
    other.kill()
    other.join()
    make(folder).fit(1, 1e-3, cbs=Checkpoint(tmp_path/'a')) # a lock ends with its process
    assert (tmp_path/'a.pt').exists()

def test_a_failed_write_does_not_end_training(folder, tmp_path, monkeypatch, capsys):
    def full(*a, **k): raise OSError(28, 'No space left on device')
    monkeypatch.setattr(torch, 'save', full)
    learn = make(folder)
    learn.fit(2, 1e-3, cbs=Checkpoint(tmp_path/'a'))
    out = capsys.readouterr().out
    assert len(learn.recorder.values)==2
    assert out.count('No space left on device')
    assert 'training goes on' in out
    assert not (tmp_path/'a.pt').exists()
