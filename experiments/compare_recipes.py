"""Train every recipe for a budget of time, colour the same photos with each, and write one table and one contact sheet.

    python experiments/compare_recipes.py PHOTOS --eval FOLDER --minutes 10

PHOTOS holds folders of training photos (`--packs`). Minutes are of CPU time, on a GPU of the clock. A recipe that was finished is not trained again; one that was cut off starts over. On a
GPU: `--device cuda --full` for the papers' sizes and batches. `--recipes` takes a part of the list; several parts may run side by side; `--rate` trains them again at another rate, as rows of their own. Encoders start from random weights unless
`--pretrained` lets their libraries download. What is measured goes to `--results`, a JSON and a strip of bundled photos a recipe, for nbs/train/08_results.ipynb; weights go to `--out`, and a contact sheet of 12 of
the photos measured on, which is to look at and stays there: those photos are not ours to pass on.
"""
import argparse, json, time
from pathlib import Path

import torch
from PIL import Image
from fastai.torch_core import set_seed

from colorize_nb.color.metrics import ciede, colorfulness, dataset_mean_ab, gray_baseline, mean_color_baseline, psnr, quantize8
from colorize_nb.data.folder import ColorizeDataLoaders
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.io.photo import bundled_photos, find_photos, open_photo, to_image, to_tensor
from colorize_nb.io.show import image_grid
from colorize_nb.models.layers import keras_params
from colorize_nb.train.recipes import get_recipe, list_recipes, recipe_learner
from colorize_nb.train.search import overfit_one_batch
from colorize_nb.train.callbacks import TimeBudget

PHOTOS = ('coffee','chelsea','china','flower')
ENCODERS = ('cats_vgg16','cats_vgg16_bn','cats_vgg16_dropout','fordham_vgg16','fordham_inception','koalarization','unet_resnet34') # libraries have their weights

RATES = {n: 1e-4 for n in ('stanford_conv9','stanford_conv9_dropout','stanford_conv9_smooth_l1')} # Stanford's 1e-3 throws its wide layer too far: nbs/models/papers/02_stanford.ipynb


def row_name(name, rate): return name if rate is None else f'{name} at {rate:g}'
def file_name(row): return row.replace(' at ', '_lr_').replace(' colour', '_color')

def loaders(name, files, device, full, **kwargs):
    r = get_recipe(name)
    size = r.size if full else max(min(r.size, 64), r.small['size'] if r.arch in ENCODERS else 0)
    return ColorizeDataLoaders.from_files(files, codec=r.codec(), device=device, **{'size': size, 'bs': r.bs if full else min(r.bs, 32), 'augment': r.augment if full else 'flip', **kwargs})


def train(name, files, minutes, out, device, full, pretrained, rate=None):
    "Train one recipe for `minutes` and save it; its facts and file."
    r, kw, row = get_recipe(name), {}, row_name(name, rate)
    rate = rate or (r.lr if full else RATES.get(name, max(r.lr, 1e-3))) # rates for days of training are too low for minutes
    if not full and 'side' in r.small: kw['side'] = r.small['side'] # a scoring network that sees less
    set_seed(0)
    few = overfit_one_batch(name, loaders(name, files[:10], device, False, bs=2, augment=False, size=r.small['size']), model_kwargs={k: v for k,v in r.small.items() if k!='size'})
    set_seed(0)
    if pretrained and r.arch in ENCODERS: kw['pretrained'] = True
    learn = recipe_learner(name, loaders(name, files, device, full), metrics=[], model_kwargs=kw, amp='bf16' if device=='cuda' else None)
    clock = time.perf_counter if device=='cuda' else time.process_time
    budget, start = TimeBudget(minutes*60, clock), clock()
    with learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(10**6, rate, cbs=[budget])
    spent = clock()-start
    learn.model.eval()
    f = learn.save_colorizer(out/f'{row}.safetensors', minutes=minutes, device=device)
    p = keras_params(learn.model)
    return {'recipe': row, 'source': r.source, 'parameters': p['total'], 'trainable': p['trainable'], 'size': learn.dls.size, 'batch': learn.dls.train.bs, 'rate': rate,
            'steps for one batch': few['steps'] if few['last']<=.2*few['gray'] else None, 'against': 'a gray answer', 'steps': budget.steps, 'seconds per step': round(spent/max(1, budget.steps), 3)}, f


