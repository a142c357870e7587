"""Measure whether a critic helps on photos: one decoder, trained with L1, then for equal time with L1 or with a critic.

    python -m lab.prove_gan PHOTOS

PHOTOS contains `train240`, to train on, and `eval256`, to test on. The encoder is that of the shipped model, frozen, so
its features are computed once. The networks see squares of 128 px. Each seed trains a decoder with L1 for `--pretrain`
minutes. Then two copies of it continue for `--more` minutes: one with L1, the other with L1 and a critic. A third result
is the first copy with its chroma scaled until it's as colorful as the second. The results go to
`colorize_nb/course/gan.json`, with one strip of pictures per result, and the decoders of the first seed to
`gan.safetensors`. Seeds that the file already contains aren't trained again. All minutes are CPU time; a seed takes about
three of them on one core.
"""
import json
import platform
import time
from copy import deepcopy
from pathlib import Path

import torch
import torch.nn.functional as F
from fastcore.script import call_parse
from safetensors.torch import save_file
from torch import nn

import colorize_nb
from colorize_nb.color.codecs import LabAB
from colorize_nb.color.metrics import ciede, colorfulness, frechet, gray_baseline, through_8bit
from colorize_nb.core.files import whole_file
from colorize_nb.core.photo import bundled_photos, to_image
from colorize_nb.core.show import image_grid
from colorize_nb.data.features import FeatureCache
from colorize_nb.models.encoders import load_encoder
from colorize_nb.train.callbacks import TimeBudget
from colorize_nb.train.learner import colorize_learner
from lab import arms

OUT = arms.RESULTS/'gan.json'
SIZE, BS, SCALE, WIDTHS = 128, 32, 50, (32, 64, 96)
STRIP = ('hills', 'strawberries', 'asters', 'van', 'burger', 'umbrellas')
clock = time.process_time


def new_critic(width=32):
    "Return a critic of lightness and color: `(B,3,32,32)` -> one logit per patch, `(B,1,8,8)`."
    def conv(ni, nf, ks, stride): return nn.Sequential(nn.Conv2d(ni, nf, ks, stride, 1), nn.LeakyReLU(.2))
    body = conv(3, width, 3, 1), conv(width, 2*width, 4, 2), conv(2*width, 4*width, 4, 2)
    return nn.Sequential(*body, nn.Conv2d(4*width, 1, 3, 1, 1))


def forever(dl):
    "Yield features, color, and lightness at the size of the prediction."
    while True:
        for features,y in dl: yield features, y.as_subclass(torch.Tensor), dl.gray.as_subclass(torch.Tensor)


def step(opt, loss):
    opt.zero_grad()
    loss.backward()
    opt.step()


def critic_loss(critic, real, fake, r1):
    "Binary cross-entropy, and the R1 penalty on the critic's gradient at photos (Mescheder 2018)."
    real = real.requires_grad_()
    score = critic(real)
    bce = (F.softplus(-score).mean()+F.softplus(critic(fake)).mean())/2
    slope, = torch.autograd.grad(score.mean((1,2,3)).sum(), real, create_graph=True)
    return bce, bce + r1/2*slope.square().sum((1,2,3)).mean()


def adversarial(model, dls, seconds, pixel, lr, r1):
    "Train a model against a critic. Returns the losses of each step."
    critic = new_critic()
    weights = [p for p in model.parameters() if p.requires_grad]
    opts = [torch.optim.Adam(w, l, betas=(.5, .99)) for w,l in ((weights, lr), ([*critic.parameters()], 2*lr))]
    losses, data, start = dict(critic=[], generator=[], pixel=[]), forever(dls.train), clock()
    while (share := (clock()-start)/seconds)<1:
        features, y, x = next(data)
        model.train()
        fake = model(features)
        bce, whole = critic_loss(critic, torch.cat([x, y], 1), torch.cat([x, fake.detach()], 1), r1)
        step(opts[1], whole)
        losses['critic'].append(bce.item())
        if share<.15: continue # the critic alone
        fooled, pixels = F.softplus(-critic(torch.cat([x, fake], 1))).mean(), (fake-y).abs().mean()
        opts[0].param_groups[0]['lr'] = lr*min(1, 2*(1-share))
        step(opts[0], fooled+pixel*pixels)
        losses['generator'].append(fooled.item())
        losses['pixel'].append(pixels.item())
    return losses


@torch.no_grad()
def predict(model, cache, n):
    "Predict color for all rows of a cache: `(n,2,32,32)` in units of `SCALE`."
    model.eval()
    return torch.cat([model(cache[range(i, min(i+64, n))][0]) for i in range(0, n, 64)])


