"""What the papers' measures give to answers that look at no photo, on photos of several kinds: lab/results/claims/baselines.json.

    python -m lab.claims_baselines FOLDER...          each folder is one data set, named by its last part

A data set is split anew for each of three seeds. Constants (the commonest bin, the mean and the median colour) come
from one part, the numbers from the other. The middle square of each photo is measured at 64 px.
"""
import argparse, json, random, time
from pathlib import Path

import torch

from colorize_nb import __version__
from colorize_nb.color.metrics import bootstrap_interval
from colorize_nb.color.space import rgb2lab
from colorize_nb.core.files import whole_file
from colorize_nb.core.photo import find_photos, open_photo, to_tensor

OUT = Path(__file__).resolve().parent/'results/claims/baselines.json'
SIZE, FIT, TEST, SEEDS = 64, 300, 500, (0, 1, 2)
BINS = (10, 30, 50)


def square(path):
    "`(1,3,64,64)` sRGB in 0..1: the middle square of the photo at `path`."
    im = open_photo(path)
    side = min(im.size)
    x, y = ((d-side)//2 for d in im.size)
    return to_tensor(im.resize((SIZE, SIZE), 1, box=(x, y, x+side, y+side)))


def bins(ab, n): return ((ab+100)*n/200).floor().long().clamp(0, n-1)


def commonest(ab, n):
    "The commonest of `n` bins in a and in b, `(1,2,1,1)`."
    b = bins(ab, n).transpose(0, 1).flatten(1)
    return torch.stack([torch.bincount(c, minlength=n).argmax() for c in b])[None,:,None,None]


def per_photo(t): return t.float().flatten(1).mean(1)


def accuracies(fit, ab):
    "Stanford, table 2: the share of binned values that match, if each channel's commonest bin is the only prediction."
    found = {}
    for n in BINS:
        hit = bins(ab, n)==commonest(fit, n)
        found[f'accuracy {n}'] = per_photo(hit)
        found[f'accuracy {n}, a and b at once'] = per_photo(hit.all(1))
    return found


def losses(fit, ab):
    "Fordham, tables 1 to 3: L2 and mean absolute error of ab/128 for gray, the mean and the median colour."
    flat = fit.transpose(0, 1).flatten(1)
    constants = {'gray': torch.zeros(2), 'mean colour': flat.mean(1), 'median colour': flat.median(1).values}
    found = {}
    for name,c in constants.items():
        d = (ab-c[None,:,None,None])/128
        found[f'L2 {name}'], found[f'MAE {name}'] = per_photo(d**2), per_photo(d.abs())
        found[f'closeness {name}'] = d.flatten(1).norm(dim=1)
    return found


def keras(rgb, ab):
    "Keras's accuracy of a regression for one channel everywhere (of equal channels argmax takes the first)."
    gray = rgb2lab(rgb)[:,:1]
    Y = (rgb*torch.tensor([.299, .587, .114])[None,:,None,None]).sum(1, keepdim=True)
    return {'red is largest': per_photo(rgb.argmax(1)==0), 'b is larger than a': per_photo(ab.argmax(1)==1),
            'MAE RGB gray': per_photo((rgb-Y).abs()), 'lightness': per_photo(gray)}


def measured(folder, seed):
    "`{name: (n,) values}` and how many photos gave the constants."
    files = find_photos([folder])
    random.Random(seed).shuffle(files)
    test = min(TEST, len(files)*3//4)
    rgb = torch.cat([square(f) for f in files[:test]])
    ab = rgb2lab(rgb)[:,1:]
    rest = files[test:test+FIT]
    fit = torch.cat([rgb2lab(square(f))[:,1:] for f in rest])
    return {**accuracies(fit, ab), **losses(fit, ab), **keras(rgb, ab)}, len(rest)


def main(folders, out=OUT):
    data = dict(version=__version__, torch=torch.__version__, device='cpu', seeds=SEEDS, size=SIZE, sets={})
    if out.exists(): data['sets'] = json.loads(out.read_text())['sets']
    for folder in folders:
        name = '/'.join(Path(folder).parts[-2:]) if Path(folder).name in ('test','train') else Path(folder).name
        start, seeds = time.perf_counter(), []
        for s in SEEDS: seeds.append(measured(folder, s))
        values, n_fit = seeds[0]
        def row(k):
            interval = bootstrap_interval(values[k], n=2000)
            return dict(seeds=[round(v[k].mean().item(), 5) for v,_ in seeds], interval=[round(v, 5) for v in interval])
        rows = {k: row(k) for k in values}
        n = len(values['lightness'])
        data['sets'][name] = dict(n=n, n_fit=n_fit, seconds=round(time.perf_counter()-start, 1), measured=rows)
        out.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(out) as part: part.write_text(json.dumps(data, indent=1))
        print(name, n, {k: r['seeds'] for k,r in rows.items()}, flush=True)


if __name__=='__main__':
    p = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    p.add_argument('folders', nargs='+')
    main(p.parse_args().folders)
