"""Shared code for experiments that train one network per variant and seed.

The scores of each photo go to one result file. Rows that the file already contains aren't computed again.
"""
import json
import platform
from pathlib import Path

import torch

import colorize_nb
from colorize_nb.color.codecs import LabAB
from colorize_nb.color.metrics import ciede, colorfulness, gray_baseline
from colorize_nb.core.files import whole_file
from colorize_nb.core.photo import central_square, find_photos, open_photo, to_tensor
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.models.layers import create_model

RESULTS = Path(colorize_nb.__file__).parent/'course'
AVIF_SHIFT = (.58, -.50, .65) # Pillow 13 rounds the chroma of AVIF down; the mean loss in 8-bit RGB


def corrected(rgb):
    "Correct the chroma of `train240`'s AVIF files: `(B,3,h,w)` in [0,1]."
    return (rgb+torch.tensor(AVIF_SHIFT)[:,None,None]/255).clamp(0, 1)


class Corrected(LabAB):
    "`LabAB` for the photos of `train240`."
    def encode(self, rgb): return super().encode(corrected(rgb))


def with_encoder(which, freeze=True, norm=False, **kwargs):
    "Create a `unet_lite` with the encoder of the shipped model, with ImageNet's weights ('imagenet'), or random ones."
    model = create_model('unet_lite', pretrained=which=='imagenet', norm=norm, **kwargs)
    if which=='shipped': model.encoder.load_state_dict(Colorizer.load('shipped').model.encoder.state_dict())
    return model.freeze_pretrained(freeze)


def train_and_test(folder, n, n_test):
    "Return evenly spaced photos of `train240` to train on, and of `eval256` to test on."
    train, test = (find_photos([Path(folder)/name]) for name in ('train240', 'eval256'))
    return train[::len(train)//n][:n], test[::len(test)//n_test][:n_test]


def squares(files, size):
    "Return the central squares of photos: `(n,3,size,size)`, with the chroma of AVIF files corrected."
    def fix(f, rgb): return corrected(rgb) if Path(f).suffix=='.avif' else rgb
    return torch.cat([fix(f, to_tensor(central_square(open_photo(f), size))) for f in files])


def as_bytes(files, size):
    "Return `squares` as bytes, which need a quarter of the memory."
    return torch.cat([(squares([f], size)*255).round().byte() for f in files])


def scores(pred, true):
    "Return CIEDE2000 of a prediction `(1,3,H,W)` and of gray, and the colorfulness of the prediction and of the photo."
    values = ciede(pred, true), ciede(gray_baseline(true), true), colorfulness(pred), colorfulness(true)
    return [round(v.item(), 3) for v in values]


def run(path, arms, seeds, facts, train_and_measure):
    """Train and measure every variant that the file doesn't contain yet. `train_and_measure(arm, seed)` returns the
    number of steps, the seconds, and the `scores` of each photo. `facts` are saved next to the rows."""
    found = json.loads(path.read_text()) if path.exists() else dict(rows=[])
    found.update(facts, device='cpu', python=platform.python_version(), torch=torch.__version__,
                 version=colorize_nb.__version__)
    for seed in range(seeds):
        for arm in arms:
            if any(r['arm']==arm and r['seed']==seed for r in found['rows']): continue
            steps, seconds, photos = train_and_measure(arm, seed)
            found['rows'].append(dict(arm=arm, seed=seed, steps=steps, seconds=round(seconds), photos=photos))
            with whole_file(path) as part: part.write_text(json.dumps(found))
            error, gray, color, true = torch.tensor(photos).mean(0)
            print(f'{arm}, seed {seed}: {steps} steps, {seconds:.0f} s, CIEDE2000 {error:.2f} (gray {gray:.2f}),',
                  f'colorfulness {color:.1f} (photos {true:.1f})', flush=True)
