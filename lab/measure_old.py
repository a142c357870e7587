"""Measure models on old photographs: plates with known colors, and simulated scans of modern photos.

    python -m lab.measure_old DATA shipped candidate.safetensors

DATA is the folder that contains `prokudin` (plates from 1909 to 1915, with exposures through a red, a green, and a blue
filter) and `eval256`. For the plates, the network's input is one gray photo: the panchromatic sum of the three
exposures, the green exposure, or the blue exposure. For the simulated scans, the input is `simulate_scan` of the odd
photos of `eval256`. In both cases, the predicted chroma is painted onto the real lightness, so that only color is
measured.
"""
import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import lab.train_shipped # registers the candidates' architectures
from colorize_nb.color.metrics import bootstrap_interval, ciede, gray_baseline
from colorize_nb.color.space import lab2rgb, rgb2lab
from colorize_nb.core.photo import find_photos, open_photo, to_image, to_tensor
from colorize_nb.core.show import Results
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.infer.paint import paint
from lab.old_scans import BLUE_SENSITIVE, ORTHOCHROMATIC, PANCHROMATIC, film_lightness, simulate_scan

EXPOSURES = {'panchromatic': PANCHROMATIC, 'green exposure': (0., 1., 0.), 'blue exposure': (0., 0., 1.)}
FILMS = {'panchromatic': PANCHROMATIC, 'orthochromatic': ORTHOCHROMATIC, 'blue-sensitive': BLUE_SENSITIVE}
SATURATIONS = (1., 1.25)


def read_plate(path):
    "Read a plate with each exposure stretched from its 1st to its 99th percentile."
    plate = np.asarray(Image.open(path).convert('RGB'), np.float32)
    low, high = np.percentile(plate, (1, 99), axis=(0, 1))
    return Image.fromarray(((plate-low)/(high-low)*255).clip(0, 255).round().astype(np.uint8))


def gray_photo(L):
    "Return a gray picture with lightness `L` `(1,1,H,W)`."
    return to_image(lab2rgb(torch.cat([L, torch.zeros_like(L), torch.zeros_like(L)], 1)).clamp(0, 1))


def score(colorizer, seen, photo, saturation):
    "Return CIEDE2000 of the prediction and of gray, and the mean chroma of the prediction and of the photo."
    true = to_tensor(photo)
    pred = to_tensor(paint(photo, colorizer.chroma(seen, saturation=saturation)))
    chroma = [rgb2lab(rgb)[:,1:].norm(dim=1).mean().item() for rgb in (pred, true)]
    return [ciede(pred, true).item(), ciede(gray_baseline(true), true).item(), *chroma]


def row_of(scores, **facts):
    "Summarize scores `(n,4)` as a row of a table."
    error, gray, chroma, true = np.array(scores).T
    low, high = bootstrap_interval(torch.tensor(error-gray))
    return {**facts, 'CIEDE2000': error.mean(), 'gray': gray.mean(), 'relative to gray': f'{100*(error.mean()/gray.mean()-1):+.1f}%',
            'difference': f'{(error-gray).mean():+.2f} [{low:+.2f}, {high:+.2f}]', 'chroma': f'{100*chroma.mean()/true.mean():.0f}%',
            'gray is better': f'{100*(error>gray).mean():.0f}%'}


def measure_plates(colorizer, folder, saturations=SATURATIONS):
    "Measure a model on the plates, with each kind of exposure as its input."
    rows, plates = [], [read_plate(f) for f in find_photos([folder])]
    for saturation in saturations:
        for name,weights in EXPOSURES.items():
            scores = [score(colorizer, gray_photo(film_lightness(to_tensor(p), weights)), p, saturation) for p in plates]
            rows.append(row_of(scores, model=colorizer.name, saturation=saturation, sees=name))
    return Results(rows, f'{len(plates)} plates', '.2f')


def measure_scans(colorizer, files, saturation=1.25):
    "Measure a model on modern photos: as they are, on three kinds of film, and as simulated scans."
    rows, photos = [], [open_photo(f) for f in files]
    kinds = {name: lambda rgb, w=w: film_lightness(rgb, w) for name,w in FILMS.items()} | {'simulated scan': simulate_scan}
    for name,make in kinds.items():
        torch.manual_seed(0)
        scores = [score(colorizer, gray_photo(make(to_tensor(p))), p, saturation) for p in photos]
        rows.append(row_of(scores, model=colorizer.name, saturation=saturation, sees=name))
    return Results(rows, f'{len(photos)} photos', '.2f')


def main(args):
    torch.set_num_threads(1)
    data = Path(args.data)
    for model in args.models:
        colorizer = Colorizer.load(model)
        print(measure_plates(colorizer, data/'prokudin').to_markdown(), flush=True)
        print(measure_scans(colorizer, find_photos([data/'eval256'])[1::2][::args.every]).to_markdown(), flush=True)


if __name__=='__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('data', metavar='DATA', help='folder that contains prokudin and eval256')
    p.add_argument('models', nargs='+', help='shipped names or files')
    p.add_argument('--every', type=int, default=2, help='use every k-th of the odd photos for the simulated scans')
    main(p.parse_args())
