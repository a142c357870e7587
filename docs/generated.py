"Pages and pictures that are made anew each time: the home page's wipe, the recipes, the gallery, the model's file for the browser, llms.txt."
import html, json, re
from pathlib import Path

from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.infer.onnx import export_onnx, onnx_facts
from colorize_nb.io.photo import bundled_photos, open_photo
from colorize_nb.io.wipe import CSS, JS, wipe
from colorize_nb.models.layers import keras_params
from colorize_nb.models.registry import create_model
from colorize_nb.models.store import shipped_models
from colorize_nb.train.recipes import describe_recipes, get_recipe
from colorize_nb.train.results import measured

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT/'colorize_nb/results/recipes'
# How a recipe's source begins -> (page of its networks in nbs/models, page of its paper)
PAGES = {'Fordham': ('papers/00_fordham','fordham'), 'Cats': ('papers/01_cats','cats'),
         'Stanford': ('papers/02_stanford','stanford'), 'Koalarization': ('papers/03_koalarization','koalarization'),
         'Indiana': ('papers/04_indiana','indiana'), 'Zhang': ('papers/05_zhang', None), 'this': ('05_compact', None)}
SCENES = {'people': ('astronaut','grace_hopper'), 'animals': ('chelsea',), 'things': ('coffee','motorcycle'), 'plants': ('flower',), 'buildings and sky': ('china','rocket'),
          'pictures of science, which it never saw': ('retina','hubble','ihc')}

def thumbnail(im, path, side=420):
    "Write `im` at most `side` pixels long."
    im = im.convert('RGB')
    im.thumbnail((side, side))
    path.parent.mkdir(parents=True, exist_ok=True)
    im.save(path, quality=86, subsampling=0)

def script_and_style(static):
    "The wipe's own CSS and JS, as the demo's page has them; rules for whole pages are left to the theme."
    rules = [l for l in CSS.strip().split('\n') if re.match(r'(\.wipe|\.before|\.line|\.tag|\.left|figcaption)', l)]
    (static/'wipe.css').write_text('\n'.join(rules), 'utf8')
    (static/'wipe.js').write_text('document.addEventListener("DOMContentLoaded", () => {' + JS + '});', 'utf8')

def hero(folder, colorizer):
    "The home page's picture: the input against the prediction."
    photo = open_photo(bundled_photos()['chelsea'])
    shown = {'input': photo.convert('L'), 'prediction': colorizer(photo).image}
    picture = wipe('Chelsea', shown, 'drag the line: the input on the left, the prediction on the right', side=900)
    (folder/'hero.html').write_text(f'<div class="hero">{picture}</div>', 'utf8')

def gallery(folder, colorizer):
    "Thumbnails by scene: input, prediction, target; then by model, for recipes that were trained."
    found, page = bundled_photos(), ['# Gallery', '', '> Photos that come with scikit-image, scikit-learn and matplotlib, coloured by the shipped model, failures included; then one strip per trained recipe.', '']
    named = {n for ns in SCENES.values() for n in ns}
    scenes = {**SCENES, 'more': tuple(n for n in found if n not in named)}
    scenes = {scene: here for scene,names in scenes.items() if (here := [n for n in names if n in found])}
    for scene,names in scenes.items():
        page += [f'## {scene.capitalize()}', '']
        for n in names:
            photo = open_photo(found[n])
            shown = {'input': photo.convert('L'), 'prediction': colorizer(photo).image, 'target': photo}
            for k,im in shown.items(): thumbnail(im, folder/'_static/gallery'/f'{n}-{k}.jpg')
            cells = ''.join(f'<figure><img loading="lazy" src="_static/gallery/{n}-{k}.jpg" alt="{html.escape(n)}: {k}"><figcaption>{k}</figcaption></figure>' for k in shown)
            page += [f'```{{raw}} html\n<div class="triple"><b>{html.escape(n.replace("_", " "))}</b>{cells}</div>\n```', '']
    strips = sorted(RESULTS.glob('*.jpg'))
    if strips:
        page += ['## By model', '', 'The same bundled photos by each recipe that was trained, for ten minutes of CPU time each; `photo` is the target.', '']
        for s in strips:
            (folder/'_static/gallery'/s.name).write_bytes(s.read_bytes())
            page += [f'```{{raw}} html\n<figure class="strip"><figcaption>{html.escape(s.stem)}</figcaption><img loading="lazy" src="_static/gallery/{s.name}" alt="Bundled photos coloured by {html.escape(s.stem)}"></figure>\n```', '']
    (folder/'gallery.md').write_text('\n'.join(page), 'utf8')

def blocks(model, most=40):
    "Rows of a table: the parts of a network that have parameters, two levels deep, with how many."
    rows = []
    for name,child in model.named_children():
        parts = [(f'{name}.{k}', c) for k,c in child.named_children()] or [(name, child)]
        rows += [(k, type(c).__name__, sum(p.numel() for p in c.parameters())) for k,c in parts]
    rows = [r for r in rows if r[2]]
    return rows[:most] + ([('...', f'{len(rows)-most} more', sum(r[2] for r in rows[most:]))] if len(rows)>most else [])

