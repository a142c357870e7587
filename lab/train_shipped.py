"""Train candidates for the model that ships with the package.

    python -m lab.train_shipped PHOTOS --name lite2 --encoder 2 --decoder attention

PHOTOS is the folder that contains the packs (`--packs`). Training has two stages:

1. The decoder alone, on features of the frozen ImageNet encoder that are computed once (`--cached` photo steps). With `--start FILE`, this
   stage is skipped, and training continues from a saved model.
2. The whole network, end to end, on random crops of several shapes (`--photos` photo steps).

Both stages keep a running mean of the weights and write a checkpoint every ten minutes to `RUNS/NAME`. You can stop the
program at any time; the same command resumes from the last checkpoint. A larger `--photos` continues a finished run.
The learning rate falls to zero over the last fifth of the steps. `--export FILE` writes the mean weights of the last
checkpoint as a model file and exits.
"""
import argparse
import json
import random
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from fastai.callback.core import Callback, CancelFitException, CancelTrainException
from fastai.callback.training import GradientClip
from fastai.callback.schedule import Learner
from fastai.data.core import DataLoaders
from fastai.optimizer import Adam
from fastcore.foundation import L
from torch import nn
from torch.nn.utils import parametrize
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, IterableDataset

from colorize_nb.color.classes import JointBins, class_weights, color_prior
from colorize_nb.color.codecs import LabAB
from colorize_nb.color.metrics import colorfulness
from colorize_nb.color.space import ciede2000, lab2rgb, rgb2lab
from colorize_nb.core.files import whole_file
from colorize_nb.core.photo import PhotoError, central_square, find_photos, open_photo, to_tensor
from colorize_nb.data.features import FeatureCache
from colorize_nb.models.encoders import load_encoder
from colorize_nb.models.layers import create_model, register_model
from colorize_nb.models.lite import LiteDecoder, UnetLite
from colorize_nb.models.store import load_model_file, save_model
from lab.arms import corrected
from lab.old_scans import simulate_scan

# Height and width of the crops -> (photos per batch, share of the batches). Training at one size hurts other sizes.
SHAPES = {(160, 160): (18, .10), (192, 192): (14, .14), (224, 224): (10, .20), (256, 256): (8, .20), (224, 288): (8, .08),
          (288, 224): (8, .04), (256, 320): (6, .08), (320, 256): (6, .04), (288, 288): (6, .12)}
SQUARE = 224 # side of the squares whose features are cached
EXPOSURE = .3 # L is raised to a power between e**-.3 and e**.3; a and b stay the same
MEAN_DECAY = .998 # share of the running mean that each step keeps
CHECKPOINT = 600 # seconds
COOL_DOWN = .2 # share of the steps in which the learning rate falls to zero
ENCODER_RATE = 1/3 # of the decoder's learning rate
CODECS = {'classes': JointBins, 'regression': partial(LabAB, ab_scale=50.)}
DEFAULTS = dict(classes=dict(how='mean'), regression={}) # options stored in the file, besides the saturation
STEPS = ('photos_cached', 'photos', 'steps', 'minutes') # totals of all training; all but the first are end to end


# Networks

class SelfAttention(nn.Module):
    "Transformer blocks over all positions: `(B,c,h,w)` -> same. Starts as the identity."
    def __init__(self, channels, dim, depth, heads=4):
        super().__init__()
        self.enter, self.leave = nn.Conv2d(channels, dim, 1), nn.Conv2d(dim, channels, 1)
        self.places = nn.ModuleList([nn.Conv2d(dim, dim, 3, padding=1, groups=dim) for _ in range(depth)])
        self.blocks = nn.ModuleList([nn.TransformerEncoderLayer(dim, heads, 2*dim, 0., 'gelu', batch_first=True, norm_first=True)
                                     for _ in range(depth)])
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, x):
        y = self.enter(x)
        for place,block in zip(self.places, self.blocks):
            y = y+place(y)
            y = block(y.flatten(2).transpose(1, 2)).transpose(1, 2).unflatten(2, x.shape[-2:])
        return x+self.leave(y)


