"""Measure whether a critic helps: train with L1 alone, then with L1 and a critic, with three seeds.

    python -m lab.prove_gan FOLDER --pretrain 6 --gan 4

FOLDER contains color photos, used at 64 px. Both stages are measured on held-out photos by PSNR, CIEDE2000, and
colorfulness. `--pretrain` and `--gan` set the minutes per stage and seed: CPU time, or wall-clock time on a GPU. The
results go to `colorize_nb/course/gan.json`; seeds that the file already contains aren't trained again.
"""
import json, time
from pathlib import Path

import torch
from fastai.torch_core import set_seed
from fastcore.script import call_parse

from colorize_nb.color.codecs import LabAB
from colorize_nb.color.metrics import ciede, colorfulness, gray_baseline, psnr, through_8bit
from colorize_nb.data.stream import GeneratedBatches, stream_loaders
from colorize_nb.core.photo import find_photos, open_photo, to_tensor
from colorize_nb.train.gan import gan_learner
from colorize_nb.train.learner import colorize_learner
from colorize_nb.train.callbacks import TimeBudget

OUT = Path(__file__).resolve().parent.parent/'colorize_nb/course/gan.json'


def square(path, size=64):
    "Read the central square of a photo as `(1,3,size,size)`."
    im = open_photo(path)
    side = min(im.size)
    x, y = ((d-side)//2 for d in im.size)
    return to_tensor(im.resize((size,size), 1, box=(x, y, x+side, y+side)))


def scores(rgb, true):
    "Return mean PSNR, CIEDE2000, and colorfulness of predictions `(n,3,h,w)`, rounded to 8 bits."
    rgb = through_8bit(rgb)
    return {'PSNR': round(psnr(rgb, true).mean().item(), 3), 'CIEDE2000': round(ciede(rgb, true).mean().item(), 3),
            'colorfulness': round(colorfulness(rgb).mean().item(), 2)}


@call_parse
def main(
    folder:Path, # folder of color photos
    n:int=10_000, # photos to train on
    n_test:int=300, # held-out photos
    seeds:int=3, # number of seeds
    pretrain:float=6., # minutes with L1 alone
    gan:float=4., # minutes with L1 and a critic
    pixel:float=10., # weight of L1 next to the critic
    lr:float=2e-4, # learning rate with the critic
):
    "Measure whether a critic helps."
    files = find_photos([folder])[:n+n_test]
    every = len(files)//n_test
    test = torch.cat([square(f) for f in files[::every]])
    rest = torch.cat([(square(f)*255).byte() for i,f in enumerate(files) if i%every])
    data = json.loads(OUT.read_text()) if OUT.exists() else dict(rows=[])
    data.update(n_train=len(rest), n_test=len(test), minutes=dict(pretrain=pretrain, gan=gan), pixel_weight=pixel, lr=lr,
                gray=scores(gray_baseline(test), test), truth=round(colorfulness(test).mean().item(), 2))
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    for seed in range(seeds):
        if any(r['seed']==seed for r in data['rows']): continue
        set_seed(seed)
        g = torch.Generator().manual_seed(seed)
        def draw(i):
            rgb = rest[torch.randint(len(rest), (32,), generator=g)]/255
            return rgb.flip(3) if torch.rand(1, generator=g)<.5 else rgb
        dls = stream_loaders(GeneratedBatches(draw, 200), GeneratedBatches(lambda i: test[:32], 1, fresh=False), LabAB(), 64)
        learn = colorize_learner(dls, loss='l1', metrics=[], model_kwargs=dict(widths=[32,48,64,96], depths=[0,0,1,1]))
        codec, x = dls.codec, dls.codec.encode(test)[0]
        def predict():
            def one(b): return codec.decode(b, learn.model.eval()(b.to(dls.device)).cpu().float())
            with torch.no_grad(): return torch.cat([one(b) for b in x.split(64)])
        with learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(10**6, 3e-3, cbs=TimeBudget(pretrain*60, clock))
        before = scores(predict(), test)
        adv = gan_learner(learn, loss='bce', pixel_weight=pixel)
        with adv.no_bar(), adv.no_logging():
            adv.fit_critic(1, 2e-4)
            adv.fit(10**6, lr, cbs=TimeBudget(gan*60, clock))
        curves = {k: [round(float(torch.tensor(v[i:i+50]).mean()), 3) for i in range(0, len(v), 50)] for k,v in adv.gan_losses.items()}
        data['rows'].append(dict(seed=seed, l1=before, l1_and_critic=scores(predict(), test), collapsed=adv.collapsed,
                                 curves=curves))
        OUT.write_text(json.dumps(data, indent=1))
        print(json.dumps({k: v for k,v in data['rows'][-1].items() if k!='curves'}), flush=True)
