"""Measure models on old photographs: plates with known colors, and simulated scans of modern photos.

    python -m lab.measure_old DATA shipped candidate.safetensors

DATA is the folder that contains `prokudin` (plates from 1909 to 1915, with exposures through a red, a green, and a blue
filter) and `eval256`. For the plates, the network's input is one gray photo: the panchromatic sum of the three
exposures, the green exposure, or the blue exposure. For the simulated scans, the input is `simulate_scan` of the odd
photos of `eval256`. In both cases, the predicted chroma is painted onto the real lightness, so that only color is
measured. Each of the other models is also compared with the first one at the same mean chroma.
"""
import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from colorize_nb.color.metrics import bootstrap_interval, ciede, gray_baseline
from colorize_nb.color.response import balance_exposures
from colorize_nb.color.space import lab2rgb, rgb2lab
from colorize_nb.core.photo import find_photos, open_photo, to_image, to_tensor
from colorize_nb.core.show import Results
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.infer.paint import paint
from lab.measure_shipped import interpolate # the module also registers the candidates' architectures
from lab.old_scans import BLUE_SENSITIVE, ORTHOCHROMATIC, PANCHROMATIC, film_lightness, simulate_scan

EXPOSURES = {'panchromatic': PANCHROMATIC, 'green exposure': (0., 1., 0.), 'blue exposure': (0., 0., 1.)}
FILMS = {'panchromatic': PANCHROMATIC, 'orthochromatic': ORTHOCHROMATIC, 'blue-sensitive': BLUE_SENSITIVE}
SATURATIONS = (.75, 1., 1.25, 1.5, 2.)
SHOWN = (1., 1.25) # in the tables of each model


def read_plate(path):
    "Read a plate with each exposure stretched from its 1st to its 99th percentile."
    return to_image(balance_exposures(to_tensor(Image.open(path).convert('RGB'))))


def gray_photo(L):
    "Return a gray picture with lightness `L` `(1,1,H,W)`."
    return to_image(lab2rgb(torch.cat([L, torch.zeros_like(L), torch.zeros_like(L)], 1)).clamp(0, 1))


def score(colorizer, seen, photo):
    """Return a row per saturation: CIEDE2000 of the prediction and of gray, and the mean chroma of the prediction and of the photo.
    The network runs once."""
    true, prediction = to_tensor(photo), colorizer.predict(seen)
    gray = ciede(gray_baseline(true), true).item()
    def chroma(rgb): return rgb2lab(rgb)[:,1:].norm(dim=1).mean().item()
    painted = [to_tensor(paint(photo, colorizer.chroma(prediction, saturation=s))) for s in SATURATIONS]
    return [[ciede(rgb, true).item(), gray, chroma(rgb), chroma(true)] for rgb in painted]


def row_of(scores, **facts):
    "Summarize scores `(n,4)` as a row of a table."
    error, gray, chroma, true = scores.T
    low, high = bootstrap_interval(torch.tensor(error-gray))
    return {**facts, 'CIEDE2000': error.mean(), 'gray': gray.mean(), 'relative to gray': f'{100*(error.mean()/gray.mean()-1):+.1f}%',
            'difference': f'{(error-gray).mean():+.2f} [{low:+.2f}, {high:+.2f}]', 'chroma': f'{100*chroma.mean()/true.mean():.0f}%',
            'gray is better': f'{100*(error>gray).mean():.0f}%'}


def measure_plates(colorizer, folder):
    "Return the scores `(plates,saturations,4)` of a model with each kind of exposure as its input."
    plates = [read_plate(f) for f in find_photos([folder])]
    return {name: np.array([score(colorizer, gray_photo(film_lightness(to_tensor(p), weights)), p) for p in plates])
            for name,weights in EXPOSURES.items()}


def measure_scans(colorizer, files):
    "Return the scores `(photos,saturations,4)` of a model on modern photos: on three kinds of film, and as simulated scans."
    photos, found = [open_photo(f) for f in files], {}
    kinds = {name: lambda rgb, w=w: film_lightness(rgb, w) for name,w in FILMS.items()} | {'simulated scan': simulate_scan}
    for name,make in kinds.items():
        torch.manual_seed(0)
        found[name] = np.array([score(colorizer, gray_photo(make(to_tensor(p))), p) for p in photos])
    return found


def table(name, found):
    "Return a table of one model's scores at the saturations that are shown."
    rows = [row_of(scores[:,SATURATIONS.index(s)], model=name, saturation=s, sees=kind) for s in SHOWN for kind,scores in found.items()]
    return Results(rows, f'{len(next(iter(found.values())))} photos', '.2f')


def compare(names, first, second):
    "Compare the second model with the first at its default saturation and at the same mean chroma, paired over photos."
    rows = []
    for kind,scores in first.items():
        ours, gray = scores[:,SATURATIONS.index(1.25)], scores[:,0,1]
        errors = interpolate(second[kind][:,:,0], second[kind][:,:,2].mean(0), ours[:,2].mean())
        low, high = bootstrap_interval(torch.tensor(errors-ours[:,0]))
        rows.append({'sees': kind, **{n: f'{100*(e.mean()/gray.mean()-1):+.1f}%' for n,e in zip(names, (ours[:,0], errors))},
                     'difference': f'{(errors-ours[:,0]).mean():+.2f} [{low:+.2f}, {high:+.2f}]', 'better on': f'{100*(errors<ours[:,0]).mean():.0f}%'})
    return Results(rows, f'{names[1]} minus {names[0]} at the same mean chroma; {len(gray)} photos')


def main(args):
    torch.set_num_threads(1)
    data, measured = Path(args.data), []
    files = find_photos([data/'eval256'])[1::2][::args.every]
    for model in args.models:
        colorizer = Colorizer.load(model)
        measured.append((colorizer.name, measure_plates(colorizer, data/'prokudin'), measure_scans(colorizer, files)))
        for found in measured[-1][1:]: print(table(colorizer.name, found).to_markdown(), flush=True)
    first, *others = measured
    for other in others:
        for k in (1, 2): print(compare((first[0], other[0]), first[k], other[k]).to_markdown(), flush=True)


if __name__=='__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('data', metavar='DATA', help='folder that contains prokudin and eval256')
    p.add_argument('models', nargs='+', help='shipped names or files')
    p.add_argument('--every', type=int, default=2, help='use every k-th of the odd photos for the simulated scans')
    main(p.parse_args())
