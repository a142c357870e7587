"""Train the last layer of the shipped network with four losses, so that only the loss differs.

    python -m lab.heads PHOTOS HELD

PHOTOS is a folder of color photos to train on. HELD contains test photos that neither the shipped network nor these layers
have seen. The network up to its last layer stays as it is. On top of its 48 features per position, four small layers
are trained: for L2, L1, cross-entropy over 261 cells, and cross-entropy with class rebalancing. The weights go to
`colorize_nb/course/heads.safetensors`, together with the prior of the training photos, and the scores to `heads.json`.
This takes about 20 minutes on one core with `--n 1000 --steps 1000`.
"""
import argparse
import json
import random
import time
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from colorize_nb.color.classes import JointBins, collapse, color_prior
from colorize_nb.color.codecs import LabAB
from colorize_nb.color.metrics import bootstrap_interval, ciede, colorfulness, gray_baseline, psnr, through_8bit
from colorize_nb.color.space import rgb2lab, to_gamut
from colorize_nb.core.files import whole_file
from colorize_nb.core.photo import find_photos
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.train.losses import get_loss
from lab.arms import RESULTS as COURSE, squares

SIZE, HIDDEN, BS = 256, 64, 4096


def head(n_out): return nn.Sequential(nn.Conv2d(48, HIDDEN, 1), nn.ReLU(), nn.Conv2d(HIDDEN, n_out, 1))


@torch.inference_mode()
def features(net, files):
    "Yield the features `(1,48,64,64)` of the shipped network and the photo `(1,3,256,256)`."
    for f in files:
        rgb = squares([f], SIZE)
        x = rgb2lab(rgb)[:,:1]/50-1
        yield net.decoder(list(net.encode_frozen(x))), rgb


def samples(net, files, per_photo=300):
    "Return features `(N,48)` and colors `(N,3)` at random positions of the photos."
    xs, ys = [], []
    for x,rgb in features(net, files):
        small = nn.functional.adaptive_avg_pool2d(rgb, x.shape[-2:])
        at = torch.randperm(x[0,0].numel())[:per_photo]
        xs.append(x[0].flatten(1).T[at])
        ys.append(small[0].flatten(1).T[at])
    return torch.cat(xs), torch.cat(ys)


def train(loss, codec, x, rgb, steps, seed):
    "Train one head with AdamW and a one-cycle schedule."
    torch.manual_seed(seed)
    net, fn = head(codec.n_out), get_loss(loss, codec)
    opt = torch.optim.AdamW(net.parameters(), 5e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(opt, 5e-3, total_steps=steps)
    for _ in range(steps):
        at = torch.randint(len(x), (BS,))
        y = codec.encode(rgb[at].T[None,:,:,None])[1]
        fn(net(x[at].T[None,:,:,None]), y).backward()
        opt.step()
        opt.zero_grad()
        schedule.step()
    return net.eval()


@torch.inference_mode()
def score(net, codec, how, held):
    "Return CIEDE2000, PSNR, and colorfulness of each photo."
    rows = []
    for x,rgb in held:
        pred = codec.activate(net(x))
        ab = codec.ab(None, pred) if how is None else collapse(codec.probs(pred), codec.centers, how)
        ab = nn.functional.interpolate(ab, size=rgb.shape[-2:], mode='bilinear')
        out = through_8bit(to_gamut(torch.cat([rgb2lab(rgb)[:,:1], ab], 1)))
        rows.append([ciede(out, rgb).item(), psnr(out, rgb).item(), colorfulness(out).item()])
    return rows


def minus_gray(difference):
    "Return the mean and the 95% interval over photos of a difference to gray."
    return [round(v, 2) for v in (difference.mean().item(), *bootstrap_interval(difference))]


def main(photos, held, n, steps, seeds):
    files = find_photos([Path(photos)])
    random.Random(0).shuffle(files)
    start, net = time.process_time(), Colorizer.load('shipped').model
    torch.manual_seed(0)
    x, rgb = samples(net, files[:n])
    bins = JointBins(10)
    prior = color_prior(bins, [rgb.T[None,:,:,None]])
    arms = {'l2': (LabAB(ab_scale=50), 'l2', (None,)), 'l1': (LabAB(ab_scale=50), 'l1', (None,)),
            'classes': (bins, 'soft_ce', ('mean','annealed','median','mode')),
            'rebalanced': (bins.with_prior(prior), 'rebalanced_ce', ('mean','annealed','mode'))}
    test = [(f, nn.functional.avg_pool2d(t, 2)) for f,t in features(net, find_photos([Path(held)])[1::2])]
    gray = [[f(gray_baseline(t), t).item() for f in (ciede, psnr)] + [colorfulness(t).item()] for _,t in test]
    facts = dict(data=Path(photos).name, n_train=n, n_test=len(test), test=Path(held).name, steps=steps, batch=BS, size=SIZE,
                 device='cpu', gray=[round(v, 2) for v in torch.tensor(gray).mean(0).tolist()])
    weights, rows, errors = dict(prior=prior), [], {}
    for seed in range(seeds):
        for name,(codec,loss,hows) in arms.items():
            trained = train(loss, codec, x, rgb, steps, seed)
            if seed==0: weights |= {f'{name}.{k}': v.half() for k,v in trained.state_dict().items()}
            for how in hows:
                s = torch.tensor(score(trained, codec, how, test))
                errors.setdefault(f'{name} {how or ""}'.strip(), []).append(s[:,0])
                e, p, c = s.mean(0).tolist()
                rows.append(dict(loss=name, decoding=how or '', seed=seed, ciede=round(e, 3), psnr=round(p, 3), colorfulness=round(c, 2)))
                print(rows[-1], flush=True)
        save_file({k: v.contiguous() for k,v in weights.items()}, COURSE/'heads.safetensors')
        facts['difference'] = {k: minus_gray(torch.stack(v).mean(0)-torch.tensor(gray)[:,0]) for k,v in errors.items()}
        facts.update(seeds=seed+1, minutes=round((time.process_time()-start)/60, 1))
        with whole_file(COURSE/'heads.json') as part: part.write_text(json.dumps(dict(facts, rows=rows), indent=1)+'\n')


if __name__=='__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('photos', metavar='PHOTOS', help='folder of color photos')
    p.add_argument('held', metavar='HELD', help='folder of test photos, of which every second one is used')
    p.add_argument('--n', type=int, default=300, help='photos to train on')
    p.add_argument('--steps', type=int, default=300, help='optimizer steps')
    p.add_argument('--seeds', type=int, default=2, help='seeds per loss')
    main(**vars(p.parse_args()))