class AttentionDecoder(LiteDecoder):
    "`LiteDecoder` whose features at strides 16 and 32 first go through self-attention."
    def __init__(self, channels, widths=(48,96,160)):
        super().__init__(channels, widths)
        self.attend = nn.ModuleList([SelfAttention(channels[-2], 96, 1), SelfAttention(channels[-1], 160, 2)])

    def forward(self, features):
        features = [norm(f) for norm,f in zip(self.norms, features)]
        *fine, f16, f32 = features
        features = [*fine, self.attend[0](f16), self.attend[1](f32)]
        x = self.context(features.pop())
        for up in self.ups: x = up(x, features.pop())
        return x


@register_model(about='unet_lite with self-attention at strides 16 and 32 (a candidate)', source='this project')
def unet_lite_attention(n_in, n_out, size=256, **kwargs):
    "Build `UnetLite` with `AttentionDecoder`."
    return UnetLite(n_in, n_out, decoder=AttentionDecoder, **kwargs)


ARCHS = {'plain': 'unet_lite', 'attention': 'unet_lite_attention'}


def model_spec(codec, args):
    "Return the arguments of `create_model` for this candidate, as a model file stores them."
    kwargs = dict(version=args.encoder, norm=False)
    return dict(arch=ARCHS[args.decoder], n_in=1, n_out=codec.n_out, size=256, kwargs=kwargs)


# Losses

def color_loss(ab, lab, vivid=0.):
    """Return CIEDE2000 plus the mean log of each photo's squared RGB error, weighted to contribute equally.

    With `vivid`, also add `vivid` times DDColor's colorfulness loss, `1 - CF/100`, with signed opponents. The sum is the
    Lagrangian of the lowest error at a given mean colorfulness, so the network learns where more color costs least."""
    ours = torch.cat([lab[:,:1], ab], 1)
    rgb = lab2rgb(ours)
    mse = (rgb-lab2rgb(lab)).square().mean((1,2,3))
    loss = .1*ciede2000(ours, lab).mean() + .25*(mse+2e-4).log().mean()
    if vivid: loss = loss + vivid*(1-colorfulness(rgb.clamp(0, 1)).mean()/100)
    return loss


def class_loss(codec, raw, lab, weights=None, vivid=0., saturation=1.):
    "Return cross-entropy with soft targets (the nearest cells), plus twice `color_loss` of the mean times `saturation`."
    logp = raw.log_softmax(1)
    near, share = codec.encode(lab2rgb(lab))[1].chunk(2, 1)
    near = near.long()
    if weights is not None: share = share*weights.to(raw.device)[near]
    entropy = -(logp.gather(1, near)*share).sum(1).mean()
    mean = torch.einsum('bqhw,qc->bchw', logp.exp(), codec.centers.to(raw.device))
    return entropy + 2*color_loss(saturation*mean, lab, vivid)


def make_loss(codec, weights=None, vivid=0., saturation=1.):
    "Build a loss that takes the raw prediction `(B,n_out,h,w)` and the photo's Lab `(B,3,h,w)`."
    def loss(raw, lab):
        raw, lab = raw.as_subclass(torch.Tensor).float(), lab.as_subclass(torch.Tensor)
        if codec.kind=='classification': return class_loss(codec, raw, lab, weights, vivid, saturation)
        return color_loss(saturation*codec.ab(None, raw), lab, vivid)
    return loss


