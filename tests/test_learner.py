"Training with fastai: the loss decreases, every option works, pictures are correct, and saved models can be loaded."
import matplotlib
matplotlib.use('Agg')
import matplotlib.pyplot as plt
import numpy as np, pytest, torch
from functools import partial
from torch import nn

from conftest import torch_threads
from colorize_nb.color.codecs import LabAB
from colorize_nb.data.folder import ColorPhoto
from colorize_nb.data.folder import ColorizeDataLoaders, crop_photos
from colorize_nb.infer.colorizer import Colorizer, load_colorizers
from colorize_nb.models.layers import create_model
from colorize_nb.models.store import load_model_file, read_header, save_model
from colorize_nb.train.callbacks import Amp, DataTimer, FrozenNorm, MeanWeights, TimeBudget
from colorize_nb.train.learner import colorize_learner, split_params
from fastai.callback.channelslast import ChannelsLast
from fastai.callback.tracker import EarlyStoppingCallback, ReduceLROnPlateau, SaveModelCallback
from fastai.callback.core import Callback
from fastai.learner import Learner
from fastai.optimizer import Adam
from fastai.torch_core import set_seed

small = dict(widths=[8,16,24], depths=[0,0,1])
plain = lambda t: t.as_subclass(torch.Tensor)

@pytest.fixture(autouse=True, scope='module')
def one_thread():
    "Networks this small are faster on one thread, especially on a busy machine."
    with torch_threads(1): yield

@pytest.fixture(scope='module')
def folder(tmp_path_factory): return crop_photos(tmp_path_factory.mktemp('learner')/'photos', n=24, size=48)

def make_dls(folder, **kw):
    return ColorizeDataLoaders.from_folder(folder, **{**dict(size=32, bs=4, device='cpu', path=folder.parent), **kw})

@pytest.fixture
def dls(folder): return make_dls(folder)

def quiet(learn):
    learn.remove_cb(learn.progress)
    learn.logger = lambda *a: None
    return learn

def make(dls, **kw): return quiet(colorize_learner(dls, **{**dict(model_kwargs=small, metrics=[]), **kw}))

@pytest.mark.parametrize('codec', [LabAB(), LabAB(110., tanh=True)], ids=['identity','tanh'])
def test_overfits_one_batch(folder, codec):
    set_seed(1)
    dls = make_dls(folder, codec=codec, bs=4, augment=False)
    learn = make(dls, loss='l2')
    b = dls.train.one_batch()
    raw = lambda: learn.model(plain(b[0]))
    learn.model.train()
    before = learn.loss_func(raw(), b[1]).item()
    opt = torch.optim.Adam(learn.model.parameters(), 1e-2)
    for _ in range(60):
        loss = learn.loss_func(raw(), b[1])
        loss.backward()
        opt.step()
        opt.zero_grad()
    assert loss.item()<.3*before

def test_fit_lowers_the_loss_and_fills_the_table(dls):
    set_seed(1)
    learn = make(dls, metrics=None)
    learn.fit_one_cycle(4, 5e-3)
    v = learn.recorder.values
    assert isinstance(learn, Learner) and len(v)==4 and v[-1][0]<v[0][0]
    assert {'train_loss','valid_loss','psnr','ciede'} <= set(learn.recorder.metric_names) and all(np.isfinite(o).all() for o in v)

def test_spec_and_names(dls):
    learn = make(dls, loss='l1')
    assert learn.spec==dict(arch='unet_compact', n_in=1, n_out=2, size=32, kwargs=small) and learn.loss_name=='l1'
    assert make(dls, loss=lambda raw, y: (plain(raw).mean()-plain(y).mean())**2)

def strips(fig=None): return [np.asarray(ax.images[0].get_array()) for ax in plt.gcf().axes if ax.images]

