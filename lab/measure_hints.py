"""Measure color hints on held-out photos: Levin's method, and the network that spreads hints.

    python -m lab.measure_hints PHOTOS --n 60

The hints are drawn like those that the network was trained with, from new photos (the odd ones of PHOTOS). All
methods get the same hints. Levin's method runs over gray, over the model's prediction with the reach that the panel uses,
and over the prediction with unlimited reach.
"""
import argparse
import json
from pathlib import Path

import numpy as np
import torch

from colorize_nb.color.metrics import bootstrap_interval, ciede, psnr, through_8bit
from colorize_nb.color.space import rgb2lab
from colorize_nb.core.photo import find_photos, open_photo, to_tensor
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.infer.paint import lightness, paint, small_copy
from colorize_nb.models.hints import load_hint_net, spread_hints
from colorize_nb.widgets.hint import fade, propagate
from lab.train_hints import draw

COUNTS, REACH = (0, 1, 3, 10, 30), .15


def levin(L, known, ab, base):
    "Return the chroma of Levin's method over gray, over `base` with a limited reach, and over `base`."
    if not known.any(): return np.zeros_like(ab), base, base
    gray, change = propagate(L, known, ab), propagate(L, known, ab-base)
    return gray, base+change*fade(known, REACH*max(known.shape)), base+change


def patches(true, points, halves):
    "Return where the first hints are, their colors as a map, and `(x, y, a, b)` of each."
    (h, w), hints = true.shape[1:], []
    known, ab = np.zeros((h, w), bool), np.zeros_like(true, dtype=float)
    for (y, x),r in zip(points, halves):
        row, col = int(y*h), int(x*w)
        at = slice(max(0, row-r), row+r+1), slice(max(0, col-r), col+r+1)
        a, b = true[:,at[0],at[1]].mean((1, 2))
        known[at], ab[:,at[0],at[1]] = True, np.array([a, b])[:,None,None]
        hints.append((x, y, a, b))
    return known, ab, hints


def measure(photo, model, net, rng):
    "Return CIEDE2000 and PSNR for each number of hints and each method: `(counts,methods,2)`."
    true, small = to_tensor(photo), small_copy(photo, model.size)
    colors, L, found = rgb2lab(true)[0,1:].numpy(), lightness(photo)[0,0].numpy(), []
    predicted = model.chroma(photo)
    base = rgb2lab(to_tensor(paint(photo, predicted)))[0,1:].numpy().astype(float)
    points, halves = draw(rng, max(COUNTS))
    for n in COUNTS:
        known, ab, hints = patches(colors, points[:n], halves[:n])
        maps = [torch.from_numpy(m).float()[None] for m in levin(L, known, ab, base)]
        maps += [spread_hints(net, lightness(small), b, hints) for b in (predicted*0, predicted)]
        shown = [through_8bit(to_tensor(paint(photo, m))) for m in maps]
        found.append([[ciede(s, true).item(), psnr(s, true).item()] for s in shown])
    return found


METHODS = 'Levin over gray', 'Levin over the model', 'Levin over the model, any distance', 'network over gray', 'network over the model'


def summarize(scores):
    "Return one row per count and method. The interval is for the difference from the best of Levin's variants for that count."
    rows = []
    for i,n in enumerate(COUNTS):
        best = scores[:,i,:3,0].mean(0).argmin()
        for j,method in enumerate(METHODS):
            change, (error, db) = scores[:,i,j,0]-scores[:,i,best,0], scores[:,i,j].mean(0).tolist()
            rows.append(dict(hints=n, method=method, ciede=error, psnr=db, change=change.mean().item(), interval=bootstrap_interval(change)))
    return rows


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('photos', type=Path)
    p.add_argument('--n', type=int, default=60)
    p.add_argument('--side', type=int, default=192)
    p.add_argument('--out', type=Path, default=Path('colorize_nb/course/hints.json'))
    args = p.parse_args()
    model, net, found = Colorizer.load('shipped'), load_hint_net(), []
    files = find_photos([args.photos])[1::2]
    for i,f in enumerate(files[::max(1, len(files)//args.n)][:args.n]):
        photo = open_photo(f)
        photo.thumbnail((args.side, args.side))
        found.append(measure(photo, model, net, np.random.default_rng(i)))
        if i%10==9 or i+1==args.n:
            scores = torch.tensor(found, dtype=torch.float64)
            args.out.write_text(json.dumps(dict(photos=len(found), rows=summarize(scores)), indent=1)+'\n')
            print(i+1, [(r['hints'], r['method'], round(r['ciede'], 2)) for r in summarize(scores)], flush=True)


if __name__=='__main__': main()