def measure(photos, paint):
    "Mean PSNR, CIEDE2000 and colourfulness over `photos`, of what `paint(path, true)` gives."
    rows = []
    for p in photos:
        true = to_tensor(open_photo(p))
        rgb = quantize8(paint(p, true))
        rows.append(torch.stack([psnr(rgb, true)[0], ciede(rgb, true)[0], colorfulness(rgb)[0]]))
    return dict(zip(('PSNR','CIEDE2000','colorfulness'), [round(v, 3) for v in torch.stack(rows).mean(0).tolist()]))


def strip(paint, files=None, side=110):
    "Photos (the bundled ones if none are given) by `paint(photo)`, beside each other: a PIL picture."
    small = []
    for f in files or [bundled_photos()[k] for k in PHOTOS]:
        im = open_photo(f)
        im.thumbnail((4*side, 2*side))
        small.append(paint(im).resize((round(im.width*side/im.height), side), Image.Resampling.LANCZOS))
    row = Image.new('RGB', (sum(i.width+4 for i in small)-4, side), 'white')
    for k,i in enumerate(small): row.paste(i, (sum(o.width+4 for o in small[:k]), 0))
    return row


def contact(files, baselines, out, device):
    "Every model in `out` on the same photos, a row each, under what `baselines` make of them: the file written."
    found = [f.stem for r in list_recipes() for f in (*out.glob(f'{r}.safetensors'), *sorted(out.glob(f'{r} at *.safetensors')))]
    strips = [strip(f, files) for f in baselines.values()]
    for n in found:
        c = Colorizer.load(out/f'{n}.safetensors', device) # one at a time: some are large
        strips.append(strip(lambda im: c(im).image, files))
    image_grid(strips, [*baselines, *found], 1).save(out/'contact.jpg', quality=85)
    return out/'contact.jpg'


def main(photos, packs, eval, n_eval, minutes, recipes, out, results, device, full, pretrained, rate):
    out, results = Path(out), Path(results)
    for d in (out, results): d.mkdir(parents=True, exist_ok=True)
    unknown = set(recipes or ())-set(list_recipes())
    if unknown: raise SystemExit(f'no recipe is called {", ".join(sorted(unknown))}; known: {", ".join(list_recipes())}')
    files = [f for pack in packs for f in find_photos([Path(photos)/pack])]
    test = find_photos([eval])
    test = test[::max(1, len(test)//n_eval)][:n_eval]
    def put(row, paint):
        strip(paint).save(results/f"{file_name(row['recipe'])}.jpg", quality=80)
        (results/f"{file_name(row['recipe'])}.json").write_text(json.dumps(row, indent=1))
        print(json.dumps(row), flush=True)
    mean = dataset_mean_ab(to_tensor(open_photo(f)) for f in files[::max(1, len(files)//200)])
    baselines = {'photo': lambda im: im, 'gray': lambda im: to_image(gray_baseline(to_tensor(im))), 'mean colour': lambda im: to_image(mean_color_baseline(to_tensor(im), mean))}
    for name,f in baselines.items():
        if not (results/f'{file_name(name)}.json').exists(): put({'recipe': name, **(measure(test, lambda p,t: to_tensor(f(to_image(t)))) if name!='photo' else {})}, f)
    for name in recipes or list_recipes():
        if (results/f'{file_name(row_name(name, rate))}.json').exists(): continue
        try: facts, f = train(name, files, minutes, out, device, full, pretrained, rate)
        except (ImportError, ConnectionError) as e: print(f'{name}: left out: {e}', flush=True); continue
        c = Colorizer.load(f, device)
        put({**facts, **measure(test, lambda p,t: to_tensor(c(p).image)), 'minutes': minutes, 'photos': len(test), 'device': device}, lambda im: c(im).image)
    print(f'12 photos by each: {contact(test[::max(1, len(test)//12)][:12], baselines, out, device)}')


if __name__=='__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('photos')
    p.add_argument('--eval', required=True, help='folder of photos to measure on')
    p.add_argument('--n-eval', type=int, default=48)
    p.add_argument('--packs', nargs='+', default=['train128','train84'])
    p.add_argument('--minutes', type=float, default=10)
    p.add_argument('--recipes', nargs='+')
    p.add_argument('--rate', type=float, help='a learning rate for all of them, instead of each one\'s own')
    p.add_argument('--out', default='runs/recipes')
    p.add_argument('--results', default='colorize_nb/results/recipes')
    p.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    p.add_argument('--full', action='store_true', help="the papers' sizes and batches")
    p.add_argument('--pretrained', action='store_true', help='encoders with ImageNet weights, downloaded')
    main(**vars(p.parse_args()))
