"""Compare the numbers printed in the papers with constant predictions and with our own networks, in the same metrics.

    python -m lab.paper_numbers constants FOLDER...                        constant predictions on each folder of photos
    python -m lab.paper_numbers models MODELS --eval FOLDER --fit FOLDER   networks trained by `lab.compare_recipes`

The constants (gray, the mean and the median color, the most common bin) are calculated on other photos than the ones
they're tested on. Each photo is cropped to its central square. `constants` writes lab/results/claims/baselines.json,
with three random splits of each folder. `models` writes lab/results/published.json. MODELS is the `--out` folder of
`lab.compare_recipes`. If a network isn't there, its earlier results are kept, provided that they were measured on the
same photos.
"""
import argparse
import json
import random
import time
from pathlib import Path

import torch

from colorize_nb import __version__
from colorize_nb.color.classes import ChannelBins
from colorize_nb.color.codecs import RGB, _enlarge
from colorize_nb.color.metrics import bootstrap_interval
from colorize_nb.color.space import rgb2lab
from colorize_nb.core.files import whole_file
from colorize_nb.core.photo import find_photos
from colorize_nb.core.show import Results
from colorize_nb.infer.colorizer import Colorizer
from lab.arms import squares

RESULTS = Path(__file__).resolve().parent/'results'
CONSTANTS, MODELS = RESULTS/'claims'/'baselines.json', RESULTS/'published.json'
SIZE, FIT, TEST, SEEDS = 64, 300, 500, (0, 1, 2)
BINS = (10, 30, 50)


def per_photo(t): return t.float().flatten(1).mean(1)


# --- constant predictions. All return {name: (n,) values}

def bin_numbers(ab, n): return ((ab+100)*n/200).floor().long().clamp(0, n-1)

def most_common_bins(ab, n):
    "Return the most common of `n` bins in a and in b, `(1,2,1,1)`."
    bins = bin_numbers(ab, n).transpose(0, 1).flatten(1)
    return torch.stack([torch.bincount(c, minlength=n).argmax() for c in bins])[None,:,None,None]

def accuracies(fit, ab):
    "Return Stanford's accuracy (table 2) of always predicting the most common bins of `fit`."
    found = {}
    for n in BINS:
        hit = bin_numbers(ab, n)==most_common_bins(fit, n)
        found[f'accuracy {n}'] = per_photo(hit)
        found[f'accuracy {n}, a and b at once'] = per_photo(hit.all(1))
    return found

def losses(fit, ab):
    "Return the L2, MAE, and norm of ab/128 (Fordham, tables 1 to 3; Stanford, table 1) of gray, mean, and median."
    flat = fit.transpose(0, 1).flatten(1)
    constants = {'gray': torch.zeros(2), 'mean color': flat.mean(1), 'median color': flat.median(1).values}
    found = {}
    for name,c in constants.items():
        d = (ab-c[None,:,None,None])/128
        found[f'L2 {name}'], found[f'MAE {name}'] = per_photo(d**2), per_photo(d.abs())
        found[f'closeness {name}'] = d.flatten(1).norm(dim=1)
    return found

def keras_accuracies(rgb, ab):
    "Return Keras's accuracy of a regression if the same channel is always predicted to be the largest."
    Y = (rgb*torch.tensor([.299, .587, .114])[None,:,None,None]).sum(1, keepdim=True)
    return {'red is largest': per_photo(rgb.argmax(1)==0), 'b is larger than a': per_photo(ab.argmax(1)==1),
            'MAE RGB gray': per_photo((rgb-Y).abs()), 'lightness': per_photo(rgb2lab(rgb)[:,:1])}

def all_constants(rgb, fit):
    "Return every constant's score on photos `(n,3,h,w)`, with constants from the photos `fit`."
    ab, fit_ab = rgb2lab(rgb)[:,1:], rgb2lab(fit)[:,1:]
    return {**accuracies(fit_ab, ab), **losses(fit_ab, ab), **keras_accuracies(rgb, ab)}

