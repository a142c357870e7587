"Invalid model files give a one-line error without using much memory, whatever the header or the bytes contain."
import copy, json, random, resource, struct, sys

import pytest, torch
from safetensors.torch import load_file, save

from colorize_nb.color.codecs import LabAB
from colorize_nb.models.layers import create_model
from colorize_nb.models.store import FORMAT, StoreError, load_model_file, save_model

SMALL = dict(widths=[8,16,32], depths=[0,1,1])
SPEC = dict(arch='unet_compact', n_in=1, n_out=2, size=64, kwargs=SMALL)
HEADER = dict(format=FORMAT, spec=SPEC, codec=LabAB().config(), meta={})


@pytest.fixture(scope='module')
def good(tmp_path_factory):
    import fastai.vision.learner, fastai.vision.models.unet # so that their memory isn't attributed to a file
    torch.manual_seed(0)
    return save_model(tmp_path_factory.mktemp('store')/'good.safetensors', create_model('unet_compact', **SMALL), LabAB(), SPEC)

@pytest.fixture(scope='module')
def tensors(good): return load_file(good)

def with_header(path, tensors, header):
    "Write a complete file with `header`, a string or a JSON value."
    path.write_bytes(save(tensors, {'colorize_nb': header if isinstance(header, str) else json.dumps(header)}))
    return path

def error_of(path):
    "Return the error message for `path`, or None if it loads."
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
    'codec is a string': {**HEADER, 'codec': 'LabAB'},
    'codec without a name': {**HEADER, 'codec': {}},
    'format is a string': {**HEADER, 'format': 'x'},
    'meta is a list': {**HEADER, 'meta': [1]},
    'arch is a number': spec(arch=7),
    'arch is a list': spec(arch=['unet_compact']),
    'arch is unknown': spec(arch='unknown'),
    'n_in is a string': spec(n_in='1'),
    'n_in is huge': spec(n_in=10**9),
    'n_out is huge': spec(n_out=10**9),
    'n_out does not match the codec': spec(n_out=3),
    'size is negative': spec(size=-64),
    'size is huge': spec(size=10**12),
    'size is a float': spec(size=64.5),
    'size is true': spec(size=True),
    'kwargs is a list': spec(kwargs=[1]),
    'unknown keyword': spec(kwargs={**SMALL, 'color': 1}),
    'ten million layers': spec(kwargs={**SMALL, 'depths': [0, 10**7, 1]}),
    'three gigabytes': spec(kwargs={'widths': [5000, 5000], 'depths': [0, 0]}),
    'more than memory': spec(kwargs={'widths': [10**9, 10**9], 'depths': [0, 0]}),
    'widths are strings': spec(kwargs={'widths': ['8', '16'], 'depths': [0, 0]}),
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
def test_an_invalid_header_gives_one_line_without_a_download(tmp_path, tensors, header, monkeypatch):
    def offline(*a, **k): raise AssertionError('a model file started a download')
    monkeypatch.setattr(torch.hub, 'load_state_dict_from_url', offline)
    assert error_of(with_header(tmp_path/'x.safetensors', tensors, header))


def test_a_codec_with_tiny_cells_takes_little_memory():
    "A header can request 22,000 cells of one unit each."
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
    assert 'head.bias' in error_of(with_header(tmp_path/'sick.safetensors', sick, HEADER))

def test_values_too_large_for_16_bits_are_stored_in_32(tmp_path):
    net = create_model('unet_compact', **SMALL)
    with torch.no_grad(): net.head.bias[0] = 1e5
    assert load_model_file(save_model(tmp_path/'m.safetensors', net, LabAB(), SPEC))[0].head.bias[0]==1e5

def test_tensors_that_do_not_fit_are_named(tmp_path, tensors):
    less = {k: v for k,v in tensors.items() if k!='head.bias'}
    assert 'head.bias is missing' in error_of(with_header(tmp_path/'less.safetensors', less, HEADER))
    assert 'extra is not part of this network' in error_of(with_header(tmp_path/'more.safetensors', {**tensors, 'extra': torch.zeros(1)}, HEADER))
    other = with_header(tmp_path/'other.safetensors', {**tensors, 'head.bias': torch.zeros(3)}, HEADER)
    assert 'head.bias is [3], not [2]' in error_of(other)


VALUES = [None, True, -1, 0, 1, 3, 10**4, 10**7, 10**18, 10**400, .5, 1e300,
          '', 'x', 'unet_resnet34', 'a'*5000, [], [1]*50, [[1]], {}, {'a': 1}, [10**7]*3]

def mutated(rng, header):
    "Return a copy of `header` with one to three values changed or removed."
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
    "Return the bytes of a file, truncated, changed, or with a wrong header length."
    data, how = bytearray(data), rng.randrange(4)
    if how==0: return data[:rng.randrange(len(data))]
    if how==1: data[:8] = struct.pack('<Q', rng.choice([0, 1, 2**20, 2**40, 2**63, rng.randrange(2**16)]))
    else:
        n = struct.unpack('<Q', data[:8])[0] if how==2 else len(data)-8 # in the header, or anywhere
        for _ in range(rng.randint(1, 20)): data[8+rng.randrange(n)] = rng.randrange(256)
    return data

def test_500_random_mutations_load_or_give_one_line(tmp_path, good, tensors, note):
    rng, whole, f = random.Random(0), good.read_bytes(), tmp_path/'x.safetensors'
    error_of(good)
    before, n_errors = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, 0
    for i in range(500):
        if i%2: with_header(f, tensors, mutated(rng, HEADER))
        else: f.write_bytes(damaged(rng, whole))
        n_errors += error_of(f) is not None
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss-before)/(1e6 if sys.platform!='darwin' else 1e9)
    note(f'500 mutated model files: {n_errors} rejected, memory grew by {grown:.2f} GB')
    assert n_errors>300 and grown<1


def test_torch_load_is_always_called_with_weights_only():
    "Without weights_only=True, `torch.load` can run code from the file."
    from pathlib import Path
    root = Path(__file__).resolve().parent.parent
    folders = ('colorize_nb','lab','tools','docs','nbs')
    files = [p for d in folders for kind in ('*.py','*.ipynb') for p in (root/d).rglob(kind)]
    found = [f'{p.relative_to(root)}:{i}' for p in files if 'node_modules' not in p.parts
             for i,line in enumerate(p.read_text('utf8').splitlines(), 1) if 'torch.load(' in line and 'weights_only=True' not in line]
    assert found==[]
