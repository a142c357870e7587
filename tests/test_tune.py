"The training panel without a browser: settings, impossible combinations, how runs end, and a kernel that stays responsive."
import time
from pathlib import Path
import numpy as np, pytest

from colorize_nb.data.folder import ColorizeDataLoaders, crop_photos
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.core.photo import bundled_photos
from colorize_nb.color.classes import ChannelBins, JointBins
from colorize_nb.color.codecs import LabAB
from colorize_nb.train.learner import colorize_learner
from colorize_nb.widgets.compare import compare
from colorize_nb.widgets.tune import tune
from colorize_nb.widgets.tune import impossible, loss_menu

SMALL = {'unet_compact': dict(widths=[8,16,24], depths=[0,0,0]), 'stanford_conv3': {}}

@pytest.fixture(scope='module')
def dls(tmp_path_factory):
    return ColorizeDataLoaders.from_folder(crop_photos(tmp_path_factory.mktemp('tune')/'p', n=20, size=48), size=32, bs=4, device='cpu')

@pytest.fixture
def panel(dls): return tune(dls, SMALL, previews=2)

def wait_until(condition, seconds=60):
    end = time.monotonic()+seconds
    while not condition():
        assert time.monotonic()<end, 'timed out'
        time.sleep(.02)


def test_a_run_adds_a_row_and_a_model(panel):
    panel.set(epochs=2, lr=3e-3)
    panel.start.click()
    panel.wait(120)
    [row] = panel.runs
    assert row['steps']==8 and len(panel.watch.losses)==8 and row['ended']=='whole' and row['lr']==pytest.approx(3e-3) and panel.error.value==''
    assert panel.progress.value==panel.progress.max==8 and not panel.start.disabled and panel.stop.disabled and panel.busy.value==''
    assert 'validation loss' in panel.says.value and isinstance(panel.models['run 1'], Colorizer)
    w = compare(bundled_photos()['coffee'], panel.models, side=100)
    assert 'run 1' in w.models and w.error.value==''

def test_stopping_keeps_the_model(panel):
    panel.set(epochs=50)
    panel.train()
    wait_until(lambda: len(panel.watch.losses)>=3)
    assert panel.running and panel.start.disabled and not panel.stop.disabled and 'training' in panel.busy.value
    panel.set(seed=4) # the kernel stays responsive, and the run keeps its settings
    assert panel.running, 'the change did not wait for the end of the run'
    panel.train() # a second start does nothing
    panel.stop.click()
    panel.wait(60)
    [row] = panel.runs
    assert row['ended']=='stopped' and 3<=row['steps']<200 and row['seed']==0 and 'run 1' in panel.models

def test_the_picture_is_updated_during_training(panel):
    panel.set(epochs=50)
    before = panel.picture.value
    panel.train()
    wait_until(lambda: panel.picture.value!=before and len(panel.watch.losses)>2)
    current = panel.picture.value
    wait_until(lambda: panel.picture.value!=current)
    panel.halt()
    panel.wait(60)

def test_the_same_seed_gives_the_same_run(panel):
    for seed in (3, 3, 4):
        panel.set(seed=seed, epochs=1)
        panel.train().wait(60)
    a, b, c = [r['valid_loss'] for r in panel.runs]
    assert a==b!=c

@pytest.mark.parametrize('codec', ['LabAB','LabAB tanh','RGB','YCbCr','channel bins','joint bins'])
def test_each_codec_trains_with_the_available_losses(panel, codec):
    panel.set(codec=codec, bins=8, epochs=1)
    loss = panel.controls['loss']
    assert loss.value not in loss.reasons and set(loss.reasons)==set(impossible(panel.settings())['loss'])
    panel.train().wait(60)
    assert len(panel.runs)==1 and panel.error.value==''

