"""Train every recipe for a budget of time, colour the same photos with each, and write one table and one contact sheet.

    python scripts/compare_recipes.py PHOTOS --eval FOLDER --minutes 10

PHOTOS holds folders of training photos (`--packs`). A recipe that was finished is not trained again; one that was cut off starts over. On a GPU: `--device cuda --full` for the papers'
sizes and batches.
"""
import argparse, json, time
from pathlib import Path

import torch
from fastai.torch_core import set_seed

from colorize_nb.data import ColorizeDataLoaders
from colorize_nb.infer import Colorizer
from colorize_nb.metrics import Results, ciede, colorfulness, dataset_mean_ab, gray_baseline, mean_color_baseline, psnr, quantize8
from colorize_nb.models.keras_like import keras_params
from colorize_nb.photo import bundled_photos, find_photos, open_photo, show_photos, to_tensor
from colorize_nb.recipes import _recipes, get_recipe, recipe_learner
from colorize_nb.resume import TimeBudget


def train(name, files, minutes, out, device, full):
    "Train one recipe for `minutes` and save it; its facts."
    r, kw = get_recipe(name), {}
    size = r.size if full else min(r.size, 64)
    if not full and 'side' in r.small: kw['side'] = r.small['side'] # a scoring network that sees less
    set_seed(0)
    dls = ColorizeDataLoaders.from_files(files, codec=r.codec(), size=size, bs=r.bs if full else min(r.bs, 32), augment=r.augment if full else 'flip', device=device)
    learn = recipe_learner(name, dls, metrics=[], model_kwargs=kw, amp='bf16' if device=='cuda' else None)
    budget, start = TimeBudget(minutes*60), time.perf_counter()
    with learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(10**6, r.lr, cbs=[budget])
    learn.model.eval()
    f = learn.save_colorizer(out/f'{name}.safetensors', minutes=minutes, device=device)
    p = keras_params(learn.model)
    return dict(recipe=name, source=r.source, size=size, batch=dls.train.bs, parameters=p['total'], trainable=p['trainable'], steps=budget.steps,
                seconds_a_step=(time.perf_counter()-start)/max(1, budget.steps)), f


def measure(photos, paint):
    "Mean PSNR, CIEDE2000 and colourfulness over `photos`, of what `paint(path, true)` gives."
    rows = []
    for p in photos:
        true = to_tensor(open_photo(p))
        rgb = quantize8(paint(p, true))
        rows.append(torch.stack([psnr(rgb, true)[0], ciede(rgb, true)[0], colorfulness(rgb)[0]]))
    return dict(zip(('PSNR','CIEDE2000','colourfulness'), [round(v, 3) for v in torch.stack(rows).mean(0).tolist()]))


def main(photos, packs, eval, n_eval, minutes, recipes, out, device, full):
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    unknown = set(recipes or ())-set(_recipes)
    if unknown: raise SystemExit(f'no recipe is called {", ".join(sorted(unknown))}; known: {", ".join(_recipes)}')
    files = [f for pack in packs for f in find_photos([Path(photos)/pack])]
    test = find_photos([eval])
    test = test[::max(1, len(test)//n_eval)][:n_eval]
    path = out/'results.json'
    data = json.loads(path.read_text()) if path.exists() else {}
    if 'gray' not in data:
        mean = dataset_mean_ab(to_tensor(open_photo(f)) for f in files[::max(1, len(files)//200)])
        data['gray'] = dict(recipe='gray', **measure(test, lambda p,t: gray_baseline(t)))
        data['mean colour'] = dict(recipe='mean colour', **measure(test, lambda p,t: mean_color_baseline(t, mean)))
    for name in recipes or _recipes:
        if name not in data or 'error' in data[name]:
            try:
                facts, f = train(name, files, minutes, out, device, full)
                c = Colorizer.load(f, device)
                data[name] = {**facts, **measure(test, lambda p,t: to_tensor(c(p).image))}
            except (ImportError, ConnectionError) as e: data[name] = dict(recipe=name, error=str(e))
        path.write_text(json.dumps(data, indent=1))
        print(json.dumps(data[name]), flush=True)
    rows = [r for r in data.values() if 'error' not in r]
    (out/'results.md').write_text(Results(rows, f'{len(test)} photos, {minutes} minutes each, {device}, seed 0').to_markdown())
    shown = [k for k in ('coffee','chelsea','china','flower') if k in bundled_photos()]
    names = [r['recipe'] for r in rows if (out/f"{r['recipe']}.safetensors").is_file()]
    pictures, titles = [open_photo(bundled_photos()[k]) for k in shown], ['photo', *['']*(len(shown)-1)]
    for name in names:
        c = Colorizer.load(out/f'{name}.safetensors', device)
        pictures += [c(bundled_photos()[k]).image for k in shown]; titles += [name, *['']*(len(shown)-1)]
    show_photos(pictures, titles, ncols=len(shown), size=1.3).savefig(out/'sheet.jpg')
    print('wrote', out/'results.md', 'and', out/'sheet.jpg')


if __name__=='__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('photos')
    p.add_argument('--eval', required=True, help='folder of photos to measure on')
    p.add_argument('--n-eval', type=int, default=12)
    p.add_argument('--packs', nargs='+', default=['train128','train84'])
    p.add_argument('--minutes', type=float, default=10)
    p.add_argument('--recipes', nargs='+')
    p.add_argument('--out', default='runs/recipes')
    p.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    p.add_argument('--full', action='store_true', help="the papers' sizes and batches")
    main(**vars(p.parse_args()))
