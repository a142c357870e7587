"""Measure how much fused class scores help: a small U-Net gets its photo's scores, another photo's scores, or zeros.

    python -m lab.fusion PHOTOS

PHOTOS is a folder of color photos. The network starts from random weights, like Koalarization's encoder. The class
scores are the outputs of EfficientNet-Lite0, before the softmax, for the lightness of the photo. The results go to
`colorize_nb/course/fusion.json`, one row per variant and seed. Rows that the file already contains aren't computed
again. This takes about 15 minutes on one core.
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
from colorize_nb.core.photo import central_square, open_photo, to_tensor
from colorize_nb.models.encoders import ClassScores, fuse
from colorize_nb.models.compact import UnetCompact

ARMS = ('right scores', "another photo's scores", 'no scores')
CODEC, SIZE, BS = LabAB(ab_scale=50), 64, 32


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
    classifier, rgb, scores = ClassScores('efficientnet_lite0', pretrained=True).eval(), [], []
    for f in files:
        photo = open_photo(f)
        rgb.append(to_tensor(central_square(photo, SIZE)))
        scores.append(classifier(CODEC.encode(to_tensor(central_square(photo, 224)))[0]))
    return torch.cat(rgb), torch.cat(scores)


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


@call_parse
def main(
    photos:Path, # folder of color photos
    n:int=2000, # photos to train on
    held:int=300, # photos to test on
    steps:int=310, # optimizer steps, rounded to whole epochs
    seeds:int=3, # seeds per variant
    lr:float=3e-3, # maximum learning rate
):
    "Measure how much fused class scores help."
    files, held_files = arms.split(photos, n, held)
    (rgb, scores), (held_rgb, held_scores) = read_photos(files), read_photos(held_files)
    facts = dict(data=Path(photos).name, n_train=n, n_held=held, steps=steps, batch=BS, size=SIZE,
                 loss='smooth_l1', lr=lr)
    def train_and_measure(arm, seed):
        net, done, seconds = train(rgb, fused_scores(arm, scores, seed), seed, steps, lr)
        return done, seconds, measure(net, held_rgb, fused_scores(arm, held_scores, seed))
    arms.run(arms.RESULTS/'fusion.json', ARMS, seeds, facts, train_and_measure)
