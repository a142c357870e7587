"""The same photos, the same time, the same measures: one row and one strip for each system that was trained."""


__all__ = ['RESULTS', 'BASELINES', 'COLUMNS', 'NOTE', 'EARLIER', 'PUBLISHED', 'measured', 'strips', 'trained', 'ranked',
           'overfitting', 'longer', 'published']

import json
from fnmatch import fnmatchcase
from pathlib import Path

import torch
from PIL import Image

import colorize_nb
from colorize_nb.color.metrics import bootstrap_interval
from colorize_nb.core.show import image_grid
from colorize_nb.core.show import Results
from colorize_nb.core.show import data_uri
from colorize_nb.train.recipes import list_recipes

RESULTS = Path(__file__).parent/'results'/'recipes' # what `lab/compare_recipes.py` wrote
BASELINES = ('gray', 'mean_color')

def _asked(recipe, names): return not names or any(fnmatchcase(recipe, f'{n}*') for n in names)

def _runs(recipe, found):
    "The files of a recipe: its own, then its runs at other rates."
    return [n for n in sorted(found) if n==recipe or n.startswith(f'{recipe}_lr_')]

def measured(
    *names, # Recipes: beginnings of names, or wildcards; all if none is given
    folder=None, # Of results; those in the package if not given
)->dict: # file's name -> what was measured
    "Results: photo, baselines, then recipes in the order of `list_recipes`, each before its runs at other rates."
    found = {f.stem: json.loads(f.read_text('utf8')) for f in Path(folder or RESULTS).glob('*.json')}
    asked = [r for r in list_recipes() if _asked(r, names)]
    photo = ['photo'] if 'colorfulness' in found.get('photo', {}) else []
    order = [*photo, *BASELINES, *(n for r in asked for n in _runs(r, found))]
    return {n: found[n] for n in order if n in found}

def strips(
    *names, # As `measured`
    folder=None, # As `measured`
    ncols:int=2, # Strips beside each other
): # A picture, for display
    "The bundled photos as they are, gray, in one colour, and by each recipe."
    from IPython.display import HTML
    labels = {'photo': 'photo', **{n: d['recipe'] for n,d in measured(*names, folder=folder).items()}}
    pictures = [Image.open(Path(folder or RESULTS)/f'{n}.jpg') for n in labels]
    im = image_grid(pictures, [*labels.values()], ncols)
    return HTML(f'<img alt="Bundled photos: {", ".join(labels.values())}" src="{data_uri(im, max(im.size), 65)}">')

COLUMNS = ('recipe', 'CIEDE2000', 'less gray', 'colorfulness', 'PSNR', 'minutes', 'steps', 'seconds per step',
           'steps for one batch', 'parameters', 'size', 'batch', 'rate')
NOTE = ('{photos} photos, {time}, {device}, seed 0; steps for one batch: until its loss was a fifth '
        'of that of {against}, blank if 300 were not enough')

def _less(d, other):
    "The mean difference in CIEDE2000 to `other` over the same photos, with its 95% interval; blank without both."
    ours, theirs = (torch.tensor(o.get('per photo', [])) for o in (d, other))
    if d is other or not len(ours) or ours.shape!=theirs.shape: return None
    gain = ours[:,1]-theirs[:,1]
    low, high = bootstrap_interval(gain)
    return f'{gain.mean():+.2f} [{low:+.2f}, {high:+.2f}]'

def _time(rows):
    "The time of training in words, and the columns that are left out: `minutes` where all have the same."
    times = sorted({d['minutes'] for d in rows if d.get('minutes')})
    if len(times)>1: return f'{times[0]:g} to {times[-1]:g} minutes', set()
    return ''.join(f'{t:g} minutes each' for t in times), {'minutes'}

def _row(d, gray):
    row = {**d, 'less gray': _less(d, gray)}
    if 'parameters' in d: row['parameters'] = f"{d['parameters']:,}"
    return {k: row.get(k) for k in COLUMNS}

def trained(
    *names, # As `measured`
    folder=None, # As `measured`
)->Results:
    "The numbers: a row for each recipe, under those of gray and of one colour for all photos. Raises `ValueError`."
    rows = [*measured(*names, folder=folder).values()]
    facts = next((d for d in rows if 'minutes' in d), None)
    if facts is None:
        known = ', '.join(n for n in measured(folder=folder) if n not in BASELINES)
        raise ValueError(f'no recipe that begins with {" or ".join(names)} was trained; trained: {known}')
    gray = next((d for d in rows if d['recipe']=='gray'), {})
    time, hidden = _time(rows)
    rows = [_row(d, gray) for d in rows]
    shown = [k for k in COLUMNS if k not in hidden and any(r[k] is not None for r in rows)]
    said = {'against': 'its first step', **facts, 'time': time}
    return Results([{k: r[k] for k in shown} for r in rows], NOTE.format(**said))

