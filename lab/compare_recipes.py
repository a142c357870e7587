"""Train every recipe for the same time, color the same photos with each, and write what was measured of each photo.

    python -m lab.compare_recipes PHOTOS --eval FOLDER --minutes 15

PHOTOS holds folders of training photos (`--packs`). Minutes are of training alone, counted in CPU time, on a GPU by the clock. Frozen
encoders are asked once about every photo, into a cache of features under `--out`, and trained behind from there. A recipe that was
finished with the same settings is not trained again, so the command goes on where it was stopped; `--recipes` takes a part of the list.
On a GPU: `--device cuda --full` for the papers' sizes and batches. `--rate` trains at another rate, as rows of their own. Encoders that
would be a download start from random weights unless `--pretrained` lets their libraries fetch them.

What is measured goes to `--results`, one JSON and one strip of bundled photos per recipe, for nbs/claims/10_comparison.ipynb. Weights go to
`--out`, and a contact sheet of 12 of the photos measured on, which stays there: those photos are not ours to pass on.
"""
import argparse
import json
import time
from functools import cache
from pathlib import Path

import torch
from fastai.torch_core import set_seed
from fastai.vision.models.unet import DynamicUnet
from fastcore.basics import chunked
from PIL import Image

from colorize_nb import __version__
from colorize_nb.color.codecs import RGB
from colorize_nb.color.metrics import ciede, colorfulness, mae_ab, mse_ab, psnr, through_8bit
from colorize_nb.color.metrics import dataset_mean_ab, gray_baseline, mean_color_baseline
from colorize_nb.data.features import FeatureCache
from colorize_nb.data.folder import ColorizeDataLoaders
from colorize_nb.data.folder import central_square
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.core.files import whole_file
from colorize_nb.core.photo import bundled_photos, find_photos, open_photo, to_image, to_tensor
from colorize_nb.core.show import image_grid
from colorize_nb.models.encoders import TransferModel
from colorize_nb.models.layers import keras_params
from colorize_nb.models.layers import create_model
from colorize_nb.train.callbacks import TimeBudget
from colorize_nb.train.recipes import get_recipe, list_recipes, recipe_learner
from colorize_nb.train.search import overfit_one_batch

STRIP = ('coffee', 'chelsea', 'china', 'flower')
FEW = 'steps for one batch'
# Stanford's 1e-3 throws its wide layer far at first: nbs/models/papers/02_stanford.ipynb
RATES = {n: 1e-4 for n in ('stanford_conv9', 'stanford_conv9_dropout', 'stanford_conv9_smooth_l1')}


# One recipe

def row_name(name, rate): return name if rate is None else f'{name} at {rate:g}'
def file_name(row): return row.replace(' at ', '_lr_').replace(' ', '_')

def read_row(results, row):
    "What `results` says of a row; nothing if it is not there."
    path = Path(results)/f'{file_name(row)}.json'
    return json.loads(path.read_text()) if path.exists() else {}

def size_of(r, full):
    "Side of the photos in training; without `--full` at most 64 px, more where an encoder needs it."
    if full: return r.size
    return max(min(r.size, 64), r.small['size'])

def batch_of(r, full): return r.bs if full else min(r.bs, 32)

def asks_once(model):
    "Does it borrow an encoder that is not trained, so that features may be kept?"
    return isinstance(model, TransferModel) and model.frozen

@cache
def encoder_of(name):
    "What the recipe's encoder begins with, 'random' or 'pretrained' weights; None if it borrows none."
    r = get_recipe(name)
    codec = r.codec()
    kwargs = {**r.kwargs, 'pretrained': False} if 'pretrained' in r.kwargs else r.kwargs
    with torch.device('meta'): model = create_model(r.arch, codec.n_in, codec.n_out, r.small['size'], **kwargs)
    if not isinstance(model, DynamicUnet) and not asks_once(model): return None
    return 'pretrained' if r.kwargs.get('pretrained') else 'random'

def model_kwargs(name, args):
    "What the architecture gets beside the recipe's own values."
    small = {k: v for k,v in get_recipe(name).small.items() if k=='side' and not args.full} # a scoring network that sees less
    return {**small, **({'pretrained': True} if args.pretrained and encoder_of(name) else {})}

def first_batch(name, files, args):
    "How many steps the recipe takes to learn two photos, or None if 300 are not enough. A shorter training of it has said so already."
    r, said = get_recipe(name), read_row(args.results, name)
    same = dict(data=args.packs, device=args.device, version=__version__)
    if FEW in said and all(said.get(k)==v for k,v in same.items()): return said[FEW]
    set_seed(0)
    dls = ColorizeDataLoaders.from_files(files[:10], codec=r.codec(), size=r.small['size'], bs=2, augment=False, device=args.device)
    few = overfit_one_batch(name, dls, model_kwargs={k: v for k,v in r.small.items() if k!='size'})
    return few['steps'] if few['last']<=.2*few['gray'] else None

