"""Generate pages and pictures from the library: the start page's picture, recipes, the gallery, the papers' numbers, the browser's
model, and llms.txt."""
import base64, csv, hashlib, html, json, re, shutil
from pathlib import Path

import house

from lab.audit import LIMITS, SCENES, audit
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.infer.onnx import export_onnx, onnx_metadata
from colorize_nb.color.metrics import ciede, colorfulness
from colorize_nb.core.photo import bundled_photos, credit, open_photo, to_tensor
from colorize_nb.core.registry import Registry
from colorize_nb.core.show import CSS, JS, TABLES_CSS, TABLES_JS, wipe
from colorize_nb.models.layers import create_model, keras_params
from colorize_nb.models.store import shipped_models
from colorize_nb.train.recipes import describe_recipes, get_recipe
from colorize_nb.widgets.explorers import DistributionExplorer
from lab.comparison import label, load_results

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT/'lab/results/recipes'
WHY = {'people': 'Clothes can have any color, and lightness doesn\'t show which.',
       'things': 'A cup can be red or gray, and both look the same without color.',
       'pictures of science': 'The model was never trained on such pictures. '
                              'People chose their colors, and lightness doesn\'t show which.'}
# Known causes of failure
RANDOM = 'Its encoder starts from random weights here, not from ImageNet weights.'
CAUSES = {**dict.fromkeys(('indiana_unet','fordham_ae_rgb'), 'It predicts red, green, and blue, so it has to learn lightness, too.'),
          'zhang_eccv16': 'The paper trains for 450,000 steps.'}

def thumbnail(im, path, side=420):
    "Write a copy of `im` whose longest side is at most `side` pixels."
    im = im.convert('RGB')
    im.thumbnail((side, side))
    path.parent.mkdir(parents=True, exist_ok=True)
    im.save(path, quality=86, subsampling=0)

def script_and_style(static):
    "Write the CSS and JavaScript of wipes and tables, without rules for whole pages."
    rules = [l for l in CSS.strip().split('\n') if re.match(r'(\.wipe|\.before|\.line|\.tag|\.left|figcaption)', l)]
    (static/'wipe.css').write_text('\n'.join(rules), 'utf8')
    (static/'page.css').write_text(TABLES_CSS, 'utf8')
    (static/'site.js').write_text(TABLES_JS, 'utf8')
    (static/'wipe.js').write_text('document.addEventListener("DOMContentLoaded", () => {' + JS + '});', 'utf8')

def to_files(figure, folder, up=''):
    "Return the HTML of a wipe with its pictures moved to files in `folder`, which load lazily."
    def one(m):
        data = base64.b64decode(m[1])
        path = folder/'_static/gallery'/f'{hashlib.sha256(data).hexdigest()[:12]}.jpg'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return f'src="{up}_static/gallery/{path.name}" loading="lazy"'
    return re.sub(r'src="data:image/jpeg;base64,([^"]+)"', one, figure)

def hero(folder, colorizer):
    "Write the start page's pictures, each under a line to drag: a photo of today, and one from around 1910 whose real colors are known."
    def figure(name, left, right, note):
        photo = open_photo((bundled_photos('color') | bundled_photos('plate'))[name])
        shown = {'input': photo.convert('L'), 'prediction': colorizer(photo).image, 'real colors': photo}
        return f'<div class="hero">{wipe("Drag the line", {k: shown[k] for k in (left, right)}, f"{note} Photo: {credit(name)}", side=640)}</div>'
    figures = [figure('mountain', 'input', 'prediction', 'The gray input on the left, the prediction of the shipped model on the right.'),
               figure('man_in_papakha', 'prediction', 'real colors', 'The prediction on the left. The photographer took three exposures '
                      'through color filters between 1909 and 1915, so the real colors on the right are known.')]
    html = to_files(''.join(figures), folder).replace(' loading="lazy"', '')
    (folder/'hero.html').write_text(f'<div>{html}</div>', 'utf8')

