"""Every number that the papers print, beside what our small trainings of the same networks reach in the same measure.

    python -m lab.papers_measures MODELS --eval FOLDER --fit FOLDER

MODELS holds what `lab/compare_recipes.py` trained (its `--out`). Each network is measured on the middle squares of the photos, at
the side that it was trained at, beside gray and beside the best answer that is the same for all photos; that one is taken from the photos
of `--fit`. A table is printed, and all goes to `--results`. A network that MODELS lacks keeps what `--results` says of it, if that was
measured on the same photos; else it is left out and named.
"""
import argparse
import json
from pathlib import Path

import torch

import colorize_nb
from lab.claims_baselines import accuracies, keras, losses, per_photo
from colorize_nb import __version__
from colorize_nb.color.classes import ChannelBins
from colorize_nb.color.codecs import RGB, _enlarge # some networks answer at a quarter of the size
from colorize_nb.color.metrics import bootstrap_interval
from colorize_nb.color.space import rgb2lab
from colorize_nb.data.folder import central_square
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.core.files import whole_file
from colorize_nb.core.photo import find_photos, open_photo, to_tensor
from colorize_nb.core.show import Results

OUT = Path(__file__).parent/'results/published.json'
FIT = 300

# Measure -> what `claims_baselines` calls gray, and the best constant, in it
L2, MAE, CLOSENESS = 'L2 of ab/128', 'MAE of ab/128', 'norm of the error of ab/128'
EITHER, BOTH = 'bins right', 'bins right in a and b at once'
LARGEST, MAE_RGB = 'largest channel right', 'MAE of RGB in 0..1'
GRAY = {L2: 'L2 gray', MAE: 'MAE gray', CLOSENESS: 'closeness gray', MAE_RGB: 'MAE RGB gray'}
CONSTANT = {L2: 'L2 mean colour', MAE: 'MAE median colour', CLOSENESS: 'closeness mean colour', LARGEST: 'red is largest'}

# Recipe, place in its paper, measure, number
FORDHAM = [('fordham_cnn', 'table 1, nature', .0020, .0786), ('fordham_cnn', 'table 1, final 10K', .0193, .0803),
           ('fordham_vgg16', 'table 2, final 10K', .02, .0706), ('fordham_vgg16', 'table 2, final 16K', .0117, .0754),
           ('fordham_inception', 'table 3, nature', .0179, .0938), ('fordham_inception', 'table 3, final 5K', .0125, .0753),
           ('fordham_inception', 'table 3, final 10K', .0112, .0697)]
CLOSE = {'stanford_conv9_dropout': 18.67, 'stanford_conv9_smooth_l1': 13.45, 'stanford_conv9': 15.65, 'stanford_bins10': 11.27}
RIGHT = {10: .415, 30: .278, 50: .189}
PRINTED = [
    *((n, where, m, v) for n,where,*values in FORDHAM for m,v in zip((L2, MAE), values)),
    *((n, 'table 1', CLOSENESS, v) for n,v in CLOSE.items()),
    *((f'stanford_bins{n}', 'table 2', m, v) for n,v in RIGHT.items() for m in (EITHER, BOTH)),
    ('indiana_unet', 'Results', LARGEST, .54), ('indiana_unet', 'Results', MAE_RGB, .48)]


def squares(files, size): return torch.cat([to_tensor(central_square(open_photo(f), size)) for f in files])

def constants(rgb, fit):
    "Measure -> `(n,)`, a number of each photo: of gray, and of the best constant."
    ab = rgb2lab(rgb)[:,1:]
    found = {**accuracies(rgb2lab(fit)[:,1:], ab), **losses(rgb2lab(fit)[:,1:], ab), **keras(rgb, ab)}
    return {m: found[k] for m,k in GRAY.items()}, {m: found[k] for m,k in CONSTANT.items()}, found

@torch.inference_mode()
def said(c, rgb):
    "`(x, y, activated answer)` for `(n,3,size,size)`, in batches."
    pairs = [c.codec.encode(part) for part in rgb.split(16)]
    return [torch.cat(t) for t in zip(*((x, y, c.codec.activate(c.model(x).float())) for x,y in pairs))]

