"Losses on features and colorfulness, alone and inside fastai."
import pytest, torch, torchvision
from safetensors.torch import save_file

from colorize_nb.color.codecs import LabAB
from colorize_nb.train.losses import get_loss
from colorize_nb.train.losses import feature_layers


@pytest.fixture
def photo():
    coarse = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(coarse, size=(64,64), mode='bilinear')

@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(0)
    net = torchvision.models.get_model('squeezenet1_1', weights=None)
    torch.save(net.state_dict(), tmp_path/'w.pth')
    save_file(net.features.state_dict(), tmp_path/'w.safetensors')
    return tmp_path


def test_colorfulness_loss_of_red_and_green():
    "With absolute values, the colorfulness of a picture that's half red and half green is 85.53; with signs, it's 293.25."
    half, codec = torch.zeros(1, 3, 16, 16), LabAB()
    half[:,0,:,:8] = half[:,1,:,8:] = 1
    x, y = codec.encode(half)
    assert get_loss('colorfulness', codec)(y, y, x).item()==pytest.approx(1-.8553, abs=.005)

def test_gradients_at_gray_are_finite(photo):
    codec = LabAB()
    x, y = codec.encode(photo)
    raw = torch.zeros_like(y).requires_grad_()
    get_loss('colorfulness', codec)(raw, y, x).backward()
    assert raw.grad.isfinite().all()

@pytest.mark.parametrize('name', ['w.pth','w.safetensors'])
def test_perceptual_loss_with_weights_from_a_file(photo, weights, name):
    codec = LabAB()
    x, y = codec.encode(photo)
    loss = get_loss('perceptual', codec, arch='squeezenet1_1', weights=weights/name)
    assert loss(y, y, x)==0
    raw = (y*.2).requires_grad_()
    loss(raw, y, x).backward()
    assert raw.grad.abs().sum()>0 and not any(p.requires_grad for p in loss.parameters())
    with torch.no_grad(): assert loss(raw-raw.grad/raw.grad.norm()*.05, y, x) < loss(raw, y, x)

def test_feature_layers_match_torchvision(photo, weights):
    net = torchvision.models.get_model('squeezenet1_1', weights=None)
    net.load_state_dict(torch.load(weights/'w.pth', weights_only=True))
    assert torch.equal(feature_layers('squeezenet1_1', weights/'w.pth')(photo), net.eval().features(photo))

def test_downloaded_weights_load_from_torchvisions_cache(weights, tmp_path, monkeypatch):
    "Through the real loading path, with the file already in torchvision's cache."
    from torchvision.models import SqueezeNet1_1_Weights as W
    hub = tmp_path/'hub'
    (hub/'checkpoints').mkdir(parents=True)
    torch.save(torch.load(weights/'w.pth', weights_only=True), hub/'checkpoints'/W.DEFAULT.url.split('/')[-1])
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(hub))
    try: net = feature_layers('squeezenet1_1')
    except ConnectionError: pytest.fail('the cached file was not used')
    assert torch.equal(net[0].weight, torch.load(weights/'w.pth', weights_only=True)['features.0.weight'])

def test_without_a_network_the_error_explains_what_to_do(tmp_path, monkeypatch):
    import urllib.request
    def offline(*a, **k): raise OSError('no route')
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    monkeypatch.setattr(urllib.request, 'urlopen', offline)
    monkeypatch.setattr(torch.hub, 'urlopen', offline)
    with pytest.raises(ConnectionError, match='weights=PATH'): feature_layers('squeezenet1_1')

def test_trains_inside_fastai(tmp_path):
    from colorize_nb.data.folder import ColorizeDataLoaders, crop_photos
    from colorize_nb.train.learner import colorize_learner
    dls = ColorizeDataLoaders.from_folder(crop_photos(tmp_path/'p', n=24, size=48), size=48, bs=8)
    learn = colorize_learner(dls, loss='l1 + 0.1*colorfulness', metrics=[], model_kwargs=dict(widths=[8,16,32], depths=[0,0,0]))
    with learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(8, 3e-3)
    first, last = (torch.stack(learn.recorder.losses[i]).mean() for i in (slice(0,4), slice(-4,None)))
    assert last < first and learn.get_preds()[0].isfinite().all()
