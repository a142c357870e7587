"""Continue the shipped model on an album of flowers, and measure what it gains, on how many photos, and with which leaks.

    python -m lab.own_folder ALBUM --strip FOLDER

ALBUM contains `train` and `test` folders of photos. FOLDER has the photos for the strips and a file `credits.json`. All runs
start from the same model and take about the same number of photo steps. Each one is compared with that model, photo by photo.
The results go to `colorize_nb/course/flowers.json`, and a strip of pictures is saved for each run. Runs that the file
already contains aren't repeated. Each takes about two minutes on one core.
"""
import argparse
import json
import platform
import random
import time
from pathlib import Path

import numpy as np
import torch
from fastai.torch_core import set_seed
from PIL import Image, ImageEnhance

import colorize_nb
from colorize_nb.color.metrics import bootstrap_interval, ciede, colorfulness, dataset_mean_ab, gray_baseline, mean_color_baseline, psnr
from colorize_nb.core.files import whole_file
from colorize_nb.core.photo import find_photos, open_photo, to_tensor
from colorize_nb.core.show import image_grid
from colorize_nb.data.folder import ColorizeDataLoaders, central_square
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.models.store import load_model_file
from colorize_nb.train.callbacks import FrozenNorm, MeanWeights
from colorize_nb.train.learner import colorize_learner
from lab.arms import RESULTS

BS, SIZE, LR = 32, 128, 1e-3
RUNS = { # name -> (photos, gently, seed, epochs)
    'gently': (1800, True, 0, 1),
    'plain': (1800, False, 0, 1),
    'gently, seed 1': (1800, True, 1, 1),
    '120 photos': (120, True, 0, 15),
}


def train(files, held, gently, seed, epochs, start):
    "Continue the model `start`, and return it, its codec, and the validation losses. The start isn't put back."
    set_seed(seed)
    codec = load_model_file(start)[1]
    dls = ColorizeDataLoaders.from_files(files, codec, SIZE, min(BS, len(files)), valid_files=held, device='cpu')
    learn = colorize_learner(dls, start, loss='ce', metrics=[])
    with learn.no_bar(), learn.no_logging():
        losses = [learn.validate()[0]]
        if gently: learn.fit_one_cycle(epochs, slice(LR/10, LR), cbs=[FrozenNorm(), MeanWeights()]) # as in `fine_tune_gently`
        else: learn.fit_one_cycle(epochs, LR)
    return learn.model.eval(), codec, losses+[float(r[1]) for r in learn.recorder.values]


def measure(colorizer, photos):
    "Return CIEDE2000, PSNR, and colorfulness of the colored photos, and CIEDE2000, PSNR, and colorfulness of gray and photo."
    rows = []
    for photo in photos:
        true = to_tensor(photo)
        pred, gray = to_tensor(colorizer(photo, saturation=1.25).image), gray_baseline(true)
        values = ciede(pred, true), psnr(pred, true), colorfulness(pred), ciede(gray, true), psnr(gray, true), colorfulness(true)
        rows.append([v.item() for v in values])
    return np.array(rows)


def change(photo, rng):
    "Return what another shot of the same motif, or an edited copy, may look like."
    w, h = photo.size
    left, top = rng.random()*.08*w, rng.random()*.08*h
    photo = photo.transpose(Image.FLIP_LEFT_RIGHT).resize(photo.size, Image.BICUBIC, box=(left, top, left+.92*w, top+.92*h))
    return ImageEnhance.Brightness(photo).enhance(rng.uniform(.85, 1.15))


def summary(scores, start):
    "Summarize a set of photos: means, percent relative to gray, and the paired difference from the model `start`."
    e, p, c, gray, gray_p, true = scores.mean(0)
    d = torch.tensor(scores[:,0]-start[:,0])
    return dict(n=len(scores), ciede=round(e, 3), gray=round(gray, 3), relative=round(100*(e/gray-1), 1), psnr=round(p-gray_p, 2),
                colorfulness=round(c, 1), photos=round(true, 1), difference=round(d.mean().item(), 3),
                interval=[round(v, 3) for v in bootstrap_interval(d)], improved=round((d<0).double().mean().item(), 3))


def strip(colorizer, photos, path):
    "Color photos with a model, and save them side by side."
    image_grid([colorizer(p, saturation=1.25).image.resize((128, 128)) for p in photos], gap=0).save(path, quality=88)


def main(args):
    torch.set_num_threads(1)
    album, path = Path(args.album), RESULTS/'flowers.json'
    files, rng = find_photos([album/'train']), random.Random(0)
    rng.shuffle(files)
    held, files = files[-40:], files[:-40] # for the validation loss
    tests = {'test': [open_photo(f) for f in find_photos([album/'test'])[:args.tests]]}
    if args.other: tests['other'] = [open_photo(f) for f in find_photos([Path(args.other)])[::8]]
    edited = random.Random(1)
    tests['copies of 30 training photos'] = [change(open_photo(f), edited) for f in files[:30]]
    credits = json.loads((Path(args.strip)/'credits.json').read_text())
    shown = [central_square(open_photo(Path(args.strip)/c['file']), 256) for c in credits]
    start = Colorizer.load(args.start)
    starts = {k: measure(start, photos) for k,photos in tests.items()}
    mean = dataset_mean_ab(to_tensor(open_photo(f)) for f in files[:300])
    trues = [to_tensor(p) for p in tests['test']]
    flat = sum(ciede(mean_color_baseline(t, mean), t).item() for t in trues)/len(trues)
    strip(start, shown, RESULTS/'flowers-start.jpg')
    real = lambda p, **kwargs: type('', (), {'image': p})
    strip(real, shown, RESULTS/'flowers-photos.jpg')
    found = json.loads(path.read_text()) if path.exists() else dict(rows={})
    found.update(data=album.name, size=SIZE, batch=BS, lr=LR, input=256, saturation=1.25, device='cpu, one core', python=platform.python_version(),
                 torch=torch.__version__, version=colorize_nb.__version__, strip=credits, mean_color=round(flat, 3),
                 start={k: summary(s, s) for k,s in starts.items()})
    print(found['start'], flush=True)
    for name in args.only or RUNS:
        if name in found['rows']: continue
        n, gently, seed, epochs = RUNS[name]
        began = time.process_time()
        model, codec, losses = train(files[:n], held, gently, seed, epochs, args.start)
        row = dict(n=min(n, len(files)), epochs=epochs, gently=gently, seed=seed, seconds=round(time.process_time()-began),
                   valid=[round(v, 3) for v in losses])
        colorizer = Colorizer(model, codec, 256)
        row |= {k: summary(measure(colorizer, photos), starts[k]) for k,photos in tests.items()}
        strip(colorizer, shown, RESULTS/f"flowers-{name.replace(', ', '-').replace(' ', '-')}.jpg")
        found['rows'][name] = row
        print(name, json.dumps(row), flush=True)
        with whole_file(path) as part: part.write_text(json.dumps(found, indent=1)+'\n')


if __name__=='__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('album', metavar='ALBUM', help='folder with `train` and `test` folders of photos')
    p.add_argument('--strip', required=True, metavar='FOLDER', help='folder of photos for the strips, with `credits.json`')
    p.add_argument('--other', metavar='FOLDER', help='other photos, of which every eighth is used')
    p.add_argument('--start', default='shipped', help='model to start from')
    p.add_argument('--tests', type=int, default=150, help='number of test photos')
    p.add_argument('--only', nargs='+', choices=RUNS, help='runs to train (default: all)')
    main(p.parse_args())
