"""Train the model that ships with the package: EfficientNet-Lite's features once, a decoder from them, then everything end to end.

    python -m lab.train_shipped PHOTOS --minutes 74

PHOTOS holds folders of photos (`--packs` names them). Each stage writes what it reached; killed at any time, the same command goes on from
there. The last stage is one cosine over `--minutes` of training, so a faster device sees more photos, not another schedule; with more
minutes, or from `--start FILE`, it goes on too. `colorize-nb evaluate` measures the result.
"""
import argparse
import json
import math
import random
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from fastai.callback.core import Callback, CancelFitException
from fastai.callback.training import GradientClip
from fastai.data.core import DataLoaders
from fastai.callback.schedule import Learner
from fastai.optimizer import Adam
from fastcore.foundation import L
from torch.nn.utils import parametrize
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, IterableDataset

from colorize_nb.color.classes import JointBins
from colorize_nb.color.codecs import LabAB
from colorize_nb.color.space import ciede2000, lab2rgb, rgb2lab
from colorize_nb.data.features import FeatureCache
from colorize_nb.data.folder import central_square, random_square
from colorize_nb.core.files import whole_file
from colorize_nb.core.photo import PhotoError, find_photos, open_photo, to_tensor
from colorize_nb.models.encoders import load_encoder
from colorize_nb.models.layers import create_model
from colorize_nb.models.store import load_model_file, save_model

# Input size in pixels -> (photos per batch, share of the batches). A network that saw one size is worse at others.
SIZES = {128: (28, .14), 160: (18, .16), 192: (14, .22), 224: (10, .20), 256: (8, .18), 320: (5, .10)}
LEAVE = ('clothing', 'caltech101') # cut out on white
TONE = .3 # exposure of training photos: L to a power of e**-.3 to e**.3, a and b as they are
AVERAGE = .998 # share of the running mean of all weights that a step keeps
KWARGS = dict(version=0, norm=False)
CODECS = {'classes': JointBins, 'regression': partial(LabAB, ab_scale=50.)}
ENCODER_RATE = 1/3 # of the decoder's
TRAINED = ('photos_decoder', 'minutes', 'steps', 'photos') # summed over all that a file was trained; the last three end to end
KNOBS = dict(classes=dict(how='mean', saturation=1.), regression=dict(saturation=1.))


def spec(codec):
    "What `create_model` takes."
    return dict(arch='unet_lite', n_in=1, n_out=codec.n_out, size=256, kwargs=KWARGS)


# What is minimised

def color_loss(ab, lab):
    "What is measured: CIEDE2000, and PSNR as the mean logarithm of each photo's squared RGB error, weighed to count alike."
    ours = torch.cat([lab[:,:1], ab], 1)
    mse = (lab2rgb(ours)-lab2rgb(lab)).square().mean((1,2,3))
    return .1*ciede2000(ours, lab).mean() + .25*(mse+2e-4).log().mean()


def class_loss(codec, raw, lab):
    "Cross-entropy with the true color spread over its nearest cells, and twice `color_loss` of the distribution's mean."
    logp = raw.log_softmax(1)
    near, share = codec.encode(lab2rgb(lab))[1].chunk(2, 1)
    entropy = -(logp.gather(1, near.long())*share).sum(1).mean()
    mean = torch.einsum('bqhw,qc->bchw', logp.exp(), codec.centers.to(raw.device))
    return entropy + 2*color_loss(mean, lab)


def make_loss(codec):
    "Loss of the raw prediction `(B,n_out,h,w)` and the photo's Lab `(B,3,h,w)` at the same positions."
    def loss(raw, lab):
        raw, lab = raw.as_subclass(torch.Tensor).float(), lab.as_subclass(torch.Tensor)
        if codec.kind=='classification': return class_loss(codec, raw, lab)
        return color_loss(codec.ab(None, raw), lab)
    return loss


class EveryOther(torch.nn.Module):
    """A network and its batch in training: every other row and column of the prediction, from a random first one. A quarter of the loss's
    work."""
    def __init__(self, net):
        super().__init__()
        self.net, self.head = net, net.head
        net.head = torch.nn.Identity()
        self.start = (0, 0)

    def take(self, t):
        "The positions that count in this batch."
        top, left = self.start
        return t[:,:,top::2,left::2]

    def forward(self, x):
        if self.training: self.start = np.random.randint(0, 2, 2)
        return self.head(self.take(self.net(x)))

    def whole(self):
        "The network, whole again."
        self.net.head = self.head
        return self.net


