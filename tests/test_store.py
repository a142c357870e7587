"Model files that are wrong: whatever the header or the bytes say, the answer is one line, soon, in little memory."
import copy, json, random, resource, struct, sys, time

import pytest, torch
from safetensors.torch import load_file, save

from colorize_nb.color.codecs import LabAB
from colorize_nb.models.layers import create_model
from colorize_nb.models.store import FORMAT, StoreError, load_model_file, read_header, save_model

SMALL = dict(widths=[8,16,32], depths=[0,1,1])
SPEC = dict(arch='unet_compact', n_in=1, n_out=2, size=64, kwargs=SMALL)
HEADER = dict(format=FORMAT, spec=SPEC, codec=LabAB().config(), meta={})


@pytest.fixture(scope='module')
def good(tmp_path_factory):
    import fastai.vision.learner, fastai.vision.models.unet # what `unet_*` imports counts for no file
    torch.manual_seed(0)
    return save_model(tmp_path_factory.mktemp('store')/'good.safetensors', create_model('unet_compact', **SMALL), LabAB(), SPEC)

@pytest.fixture(scope='module')
def tensors(good): return load_file(good)

def with_header(path, tensors, header):
    "A whole file whose header of ours is `header`: a text, or what becomes one."
    path.write_bytes(save(tensors, {'colorize_nb': header if isinstance(header, str) else json.dumps(header)}))
    return path

def refused(path):
    "The one line that says why `path` cannot be used; None if it can."
    try: load_model_file(path)
    except StoreError as e:
        assert str(path) in str(e) and '\n' not in str(e) and len(str(e))<1000
        return str(e)

def spec(**kw): return {**HEADER, 'spec': {**SPEC, **kw}}

WRONG = {
    'a list': [],
    'a number': 3,
    'null': 'null',
    'no spec': {'format': FORMAT},
    'spec is a list': {**HEADER, 'spec': []},
    'codec is a word': {**HEADER, 'codec': 'LabAB'},
    'codec without a name': {**HEADER, 'codec': {}},
    'format is a word': {**HEADER, 'format': 'x'},
    'meta is a list': {**HEADER, 'meta': [1]},
    'arch is a number': spec(arch=7),
    'arch is a list': spec(arch=['unet_compact']),
    'arch is unknown': spec(arch='nobody'),
    'n_in is a word': spec(n_in='1'),
    'n_in is huge': spec(n_in=10**9),
    'n_out is huge': spec(n_out=10**9),
    'n_out is another': spec(n_out=3),
    'size is negative': spec(size=-64),
    'size is huge': spec(size=10**12),
    'size is a float': spec(size=64.5),
    'size is true': spec(size=True),
    'kwargs is a list': spec(kwargs=[1]),
    'unknown keyword': spec(kwargs={**SMALL, 'colour': 1}),
    'ten million layers': spec(kwargs={**SMALL, 'depths': [0, 10**7, 1]}),
    'three gigabytes': spec(kwargs={'widths': [5000, 5000], 'depths': [0, 0]}),
    'more than memory': spec(kwargs={'widths': [10**9, 10**9], 'depths': [0, 0]}),
    'widths are words': spec(kwargs={'widths': ['8', '16'], 'depths': [0, 0]}),
    'widths are empty': spec(kwargs={'widths': [], 'depths': []}),
    'negative widths': spec(kwargs={'widths': [-8, 16], 'depths': [0, 0]}),
    'a download': spec(arch='unet_resnet18', kwargs={'pretrained': True}),
    'a local file': spec(arch='unet_resnet18', kwargs={'weights': '/etc/hostname'}),
    'infinite scale': json.dumps({**HEADER, 'codec': {'name': 'LabAB', 'ab_scale': float('inf')}}),
    'a scale of 1e999': json.dumps(HEADER).replace('128.0', '1e999'),
    'scale is NaN': json.dumps({**HEADER, 'codec': {'name': 'LabAB', 'ab_scale': float('nan')}}),
    'billions of bins': {**HEADER, 'codec': {'name': 'ChannelBins', 'n': 10**9}},
    'cells of one unit': {**HEADER, 'codec': {'name': 'JointBins', 'grid': 1, 'reach': 'center'}},
    'deeply nested': '['*50_000,
    'long number': '{"format": ' + '9'*50_000 + '}',
    'another network': spec(arch='unet_resnet18', kwargs={}),
}

@pytest.mark.parametrize('header', WRONG.values(), ids=WRONG)
def test_a_header_that_lies(tmp_path, tensors, header, monkeypatch):
    def offline(*a, **k): raise AssertionError('a model file started a download')
    monkeypatch.setattr(torch.hub, 'load_state_dict_from_url', offline)
    start = time.process_time()
    assert refused(with_header(tmp_path/'x.safetensors', tensors, header))
    assert time.process_time()-start<1.5


