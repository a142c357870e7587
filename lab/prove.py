"""Train the same network with each codec and loss, and write the results to colorize_nb/course.

    python -m lab.prove shapes            drawn shapes with a known best color: error from that color, three seeds
    python -m lab.prove photos FOLDER     photos: every codec and loss, trained for the same number of steps

Existing rows are kept, so an interrupted run resumes; `--again` starts over.
"""
import argparse, json, time
from pathlib import Path

import torch
from PIL import Image
from fastai.torch_core import set_seed

from colorize_nb.color.classes import ChannelBins, density_bins
from colorize_nb.color.classes import JointBins, collapse, color_prior
from colorize_nb.color.codecs import LabAB, RGB, YCbCr
from colorize_nb.color.metrics import ciede, colorfulness, dataset_mean_ab, gray_baseline, mean_color_baseline, psnr, through_8bit
from colorize_nb.color.metrics import auc_ab
from colorize_nb.color.space import ciede2000, lab2rgb
from colorize_nb.data.shapes import COLORS, KINDS, ambiguous_shapes, best_color
from colorize_nb.data.stream import GeneratedBatches, stream_loaders
from colorize_nb.core.files import whole_file
from colorize_nb.core.photo import central_square, find_photos, open_photo, to_tensor
from colorize_nb.train.learner import colorize_learner

OUT = Path(__file__).resolve().parent.parent/'colorize_nb/course'
NET = dict(widths=[24,32,48,64], depths=[0,0,1,1])
SIZE, BS, LR = 32, 32, 4e-3


def train(codec, loss, draw, steps, seed, size):
    "Train the same network with the same optimizer and schedule for every row; returns it and the seconds."
    set_seed(seed)
    dls = stream_loaders(GeneratedBatches(draw, steps), GeneratedBatches(draw, 1, fresh=False), codec, size, device='cpu')
    # without weight decay, which would pull predictions toward gray
    learn = colorize_learner(dls, 'unet_compact', loss=loss, metrics=[], model_kwargs=NET, wd=0.)
    start = time.perf_counter()
    with learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(1, LR)
    return learn.model.eval(), time.perf_counter()-start


def rows_file(name, again):
    "Return the contents of a result file, and a function that adds a row and saves it."
    path = OUT/f'{name}.json'
    data = json.loads(path.read_text()) if path.exists() and not again else dict(rows=[])
    def add(row, **facts):
        data['rows'].append(row)
        data.update(facts)
        with whole_file(path) as part: part.write_text(json.dumps(data, indent=1))
        print(json.dumps(row), flush=True)
    return data, add


# --- shapes

def binned_best_color(codec, kind, how):
    """Return the best color for a codec of joint bins, in closed form: encode every color of `kind` into cells, average
    the cells by the colors' probabilities, and decode the result."""
    p, ab = torch.tensor([c[0] for c in COLORS[kind]]), torch.tensor([[55., *c[1:]] for c in COLORS[kind]])
    cells = codec.probs(codec.encode(lab2rgb(ab[:,:,None,None]))[1])
    return collapse((p[:,None,None,None]*cells).sum(0, keepdim=True), codec.centers, how)[0,:,0,0]

SHAPES = {'L2': (LabAB(), 'l2', {'mean': {}}), 'L1': (LabAB(), 'l1', {'median': {}}),
          'smooth L1': (LabAB(), dict(name='smooth_l1', beta=.02), {'median': {}}),
          'cross-entropy': (JointBins(), 'soft_ce', {h: dict(how=h) for h in ('mean','annealed','mode')})}