def other_exposure(L):
    "Lightness `(B,1,H,W)` of the photos as a camera would have taken them with another exposure."
    power = torch.empty(len(L), 1, 1, 1, device=L.device).uniform_(-TONE, TONE).exp()
    return 100*(L/100).clamp(0, 1)**power


class MakeTargets(Callback):
    "RGB batches become what the network sees, and Lab at the positions that it predicts."
    order = -20
    def __init__(self, codec, device): self.codec, self.device = codec, device

    def before_batch(self):
        [rgb] = self.learn.xb
        lab = rgb2lab(rgb.to(self.device))
        if self.training: lab[:,:1] = other_exposure(lab[:,:1])
        x = self.codec.x_from_L(lab[:,:1]).contiguous(memory_format=torch.channels_last)
        self.learn.xb, self.learn.yb = (x,), (F.avg_pool2d(lab, 4),)

    def after_pred(self): self.learn.yb = (self.model.take(self.yb[0]),)


class FromCache(Callback):
    "Batches of a `FeatureCache`: features, and the small photo's Lab."
    order = -20
    def before_batch(self):
        [rgb] = self.learn.yb
        self.learn.yb = (rgb2lab(rgb),)

    def after_pred(self): self.learn.yb = (self.model.take(self.yb[0]),)


# Photos

def load_photos(files):
    "All photos in memory; unreadable ones are named and left out."
    photos = []
    for f in files:
        try: photos.append(open_photo(f))
        except PhotoError as e: print(e)
    return photos