def measures(c, rgb):
    "Measure -> `(n,)`: those that fit what the network answers with."
    x, y, answer = said(c, rgb)
    if isinstance(c.codec, RGB):
        own = c.codec.decode(x, answer)
        return {LARGEST: per_photo(own.argmax(1)==rgb.argmax(1)), MAE_RGB: per_photo((own-rgb).abs())}
    found = {}
    if isinstance(c.codec, ChannelBins):
        right = _enlarge(answer, y).unflatten(1, (2, c.codec.n)).argmax(2)==y
        found = {EITHER: per_photo(right), BOTH: per_photo(right.all(1))}
    d = (_enlarge(c.codec.ab(x, answer), x)-rgb2lab(rgb)[:,1:])/128
    return {**found, L2: per_photo(d**2), MAE: per_photo(d.abs()), CLOSENESS: d.flatten(1).norm(dim=1)}


def row(name, where, measure, value, ours, gray, constant):
    low, high = bootstrap_interval(ours[measure], n=2000)
    mean = lambda found: round(found[measure].mean().item(), 5) if measure in found else None
    return {'recipe': name, 'where': where, 'measure': measure, 'printed': value,
            'ours': mean(ours), 'interval': [round(low, 5), round(high, 5)], 'gray': mean(gray), 'best constant': mean(constant)}

def of_recipe(name, args, test, fit):
    "The rows of one recipe."
    c = Colorizer.load(args.models/f'{name}.safetensors')
    rgb = squares(test, c.size)
    gray, constant, found = constants(rgb, squares(fit, c.size))
    if isinstance(c.codec, ChannelBins):
        constant = {**constant, EITHER: found[f'accuracy {c.codec.n}'], BOTH: found[f'accuracy {c.codec.n}, a and b at once']}
    ours = measures(c, rgb)
    facts = {'size': c.size, 'minutes': c.meta.get('minutes')}
    return [{**row(*p, ours, gray, constant), **facts} for p in PRINTED if p[0]==name]

def kept(file, facts):
    "Recipe -> its rows of a measurement of the same photos by the same version."
    found = json.loads(file.read_text()) if file.exists() else {}
    rows = found.get('rows', []) if all(found.get(k)==v for k,v in facts.items()) else []
    return {n: [r for r in rows if r['recipe']==n] for n in {r['recipe'] for r in rows}}

def main(args):
    test, fit = (find_photos([f]) for f in (args.eval, args.fit))
    test, fit = test[::max(1, len(test)//args.n_eval)][:args.n_eval], fit[::max(1, len(fit)//FIT)][:FIT]
    names = [*dict.fromkeys(p[0] for p in PRINTED)]
    missing = [n for n in names if not (args.models/f'{n}.safetensors').exists()]
    facts = dict(photos=len(test), measured_on=args.eval.name, constants_from=args.fit.name, version=__version__, device='cpu')
    earlier = kept(args.results, facts)
    if lost := [n for n in missing if n not in earlier]: print(f'not trained, left out: {", ".join(lost)}')
    rows = [r for n in names for r in (earlier.get(n, []) if n in missing else of_recipe(n, args, test, fit))]
    args.results.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(args.results) as part: part.write_text(json.dumps({**facts, 'rows': rows}, indent=1))
    print(Results([{k: v for k,v in r.items() if k not in ('size', 'minutes')} for r in rows], digits='.4f').to_markdown())
    print(f'{args.results}: {len(rows)} numbers')


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('models', type=Path)
    p.add_argument('--eval', type=Path, required=True, help='folder of photos to measure on')
    p.add_argument('--fit', type=Path, required=True, help='folder of photos that the best constants are taken from')
    p.add_argument('--n-eval', type=int, default=300)
    p.add_argument('--results', type=Path, default=OUT)
    return p.parse_args()


if __name__=='__main__': main(arguments())
