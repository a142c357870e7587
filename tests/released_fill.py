"""Reference data for the released networks: the layout of each file, weights filled by a rule, and golden arrays.

The original programs computed the arrays in tests/released, with weights that depend only on the names of the keys. A network that
accepts these weights strictly, and reproduces the arrays, will load the released file and produce its colors."""
import csv, functools, gzip, zlib
from pathlib import Path
import numpy as np, torch

HOME = Path(__file__).with_name('released')
NAMES = sorted(p.name.removesuffix('.golden.npz') for p in HOME.glob('*.golden.npz'))
NOISE = dict(siggraph17=1.0e-4, eccv16=1.8e-5, ddcolor_tiny=2.2e-4, ddcolor_large=2.0e-4, deoldify_artistic=3.2e-6,
             deoldify_stable=1.6e-5, moein_unet=1.3e-6, moein_dynamicunet=7.7e-7) # float32 rounding of the reference itself

@functools.cache
def layout(name):
    "The tensors of a released file, in its order: rows with `key`, `shape`, `dtype`, `rule`, and `crc32`."
    with gzip.open(HOME/f'{name}.keys.csv.gz', 'rt') as f: rows = list(csv.DictReader(f))
    for r in rows: r['shape'] = tuple(int(n) for n in r['shape'].split('x') if n)
    return rows

@functools.cache
def golden(name):
    "The arrays computed by the original program. Don't change them."
    with np.load(HOME/f'{name}.golden.npz') as f: return dict(f)

def tolerance(name): return max(1e-4, 10*NOISE[name])

def normal(key, shape): return np.random.default_rng(zlib.crc32(key.encode())).standard_normal(shape)

def unit(x): return x/np.sqrt((x**2).sum())

def spectral(key, shape, full):
    "`weight_u`, or `weight_v`, which is partly aligned with the rows of the weight."
    base, kind = key.rsplit('_', 1)
    if kind=='u': return unit(normal(key, shape))
    w = full(f'{base}_orig').astype('float64')
    u = unit(normal(f'{base}_u', w.shape[0]))
    return unit(unit(w.reshape(len(w), -1).T@u)+unit(normal(key, shape)))

def fixed(name, key):
    "The tensors that aren't filled: the ImageNet statistics of DDColor, and the colors of the 313 classes."
    if key=='mean': return np.array([.485, .456, .406]).reshape(1,3,1,1)
    if key=='std': return np.array([.229, .224, .225]).reshape(1,3,1,1)
    if (name,key)==('eccv16','model_out.weight'): return (golden(name)['pts_in_hull'].T/110)[...,None,None]
    raise KeyError(key)

def fill(name, key, shape, rule):
    "The values of one tensor."
    fan = np.prod(shape[1:])
    if rule=='fixed': return fixed(name, key)
    if rule=='zero': return np.zeros(shape)
    if rule.startswith('spectral'):
        by_key = {r['key']: r for r in layout(name)}
        return spectral(key, shape, lambda k: fill(name, k, by_key[k]['shape'], by_key[k]['rule']).astype('float32'))
    rule, *factor = rule.split('*')
    n, scale = normal(key, shape), float(factor[0]) if factor else 1
    values = dict(lin=lambda: n/np.sqrt(fan), conv=lambda: n*np.sqrt(2/fan), orig=lambda: n*3/np.sqrt(fan), one=lambda: 1+.1*n,
                  small=lambda: .1*n, var=lambda: 1+.1*abs(n))
    if rule=='one/4': return (1+.1*n)*.25
    return values[rule]()*scale

def filled_state(name):
    "A state dict with the layout of the released file and filled weights. It's made anew each time, so you may change it."
    return {r['key']: torch.tensor(fill(name, r['key'], r['shape'], r['rule']).astype(r['dtype'])) for r in layout(name)}

def wrong_checksums(name, state):
    "The keys whose values differ from the reference, because the fill or a reader of files went wrong."
    return [r['key'] for r in layout(name) if r['crc32'] and f"{zlib.crc32(state[r['key']].numpy().tobytes()):08x}"!=r['crc32']]