def ten_pages():
    "Return a Markdown list of the pages to read first, with their titles and summaries."
    from build import first_lines
    pages = {house.module(p): p for p in house.pages()}
    found = [(pages[m].relative_to(ROOT).as_posix(), *first_lines(pages[m])) for m in house.TEN_PAGES]
    return '\n'.join(f'1. [{title}]({path}): {summary}' for path,title,summary in found)

def home(folder):
    "Fill in the start page. How to get the package depends on `published` in settings.ini."
    from published import published, settings
    url, p = settings()['git_url'], folder/'index.md'
    repository = f'<a href="{url}">Repository</a>' if published() else '<a href="publish.html">Repository</a>'
    install = f'git clone {url}\ncd colorize_nb' if published() else 'cd colorize_nb     # the repository'
    text = p.read_text('utf8').replace('REPOSITORY', repository).replace('INSTALL', install).replace('TEN_PAGES', ten_pages())
    if not (folder/'playground.md').exists(): text = re.sub(r'(?m)^.*playground.*\n', '', text)
    p.write_text(text, 'utf8')

def explorers(folder, colorizer):
    "Insert a prediction of `colorizer` into the page of explorers."
    panel = DistributionExplorer(bundled_photos('color')['strawberries'], colorizer).set(x=.3, y=.6)
    data, page = html.escape(json.dumps(panel.for_page())), folder/'explorers.md'
    live = f'<div class="live-panel" data-explorer="{data}"></div><p class="credit">Photo: {html.escape(credit("strawberries"))}</p>'
    page.write_text(page.read_text('utf8').replace('DISTRIBUTION', live), 'utf8')

def robustness(folder):
    "Insert the kinds of files and their tests, from robustness.csv, into the page about robustness."
    sections = {}
    with open(ROOT/'docs/robustness.csv', encoding='utf8', newline='') as f:
        for row in csv.DictReader(f): sections.setdefault(row['group'], []).append(row)
    lines = []
    for group,rows in sections.items():
        lines += [f'## {group}', '', '| file | result | tests |', '|---|---|---|']
        lines += [f"| {r['file']} | {r['result']} | {'<br>'.join(f'`{t}`' for t in r['tests'].split())} |" for r in rows]
        lines.append('')
    page = folder/'robustness.md'
    page.write_text(page.read_text('utf8').replace('KINDS', '\n'.join(lines)), 'utf8')

def photo_figure(folder, name, path, colorizer):
    "Return the HTML of one gallery photo: input and prediction under a line to drag, thumbnails, and metrics."
    photo = open_photo(path)
    shown = {'input': photo.convert('L'), 'prediction': colorizer(photo).image, 'target': photo}
    for k,im in shown.items(): thumbnail(im, folder/'_static/gallery'/f'{name}-{k}.jpg', 900)
    title = name.replace('_', ' ')
    pred, target, unpainted = (to_tensor(im) for im in (shown['prediction'], photo, shown['input'].convert('RGB')))
    error, gray = ciede(pred, target).item(), ciede(unpainted, target).item()
    color, own = colorfulness(pred).item(), colorfulness(target).item()
    note = f"CIEDE2000 {error:.1f}, gray {gray:.1f}; colorfulness {color:.0f}, target {own:.0f}"
    mark = 'higher error than gray' if error>gray else ''
    figure = to_files(wipe(title, {k: shown[k] for k in ('input','prediction')}, note, mark, side=640), folder)
    def thumb(k):
        alt = f'{html.escape(title)}: {k}'
        return f'<img loading="lazy" src="_static/gallery/{name}-{k}.jpg" data-title="{alt}" alt="{alt}">'
    thumbs = ''.join(thumb(k) for k in shown)
    return figure.replace('<figcaption>', f'<div class="thumbs">{thumbs}</div><figcaption>')