class Tester:
    "Decode predictions for test photos, and score them."
    def __init__(self, rgb):
        self.rgb, self.codec = rgb, LabAB(ab_scale=SCALE)
        self.encoder = load_encoder('efficientnet_lite0', n_in=3)
        self.x, self.true = self.codec.encode(rgb)[0], self.features(rgb)

    @torch.no_grad()
    def features(self, rgb): return torch.cat([self.encoder(b*2-1)[-1].mean((2,3)) for b in rgb.split(64)])

    def decode(self, pred, k=1): return through_8bit(self.codec.decode(self.x, k*pred))

    def scores(self, rgb):
        "Return the error and the colorfulness of each photo, and the Fréchet distance of all."
        errors = [round(e, 2) for e in ciede(rgb, self.rgb).tolist()]
        return dict(errors=errors, colorfulness=round(colorfulness(rgb).mean().item(), 2),
                    frechet=round(frechet(self.features(rgb), self.true), 4))

    def match(self, pred, goal):
        "Return the factor of the chroma at which predictions are as colorful as `goal`."
        low, high = .5, 4.
        for _ in range(9):
            k = (low+high)/2
            low, high = (k, high) if colorfulness(self.decode(pred, k)).mean()<goal else (low, k)
        return round((low+high)/2, 3)


def save_strip(name, rgb):
    "Put pictures side by side."
    image_grid([to_image(im) for im in rgb], gap=0).save(arms.RESULTS/f'gan-{name}.jpg', quality=88)


def save_decoders(**models):
    "Save what was trained, in 16 bits."
    save_file({f'{name}.{k}': v.half().contiguous() for name,m in models.items() for k,v in m.state_dict().items()
               if not k.startswith('encoder')}, arms.RESULTS/'gan.safetensors')


@call_parse
def main(
    photos:Path, # folder that contains train240 and eval256
    n:int=2000, # photos to train on
    n_test:int=200, # photos to test on
    seeds:int=3, # number of seeds
    pretrain:float=.5, # minutes with L1
    more:float=.75, # minutes with L1 or with a critic
    pixel:float=5., # weight of L1 next to the critic, where 1 stands for 50 CIELAB units
    lr:float=4e-4, # learning rate of the generator; the critic has twice as much
    r1:float=1., # weight of the R1 penalty
    features:str='runs/features', # folder for features
):
    "Measure whether a critic helps on photos."
    torch.set_num_threads(1)
    train, test = arms.train_and_test(photos, n, n_test)
    codec, plain = arms.Corrected(ab_scale=SCALE), LabAB(ab_scale=SCALE)
    shown = [bundled_photos('all')[name] for name in STRIP]
    cache = FeatureCache.build(features, train, arms.with_encoder('shipped'), codec, size=SIZE, device='cpu')
    tests = FeatureCache.build(features, [*test, *shown], arms.with_encoder('shipped'), plain, size=SIZE, device='cpu')
    tester, strip = Tester(arms.squares(test, SIZE)), Tester(arms.squares(shown, SIZE))
    dls = cache.dataloaders(codec, bs=BS, valid_pct=.02, device='cpu')
    found = json.loads(OUT.read_text()) if OUT.exists() else dict(rows=[])
    mean = torch.from_numpy(cache.rgb[::4].copy()).float()/255
    mean = codec.encode(mean)[1].mean((0,2,3)).view(1, 2, 1, 1).expand(n_test, -1, 1, 1)
    found.update(n_train=len(dls.train_ds), n_test=n_test, size=SIZE, batch=BS, widths=WIDTHS,
                 minutes=dict(pretrain=pretrain, more=more), pixel_weight=pixel, lr=lr, r1=r1,
                 truth=round(colorfulness(tester.rgb).mean().item(), 2),
                 gray=tester.scores(gray_baseline(tester.rgb)), mean_color=tester.scores(tester.decode(mean)), strip=STRIP,
                 device='cpu', python=platform.python_version(), torch=torch.__version__, version=colorize_nb.__version__)
    for seed in range(seeds):
        if any(r['seed']==seed for r in found['rows']): continue
        torch.manual_seed(seed)
        def fit(model, minutes, lr):
            learn = colorize_learner(dls, model, loss='l1', metrics=[], wd=.01)
            with learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(10**6, lr, cbs=TimeBudget(minutes*60, clock))
            return learn.model
        first = fit(arms.with_encoder('shipped', widths=WIDTHS), pretrain, 3e-3)
        l1 = fit(deepcopy(first), more, 2e-3)
        critic = deepcopy(first)
        losses = adversarial(critic, dls, more*60, pixel, lr, r1)
        preds = {name: predict(m, tests, len(tests)) for name,m in (('first', first), ('l1', l1), ('critic', critic))}
        row = {name: tester.scores(tester.decode(p[:n_test])) for name,p in preds.items()}
        k = tester.match(preds['l1'][:n_test], row['critic']['colorfulness'])
        row['scaled'] = dict(tester.scores(tester.decode(preds['l1'][:n_test], k)), factor=k)
        curves = {name: [round(sum(v[i:i+5])/len(v[i:i+5]), 4) for i in range(0, len(v), 5)] for name,v in losses.items()}
        found['rows'].append(dict(seed=seed, curves=curves, **row))
        if seed==0:
            save_decoders(l1=l1, critic=critic)
            for name,p,k_ in (('l1', preds['l1'], 1), ('scaled', preds['l1'], k), ('critic', preds['critic'], 1)):
                save_strip(name, strip.decode(p[n_test:], k_))
        with whole_file(OUT) as part: part.write_text(json.dumps(found))
        means = {name: (round(sum(r['errors'])/n_test, 2), r['colorfulness'], r['frechet']) for name,r in row.items()}
        print(seed, means, k, {c: v[-1] for c,v in curves.items()}, len(losses['critic']), flush=True)
