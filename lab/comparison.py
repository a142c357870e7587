"""Show tables and pictures of the recipes that `lab.compare_recipes` trained on the same photos for the same time."""
import json
from fnmatch import fnmatchcase
from pathlib import Path

import torch
from PIL import Image

from colorize_nb.color.metrics import bootstrap_interval
from colorize_nb.core.show import Results, data_uri, image_grid
from colorize_nb.train.recipes import list_recipes

RESULTS = Path(__file__).parent/'results'/'recipes' # written by `lab.compare_recipes`
EARLIER = RESULTS/'six_minutes' # the same comparison with less training time
PAPER_NUMBERS = RESULTS.parent/'published.json' # written by `lab.paper_numbers`
BASELINES = ('gray', 'mean_color')
PAPERS = (*BASELINES, 'fordham_cnn', 'cats_vgg16', 'stanford_conv9', 'koalarization_lite0', 'indiana_unet', 'zhang_eccv16',
          'unet_compact') # rows that the chapter on anatomy shows
PAPER_FACTS = ('CIEDE2000', 'colorfulness', 'steps', 'seconds per step', 'parameters', 'encoder', 'minutes', 'photos')


def _matches(recipe, names): return not names or any(fnmatchcase(recipe, f'{n}*') for n in names)

def _files_of(recipe, found):
    "Return the names of a recipe's result files: its own first, then its runs at other learning rates."
    return [n for n in sorted(found) if n==recipe or n.startswith(f'{recipe}_lr_')]

def load_results(
    *names, # Recipes: beginnings of names, or wildcards; all of them by default
    folder=None, # Folder with result files; `RESULTS` by default
)->dict: # File name -> contents
    "Load the results: the photos, the baselines, then the recipes in the order of `list_recipes`."
    found = {f.stem: json.loads(f.read_text('utf8')) for f in Path(folder or RESULTS).glob('*.json')}
    recipes = [r for r in list_recipes() if _matches(r, names)]
    photo = ['photo'] if 'colorfulness' in found.get('photo', {}) else []
    order = [*photo, *BASELINES, *(n for r in recipes for n in _files_of(r, found))]
    return {n: found[n] for n in order if n in found}

def copy_to_course(
    folder, # Where the tutorials read their data: `colorize_nb/course`
):
    "Copy the rows of `PAPERS` to `papers.json`, and the pagoda as each of them colors it to `papers.jpg`."
    found = load_results()
    rows = {n: {k: found[n][k] for k in PAPER_FACTS if k in found[n]} | {'vs. gray': _difference(found[n], found['gray'])} for n in PAPERS}
    (Path(folder)/'papers.json').write_text(json.dumps(rows, indent=1)+'\n')
    pictures = [Image.open(RESULTS/f'{n}.jpg').crop((339, 0, 503, 110)) for n in ('photo', *PAPERS[2:])]
    image_grid(pictures, gap=0).save(Path(folder)/'papers.jpg', quality=90)

def label(
    row:dict, # Contents of a result file
)->str:
    "Return the name of a row in tables and captions, with a note if its borrowed encoder had random weights."
    return f"{row['recipe']} (random encoder)" if row.get('encoder')=='random' else row['recipe']

def show_strips(
    *names, # As in `load_results`
    folder=None, # As in `load_results`
    ncols:int=2, # Strips per row
): # HTML
    "Show the bundled photos in their own colors, in gray, in one mean color, and as each recipe colors them."
    from IPython.display import HTML
    labels = {'photo': 'photo', **{n: label(d) for n,d in load_results(*names, folder=folder).items()}}
    pictures = [Image.open(Path(folder or RESULTS)/f'{n}.jpg') for n in labels]
    im = image_grid(pictures, [*labels.values()], ncols)
    return HTML(f'<img alt="Bundled photos: {", ".join(labels.values())}" src="{data_uri(im, max(im.size), 65)}">')


# --- tables

COLUMNS = {'CIEDE2000': 'CIEDE2000', 'vs. gray': 'vs. gray', 'colorfulness': 'colorfulness', 'PSNR': 'PSNR', 'minutes': 'minutes',
           'steps': 'steps', 'seconds per step': 'seconds per step', 'steps for one batch': 'steps to fit one batch',
           'parameters': 'parameters', 'size': 'size', 'batch': 'batch size', 'rate': 'learning rate'} # key in the files -> heading
NOTE = ('{photos} photos, {time}, {device}, seed 0; vs. gray: CIEDE2000 minus that of the all-gray baseline, with a 95% interval '
        'over photos; steps to fit one batch: until the loss was a fifth of the loss of a gray prediction (blank after 300)')

def _difference(a, b):
    "Return the mean CIEDE2000 of `a` minus that of `b` on the same photos with its 95% interval, or None if they can't be paired."
    ours, theirs = (torch.tensor(d.get('per photo', [])) for d in (a, b))
    if a is b or not len(ours) or ours.shape!=theirs.shape: return None
    difference = ours[:,1]-theirs[:,1]
    low, high = bootstrap_interval(difference)
    return f'{difference.mean():+.2f} [{low:+.2f}, {high:+.2f}]'

def _training_time(rows):
    "Describe the training time, and name the columns to hide: `minutes` if it's the same for all."
    times = sorted({d['minutes'] for d in rows if d.get('minutes')})
    if len(times)>1: return f'{times[0]:g} to {times[-1]:g} minutes of training', set()
    return ''.join(f'{t:g} minutes of training each' for t in times), {'minutes'}