@pytest.mark.parametrize('tanh', [False, True])
def test_show_results_draws_gray_predicted_true(folder, tanh):
    dls = make_dls(folder, codec=LabAB(128., tanh=tanh))
    learn = make(dls)
    with torch.no_grad(): # a model that predicts the same strong blue everywhere
        learn.model.head.weight.zero_()
        learn.model.head.bias.copy_(torch.tensor([0.,-.5]))
    learn.show_results(max_n=2, shuffle=False)
    a = strips()
    assert len(a)==2 and 'input | prediction | target' in plt.gcf().axes[0].get_title()
    plt.close('all')
    x,y = dls.valid.one_batch()
    true = dls.codec.decode(plain(x), plain(y))[0].permute(1,2,0).numpy()
    gray,pred,shown = a[0][:,:32],a[0][:,34:66],a[0][:,-32:]
    assert np.ptp(gray, -1).max()<.01 and np.abs(shown-true).max()<1e-3
    assert (pred[...,2]-pred[...,0]).mean()>.15
    blue = dls.codec.activate(torch.tensor([0.,-.5])[None,:,None,None].expand(1,2,16,16))
    want = dls.codec.decode(plain(x)[:1], blue)[0].permute(1,2,0).numpy()
    assert np.abs(pred-want).max()<1e-3, 'the activation is applied exactly once'

def test_predict_and_get_preds(dls):
    learn = make(dls)
    preds,targs = learn.get_preds()
    assert preds.shape[:2]==(len(dls.valid_ds),2) and targs.shape==(len(dls.valid_ds),2,32,32)
    colored,_,_ = learn.predict(str(dls.valid_ds.items[0]))
    assert isinstance(colored, ColorPhoto) and colored.shape==(3,32,32) and 0<=plain(colored).min() and plain(colored).max()<=1

def test_bf16_on_cpu_trains_in_bf16(dls):
    seen = []
    learn = make(dls, amp='bf16')
    learn.model.head.register_forward_hook(lambda m, i, o: seen.append(o.dtype))
    learn.fit(1, 1e-3)
    assert set(seen)=={torch.bfloat16} and np.isfinite(learn.recorder.values[0]).all()
    assert {p.dtype for p in learn.model.parameters()}=={torch.float32}

def test_fp16_raises_an_error_in_a_fit_on_cpu(dls):
    learn = make(dls, amp='fp16')
    assert learn._grab_cbs(Amp)[0].amp_mode.value=='fp16' and hasattr(learn, 'mixed_precision')
    with pytest.raises(ValueError, match="use amp='bf16'"): learn.fit(1)

@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
@pytest.mark.parametrize('amp', ['fp16','bf16'])
def test_half_precision_on_gpu(folder, amp):
    learn = make(make_dls(folder, device='cuda'), amp=amp, channels_last=True)
    learn.fit(2, 1e-3)
    assert np.isfinite(learn.recorder.values[-1]).all()

def test_channels_last(dls):
    learn = make(dls, channels_last=True)
    learn.fit(1, 1e-3)
    w = learn.model.downs[1][0][0].weight
    assert w.is_contiguous(memory_format=torch.channels_last) and len(learn._grab_cbs(ChannelsLast))==1 and not learn._grab_cbs(Amp)

@pytest.mark.parametrize('arch,n', [('unet_compact',2), ('unet_resnet18',3)])
def test_parameter_groups_are_complete_and_disjoint(arch, n):
    model = create_model(arch, 1, 2, 64)
    groups = split_params(model)
    ids = [id(p) for g in groups for p in g]
    assert len(groups)==n and len(ids)==len(set(ids))==len(list(model.parameters()))
    assert len(split_params(nn.Linear(2, 2)))==1

def test_fine_tune_freezes_the_encoder_then_trains_it(dls):
    learn = make(dls)
    conv = next(p for p in learn.model.downs.parameters() if p.ndim==4)
    first,seen = conv.detach().clone(),[]
    class Watch(Callback):
        def after_epoch(self): seen.append((conv.requires_grad, torch.equal(conv.detach(), first), [h['lr'] for h in self.opt.hypers]))
    learn.fine_tune(1, 1e-3, cbs=Watch())
    assert [s[:2] for s in seen]==[(False,True), (True,False)] and seen[1][2][0]<seen[1][2][-1]

def test_pretrained_starts_frozen(folder, monkeypatch):
    import colorize_nb.train.learner as cl
    options = {}
    def fake(arch, n_in, n_out, size, **kw):
        options.update(kw)
        return create_model('unet_resnet18', n_in, n_out, size)
    monkeypatch.setattr(cl, 'create_model', fake)
    learn = colorize_learner(make_dls(folder, size=64), 'unet_resnet18', pretrained=True)
    assert options=={'pretrained': True}
    assert not learn.model.layers[0][0].weight.requires_grad and learn.model.layers[-2][0].weight.requires_grad

