"Models and model files: shapes, parameter counts, learning, and errors."
import json, warnings

import pytest, torch
from safetensors.torch import save
from torch import nn

from colorize_nb.color.codecs import LabAB
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.models.layers import create_model, describe_models, list_models, n_params, register_model
from colorize_nb.models.store import FORMAT, StoreError, load_model_file, read_header, save_model, shipped_models

SMALL = dict(widths=(8,16,32), depths=(0,1,1))
SPEC = dict(arch='unet_compact', n_in=1, n_out=2, size=64, kwargs=SMALL)


@pytest.mark.parametrize('name,kw,half', [('unet_compact', SMALL, 2), pytest.param('unet_resnet18', {}, 1, marks=pytest.mark.slow)])
def test_output_shape_and_overfitting_one_batch(name, kw, half):
    torch.manual_seed(0)
    net = create_model(name, 1, 2, 64, **kw)
    x, y = torch.rand(4,1,64,64)*2-1, torch.rand(4,2,1,1).expand(4,2,64//half,64//half)-.5
    assert net(x).shape==y.shape
    opt, losses = torch.optim.Adam(net.parameters(), 2e-3), []
    for _ in range(25 if name=='unet_resnet18' else 60):
        loss = nn.functional.mse_loss(net(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    assert losses[-1]<.3*losses[0]


@pytest.mark.parametrize('size', [(32,32), (33,47), (64,200), (101,77)])
def test_unet_compact_takes_any_size(size):
    with torch.no_grad(): y = create_model('unet_compact', **SMALL).eval()(torch.zeros(1,1,*size))
    assert y.shape[-2:]==tuple((s+1)//2 for s in size)


def test_unet_compact_parameter_count():
    "Count the parameters of convolutions and BatchNorm by hand, for two levels."
    net = create_model('unet_compact', 1, 2, widths=(4,8), depths=(0,1))
    conv = lambda i,o,k: i*o*k*k + 2*o
    by_hand = conv(1,4,5) + conv(4,8,3)+2*conv(8,8,3) + (8*4+4)+(4*8+8) + conv(8,4,1)+conv(8,4,3) + 4*2*9+2
    assert n_params(net)==by_hand


def test_names():
    assert {'unet_compact','unet_*'} <= {*list_models()}
    with pytest.raises(ValueError, match="Did you mean 'unet_compact'"): create_model('compact')
    with pytest.raises(ValueError, match="called 'resnet1'"): create_model('unet_resnet1')
    @register_model(about='a test')
    def test_only(n_in, n_out, size): return nn.Conv2d(n_in, n_out, 1)
    assert create_model('test_only')(torch.zeros(1,1,4,4)).shape==(1,2,4,4)
    assert list_models('test_*')==['test_only'] and describe_models('test_*').rows==[dict(model='test_only', about='a test')]


def test_replacing_a_model_warns():
    "Registering another model under the same name replaces the first one with a warning. Registering the same function again doesn't warn."
    def factory(width):
        def test_taken(n_in, n_out, size): return nn.Conv2d(n_in, n_out, 1) if width==1 else nn.Identity()
        return test_taken
    register_model(factory(1))
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        register_model(factory(1))
    with pytest.warns(UserWarning, match="'unet_compact' of colorize_nb.models.compact"): register_model('unet_compact')(factory(2))
    assert isinstance(create_model('unet_compact'), nn.Identity)
    from colorize_nb.models.compact import unet_compact
    with pytest.warns(UserWarning): register_model(unet_compact)


def test_encoder_weights_from_a_file_and_their_errors(tmp_path, monkeypatch):
    import torchvision
    src = torchvision.models.resnet18()
    torch.save(src.state_dict(), tmp_path/'r.pth')
    net = create_model('unet_resnet18', size=64, weights=tmp_path/'r.pth')
    assert torch.allclose(net.layers[0][0].weight, src.conv1.weight.sum(1, keepdim=True))
    (tmp_path/'bad.pth').write_bytes(b'no')
    with pytest.raises(ValueError, match='bad.pth: not a readable'): create_model('unet_resnet18', size=64, weights=tmp_path/'bad.pth')
    def offline(*a, **k): raise OSError('Network is unreachable')
    monkeypatch.setattr(torch.hub, 'load_state_dict_from_url', offline)
    monkeypatch.setattr('torchvision.models._api.load_state_dict_from_url', offline)
    with pytest.raises(OSError, match='could not be downloaded'): create_model('unet_resnet18', size=64, pretrained=True)


def test_a_loaded_model_equals_the_saved_one(tmp_path):
    net = create_model('unet_compact', **SMALL).eval()
    f = save_model(tmp_path/'in'/'m.safetensors', net, LabAB(tanh=True), SPEC, {'note':'hi'}, half=False)
    back, codec, spec, meta = load_model_file(f)
    x = torch.rand(1,1,64,64)
    with torch.no_grad(): assert torch.equal(back(x), net(x))
    assert codec==LabAB(tanh=True) and spec['arch']=='unet_compact' and meta=={'note':'hi'} and not back.training
    assert save_model(tmp_path/'h.safetensors', net, LabAB(), SPEC).stat().st_size < .6*f.stat().st_size


@pytest.mark.parametrize('content,message', [
    (b'', 'damaged'),
    (b'hello', 'damaged'),
    (save({'a': torch.zeros(1)}), 'not saved by colorize_nb'),
    (save({'a': torch.zeros(1)}, {'colorize_nb': '{'}), 'header is damaged'),
    (save({'a': torch.zeros(1)}, {'colorize_nb': json.dumps(dict(format=FORMAT+1))}), 'newer'),
    (save({'a': torch.zeros(1)}, {'colorize_nb': json.dumps(dict(format=FORMAT, spec=SPEC, codec=LabAB().config()))}), "don't fit"),
    (save(create_model('unet_compact', **SMALL).state_dict(),
          {'colorize_nb': json.dumps(dict(format=FORMAT, spec=SPEC, codec={'name':'Odd'}))}), "called 'Odd'")])
def test_an_invalid_file_gives_one_line(tmp_path, content, message):
    f = tmp_path/'x.safetensors'
    f.write_bytes(content)
    with pytest.raises(StoreError, match=message) as e: load_model_file(f)
    assert str(f) in str(e.value) and '\n' not in str(e.value)


def test_a_pickle_does_not_run_code(tmp_path):
    class Trap:
        def __reduce__(self): return (open, (str(tmp_path/'ran'), 'w'))
    torch.save({'a': Trap()}, tmp_path/'x.safetensors')
    with pytest.raises(StoreError): load_model_file(tmp_path/'x.safetensors')
    assert not (tmp_path/'ran').exists()


def test_a_failed_save_keeps_the_previous_file(tmp_path, monkeypatch):
    f = save_model(tmp_path/'m.safetensors', create_model('unet_compact', **SMALL), LabAB(), SPEC)
    before = f.read_bytes()
    monkeypatch.setattr("os.replace", lambda *a: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError): save_model(f, create_model('unet_compact', **SMALL), LabAB(), SPEC)
    assert f.read_bytes()==before and [p.name for p in tmp_path.iterdir()]==['m.safetensors']


def test_shipped_models_are_small_and_documented():
    for name,path in shipped_models().items():
        assert path.stat().st_size<20e6 and path.with_suffix('.md').exists()
        meta = read_header(path)['meta']
        assert {'data','steps','minutes','device'} <= {*meta} and {'photos', 'photos_seen'} & {*meta}
    assert 'knobs' in read_header(shipped_models()['shipped'])['meta']
    assert Colorizer.load('shipped').size>=64