def wall(folder):
    "Return a strip of photos for each trained recipe, lowest error first, with what fails and why."
    done = load_results(folder=RESULTS)
    gray, mean = done['gray'], done['mean_color']
    order = sorted(done.keys()-{'photo'}, key=lambda n: done[n]['CIEDE2000'])
    def figure(n, caption):
        shutil.copy2(RESULTS/f'{n}.jpg', folder/'_static/gallery'/f'{n}.jpg')
        image = f'<img loading="lazy" src="_static/gallery/{n}.jpg" alt="Sample photos: {html.escape(n)}">'
        title = html.escape(done.get(n, {}).get('recipe', n))
        return f'<figure id="wall-{n}">{image}<figcaption><b>{title}</b> {caption}</figcaption></figure>'
    def caption(n):
        d = done[n]
        failures = verdict(d, gray, mean) if 'steps' in d else ''
        head = f"CIEDE2000 {d['CIEDE2000']}, PSNR {d['PSNR']} dB, colorfulness {d['colorfulness']}"
        why = RANDOM if d.get('encoder')=='random' else CAUSES.get(n.split('_lr_')[0], '')
        cause = f"{why} Trained for {d['steps']} steps." if failures.startswith('What fails') else ''
        return f'{head}<br><span class="{"fails" if failures.startswith("What") else "well"}">{failures}</span> {cause}'
    return ''.join([figure('photo', 'target')] + [figure(n, caption(n)) for n in order])

def gallery(folder, colorizer):
    "Write the gallery: photos by scene, then strips by recipe."
    found = bundled_photos()
    page = ['---', 'html_theme.sidebar_secondary.remove: true', '---', '# Gallery', '',
            '> Drag the line across a photo, or click a thumbnail to enlarge it. Failures are included, with their causes.', '',
            'Photos that come with scikit-image, scikit-learn, and matplotlib, colored by the shipped model. '
            'We didn\'t pick them for good results. A lower CIEDE2000 is better.', '']
    named = {n for ns in SCENES.values() for n in ns}
    scenes = {**SCENES, 'more': tuple(n for n in found if n not in named)}
    for scene,names in scenes.items():
        if not (here := [n for n in names if n in found]): continue
        figures = ''.join(photo_figure(folder, n, found[n], colorizer) for n in here)
        page += [f'## {scene.capitalize()}', '', WHY.get(scene, ''), '', f'```{{raw}} html\n<div class="photos">{figures}</div>\n```', '']
    minutes = next(d['minutes'] for d in load_results(folder=RESULTS).values() if 'minutes' in d)
    page += ['## By recipe', '',
             f'The same photos, colored by each recipe after {minutes:g} minutes of training on one CPU core, lowest error first. '
             '[Recipes](recipes.md) lists the networks, and [the comparison](nbs/claims/10_comparison.ipynb) has a sortable table.', '',
             f'```{{raw}} html\n<div class="wall">{wall(folder)}</div>\n```', '']
    (folder/'gallery.md').write_text('\n'.join(page), 'utf8')

def layer_rows(model, most=40):
    "Return the modules of a network, two levels deep, as rows `(name, type, parameters)`."
    rows = []
    for name,child in model.named_children():
        parts = [(f'{name}.{k}', c) for k,c in child.named_children()] or [(name, child)]
        rows += [(k, type(c).__name__, sum(p.numel() for p in c.parameters())) for k,c in parts]
    rows = [r for r in rows if r[2]]
    return rows[:most] + ([('...', f'{len(rows)-most} more', sum(r[2] for r in rows[most:]))] if len(rows)>most else [])

def verdict(d, gray, mean):
    "Describe what fails according to the metrics of a trained recipe."
    failures = []
    if d['CIEDE2000']>gray['CIEDE2000']:
        more = 100*(d['CIEDE2000']/gray['CIEDE2000']-1)
        failures.append(f'a higher error than gray photos ({more:+.1f}% CIEDE2000)')
    if d['PSNR']<gray['PSNR']: failures.append('a lower PSNR than gray photos')
    if d['colorfulness']<1.2*mean['colorfulness']: failures.append('hardly more color than a single mean color')
    return f"What fails: {', '.join(failures)}." if failures else 'The error is lower than for gray photos. The strip shows what is still wrong.'