def _row(d, gray):
    row = {**d, 'vs. gray': _difference(d, gray)}
    if 'parameters' in d: row['parameters'] = f"{d['parameters']:,}"
    return {'recipe': label(d), **{k: row.get(k) for k in COLUMNS}}

def results_table(
    *names, # As in `load_results`
    folder=None, # As in `load_results`
)->Results:
    "Return one row per recipe, below the baselines. Raises `ValueError` if none of the recipes was trained."
    found = [*load_results(*names, folder=folder).values()]
    trained = next((d for d in found if 'minutes' in d), None)
    if trained is None:
        known = ', '.join(n for n in load_results(folder=folder) if n not in BASELINES)
        raise ValueError(f'no trained recipe starts with {" or ".join(names)}; trained recipes: {known}')
    gray = next((d for d in found if d['recipe']=='gray'), {})
    time, hidden = _training_time(found)
    rows = [_row(d, gray) for d in found]
    shown = [k for k in COLUMNS if k not in hidden and any(r[k] is not None for r in rows)]
    return Results([{'recipe': r['recipe'], **{COLUMNS[k]: r[k] for k in shown}} for r in rows],
                   NOTE.format(**{**trained, 'time': time}))

def overfitting_table(
    *names, # As in `load_results`
    folder=None, # As in `load_results`
)->Results:
    "Compare squared errors on training photos and on new ones. Raises `ValueError` if there are no results."
    found = [d for d in load_results(*names, folder=folder).values() if 'own photos' in d]
    if not found: raise ValueError(f"no results on training photos{' for these recipes' if names else ''}")
    rows = []
    for d in found:
        own, new = (round(d[k]['ours']/d[k]['gray'], 2) for k in ('own photos', 'other photos'))
        rows.append({'recipe': label(d), 'training photos': own, 'new photos': new, 'ratio': round(new/own, 2)})
    return Results(rows, "squared error of ab, divided by that of the all-gray baseline; a ratio far above 1 means overfitting")

def _both_durations(now, then):
    keys = ('minutes', 'steps', 'CIEDE2000', 'colorfulness')
    return {'recipe': label(now), **{k: f'{then[k]:g}, {now[k]:g}' for k in keys}, 'change in CIEDE2000': _difference(now, then)}

def compare_durations(
    *names, # As in `load_results`
    folder=None, # As in `load_results`
    before=None, # Folder with the shorter runs; `EARLIER` by default
)->Results:
    "Compare each recipe's longer run with its shorter one. Raises `ValueError` if no recipe has both."
    then, now = load_results(*names, folder=before or EARLIER), load_results(*names, folder=folder)
    longer = [n for n in now if n in then and now[n].get('minutes', 0)>then[n].get('minutes', 0)]
    if not longer: raise ValueError(f"no recipe{' of these' if names else ''} has runs of two durations")
    return Results([_both_durations(now[n], then[n]) for n in longer],
                   'the shorter run first; the change is longer minus shorter, with a 95% interval over photos')

def paper_numbers(
    *names, # Recipes: beginnings of names, or wildcards; all of them by default
    file=None, # File with results; `PAPER_NUMBERS` by default
)->Results:
    "Compare the numbers printed in the papers with ours and with two baselines. Raises `ValueError` if there are none."
    found = json.loads(Path(file or PAPER_NUMBERS).read_text('utf8'))
    rows = [r for r in found['rows'] if _matches(r['recipe'], names)]
    if not rows: raise ValueError(f'no paper prints a number for {" or ".join(names)}')
    shown, results = [], load_results()
    for r in rows:
        ours = '{:.3g} [{:.3g}, {:.3g}]'.format(r['ours'], *r['interval'])
        shown.append({'recipe': label(results.get(r['recipe'], r)), 'where': r['where'], 'metric': r['measure'], 'paper': r['printed'],
                      'ours': ours, 'gray': r['gray'], 'best constant': r['best constant']})
    return Results(shown, f"{found['photos']} photos of {found['measured_on']} at training size, 95% interval over photos; constants "
                          f"from {found['constants_from']}. The papers used other photos and trained far longer.")


# --- pictures

def _dots(ax, rows, order, column):
    "Draw one column of `plot_ranking`: a dot per recipe, and a line per baseline."
    longest = max(rows[n]['minutes'] for n in order)
    for n in order:
        full = rows[n]['minutes']==longest
        ax.plot(rows[n][column], label(rows[n]), 'o', c='#b3541e', mfc='#b3541e' if full else 'w')
    for n,style in zip(BASELINES, ('--', ':')): ax.axvline(rows[n][column], ls=style, color='#888', lw=1)
    ax.set_title(column, fontsize=10)
    ax.grid(axis='y', alpha=.3)
    ax.tick_params(labelsize=8)

def plot_ranking(
    *names, # As in `load_results`
    folder=None, # As in `load_results`
): # A matplotlib figure
    """Plot CIEDE2000 and colorfulness, lowest error on top; gray is dashed, the mean color dotted.
    A hollow dot marks a shorter run."""
    import matplotlib.pyplot as plt
    rows = load_results(*names, folder=folder)
    order = sorted((n for n in rows if 'steps' in rows[n]), key=lambda n: -rows[n]['CIEDE2000'])
    fig, axs = plt.subplots(1, 2, figsize=(8, .23*len(order)+.8), dpi=70, sharey=True, layout='constrained')
    for ax,column in zip(axs, ('CIEDE2000', 'colorfulness')): _dots(ax, rows, order, column)
    return fig
