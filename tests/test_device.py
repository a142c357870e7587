"Device selection, and the same colors on every device. Most tests run without a GPU."
import numpy as np, pytest, torch

from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.infer.paint import enlarge_chroma, lightness
from colorize_nb.core.photo import bundled_photos, open_photo
from colorize_nb.models import store as devices
from colorize_nb.models.released.table import create_released
from colorize_nb.models.store import device_line, full_precision, pick_device

def needs_gpu(test): return pytest.mark.cuda(pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')(test))


def test_auto_chooses_a_working_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.backends.mps, 'is_available', lambda: True)
    monkeypatch.setattr(devices, '_usable', torch.device)
    assert pick_device().type=='cuda' and pick_device('auto').type=='cuda' and pick_device('cpu').type=='cpu'
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    assert pick_device().type=='mps'
    monkeypatch.setattr(torch.backends.mps, 'is_available', lambda: False)
    assert pick_device().type=='cpu'


@pytest.mark.skipif(torch.cuda.is_available(), reason='this machine has a working GPU')
def test_a_broken_driver_gives_cpu_for_auto_and_an_error_for_cuda(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.backends.mps, 'is_available', lambda: False)
    assert pick_device().type=='cpu'
    with pytest.raises(ValueError, match="device 'cuda' cannot be used here.*cpu always works"): pick_device('cuda')


def test_the_command_line_reports_the_chosen_gpu(monkeypatch, capsys):
    from colorize_nb.app import cli
    monkeypatch.setattr(devices, 'pick_device', lambda name: torch.device('mps' if name=='auto' else name))
    assert cli._choose_device('auto').type=='mps' and capsys.readouterr().err=='on mps (--device cpu for the CPU)\n'
    for name in ('mps','cpu'): assert cli._choose_device(name).type==name and not capsys.readouterr().err
    for command in (cli.color, cli.train, cli.evaluate):
        assert cli._parser(command, 'colorize-nb').get_default('device')=='auto', command.__name__
    assert device_line('cpu')==''


def test_full_precision_turns_off_tf32():
    before = torch.backends.cudnn.allow_tf32
    with full_precision('cuda'): assert not torch.backends.cudnn.allow_tf32 and torch.backends.cudnn.enabled
    assert torch.backends.cudnn.allow_tf32==before
    with full_precision('cpu'): assert torch.backends.cudnn.allow_tf32==before


def test_painting_stays_on_the_device_of_the_chroma():
    "With fake GPU tensors, an operation that mixes devices raises an error."
    from torch._subclasses import FakeTensorMode
    a = np.zeros((40,30,3), np.uint8)
    with FakeTensorMode(allow_non_fake_inputs=True):
        ab = torch.empty(1, 2, 10, 8, device='cuda')
        L = lightness(a, ab.device)
        wide = enlarge_chroma(ab, lightness(a[:10,:8], ab.device), L)
        assert L.device.type==wide.device.type=='cuda' and wide.shape==(1,2,40,30)
        with pytest.raises(RuntimeError, match='device'): enlarge_chroma(ab, lightness(a[:10,:8]), L)


def test_a_batch_gives_the_same_bits_as_single_photos():
    shipped, photo = Colorizer.load('shipped'), open_photo(bundled_photos()['coffee'])
    photos = [photo.crop((x,0,x+90,60)) for x in (0,100,200)]
    for p,batched in zip(photos, shipped.colorize_many(photos, size=64)):
        assert np.array_equal(shipped(p, size=64).image, batched.image)


def test_a_batch_too_large_for_memory_is_split():
    from colorize_nb.color.codecs import LabAB
    seen = []
    class Greedy(torch.nn.Module):
        def forward(self, x):
            seen.append(len(x))
            if len(x)>1: raise RuntimeError('not enough memory')
            return torch.zeros(len(x), 2, *x.shape[-2:])
    greedy, photos = Colorizer(Greedy(), LabAB(), 64), [open_photo(bundled_photos()['coffee']).resize((90,60))]*3
    assert not greedy.batched and len(list(greedy.colorize_many(photos)))==3 and seen==[1,1,1]
    greedy.batched = True
    assert [type(o).__name__ for o in greedy.colorize_many(photos)]==['ColorizedPhoto']*3 and seen==[1,1,1,3,1,1,1]


@needs_gpu
@pytest.mark.parametrize('name', list(bundled_photos()))
def test_gpu_and_cpu_colors_are_the_same(name):
    photo = open_photo(bundled_photos()[name])
    photo.thumbnail((600,600))
    cpu, gpu = (np.asarray(Colorizer.load('shipped', d)(photo).image).astype(int) for d in ('cpu','cuda'))
    assert np.abs(cpu-gpu).max()<=1


@needs_gpu
@pytest.mark.parametrize('name', ['eccv16', 'siggraph17'])
def test_original_programs_run_on_the_gpu(name):
    torch.manual_seed(0)
    net, photo = create_released(name).eval(), open_photo(bundled_photos()['coffee']).resize((90, 60))
    cpu, gpu = (np.asarray(net.to(d).original(photo)).astype(int) for d in ('cpu','cuda'))
    assert np.abs(cpu-gpu).max()<=1


@needs_gpu
def test_painting_runs_on_the_gpu():
    shipped, photo = Colorizer.load('shipped', 'cuda'), open_photo(bundled_photos()['coffee']).resize((3000,2000))
    p = shipped.predict(photo, 64)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    shipped._paint('coffee', photo, {}, p, {})
    assert torch.cuda.max_memory_allocated()-before>=3000*256*4, 'no strip of the photo was on the GPU'
