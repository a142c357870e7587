"""Measure how much a pretrained encoder helps: train the same decoder on several encoders, with equal steps.

    python -m lab.transfer PHOTOS

PHOTOS contains `train240` and `eval256`. The results go to `colorize_nb/course/transfer.json`, one row per variant and
seed. Rows that the file already contains aren't computed again. For each variant, a strip of bundled photos as its first
seed colors them is saved next to the file. This takes about 25 minutes on one core.
"""
import time
from pathlib import Path

import torch
from fastcore.script import call_parse

from lab import arms
from colorize_nb.color.codecs import LabAB
from colorize_nb.core.show import image_grid
from colorize_nb.color.metrics import dataset_mean_ab, mean_color_baseline
from colorize_nb.core.photo import bundled_photos, central_square, open_photo, to_image, to_tensor
from colorize_nb.data.features import FeatureCache
from colorize_nb.data.folder import ColorizeDataLoaders
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.train.learner import colorize_learner

ARMS = { # variant -> (weights of the encoder, frozen)
    "shipped model's, frozen": ('shipped', True),
    'ImageNet, frozen': ('imagenet', True),
    'random, frozen': ('random', True),
    'random, trained': ('random', False),
    'ImageNet, fine-tuned': ('imagenet', False),
}
CODEC, SIZE, BS = arms.Corrected(ab_scale=50), 128, 16
STRIP = ('mountain', 'hills', 'canal', 'burger', 'soccer')


def loaders(model, files, test, frozen, cache):
    "Load features from a cache if the encoder is frozen, or photos otherwise."
    if not frozen: return ColorizeDataLoaders.from_files(files, CODEC, SIZE, BS, valid_files=test[:BS], augment=False, device='cpu')
    return FeatureCache.build(cache, files, model, CODEC, size=SIZE, device='cpu').dataloaders(CODEC, bs=BS, valid_pct=.02, device='cpu')


def train(arm, seed, files, test, steps, lr, cache):
    "Return a trained network, its number of steps, and the CPU seconds that they took."
    which, frozen = ARMS[arm]
    torch.manual_seed(0 if frozen else seed) # all seeds share a frozen random encoder, so its features are cached once
    model = arms.with_encoder(which, frozen, norm=arm=='random, trained') # from random weights, it's hard to train without BatchNorm
    torch.manual_seed(seed)
    def reset(m):
        if isinstance(m, torch.nn.Conv2d): m.reset_parameters()
    for part in (model.decoder, model.head): part.apply(reset)
    dls = loaders(model, files, test, frozen, cache)
    learn = colorize_learner(dls, model, loss='smooth_l1', metrics=[])
    lrs = slice(lr/10, lr) if which!='random' and not frozen else lr
    epochs, start = max(1, round(steps/len(dls.train))), time.process_time()
    with learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(epochs, lrs)
    return model, epochs*len(dls.train), time.process_time()-start


def measure(model, true):
    "Return `arms.scores` of each photo of `true`, `(n,3,h,w)`."
    colorizer, photos = Colorizer(model, LabAB(ab_scale=50), SIZE), [t[None] for t in true]
    return [arms.scores(to_tensor(colorizer(to_image(t)).image), t) for t in photos]


def strip(model):
    "Color bundled photos with the model and put them side by side."
    colorizer = Colorizer(model, LabAB(ab_scale=50), SIZE)
    photos = [central_square(open_photo(bundled_photos('all')[n]), SIZE) for n in STRIP]
    return image_grid([colorizer(photo).image for photo in photos], gap=0)


@call_parse
def main(
    photos:Path, # folder that contains train240 and eval256
    n:int=1600, # photos to train on
    n_test:int=200, # photos to test on
    steps:int=200, # optimizer steps, rounded to whole epochs
    seeds:int=3, # seeds per variant
    lr:float=2e-3, # maximum learning rate
    cache:str='runs/features', # folder for features
):
    "Measure how much a pretrained encoder helps."
    torch.set_num_threads(1)
    files, test = arms.train_and_test(photos, n, n_test)
    true = arms.squares(test, SIZE)
    flat = mean_color_baseline(true, dataset_mean_ab([arms.squares(files[::8], SIZE)]))
    facts = dict(data='train240', n_train=n, n_test=n_test, steps=steps, batch=BS, size=SIZE, loss='smooth_l1', lr=lr, strip=STRIP,
                 mean_color=[arms.scores(p[None], t[None]) for p,t in zip(flat, true)])
    def train_and_measure(arm, seed):
        model, done, seconds = train(arm, seed, files, test, steps, lr, cache)
        if seed==0:
            name = arm.replace("'s", '').replace(', ', '-').replace(' ', '-').lower()
            strip(model).save(arms.RESULTS/f'transfer-{name}.jpg', quality=85)
        return done, seconds, measure(model, true)
    arms.run(arms.RESULTS/'transfer.json', ARMS, seeds, facts, train_and_measure)
