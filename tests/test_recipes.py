"Every recipe can be built, overfits a batch, and can be saved, loaded, and used on a photo."
import os, subprocess, sys
from functools import partial

import numpy as np, pytest, torch
from fastai.callback.core import Callback
from fastai.optimizer import Adam
from fastai.torch_core import set_seed

from colorize_nb.app.cli import main as cli
from colorize_nb.data.folder import ColorizeDataLoaders, crop_photos
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.core.photo import bundled_photos, open_photo
from colorize_nb.models.layers import layer_rows
from colorize_nb.models.layers import L2Penalty, SameConv, SameDeconv, keras_params
from colorize_nb.models.layers import create_model
from colorize_nb.train.losses import get_loss
from colorize_nb.train import recipes
from colorize_nb.train.recipes import describe_recipes, get_recipe, list_recipes, recipe_dls, recipe_learner, register_recipe
from colorize_nb.train.search import overfit_one_batch, random_search

FIXED = ('stanford_conv3', 'stanford_conv9') # their heads are fully connected, so other sizes are resized


@pytest.fixture(scope='module')
def folder(tmp_path_factory): return crop_photos(tmp_path_factory.mktemp('walk')/'photos', n=24, size=96)

def build(name):
    "Return the recipe, codec, size, model options, and model, with small settings."
    r = get_recipe(name)
    if r.arch in ('koalarization','fordham_inception'): pytest.importorskip('timm')
    codec, kw = r.codec(), dict(r.small)
    size = kw.pop('size')
    torch.manual_seed(0)
    return r, codec, size, {**r.kwargs, **kw}, create_model(r.arch, codec.n_in, codec.n_out, size, **{**r.kwargs, **kw})


@pytest.mark.slow
@pytest.mark.parametrize('name', list_recipes())
def test_recipe_overfits_and_colors_a_photo(name, folder, tmp_path):
    set_seed(0) # the same photos and weights, independent of other tests
    r, codec, size, kw, model = build(name)
    dls = ColorizeDataLoaders.from_folder(folder, codec=codec, size=size, bs=2, augment=False, valid_pct=.2, device='cpu')
    x, y = dls.one_batch()
    x, y = x.as_subclass(torch.Tensor), y.as_subclass(torch.Tensor)
    with torch.no_grad(): shape = model.eval()(x).shape
    assert shape[:2]==(2, codec.n_out) and shape[-1]<=size
    with torch.no_grad(): other = model(torch.zeros(1, codec.n_in, size, 2*size)).shape
    assert other[-1]==2*other[-2] or r.arch in FIXED

    set_seed(0)
    result = overfit_one_batch(name, dls, steps=500, model_kwargs=kw)
    summary = f"gray {result['gray']:.4f}, loss {result['first']:.4f} -> {result['last']:.4f} in {result['steps']} steps"
    assert result['last'] <= .2*result['gray'], f'{name}: {summary}'

    for m in result['model'].modules():
        if isinstance(m, torch.nn.modules.batchnorm._BatchNorm): m.momentum = .5 # otherwise, running statistics stay near their initial values
    with torch.no_grad(): [result['model'].train()(x) for _ in range(8)]
    learn = recipe_learner(name, dls, model_kwargs=kw, metrics=[])
    learn.model.load_state_dict(result['model'].state_dict())
    f = learn.save_colorizer(tmp_path/'m.safetensors')
    photo = open_photo(dls.train_ds.items[0]).resize((120,80))
    photo.convert('L').save(tmp_path/'gray.jpg')
    again = Colorizer.load(f)(tmp_path/'gray.jpg')
    assert again.image.size==photo.size and np.ptp(np.asarray(again.image).astype(int), axis=2).max()>3, 'the photo stayed gray'
    if name in ('indiana_unet','stanford_bins10','zhang_eccv16'):
        assert cli([str(tmp_path/'gray.jpg'), '--model', str(f)])==0 and (tmp_path/'gray-color.jpg').is_file()