def test_lr_find(dls):
    learn = make(dls)
    before = learn.model.head.weight.detach().clone()
    lr = learn.lr_find(num_it=30, show_plot=False).valley
    assert 1e-7<lr<10 and torch.equal(before, learn.model.head.weight)

def test_early_stopping_plateau_and_best_model(dls, capsys):
    learn = make(dls)
    stop = EarlyStoppingCallback('valid_loss', min_delta=100., patience=3)
    learn.fit(9, 1e-3, cbs=[stop, ReduceLROnPlateau('valid_loss', min_delta=100., patience=1), SaveModelCallback(fname='best')])
    assert len(learn.recorder.values)==4 and learn.opt.hypers[-1]['lr']<1e-4
    assert (dls.path/'models'/'best.pth').exists()

@pytest.mark.parametrize('tanh', [False, True])
def test_save_and_load_a_colorizer(folder, tmp_path, tanh):
    dls = make_dls(folder, codec=LabAB(110., tanh=tanh))
    learn = make(dls)
    learn.lr_find(num_it=8, show_plot=False)
    learn.fit(2, 1e-3)
    learn.validate()
    learn.get_preds() # the metadata should only count the fit
    path = learn.save_colorizer(tmp_path/'mine.safetensors', data='crops', half=1)
    model,codec,spec,meta = load_model_file(path)
    x,_ = dls.valid.one_batch()
    learn.model.eval()
    with torch.no_grad(): assert torch.allclose(model(plain(x)), learn.model(plain(x)), atol=1e-2)
    assert codec==dls.codec and spec==learn.spec
    assert {**meta, 'data':'crops', 'epochs':2, 'photos':2*4*len(dls.train), 'loss':'smooth_l1', 'n_valid':len(dls.valid_ds)}==meta
    assert meta['valid_loss']==pytest.approx(learn.training_record.facts['valid_loss']) and meta['seconds']>0
    again = make(dls, arch=str(path), model_kwargs=None)
    again.fit(1, 1e-3)
    assert again.spec==learn.spec and read_header(again.save_colorizer(tmp_path/'b.safetensors'))['spec']==spec

def test_a_continued_model_keeps_its_default_options_and_license(folder, tmp_path):
    start = Colorizer.load('shipped')
    meta = {**start.meta, 'license': 'apache-2.0', 'minutes': 132}
    save_model(tmp_path/'start.safetensors', start.model, start.codec, load_model_file(start.path)[2], meta)
    learn = make(make_dls(folder, codec=start.codec), arch=str(tmp_path/'start.safetensors'), loss='ce', model_kwargs=None)
    saved = Colorizer.load(learn.save_colorizer(tmp_path/'mine.safetensors'))
    [unsaved] = load_colorizers(learn).values()
    assert saved.knobs==unsaved.knobs=={'how': 'mean', 'saturation': 1.25} and saved.size==unsaved.size==256
    assert saved.meta['license']=='apache-2.0' and 'minutes' not in saved.meta

def test_your_own_module_trains_but_cannot_be_saved(dls, tmp_path):
    learn = make(dls, arch=nn.Conv2d(1, 2, 3, padding=1))
    learn.fit(1, 1e-3)
    with pytest.raises(ValueError, match='register_model'): learn.save_colorizer(tmp_path/'a.safetensors')

def test_another_codec_raises_an_error(dls, folder, tmp_path):
    path = make(dls).save_colorizer(tmp_path/'a.safetensors')
    with pytest.raises(ValueError, match='was trained with LabAB.*give the data that codec'):
        colorize_learner(make_dls(folder, codec=LabAB(110.)), str(path))

@pytest.mark.parametrize('kw,match', [
    (dict(arch='unet_compakt'), 'compakt'),
    (dict(arch='fordam'), 'Known'),
    (dict(loss='l3'), 'l3'),
    (dict(amp='fp8'), 'bf16'),
    (dict(pretrained=True), 'no pretrained encoder'),
    (dict(arch='none.safetensors'), 'no such file')])
def test_readable_errors(dls, kw, match):
    with pytest.raises(ValueError, match=match): colorize_learner(dls, **kw)

def test_export_and_load_learner(dls, tmp_path):
    from fastai.learner import load_learner
    learn = make(dls)
    learn.path = tmp_path
    learn.logger = print
    learn.export('a.pkl')
    with pytest.warns(UserWarning): again = load_learner(tmp_path/'a.pkl')
    x,_ = dls.valid.one_batch()
    with torch.no_grad(): assert torch.allclose(learn.model.eval()(plain(x)), again.model.eval()(plain(x)))

