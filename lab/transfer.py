"""What a borrowed encoder is worth: one decoder on four encoders, equal steps, several seeds.

    python -m lab.transfer PHOTOS

PHOTOS is a folder of color photos. Results go to `colorize_nb/course/transfer.json`, one row per arm and seed, and are not
computed again where they stand; a strip of bundled photos as each arm colors them is drawn beside it. About 15 minutes on one core.
"""
import argparse
import tempfile
import time
from pathlib import Path

import torch
from PIL import Image

from lab import arms
from colorize_nb.color.codecs import LabAB
from colorize_nb.data.features import FeatureCache
from colorize_nb.data.folder import ColorizeDataLoaders
from colorize_nb.data.folder import central_square
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.core.photo import bundled_photos, open_photo, to_tensor
from colorize_nb.models.layers import create_model
from colorize_nb.train.learner import colorize_learner

ARMS = { # arm -> (ImageNet weights, frozen)
    'pretrained, frozen': (True, True),
    'random, frozen': (False, True),
    'random, trained': (False, False),
    'pretrained, fine-tuned': (True, False),
}
CODEC, SIZE, BS = LabAB(ab_scale=50), 128, 32
STRIP = ('flower', 'china', 'chelsea')


def loaders(model, files, held, frozen, cache):
    "From a cache of features where the encoder is frozen, else from photos."
    if not frozen: return ColorizeDataLoaders.from_files(files, CODEC, SIZE, BS, valid_files=held, augment=False)
    return FeatureCache.build(cache, files, model, CODEC, size=SIZE).dataloaders(CODEC, bs=BS, valid_pct=.02)


def train(arm, seed, files, held, steps, lr, cache):
    "A trained network and the seconds its steps took."
    pretrained, frozen = ARMS[arm]
    torch.manual_seed(0 if frozen else seed) # a frozen random encoder is drawn once, so that its features are computed once
    model = create_model('unet_lite', pretrained=pretrained, freeze=frozen)
    torch.manual_seed(seed)
    for part in (model.decoder, model.head): part.apply(lambda m: m.reset_parameters() if isinstance(m, torch.nn.Conv2d) else None)
    dls = loaders(model, files, held, frozen, cache)
    learn = colorize_learner(dls, model, loss='smooth_l1', metrics=[])
    rates = slice(lr/10, lr) if arm=='pretrained, fine-tuned' else lr
    epochs, start = max(1, round(steps/len(dls.train))), time.process_time()
    with learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(epochs, rates)
    return model, epochs*len(dls.train), time.process_time()-start


def measure(model, held):
    "`arms.scores` of each photo."
    colorizer = Colorizer(model, CODEC, SIZE)
    photos = [central_square(open_photo(f), SIZE) for f in held]
    return [arms.scores(to_tensor(colorizer(photo).image), to_tensor(photo)) for photo in photos]


def strip(model):
    "Bundled photos as the model colors them, side by side."
    colorizer = Colorizer(model, CODEC, SIZE)
    photos = [colorizer(central_square(open_photo(bundled_photos()[n]), SIZE)).image for n in STRIP]
    out = Image.new('RGB', (SIZE*len(photos), SIZE))
    for i,p in enumerate(photos): out.paste(p, (i*SIZE, 0))
    return out


def main(photos, n, held, steps, seeds, lr):
    files, held = arms.split(photos, n, held)
    facts = dict(data=Path(photos).name, n_train=n, n_held=len(held), steps=steps, batch=BS, size=SIZE, loss='smooth_l1', lr=lr)
    with tempfile.TemporaryDirectory() as cache:
        def train_and_measure(arm, seed):
            model, done, seconds = train(arm, seed, files, held, steps, lr, cache)
            if seed==0: strip(model).save(arms.RESULTS/f"transfer-{arm.replace(', ', '-').replace(' ', '-')}.jpg", quality=85)
            return done, seconds, measure(model, held)
        arms.run(arms.RESULTS/'transfer.json', ARMS, seeds, facts, train_and_measure)


if __name__=='__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('photos')
    p.add_argument('--n', type=int, default=2000, help='photos to train on')
    p.add_argument('--held', type=int, default=200, help='photos to measure on')
    p.add_argument('--steps', type=int, default=124)
    p.add_argument('--seeds', type=int, default=3)
    p.add_argument('--lr', type=float, default=2e-3)
    main(**vars(p.parse_args()))