def test_rebalanced_classes_take_their_prior_from_the_photos(panel):
    panel.set(codec='joint bins', bins=8, loss='rebalanced_ce', epochs=1)
    panel.train().wait(60)
    assert panel.runs[0]['loss']=='rebalanced_ce' and panel.error.value==''

def test_impossible_options_are_disabled_with_a_reason(panel):
    b = panel.controls['loss'].buttons
    assert b['ce'].disabled and not b['l2'].disabled and 'needs classes' in panel.controls['loss'].why.value
    panel.set(codec='channel bins')
    assert b['l2'].disabled and b['soft_ce'].disabled and not b['ce'].disabled and panel.state()['loss']=='ce'
    assert not panel.controls['bins'].disabled and panel.set(codec='RGB').controls['bins'].disabled
    panel.set(model='stanford_conv3')
    assert panel.controls['dropout'].disabled and panel.controls['batchnorm'].disabled
    assert set(loss_menu())>=set(impossible(panel.settings())['loss'])

def test_settings_reach_the_network(panel):
    import torch
    net = panel.learner({**panel.settings(), 'dropout': .4, 'batchnorm': False, 'decay': .1}).model
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in net.modules()) and net.drop.p==.4
    assert panel.set(dropout=.4, batchnorm=False).code().count("'drop': 0.4, 'norm': False")==1

def test_the_code_repeats_the_run(panel):
    panel.take('rare colors count more').set(bins=8, epochs=1, seed=3).train().wait()
    ns = {}
    exec(panel.script().replace('learn.fit', 'with learn.no_bar(), learn.no_logging(): learn.fit'), ns)
    assert ns['learn'].recorder.values[-1][1]==pytest.approx(panel.watch.valid[-1][1]), 'the same seed and prior'

def test_the_table_sorts_and_hides_constant_columns(panel):
    for lr in (1e-5, 1e-2): panel.set(lr=lr, epochs=1).train().wait(60)
    panel.set(sort='lr')
    runs = lambda: panel.table().rows[:2] # the last two rows are the baselines
    assert [r['run'] for r in runs()]==[1,2]
    panel.set(sort='valid_loss')
    v = [r['validation loss'] for r in runs()]
    assert v==sorted(v) and 'codec' not in runs()[0] and 'codec LabAB' in panel.table().note

def test_an_error_is_shown_and_the_next_run_works(panel, monkeypatch):
    import colorize_nb.widgets.tune as T
    real = T.colorize_learner
    def broken(*a, **k): raise ValueError('the disk is on fire')
    monkeypatch.setattr(T, 'colorize_learner', broken)
    panel.train().wait(60)
    assert 'on fire' in panel.error.value and panel.runs==[] and not panel.start.disabled
    monkeypatch.setattr(T, 'colorize_learner', real)
    panel.set(epochs=1).train().wait(60)
    assert panel.error.value=='' and len(panel.runs)==1

def test_baselines_are_below_the_runs(panel):
    from colorize_nb.color.metrics import ciede, gray_baseline
    import torch
    panel.set(epochs=1).train().wait(60)
    gray, mean = panel.table().rows[-2:]
    assert (gray['run'], mean['run'])==('gray', 'mean color') and 'mean color' in panel.says.value
    dls = panel.learner(panel.settings()).dls
    photos = torch.cat([dls.codec.decode(*(t.as_subclass(torch.Tensor) for t in b)) for b in dls.valid])
    assert gray['CIEDE2000']==pytest.approx(ciede(gray_baseline(photos), photos).mean().item(), abs=2e-3)
    panel.set(seed=1).train().wait(60)
    assert len(panel.history.baselines)==2, 'the baselines are computed once per size'

def test_settings_are_locked_during_training(panel):
    panel.set(epochs=50).train()
    wait_until(lambda: len(panel.watch.losses)>=2)
    c = panel.controls
    assert all(c[k].disabled for k in c if k!='sort') and c['loss'].buttons['l1'].disabled and not c['sort'].disabled
    panel.halt()
    panel.wait(60)
    assert not c['lr'].disabled and not c['loss'].buttons['l1'].disabled and c['loss'].buttons['ce'].disabled and c['bins'].disabled

