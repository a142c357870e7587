"""Measure how much fused class scores help: a small U-Net gets its photo's scores, another photo's scores, or zeros.

    python -m lab.fusion PHOTOS

PHOTOS contains `train240` and `eval256`. The network starts from random weights, like Koalarization's encoder. The class
scores are the outputs of EfficientNet-Lite0, before the softmax, for the lightness of the photo. The results go to
`colorize_nb/course/fusion.json`, one row per variant and seed. Rows that the file already contains aren't computed
again. The first network with the right scores also colors a few bundled photos, each of them with the scores of each
(`fusion-cross.jpg`). This takes about 20 minutes on one core.

The rows in the package were measured on an earlier pack of photos, `train128`, and the picture comes from `train240`. To
repeat the measurement on `train240`, remove `fusion.json` first.
"""
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from fastai.callback.schedule import Learner
from fastai.data.core import DataLoader, DataLoaders
from fastcore.script import call_parse
from torch import nn

from lab import arms
from colorize_nb.color.codecs import LabAB
from colorize_nb.color.space import rgb2lab
from colorize_nb.core.photo import bundled_photos, central_square, open_photo
from colorize_nb.core.show import image_grid
from colorize_nb.infer.paint import paint
from colorize_nb.models.encoders import ClassScores, fuse
from colorize_nb.models.compact import UnetCompact

ARMS = ('right scores', "another photo's scores", 'no scores')
CODEC, SIZE, BS = LabAB(ab_scale=50), 64, 32
STRIP = ('hills', 'coast', 'soccer', 'strawberries', 'burger', 'asters')


class Mix(nn.Module):
    "Append class scores to the deepest features at every position, then mix them (Koalarization, section 3.1.2)."
    def __init__(self, nf, n_scores=1000):
        super().__init__()
        self.norm, self.conv = nn.BatchNorm1d(n_scores), nn.Conv2d(nf+n_scores, nf, 1)

    def forward(self, x): return F.relu(self.conv(fuse(x, self.norm(self.scores))))


class FusedUnet(UnetCompact):
    "The compact U-Net with `Mix` at its bottleneck: `(B,1,H,W), (B,1000)` -> raw `(B,2,H/2,W/2)`."
    def __init__(self):
        super().__init__()
        self.context = Mix(self.ups[0].reduce[0].in_channels)

    def forward(self, x, scores):
        self.context.scores = scores
        return super().forward(x)


@torch.no_grad()
def read_photos(files):
    "Return RGB squares `(N,3,SIZE,SIZE)`, and the class scores `(N,1000)` of their lightness at 224 px."
    classifier = ClassScores('efficientnet_lite0', pretrained=True).eval()
    scores = [classifier(CODEC.encode(arms.squares([f], 224))[0]) for f in files]
    return arms.squares(files, SIZE), torch.cat(scores)


def fused_scores(arm, scores, seed):
    "Return the scores that a variant gets: those of each photo, those of other photos in a random order, or zeros."
    if arm=='no scores': return torch.zeros_like(scores)
    if arm=='right scores': return scores
    order = torch.randperm(len(scores), generator=torch.Generator().manual_seed(seed))
    return scores[order]


def train(rgb, scores, seed, steps, lr):
    "Return a trained network, its number of steps, and the seconds that they took."
    torch.manual_seed(seed)
    net = FusedUnet()
    x, y = CODEC.encode(rgb)
    items = list(zip(x, scores, F.avg_pool2d(y.as_subclass(torch.Tensor), 2)))
    train = DataLoader(items, bs=BS, shuffle=True, drop_last=True, n_inp=2, num_workers=0)
    valid = DataLoader(items[:BS], bs=BS, n_inp=2, num_workers=0)
    learn = Learner(DataLoaders(train, valid, device='cpu'), net, nn.SmoothL1Loss())
    epochs, start = round(steps/len(train)), time.process_time()
    with learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(epochs, lr)
    return net.eval(), epochs*len(train), time.process_time()-start


@torch.no_grad()
def measure(net, rgb, scores):
    "Return `arms.scores` of each photo."
    triples = zip(CODEC.encode(rgb)[0].split(1), scores.split(1), rgb.split(1))
    return [arms.scores(CODEC.decode(x, net(x, s)), photo) for x,s,photo in triples]


@torch.no_grad()
def cross(net):
    "Color each bundled photo of `STRIP` (rows) with the class scores of each (columns)."
    files = [bundled_photos('all')[n] for n in STRIP]
    rgb, scores = read_photos(files)
    def color(i, j):
        x = CODEC.encode(rgb[i:i+1])[0]
        pred = CODEC.decode(x, net(x, scores[j:j+1]))
        return paint(central_square(open_photo(files[i]), 128), rgb2lab(pred)[:,1:])
    return image_grid([color(i, j) for i in range(len(files)) for j in range(len(files))], ncols=len(files), gap=0)


@call_parse
def main(
    photos:Path, # folder that contains train240 and eval256
    n:int=2000, # photos to train on
    held:int=300, # photos to test on
    steps:int=310, # optimizer steps, rounded to whole epochs
    seeds:int=3, # seeds per variant
    lr:float=3e-3, # maximum learning rate
):
    "Measure how much fused class scores help."
    torch.set_num_threads(1)
    files, held_files = arms.train_and_test(photos, n, held)
    (rgb, scores), (held_rgb, held_scores) = read_photos(files), read_photos(held_files)
    facts = dict(data='train240', cross=dict(data='train240', photos=STRIP), n_train=n, n_held=held, steps=steps, batch=BS, size=SIZE,
                 loss='smooth_l1', lr=lr)
    def train_and_measure(arm, seed):
        net, done, seconds = train(rgb, fused_scores(arm, scores, seed), seed, steps, lr)
        if seed==0 and arm=='right scores': cross(net).save(arms.RESULTS/'fusion-cross.jpg', quality=85)
        return done, seconds, measure(net, held_rgb, fused_scores(arm, held_scores, seed))
    arms.run(arms.RESULTS/'fusion.json', ARMS, seeds, facts, train_and_measure)