@pytest.mark.parametrize('name,size,kw', [
    ('stanford_cgan', 64, dict(width=4)),
    ('stanford_cgan', 256, dict(width=4)),
    ('indiana_unet', 160, {}),
    ('unet_compact', 64, {}),
    ('zhang_eccv16', 176, dict(width=.25))])
def test_photos_of_any_shape_at_the_recipe_size(name, size, kw):
    "A photo's sides don't need to be divisible by the network's strides."
    codec = get_recipe(name).codec()
    net = Colorizer(create_model(name, codec.n_in, codec.n_out, size, **kw), codec, size)
    for w,h in ((size, size), (3*size//2, size), (size, size*4//3)):
        assert net(open_photo(bundled_photos()['coffee']).resize((w,h))).image.size==(w,h)


# --- numbers that the papers print

def convs(model, x): return [r['output'] for r in layer_rows(model, x) if 'Conv' in r['kind'] or 'Deconv' in r['kind']]

def test_indiana_table():
    net = create_model('indiana_unet', 1, 3)
    assert keras_params(net)==dict(total=9_600_438, trainable=9_597_878, non_trainable=2_560)
    assert convs(net, torch.zeros(1,1,160,160))==[
        (128,80,80), (128,40,40), (256,20,20), (512,10,10), (512,5,5),
        (512,10,10), (256,20,20), (128,40,40), (128,80,80), (3,160,160), (3,160,160)]

def test_cats_decoder():
    net = create_model('cats_vgg16', 1, 2)
    assert keras_params(net)['trainable']==1_572_114 and not any(p.requires_grad for p in net.encoder.parameters())
    assert tuple(net.encoder(torch.zeros(1,1,224,224))[-1].shape)==(1,512,7,7)

def test_koalarization_fusion_depth():
    from colorize_nb.models.papers.koalarization import Koalarization, fuse
    class Scores(torch.nn.Module):
        n = 1001
        def forward(self, x): return torch.zeros(len(x), 1001)
    net = Koalarization(scores=Scores())
    h = net.encoder(torch.zeros(1,1,224,224))
    assert fuse(h, torch.zeros(1,1001)).shape==(1,1257,28,28) and net.fusion[0].weight.shape==(256,1257,1,1)
    assert keras_params(net)['total']>1000*6500*.9, 'the printed count is much too small'

def test_stanford_critic():
    from colorize_nb.models.papers.patchgan import PatchCritic
    assert PatchCritic()(torch.zeros(1,3,256,256)).shape==(1,1,30,30)

def test_fordham_figure_4():
    got = convs(create_model('fordham_cnn', 1, 2), torch.zeros(1,1,224,224))
    assert got[7]==(512,14,14) and got[-1]==(2,224,224) and len(got)==13

def test_stanford_nine_layers():
    net = create_model('stanford_conv9', 1, 2, 64)
    assert [m.kernel_size for m in net.modules() if isinstance(m, torch.nn.Conv2d)]==[(5,5)]*9
    assert net(torch.zeros(2,1,64,64)).shape==(2,2,64,64)
    assert [type(m).__name__ for m in net.convs[0]]==['Conv2d','ReLU','BatchNorm2d']


# --- Keras's conventions, compared with values worked out by hand

def test_same_padding_by_hand():
    x = torch.arange(1., 5.)[None,None,None] # 1x4
    c = SameConv(1, 1, (1,3), (1,2), bias=False)
    c.weight.data = torch.ones(1,1,1,3)
    assert c(x).flatten().tolist()==[6., 7.] # 1+2+3 and 3+4+0, with the padding at the end

def test_deconv_is_the_transpose():
    for n in (8, 10):
        c, d = SameConv(3, 5, 3, 2, bias=False), SameDeconv(5, 3, 3, 2, bias=False)
        d.weight.data = c.weight.data
        x, g = torch.randn(1,3,n,n), torch.randn(1,5,n//2,n//2)
        assert torch.allclose((c(x)*g).sum(), (x*d(g)).sum(), atol=1e-3) and d(g).shape==x.shape

def test_l2_penalty_is_in_the_loss():
    net, loss = torch.nn.Conv2d(1, 2, 3), lambda raw, y: ((raw-y)**2).mean()
    f, x, y = L2Penalty(loss, net, .01), torch.randn(1,1,5,5), torch.zeros(1,2,3,3)
    assert torch.allclose(f(net(x), y)-loss(net(x), y), .01*(net.weight**2).sum())


# --- recipes as objects

def test_table_lists_every_recipe():
    rows = describe_recipes().rows
    assert [r['recipe'] for r in rows]==list_recipes() and all(r['source'] for r in rows)

def test_every_value_has_a_source():
    for name in list_recipes():
        rows = get_recipe(name).describe().rows
        assert {'arch','codec','loss','size','bs','epochs','lr','opt','plateau','stop'} <= {r['field'] for r in rows}, name
        for r in rows:
            assert r['origin'] in ('printed','inferred','ours'), (name, r)
            assert r['origin']!='printed' or r['where'], f'{name}: {r["field"]} is printed, but the place is missing'
        assert ('printed' in {r['origin'] for r in rows})==(not name.startswith('unet_'))
    assert get_recipe('stanford_conv9').origins['stop']==('inferred', 'not mentioned') and get_recipe('stanford_conv9').stop is None
    assert get_recipe('stanford_conv9', bs=8).origins['bs']==('ours', 'changed')

def test_own_recipes_are_listed():
    @register_recipe
    def test_mine(): return get_recipe('unet_compact', epochs=1)
    assert list_recipes('test_*')==['test_mine'] and describe_recipes('test_*').rows[0]['epochs']==1
    with pytest.warns(UserWarning, match='test_mine'): register_recipe('test_mine')(recipes.unet_compact)
    recipes._recipes.remove('test_mine')

def test_fit_recipe_lowers_the_rate_tenfold_and_stops(folder):
    dls = recipe_dls('stanford_conv3', folder, size=32, bs=8, device='cpu')
    learn = recipe_learner('stanford_conv3', dls, metrics=[], lr=1e-12) # too small for any improvement
    learn.recipe = get_recipe('stanford_conv3', plateau=1, stop=3, lr=1e-12)
    rates = []
    class Watch(Callback):
        order = 100
        def after_epoch(self): rates.append(self.opt.hypers[0]['lr'])
    with learn.no_bar(), learn.no_logging(): learn.fit_recipe(30, cbs=Watch())
    assert len(learn.recorder.values)<30 and {round(b/a, 3) for a,b in zip(rates, rates[1:])}-{1.}=={.1}

@pytest.fixture
def dls(folder): return recipe_dls('unet_compact', folder, size=32, bs=8, device='cpu')

SMALL = dict(widths=[8,16], depths=[0,0])

def test_choices_can_be_changed(dls):
    learn = recipe_learner('unet_compact', dls, loss='l1', lr=5e-4, wd=.5, model_kwargs=SMALL, opt_func=partial(Adam, mom=.123))
    with learn.no_bar(), learn.no_logging(): learn.fit(1)
    hyper = learn.opt.hypers[0]
    assert learn.lr==5e-4 and learn.recipe.lr==5e-4 and learn.loss_func.__name__==learn.loss_name=='l1'
    assert (hyper['wd'], hyper['mom'])==(.5, .123)
    assert (learn.recipe.loss, learn.recipe.wd, learn.recipe.origins['wd'])==('l1', .5, ('ours', 'changed'))

def kernels(model): return sum((p**2).sum() for p in model.parameters() if p.ndim>1)

@pytest.mark.parametrize('of_recipe,passed,c', [(0., None, 0.), (0., .01, .01), (.02, None, .02), (.02, .01, .01), (.02, 0., 0.)])
def test_l2_penalty_reaches_the_loss(dls, monkeypatch, of_recipe, passed, c):
    monkeypatch.setattr(recipes, 'get_recipe', lambda name: get_recipe(name, l2=of_recipe))
    learn = recipe_learner('unet_compact', dls, l2=passed, model_kwargs=SMALL)
    x, y = (t.as_subclass(torch.Tensor) for t in dls.one_batch())
    raw = learn.model(x)
    plain = get_loss('smooth_l1', dls.codec)(raw, y)
    assert torch.allclose(learn.loss_func(raw, y)-plain, c*kernels(learn.model), rtol=1e-3, atol=1e-5)
    assert learn.recipe.l2==c

def test_a_larger_l2_penalty_gives_smaller_kernels(dls):
    def size_after(l2):
        set_seed(1)
        learn = recipe_learner('unet_compact', dls, l2=l2, model_kwargs=SMALL, metrics=[])
        with learn.no_bar(), learn.no_logging(): learn.fit(2, 1e-2)
        return kernels(learn.model).item()
    assert size_after(.1)<.7*size_after(0.)

@pytest.mark.parametrize('until', [.9, .6])
def test_overfitting_stops_below_a_share_of_gray(dls, until):
    set_seed(2)
    found = overfit_one_batch('unet_compact', dls, steps=500, until=until, model_kwargs=SMALL)
    assert (until-.3)*found['gray']<found['last']<=until*found['gray'] and found['steps']<500

def test_random_search_uses_its_arguments(dls):
    def search(**kw): return [(r['lr'], r['wd'], r['last loss']) for r in random_search('unet_compact', dls, n=2, steps=1, model_kwargs=SMALL, **kw).rows]
    found = search(seed=1, lr=(1e-3, 2e-3), wd=(1e-5, 2e-5))
    assert all(1e-3<=lr<=2e-3 and 1e-5<=wd<=2e-5 for lr,wd,_ in found)
    again, other = search(seed=1, lr=(1e-3, 2e-3), wd=(1e-5, 2e-5)), search(seed=2, lr=(1e-3, 2e-3), wd=(1e-5, 2e-5))
    assert {r[:2] for r in again}=={r[:2] for r in found} and {r[:2] for r in other}!={r[:2] for r in found}

@pytest.mark.parametrize('bad,why', [
    (lambda f: recipe_learner('nope', None), 'Known'),
    (lambda f: recipe_learner('indiana_unet', recipe_dls('unet_compact', f, size=32, bs=8)), 'recipe_dls')])
def test_errors_give_one_line(folder, bad, why):
    with pytest.raises(ValueError, match=why): bad(folder)

def test_random_search_sorts(folder):
    found = random_search('stanford_conv3', recipe_dls('stanford_conv3', folder, size=32, bs=8, device='cpu'), n=4, steps=3)
    last = [r['last loss'] for r in found.rows]
    assert last==sorted(last) and len(found.rows)==4


# --- weights of encoders

def vgg16_weights():
    "Return random weights of VGG16's convolutions. Those of its classifier are zeros that take no space."
    import torchvision
    torch.manual_seed(1)
    with torch.device('meta'): shapes = torchvision.models.vgg16(weights=None).state_dict()
    def weight(k, v): return torch.randn(v.shape)/100 if k.startswith('features') else torch.zeros(1).expand(v.shape)
    return {k: weight(k, v) for k,v in shapes.items()}

def test_encoder_from_a_file_and_without_a_network(tmp_path, monkeypatch):
    from colorize_nb.models.encoders import load_classifier
    state = {k: v.half() for k,v in vgg16_weights().items() if k.startswith('features')}
    torch.save(state, tmp_path/'w.pth')
    net = load_classifier('vgg16', weights=tmp_path/'w.pth').features
    assert torch.equal(net[0].weight, state['features.0.weight'].float())
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path/'hub'))
    import urllib.request
    def offline(*a, **k): raise OSError('no route')
    monkeypatch.setattr(torch.hub, 'urlopen', offline)
    monkeypatch.setattr(urllib.request, 'urlopen', offline)
    with pytest.raises(ConnectionError, match='weights=PATH'): load_classifier('vgg16', pretrained=True)

def test_vgg16_from_torchvisions_cache(tmp_path, monkeypatch):
    "`pretrained=True` reads the file from torchvision's cache, under torchvision's name."
    from torchvision.models import VGG16_Weights
    from colorize_nb.models.encoders import load_classifier
    state, cache = vgg16_weights(), tmp_path/'checkpoints'
    cache.mkdir()
    torch.save(state, cache/VGG16_Weights.DEFAULT.url.rpartition('/')[2])
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    net = load_classifier('vgg16', pretrained=True).features
    assert all(torch.equal(v, state[f'features.{k}']) for k,v in net.state_dict().items())

def test_inception_from_timms_cache(tmp_path):
    "`pretrained=True` reads the file from timm's cache, without a network."
    pytest.importorskip('timm')
    code = """if 1:
        import sys, pathlib, timm, torch
        from safetensors.torch import save_file
        from colorize_nb.models.encoders import ClassScores
        torch.manual_seed(3)
        source = timm.create_model('inception_resnet_v2')
        name = f"timm/{source.default_cfg['architecture']}.tf_in1k"
        home = pathlib.Path(sys.argv[1])/f"models--{name.replace('/', '--')}"
        (home/'refs').mkdir(parents=True); (home/'refs/main').write_text('0'*40)
        (home/'snapshots'/('0'*40)).mkdir(parents=True)
        state = {k: v.half() if v.is_floating_point() else v for k,v in source.state_dict().items()}
        save_file(state, home/'snapshots'/('0'*40)/'model.safetensors')
        net = ClassScores(pretrained=True).net.net
        assert all(torch.equal(v, state[k].to(v.dtype)) for k,v in net.state_dict().items())
        print('same')"""
    env = {**os.environ, 'HF_HUB_CACHE': str(tmp_path/'hub'), 'HF_HUB_OFFLINE': '1'}
    run = [sys.executable, '-W', 'ignore', '-c', code, str(tmp_path/'hub')]
    r = subprocess.run(run, capture_output=True, text=True, env=env)
    assert r.stdout.strip()=='same', r.stderr[-600:]

def test_discriminative_rates(folder):
    "With a slice of learning rates, the encoder changes, but less than the rest."
    from colorize_nb.train.learner import colorize_learner
    dls = recipe_dls('cats_vgg16', folder, size=64, bs=4, device='cpu')
    learn = colorize_learner(dls, 'cats_vgg16', loss='l2', metrics=[], model_kwargs=dict(freeze=False))
    before = {k: v.clone() for k,v in learn.model.named_parameters()}
    with learn.no_bar(), learn.no_logging(): learn.fit(1, slice(1e-6, 1e-3))
    moved = {k: (v-before[k]).abs().max().item() for k,v in learn.model.named_parameters()}
    early, late = (max(m for k,m in moved.items() if k.startswith('encoder')==e) for e in (True, False))
    assert len(learn.opt.hypers)==2 and learn.opt.hypers[0]['lr']<learn.opt.hypers[-1]['lr'] and 0 < early < late/50

def test_a_frozen_encoder_does_not_change(folder):
    dls = recipe_dls('cats_vgg16', folder, size=64, bs=4, device='cpu')
    learn = recipe_learner('cats_vgg16', dls, metrics=[])
    before = {k: v.clone() for k,v in learn.model.state_dict().items()}
    with learn.no_bar(), learn.no_logging(): learn.fit(1, 1e-3)
    after = learn.model.state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before if k.startswith('encoder'))
    assert not torch.equal(before['decoder.0.weight'], after['decoder.0.weight'])
