"""Read the experiments that `lab.claims` ran: variants with several seeds each, all tested on the same photos."""
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from colorize_nb.color.metrics import Frontier, bootstrap_interval
from colorize_nb.core.show import Results, image_grid

TRIALS = Path(__file__).parent/'results'/'claims' # written by `lab.claims`


def format_interval(
    x, # `(n,)` differences, one per photo
)->str:
    "Format the mean of paired differences and its 95% interval over photos."
    low, high = bootstrap_interval(x, n=4000)
    return f'{x.mean():+.2f} [{low:+.2f}, {high:+.2f}]'.replace(' ', '\N{NO-BREAK SPACE}')

def clearly_below(
    x, # `(n,)` differences, one per photo
    seeds, # `(seeds,)` mean difference of each seed
)->str:
    "Return 'yes' or 'no' if the 95% interval excludes zero and all seeds have the same sign, else 'unclear'."
    low, high = bootstrap_interval(x, n=4000)
    if high<0 and (seeds<0).all(): return 'yes'
    return 'no' if low>0 and (seeds>0).all() else 'unclear'

def variant_label(
    row:dict, # A row of an experiment's file
)->str:
    "Return the variant's name, followed by its decoding if it has several."
    return f"{row['arm']}: {row['decoding']}" if row['decoding'] else row['arm']

def strip_name(
    variant:str, # Label of a variant
)->str: # Without the ending
    "Return the file name of a variant's picture: `'cells, soft: mean'` -> `'cells-soft-mean'`."
    return '-'.join(''.join(c if c.isalnum() else ' ' for c in variant).split())


