"""Measure how much a pretrained encoder helps: train the same decoder on four encoders, with equal steps.

    python -m lab.transfer PHOTOS

PHOTOS is a folder of color photos. The results go to `colorize_nb/course/transfer.json`, one row per variant and seed.
Rows that the file already contains aren't computed again. For each variant, a strip of bundled photos as it colors them
is saved next to the file. This takes about 15 minutes on one core.
"""
import tempfile
import time
from pathlib import Path

import torch
from PIL import Image
from fastcore.script import call_parse

from lab import arms
from colorize_nb.color.codecs import LabAB
from colorize_nb.data.features import FeatureCache
from colorize_nb.data.folder import ColorizeDataLoaders
from colorize_nb.data.folder import central_square
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.core.photo import bundled_photos, open_photo, to_tensor
from colorize_nb.models.layers import create_model
from colorize_nb.train.learner import colorize_learner

ARMS = { # variant -> (ImageNet weights, frozen)
    'pretrained, frozen': (True, True),
    'random, frozen': (False, True),
    'random, trained': (False, False),
    'pretrained, fine-tuned': (True, False),
}
CODEC, SIZE, BS = LabAB(ab_scale=50), 128, 32
STRIP = ('flower', 'china', 'chelsea')


def loaders(model, files, held, frozen, cache):
    "Load features from a cache if the encoder is frozen, or photos otherwise."
    if not frozen: return ColorizeDataLoaders.from_files(files, CODEC, SIZE, BS, valid_files=held, augment=False)
    return FeatureCache.build(cache, files, model, CODEC, size=SIZE).dataloaders(CODEC, bs=BS, valid_pct=.02)


def train(arm, seed, files, held, steps, lr, cache):
    "Return a trained network, its number of steps, and the seconds that they took."
    pretrained, frozen = ARMS[arm]
    torch.manual_seed(0 if frozen else seed) # all seeds share a frozen random encoder, so its features are cached once
    model = create_model('unet_lite', pretrained=pretrained, freeze=frozen)
    torch.manual_seed(seed)
    def reset(m):
        if isinstance(m, torch.nn.Conv2d): m.reset_parameters()
    for part in (model.decoder, model.head): part.apply(reset)
    dls = loaders(model, files, held, frozen, cache)
    learn = colorize_learner(dls, model, loss='smooth_l1', metrics=[])
    lrs = slice(lr/10, lr) if arm=='pretrained, fine-tuned' else lr
    epochs, start = max(1, round(steps/len(dls.train))), time.process_time()
    with learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(epochs, lrs)
    return model, epochs*len(dls.train), time.process_time()-start


def measure(model, held):
    "Return `arms.scores` of each photo."
    colorizer = Colorizer(model, CODEC, SIZE)
    photos = [central_square(open_photo(f), SIZE) for f in held]
    return [arms.scores(to_tensor(colorizer(photo).image), to_tensor(photo)) for photo in photos]


def strip(model):
    "Color bundled photos with the model and put them side by side."
    colorizer = Colorizer(model, CODEC, SIZE)
    photos = [colorizer(central_square(open_photo(bundled_photos()[n]), SIZE)).image for n in STRIP]
    out = Image.new('RGB', (SIZE*len(photos), SIZE))
    for i,p in enumerate(photos): out.paste(p, (i*SIZE, 0))
    return out


@call_parse
def main(
    photos:Path, # folder of color photos
    n:int=2000, # photos to train on
    held:int=200, # photos to test on
    steps:int=124, # optimizer steps, rounded to whole epochs
    seeds:int=3, # seeds per variant
    lr:float=2e-3, # maximum learning rate
):
    "Measure how much a pretrained encoder helps."
    files, held = arms.split(photos, n, held)
    facts = dict(data=Path(photos).name, n_train=n, n_held=len(held), steps=steps, batch=BS, size=SIZE,
                 loss='smooth_l1', lr=lr)
    with tempfile.TemporaryDirectory() as cache:
        def train_and_measure(arm, seed):
            model, done, seconds = train(arm, seed, files, held, steps, lr, cache)
            if seed==0:
                name = arm.replace(', ', '-').replace(' ', '-')
                strip(model).save(arms.RESULTS/f'transfer-{name}.jpg', quality=85)
            return done, seconds, measure(model, held)
        arms.run(arms.RESULTS/'transfer.json', ARMS, seeds, facts, train_and_measure)
