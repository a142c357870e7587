"""Measure model files on photos as the model card does, and compare them at equal colorfulness.

    python -m lab.measure_shipped PHOTOS shipped candidate.safetensors

PHOTOS is a folder such as eval256. Each model colors each photo once, at the model's own input size, and the prediction
is painted at several saturations. For each half of the photos (the even ones for choosing a model, the odd ones for
reporting), the program prints the frontier of every model: CIEDE2000 and PSNR relative to gray, colorfulness as a share
of the photos' own, and the share of photos where gray has the lower error. Then it compares each of the other models
with the first one at equal colorfulness, with a paired bootstrap interval. Scores are saved in `--scores`, so each
model is measured only once.
"""
import argparse
import hashlib
from pathlib import Path

import numpy as np
import torch

import lab.train_shipped # registers the candidates' architectures
from colorize_nb.color.metrics import bootstrap_interval, ciede, colorfulness, gray_baseline, psnr, through_8bit
from colorize_nb.core.photo import find_photos, open_photo, to_tensor
from colorize_nb.core.show import Results
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.infer.paint import paint
from colorize_nb.models.store import shipped_models

SATURATIONS = (.5, .75, 1., 1.15, 1.25, 1.35, 1.5, 1.75, 2.)
AT = (.45, .5, .55, .6) # shares of the photos' colorfulness at which models are compared


def score(rgb, true):
    "Return CIEDE2000, PSNR, and colorfulness of one picture `(1,3,H,W)`, rounded to 8 bits as in a file."
    rgb = through_8bit(rgb)
    return [ciede(rgb, true).item(), psnr(rgb, true).item(), colorfulness(rgb).item()]


def measure(file, photos, size=None):
    "Return the scores of a model: `(photos,saturations,3)`."
    colorizer, rows = Colorizer.load(file), []
    for f in photos:
        photo = open_photo(f)
        true, prediction = to_tensor(photo), colorizer.predict(photo, size)
        rows.append([score(to_tensor(paint(photo, colorizer.chroma(prediction, saturation=s))), true) for s in SATURATIONS])
    return np.array(rows)


def measure_gray(photos):
    "Return the scores of gray and of the photos themselves: `(photos,2,3)`."
    trues = [to_tensor(open_photo(f)) for f in photos]
    return np.array([[score(gray_baseline(t), t), score(t, t)] for t in trues])


def load_or_compute(folder, name, make):
    "Load an array from `folder`, or compute and save it."
    path = Path(folder)/f'{name}.npy'
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, make())
    return np.load(path)


def load_or_measure(file, photos, folder, size=None):
    "Return the scores of a model. They're computed only if `folder` doesn't contain them yet."
    path = Path(shipped_models().get(str(file), file))
    digest = hashlib.sha256(path.read_bytes()+str([Path(f).name for f in photos]).encode()).hexdigest()[:10]
    return load_or_compute(folder, f'{path.stem}-{digest}-{size or "own"}', lambda: measure(file, photos, size))


def frontier_table(name, scores, base):
    "Return one row per saturation."
    gray, true = base[:,0], base[:,1]
    rows = []
    for i,s in enumerate(SATURATIONS):
        e, p, c = scores[:,i].T
        low, high = bootstrap_interval(torch.tensor(e-gray[:,0]))
        rows.append({'model': name, 'saturation': s, 'CIEDE2000': e.mean(), 'relative to gray': f'{100*(e.mean()/gray[:,0].mean()-1):+.1f}%',
                     'difference': f'{(e-gray[:,0]).mean():+.2f} [{low:+.2f}, {high:+.2f}]', 'PSNR': f'{(p-gray[:,1]).mean():+.2f} dB',
                     'colorfulness': f'{100*c.mean()/true[:,2].mean():.0f}%', 'gray is better': f'{100*(e>gray[:,0]).mean():.0f}%'})
    return Results(rows, f'{len(scores)} photos', '.2f')


def interpolate(scores, strengths, target):
    "Interpolate each photo's score `(photos,saturations)` at the saturation where `strengths` `(saturations,)` is `target`."
    i = int(np.clip(np.searchsorted(strengths, target), 1, len(strengths)-1))
    t = (target-strengths[i-1])/(strengths[i]-strengths[i-1])
    return (1-t)*scores[:,i-1]+t*scores[:,i]


def at_colorfulness(scores, base, share, column=0):
    "Return each photo's score at the saturation where mean colorfulness is `share` of the photos' own."
    return interpolate(scores[:,:,column], scores[:,:,2].mean(0)/base[:,1,2].mean(), share)


def comparison(first, second, base, names):
    "Compare the second model with the first at equal colorfulness, paired over photos."
    rows, gray = [], base[:,0,0]
    for share in AT:
        e1, e2 = (at_colorfulness(s, base, share) for s in (first, second))
        p1, p2 = (at_colorfulness(s, base, share, 1) for s in (first, second))
        low, high = bootstrap_interval(torch.tensor(e2-e1))
        row = {'colorfulness': f'{100*share:.0f}%', 'CIEDE2000, difference': f'{(e2-e1).mean():+.2f} [{low:+.2f}, {high:+.2f}]'}
        for name,e,p in zip(names, (e1, e2), (p1, p2)):
            row[name] = f'{100*(e.mean()/gray.mean()-1):+.1f}%, {(p-base[:,0,1]).mean():+.2f} dB, {100*(e>gray).mean():.0f}%'
        rows.append(row)
    note = 'then CIEDE2000 and PSNR relative to gray, and the share of photos where gray is better'
    return Results(rows, f'{names[1]} minus {names[0]}; {note}', '.2f')


def main(args):
    torch.set_num_threads(1)
    files = find_photos([Path(args.photos)])
    halves = dict(even=slice(0, None, 2), odd=slice(1, None, 2))
    base = load_or_compute(args.scores, f'{Path(args.photos).name}-gray', lambda: measure_gray(files))
    names = [Path(m).stem for m in args.models]
    scores = [load_or_measure(m, files, args.scores, args.size) for m in args.models]
    for half in args.halves:
        for name,s in zip(names, scores): print(f'\n{half}\n{frontier_table(name, s[halves[half]], base[halves[half]]).to_markdown()}')
        for name,s in zip(names[1:], scores[1:]):
            table = comparison(scores[0][halves[half]], s[halves[half]], base[halves[half]], (names[0], name))
            print(f'\n{half}\n{table.to_markdown()}')


if __name__=='__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('photos', metavar='PHOTOS', help='folder of photos to test on')
    p.add_argument('models', nargs='+', help='shipped names or files; the others are compared with the first')
    p.add_argument('--size', type=int, help="short side of the network's input")
    p.add_argument('--halves', nargs='+', default=['even', 'odd'], help='halves of the photos to report on')
    p.add_argument('--scores', default='runs/scores', help='folder for scores')
    main(p.parse_args())