def training_results(name, done):
    "Return the results of a recipe: metrics, a strip of photos, and other learning rates."
    d, gray = done[name], done['gray']
    other = [o for k,o in done.items() if k.startswith(f'{name}_lr_')]
    return [f"After {d['minutes']:g} minutes ({d['device']}), on {d['photos']} validation photos: "
            f"CIEDE2000 {d['CIEDE2000']}, PSNR {d['PSNR']} dB, colorfulness {d['colorfulness']}; "
            f"gray: {gray['CIEDE2000']}, {gray['PSNR']} dB. {verdict(d, gray, done['mean_color'])}", '',
            f'![Sample photos colored by {name}](_static/gallery/{name}.jpg)', '',
            *(f"With a learning rate of {o['rate']:g} instead of {d['rate']:g}: CIEDE2000 {o['CIEDE2000']}, colorfulness {o['colorfulness']}."
              for o in other), '']

def pages_of(arch, source):
    "Return the page that defines a network, and the name of its paper's page or None."
    factory = Registry('model', 'colorize_nb.models').get(arch)
    module = getattr(factory, 'func', factory).__module__.removeprefix('colorize_nb.')
    page = next(p for p in house.pages('models') if house.module(p)==module)
    paper = re.match(r'\w+', source)[0].lower()
    return page.relative_to(ROOT).as_posix(), paper if (ROOT/f'docs/pages/papers/{paper}.md').exists() else None

def recipe(name, r, done):
    "Return the row of a recipe in the table, and its section."
    spec = get_recipe(name)
    book, paper = pages_of(spec.arch, r['source'])
    codec = spec.codec()
    model = create_model(spec.arch, codec.n_in, codec.n_out, spec.size, **spec.kwargs)
    n = keras_params(model)
    slug = name.replace('_', '-')
    row = f"| [`{name}`](#recipe-{slug}) | {r['source']} | {n['total']:,} | {r['size']} | `{r['codec'].split('(')[0]}` | `{r['loss']}` |"
    text = [f'(recipe-{slug})=', f'## {name}', '',
            f"Source: {r['source']}. Network `{r['model']}`, {n['total']:,} parameters ({n['trainable']:,} trainable). "
            f"Codec `{r['codec']}`, loss `{r['loss']}`, {r['size']} px, batch size {r['batch']}. "
            f'[Its page]({book}) has the layers, what the paper leaves open, and what we chose.'
            + (f' See also [the paper](papers/{paper}.md).' if paper else ''), '',
            '```python', f"learn = recipe_learner('{name}', dls)", '```', '']
    text += training_results(name, done) if done.get(name) else ['Not trained yet (`python -m lab.compare_recipes`).', '']
    table = ''.join(f'<tr><td>{html.escape(k)}</td><td>{t}</td><td>{p:,}</td></tr>' for k,t,p in layer_rows(model))
    head = '<tr><th>part</th><th>kind</th><th>parameters</th></tr>'
    layers = f'<details><summary>Layers</summary><table class="params">{head}{table}</table></details>'
    return row, text + ['```{raw} html', layers, '```', '']

def verdicts():
    "Return the claims with their verdicts and measured effects, as the opening of the page about claims."
    from lab.verdicts import WORDS, effect, load_verdicts
    rows = sorted(load_verdicts(), key=lambda r: WORDS.index(r['verdict']))
    n = {w: sum(r['verdict']==w for r in rows) for w in WORDS}
    def row(r):
        place = f"nbs/claims/{r['page'].replace('.ipynb', '.html')}"
        return (f'<tr><td><b class="verdict {r["verdict"]}">{r["verdict"]}</b></td><td><a href="{place}">{html.escape(r["claim"])}</a></td>'
                f'<td>{html.escape(effect(r))}</td><td>{html.escape(r["paper"])}</td></tr>')
    head = '<tr><th>Verdict</th><th>Claim</th><th>What we measured, with 95% intervals</th><th>Paper</th></tr>'
    return '\n'.join([
        f"We tested {len(rows)} claims. **{n['holds']} hold, {n['fails']} fails, {n['mixed']} are mixed, and {n['inconclusive']} are inconclusive**: "
        "our networks are small, so many experiments can't decide. Effects on the error are differences in CIEDE2000, where negative is better. "
        "Colorfulness is a percentage of that of the photos. [What counts as evidence](nbs/claims/00_verdicts.ipynb) explains the rules.", '',
        '```{raw} html', f'<div class="scroll claims" tabindex="0" role="region" aria-label="Claims and verdicts"><table><thead>{head}</thead><tbody>{"".join(map(row, rows))}</tbody></table></div>', '```'])