def photo_loaders(r, files, args):
    "Photos, cut and mirrored anew in each epoch."
    augment = r.augment if args.full else 'flip'
    size, bs = size_of(r, args.full), batch_of(r, args.full)
    return ColorizeDataLoaders.from_files(files, codec=r.codec(), size=size, bs=bs, augment=augment, device=args.device)

def learner(name, files, args):
    "The recipe's learner: from a cache of features where its encoder is frozen, else from photos."
    r, kwargs = get_recipe(name), model_kwargs(name, args)
    set_seed(0)
    how = dict(metrics=[], amp='bf16' if args.device=='cuda' else None)
    codec = r.codec()
    model = create_model(r.arch, codec.n_in, codec.n_out, size_of(r, args.full), **{**r.kwargs, **kwargs})
    if not asks_once(model):
        return recipe_learner(name, photo_loaders(r, files, args), model_kwargs=kwargs, **how)
    asked = files[::max(1, len(files)//args.cached)][:args.cached] if args.cached else files
    features = FeatureCache.build(Path(args.out)/'features', asked, model, codec, size=size_of(r, args.full), device=args.device)
    set_seed(0) # the same random encoder again
    return recipe_learner(name, features.dataloaders(codec, bs=batch_of(r, args.full), device=args.device), model_kwargs=kwargs, **how)

def train(name, files, args):
    "Train one recipe for `args.minutes`: what is to be said of it, and its file."
    r, row = get_recipe(name), row_name(name, args.rate)
    few = first_batch(name, files, args)
    rate = args.rate or (r.lr if args.full else RATES.get(name, max(r.lr, 1e-3))) # rates for days are too low for minutes
    clock = time.perf_counter if args.device=='cuda' else time.process_time
    learn, budget = learner(name, files, args), TimeBudget(args.minutes*60, clock)
    with learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(10**6, rate, cbs=[budget])
    learn.model.eval()
    file = learn.save_colorizer(Path(args.out)/f'{row}.safetensors', minutes=args.minutes, device=args.device)
    n = keras_params(learn.model)
    facts = {'recipe': row, 'source': r.source, 'parameters': n['total'], 'trainable': n['trainable'],
             'size': size_of(r, args.full), 'batch': batch_of(r, args.full), 'rate': rate}
    steps = {FEW: few, 'against': 'a gray answer', 'steps': budget.steps,
             'seconds per step': round(args.minutes*60/max(1, budget.steps), 3)}
    kind = encoder_of(name)
    encoder = {'encoder': 'pretrained' if kind and args.pretrained else kind}
    return {**facts, **encoder, **steps}, file


# What it paints

MEASURES = {'PSNR': psnr, 'CIEDE2000': ciede, 'colorfulness': lambda said, true: colorfulness(said),
            'L2 of ab': mse_ab, 'MAE of ab': mae_ab} # the last two as Fordham prints them, of ab/128
DIGITS = 2, 2, 2, 5, 5 # of each

def measure(photos, paint):
    "Means over `photos` of what `paint(path, truth)` gives, and under `per photo` the numbers of each."
    rows = []
    for p in photos:
        true = to_tensor(open_photo(p))
        said = through_8bit(paint(p, true))
        rows.append([round(f(said, true)[0].item(), d) for f,d in zip(MEASURES.values(), DIGITS)])
    means = torch.tensor(rows).double().mean(0)
    means = [round(m, d+1) if m<float('inf') else None for m,d in zip(means.tolist(), DIGITS)] # the photo itself has no finite PSNR
    return {**dict(zip(MEASURES, means)), 'per photo': rows}

@torch.no_grad()
def own_lightness(colorizer, path):
    "What a network for RGB paints itself, lightness included, enlarged to the photo's size."
    photo = open_photo(path)
    x = colorizer.codec.encode(to_tensor(photo.resize((colorizer.size,)*2)))[0].to(colorizer.device)
    small = colorizer.codec.decode(x, colorizer.codec.activate(colorizer.model(x))).cpu()
    return torch.nn.functional.interpolate(small, size=(photo.height, photo.width), mode='bicubic').clamp(0, 1)

def painted(colorizer, photos):
    "`measure` of a model; one for RGB is measured with the photo's lightness, as all others are, and with its own."
    found = measure(photos, lambda p, t: to_tensor(colorizer(p).image))
    if not isinstance(colorizer.codec, RGB): return found
    own = measure(photos, lambda p, t: own_lightness(colorizer, p))
    return {**found, 'with its own lightness': {k: own[k] for k in MEASURES}}

@torch.inference_mode()
def square_error(colorizer, files):
    "Mean L2 of ab over the middle squares of photos at the size of training: as painted, and of gray."
    ours, gray = [], []
    for some in chunked(files, 16):
        rgb = torch.cat([to_tensor(central_square(open_photo(f), colorizer.size)) for f in some])
        x = colorizer.codec.encode(rgb)[0].to(colorizer.device)
        said = colorizer.codec.decode(x, colorizer.codec.activate(colorizer.model(x).float())).cpu()
        ours.append(mse_ab(through_8bit(said), rgb))
        gray.append(mse_ab(gray_baseline(rgb), rgb))
    return {k: round(torch.cat(v).mean().item(), 5) for k,v in {'ours': ours, 'gray': gray}.items()}

def overfitting(colorizer, files, test):
    "`square_error` on photos that it was trained with, and on as many that it was not."
    own = files[::max(1, len(files)//len(test))][:len(test)]
    return {'own photos': square_error(colorizer, own), 'other photos': square_error(colorizer, test)}

def strip(paint, files=None, side=110):
    "Photos (the bundled ones if none are given) by `paint(photo)`, beside each other: a PIL picture."
    small = []
    for f in files or [bundled_photos()[k] for k in STRIP]:
        im = open_photo(f)
        im.thumbnail((4*side, 2*side))
        small.append(paint(im).resize((round(im.width*side/im.height), side), Image.Resampling.LANCZOS))
    row, left = Image.new('RGB', (sum(i.width+4 for i in small)-4, side), 'white'), 0
    for i in small:
        row.paste(i, (left, 0))
        left += i.width+4
    return row

def contact(files, baselines, out, device):
    "Every model in `out` on the same photos, a row each, under what `baselines` make of them: the file written."
    found = [f.stem for r in list_recipes() for f in (*out.glob(f'{r}.safetensors'), *sorted(out.glob(f'{r} at *.safetensors')))]
    strips = [strip(paint, files) for paint in baselines.values()]
    for n in found:
        c = Colorizer.load(out/f'{n}.safetensors', device) # one at a time: some are large
        strips.append(strip(lambda im: c(im).image, files))
    image_grid(strips, [*baselines, *found], 1).save(out/'contact.jpg', quality=85)
    return out/'contact.jpg'


# All of them

def baselines_of(files):
    "Name -> what is done to a photo without a network."
    mean = dataset_mean_ab(to_tensor(open_photo(f)) for f in files[::max(1, len(files)//200)])
    return {'photo': lambda im: im, 'gray': lambda im: to_image(gray_baseline(to_tensor(im))),
            'mean color': lambda im: to_image(mean_color_baseline(to_tensor(im), mean))}

def finished(results, row, settings):
    "Is there a result with the same settings?"
    found = read_row(results, row)
    return bool(found) and all(found.get(k)==v for k,v in settings.items())

def main(args):
    out, results = Path(args.out), Path(args.results)
    for d in (out, results): d.mkdir(parents=True, exist_ok=True)
    unknown = set(args.recipes or ())-set(list_recipes())
    if unknown: raise SystemExit(f'no recipe is called {", ".join(sorted(unknown))}; known: {", ".join(list_recipes())}')
    files = [f for pack in args.packs for f in find_photos([Path(args.photos)/pack])]
    test = find_photos([args.eval])
    test = test[::max(1, len(test)//args.n_eval)][:args.n_eval]
    data = dict(photos=len(test), measured_on=Path(args.eval).name, version=__version__)
    settings = dict(data, minutes=args.minutes, data=args.packs, cached=args.cached, device=args.device, seed=0)

    def put(row, paint):
        path = results/f"{file_name(row['recipe'])}.json"
        strip(paint).save(path.with_suffix('.jpg'), quality=80)
        with whole_file(path) as part: part.write_text(json.dumps(row))
        print(json.dumps({k: v for k,v in row.items() if k!='per photo'}), flush=True)

    baselines = baselines_of(files)
    for name,paint in baselines.items():
        if finished(results, name, data): continue
        put({'recipe': name, **measure(test, lambda p, t: to_tensor(paint(to_image(t)))), **data}, paint)
    for name in args.recipes or list_recipes():
        if finished(results, row_name(name, args.rate), settings): continue
        try: facts, file = train(name, files, args)
        except (ImportError, ConnectionError) as e:
            print(f'{name}: left out: {e}', flush=True)
            continue
        c = Colorizer.load(file, args.device)
        put({**facts, **painted(c, test), **overfitting(c, files, test), **settings}, lambda im: c(im).image)
    print(f'12 photos by each: {contact(test[::max(1, len(test)//12)][:12], baselines, out, args.device)}')


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('photos')
    p.add_argument('--eval', required=True, help='folder of photos to measure on')
    p.add_argument('--n-eval', type=int, default=300)
    p.add_argument('--packs', nargs='+', default=['train128', 'train84'])
    p.add_argument('--minutes', type=float, default=15, help='of training, validation not counted')
    p.add_argument('--cached', type=int, help='ask frozen encoders about so many photos only')
    p.add_argument('--recipes', nargs='+')
    p.add_argument('--rate', type=float, help="a learning rate for all of them, instead of each one's own")
    p.add_argument('--out', default='runs/recipes')
    p.add_argument('--results', default='lab/results/recipes')
    p.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    p.add_argument('--full', action='store_true', help="the papers' sizes and batches")
    p.add_argument('--pretrained', action='store_true', help='encoders with ImageNet weights, downloaded')
    return p.parse_args()


if __name__=='__main__': main(arguments())
