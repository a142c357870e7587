"Fill released networks with weights derived from the names of their tensors, and load what the original programs computed with them."
import csv
import gzip
import zlib
from pathlib import Path

import numpy as np
import torch

DATA = Path(__file__).resolve().parent.parent/'tests'/'released'
# Largest difference between the float32 reference and the same network in float64
NOISE = dict(siggraph17=1e-4, eccv16=1.8e-5, ddcolor_tiny=2.2e-4, ddcolor_large=2e-4, deoldify_artistic=3.2e-6,
             deoldify_stable=1.6e-5, moein_unet=1.3e-6, moein_dynamicunet=7.7e-7)


def layout(name):
    "Return the rows of a network's layout, in the order of the released file."
    with gzip.open(DATA/f'{name}.keys.csv.gz', 'rt', newline='') as f: return list(csv.DictReader(f))


def shape_of(row): return tuple(int(n) for n in row['shape'].split('x')) if row['shape'] else ()


def _normal(key, shape): return np.random.default_rng(zlib.crc32(key.encode())).standard_normal(shape)


def _unit(v): return v/np.linalg.norm(v)


def _spectral(key, shape, weight):
    "Return the u or v that belongs to `weight`, neither normalized again nor the largest singular vector."
    w, stem = weight.astype(float).reshape(len(weight), -1), key.rsplit('_', 1)[0]
    u = _unit(_normal(f'{stem}_u', len(w)))
    if key.endswith('_u'): return u
    return _unit(_unit(w.T@u) + _unit(_normal(key, shape)))


def _value(key, shape, rule):
    "Return the float64 values of one tensor that depends on no other."
    name, _, factor = rule.partition('*')
    n, fan = _normal(key, shape), np.prod(shape[1:])
    formulas = {'lin': lambda: n/fan**.5, 'conv': lambda: n*(2/fan)**.5, 'orig': lambda: n*3/fan**.5, 'one': lambda: 1+.1*n,
                'one/4': lambda: (1+.1*n)*.25, 'small': lambda: .1*n, 'var': lambda: 1+.1*abs(n)}
    return formulas[name]()*float(factor or 1)


def _fixed(name, key):
    "Return a tensor that isn't filled: ImageNet's statistics, or the colors of Zhang's 313 classes."
    if key in ('mean', 'std'): return np.array(dict(mean=(.485, .456, .406), std=(.229, .224, .225))[key]).reshape(1, 3, 1, 1)
    return golden(name)['pts_in_hull'].T.reshape(2, 313, 1, 1)/110


def filled_weights(name):
    "Return a state dict in the layout of the released file."
    found = {}
    for row in layout(name):
        key, shape, rule = row['key'], shape_of(row), row['rule']
        if rule=='zero' or row['dtype']=='int64': value = np.zeros(shape)
        elif row['source']=='fixed': value = _fixed(name, key)
        elif rule.startswith('spectral'): value = _spectral(key, shape, found[f"{key.rsplit('_', 1)[0]}_orig"].numpy())
        else: value = _value(key, shape, rule)
        found[key] = torch.from_numpy(np.asarray(value)).to(getattr(torch, row['dtype'])).contiguous()
    return found


def golden(name):
    "Return what the original program computed with these weights: inputs, raw outputs, and final pictures."
    with np.load(DATA/f'{name}.golden.npz') as arrays: return dict(arrays)


def tolerance(name):
    "Return the largest difference from the reference output that rounding can explain."
    return max(1e-4, 10*NOISE[name])


def wrong_checksums(name, tensors):
    "Return the keys whose values differ from the reference, because the fill went wrong."
    def crc(v): return f'{zlib.crc32(v.numpy().tobytes()):08x}'
    return [r['key'] for r in layout(name) if r['crc32'] and crc(tensors[r['key']])!=r['crc32']]