def test_data_timer_measures_waiting(folder, monkeypatch):
    from colorize_nb.train import callbacks
    clock = [0.]
    monkeypatch.setattr(callbacks.time, 'perf_counter', lambda: clock[0])
    class Slow(nn.Conv2d):
        def forward(self, x):
            clock[0] += .03
            return super().forward(x)
    class Wait(Callback):
        order = -100
        def before_batch(self): clock[0] += .01
    dls = make_dls(folder)
    timer = DataTimer()
    make(dls, arch=Slow(1, 2, 3, padding=1)).fit(2, 1e-3, cbs=[timer, Wait()])
    assert timer.steps==2*len(dls.train)-1 and timer.images_per_s==pytest.approx(4/.04) and timer.wait_share==pytest.approx(.25)
    short = DataTimer(warmup=2, seconds=.2)
    make(dls, arch=Slow(1, 2, 3, padding=1)).fit(1000, 1e-3, cbs=[short, Wait()])
    assert 3<=short.steps<=5

# --- failures that must be reported

@pytest.mark.parametrize('lr', [float('nan'), 1e30])
def test_nan_loss_stops_the_fit(dls, lr):
    message = r'the loss is (nan|inf) at .*batch \d+ of epoch 0: training stopped. Lower the learning rate'
    with pytest.raises(ValueError, match=message) as e: make(dls).fit(2, lr)
    assert '\n' not in str(e.value)

def test_lr_find_may_explode(dls): assert 1e-7<make(dls).lr_find(end_lr=1e12, num_it=40, show_plot=False).valley

@pytest.mark.parametrize('bad', [float('nan'), float('inf'), 1e9])
def test_weights_that_are_not_finite_are_not_saved(dls, tmp_path, bad):
    learn = make(dls)
    learn.model.head.bias.data[0] = bad
    with pytest.raises(ValueError, match='head.bias.*not saved.*lower learning rate'): learn.save_colorizer(tmp_path/'a.safetensors')
    assert not list(tmp_path.iterdir())

def test_an_ignored_interrupt_still_ends_training(dls):
    import os, signal
    class Swallow(Callback):
        def before_batch(self):
            if self.iter==1 and self.training:
                try:
                    os.kill(os.getpid(), signal.SIGINT)
                    signal.sigtimedwait([], .2)
                except KeyboardInterrupt: pass
    before, learn = signal.getsignal(signal.SIGINT), make(dls)
    before = getattr(before, 'previous', before) # a failed fit leaves its handler in place
    with pytest.raises(KeyboardInterrupt): learn.fit(3, 1e-3, cbs=Swallow())
    assert (learn.epoch, learn.iter)==(0, 1)
    learn.fit(1, 1e-3)
    assert signal.getsignal(signal.SIGINT) is before and len(learn.recorder.values)==1

class Constant(nn.Module):
    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.tensor([.1,.2]))
    def forward(self, x): return self.bias[None,:,None,None].expand(len(x), 2, *x.shape[-2:])

def test_losses_of_whole_photos_get_the_input_of_their_batch(dls):
    seen = []
    class WithInput(nn.Module):
        needs_x,reduction = True,'mean' # fastai changes `reduction` in `get_preds`
        def forward(self, raw, y, x):
            seen.append((plain(x).clone(), plain(y).shape))
            per_photo = ((plain(raw)-plain(y))**2).flatten(1).mean(1)
            return per_photo if self.reduction=='none' else per_photo.mean()
    class Watch(Callback):
        order = 30 # after PassInput
        def after_loss(self): pairs.append((plain(self.x), len(self.yb)))
    pairs = []
    learn = make(dls, arch=Constant(), loss=WithInput(), metrics=None, cbs=Watch())
    learn.fit(1, 1e-3)
    learn.get_preds(with_loss=True)
    assert len(seen)==len(pairs)>len(dls.train) and all(torch.equal(a, b) for (a,_),(b,_) in zip(seen, pairs))
    assert len({x.sum().item() for x,_ in seen})>2 and all(shape[1]==2 for _,shape in seen)
    assert {n for _,n in pairs}=={1}, 'metrics and other callbacks see the target alone'

