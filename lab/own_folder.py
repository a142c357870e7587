"""Continue the shipped model on one album at a time, and measure the result on other photos of that album and on other things.

    python -m lab.own_folder PHOTOS STRIP

PHOTOS contains `flowers128`, `cats128`, `train240`, and `eval256`; the groceries and the travels are parts of `train240`.
Each album is used twice, with `fine_tune_gently` and with the same number of plain steps, and all runs take about the
same number of photo steps, so small albums get more epochs. STRIP has the photos for the strips and a file
`credits.json`. The results go to `colorize_nb/course/albums.json`, one row per run, with the scores of each photo. Rows
that the file already contains aren't computed again. Each takes about three minutes on one core.
"""
import json
import random
import time
from pathlib import Path

import torch
from fastai.torch_core import set_seed
from fastcore.script import call_parse

from lab import arms
from colorize_nb.color.metrics import dataset_mean_ab, mean_color_baseline
from colorize_nb.core.photo import central_square, find_photos, open_photo, to_image, to_tensor
from colorize_nb.core.show import image_grid
from colorize_nb.data.folder import ColorizeDataLoaders, near_duplicates
from colorize_nb.infer.colorizer import Colorizer, load_colorizers
from colorize_nb.models.store import load_model_file
from colorize_nb.train.learner import colorize_learner

ALBUMS = {'flowers': 'flowers128', 'cats': 'cats128', 'groceries': 'grocery', 'travels': 'travels-duane'} # packs, or sources in train240
ARMS = {f'{album}, {how}': (album, how=='gently') for how in ('gently', 'plain') for album in ALBUMS}
PHOTO_STEPS, N_TEST, N_VALID, BS, SIZE, LR, SATURATION = 1800, 100, 40, 32, 128, 1e-3, 1.25


def sources(photos, album, folder):
    "Return an album's photos to train on and to test on. Those of `train240` are saved in `folder` with corrected chroma."
    pack = photos/ALBUMS[album]
    if pack.is_dir(): train, test = find_photos([pack/'train']), find_photos([pack/'test'])
    else:
        folder = Path(folder)/album
        folder.mkdir(parents=True, exist_ok=True)
        files = sorted((photos/'train240').glob(f'*_{ALBUMS[album]}.avif'))
        for f in files:
            to = folder/f'{f.stem}.png'
            if not to.exists(): to_image(arms.corrected(to_tensor(open_photo(f)))).save(to)
        train = [folder/f'{f.stem}.png' for f in files]
        random.Random(0).shuffle(train)
        n = min(N_TEST, len(train)//4)
        train, test = train[n:], train[:n]
    random.Random(0).shuffle(train)
    alike = {held for held,_ in near_duplicates(test, train)}
    return train[:PHOTO_STEPS], [f for f in test if f not in alike][:N_TEST]


def train(files, gently, seed, start):
    "Continue the model `start` with about `PHOTO_STEPS` photo steps. Returns a colorizer, the steps, and the seconds."
    set_seed(seed)
    codec, began = load_model_file(start)[1], time.process_time()
    dls = ColorizeDataLoaders.from_files(files[N_VALID:], codec, SIZE, BS, valid_files=files[:N_VALID], device='cpu')
    learn, epochs = colorize_learner(dls, start, loss='ce', metrics=[]), max(1, round(PHOTO_STEPS/len(files)))
    with learn.no_bar(), learn.no_logging():
        if gently: learn.fine_tune_gently(epochs, LR)
        else: learn.fit_one_cycle(epochs, LR)
    [after] = load_colorizers(learn).values()
    return after, epochs*len(dls.train), time.process_time()-began


def measure(colorizer, photos):
    "Return `arms.scores` of each photo."
    return [arms.scores(to_tensor(colorizer(p, saturation=SATURATION).image), to_tensor(p)) for p in photos]


def save_strip(pictures, name):
    "Save pictures side by side."
    image_grid([p.resize((128, 128)) for p in pictures], gap=0).save(arms.RESULTS/f'flowers-{name}.jpg', quality=88)


@call_parse
def main(
    photos:Path, # folder that contains flowers128, cats128, train240, and eval256
    strip:Path, # folder of photos for the strips, with `credits.json`
    start:str='shipped', # model to start from
    seeds:int=3, # seeds per run
    cache:str='runs/albums', # folder for photos with corrected chroma
):
    "Measure what a few minutes of training on an album are worth."
    torch.set_num_threads(1)
    albums = {album: sources(photos, album, cache) for album in ALBUMS}
    tests = {album: [open_photo(f) for f in test] for album,(_,test) in albums.items()}
    other = [open_photo(f) for f in find_photos([photos/'eval256'])[::8]]
    before = Colorizer.load(start)
    credits = json.loads((strip/'credits.json').read_text())
    shown = [central_square(open_photo(strip/c['file']), 256) for c in credits]
    def color_shown(colorizer, name): save_strip([colorizer(p, saturation=SATURATION).image for p in shown], name)
    save_strip(shown, 'photos')
    color_shown(before, 'start')
    def flat(album):
        mean = dataset_mean_ab(to_tensor(open_photo(f)) for f in albums[album][0][:300])
        return [arms.scores(mean_color_baseline(t, mean), t) for t in map(to_tensor, tests[album])]
    facts = dict(photo_steps=PHOTO_STEPS, n_train={k: len(train)-N_VALID for k,(train,_) in albums.items()}, batch=BS, size=SIZE, lr=LR,
                 input=256, saturation=SATURATION, strip=credits, mean_color={k: flat(k) for k in ALBUMS},
                 start={k: measure(before, p) for k,p in (*tests.items(), ('other', other))})
    def train_and_measure(arm, seed):
        album, gently = ARMS[arm]
        after, steps, seconds = train(albums[album][0], gently, seed, start)
        if seed==0 and arm=='flowers, gently': color_shown(after, 'gently')
        return steps, seconds, measure(after, tests[album]+other)
    arms.run(arms.RESULTS/'albums.json', ARMS, seeds, facts, train_and_measure)