def recipes(folder):
    "Write the page of recipes from the registry."
    done = load_results(folder=RESULTS)
    rows, texts = zip(*(recipe(r['recipe'], r, done) for r in describe_recipes().rows))
    page = ['# All recipes', '',
            '> Every published system as data: codec, model, loss, size, and batch size. '
            'Train one with `recipe_learner(name, dls)`.', '',
            '| recipe | source | parameters | size | codec | loss |', '|---|---|---:|---:|---|---|', *rows, '']
    (folder/'recipes.md').write_text('\n'.join(page + [l for t in texts for l in t]), 'utf8')

# What Fordham and Stanford report about their networks
FORDHAM = [ # network, training data, reported L2 and MAE
    ('fordham_cnn', 'plain, nature', .0020, .0786),
    ('fordham_cnn', 'plain, final 10K', .0193, .0803),
    ('fordham_vgg16', 'VGG16, 10K', .02, .0706),
    ('fordham_vgg16', 'VGG16, 16K', .0117, .0754),
    ('fordham_inception', 'Inception, nature', .0179, .0938),
    ('fordham_inception', 'Inception, 5K', .0125, .0753),
    ('fordham_inception', 'Inception, 10K', .0112, .0697)]
FROBENIUS = [
    ('stanford_conv9_dropout', 'L2 with dropout', 18.67),
    ('stanford_conv9_smooth_l1', 'smooth L1', 13.45),
    ('stanford_conv9', 'L2', 15.65),
    ('stanford_bins10', 'cross-entropy', 11.27)]
# The numbers that each paper reports: (recipe, metric, reported value, gray baseline, baseline of one color or bin for all, scale).
# The baselines are keys of lab/results/claims/baselines.json
L2, MAE, CLOSENESS = (('L2 gray','L2 mean color'), ('MAE gray','MAE median color'), ('closeness gray','closeness mean color'))
REPORTED = {
    'fordham': [(n, f'test L2, {what}', l2, *L2, 1) for n,what,l2,_ in FORDHAM]
             + [(n, f'test MAE, {what}', mae, *MAE, 1) for n,what,_,mae in FORDHAM],
    'stanford': [(f'stanford_bins{n}', f'accuracy, {n} bins, %', v, '', f'accuracy {n}', 100)
                 for n,v in ((10, 41.5), (30, 27.8), (50, 18.9))]
              + [(n, f'Frobenius norm, {what}', v, *CLOSENESS, 1) for n,what,v in FROBENIUS],
    'indiana': [('indiana_unet', 'accuracy, %', 54, '', 'red is largest', 100),
                ('indiana_unet', 'loss (MAE of RGB), % of the range', 48, 'MAE RGB gray', '', 100)],
    'cats': [], 'koalarization': []}

def baseline(measured, key, scale):
    "Return the mean of a baseline over its seeds as text, or an empty string without `key`."
    if not key: return ''
    seeds = measured[key]['seeds']
    return f'{scale*sum(seeds)/len(seeds):.{1 if scale>1 else 4 if max(seeds)<1 else 2}f}'

def best_runs(paper, done):
    "Return the best run of each recipe of a paper, by name."
    runs = {}
    for d in done.values():
        if d.get('source', '').lower().startswith(paper) and 'steps' in d: runs.setdefault(d['recipe'], []).append(d)
    return {n: min(ds, key=lambda d: d['CIEDE2000']) for n,ds in runs.items()}