def test_colorfulness_trains_through_the_learner(dls):
    def colorfulness_after(loss):
        set_seed(1)
        learn = make(dls, loss=loss, metrics=None)
        learn.fit(3, 1e-2)
        return dict(zip(learn.recorder.metric_names[1:], learn.recorder.values[-1]))['colorfulness']
    assert colorfulness_after('l2 + 5*colorfulness')>1.3*colorfulness_after('l2')

def test_options_reach_the_optimizer(dls):
    learn = make(dls, wd=.3, lr=2e-4, moms=(.8,.7,.8))
    learn.fit(1)
    hyper = learn.opt.hypers[-1]
    assert (hyper['wd'], hyper['lr'], hyper['eps'])==(.3, 2e-4, 1e-8) and learn.moms==(.8,.7,.8)
    mine = make(dls, opt_func=partial(Adam, eps=.1))
    mine.create_opt()
    assert mine.opt.hypers[-1]['eps']==.1

def test_inputs_that_are_lists(dls, tmp_path):
    class TwoMaps(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 2, 1), nn.Conv2d(5, 2, 1)
        def forward(self, xs): return self.a(xs[0]) + nn.functional.interpolate(self.b(xs[1]), scale_factor=2)
    class Loader(list):
        n_inp, codec, size, dataset, device = 1, LabAB(), 32, range(12), 'cpu'
        def new(self, **kwargs): return self # `get_preds` asks for one without shuffling
    batches = [([torch.randn(4,3,8,8), torch.randn(4,5,4,4)], torch.zeros(4,2,8,8)) for _ in range(3)]
    dls = ColorizeDataLoaders(Loader(batches), Loader(batches[:1]), device='cpu')
    learn = quiet(colorize_learner(dls, TwoMaps(), metrics=[], channels_last=True))
    timer = DataTimer()
    learn.fit_one_cycle(3, 1e-2, cbs=timer)
    assert learn.training_record.facts['photos']==3*3*4 and timer.images_per_s>0 and learn.get_preds()[0].shape==(4,2,8,8)

def test_showing_features_raises_an_error():
    from colorize_nb.data.stream import GeneratedBatches, stream_loaders
    noise = lambda: GeneratedBatches(lambda i: torch.rand(4,3,32,32), 1)
    dl = stream_loaders(noise(), noise(), device='cpu').valid
    x, y = dl.one_batch()
    with pytest.raises(ValueError, match='contain features instead of photos'): dl.show_results(([plain(x)], y), y)
    learn = make(stream_loaders(dl.dataset, dl.dataset, device='cpu', size=32))
    learn.show_results(max_n=2)
    assert len(strips())==2 and plt.gcf().axes[0].get_title()=='input | prediction | target'
    plt.close('all')


class Weights(Callback):
    "Record one weight, or one running statistic, after each training step."
    order = 59 # after MeanWeights
    def __init__(self, key='head.weight'): self.key, self.values = key, []
    def after_batch(self):
        if self.training: self.values.append(head_weight(self, self.key))


def head_weight(learn, key='head.weight'): return learn.model.state_dict()[key].flatten()[0].item()
def statistics(learn): return {k: v.clone() for k,v in learn.model.state_dict().items() if 'running_' in k}


@pytest.mark.parametrize('frozen', [True, False])
def test_frozen_norm_keeps_the_statistics_and_trains_the_weights(dls, frozen):
    learn = make(dls)
    before, weights = statistics(learn), {k: v.clone() for k,v in learn.model.named_parameters()}
    learn.fit(1, 1e-2, cbs=[FrozenNorm()] if frozen else [])
    assert before and all(torch.equal(v, before[k]) for k,v in statistics(learn).items())==frozen
    norms = [n for n,m in learn.model.named_modules() if isinstance(m, nn.BatchNorm2d)]
    assert any(not torch.equal(dict(learn.model.named_parameters())[f'{n}.weight'], weights[f'{n}.weight']) for n in norms)


@pytest.mark.parametrize('key', ['head.weight', 'downs.0.0.1.running_mean'])
@pytest.mark.parametrize('decay', [.5, .9])
def test_mean_weights_is_the_running_mean(dls, decay, key):
    learn = make(dls)
    learn.fit(2, 1e-2, cbs=[MeanWeights(decay), seen := Weights(key)])
    mean = seen.values[0]
    for v in seen.values[1:]: mean = decay*mean+(1-decay)*v
    assert abs(head_weight(learn, key)-mean)<1e-6 and abs(mean-seen.values[-1])>1e-4
    assert len(seen.values)==2*len(dls.train) # the second epoch went on from the weights, not from the mean


