"""Trains what decides the papers' claims, and writes one file per experiment to lab/results/claims.

    python -m lab.claims PACKS                    all experiments of `claims_arms.py`, three seeds
    python -m lab.claims PACKS --only losses      one of them
    python -m lab.claims PACKS --workers 2        two experiments at a time

PACKS is a folder of folders of color photos: train128, flowers128/train, flowers128/test and so on. Rows that stand in a file are kept, so
a run that was stopped goes on. The middle square of each photo is taken, at 64 px. All arms of an experiment see the same photos in the
same order, take the same steps with the same schedule, and are measured on the same photos, at saturations that draw their frontier.
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
from PIL import Image
from torch.optim.swa_utils import update_bn

import colorize_nb
from lab.claims_arms import BASE, EXPERIMENTS, PACKS, SEEDS
from lab.claims_judge import hues, judged
from lab.claims_nets import network
from colorize_nb.color.classes import ChannelBins, density_bins
from colorize_nb.color.classes import JointBins, color_prior
from colorize_nb.color.codecs import RGB, LabAB, YCbCr
from colorize_nb.color.metrics import SATURATIONS, frontier, saturate
from colorize_nb.color.metrics import ciede, colorfulness, gray_baseline
from colorize_nb.color.metrics import chroma_noise
from colorize_nb.color.space import lab2rgb, rgb2lab
from colorize_nb.data.folder import central_square
from colorize_nb.data.stream import GeneratedBatches, stream_loaders
from colorize_nb.core.files import whole_file
from colorize_nb.core.photo import bundled_photos, find_photos, open_photo, to_image, to_tensor
from colorize_nb.models.layers import L2Penalty
from colorize_nb.train.callbacks import TimeBudget
from colorize_nb.train.gan import gan_learner
from colorize_nb.train.learner import colorize_learner
from colorize_nb.train.losses import get_loss
from lab.trials import TRIALS, strip_name

SIZE, BS, HELD = 64, 32, 300 # pixels, photos of a batch, photos measured on
JUDGED = (1., 1.5) # saturations
STRIP = ('flower', 'chelsea', 'coffee', 'china')
CODECS = {c.__name__: c for c in (LabAB, RGB, YCbCr, ChannelBins, JointBins)}


# --- photos

def squares(files):
    "`(n,3,SIZE,SIZE)` bytes."
    return torch.cat([(to_tensor(central_square(open_photo(f), SIZE))*255).round().byte() for f in files])


def read(packs, pack, n):
    "Photos to train on, and photos held out: a pack's own test part, or `HELD` photos of it."
    files = find_photos([packs/pack])
    random.Random(0).shuffle(files)
    if Path(pack).name!='train': return squares(files[HELD:HELD+n]), squares(files[:HELD])
    held = find_photos([(packs/pack).parent/'test'])
    random.Random(0).shuffle(held)
    return squares(files[:n]), squares(held[:HELD])


class Photos:
    "What was read of each pack, once."
    def __init__(self, packs): self.packs, self.known = Path(packs), {}

    def __call__(self, pack, n):
        if (pack, n) not in self.known: self.known[pack, n] = read(self.packs, pack, n)
        return self.known[pack, n]

    def test(self, name, arm):
        "The photos called `name`: 'held', 'seen', or a domain."
        train, held = self(arm['pack'], arm['n'])
        if name=='held': return held
        if name=='seen': return train[:HELD]
        return self(PACKS[name], 1)[1]


# --- training

def make_codec(arm, photos):
    "The codec of an arm; density bins and rebalanced cells learn theirs from the photos to train on."
    name, kw = arm['codec'], arm['codec_kwargs']
    batches = (b/255 for b in photos[:1000].split(BS))
    if name=='density': return density_bins(batches, **kw)
    if name!='rebalanced': return CODECS[name](**kw)
    cells = JointBins(**kw)
    return cells.with_prior(color_prior(cells, batches))


def resized(photos, size):
    "Photos `(n,3,SIZE,SIZE)` as means of squares of pixels, `(n,3,size,size)`."
    return photos if size==SIZE else F.avg_pool2d(photos.float(), SIZE//size).to(photos.dtype)


def batches(photos, seed, steps, epoch):
    "The same photos in the same order for every arm with as many photos; each whole pass sees each photo once. `epoch` is in steps."
    g = torch.Generator().manual_seed(seed)
    passes = -(-steps*BS//len(photos))
    order = torch.cat([torch.randperm(len(photos), generator=g) for _ in range(passes)])
    flip = torch.rand(steps, generator=g)<.5
    def draw(i):
        rgb = photos[order[i*BS:(i+1)*BS]]/255
        return rgb.flip(3) if flip[i] else rgb
    return GeneratedBatches(draw, epoch)


def fit(learn, arm):
    "As many steps as the arm says, or as many as its seconds allow; then with a critic, if it has one."
    if not arm['seconds']: return learn.fit_one_cycle(1, arm['lr'])
    learn.fit_one_cycle(10**6, arm['lr'], cbs=TimeBudget(arm['seconds'], time.process_time))
    if not arm['critic']: return
    gan, start = gan_learner(learn, loss='bce', pixel_weight=arm['critic']['pixel_weight']), time.process_time()
    with gan.no_bar(), gan.no_logging():
        gan.fit_critic(1, 2e-4)
        left = max(1, arm['critic']['seconds']-(time.process_time()-start))
        gan.fit_gan(10**6, 2e-4, cbs=TimeBudget(left, time.process_time))


def train(arm, seed, photos):
    "A trained network, its codec and the seconds of CPU its steps took."
    codec, size, epoch = make_codec(arm, photos), arm['size'], 25 if arm['seconds'] else arm['steps']
    set_seed(seed)
    net = network(arm['model'], codec.n_in, codec.n_out, size, arm['model_kwargs'])
    seen = resized(photos, size)
    dls = stream_loaders(batches(seen, seed, arm['steps'], epoch), [seen[:BS]/255], codec, size, device='cpu')
    learn = colorize_learner(dls, net, loss=get_loss(arm['loss'], codec), metrics=[], wd=0.)
    if arm['l2']: learn.loss_func = L2Penalty(learn.loss_func, net, arm['l2'])
    start = time.process_time()
    with learn.no_bar(), learn.no_logging(): fit(learn, arm)
    seconds = time.process_time()-start
    if arm['settle']: update_bn((codec.encode(b/255)[0] for b in photos[:640].split(BS)), net)
    return net.eval(), codec, seconds


# --- measuring

def with_own_L(rgb, photo):
    "The chroma of `rgb` on the lightness of `photo`."
    return lab2rgb(torch.cat([rgb2lab(photo)[:,:1], rgb2lab(rgb)[:,1:]], 1)).clamp(0, 1)


@torch.no_grad()
def color(net, codec, photos, name, knobs, size=SIZE):
    "`(n,3,SIZE,SIZE)`: the photos as the network colors their lightness, which it sees at `size`."
    out = []
    for rgb in photos.split(64):
        x, seen = codec.encode(rgb)[0], codec.encode(resized(rgb, size))[0]
        said = codec.decode(x, codec.activate(net(seen)), **knobs)
        out.append(with_own_L(said, rgb) if name=='own L' else said)
    return torch.cat(out)


def edges(rgb):
    "Mean difference of lightness between neighbors, `(n,)`."
    L = rgb2lab(rgb)[:,0]
    return (L.diff(dim=-1).abs().flatten(1).mean(1)+L.diff(dim=-2).abs().flatten(1).mean(1))/2


def tenths(values): return (values*10).round().int().tolist()


def measure(rgb, true, factors):
    "What is kept of a set of answers; CIEDE2000 of each photo in tenths, at each saturation."
    curve = frontier(rgb, true, factors)
    return dict(colorfulness=[round(c, 2) for c in curve.colorfulness.tolist()], ciede=tenths(curve.ciede),
                mean=round(curve.ciede[curve.factors.index(1)].mean().item(), 3),
                noise=round(chroma_noise(rgb).mean().item(), 3), edges=round((edges(rgb)/edges(true)).mean().item(), 3))


def strip(net, codec, name, knobs):
    "Bundled photos as an arm colors them, side by side."
    photos = torch.cat([to_tensor(central_square(open_photo(bundled_photos()[n]), SIZE)) for n in STRIP])
    out = Image.new('RGB', (SIZE*len(STRIP), SIZE))
    for i,p in enumerate(color(net, codec, photos, name, knobs)): out.paste(to_image(p), (i*SIZE, 0))
    return out


# --- running

def facts_of(true):
    "What a page needs of a set of photos."
    return dict(n=len(true), colorfulness=round(colorfulness(true).mean().item(), 2), noise=round(chroma_noise(true).mean().item(), 3),
                gray=tenths(ciede(gray_baseline(true), true)), hues=hues(true))


def same_run(arm, seed):
    "Rows, sets of photos and strip of the same arm and seed in another experiment: what was trained there is not trained again."
    for name,arms in EXPERIMENTS.items():
        path = TRIALS/f'{name}.json'
        twins = [n for n,choices in arms.items() if {**BASE, **choices}==arm]
        if not twins or not path.exists(): continue
        found = json.loads(path.read_text())
        rows = [r for r in found['rows'] if r['arm']==twins[0] and r['seed']==seed]
        if rows: return rows, found['tests'], TRIALS/name/f'{strip_name(twins[0])}.jpg'
    return [], {}, None


def measured(trained, arm, photos, tests, seed):
    "A row for each set of photos and decoding; `tests` gets what a page needs of each set."
    net, codec, seconds = trained
    for test in arm.get('tests', ['held']):
        true = photos.test(test, arm)/255
        tests.setdefault(test, facts_of(true))
        for how,knobs in arm['decode'].items():
            rgb = color(net, codec, true, how, knobs, arm['size'])
            said = measure(rgb, true, SATURATIONS if test=='held' and not arm['brief'] else (1.,))
            if arm['judge']: said |= judgment(net, codec, arm, photos, rgb, true, seed)
            yield dict(decoding=how, test=test, steps=arm['steps'], seconds=round(seconds), **said)


def judgment(net, codec, arm, photos, rgb, true, seed):
    "Hues of the predictions, and how well a fresh judge tells them from photos at each saturation of `JUDGED`."
    seen = photos(arm['pack'], arm['n'])[0][:1000]/255
    own = color(net, codec, seen, '', {})
    said = {str(f): round(judged(saturate(own, f), seen, saturate(rgb, f), true, seed), 3) for f in JUDGED}
    return dict(hues=hues(rgb), judge=said)


def run(experiment, photos, seeds):
    "Train and measure what is missing of one experiment."
    path = TRIALS/f'{experiment}.json'
    data = json.loads(path.read_text()) if path.exists() else dict(rows=[], tests={})
    data.update(base=BASE, arms=EXPERIMENTS[experiment], size=SIZE, batch=BS, factors=list(SATURATIONS), device='cpu',
                python=platform.python_version(), torch=torch.__version__, version=colorize_nb.__version__)
    for seed in range(seeds):
        for name,choices in EXPERIMENTS[experiment].items():
            if any(r['arm']==name and r['seed']==seed for r in data['rows']): continue
            arm = {**BASE, **choices}
            rows, tests, picture = same_run(arm, seed)
            if rows:
                data['rows'] += [{**r, 'arm': name} for r in rows]
                data['tests'] = {**tests, **data['tests']}
                if seed==0: shutil.copy(picture, folder_of(experiment)/f'{strip_name(name)}.jpg')
                write(path, data)
                continue
            trained = train(arm, seed, photos(arm['pack'], arm['n'])[0])
            for row in measured(trained, arm, photos, data['tests'], seed):
                data['rows'].append(dict(arm=name, seed=seed, **row))
                took = f'seed {seed}: {row["seconds"]} s, CIEDE2000 {row["mean"]:.2f}'
                print(experiment, name, row['decoding'], row['test'], took, flush=True)
            if seed==0 and not arm['brief']: draw(experiment, name, *trained[:2], arm)
            write(path, data)


def folder_of(experiment):
    "Where its strips are; made if it is not there."
    (TRIALS/experiment).mkdir(exist_ok=True)
    return TRIALS/experiment


def write(path, data):
    with whole_file(path) as part: part.write_text(json.dumps(data, separators=(',', ':')))


def draw(experiment, name, net, codec, arm):
    "Keep a strip of what an arm does with bundled photos, one per decoding."
    for how,knobs in arm['decode'].items():
        strip(net, codec, how, knobs).save(folder_of(experiment)/f'{strip_name(f"{name} {how}")}.jpg', quality=85)


def main(packs, only, seeds, workers):
    if workers>1:
        waiting, running, started = list(only), [], []
        while waiting or running:
            running = [p for p in running if p.poll() is None]
            while waiting and len(running)<workers:
                running.append(subprocess.Popen([sys.executable, __file__, packs, '--only', waiting.pop(0), '--seeds', str(seeds)]))
                started.append(running[-1])
            time.sleep(1)
        sys.exit(any(p.returncode for p in started))
    torch.set_num_threads(1)
    photos = Photos(packs)
    for experiment in only: run(experiment, photos, min(seeds, SEEDS.get(experiment, seeds)))


if __name__=='__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('packs')
    p.add_argument('--only', nargs='+', choices=list(EXPERIMENTS), default=list(EXPERIMENTS))
    p.add_argument('--seeds', type=int, default=3)
    p.add_argument('--workers', type=int, default=1)
    main(**vars(p.parse_args()))