def rebalancing_weights(codec, files, lam):
    "Return weights that make rare colors count more (Zhang 2016, section 2.2), from 1,000 photos; None if `lam` is 1."
    if lam==1 or codec.kind!='classification': return None
    prior = color_prior(codec, (read_square(f, 64)[None] for f in files[::max(1, len(files)//1000)]))
    return class_weights(prior, lam)


# Photos

def photo_files(photos, packs, every=1):
    "Return `(train, held out)`: all files of the packs, with one photo in fifty held out."
    files = [f for pack in packs for f in find_photos([Path(photos)/pack])][::every]
    return [f for i,f in enumerate(files) if i%50], files[::50]


def to_rgb(picture, path):
    "Convert a PIL picture to `(3,H,W)` in [0,1], with the chroma of AVIF files corrected."
    rgb = to_tensor(picture)[0]
    return corrected(rgb) if str(path).lower().endswith('.avif') else rgb


def read_square(path, size):
    "Read the central square of a photo as `(3,size,size)`."
    return to_rgb(central_square(open_photo(path), size), path)


def random_crop(photo, h, w, rng, least=.6):
    """Cut a random `h` x `w` crop out of a photo, mirrored half of the time. Sharp photos are hardly enlarged. The crop has
    at least `least` of the width of the largest possible one."""
    full = min(photo.width, photo.height*w/h)
    width = full*rng.uniform(min(1, max(least, .9*w/full)), 1)
    height = min(photo.height, width*h/w) # rounding can make it a little larger
    left, top = rng.uniform(0, photo.width-width), rng.uniform(0, photo.height-height)
    crop = photo.resize((w, h), 2 if w<width else 3, box=(left, top, left+width, top+height)) # bilinear or bicubic
    return crop.transpose(0) if rng.random()<.5 else crop


class Crops(IterableDataset):
    "Endless batches of random crops `(B,3,h,w)` in [0,1]. Photos are opened on demand; unreadable ones are dropped."
    def __init__(self, files, scale=1, least=.6):
        self.files, self.scale, self.least, self.epoch = [*files], scale, least, 0

    def __len__(self): return 10**9

    def draw(self, h, w, rng):
        "Return one crop of a random photo."
        while self.files:
            i = rng.randrange(len(self.files))
            try: return to_rgb(random_crop(open_photo(self.files[i]), h, w, rng, self.least), self.files[i])
            except (PhotoError, OSError) as e:
                print(f'dropped: {e}', flush=True)
                self.files[i] = self.files[-1]
                self.files.pop()
        raise ValueError('none of the photos can be read')

    def batch(self, rng):
        "Return one batch of crops, all of the same random shape."
        h, w = rng.choices([*SHAPES], [share for _,share in SHAPES.values()])[0]
        return torch.stack([self.draw(h, w, rng) for _ in range(SHAPES[h,w][0]*self.scale)])

    def __iter__(self):
        worker = torch.utils.data.get_worker_info()
        rng = random.Random(f'{self.epoch} {worker.id if worker else 0}')
        while True: yield (self.batch(rng),)


class Squares(IterableDataset):
    "Validation photos as squares of `size`, 16 per batch."
    def __init__(self, files, size=224):
        squares = []
        for f in files:
            try: squares.append(read_square(f, size))
            except (PhotoError, OSError) as e: print(f'dropped: {e}', flush=True)
        self.batches = [(torch.stack(squares[i:i+16]),) for i in range(0, len(squares), 16)]
    def __len__(self): return len(self.batches)
    def __iter__(self): return iter(self.batches)


class CacheRows(IterableDataset):
    "Endless shuffled batches `(features, rgb)` of a cache, or one pass in order."
    def __init__(self, cache, rows, bs=32, endless=False):
        self.cache, self.rows, self.bs, self.endless, self.epoch = cache, np.asarray(rows), bs, endless, 0
    def __len__(self): return 10**9 if self.endless else -(-len(self.rows)//self.bs)
    def batch(self, rows):
        features, rgb = self.cache[rows]
        return features, corrected(rgb) # the packs are AVIF
    def __iter__(self):
        rng = np.random.default_rng(self.epoch)
        while self.endless: yield self.batch(rng.choice(self.rows, self.bs, replace=False))
        for i in range(len(self)): yield self.batch(self.rows[i*self.bs:(i+1)*self.bs])


# Training

class EveryOther(nn.Module):
    "In training, predict only every other row and column, which takes a quarter of the work in the head and the loss."
    def __init__(self, net):
        super().__init__()
        self.net, self.head = net, net.head
        net.head = nn.Identity()
        self.start = (0, 0)

    def take(self, t):
        "Return the positions that count in this batch."
        top, left = self.start
        return t[:,:,top::2,left::2]

    def forward(self, x):
        if self.training: self.start = np.random.randint(0, 2, 2)
        return self.head(self.take(self.net(x)))

    def whole(self):
        "Return the network with its head put back."
        self.net.head = self.head
        return self.net


def other_exposure(L):
    "Change the exposure of each photo at random; `L` is `(B,1,H,W)`."
    power = torch.empty(len(L), 1, 1, 1, device=L.device).uniform_(-EXPOSURE, EXPOSURE).exp()
    return 100*(L/100).clamp(0, 1)**power


class MakeTargets(Callback):
    "Turn RGB batches into the network's input and the Lab values that it should predict."
    order = -20
    def __init__(self, codec, device, old=0.): self.codec, self.device, self.old = codec, device, old

    def before_batch(self):
        [rgb] = self.learn.xb
        rgb = rgb.to(self.device)
        lab = rgb2lab(rgb)
        if self.training: lab[:,:1] = other_exposure(lab[:,:1])
        seen = lab[:,:1].clone()
        if self.training and self.old:
            aged = torch.rand(len(rgb))<self.old
            if aged.any(): seen[aged] = simulate_scan(rgb[aged])
        x = self.codec.x_from_L(seen).contiguous(memory_format=torch.channels_last)
        self.learn.xb, self.learn.yb = (x,), (F.avg_pool2d(lab, 4),)

    def after_pred(self): self.learn.yb = (self.model.take(self.yb[0]),)


class FromCache(Callback):
    "Turn batches of a `FeatureCache` into features and the Lab values that the network should predict."
    order = -20
    def before_batch(self):
        [rgb] = self.learn.yb
        self.learn.yb = (rgb2lab(rgb),)

    def after_pred(self): self.learn.yb = (self.model.take(self.yb[0]),)


class Job(Callback):
    "Train for `n` photo steps: learning rate, running mean of the weights, checkpoints, and resuming."
    order = 60 # after the Recorder and the scheduler
    def __init__(self, path, data, n, rates, net, device):
        self.path, self.data, self.n, self.rates, self.device = Path(path), data, n, rates, device
        self.mean = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(MEAN_DECAY), use_buffers=True)
        self.seconds, self.epochs, self.steps, self.photos = 0., 0, 0, 0 # seconds of processor time

    def resume(self, learn):
        "Continue from the checkpoint if there is one; returns whether any steps are left."
        if self.path.exists():
            with torch.serialization.safe_globals([L]): # fastai's optimizer state contains one
                state = torch.load(self.path, map_location=self.device, weights_only=True)
            learn.create_opt()
            learn.model.load_state_dict(state['model'])
            learn.opt.load_state_dict(state['opt'])
            self.mean.load_state_dict(state['mean'])
            self.seconds, self.epochs, self.steps, self.photos = (state[k] for k in ('seconds', 'epochs', 'steps', 'photos'))
        return self.photos<self.n

    def rate(self):
        "Return the share of the learning rate: a warm-up of 200 steps, then constant, then linear to zero."
        left = (1-self.photos/self.n)/COOL_DOWN
        return max(min((self.steps+1)/200, left, 1.), 1e-3)

    def before_train(self):
        self.data.epoch = self.epochs
        self.began, self.cpu_began = time.time(), time.process_time()

    def before_batch(self):
        if self.training: self.opt.set_hypers(lr=[r*self.rate() for r in self.rates])

    def after_batch(self):
        if not self.training: return
        self.steps += 1
        self.photos += len(self.learn.yb[0])
        self.mean.update_parameters(self.model)
        if time.time()-self.began>CHECKPOINT or self.photos>=self.n: raise CancelTrainException

    def before_validate(self):
        self.seconds += time.process_time()-self.cpu_began
        self.kept, self.learn.model = self.model, self.mean.module
        self.model.eval()

    def after_validate(self): self.learn.model = self.kept

    def after_epoch(self):
        self.epochs += 1
        state = dict(model=self.model.state_dict(), opt=self.opt.state_dict(), mean=self.mean.state_dict(),
                     epochs=self.epochs, seconds=self.seconds, steps=self.steps, photos=self.photos)
        with whole_file(self.path) as part: torch.save(state, part)
        log(stage=self.path.stem, minutes=self.seconds/60, photos=self.photos, rate=self.rate(),
            train=float(self.recorder.smooth_loss.value), valid=float(self.recorder.values[-1][-1]))
        if self.photos>=self.n: raise CancelFitException

    def facts(self): return dict(photos=self.photos, steps=self.steps, minutes=round(self.seconds/60))


def log(**row):
    "Print one line of JSON."
    row = dict(time=time.strftime('%H:%M:%S'), **row)
    print(json.dumps({k: round(v, 4) if isinstance(v, float) else v for k,v in row.items()}), flush=True)


def adam(params, lr, **kwargs): return Adam(params, lr=lr, mom=.9, sqr_mom=.99, eps=1e-8, wd=.05)


def encoder_and_rest(model):
    "Return two parameter groups: the encoder, and everything else."
    groups = [p for p in model.net.encoder.parameters()]
    ids = {id(p) for p in groups}
    return [groups, [p for p in model.parameters() if id(p) not in ids]]


class Scaled(nn.Module):
    "Parametrize a kernel as a trained kernel times a fixed factor per output channel."
    def __init__(self, factor):
        super().__init__()
        self.register_buffer('factor', factor[:,None,None,None])
    def forward(self, kernel): return kernel*self.factor
    def right_inverse(self, kernel): return kernel/self.factor


def folded_factors(net):
    "Yield the name of each convolution with BatchNorm, and the factor by which folding scales its output channels."
    for name,m in net.named_modules():
        if not isinstance(m, nn.Sequential) or len(m)<2 or not isinstance(m[1], nn.BatchNorm2d): continue
        norm = m[1]
        yield name, (norm.weight.abs()/(norm.running_var+norm.eps).sqrt()).detach().clamp(min=1e-3)


def scale_kernels(model, version):
    "Undo the scale of folded kernels for training: they differ by factors of thousands, but Adam's steps don't."
    for name,factor in folded_factors(load_encoder(f'efficientnet_lite{version}')):
        parametrize.register_parametrization(model.encoder.get_submodule(name)[0], 'weight', Scaled(factor))


def plain_kernels(model):
    "Remove the factors of `scale_kernels` again, without changing the network's output."
    for m in [*model.encoder.modules()]:
        if parametrize.is_parametrized(m): parametrize.remove_parametrizations(m, 'weight')


@torch.no_grad()
def settle(net, crops, codec, device, n=100):
    "Recompute the decoder's BatchNorm statistics over `n` batches of all shapes."
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    for m in norms:
        m.reset_running_stats()
        m.momentum = None # a plain mean
    net.train()
    rng = random.Random(0)
    for _ in range(n): net(codec.x_from_L(rgb2lab(crops.batch(rng).to(device))[:,:1]))
    net.eval()


def run_job(learn, job):
    "Train until the job is done."
    if job.resume(learn):
        with learn.no_logging(), learn.no_bar(): learn.fit(10**6, job.rates[-1], cbs=[job])


def train_decoder(model, cache, codec, photos, lr, checkpoint, device, weights=None):
    "Train the decoder on cached features; returns the model with the mean weights."
    rows, held = cache.split_rows(.02)
    data = CacheRows(cache, rows, endless=True)
    dls = DataLoaders(DataLoader(data, batch_size=None), DataLoader(CacheRows(cache, held), batch_size=None), device=device)
    net = EveryOther(model)
    learn = Learner(dls, net, make_loss(codec, weights), opt_func=adam, cbs=[FromCache()])
    job = Job(checkpoint, data, photos, [lr], net, device)
    run_job(learn, job)
    net.load_state_dict(job.mean.module.state_dict())
    return net.whole()


def train_whole(model, files, held, codec, args, checkpoint, device, weights=None, finish=False):
    "Train end to end; returns the model with the mean weights, and its training totals. `finish` skips training."
    crops = Crops(files, args.scale, args.crop)
    dls = DataLoaders(DataLoader(crops, batch_size=None, num_workers=args.workers, pin_memory=device.type=='cuda'),
                      DataLoader(Squares([] if finish else held[:128]), batch_size=None), device=device)
    scale_kernels(model, args.encoder)
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d): m.momentum = .02 # batches differ in size
    net = EveryOther(model.to(device, memory_format=torch.channels_last))
    cbs = [MakeTargets(codec, device, args.old), GradientClip(5.)]
    loss = make_loss(codec, weights, args.vivid, args.saturation)
    learn = Learner(dls, net, loss, splitter=encoder_and_rest, opt_func=adam, cbs=cbs)
    job = Job(checkpoint, crops, args.photos, [args.lr*ENCODER_RATE, args.lr], net, device)
    if finish: job.resume(learn)
    else: run_job(learn, job)
    net.load_state_dict(job.mean.module.state_dict())
    settle(net, crops, codec, device, args.settle)
    plain_kernels(model)
    return net.whole(), job.facts()


def first_model(codec, files, args, folder, device, weights=None):
    "Return a network with a trained decoder, and its training totals so far."
    spec = model_spec(codec, args)
    fresh = partial(create_model, spec['arch'], 1, codec.n_out, 256, **spec['kwargs'])
    if args.start:
        start, _, _, meta = load_model_file(args.start)
        model = fresh()
        missing = model.load_state_dict(start.state_dict(), strict=args.decoder=='plain').missing_keys
        if missing: log(stage='start', new_tensors=len(missing))
        return model, {k: meta[k] for k in STEPS if k in meta}
    model = fresh(pretrained=True, freeze=True)
    progress = lambda done, n: done%1600==0 and log(stage='features', done=done, n=n)
    cache = None if (folder/'whole.pt').exists() else \
        FeatureCache.build(Path(args.runs)/'features', files, model, codec, size=SQUARE, device=device, progress=progress)
    if cache: model = train_decoder(model, cache, codec, args.cached, args.decoder_lr, folder/'decoder.pt', device, weights)
    return model.freeze_pretrained(False), dict(photos_cached=args.cached)


def main(args):
    device = torch.device(args.device or ('cuda' if torch.cuda.is_available() else 'cpu'))
    torch.manual_seed(time.time_ns()%2**31)
    np.random.seed(time.time_ns()%2**31)
    folder = Path(args.runs)/args.name
    folder.mkdir(parents=True, exist_ok=True)
    codec = CODECS[args.target]()
    files, held = photo_files(args.photos_folder, args.packs, args.every)
    weights = rebalancing_weights(codec, files, args.rebalance)
    model, before = first_model(codec, files, args, folder, device, weights)
    model, facts = train_whole(model, files, held, codec, args, folder/'whole.pt', device, weights, bool(args.export))
    facts = {k: before.get(k, 0)+facts.get(k, 0) for k in STEPS}
    facts.update(data=args.packs, n_files=len(files), device=device.type, knobs=DEFAULTS[args.target]|dict(saturation=args.saturation))
    out = args.export or folder/f'{args.name}.safetensors'
    log(stage='saved', file=str(save_model(out, model, codec, model_spec(codec, args), facts)))


def arguments(argv=None):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('photos_folder', metavar='PHOTOS', help='folder that contains the packs')
    p.add_argument('--name', default='candidate', help='folder of this run inside RUNS')
    p.add_argument('--runs', default='runs/shipped', help='folder for features, checkpoints, and logs')
    p.add_argument('--packs', nargs='+', default=['train240'], help='folders of training photos')
    p.add_argument('--start', help='model file to continue from')
    p.add_argument('--encoder', type=int, choices=(0, 1, 2), default=0, help='EfficientNet-Lite version')
    p.add_argument('--decoder', choices=ARCHS, default='plain', help='with or without self-attention')
    p.add_argument('--target', choices=CODECS, default='classes', help='what the network predicts')
    p.add_argument('--rebalance', type=float, default=1., metavar='LAMBDA', help='1: no rebalancing; .5: half of it')
    p.add_argument('--old', type=float, default=0., metavar='SHARE',
                   help='share of the training photos that are turned into simulated old scans')
    p.add_argument('--crop', type=float, default=.6, metavar='SHARE', help='smallest crop; 1: as much as the shape allows')
    p.add_argument('--vivid', type=float, default=0., metavar='WEIGHT', help='weight of the colorfulness loss, end to end')
    p.add_argument('--saturation', type=float, default=1., help='saturation of the colors that the end-to-end loss compares')
    p.add_argument('--cached', type=int, default=64_000, help='photo steps of the decoder alone')
    p.add_argument('--photos', type=int, default=200_000, help='photo steps end to end')
    p.add_argument('--decoder-lr', type=float, default=2e-3, help='learning rate of the decoder alone')
    p.add_argument('--lr', type=float, default=5e-4, help='learning rate end to end; the encoder gets a third of it')
    p.add_argument('--every', type=int, default=1, help='use only every k-th photo, for a quick try')
    p.add_argument('--workers', type=int, default=0, help='processes that cut crops; about 12 for a GPU')
    p.add_argument('--scale', type=int, default=1, help='multiplies every batch size; about 4 for a GPU')
    p.add_argument('--settle', type=int, default=100, help='batches for the final BatchNorm statistics')
    p.add_argument('--export', metavar='FILE', help='write the mean weights of the last checkpoint to FILE and exit')
    p.add_argument('--device', help='cuda or cpu (default: cuda if available)')
    return p.parse_args(argv)


if __name__=='__main__': main(arguments())