def test_mean_weights_validates_the_mean(dls):
    learn = make(dls)
    learn.fit(1, 1e-2, cbs=MeanWeights(.9))
    assert abs(learn.recorder.values[-1][1]-learn.validate()[0])<1e-5


def test_time_budget_counts_training_but_not_validation(dls):
    "Each training step takes a second, each validation batch takes a minute, and 5 seconds are enough for 5 steps."
    now, shares = [0.], []
    class Clock(Callback):
        order = 54 # before TimeBudget
        def after_batch(self): now[0] += 1 if self.training else 60
    class Share(Callback):
        order = 56 # after TimeBudget
        def before_batch(self):
            if self.training: shares.append(round(self.learn.pct_train, 6))
    learn = make(dls)
    learn.fit(100, 1e-3, cbs=[Clock(), TimeBudget(5, clock=lambda: now[0]), Share()])
    assert len(dls.train)<5 and shares==[0, .2, .4, .6, .8]


def test_a_canceled_epoch_counts_as_training_time(dls):
    learn = make(dls)
    learn.fit(1, 1e-3, cbs=TimeBudget(1e-9)) # ends after the first batch
    facts = dict(learn.training_record.facts)
    learn.validate()
    assert facts['epochs']==0 and facts['photos']==4 and facts['seconds']>0 and learn.training_record.facts==facts
    assert not learn.finite_loss.in_fit


@pytest.fixture(scope='module')
def trained(folder):
    "A small model that has learned something, as a file."
    set_seed(0)
    learn = make(make_dls(folder, augment=False))
    learn.fit_one_cycle(6, 1e-2)
    return learn.save_colorizer(folder.parent/'trained.safetensors')


def continued(folder, trained, **kw):
    set_seed(0)
    learn = quiet(colorize_learner(make_dls(folder, augment=False), trained, metrics=[]))
    before = {k: v.clone() for k,v in learn.model.state_dict().items()}
    with learn.no_bar(): lower = learn.fine_tune_gently(**{**dict(epochs=2, lr=3e-3), **kw})
    return learn, before, lower


def test_fine_tune_gently_lowers_the_loss_or_keeps_the_model(folder, trained, capsys):
    start = quiet(colorize_learner(make_dls(folder, augment=False), trained, metrics=[])).validate()[0]
    learn, before, lower = continued(folder, trained)
    assert lower and learn.validate()[0]<start and not capsys.readouterr().out
    learn, before, lower = continued(folder, trained, lr=.5, decay=0.)
    assert not lower and all(torch.equal(v, before[k]) for k,v in learn.model.state_dict().items())
    assert 'kept the model as it was' in capsys.readouterr().out
    assert learn.training_record.facts==dict(epochs=0, photos=0, seconds=0.) # nothing that the kept weights didn't go through


def test_fine_tune_gently_needs_no_training_record(folder, trained):
    learn = quiet(colorize_learner(make_dls(folder, augment=False), trained, metrics=[]))
    learn.remove_cb(learn.training_record) # like a learner that fastai made
    with learn.no_bar(): assert not learn.fine_tune_gently(1, .5, decay=0.)


@pytest.mark.parametrize('share', [0, .1, 1])
def test_the_encoder_learns_at_a_share_of_the_rate(folder, trained, share):
    rates = []
    class Rates(Callback):
        def after_batch(self): rates.append([h['lr'] for h in self.opt.hypers])
    learn, before, _ = continued(folder, trained, encoder=share, cbs=Rates(), epochs=1)
    moved = any(not torch.equal(v, before[k]) for k,v in learn.model.state_dict().items() if k.startswith('downs') and v.ndim==4)
    assert moved==(share>0)
    early, late = max(rates)
    assert share==0 or abs(early/late-share)<1e-6


def test_the_decay_of_the_mean_is_passed_on(folder, trained):
    last, slow = (head_weight(continued(folder, trained, decay=d)[0]) for d in (0., .98))
    start = continued(folder, trained)[1]['head.weight'].flatten()[0].item()
    assert abs(slow-start)<abs(last-start) # a slow mean stays closer to the start
