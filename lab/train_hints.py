"""Train the network that spreads color hints, on top of the shipped model's predictions.

    python -m lab.train_hints PHOTOS CACHE --photos 2400 --minutes 40

The first run predicts every photo once and keeps lightness, colors, and predictions in CACHE (0.15 MB per photo). Then it
trains on hints that are drawn as in Zhang 2017, section 3: their positions from a Gaussian around the center, their colors
the means of patches of one to nine pixels. Half of the batches have zero to thirty hints with equal probability, the others
a number from a geometric distribution with a mean of about seven. The prediction's saturation varies, and sometimes it's 0,
so that the network also works on top of gray and of other models. Unlike most programs in `lab`, it doesn't
correct the chroma of `train240` (see `lab.arms.corrected`), so the hints are off by about 0.6 in a and 0.5 in b.
"""
import argparse
import math
import random
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from colorize_nb.color.space import rgb2lab
from colorize_nb.core.photo import PhotoError, find_photos, is_gray, open_photo, to_tensor
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.models.hints import HintNet

SIDE, MOST = 256, 30


def squares(files, rng):
    "Yield color squares `(1,3,SIDE,SIDE)`."
    for f in files:
        try: photo = open_photo(f)
        except PhotoError: continue
        if is_gray(photo): continue
        scale = rng.uniform(1, 1.4)*SIDE/min(photo.size)
        photo = photo.resize([max(SIDE, round(n*scale)) for n in photo.size])
        x, y = (rng.randint(0, n-SIDE) for n in photo.size)
        yield to_tensor(photo.crop((x, y, x+SIDE, y+SIDE)))


@torch.inference_mode()
def predict(colorizer, rgb):
    "Return lightness, colors at half the size, and predicted colors without saturation."
    lab = rgb2lab(rgb)
    x = colorizer.codec.x_from_L(lab[:,:1])
    ab = colorizer.codec.ab(x, colorizer.codec.activate(colorizer.model(x)))
    return (lab[:,0]*2.55).round().byte().numpy(), F.avg_pool2d(lab[:,1:], 2).half().numpy(), ab.half().numpy()


def build(files, cache, n):
    "Predict `n` squares, unless the cache has them already."
    paths = [cache/f'{k}.npy' for k in ('L', 'ab', 'base')]
    if not all(p.exists() for p in paths):
        cache.mkdir(parents=True, exist_ok=True)
        rng, colorizer = random.Random(1), Colorizer.load('shipped')
        random.Random(7).shuffle(files)
        found = [predict(colorizer, rgb) for rgb,_ in zip(squares(files, rng), range(n))]
        for p,parts in zip(paths, zip(*found)): np.save(p, np.concatenate(parts))
    return [np.load(p, mmap_mode='r') for p in paths]


def draw(rng, n):
    "Draw `n` positions around the center, and the half sides of their patches in half pixels."
    points = rng.normal(.5, .25, (8*n+8, 2))
    return points[((points>=0) & (points<1)).all(1)][:n], rng.integers(0, 3, n)


def batch(data, rows, counts, saturation, rng):
    "Return the network's arguments and the true colors."
    L, true, base = (torch.from_numpy(a[rows]).float() for a in data)
    half, cells, k = true.shape[-1], base.shape[-1], max(1, *counts)
    color, where, given = torch.zeros(len(rows), k, 2), torch.zeros(len(rows), k, dtype=torch.long), torch.zeros(len(rows), k, dtype=torch.bool)
    for i,n in enumerate(counts):
        for j,((y, x), r) in enumerate(zip(*draw(rng, n))):
            row, col = int(y*half), int(x*half)
            color[i,j] = true[i,:,max(0, row-r):row+r+1,max(0, col-r):col+r+1].mean((1, 2))
            where[i,j], given[i,j] = (row*cells//half)*cells+col*cells//half, True
    target = F.avg_pool2d(true, half//cells).flatten(2).transpose(1, 2)
    return (L[:,None]/2.55, base*saturation, color, where, given), target


def loss_of(pred, target):
    "Return the mean distance, plus twice the log of each photo's squared error."
    squared = ((pred-target)**2).sum(-1)
    return (squared+1).sqrt().mean() + 2*(squared.mean(1)+5).log().mean()


def fit(net, data, minutes, bs=8, points=600, lr=3e-3, seed=0):
    "Train `net` in place for some minutes, with a cosine schedule. Return the number of steps."
    rng, start, step = np.random.default_rng(seed), time.time(), 0
    opt = torch.optim.AdamW(net.parameters(), lr, weight_decay=1e-3)
    while (done := (time.time()-start)/60/minutes)<1:
        for g in opt.param_groups: g['lr'] = lr*min(1, (step+1)/100)*(.5+.5*math.cos(math.pi*done)+.01)
        rows = np.sort(rng.choice(len(data[0]), bs, replace=False))
        counts = [int(rng.integers(0, MOST+1)) if rng.random()<.5 else min(MOST, rng.geometric(1/8)-1) for _ in rows]
        saturation = torch.tensor([0. if rng.random()<.15 else rng.uniform(.9, 1.4) for _ in rows]).float().view(-1, 1, 1, 1)
        inputs, target = batch(data, rows, counts, saturation, rng)
        at = torch.randint(target.shape[1], (bs, points))
        loss = loss_of(net(*inputs, at), target.gather(1, at[...,None].expand(-1, -1, 2)))
        opt.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.)
        opt.step()
        step += 1
        if step%200==0: print(f'step {step}, loss {loss.item():.2f}, {done:.0%}', flush=True)
    return step


def save(net, path): np.savez_compressed(path, **{k: v.half().numpy() for k,v in net.state_dict().items()})


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('photos', type=Path)
    p.add_argument('cache', type=Path)
    p.add_argument('--photos', dest='n', type=int, default=2400)
    p.add_argument('--minutes', type=float, default=40)
    p.add_argument('--out', type=Path, default=Path('colorize_nb/weights/hints.npz'))
    args = p.parse_args()
    torch.manual_seed(0)
    net = HintNet()
    print(fit(net, build(find_photos([args.photos]), args.cache, args.n), args.minutes), 'steps')
    save(net, args.out)


if __name__=='__main__': main()
