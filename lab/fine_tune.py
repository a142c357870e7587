"""Find settings for fine-tuning the shipped model on an album of one kind of photo, without making it worse.

    python -m lab.fine_tune DATA

DATA contains an album (`--album`) with `train` and `test` folders, and `eval256`, which shows how much worse the model
gets on other photos. Every run starts from the same model file and takes the same number of photo steps. It's compared
with that model on the test photos, with a paired bootstrap interval. The results go to
`lab/results/shipped/fine_tune.json`; runs that the file already contains aren't repeated.
"""
import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from fastai.callback.core import Callback
from fastai.torch_core import set_seed
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from colorize_nb.color.metrics import bootstrap_interval, ciede, colorfulness, gray_baseline, psnr
from colorize_nb.color.space import ciede2000
from colorize_nb.core.files import whole_file
from colorize_nb.core.photo import find_photos, open_photo, to_tensor
from colorize_nb.data.folder import ColorizeDataLoaders
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.models.store import load_model_file
from colorize_nb.train.learner import colorize_learner

RESULTS = Path(__file__).parent/'results/shipped/fine_tune.json'
BASE = dict(lr=1e-3, encoder=1., loss='ce', norm_frozen=False, decay=0., size=128, epochs=2)
RUNS = { # name -> settings that differ from `BASE`; `encoder` is the share of the learning rate, 0 freezes it
    'before': {},
    'lower rate': dict(lr=1e-4),
    'frozen encoder': dict(lr=1e-3, encoder=0.),
    'careful': dict(lr=3e-4, encoder=0., norm_frozen=True, decay=.98, loss='mean color'),
    'careful, ce': dict(lr=3e-4, encoder=0., norm_frozen=True, decay=.98),
    'careful, faster': dict(lr=1e-3, encoder=0., norm_frozen=True, decay=.98, loss='mean color'),
    'careful, whole': dict(lr=3e-4, encoder=.1, norm_frozen=True, decay=.98, loss='mean color'),
    'careful, 192 px': dict(lr=3e-4, encoder=0., norm_frozen=True, decay=.98, loss='mean color', size=192, epochs=1),
}


class MeanColorLoss:
    "`soft_ce`, plus CIEDE2000 of the distribution's mean color, as in the training of the shipped model."
    needs_x = True
    def __init__(self, codec): self.codec = codec

    def __call__(self, raw, y, x):
        raw, y, x = (t.as_subclass(torch.Tensor) for t in (raw, y, x))
        near, share = self.codec.resize_target(y, raw.shape[-2:]).chunk(2, 1)
        logp, centers = raw.log_softmax(1), self.codec.centers.to(raw.device)
        entropy = -(logp.gather(1, near.long())*share).sum(1).mean()
        L = 50*(F.adaptive_avg_pool2d(x, raw.shape[-2:])+1)
        ours = torch.einsum('bqhw,qc->bchw', logp.exp(), centers)
        true = torch.einsum('bkhw,bkhwc->bchw', share, centers[near.long()])
        return entropy + .2*ciede2000(torch.cat([L, ours], 1), torch.cat([L, true], 1)).mean()


class FrozenStatistics(Callback):
    "Keep BatchNorm's statistics fixed during training. (fastai's `BnFreeze` skips trainable layers.)"
    def before_train(self):
        for m in self.model.modules():
            if isinstance(m, torch.nn.BatchNorm2d): m.eval()


class MeanWeights(Callback):
    "Keep a running mean of the weights, and put it into the model after training."
    order = 60
    def __init__(self, decay): self.decay = decay
    def before_fit(self): self.mean = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(self.decay), use_buffers=True)
    def after_batch(self):
        if self.training: self.mean.update_parameters(self.model)
    def after_fit(self): self.model.load_state_dict(self.mean.module.state_dict())


def fine_tune(start, folder, every, settings):
    "Train a copy of the model file `start` on a folder; returns the model and its codec."
    s = {**BASE, **settings}
    set_seed(0)
    _, codec, _, _ = load_model_file(start)
    files = find_photos([folder])[::every]
    dls = ColorizeDataLoaders.from_files(files, codec=codec, size=s['size'], bs=32, valid_pct=.02, device='cpu')
    loss = MeanColorLoss(codec) if s['loss']=='mean color' else s['loss']
    cbs = ([FrozenStatistics()] if s['norm_frozen'] else []) + ([MeanWeights(s['decay'])] if s['decay'] else [])
    learn = colorize_learner(dls, start, loss=loss, metrics=[], cbs=cbs)
    if not s['encoder']: learn.freeze()
    lr = s['lr'] if s['encoder'] in (0., 1.) else slice(s['lr']*s['encoder'], s['lr'])
    with learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(s['epochs'], lr)
    return learn.model.eval(), codec


def measure(model, codec, files, sizes=(128, 256), saturation=1.25):
    "Return CIEDE2000, PSNR, and colorfulness of each photo at each input size, and of gray last: `(n,sizes+1,3)`."
    colorizer, rows = Colorizer(model, codec, 256), []
    for f in files:
        photo = open_photo(f)
        true = to_tensor(photo)
        preds = [to_tensor(colorizer(photo, size=s, saturation=saturation).image) for s in sizes]
        preds.append(gray_baseline(true))
        rows.append([[ciede(p, true).item(), psnr(p, true).item(), colorfulness(p).item()] for p in preds])
    return np.array(rows)


def facts_of(scores, start):
    "Summarize a run: means relative to gray, and the paired difference from the starting model."
    row, gray = {}, scores[:,-1]
    for i,size in enumerate((128, 256)):
        e, p, c = scores[:,i].T
        d = torch.tensor(e-start[:,i,0])
        row[size] = dict(relative=round(100*(e.mean()/gray[:,0].mean()-1), 1), psnr=round((p-gray[:,1]).mean(), 2), colorfulness=round(c.mean(), 1),
                         difference=round(d.mean().item(), 3), interval=[round(v, 3) for v in bootstrap_interval(d)])
    return row


def main(args):
    torch.set_num_threads(1)
    data = Path(args.data)
    tests = dict(album=find_photos([data/args.album/'test'])[:args.tests], other=find_photos([data/'eval256'])[::args.other])
    model, codec, _, _ = load_model_file(args.start)
    starts = {k: measure(model, codec, files) for k,files in tests.items()}
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    found['start'] = {k: facts_of(s, s) for k,s in starts.items()}
    print('start', json.dumps(found['start']), flush=True)
    for name in args.only or RUNS:
        if name in found: continue
        began = time.process_time()
        model, codec = fine_tune(args.start, data/args.album/'train', args.every, RUNS[name])
        row = dict(settings={**BASE, **RUNS[name]}, seconds=round(time.process_time()-began))
        row |= {k: facts_of(measure(model, codec, files), starts[k]) for k,files in tests.items()}
        found[name] = row
        print(name, json.dumps(row), flush=True)
        with whole_file(RESULTS) as part: part.write_text(json.dumps(found, indent=1))


if __name__=='__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('data', metavar='DATA', help='folder that contains the album and eval256')
    p.add_argument('--album', default='flowers128', help='folder with `train` and `test` folders of photos')
    p.add_argument('--start', default='shipped', help='model to start from')
    p.add_argument('--every', type=int, default=2, help='train on every k-th photo')
    p.add_argument('--tests', type=int, default=200, help='number of test photos from the album')
    p.add_argument('--other', type=int, default=8, help='test on every k-th photo of eval256')
    p.add_argument('--only', nargs='+', choices=RUNS, help='runs to train (default: all)')
    main(p.parse_args())