def test_earlier_runs_are_in_the_chart(panel):
    def earlier(): return panel.history.earlier(panel.state(), panel.watch.losses)
    for seed in (1, 2): panel.set(seed=seed, epochs=1).train().wait(60)
    assert list(earlier())==['run 1'] and earlier()['run 1']==panel.history.losses['run 1']!=panel.watch.losses
    panel.set(loss='l1')
    assert earlier()=={}, 'losses with other units are not in the chart'
    assert panel.watch.valid and panel.watch.valid[-1][0]==len(panel.watch.losses)

def test_clamped_values_are_reported(panel, dls):
    assert 'epochs: 500' in panel.set(epochs=500).clamped.value and panel.state()['epochs']==50
    assert panel.set(epochs=2).clamped.value==''
    odd = ColorizeDataLoaders.from_files(list(dls.train_ds.items), valid_files=list(dls.valid_ds.items), size=72, bs=5, device='cpu')
    message = tune(odd, SMALL).clamped.value
    assert 'size: the loaders use 72; the closest option here is 64' in message and 'batch: the loaders use 5; the closest option here is 4' in message

def test_registered_losses_and_models_are_on_the_panel(dls):
    from colorize_nb.train.losses import _losses, register_loss
    tune(dls, SMALL)
    @register_loss
    def custom(pred, y): return (pred-y).abs()
    try:
        loss = tune(dls, SMALL).controls['loss']
        assert 'custom' in loss.buttons and 'custom' not in loss.reasons
    finally: _losses.remove('custom')
    names = tune(dls).controls['model'].options
    assert 'indiana_unet' in names and not any('*' in n for n in names)

def test_a_run_is_saved_and_nothing_is_overwritten(panel, tmp_path):
    assert panel.saver.keep.disabled and panel.saver.download.disabled
    with pytest.raises(ValueError, match='no run 0'): panel.save(tmp_path/'a.safetensors')
    for seed in (1, 2): panel.set(seed=seed, epochs=1).train().wait(60)
    assert not panel.saver.keep.disabled and panel.saver.which.value=='run 2'
    panel.saver.named.value = str(tmp_path/'mine.safetensors')
    panel.saver.keep.click()
    assert 'saved: ' in panel.clamped.value and panel.error.value==''
    photo = bundled_photos()['coffee']
    a, b = (m(photo, size=64).image for m in (Colorizer.load(tmp_path/'mine.safetensors'), panel.models['run 2']))
    assert np.abs(np.asarray(a).astype(int)-np.asarray(b)).max() <= 3, 'the file stores 16-bit weights'
    before = (tmp_path/'mine.safetensors').read_bytes()
    panel.saver.keep.click()
    assert 'exists; choose another name' in panel.error.value and (tmp_path/'mine.safetensors').read_bytes()==before
    name, content = panel.saver.file()
    assert name=='mine.safetensors' and content==before
    panel.saver.which.value = 'run 1'
    assert panel.saver.file()[1]!=content

def test_presets_and_reset(panel):
    first = panel.settings()
    panel.set(lr=1e-4, epochs=9)
    panel.preset.value = 'classes'
    assert panel.state()['loss']=='soft_ce' and panel.state()['lr']==first['lr'], 'a preset resets all other settings'
    panel.back.click()
    assert panel.settings()==first and panel.preset.value==''
    panel.set(epochs=50).train()
    wait_until(lambda: panel.watch.losses)
    assert panel.preset.disabled and panel.back.disabled
    panel.halt()
    panel.wait(60)
    assert not panel.preset.disabled

