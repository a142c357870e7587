"""What fusing class scores is worth: one small U-Net that is told what the photo shows, told what another photo shows, or told nothing.

    python -m lab.fusion PHOTOS

PHOTOS is a folder of color photos. The network starts from random weights, as Koalarization's encoder does; the scores are those of
EfficientNet-Lite0 for the photo's lightness, before their softmax. Results go to `colorize_nb/course/fusion.json`, one row per
arm and seed, and are not computed again where they stand. About 15 minutes on one core.
"""
import argparse
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from fastai.callback.schedule import Learner
from fastai.data.core import DataLoader, DataLoaders
from torch import nn

from lab import arms
from colorize_nb.color.codecs import LabAB
from colorize_nb.data.folder import central_square
from colorize_nb.core.photo import open_photo, to_tensor
from colorize_nb.models.encoders import ClassScores, fuse
from colorize_nb.models.compact import UnetCompact

ARMS = ('right scores', "another photo's scores", 'no scores')
CODEC, SIZE, BS = LabAB(ab_scale=50), 64, 32


class Mix(nn.Module):
    "Class scores at every position beside the deepest features, then a 1x1 convolution (Koalarization, section 3.1.2)."
    def __init__(self, nf, n_scores=1000):
        super().__init__()
        self.norm, self.conv = nn.BatchNorm1d(n_scores), nn.Conv2d(nf+n_scores, nf, 1)

    def forward(self, x): return F.relu(self.conv(fuse(x, self.norm(self.scores))))


class FusedUnet(UnetCompact):
    "The compact U-Net with `Mix` at its bottom: `(B,1,H,W), (B,1000)` -> raw `(B,2,H/2,W/2)`."
    def __init__(self):
        super().__init__()
        self.context = Mix(self.ups[0].reduce[0].in_channels)

    def forward(self, x, scores):
        self.context.scores = scores
        return super().forward(x)


@torch.no_grad()
def look(files):
    "RGB squares `(N,3,SIZE,SIZE)` and the class scores `(N,1000)` of their lightness, seen at 224 px."
    classifier, rgb, scores = ClassScores('efficientnet_lite0', pretrained=True).eval(), [], []
    for f in files:
        photo = open_photo(f)
        rgb.append(to_tensor(central_square(photo, SIZE)))
        scores.append(classifier(CODEC.encode(to_tensor(central_square(photo, 224)))[0]))
    return torch.cat(rgb), torch.cat(scores)


def told(arm, scores, seed):
    "What the network is told: the scores, those of other photos in a random order, or zeros."
    if arm=='no scores': return torch.zeros_like(scores)
    if arm=='right scores': return scores
    order = torch.randperm(len(scores), generator=torch.Generator().manual_seed(seed))
    return scores[order]


def train(rgb, scores, seed, steps, lr):
    "A trained network, its steps and the seconds they took."
    torch.manual_seed(seed)
    net = FusedUnet()
    x, y = CODEC.encode(rgb)
    items = list(zip(x, scores, F.avg_pool2d(y.as_subclass(torch.Tensor), 2)))
    train = DataLoader(items, bs=BS, shuffle=True, drop_last=True, n_inp=2, num_workers=0)
    learn = Learner(DataLoaders(train, DataLoader(items[:BS], bs=BS, n_inp=2, num_workers=0), device='cpu'), net, nn.SmoothL1Loss())
    epochs, start = round(steps/len(train)), time.process_time()
    with learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(epochs, lr)
    return net.eval(), epochs*len(train), time.process_time()-start


@torch.no_grad()
def measure(net, rgb, scores):
    "`arms.scores` of each photo."
    inputs = CODEC.encode(rgb)[0].split(1)
    return [arms.scores(CODEC.decode(x, net(x, told_of_it)), photo) for x,told_of_it,photo in zip(inputs, scores.split(1), rgb.split(1))]


def main(photos, n, held, steps, seeds, lr):
    files, held_files = arms.split(photos, n, held)
    (rgb, scores), (held_rgb, held_scores) = look(files), look(held_files)
    facts = dict(data=Path(photos).name, n_train=n, n_held=held, steps=steps, batch=BS, size=SIZE, loss='smooth_l1', lr=lr)
    def train_and_measure(arm, seed):
        net, done, seconds = train(rgb, told(arm, scores, seed), seed, steps, lr)
        return done, seconds, measure(net, held_rgb, told(arm, held_scores, seed))
    arms.run(arms.RESULTS/'fusion.json', ARMS, seeds, facts, train_and_measure)


if __name__=='__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('photos')
    p.add_argument('--n', type=int, default=2000, help='photos to train on')
    p.add_argument('--held', type=int, default=300, help='photos to measure on')
    p.add_argument('--steps', type=int, default=310, help='rounded to whole epochs')
    p.add_argument('--seeds', type=int, default=3)
    p.add_argument('--lr', type=float, default=3e-3)
    main(**vars(p.parse_args()))
