"""Train the model that ships with the package, from random weights, for a budget of time.

    python experiments/train_shipped.py PHOTOS --minutes 90

PHOTOS holds folders of photos (`--packs` names them). The schedule is one cycle over the minutes given, so a faster device sees more photos, not
another schedule. Killed, it goes on from its checkpoint; with more minutes, a finished run goes on too. `experiments/evaluate.py` measures the result.
"""
import argparse, json, random, time
from functools import partial
from pathlib import Path

import numpy as np, torch
from fastai.callback.core import Callback, CancelFitException
from fastai.callback.schedule import Learner
from fastai.data.core import DataLoaders
from fastai.optimizer import Adam
from torch.utils.data import DataLoader, IterableDataset

from colorize_nb.color.codecs import LabAB
from colorize_nb.color.space import ciede2000, lab2rgb, rgb2lab
from colorize_nb.io.files import whole_file
from colorize_nb.io.photo import PhotoError, find_photos, open_photo, to_tensor
from colorize_nb.models.registry import create_model
from colorize_nb.models.store import load_model_file, save_model
from PIL import Image

# Input size in pixels -> (photos a batch, share of the batches early, share late). Small photos teach what things are fastest;
# a network that saw one size only is worse than gray at twice that size, so the later part of the cycle mixes sizes.
SIZES = {64: (64, .5, .28), 96: (48, .2, .20), 128: (32, .2, .26), 192: (16, .04, .06), 256: (12, .03, .07), 384: (6, .01, .05), 512: (4, .02, .08)}
LATE = .6 # of the cycle
FAVOUR = {'nips2017': 5, 'imagenet-sample-images': 2, 'bsds500': 2, 'denoising': 2} # most like the photos people have
LEAVE = ('clothing', 'caltech101') # cut out on white
SPEC = dict(arch='unet_compact', n_in=1, n_out=2, size=128, kwargs=dict(widths=[32,48,96,192,256], depths=[0,0,1,2,1]))
CODEC = LabAB()


def loss(pred, lab):
    "What is measured: CIEDE2000, and PSNR as the mean logarithm of each photo's squared RGB error, weighed to count alike. `lab` is `(B,3,H,W)`."
    pred = CODEC.ab(None, CODEC.activate(pred.as_subclass(torch.Tensor)).float())
    lab = CODEC.resize_target(lab.as_subclass(torch.Tensor), pred.shape[-2:])
    ours = torch.cat([lab[:,:1], pred], 1)
    mse = (lab2rgb(ours)-lab2rgb(lab)).square().mean((1,2,3))
    return .1*ciede2000(ours, lab).mean() + .25*(mse+2e-4).log().mean()


def big_enough(photo, size):
    "May `photo` be enlarged to `size`? At most twice; four times for the few batches above 256."
    return min(photo.size)*(2 if size<=256 else 4) >= .99*size


def random_crop(photo, size, rng):
    "A square of 64 to 100% of the short side's area, somewhere, mirrored half the time: `(size,size,3)` uint8."
    side = min(photo.size)*rng.uniform(.8, 1)
    x, y = (rng.uniform(0, d-side) for d in photo.size)
    crop = np.asarray(photo.resize((size,size), Image.BICUBIC if size>side else Image.BILINEAR, box=(x, y, x+side, y+side)))
    return crop[:,::-1] if rng.random()<.5 else crop