class Crops(IterableDataset):
    "Batches of random squares `(B,3,S,S)` in [0,1], each batch of one size drawn from `SIZES`."
    def __init__(self, photos, n, scale=1):
        self.photos, self.n, self.scale, self.epoch = photos, n, scale, 0
        self.fit = {s: [p for p in photos if min(p.size)*2.5>=s] for s in SIZES}
        self.sizes = [s for s in SIZES if self.fit[s]]

    def __len__(self): return self.n

    def batch(self, rng):
        "One batch."
        size = rng.choices(self.sizes, [SIZES[s][1] for s in self.sizes])[0]
        picked = rng.choices(self.fit[size], k=SIZES[size][0]*self.scale)
        squares = [np.asarray(random_square(p, size, rng, .7)) for p in picked]
        return torch.from_numpy(np.stack(squares)).permute(0,3,1,2)/255.

    def __iter__(self):
        worker = torch.utils.data.get_worker_info()
        rng = random.Random(f'{self.epoch} {worker.id if worker else 0}')
        for _ in range(self.n//(worker.num_workers if worker else 1)): yield (self.batch(rng),)


class Squares(IterableDataset):
    "Held-out photos as squares of `size`, 16 per batch."
    def __init__(self, photos, size=192):
        rgb = [to_tensor(central_square(p, size)) for p in photos]
        self.batches = [(torch.cat(rgb[i:i+16]),) for i in range(0, len(rgb), 16)]
    def __len__(self): return len(self.batches)
    def __iter__(self): return iter(self.batches)


class CacheRows(IterableDataset):
    "Shuffled batches `(features, rgb)` of a cache, for `steps` batches; without `steps`, the rows in order."
    def __init__(self, cache, rows, bs=32, steps=None):
        self.cache, self.rows, self.bs, self.steps = cache, np.asarray(rows), bs, steps
    def __len__(self): return self.steps or -(-len(self.rows)//self.bs)
    def __iter__(self):
        rng = np.random.default_rng(0)
        for i in range(len(self)):
            yield self.cache[rng.choice(self.rows, self.bs, replace=False) if self.steps else self.rows[i*self.bs:(i+1)*self.bs]]


# Tuning an encoder whose BatchNorm is folded in

class Scaled(torch.nn.Module):
    "A kernel as a trained kernel times a fixed factor per output channel."
    def __init__(self, factor):
        super().__init__()
        self.register_buffer('factor', factor[:,None,None,None])
    def forward(self, kernel): return kernel*self.factor
    def right_inverse(self, kernel): return kernel/self.factor


def kernels(net):
    "Names of the pairs of convolution and BatchNorm in an encoder with BatchNorm, with the factor that folding gives each output channel."
    for name,m in net.named_modules():
        if not isinstance(m, torch.nn.Sequential) or len(m)<2 or not isinstance(m[1], torch.nn.BatchNorm2d): continue
        norm = m[1]
        yield name, (norm.weight.abs()/(norm.running_var+norm.eps).sqrt()).detach().clamp(min=1e-3)


def scale_kernels(model):
    "Folded kernels differ in size by a factor of thousands, and Adam moves all by the same: let it move them as they were before folding."
    for name,factor in kernels(load_encoder('efficientnet_lite0')):
        parametrize.register_parametrization(model.encoder.get_submodule(name)[0], 'weight', Scaled(factor))


def plain_kernels(model):
    "Take the factors out; the network's answers stay."
    for m in [*model.encoder.modules()]:
        if parametrize.is_parametrized(m): parametrize.remove_parametrizations(m, 'weight')


# Stages

def adam(params, lr, **kwargs): return Adam(params, lr=lr, mom=.9, sqr_mom=.99, eps=1e-8, wd=.05)


def two_rates(model):
    "Parameter groups: encoder, rest."
    encoder = [*model.net.encoder.parameters()]
    ids = {id(p) for p in encoder}
    return [encoder, [p for p in model.parameters() if id(p) not in ids]]


def log(**row): print(json.dumps({k: round(v, 4) if isinstance(v, float) else v for k,v in row.items()}), flush=True)


def train_decoder(model, cache, codec, steps, lr, device):
    "Decoder and head from the cache, one cycle."
    rows, held = cache.split_rows(.02)
    dls = DataLoaders(DataLoader(CacheRows(cache, rows, steps=steps), batch_size=None),
                      DataLoader(CacheRows(cache, held), batch_size=None), device=device)
    net = EveryOther(model)
    learn = Learner(dls, net, make_loss(codec), opt_func=adam, cbs=[FromCache()])
    with learn.no_logging(), learn.no_bar(): learn.fit_one_cycle(1, lr, pct_start=.1)
    log(stage='decoder', steps=steps, photos=steps*32, valid=float(learn.recorder.values[-1][-1]))
    return net.whole()


class Budget(Callback):
    "One warm-up and cosine over `seconds` of training or `limit` batches, a running mean of the weights, a checkpoint per epoch."
    order = 60 # after the Recorder and the scheduler
    def __init__(self, seconds, path, crops, lr, net, limit=None):
        self.seconds, self.path, self.crops, self.lr, self.limit = seconds, Path(path), crops, lr, limit
        self.mean = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(AVERAGE))
        self.spent, self.epochs, self.steps, self.photos = 0., 0, 0, 0

    def resume(self, learn, device):
        "Go on from the checkpoint, if there is one."
        if not self.path.exists(): return
        with torch.serialization.safe_globals([L]): # fastai keeps its hyperparameters in one
            state = torch.load(self.path, map_location=device, weights_only=True)
        learn.create_opt()
        learn.model.load_state_dict(state['model'])
        learn.opt.load_state_dict(state['opt'])
        self.mean.load_state_dict(state['mean'])
        self.spent, self.epochs, self.steps, self.photos = (state[k] for k in ('spent', 'epoch', 'steps', 'photos'))

    def share(self):
        "Of the training that is done."
        done = self.steps/self.limit if self.limit else (time.time()-self.start)/self.seconds
        return min(done, 1.)

    def before_epoch(self): self.crops.epoch = self.epochs
    def before_train(self): self.start = time.time()-self.spent

    def before_batch(self):
        if not self.training: return
        share = self.share()
        now = self.lr*max(min(share/.05, 1.)*.5*(1+math.cos(math.pi*max(0., share-.05)/.95)), 1e-3)
        self.opt.set_hypers(lr=[now*ENCODER_RATE, now])

    def after_batch(self):
        if not self.training: return
        self.steps += 1
        self.photos += len(self.x)
        self.mean.update_parameters(self.model)

    def after_train(self): self.spent = time.time()-self.start

    def after_epoch(self):
        self.epochs += 1
        state = dict(model=self.model.state_dict(), opt=self.opt.state_dict(), mean=self.mean.state_dict(),
                     epoch=self.epochs, spent=self.spent, steps=self.steps, photos=self.photos)
        with whole_file(self.path) as part: torch.save(state, part)
        train, valid = float(self.recorder.smooth_loss.value), float(self.recorder.values[-1][-1])
        log(stage='whole', seconds=self.spent, photos=self.photos, train=train, valid=valid)
        if self.share()>=1: raise CancelFitException


def train_whole(model, photos, held, codec, minutes, lr, every, workers, scale, checkpoint, device, limit=None):
    "Everything end to end, on crops of many sizes; `limit` is a number of batches in place of minutes."
    crops = Crops(photos, every, scale)
    train = DataLoader(crops, batch_size=None, num_workers=workers, pin_memory=device.type=='cuda')
    dls = DataLoaders(train, DataLoader(Squares(held), batch_size=None), device=device)
    scale_kernels(model)
    for m in model.modules():
        if isinstance(m, torch.nn.BatchNorm2d): m.momentum = .02 # batches differ in size
    net = EveryOther(model.to(device, memory_format=torch.channels_last))
    learn = Learner(dls, net, make_loss(codec), splitter=two_rates, opt_func=adam, cbs=[MakeTargets(codec, device), GradientClip(5.)])
    budget = Budget(minutes*60, checkpoint, crops, lr, net, limit)
    budget.resume(learn, device)
    with learn.no_logging(), learn.no_bar(): learn.fit(10**6, lr, cbs=[budget])
    net.load_state_dict(budget.mean.module.state_dict())
    settle(net, crops, codec, device)
    plain_kernels(model)
    return net.whole(), dict(minutes=round(budget.spent/60), steps=budget.steps, photos=budget.photos)


@torch.no_grad()
def settle(net, crops, codec, device, n=100):
    "The decoder's BatchNorm statistics over `n` batches of all sizes: the running ones are those of the last few batches."
    norms = [m for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for m in norms:
        m.reset_running_stats()
        m.momentum = None # a plain mean
    net.train()
    rng = random.Random(0)
    for _ in range(n): net(codec.x_from_L(rgb2lab(crops.batch(rng).to(device))[:,:1]))


def photo_files(photos, packs, every):
    "Files of all packs but cut-out things, one in fifty held out: `(train, held)`."
    files = [f for pack in packs for f in find_photos([Path(photos)/pack])]
    files = [f for f in files if f.stem.partition('_')[2] not in LEAVE][::every]
    return [f for i,f in enumerate(files) if i%50], files[::50]


def first_model(codec, files, runs, args, device):
    "A network with a trained decoder, and how long it was trained end to end: from `--start`, or from features of the frozen encoder."
    model = create_model('unet_lite', n_out=codec.n_out, pretrained=not args.start, freeze=not args.start, **KWARGS)
    if args.start:
        start, _, _, meta = load_model_file(args.start)
        model.load_state_dict(start.state_dict())
        return model, {k: meta[k] for k in TRAINED if k in meta}
    done = runs/f'decoder-{args.target}.pt'
    if done.exists(): model.load_state_dict(torch.load(done, weights_only=True))
    else:
        cache = FeatureCache.build(runs/'features', files, model, codec, size=192, versions=args.versions, device=device)
        model = train_decoder(model, cache, codec, args.steps, args.decoder_lr, device)
        with whole_file(done) as part: torch.save(model.state_dict(), part)
    return model.freeze_pretrained(False), dict(photos_decoder=args.steps*32)


def main(args):
    device = torch.device(args.device or ('cuda' if torch.cuda.is_available() else 'cpu'))
    torch.manual_seed(0)
    np.random.seed(0)
    runs = Path(args.runs)
    runs.mkdir(parents=True, exist_ok=True)
    codec = CODECS[args.target]()
    files, held = photo_files(args.photos, args.packs, args.every)
    model, before = first_model(codec, files, runs, args, device)
    model, facts = train_whole(model, load_photos(files), load_photos(held[:160]), codec, args.minutes, args.lr, args.epoch, args.workers,
                               args.scale, runs/f'whole-{args.target}.pt', device)
    facts = {k: before.get(k, 0)+facts.get(k, 0) for k in TRAINED}
    facts.update(data=args.packs, device=device.type, knobs=KNOBS[args.target])
    print('saved', save_model(args.out, model, codec, spec(codec), facts))


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('photos', help='folder that holds the packs')
    p.add_argument('--minutes', type=float, default=74, help='of training end to end')
    p.add_argument('--target', choices=CODECS, default='classes')
    p.add_argument('--packs', nargs='+', default=['train128', 'train84'])
    p.add_argument('--out', default='colorize_nb/weights/shipped.safetensors')
    p.add_argument('--runs', default='runs/shipped', help='folder for features and checkpoints')
    p.add_argument('--start', help='go on end to end from these weights, as `save_model` wrote them')
    p.add_argument('--versions', type=int, default=2, help='squares per photo in the cache of features')
    p.add_argument('--steps', type=int, default=750, help='batches of 32 for the decoder alone')
    p.add_argument('--decoder-lr', type=float, default=2e-3)
    p.add_argument('--lr', type=float, default=5e-4, help='end to end; a third of it for the encoder')
    p.add_argument('--epoch', type=int, default=300, help='batches between checkpoints')
    p.add_argument('--workers', type=int, default=0, help='processes that cut crops; 12 for a GPU')
    p.add_argument('--scale', type=int, default=1, help='multiplies every batch size; 4 for a GPU')
    p.add_argument('--every', type=int, default=1, help='use every k-th photo only: a quick try')
    p.add_argument('--device')
    return p.parse_args()


if __name__=='__main__': main(arguments())