def split_and_score(folder, seed):
    "Score the constants on a random split of a folder; also return the number of photos that they come from."
    files = find_photos([folder])
    random.Random(seed).shuffle(files)
    test = min(TEST, len(files)*3//4)
    fit = files[test:test+FIT]
    return all_constants(squares(files[:test], SIZE), squares(fit, SIZE)), len(fit)

def constants_main(folders, out=CONSTANTS):
    data = dict(version=__version__, torch=torch.__version__, device='cpu', seeds=SEEDS, size=SIZE, sets={})
    if out.exists(): data['sets'] = json.loads(out.read_text())['sets']
    for folder in map(Path, folders):
        name = '/'.join(folder.parts[-2:]) if folder.name in ('test','train') else folder.name
        start = time.perf_counter()
        scores = [split_and_score(folder, s) for s in SEEDS]
        values, n_fit = scores[0]
        def row(k):
            interval = bootstrap_interval(values[k], n=2000)
            return dict(seeds=[round(v[k].mean().item(), 5) for v,_ in scores], interval=[round(v, 5) for v in interval])
        rows, n = {k: row(k) for k in values}, len(values['lightness'])
        data['sets'][name] = dict(n=n, n_fit=n_fit, seconds=round(time.perf_counter()-start, 1), measured=rows)
        out.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(out) as part: part.write_text(json.dumps(data, indent=1))
        print(name, n, {k: r['seeds'] for k,r in rows.items()}, flush=True)


# --- our networks

L2, MAE, CLOSENESS = 'L2 of ab/128', 'MAE of ab/128', 'norm of the error of ab/128'
EITHER, BOTH = 'bins right', 'bins right in a and b at once'
LARGEST, MAE_RGB = 'largest channel right', 'MAE of RGB in 0..1'
GRAY = {L2: 'L2 gray', MAE: 'MAE gray', CLOSENESS: 'closeness gray', MAE_RGB: 'MAE RGB gray'} # metric -> key of `all_constants`
BEST = {L2: 'L2 mean color', MAE: 'MAE median color', CLOSENESS: 'closeness mean color', LARGEST: 'red is largest'}

# recipe, place in the paper, and numbers
FORDHAM = [('fordham_cnn', 'table 1, nature', .0020, .0786), ('fordham_cnn', 'table 1, final 10K', .0193, .0803),
           ('fordham_vgg16', 'table 2, final 10K', .02, .0706), ('fordham_vgg16', 'table 2, final 16K', .0117, .0754),
           ('fordham_inception', 'table 3, nature', .0179, .0938), ('fordham_inception', 'table 3, final 5K', .0125, .0753),
           ('fordham_inception', 'table 3, final 10K', .0112, .0697)]
NORMS = {'stanford_conv9_dropout': 18.67, 'stanford_conv9_smooth_l1': 13.45, 'stanford_conv9': 15.65, 'stanford_bins10': 11.27}
ACCURACIES = {10: .415, 30: .278, 50: .189}
PRINTED = [
    *((n, where, m, v) for n,where,*values in FORDHAM for m,v in zip((L2, MAE), values)),
    *((n, 'table 1', CLOSENESS, v) for n,v in NORMS.items()),
    *((f'stanford_bins{n}', 'table 2', m, v) for n,v in ACCURACIES.items() for m in (EITHER, BOTH)),
    ('indiana_unet', 'Results', LARGEST, .54), ('indiana_unet', 'Results', MAE_RGB, .48)]

@torch.inference_mode()
def predict(c, rgb):
    "Return `(x, y, activated prediction)` for photos `(n,3,size,size)`."
    pairs = [c.codec.encode(part) for part in rgb.split(16)]
    return [torch.cat(t) for t in zip(*((x, y, c.codec.activate(c.model(x).float())) for x,y in pairs))]

def measure(c, rgb):
    "Return every metric that fits the model's codec: `{metric: (n,) values}`."
    x, y, pred = predict(c, rgb)
    if isinstance(c.codec, RGB):
        own = c.codec.decode(x, pred)
        return {LARGEST: per_photo(own.argmax(1)==rgb.argmax(1)), MAE_RGB: per_photo((own-rgb).abs())}
    found = {}
    if isinstance(c.codec, ChannelBins):
        right = _enlarge(pred, y).unflatten(1, (2, c.codec.n)).argmax(2)==y
        found = {EITHER: per_photo(right), BOTH: per_photo(right.all(1))}
    d = (_enlarge(c.codec.ab(x, pred), x)-rgb2lab(rgb)[:,1:])/128
    return {**found, L2: per_photo(d**2), MAE: per_photo(d.abs()), CLOSENESS: d.flatten(1).norm(dim=1)}

def recipe_rows(name, models, test, fit):
    "Return one row for each number that a paper prints for a recipe."
    c = Colorizer.load(models/f'{name}.safetensors')
    rgb = squares(test, c.size)
    constants, ours, best = all_constants(rgb, squares(fit, c.size)), measure(c, rgb), dict(BEST)
    if isinstance(c.codec, ChannelBins):
        best |= {EITHER: f'accuracy {c.codec.n}', BOTH: f'accuracy {c.codec.n}, a and b at once'}
    def mean(key): return round(constants[key].mean().item(), 5) if key else None
    rows = []
    for _,where,metric,value in (p for p in PRINTED if p[0]==name):
        interval = [round(v, 5) for v in bootstrap_interval(ours[metric], n=2000)]
        rows.append({'recipe': name, 'where': where, 'measure': metric, 'printed': value,
                     'ours': round(ours[metric].mean().item(), 5), 'interval': interval, 'gray': mean(GRAY.get(metric)),
                     'best constant': mean(best.get(metric)), 'size': c.size, 'minutes': c.meta.get('minutes')})
    return rows

def earlier_rows(file, facts):
    "Return `{recipe: rows}` of an earlier run, if it used the same photos and version."
    found = json.loads(file.read_text()) if file.exists() else {}
    rows = found.get('rows', []) if all(found.get(k)==v for k,v in facts.items()) else []
    return {n: [r for r in rows if r['recipe']==n] for n in {r['recipe'] for r in rows}}

def models_main(models, eval_folder, fit_folder, n_eval=300, results=MODELS):
    test, fit = (find_photos([f]) for f in (eval_folder, fit_folder))
    test, fit = test[::max(1, len(test)//n_eval)][:n_eval], fit[::max(1, len(fit)//FIT)][:FIT]
    names = [*dict.fromkeys(p[0] for p in PRINTED)]
    missing = [n for n in names if not (models/f'{n}.safetensors').exists()]
    facts = dict(photos=len(test), measured_on=eval_folder.name, constants_from=fit_folder.name, version=__version__, device='cpu')
    earlier = earlier_rows(results, facts)
    if skipped := [n for n in missing if n not in earlier]: print(f'not trained, skipped: {", ".join(skipped)}')
    rows = [r for n in names for r in (earlier.get(n, []) if n in missing else recipe_rows(n, models, test, fit))]
    results.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(results) as part: part.write_text(json.dumps({**facts, 'rows': rows}, indent=1))
    print(Results([{k: v for k,v in r.items() if k not in ('size', 'minutes')} for r in rows], digits='.4f').to_markdown())
    print(f'{results}: {len(rows)} numbers')


def main(argv=None):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = p.add_subparsers(dest='command', required=True)
    c = commands.add_parser('constants', help='score constant predictions')
    c.add_argument('folders', nargs='+', help='folders of photos')
    m = commands.add_parser('models', help='score our networks')
    m.add_argument('models', type=Path, help='folder with the trained networks')
    m.add_argument('--eval', type=Path, required=True, help='folder of photos to test on')
    m.add_argument('--fit', type=Path, required=True, help='folder of photos that the constants come from')
    m.add_argument('--n-eval', type=int, default=300, help='number of photos to test on (default: 300)')
    m.add_argument('--results', type=Path, default=MODELS, help='file to write')
    a = p.parse_args(argv)
    if a.command=='constants': constants_main(a.folders)
    else: models_main(a.models, a.eval, a.fit, a.n_eval, a.results)


if __name__=='__main__': main()