def test_small_cells_cost_little_memory():
    "A header may ask for cells of one unit, 22,000 of them: made in little memory."
    import subprocess
    code = '''
import resource
from colorize_nb.color.classes import JointBins
JointBins(reach='center')
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(JointBins(grid=1, reach='center').n, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss-before)*1024)
'''
    n, grown = map(int, subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout.split())
    assert n>20_000 and grown*(1 if sys.platform!='darwin' else 1/1024)<2e8


def test_weights_that_are_not_finite_are_neither_saved_nor_loaded(tmp_path, tensors):
    net = create_model('unet_compact', **SMALL)
    for bad in (float('nan'), float('inf')):
        with torch.no_grad(): net.head.bias[0] = bad
        with pytest.raises(StoreError, match='head.bias'): save_model(tmp_path/'bad.safetensors', net, LabAB(), SPEC)
        assert not list(tmp_path.iterdir())
    sick = {**tensors, 'head.bias': torch.tensor([float('nan'), 0.])}
    assert 'head.bias' in refused(with_header(tmp_path/'sick.safetensors', sick, HEADER))

def test_what_16_bits_cannot_hold_is_kept_in_32(tmp_path):
    net = create_model('unet_compact', **SMALL)
    with torch.no_grad(): net.head.bias[0] = 1e5
    assert load_model_file(save_model(tmp_path/'m.safetensors', net, LabAB(), SPEC))[0].head.bias[0]==1e5

def test_shapes_that_do_not_fit_are_named(tmp_path, tensors):
    less = {k: v for k,v in tensors.items() if k!='head.bias'}
    assert 'head.bias is missing' in refused(with_header(tmp_path/'less.safetensors', less, HEADER))
    assert 'extra is not of this network' in refused(with_header(tmp_path/'more.safetensors', {**tensors, 'extra': torch.zeros(1)}, HEADER))
    other = with_header(tmp_path/'other.safetensors', {**tensors, 'head.bias': torch.zeros(3)}, HEADER)
    assert 'head.bias is [3], not [2]' in refused(other)


VALUES = [None, True, -1, 0, 1, 3, 10**4, 10**7, 10**18, 10**400, .5, 1e300,
          '', 'x', 'unet_resnet34', 'a'*5000, [], [1]*50, [[1]], {}, {'a': 1}, [10**7]*3]

def mutated(rng, header):
    "A copy of `header` with one to three places changed, taken out or added."
    header = copy.deepcopy(header)
    for _ in range(rng.randint(1, 3)):
        at = header
        while True:
            keys = list(at) if isinstance(at, dict) else list(range(len(at)))
            if not keys: break
            k = rng.choice(keys)
            if isinstance(at[k], (dict, list)) and rng.random()<.7:
                at = at[k]
                continue
            if rng.random()<.2: del at[k]
            else: at[k] = rng.choice(VALUES)
            break
    return header

def damaged(rng, data):
    "The bytes of a file cut, changed or with another length in front."
    data, how = bytearray(data), rng.randrange(4)
    if how==0: return data[:rng.randrange(len(data))]
    if how==1: data[:8] = struct.pack('<Q', rng.choice([0, 1, 2**20, 2**40, 2**63, rng.randrange(2**16)]))
    else:
        n = struct.unpack('<Q', data[:8])[0] if how==2 else len(data)-8 # in the header, or anywhere
        for _ in range(rng.randint(1, 20)): data[8+rng.randrange(n)] = rng.randrange(256)
    return data

def test_500_mutations(tmp_path, good, tensors, note):
    "Each is refused in one line or is a model; none takes a second of CPU time, and all together less than a gigabyte."
    rng, whole, f = random.Random(0), good.read_bytes(), tmp_path/'x.safetensors'
    refused(good)
    before, times, said = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, [], 0
    for i in range(500):
        if i%2: with_header(f, tensors, mutated(rng, HEADER))
        else: f.write_bytes(damaged(rng, whole))
        start = time.process_time()
        said += refused(f) is not None
        times.append(time.process_time()-start)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss-before)/(1e6 if sys.platform!='darwin' else 1e9)
    note(f'500 mutated model files: {said} refused, slowest {max(times):.2f} s, memory grew by {grown:.2f} GB')
    assert said>300 and max(times)<1 and grown<1


def test_no_pickle_is_opened_that_may_run_code():
    "`torch.load` runs what a pickle says unless weights_only=True: nowhere here without it."
    from pathlib import Path
    root = Path(__file__).resolve().parent.parent
    folders = ('colorize_nb','experiments','tools','bench','docs','nbs')
    files = [p for d in folders for kind in ('*.py','*.ipynb') for p in (root/d).rglob(kind)]
    found = [f'{p.relative_to(root)}:{i}' for p in files if 'node_modules' not in p.parts
             for i,line in enumerate(p.read_text('utf8').splitlines(), 1) if 'torch.load(' in line and 'weights_only=True' not in line]
    assert found==[]