def test_previews_show_different_photos(panel):
    from colorize_nb.widgets.tune import different
    def photo(f): return Path(f).stem.rpartition('_')[0]
    names = [photo(f) for f in different(panel.valid_files, 3)]
    assert len(set(names))==min(3, len({photo(f) for f in panel.valid_files})) > 1
    assert different(['IMG_1','IMG_2'], 3)==['IMG_1','IMG_2']

def test_the_code_names_the_photos(tmp_path):
    folder = crop_photos(tmp_path/'album', n=12, size=48)
    kw = dict(size=32, bs=4, device='cpu')
    panel = tune(ColorizeDataLoaders.from_folder(folder, seed=7, valid_pct=.3, **kw), SMALL)
    assert f"from_folder({str(folder)!r}, valid_pct=0.3, seed=7, " in panel.code()
    files = sorted(folder.iterdir())
    dls = ColorizeDataLoaders.from_files(files[:8], valid_files=files[8:], **kw)
    ns = {'dls': dls}
    exec('from colorize_nb.all import *', ns)
    exec(tune(dls, SMALL).code().rsplit('\n', 1)[0], ns) # without the last line, which trains
    assert [*map(Path, ns['dls'].valid_ds.items)]==files[8:] and ns['dls'] is not dls


def test_the_panel_starts_with_the_settings_of_loaders_or_learner(dls):
    binned = ColorizeDataLoaders.from_files(list(dls.train_ds.items), valid_files=list(dls.valid_ds.items), codec=JointBins(), size=32, bs=4, device='cpu')
    panel = tune(binned)
    s = panel.state()
    assert (s['codec'], s['bins'], s['loss'])==('joint bins', 20, 'soft_ce') and panel.first==panel.settings()
    learn = colorize_learner(binned, 'unet_lite', loss='ce')
    s = tune(learn).state()
    assert (s['codec'], s['loss'], s['model'])==('joint bins', 'ce', 'unet_lite')
    assert tune(dls).state()['loss']=='smooth_l1'

def test_codecs_are_recognized_or_reported(dls):
    from colorize_nb.widgets.tune import own_codec
    bins = JointBins(20)
    assert own_codec(bins)==own_codec(bins.with_prior([1/bins.n]*bins.n))==dict(codec='joint bins', bins=10), '10 bins of 20 units'
    assert own_codec(JointBins(20, k=1))==own_codec(ChannelBins(70))=={}
    kw = dict(valid_files=list(dls.valid_ds.items), size=32, bs=4, device='cpu')
    odd = ColorizeDataLoaders.from_files(list(dls.train_ds.items), codec=LabAB(110.), **kw)
    def mine(raw, y): return (raw-y).abs().mean()
    panel = tune(colorize_learner(odd, 'unet_lite', loss=mine))
    assert 'loss: mine isn' in panel.clamped.value and 'so smooth_l1 is used' in panel.clamped.value
    panel = tune(colorize_learner(odd, 'unet_lite', loss='l1'))
    s = panel.state()
    assert (s['codec'], s['loss'], s['model'])==('LabAB', 'l1', 'unet_lite')
    assert 'codec: LabAB(ab_scale=110.0' in panel.clamped.value and 'so LabAB is used' in panel.clamped.value

def test_a_learner_with_a_module_of_your_own(dls):
    from torch import nn
    panel = tune(colorize_learner(dls, nn.Conv2d(1, 2, 3, padding=1), loss='l1'))
    assert (panel.state()['loss'], panel.state()['model'])==('l1', 'unet_compact')
    assert "model: Conv2d isn" in panel.clamped.value

def test_empty_parts_are_hidden_before_training(dls):
    panel = tune(dls, SMALL)
    assert panel.saver.row.layout.display=='none' and 'Press Train' in panel.says.value
    before = panel.image.width
    panel.set(epochs=1).train().wait()
    assert panel.saver.row.layout.display is None and panel.image.width>before+300 # it now includes a chart
    assert 'different scales' not in panel.table().note
    panel.set(loss='l1').train().wait()
    assert 'different scales' in panel.table().note
