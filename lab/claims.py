"""Run the experiments on the papers' claims, and write one file per experiment to lab/results/claims.

    python -m lab.claims PHOTOS                    all experiments in `claims_variants.py`, three seeds
    python -m lab.claims PHOTOS --only losses      one of them
    python -m lab.claims PHOTOS --workers 2        two experiments at a time

PHOTOS is a folder with folders of color photos: train128, flowers128/train, flowers128/test, and so on. Existing
results are kept, so you can stop and resume. Each photo is cropped to its central square at 64 px, or at 128 px in the
experiments with a borrowed encoder, whose features are cached in `runs/features`. Unless a variant changes it, all variants of an experiment see the same photos in the same order and train for the same number of steps
with the same schedule. They're tested on the same photos, at several saturations.
"""
import argparse
import json
import platform
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from fastai.torch_core import set_seed
from torch.optim.swa_utils import update_bn

import colorize_nb
from lab.claims_models import create, hues, judge_auc
from lab.claims_variants import BASE, EXPERIMENTS, PACKS, SEEDS
from colorize_nb.color.classes import ChannelBins, density_bins
from colorize_nb.color.classes import JointBins, color_prior
from colorize_nb.color.codecs import RGB, LabAB, YCbCr
from colorize_nb.color.metrics import SATURATIONS, frontier, saturate
from colorize_nb.color.metrics import ciede, colorfulness, gray_baseline
from colorize_nb.color.metrics import chroma_noise
from colorize_nb.color.space import lab2rgb, rgb2lab
from colorize_nb.data.features import FeatureCache
from colorize_nb.data.stream import GeneratedBatches, stream_loaders
from colorize_nb.core.files import whole_file
from colorize_nb.core.photo import bundled_photos, find_photos, to_image
from colorize_nb.core.show import image_grid
from colorize_nb.models.layers import L2Penalty
from colorize_nb.train.callbacks import TimeBudget
from colorize_nb.train.gan import gan_learner
from colorize_nb.train.learner import colorize_learner
from colorize_nb.train.losses import get_loss
from lab.arms import as_bytes, corrected, squares
from lab.trials import TRIALS, strip_name

BS, HELD = 32, 300 # batch size, photos to test on
JUDGED = (1., 1.5) # saturations
STRIP = ('flower', 'chelsea', 'coffee', 'china')
CODECS = {c.__name__: c for c in (LabAB, RGB, YCbCr, ChannelBins, JointBins)}


# --- photos

def split_files(packs, pack, n):
    "Return photos to train on and photos to test on: from `eval256`, the folder's own test part, or `HELD` of its photos."
    files = find_photos([packs/pack])
    random.Random(0).shuffle(files)
    if pack!='train240' and Path(pack).name!='train': return files[HELD:HELD+n], files[:HELD]
    held = find_photos([packs/'eval256' if pack=='train240' else (packs/pack).parent/'test'])
    random.Random(0).shuffle(held)
    return files[:n], held[:HELD]


class Photos:
    "Read the photos of each folder once."
    def __init__(self, packs): self.packs, self.known = Path(packs), {}

    def files(self, arm): return split_files(self.packs, arm['pack'], arm['n'])[0]

    def __call__(self, pack, n, side=64):
        if (pack, n, side) not in self.known:
            self.known[pack, n, side] = [as_bytes(files, side) for files in split_files(self.packs, pack, n)]
        return self.known[pack, n, side]

    def test(self, name, arm):
        "Return the photos to test on: 'held', 'seen', or a domain."
        if name=='seen': return self(arm['pack'], min(arm['n'], HELD), arm['side'])[0]
        return self(arm['pack'] if name=='held' else PACKS[name], 1, arm['side'])[1]


# --- training

