"""Train every recipe for the same time, color the same photos with each, and save the metrics of each photo.

    python -m lab.compare_recipes PHOTOS --eval FOLDER --minutes 15

PHOTOS contains folders of training photos (`--packs`). `--minutes` counts only training: CPU time, or wall-clock time
on a GPU. The features of frozen encoders are computed once and cached under `--out`, and the decoders are trained from
that cache. Recipes that already have results with the same settings aren't trained again, so you can stop the command
and resume it. `--recipes` trains only some of the recipes. On a GPU, use `--device cuda --full` for the papers' photo
sizes and batch sizes. `--rate` trains with another learning rate and adds separate rows. Encoders whose weights would
have to be downloaded start from random weights, unless you pass `--pretrained`.

The results go to `--results`, one JSON file and one strip of bundled photos per recipe, for
nbs/claims/10_comparison.ipynb. The weights go to `--out`, together with a contact sheet of 12 of the test photos.
Don't publish that sheet, because we may not redistribute the photos.
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
from lab.arms import squares

STRIP = ('coffee', 'chelsea', 'china', 'flower')
FEW = 'steps for one batch'
# Stanford's 1e-3 makes the first steps of its wide layer too large: nbs/models/papers/02_stanford.ipynb
RATES = {n: 1e-4 for n in ('stanford_conv9', 'stanford_conv9_dropout', 'stanford_conv9_smooth_l1')}


# One recipe

def row_name(name, rate): return name if rate is None else f'{name} at {rate:g}'
def file_name(row): return row.replace(' at ', '_lr_').replace(' ', '_')

def read_row(results, row):
    "Load a row from `results`; an empty dict if there is none."
    path = Path(results)/f'{file_name(row)}.json'
    return json.loads(path.read_text()) if path.exists() else {}

def size_of(r, full):
    "Return the side of the training photos: without `--full`, at most 64 px, or more if an encoder needs it."
    if full: return r.size
    return max(min(r.size, 64), r.small['size'])

def batch_of(r, full): return r.bs if full else min(r.bs, 32)

def has_frozen_encoder(model):
    "Return whether a model has a borrowed encoder that isn't trained, so that its features can be cached."
    return isinstance(model, TransferModel) and model.frozen

@cache
def encoder_of(name):
    "Return the initial weights of a recipe's borrowed encoder, 'random' or 'pretrained'; None if it has none."
    r = get_recipe(name)
    codec = r.codec()
    kwargs = {**r.kwargs, 'pretrained': False} if 'pretrained' in r.kwargs else r.kwargs
    with torch.device('meta'): model = create_model(r.arch, codec.n_in, codec.n_out, r.small['size'], **kwargs)
    if not isinstance(model, DynamicUnet) and not has_frozen_encoder(model): return None
    return 'pretrained' if r.kwargs.get('pretrained') else 'random'

def model_kwargs(name, args):
    "Return the architecture's arguments in addition to the recipe's own."
    # the network for class scores gets a smaller input
    small = {k: v for k,v in get_recipe(name).small.items() if k=='side' and not args.full}
    return {**small, **({'pretrained': True} if args.pretrained and encoder_of(name) else {})}

def first_batch(name, files, args):
    """Return the number of steps in which a recipe learns two photos, or None if 300 aren't enough. Uses the result of
    an earlier run if there is one."""
    r, earlier = get_recipe(name), read_row(args.results, name)
    same = dict(data=args.packs, device=args.device, version=__version__)
    if FEW in earlier and all(earlier.get(k)==v for k,v in same.items()): return earlier[FEW]
    set_seed(0)
    dls = ColorizeDataLoaders.from_files(files[:10], codec=r.codec(), size=r.small['size'], bs=2, augment=False, device=args.device)
    few = overfit_one_batch(name, dls, model_kwargs={k: v for k,v in r.small.items() if k!='size'})
    return few['steps'] if few['last']<=.2*few['gray'] else None

def photo_loaders(r, files, args):
    "Return loaders of photos that are cropped and flipped differently in each epoch."
    augment = r.augment if args.full else 'flip'
    size, bs = size_of(r, args.full), batch_of(r, args.full)
    return ColorizeDataLoaders.from_files(files, codec=r.codec(), size=size, bs=bs, augment=augment, device=args.device)

def learner(name, files, args):
    "Build a recipe's learner, on cached features if its encoder is frozen, or on photos otherwise."
    r, kwargs = get_recipe(name), model_kwargs(name, args)
    set_seed(0)
    options = dict(metrics=[], amp='bf16' if args.device=='cuda' else None)
    codec = r.codec()
    model = create_model(r.arch, codec.n_in, codec.n_out, size_of(r, args.full), **{**r.kwargs, **kwargs})
    if not has_frozen_encoder(model):
        return recipe_learner(name, photo_loaders(r, files, args), model_kwargs=kwargs, **options)
    chosen = files[::max(1, len(files)//args.cached)][:args.cached] if args.cached else files
    size, bs = size_of(r, args.full), batch_of(r, args.full)
    features = FeatureCache.build(Path(args.out)/'features', chosen, model, codec, size=size, device=args.device)
    set_seed(0) # create the same random encoder again
    dls = features.dataloaders(codec, bs=bs, device=args.device)
    return recipe_learner(name, dls, model_kwargs=kwargs, **options)

def train(name, files, args):
    "Train one recipe for `args.minutes`; returns the facts for its row, and its model file."
    r, row = get_recipe(name), row_name(name, args.rate)
    few = first_batch(name, files, args)
    # learning rates for days of training are too low for minutes
    rate = args.rate or (r.lr if args.full else RATES.get(name, max(r.lr, 1e-3)))
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


# Measuring its predictions

MEASURES = {'PSNR': psnr, 'CIEDE2000': ciede, 'colorfulness': lambda pred, true: colorfulness(pred),
            'L2 of ab': mse_ab, 'MAE of ab': mae_ab} # the last two on ab/128, as Fordham reports them
DIGITS = 2, 2, 2, 5, 5 # decimals of each metric

def measure(photos, paint):
    "Return the mean metrics of `paint(path, true)` over photos, and the values of each photo under `per photo`."
    rows = []
    for p in photos:
        true = to_tensor(open_photo(p))
        pred = through_8bit(paint(p, true))
        rows.append([round(f(pred, true)[0].item(), d) for f,d in zip(MEASURES.values(), DIGITS)])
    means = torch.tensor(rows).double().mean(0).tolist()
    means = [round(m, d+1) if m<float('inf') else None for m,d in zip(means, DIGITS)] # a photo's own PSNR is infinite
    return {**dict(zip(MEASURES, means)), 'per photo': rows}

@torch.no_grad()
def own_lightness(colorizer, path):
    "Return an RGB network's full prediction, including lightness, enlarged to the photo's size."
    photo = open_photo(path)
    x = colorizer.codec.encode(to_tensor(photo.resize((colorizer.size,)*2)))[0].to(colorizer.device)
    small = colorizer.codec.decode(x, colorizer.codec.activate(colorizer.model(x))).cpu()
    return torch.nn.functional.interpolate(small, size=(photo.height, photo.width), mode='bicubic').clamp(0, 1)

def measure_model(colorizer, photos):
    "Measure a model with each photo's own lightness; an RGB network also with the lightness that it predicts."
    found = measure(photos, lambda p, t: to_tensor(colorizer(p).image))
    if not isinstance(colorizer.codec, RGB): return found
    own = measure(photos, lambda p, t: own_lightness(colorizer, p))
    return {**found, 'with its own lightness': {k: own[k] for k in MEASURES}}

@torch.inference_mode()
def square_error(colorizer, files):
    "Return the mean L2 of ab on the central squares of photos at training size, for the model and for gray."
    ours, gray = [], []
    for some in chunked(files, 16):
        rgb = squares(some, colorizer.size)
        x = colorizer.codec.encode(rgb)[0].to(colorizer.device)
        pred = colorizer.codec.decode(x, colorizer.codec.activate(colorizer.model(x).float())).cpu()
        ours.append(mse_ab(through_8bit(pred), rgb))
        gray.append(mse_ab(gray_baseline(rgb), rgb))
    return {k: round(torch.cat(v).mean().item(), 5) for k,v in {'ours': ours, 'gray': gray}.items()}

def overfitting(colorizer, files, test):
    "Return `square_error` on training photos, and on as many new photos."
    own = files[::max(1, len(files)//len(test))][:len(test)]
    return {'own photos': square_error(colorizer, own), 'other photos': square_error(colorizer, test)}

def strip(paint, files=None, side=110):
    "Apply `paint` to photos (the bundled ones by default) and put the results side by side: a PIL image."
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
    "Write a contact sheet: one row of the same photos per baseline and per model in `out`. Returns the file."
    def files_of(r): return (*out.glob(f'{r}.safetensors'), *sorted(out.glob(f'{r} at *.safetensors')))
    found = [f.stem for r in list_recipes() for f in files_of(r)]
    strips = [strip(paint, files) for paint in baselines.values()]
    for n in found:
        c = Colorizer.load(out/f'{n}.safetensors', device) # one at a time, since some are large
        strips.append(strip(lambda im: c(im).image, files))
    image_grid(strips, [*baselines, *found], 1).save(out/'contact.jpg', quality=85)
    return out/'contact.jpg'


# All of them

def baselines_of(files):
    "Return `{name: function}`: the functions color a photo without a network."
    mean = dataset_mean_ab(to_tensor(open_photo(f)) for f in files[::max(1, len(files)//200)])
    return {'photo': lambda im: im, 'gray': lambda im: to_image(gray_baseline(to_tensor(im))),
            'mean color': lambda im: to_image(mean_color_baseline(to_tensor(im), mean))}

def finished(results, row, settings):
    "Return whether there is a result with the same settings."
    found = read_row(results, row)
    return bool(found) and all(found.get(k)==v for k,v in settings.items())

def main(args):
    out, results = Path(args.out), Path(args.results)
    for d in (out, results): d.mkdir(parents=True, exist_ok=True)
    unknown = set(args.recipes or ())-set(list_recipes())
    if unknown:
        raise SystemExit(f'no recipe is called {", ".join(sorted(unknown))}; recipes: {", ".join(list_recipes())}')
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
            print(f'{name} skipped: {e}', flush=True)
            continue
        c = Colorizer.load(file, args.device)
        put({**facts, **measure_model(c, test), **overfitting(c, files, test), **settings}, lambda im: c(im).image)
    sheet = contact(test[::max(1, len(test)//12)][:12], baselines, out, args.device)
    print(f'12 photos, colored by each model: {sheet}')


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('photos', metavar='PHOTOS', help='folder that contains the packs')
    p.add_argument('--eval', required=True, help='folder of photos to test on')
    p.add_argument('--n-eval', type=int, default=300, help='number of photos to test on')
    p.add_argument('--packs', nargs='+', default=['train128', 'train84'], help='folders of training photos')
    p.add_argument('--minutes', type=float, default=15, help='minutes of training per recipe, without validation')
    p.add_argument('--cached', type=int, help='cache the features of only this many photos')
    p.add_argument('--recipes', nargs='+', help='recipes to train (default: all)')
    p.add_argument('--rate', type=float, help="learning rate for all recipes, instead of each recipe's own")
    p.add_argument('--out', default='runs/recipes', help='folder for weights, features, and the contact sheet')
    p.add_argument('--results', default='lab/results/recipes', help='folder for results')
    p.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu', help='cuda or cpu')
    p.add_argument('--full', action='store_true', help="use the papers' photo sizes and batch sizes")
    p.add_argument('--pretrained', action='store_true', help='download ImageNet weights for the encoders')
    return p.parse_args()


if __name__=='__main__': main(arguments())
