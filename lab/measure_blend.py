"""Measure the mean of two models' colors on photos, for several weights.

    python -m lab.measure_blend PHOTOS shipped other.safetensors --out lab/results/blend.json

The photos are shrunk to at most `--side` pixels first. The even photos are for choosing a weight, the odd ones for
reporting. Intervals are 95% bootstrap intervals over photos.
"""
import argparse
import json
from pathlib import Path

import torch

from colorize_nb.color.metrics import bootstrap_interval, ciede, gray_baseline, psnr, through_8bit
from colorize_nb.core.photo import find_photos, open_photo, to_tensor
from colorize_nb.infer.released import blend

WEIGHTS = 0., .5, 1. # of the second model


def scores(rgb, true): return [f(through_8bit(rgb), true).item() for f in (ciede, psnr)]


def measure(photo, mixtures):
    "Return CIEDE2000 and PSNR of gray and of each mixture: `(1+weights,2)`."
    true = to_tensor(photo)
    return [scores(rgb, true) for rgb in (gray_baseline(true), *(to_tensor(m(photo).image) for m in mixtures))]


def summarize(found):
    "Return the means of each half, and the differences between the mixture and the better model."
    rows = []
    for half,s in (('even', found[::2]), ('odd', found[1::2])):
        means = s.mean(0)
        best = 1+min((0, len(WEIGHTS)-1), key=lambda i: means[1+i,0]) # the model with the lower error on this half
        for i,w in enumerate(WEIGHTS, 1):
            change = s[:,i,0]-s[:,best,0]
            rows.append(dict(half=half, weight=w, ciede=means[i,0].item(), psnr=means[i,1].item(), change=change.mean().item(),
                             interval=bootstrap_interval(change)))
        rows.append(dict(half=half, weight='gray', ciede=means[0,0].item(), psnr=means[0,1].item()))
    return rows


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('photos', type=Path)
    p.add_argument('models', nargs=2)
    p.add_argument('--side', type=int, default=192)
    p.add_argument('--every', type=int, default=1)
    p.add_argument('--out', type=Path, required=True)
    p.add_argument('--names', nargs=2)
    args = p.parse_args()
    mixtures, found = [blend(args.models, [1-w, w]) for w in WEIGHTS], []
    files = find_photos([args.photos])[::args.every]
    for i,f in enumerate(files):
        photo = open_photo(f)
        photo.thumbnail((args.side, args.side))
        found.append(measure(photo, mixtures))
        if i%50==49: print(i+1, flush=True)
    found = torch.tensor(found, dtype=torch.float64)
    args.out.write_text(json.dumps(dict(models=args.names or args.models, photos=len(found), rows=summarize(found)), indent=1)+'\n')


if __name__=='__main__': main()