def inside(kind, k, size):
    "Return a mask `(n,h,w)` of the cells in a grid of side `size` that are entirely inside kind `k`, with a margin."
    inside = torch.nn.functional.avg_pool2d((kind==k).float()[:,None], kind.shape[-1]//size)
    return (torch.nn.functional.avg_pool2d(inside, 3, 1, 1, count_include_pad=False)>.999)[:,0]


def shapes(steps, seeds, again):
    "Train on drawn shapes, and compare the predicted colors with the best ones."
    from colorize_nb.train.losses import get_loss
    data, add = rows_file('shapes', again)
    done = {(r['loss'], r['seed']) for r in data['rows']}
    test, kind = ambiguous_shapes(256, SIZE, seed=10**8)
    for seed in range(seeds):
        for name,(codec,loss,decodings) in SHAPES.items():
            if (name, seed) in done: continue
            f = get_loss(loss['name'], codec, beta=loss['beta']) if isinstance(loss, dict) else loss
            model, seconds = train(codec, f, lambda i: ambiguous_shapes(BS, SIZE, seed=seed*10**6+i)[0], steps, seed, SIZE)
            x = codec.encode(test)[0]
            with torch.no_grad(): pred = codec.activate(model(x))
            errors, colors = {}, {}
            for how,knobs in decodings.items():
                ab = codec.ab(x, pred, **knobs)
                for k,kn in enumerate(KINDS):
                    if kn=='background': continue
                    best = binned_best_color(codec, kn, how) if isinstance(codec, JointBins) else best_color(kn, how)
                    pred_ab = ab.permute(0,2,3,1)[inside(kind, k, ab.shape[-1])]
                    lab = lambda t: torch.cat([torch.full((len(t),1), 55.), t], 1).T[None,:,:,None]
                    error = ciede2000(lab(pred_ab), lab(best.expand(len(pred_ab), 2))).mean().item()
                    errors[f'{how} {kn}'] = round(error, 2)
                    colors[f'{how} {kn}'] = [[round(v, 1) for v in t.tolist()] for t in (pred_ab.mean(0), best)]
            row = dict(loss=name, seed=seed, seconds=round(seconds), ciede_to_best=errors, answered_and_best=colors)
            add(row, steps=steps, batch=BS, size=SIZE, net=NET, lr=LR)


# --- photos

def square(path, size):
    "Read the central square of a photo as `(1,3,size,size)`."
    return to_tensor(central_square(open_photo(path), size, Image.LANCZOS))

def photos(folder, steps, again, n_test, limit, size=64):
    "Train on photos with every codec and loss, and measure each decoding on held-out photos."
    data, add = rows_file('photos', again)
    files = find_photos([folder])[:limit]
    every = max(2, len(files)//n_test)
    test = torch.cat([square(f, size) for f in files[::every]])
    rest = torch.cat([(square(f, size)*255).byte() for i,f in enumerate(files) if i%every])
    g = torch.Generator().manual_seed(0)
    order = torch.randint(len(rest), (steps, BS), generator=g) # every row sees the same photos in the same order
    flip = torch.rand(steps, generator=g)<.5
    draw = lambda i: (rest[order[i%steps]]/255).flip(3) if flip[i%steps] else rest[order[i%steps]]/255
    some = [draw(i) for i in range(0, steps, max(1, steps//60))]
    joint = JointBins()
    joint = joint.with_prior(color_prior(joint, some))
    codecs = [('L2', LabAB(), 'l2', {'': {}}), ('L1', LabAB(), 'l1', {'': {}}),
              ('smooth L1', LabAB(), 'smooth_l1', {'': {}}), ('Huber', LabAB(), 'huber', {'': {}}),
              ('L1 + 0.02 colorfulness', LabAB(), 'l1 + 0.02*colorfulness', {'': {}}),
              ('L2', LabAB(tanh=True), 'l2', {'': {}}), ('L1', RGB(), 'l1', {'': {}}), ('L1', YCbCr(), 'l1', {'': {}}),
              ('cross-entropy', ChannelBins(10), 'ce', {h: dict(how=h) for h in ('mode','mean')}),
              ('cross-entropy', ChannelBins(50), 'ce', {h: dict(how=h) for h in ('mode','mean')}),
              ('cross-entropy', density_bins(some, 10), 'ce', {h: dict(how=h) for h in ('mode','mean')}),
              ('soft cross-entropy', joint, 'soft_ce', {h: dict(how=h) for h in ('mode','annealed','mean')}),
              ('rebalanced cross-entropy', joint, 'rebalanced_ce', {h: dict(how=h) for h in ('mode','annealed','mean')})]
    facts = dict(steps=steps, batch=BS, size=size, net=NET, lr=LR, n_train=len(rest), n_test=len(test))
    balance = joint
    def measure(rgb):
        rgb = through_8bit(rgb)
        decibels = None
        if not torch.equal(rgb, test): decibels = psnr(rgb, test)[psnr(rgb, test).isfinite()].mean().item()
        return {'PSNR': decibels, 'CIEDE2000': ciede(rgb, test).mean().item(), 'colorfulness': colorfulness(rgb).mean().item(),
                'AuC': 100*auc_ab(rgb, test).mean().item(), 'AuC balanced': 100*auc_ab(rgb, test, balance).mean().item()}
    def put(codec, loss, decode, rgb, seconds=None):
        measured = {k: v and round(v, 3) for k,v in measure(rgb).items()}
        add({'codec': codec, 'loss': loss, 'decoding': decode, **measured, 'seconds': seconds}, **facts)
    done = {(r['codec'], r['loss']) for r in data['rows']}
    if ('-', 'gray') not in done:
        put('-', 'gray', '', gray_baseline(test))
        put('-', 'mean color', '', mean_color_baseline(test, dataset_mean_ab(some)))
        bins = (('ChannelBins(10)', codecs[9][1]), ('ChannelBins(50)', codecs[10][1]),
                ('ChannelBins(10, density)', codecs[11][1]), ('JointBins(10)', joint))
        for name,c in bins:
            put(name, 'truth through these bins', '', torch.cat([through_8bit(t, c) for t in test.split(32)]))
        put('-', 'truth', '', test)
    for loss_name,codec,loss,decodings in codecs:
        lab = 'LabAB' + ('(tanh)' if getattr(codec, 'tanh', 0) else '')
        label = {LabAB: lab, JointBins: 'JointBins(10)'}.get(type(codec), type(codec).__name__)
        if isinstance(codec, ChannelBins): label = f"ChannelBins({codec.n}{', density' if codec._config['strategy']=='density' else ''})"
        if (label, loss_name) in done: continue
        model, seconds = train(codec, loss, draw, steps, 0, size)
        x = codec.encode(test)[0]
        with torch.no_grad():
            pred = torch.cat([codec.activate(model(b)) for b in x.split(64)])
            for how,knobs in decodings.items():
                rgb = torch.cat([codec.decode(b, p, **knobs) for b,p in zip(x.split(64), pred.split(64))])
                put(label, loss_name, how, rgb, round(seconds))


if __name__=='__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('what', choices=['shapes','photos'], help='what to train on')
    p.add_argument('folder', nargs='?', type=Path, metavar='FOLDER', help='folder of color photos, for `photos`')
    p.add_argument('--steps', type=int, help='default: 2500 for shapes, 1500 for photos')
    p.add_argument('--seeds', type=int, default=3, help='seeds per loss, for `shapes`')
    p.add_argument('--test', type=int, default=400, help='held-out photos')
    p.add_argument('--limit', type=int, help='use only this many photos, from the start of the list')
    p.add_argument('--again', action='store_true', help='discard existing rows and start over')
    a = p.parse_args()
    if a.what=='photos' and not a.folder: p.error('`photos` needs a FOLDER of color photos')
    if a.what=='shapes': shapes(a.steps or 2500, a.seeds, a.again)
    else: photos(a.folder, a.steps or 1500, a.again, a.test, a.limit)
