"""What experiments share that train one network per arm and seed: rows of measured photos in one file, which are not computed again where
they stand."""
import json
import platform
import random
from pathlib import Path

import torch

import colorize_nb
from colorize_nb.color.metrics import ciede, colorfulness, gray_baseline
from colorize_nb.core.files import whole_file
from colorize_nb.core.photo import find_photos

RESULTS = Path(colorize_nb.__file__).parent/'course'


def scores(said, true):
    "Of one photo `(1,3,H,W)`: CIEDE2000 of the prediction and of gray, colorfulness of prediction and photo."
    values = ciede(said, true), ciede(gray_baseline(true), true), colorfulness(said), colorfulness(true)
    return [round(v.item(), 3) for v in values]


def split(photos, n, held):
    "The files to train on and those to measure on, drawn from a folder in an order that stays the same."
    files = find_photos([Path(photos)])
    random.Random(0).shuffle(files)
    return files[held:held+n], files[:held]


def run(path, arms, seeds, facts, train_and_measure):
    "`train_and_measure(arm, seed)` gives steps, seconds and `scores` of each photo. `facts` stand in the file beside the rows."
    found = json.loads(path.read_text()) if path.exists() else dict(rows=[])
    found.update(facts, device='cpu', python=platform.python_version(), torch=torch.__version__, version=colorize_nb.__version__)
    for seed in range(seeds):
        for arm in arms:
            if any(r['arm']==arm and r['seed']==seed for r in found['rows']): continue
            steps, seconds, photos = train_and_measure(arm, seed)
            found['rows'].append(dict(arm=arm, seed=seed, steps=steps, seconds=round(seconds), photos=photos))
            with whole_file(path) as part: part.write_text(json.dumps(found))
            near, gray, color, true = torch.tensor(photos).mean(0)
            print(f'{arm}, seed {seed}: {steps} steps, {seconds:.0f} s, CIEDE2000 {near:.2f} (gray {gray:.2f}),',
                  f'colorfulness {color:.1f} of {true:.1f}', flush=True)