@dataclass
class Trial:
    "The results of one experiment. All errors are CIEDE2000; `test` names the photos they were measured on."
    name:str # Name of its file and of its folder of pictures
    facts:dict # Everything in the file except the rows
    rows:list # One dict for each variant, decoding, seed, and set of photos

    def variants(self): return list(dict.fromkeys(map(variant_label, self.rows)))

    def runs(self, variant, test='held'):
        "Return the rows of a variant, one per seed. Raises `ValueError` if there are none."
        found = [r for r in self.rows if variant_label(r)==variant and r['test']==test]
        if not found: raise ValueError(f'no run of {variant!r} on {test!r}; variants: {"; ".join(self.variants())}')
        return found

    def error(self, variant, test='held'):
        "Return the error of each photo, `(seeds,n)`, at the network's own saturation."
        return torch.tensor([r['ciede'][self._own(r)] for r in self.runs(variant, test)])/10

    def _own(self, row):
        "Return the index of saturation 1; some experiments only measured at that saturation."
        return self.facts['factors'].index(1) if len(row['ciede'])>1 else 0

    def gray(self, test='held'):
        "Return the error of the all-gray baseline on each photo, `(n,)`."
        return torch.tensor(self.facts['tests'][test]['gray'])/10

    def colorfulness(self, variant, test='held'):
        "Return the mean colorfulness of each seed, `(seeds,)`, at the network's own saturation."
        return torch.tensor([r['colorfulness'][self._own(r)] for r in self.runs(variant, test)])

    def colorfulness_share(self, variant, test='held'):
        "Return the colorfulness of each seed, `(seeds,)`, as a percentage of that of the photos."
        return 100*self.colorfulness(variant, test)/self.facts['tests'][test]['colorfulness']

    def frontier(self, variant, seed=None):
        "Return error against colorfulness at several saturations, for one seed or for the mean of all."
        rows = [r for r in self.runs(variant) if seed in (None, r['seed'])]
        colorful = torch.tensor([r['colorfulness'] for r in rows]).mean(0)
        return Frontier(tuple(self.facts['factors']), colorful, torch.tensor([r['ciede'] for r in rows]).float().mean(0)/10)

    def difference(self, variant, other=None, test='held'):
        "Return the error minus that of `other` (gray by default) on each photo, `(n,)`, mean over seeds."
        return self.error(variant, test).mean(0) - (self.error(other, test).mean(0) if other else self.gray(test))

    def difference_at_equal_color(self, variant, other):
        "Return `difference` with `other` scaled to the same colorfulness; None if no saturation makes it as colorful."
        try: return self.frontier(variant).gain(self.frontier(other))
        except ValueError: return None

    def compare(self, variant, other, test='held'):
        "Answer three questions about two variants with 'yes', 'no', 'unclear', or 'out of reach'."
        error = self.error(variant, test)-self.error(other, test)
        found = {'variant': variant, 'reference': other, 'lower error': clearly_below(error.mean(0), error.mean(1))}
        if test!='held': return found
        color = self.colorfulness(variant)-self.colorfulness(other)
        found['more colorful'] = 'yes' if (color>0).all() else 'no' if (color<0).all() else 'unclear'
        try: answer = clearly_below(self.frontier(variant).gain(self.frontier(other)), self._equal_color_by_seed(variant, other))
        except ValueError: answer = 'out of reach' # `other` is never as colorful
        return {**found, 'lower error at equal colorfulness': answer}

    def _equal_color_by_seed(self, variant, other):
        "Return the mean of `difference_at_equal_color` for each seed, compared with the same seed of `other`."
        seeds = [r['seed'] for r in self.runs(variant)]
        return torch.stack([self.frontier(variant, s).gain(self.frontier(other, s)).mean() for s in seeds])

    def table(self, reference=None, variants=None):
        "Return one row per variant; brackets hold 95% intervals over photos."
        held, seeds = self.facts['tests']['held'], {r['seed'] for r in self.rows}
        note = (f"{held['n']} held-out photos at {self.facts['size']} px, gray {self.gray().mean():.2f}, {len(seeds)} seeds, "
                f"{self.facts['device']}, version {self.facts['version']}; [95% interval over photos]; "
                'colorfulness: share of that of the photos')
        return Results([self._row(v, reference) for v in variants or self.variants()], note, digits='.2f')

    def _row(self, variant, reference):
        seeds = self.error(variant).mean(1)
        row = {'variant': variant, 'CIEDE2000': seeds.mean().item(), 'seeds': f'±{(seeds.max()-seeds.min())/2:.2f}',
               'vs. gray': format_interval(self.difference(variant)),
               'colorfulness': f'{self.colorfulness_share(variant).mean():.0f}%'}
        if not reference or variant==reference: return row
        equal = self.difference_at_equal_color(variant, reference)
        return {**row, f'vs. {reference} at equal colorfulness': None if equal is None else format_interval(equal)}

    def plot(self, variants=None, ax=None):
        "Plot error against colorfulness; each dot marks a network's own saturation, and every line starts at gray."
        import matplotlib.pyplot as plt
        if ax is None: ax = plt.subplots(figsize=(6, 3.6), dpi=80, layout='constrained')[1]
        for i,variant in enumerate(variants or self.variants()):
            c = self.frontier(variant)
            line, = ax.plot(c.colorfulness, c.ciede.mean(1), '-' if i<10 else '--', lw=1.3, label=variant)
            one = c.factors.index(1)
            ax.plot(c.colorfulness[one], c.ciede[one].mean(), 'o', color=line.get_color())
        ax.axvline(self.facts['tests']['held']['colorfulness'], color='#888', ls=':', lw=1)
        ax.set(xlabel='colorfulness (dotted: the photos)', ylabel='CIEDE2000')
        ax.legend(fontsize=7, loc='upper left', bbox_to_anchor=(1, 1))
        return ax

    def strips(self, variants=None, folder=None, ncols=2):
        "Show bundled photos as each variant colors them at its own saturation (seed 0): a PIL image."
        variants = variants or self.variants()
        pictures = [Image.open(Path(folder or TRIALS)/self.name/f'{strip_name(v)}.jpg') for v in variants]
        for im in pictures: im.thumbnail((im.width, 80))
        return image_grid(pictures, variants, ncols)


def load_trial(
    name:str, # Name of an experiment, such as 'losses'
    folder=None, # Folder with result files; `TRIALS` by default
)->Trial:
    "Load the results of an experiment. Raises `ValueError` if it wasn't run."
    folder = Path(folder or TRIALS)
    path = folder/f'{name}.json'
    if not path.exists():
        known = sorted(p.stem for p in folder.glob('*.json') if '"rows"' in p.read_text('utf8'))
        raise ValueError(f'no experiment is called {name!r}; known: {", ".join(known)}')
    facts = json.loads(path.read_text('utf8'))
    return Trial(name, facts, facts.pop('rows'))