def our_cells(d):
    "Return the cells of a row for our own results."
    rate = f" at {d['rate']:g}" if 'rate' in d and ' at ' not in d['recipe'] else ''
    return f"{label(d)}{rate} | {d['CIEDE2000']:.2f} | {d['PSNR']:.2f} | {d['colorfulness']:.1f} |"

def numbers(paper, done):
    """Return a table of every number that a paper reports, next to trivial baselines and to our results with its recipe."""
    here, built = json.loads((RESULTS.parent/'claims/baselines.json').read_text('utf8'))['sets']['eval256'], best_runs(paper, done)
    rows, shown = [], set()
    for name,what,value,gray,one,scale in REPORTED[paper]:
        baselines = ' | '.join(baseline(here['measured'], key, scale) for key in (gray, one))
        rows.append(f'| {what} | {value} | {baselines} | {our_cells(built[name])}')
        shown.add(name)
    rows += [f'| not reported | | | | {our_cells(d)}' for n,d in built.items() if n not in shown]
    rows += [f'| baseline | | | | {our_cells(done[n])}' for n in ('gray','mean_color')]
    facts = next(iter(built.values()))
    note = ("Gray and one color are baselines that ignore the photo. They are computed with the paper's own metric, "
            f"on {here['n']} of our photos (mean of three splits); see [the baselines](../nbs/claims/01_baselines.ipynb). "
            f"'Ours' is the recipe at its best learning rate after {facts['minutes']:g} minutes on a {facts['device'].upper()}, "
            f"measured on {facts['photos']} validation photos with seed 0. "
            "The papers trained far longer and on other photos.")
    curves = 'The paper shows its results as curves and pictures, without numbers to compare.'
    none = [] if REPORTED[paper] else [curves, '']
    head = '| metric | paper | gray | one color or bin | ours | CIEDE2000 | PSNR, dB | colorfulness |'
    return [*none, head, '|---|---:|---:|---:|---|---:|---:|---:|', *rows, '', note, '']

def papers(folder):
    "Insert the numbers into the pages of the papers."
    done = load_results(folder=RESULTS)
    for paper in REPORTED:
        p = folder/'papers'/f'{paper}.md'
        table = ['## Its numbers, next to baselines and ours', '', '::::{container} numbers', '', *numbers(paper, done), '::::', '']
        text = p.read_text('utf8')
        if '% numbers' not in text: raise ValueError(f'{p.name} has no line "% numbers"')
        p.write_text(text.replace('% numbers', '\n'.join(table)), 'utf8')

def card(folder):
    "Write the model card as a page, with an audit of the current model and the card of the model for old photographs."
    text, archive = (shipped_models()[name].with_suffix('.md').read_text('utf8') for name in ('shipped', 'archive'))
    tables = '\n\n'.join(table.to_markdown() for table in audit('shipped'))
    method = f'{LIMITS} [The audit](nbs/claims/11_audit.ipynb) explains how we measured this.'
    archive = re.sub('^#', '##', archive, flags=re.M) # one level down
    (folder/'model_card.md').write_text(f'{text}\n\n## Skin tones and scenes\n\n{method}\n\n{tables}\n\n{archive}', 'utf8')

def models(static, names=('shipped',)):
    "Export models for the browser, and their settings as JSON. Every model adds several megabytes to the site."
    known = []
    for name in names:
        path = export_onnx(name, static/'model'/f'{name}.onnx', force=True)
        facts = {**onnx_metadata(Colorizer.load(name)), 'megabytes': round(path.stat().st_size/1e6), 'name': name}
        known.append({k: facts[k] for k in ('name','stride','size','saturation','megabytes')})
    (static/'model/models.json').write_text(json.dumps(known), 'utf8')

def llms(html_dir, pages, site='colorize_nb'):
    "Write llms.txt, with one line per page."
    lines = [f'# {site}', '', '> Learn automatic image colorization by running it, and color photos and films.', '']
    for title,files in pages.items():
        lines += [f'## {title}', '', *(f'- [{name}]({url}): {about}' for name,url,about in files), '']
    (html_dir/'llms.txt').write_text('\n'.join(lines), 'utf8')