def verdict(d, gray, mean):
    "What the numbers of a trained recipe say against it; nothing if nothing."
    said = []
    if d['CIEDE2000']>gray['CIEDE2000']: said.append(f"farther from the target than leaving the photos gray ({100*(d['CIEDE2000']/gray['CIEDE2000']-1):+.1f}% CIEDE2000)")
    if d['PSNR']<gray['PSNR']: said.append('a lower PSNR than gray')
    if d['colorfulness']<1.2*mean['colorfulness']: said.append('hardly more colourful than one colour for all photos')
    return f"What fails: {', '.join(said)}." if said else 'Nearer to the target than gray; the strip shows what it gets wrong.'

def recipe(name, r, done):
    "A recipe's section, and its row of the table."
    book, paper = next((v for k,v in PAGES.items() if r['source'].startswith(k)), ('00_registry', None))
    spec = get_recipe(name)
    codec = spec.codec()
    model = create_model(spec.arch, codec.n_in, codec.n_out, spec.size, **spec.kwargs)
    n = keras_params(model)
    slug = name.replace('_', '-')
    row = f"| [`{name}`](#recipe-{slug}) | {r['source']} | {n['total']:,} | {r['size']} | `{r['codec'].split('(')[0]}` | `{r['loss']}` |"
    text = [f'(recipe-{slug})=', f'## {name}', '',
            f"Source: {r['source']}. Network `{r['model']}`, {n['total']:,} parameters, {n['trainable']:,} trained. Codec `{r['codec']}`, loss `{r['loss']}`, {r['size']} px, batches of {r['batch']}. "
            f"Shapes, what the paper leaves open and what was chosen: [its page](nbs/models/{book}.ipynb)." + (f' The paper: [{paper}](papers/{paper}.md).' if paper else ''), '',
            '```python', f"learn = recipe_learner('{name}', dls)", '```', '']
    if d := done.get(name):
        text += [f"After {d['minutes']:g} minutes ({d['device']}), on {d['photos']} photos it never saw: CIEDE2000 {d['CIEDE2000']}, PSNR {d['PSNR']} dB, colorfulness {d['colorfulness']}; "
                 f"gray: {done['gray']['CIEDE2000']}, {done['gray']['PSNR']} dB. {verdict(d, done['gray'], done['mean_color'])}", '', f"![Bundled photos coloured by {name}](_static/gallery/{name}.jpg)", '']
        text += [f"At a rate of {o['rate']:g} in place of {d['rate']:g}: CIEDE2000 {o['CIEDE2000']}, colorfulness {o['colorfulness']}." for k,o in done.items() if k.startswith(f'{name}_lr_')]+['']
    else: text += ['Not trained yet by `experiments/compare_recipes.py`.', '']
    table = ''.join(f'<tr><td>{html.escape(k)}</td><td>{t}</td><td>{p:,}</td></tr>' for k,t,p in blocks(model))
    return row, text + ['```{raw} html', f'<details><summary>Layers</summary><table class="params"><tr><th>part</th><th>kind</th><th>parameters</th></tr>{table}</table></details>', '```', '']

def recipes(folder):
    "One page from the registry: paper, network, parameters, layers, what training gave and what fails."
    done = measured(folder=RESULTS)
    rows, texts = zip(*(recipe(r['recipe'], r, done) for r in describe_recipes().rows))
    page = ['# Recipes', '', '> Codec, model, loss, size and batch of every published system, from the registry; `recipe_learner(name, dls)` trains one; each value says whether the paper prints it.', '',
            '| recipe | source | parameters | size | codec | loss |', '|---|---|---:|---:|---|---|', *rows, '']
    (folder/'recipes.md').write_text('\n'.join(page + [l for t in texts for l in t]), 'utf8')

def card(folder):
    "The shipped model's card as a page."
    (folder/'model_card.md').write_text(shipped_models()['shipped'].with_suffix('.md').read_text('utf8'), 'utf8')

def model(static):
    "The shipped model and what the page that colours a photo must know of it."
    path = export_onnx('shipped', static/'model'/'shipped.onnx', force=True)
    facts = {**onnx_facts(Colorizer.load('shipped')), 'megabytes': round(path.stat().st_size/1e6)}
    path.with_suffix('.json').write_text(json.dumps({k: facts[k] for k in ('stride','size','saturation','megabytes')}), 'utf8')

def llms(html_dir, pages, site='colorize_nb'):
    "llms.txt: what there is, one line per page."
    lines = [f'# {site}', '', '> Colorize black-and-white photos and films, and learn how it works from notebooks that you can run.', '']
    for title,files in pages.items():
        lines += [f'## {title}', '', *(f'- [{name}]({url}): {about}' for name,url,about in files), '']
    (html_dir/'llms.txt').write_text('\n'.join(lines), 'utf8')