class Crops(IterableDataset):
    "Whole batches of random crops, `(B,3,S,S)` in [0,1], each batch of one size drawn from `SIZES`; `times[i]` is how often photo `i` comes an epoch."
    def __init__(self, photos, times, n, scale=1):
        self.photos, self.n, self.scale, self.seed, self.late = photos, n, scale, 0, False
        self.fit = {s: [i for i,p in enumerate(photos) if big_enough(p, s) for _ in range(times[i])] for s in SIZES}

    def __len__(self): return self.n
    def __iter__(self):
        worker, self.seed = torch.utils.data.get_worker_info(), self.seed+1
        rng = random.Random(f'{self.seed} {worker.id if worker else 0}')
        for _ in range(self.n//(worker.num_workers if worker else 1)):
            size = rng.choices([*SIZES], [s[1+self.late] for s in SIZES.values()])[0]
            pick = rng.choices(self.fit[size], k=SIZES[size][0]*self.scale)
            yield (torch.from_numpy(np.stack([random_crop(self.photos[i], size, rng) for i in pick])).permute(0,3,1,2)/255.,) # fastai splits tuples


class Squares(IterableDataset):
    "Held-out photos as squares of `size`, 32 a batch."
    def __init__(self, photos, size=128): self.batches = [(torch.cat([to_tensor(p.resize((size,size), Image.BILINEAR)) for p in photos[i:i+32]]),) for i in range(0,len(photos),32)]
    def __len__(self): return len(self.batches)
    def __iter__(self): return iter(self.batches)


class Encode(Callback):
    "Moves a batch of photos to the device and makes `(L, Lab)` of it there; runs the network in bf16."
    order = -20
    def __init__(self, device): self.device = device
    def before_batch(self):
        rgb = self.learn.xb[0].to(self.device, non_blocking=True)
        lab = rgb2lab(rgb)
        self.learn.xb, self.learn.yb = (CODEC.x_from_L(lab[:,:1]),), (lab,)
        self.bf16 = torch.autocast(self.device.type, torch.bfloat16)
        self.bf16.__enter__()
    def after_pred(self): self.bf16.__exit__(None, None, None)


class Budget(Callback):
    "One cycle over `seconds` of training, and a checkpoint an epoch."
    order = 55 # after the Recorder, before the ParamScheduler
    def __init__(self, seconds, path, crops):
        self.seconds, self.path, self.crops, self.spent, self.epochs, self.photos = seconds, Path(path), crops, 0., 0, 0

    def resume(self, learn, device):
        if not self.path.exists(): return
        state = torch.load(self.path, map_location=device, weights_only=False) # our own file: it holds fastai's optimiser state
        learn.create_opt()
        learn.model.load_state_dict(state['model'])
        learn.opt.load_state_dict(state['opt'])
        self.spent, self.epochs, self.photos = state['spent'], state['epoch'], state.get('photos', 0)

    def before_epoch(self): self.crops.late, self.crops.seed = self.spent/self.seconds>=LATE, self.epochs
    def before_train(self): self.start = time.time()-self.spent
    def before_batch(self):
        if self.training: self.learn.pct_train = min((time.time()-self.start)/self.seconds, 1.)
    def after_batch(self):
        if self.training: self.photos += len(self.x)
    def after_train(self): self.spent = time.time()-self.start

    def after_epoch(self):
        self.epochs += 1
        with whole_file(self.path) as part:
            torch.save(dict(model=self.model.state_dict(), opt=self.opt.state_dict(), epoch=self.epochs, spent=self.spent, photos=self.photos), part)
        print(json.dumps(dict(epoch=self.epochs, seconds=round(self.spent), photos=self.photos, lr=self.opt.hypers[-1]['lr'],
                              train=self.recorder.smooth_loss.value.item(), valid=self.recorder.values[-1][-1])), flush=True)
        if self.spent>=self.seconds: raise CancelFitException


def load_photos(files):
    "All photos in memory, and how often each comes; unreadable ones are named and left out. The source is the part of the name after the first `_`."
    photos, times = [], []
    for f in files:
        source = f.stem.partition('_')[2]
        if source in LEAVE: continue
        try: photos.append(open_photo(f))
        except PhotoError as e: print(e)
        else: times.append(FAVOUR.get(source, 1))
    return photos, times


@torch.no_grad()
def settle(model, crops, device, n=100, sizes=(128,192,256)):
    "BatchNorm's statistics over `n` batches at the sizes that are used most: the running ones are those of the last few batches, whatever their size."
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for m in norms: m.reset_running_stats(); m.momentum = None # a plain mean
    model.train()
    batches = (b for b, in crops if b.shape[-1] in sizes)
    for _ in range(n): model(CODEC.x_from_L(rgb2lab(next(batches).to(device))[:,:1]))


@torch.no_grad()
def save(out, model, vivid, **meta):
    "Weights whose last layer is `vivid` times as strong: the loss's mean of many answers is paler than each. Resuming uses the checkpoint, never this."
    head = model.head
    for p in head.parameters(): p *= vivid
    path = save_model(out, model, CODEC, SPEC, dict(meta, vivid=vivid))
    for p in head.parameters(): p /= vivid
    print('saved', path)


def main(photos, minutes, packs, out, checkpoint, start, vivid, steps, lr, workers, scale, every, device):
    device = torch.device(device or ('cuda' if torch.cuda.is_available() else 'cpu'))
    torch.manual_seed(0)
    files = [f for pack in packs for f in find_photos([Path(photos)/pack])][::every]
    held, files = files[::50], [f for i,f in enumerate(files) if i%50]
    crops = Crops(*load_photos(files), steps, scale)
    train = DataLoader(crops, batch_size=None, num_workers=workers, pin_memory=device.type=='cuda')
    dls = DataLoaders(train, DataLoader(Squares(load_photos(held)[0][:256]), batch_size=None), device=device)
    model = create_model(SPEC['arch'], SPEC['n_in'], SPEC['n_out'], SPEC['size'], **SPEC['kwargs'])
    before = {}
    if start:
        first, *_, before = load_model_file(start)
        model.load_state_dict(first.state_dict())
        for p in model.head.parameters(): p.data /= before.get('vivid', 1)
    learn = Learner(dls, model.to(device, memory_format=torch.channels_last), loss_func=loss,
                    wd=.02, opt_func=partial(Adam, eps=1e-8)) # fastai's 1e-5 is more than the gradients of the deep layers
    budget = Budget(minutes*60, checkpoint, crops)
    budget.resume(learn, device)
    with learn.no_logging(), learn.no_bar(): learn.fit_one_cycle(10**6, lr, pct_start=.08, cbs=[budget, Encode(device)])
    crops.late, crops.n = True, 10**6
    settle(learn.model, crops, device)
    total = dict(photos_seen=budget.photos, minutes=round(budget.spent/60), steps=budget.epochs*steps)
    save(out, learn.model, vivid, data=packs, device=device.type, **{k: v+before.get(k, 0) for k,v in total.items()})


if __name__=='__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('photos', help='folder that holds the packs')
    p.add_argument('--minutes', type=float, default=90)
    p.add_argument('--packs', nargs='+', default=['train128','train84','train64'])
    p.add_argument('--out', default='colorize_nb/weights/shipped.safetensors')
    p.add_argument('--checkpoint', default='runs/shipped.pt')
    p.add_argument('--start', help='weights to begin from, as `save_model` wrote them; random if left out')
    p.add_argument('--vivid', type=float, default=1.35, help='how much stronger than trained the saved colours are')
    p.add_argument('--steps', type=int, default=500, help='batches between checkpoints')
    p.add_argument('--lr', type=float, default=2e-3)
    p.add_argument('--workers', type=int, default=0, help='processes that cut crops; 12 for a GPU')
    p.add_argument('--scale', type=int, default=1, help='multiplies every batch size; 4 for a GPU')
    p.add_argument('--every', type=int, default=1, help='use every k-th photo only: a quick try')
    p.add_argument('--device')
    main(**vars(p.parse_args()))