def _dots(ax, rows, order, column):
    "One column of `ranked`: a dot for each recipe, lines for the baselines."
    longest = max(rows[n]['minutes'] for n in order)
    for n in order:
        full = rows[n]['minutes']==longest
        ax.plot(rows[n][column], rows[n]['recipe'], 'o', c='#b3541e', mfc='#b3541e' if full else 'w')
    for n,style in zip(BASELINES, ('--', ':')): ax.axvline(rows[n][column], ls=style, color='#888', lw=1)
    ax.set_title(column, fontsize=10)
    ax.grid(axis='y', alpha=.3)
    ax.tick_params(labelsize=8)

def ranked(
    *names, # As `measured`
    folder=None, # As `measured`
): # A matplotlib figure
    """CIEDE2000 and colorfulness, the nearest to the ground truth on top; gray is dashed, one color for all dotted.
    Hollow: trained for fewer minutes than others."""
    import matplotlib.pyplot as plt
    rows = measured(*names, folder=folder)
    order = sorted((n for n in rows if 'steps' in rows[n]), key=lambda n: -rows[n]['CIEDE2000'])
    fig, axs = plt.subplots(1, 2, figsize=(8, .23*len(order)+.8), dpi=70, sharey=True, layout='constrained')
    for ax,column in zip(axs, ('CIEDE2000', 'colorfulness')): _dots(ax, rows, order, column)
    return fig

def overfitting(
    *names, # As `measured`
    folder=None, # As `measured`
)->Results:
    "Squared error as a share of gray's, on photos of the training and on others. Raises `ValueError` if there is none."
    found = [d for d in measured(*names, folder=folder).values() if 'own photos' in d]
    if not found: raise ValueError(f"no recipe{' of these' if names else ''} was asked about its own photos")
    share = lambda d: round(d['ours']/d['gray'], 2)
    rows = [{'recipe': d['recipe'], **{k: share(d[k]) for k in ('own photos', 'other photos')}} for d in found]
    return Results([{**r, 'ratio': round(r['other photos']/r['own photos'], 2)} for r in rows],
                   '1: as far as gray; a ratio far above 1: overfitting')

EARLIER = RESULTS/'six_minutes' # the same comparison, with less time

def _both(d, then):
    "What one recipe reached, first in the shorter training."
    both = {k: f'{then[k]:g}, {d[k]:g}' for k in ('minutes', 'steps', 'CIEDE2000', 'colorfulness')}
    return {'recipe': d['recipe'], **both, 'difference': _less(d, then)}

def longer(
    *names, # As `measured`
    folder=None, # As `measured`
    before=None, # Folder of the shorter trainings; those in the package if not given
)->Results:
    "What more time did to each recipe that was trained twice. Raises `ValueError` if there is none."
    then, now = measured(*names, folder=before or EARLIER), measured(*names, folder=folder)
    more = [n for n in now if n in then and now[n].get('minutes', 0)>then[n].get('minutes', 0)]
    rows = [_both(now[n], then[n]) for n in more]
    if not rows: raise ValueError(f"no recipe{' of these' if names else ''} was trained for two lengths of time")
    return Results(rows, 'first after less time; difference in CIEDE2000, with its 95% interval over the photos')

PUBLISHED = RESULTS.parent/'published.json' # what `lab/papers_measures.py` wrote
_WHERE = ('{photos} photos of {measured_on} at the size of training, 95% interval over photos; '
          "constants from {constants_from}. The papers' photos are others, and their trainings far longer.")
_PRINTED = ('recipe', 'minutes', 'where', 'measure', 'printed', 'ours', 'gray', 'best constant')

def published(
    *names, # Recipes: beginnings of names, or wildcards; all if none is given
    file=None, # Of results; the one in the package if not given
)->Results:
    "Each number that a paper prints beside ours, gray's and the best constant's. Raises `ValueError` if there is none."
    found = json.loads(Path(file or PUBLISHED).read_text('utf8'))
    rows = [r for r in found['rows'] if _asked(r['recipe'], names)]
    if not rows: raise ValueError(f'no number is printed for {" or ".join(names)}')
    said = {'ours': lambda r: '{:.3g} [{:.3g}, {:.3g}]'.format(r['ours'], *r['interval'])}
    hidden = _time(rows)[1]
    columns = [k for k in _PRINTED if k not in hidden]
    shown = [{k: said[k](r) if k in said else r.get(k) for k in columns} for r in rows]
    return Results(shown, _WHERE.format(**found))