def make_codec(arm, photos):
    "Create the codec of a variant; some take statistics from `photos`, bytes."
    name, kw = arm['codec'], arm['codec_kwargs']
    batches = (b/255 for b in photos[:1000].split(BS))
    if name=='density': return density_bins(batches, **kw)
    if name=='bin means': return ChannelBins(**kw).with_means(batches)
    if name!='rebalanced': return CODECS[name](**kw)
    cells = JointBins(**kw)
    return cells.with_prior(color_prior(cells, batches))


def resized(photos, size):
    "Average-pool photos `(n,3,side,side)` to `(n,3,size,size)`."
    side = photos.shape[-1]
    return photos if size==side else F.avg_pool2d(photos.float(), side//size).to(photos.dtype)


def batches(photos, seed, steps, epoch):
    "Return batches in an order that only depends on the seed and the number of photos. `epoch` is in steps."
    g = torch.Generator().manual_seed(seed)
    passes = -(-steps*BS//len(photos))
    order = torch.cat([torch.randperm(len(photos), generator=g) for _ in range(passes)])
    flip = torch.rand(steps, generator=g)<.5
    def draw(i):
        rgb = photos[order[i*BS:(i+1)*BS]]/255
        return rgb.flip(3) if flip[i] else rgb
    return GeneratedBatches(draw, epoch)


def fit(learn, arm):
    "Train for the variant's steps or seconds, and then with a critic if it has one."
    if not arm['seconds']: return learn.fit_one_cycle(1, arm['lr'])
    learn.fit_one_cycle(10**6, arm['lr'], cbs=TimeBudget(arm['seconds'], time.process_time))
    if not arm['critic']: return
    gan, start = gan_learner(learn, loss='bce', pixel_weight=arm['critic']['pixel_weight']), time.process_time()
    with gan.no_bar(), gan.no_logging():
        gan.fit_critic(1, 2e-4)
        left = max(1, arm['critic']['seconds']-(time.process_time()-start))
        gan.fit_gan(10**6, 2e-4, cbs=TimeBudget(left, time.process_time))


class CorrectedFeatures(FeatureCache):
    "Features of the photos in `train240`, with the chroma of these AVIF files corrected."
    def __getitem__(self, rows):
        features, rgb = super().__getitem__(rows)
        return features, corrected(rgb)


def make_learner(dls, net, codec, arm):
    learn = colorize_learner(dls, net, loss=get_loss(arm['loss'], codec, **arm['loss_kwargs']), metrics=[], wd=0.)
    if arm['l2']: learn.loss_func = L2Penalty(learn.loss_func, net, arm['l2'])
    return learn


def train_on_features(arm, seed, files):
    "Train the part of a network that follows its frozen, pretrained encoder. Returns the network and its codec."
    def new(codec): return create(arm['model'], codec.n_in, codec.n_out, arm['size'], arm['model_kwargs'])
    cache = CorrectedFeatures.build('runs/features', files, new(LabAB()), LabAB(), size=arm['size'], device='cpu')
    codec = make_codec(arm, (cache[range(min(1000, len(cache)))][1]*255).round().byte())
    set_seed(seed)
    net, dls = new(codec), cache.dataloaders(codec, bs=BS, valid_pct=.02, device='cpu')
    learn = make_learner(dls, net, codec, arm)
    set_seed(seed) # the same order, however many random numbers the network took
    with learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(max(1, round(arm['steps']/len(dls.train))), arm['lr'])
    if arm['settle']: update_bn((features[-1:] for features,_ in dls.train), net.decoder) # not the frozen encoder's
    return net, codec


def train_on_photos(arm, seed, photos):
    "Train a whole network. Returns it and its codec."
    codec, size, epoch = make_codec(arm, photos), arm['size'], 25 if arm['seconds'] else arm['steps']
    set_seed(seed)
    net = create(arm['model'], codec.n_in, codec.n_out, size, arm['model_kwargs'])
    seen = resized(photos, size)
    dls = stream_loaders(batches(seen, seed, arm['steps'], epoch), [seen[:BS]/255], codec, size, device='cpu')
    learn = make_learner(dls, net, codec, arm)
    with learn.no_bar(), learn.no_logging(): fit(learn, arm)
    if arm['settle']: update_bn((codec.encode(b/255)[0] for b in photos[:640].split(BS)), net)
    return net, codec


def train(arm, seed, photos):
    "Return a trained network, its codec, and the CPU time that it took."
    start = time.process_time()
    net, codec = (train_on_features(arm, seed, photos.files(arm)) if arm['cached'] else
                  train_on_photos(arm, seed, photos(arm['pack'], arm['n'])[0]))
    return net.eval(), codec, time.process_time()-start


# --- measuring

def with_own_L(rgb, photo):
    "Return the chroma of `rgb` with the lightness of `photo`."
    return lab2rgb(torch.cat([rgb2lab(photo)[:,:1], rgb2lab(rgb)[:,1:]], 1)).clamp(0, 1)


@torch.no_grad()
def color(net, codec, photos, name, knobs, size=64):
    "Color the photos `(n,3,side,side)` with a network whose input has side `size`."
    out = []
    for rgb in photos.split(64):
        x, seen = codec.encode(rgb)[0], codec.encode(resized(rgb, size))[0]
        colored = codec.decode(x, codec.activate(net(seen)), **knobs)
        out.append(with_own_L(colored, rgb) if name=='own L' else colored)
    return torch.cat(out)


def edges(rgb):
    "Return the mean difference in lightness between neighboring pixels, `(n,)`."
    L = rgb2lab(rgb)[:,0]
    return (L.diff(dim=-1).abs().flatten(1).mean(1)+L.diff(dim=-2).abs().flatten(1).mean(1))/2


def tenths(values): return (values*10).round().int().tolist()


def measure(rgb, true, factors):
    "Measure predictions: CIEDE2000 of each photo in tenths, at each saturation, and means."
    curve = frontier(rgb, true, factors)
    return dict(colorfulness=[round(c, 2) for c in curve.colorfulness.tolist()], ciede=tenths(curve.ciede),
                mean=round(curve.ciede[curve.factors.index(1)].mean().item(), 3),
                noise=round(chroma_noise(rgb).mean().item(), 3), edges=round((edges(rgb)/edges(true)).mean().item(), 3))


def strip(net, codec, name, knobs, side=64):
    "Return the bundled photos as a network colors them, side by side."
    photos = squares([bundled_photos()[n] for n in STRIP], side)
    return image_grid([to_image(p) for p in color(net, codec, photos, name, knobs, side)], ncols=len(STRIP), gap=0)


# --- running

def facts_of(true):
    "Measure a set of photos: colorfulness, noise, hues, and the error of gray."
    return dict(n=len(true), colorfulness=round(colorfulness(true).mean().item(), 2), noise=round(chroma_noise(true).mean().item(), 3),
                gray=tenths(ciede(gray_baseline(true), true)), hues=hues(true))


def same_run(arm, seed):
    "Find the results of the same variant and seed in another experiment, so that it isn't trained twice."
    for name,arms in EXPERIMENTS.items():
        path = TRIALS/f'{name}.json'
        twins = [n for n,choices in arms.items() if {**BASE, **choices}==arm]
        if not twins or not path.exists(): continue
        found = json.loads(path.read_text())
        rows = [r for r in found['rows'] if r['arm']==twins[0] and r['seed']==seed]
        if rows: return rows, found['tests'], TRIALS/name/f'{strip_name(twins[0])}.jpg'
    return [], {}, None


def result_rows(trained, arm, photos, tests, seed):
    "Yield a row for each set of photos and each decoding. Facts about each set are added to `tests`."
    net, codec, seconds = trained
    for test in arm.get('tests', ['held']):
        true = photos.test(test, arm)/255
        tests.setdefault(test, facts_of(true))
        for how,knobs in arm['decode'].items():
            rgb = color(net, codec, true, how, knobs, arm['size'])
            row = measure(rgb, true, SATURATIONS if test=='held' and not arm['brief'] else (1.,))
            if arm['judge']: row |= judge_results(net, codec, arm, photos, rgb, true, seed)
            yield dict(decoding=how, test=test, steps=arm['steps'], seconds=round(seconds), **row)


def judge_results(net, codec, arm, photos, rgb, true, seed):
    "Return the hues of the predictions, and the AUC of a new judge at each saturation in `JUDGED`."
    seen = photos(arm['pack'], arm['n'])[0][:1000]/255
    own = color(net, codec, seen, '', {})
    aucs = {str(f): round(judge_auc(saturate(own, f), seen, saturate(rgb, f), true, seed), 3) for f in JUDGED}
    return dict(hues=hues(rgb), judge=aucs)


def run(experiment, photos, seeds):
    "Train and measure everything that an experiment doesn't have yet."
    path = TRIALS/f'{experiment}.json'
    data = json.loads(path.read_text()) if path.exists() else dict(rows=[], tests={})
    arms = EXPERIMENTS[experiment]
    data.update(base=BASE, arms=arms, size={**BASE, **next(iter(arms.values()))}['side'], batch=BS, factors=list(SATURATIONS), device='cpu',
                python=platform.python_version(), torch=torch.__version__, version=colorize_nb.__version__)
    for seed in range(seeds):
        for name,choices in arms.items():
            if any(r['arm']==name and r['seed']==seed for r in data['rows']): continue
            arm = {**BASE, **choices}
            rows, tests, picture = same_run(arm, seed)
            if rows:
                data['rows'] += [{**r, 'arm': name} for r in rows]
                data['tests'] = {**tests, **data['tests']}
                if seed==0: shutil.copy(picture, folder_of(experiment)/f'{strip_name(name)}.jpg')
                write(path, data)
                continue
            trained = train(arm, seed, photos)
            for row in result_rows(trained, arm, photos, data['tests'], seed):
                data['rows'].append(dict(arm=name, seed=seed, **row))
                took = f'seed {seed}: {row["seconds"]} s, CIEDE2000 {row["mean"]:.2f}'
                print(experiment, name, row['decoding'], row['test'], took, flush=True)
            if seed==0 and not arm['brief']: draw(experiment, name, *trained[:2], arm)
            write(path, data)


def folder_of(experiment):
    "Return the folder of an experiment's pictures, and create it if needed."
    (TRIALS/experiment).mkdir(exist_ok=True)
    return TRIALS/experiment


def write(path, data):
    "Save results as compact JSON."
    with whole_file(path) as part: part.write_text(json.dumps(data, separators=(',', ':')))


def draw(experiment, name, net, codec, arm):
    "Save the bundled photos as a variant colors them, one picture per decoding."
    for how,knobs in arm['decode'].items():
        strip(net, codec, how, knobs, arm['side']).save(folder_of(experiment)/f'{strip_name(f"{name} {how}")}.jpg', quality=85)


def main(packs, only, seeds, workers):
    if workers>1:
        waiting, running, started = list(only), [], []
        while waiting or running:
            running = [p for p in running if p.poll() is None]
            while waiting and len(running)<workers:
                running.append(subprocess.Popen([sys.executable, '-m', 'lab.claims', packs, '--only', waiting.pop(0), '--seeds', str(seeds)]))
                started.append(running[-1])
            time.sleep(1)
        sys.exit(any(p.returncode for p in started))
    torch.set_num_threads(1)
    photos = Photos(packs)
    for experiment in only: run(experiment, photos, min(seeds, SEEDS.get(experiment, seeds)))


if __name__=='__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('packs', metavar='PHOTOS', help='folder with folders of color photos')
    p.add_argument('--only', nargs='+', choices=list(EXPERIMENTS), default=list(EXPERIMENTS),
                   help='experiments to run (default: all)')
    p.add_argument('--seeds', type=int, default=3, help='seeds per variant (default: 3)')
    p.add_argument('--workers', type=int, default=1, help='experiments to run at the same time')
    main(**vars(p.parse_args()))
