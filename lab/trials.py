"""Arms that differ in one thing, several seeds, the same photos: a table with intervals, the frontier of each arm, and strips."""


__all__ = ['TRIALS', 'Trial', 'load_trial', 'strip_name']

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from fastcore.basics import patch
from PIL import Image

import colorize_nb
from colorize_nb.color.metrics import Frontier
from colorize_nb.color.metrics import bootstrap_interval
from colorize_nb.core.show import image_grid
from colorize_nb.core.show import Results

TRIALS = Path(__file__).parent/'results'/'claims' # what `lab/claims.py` wrote

@dataclass
class Trial:
    "What an experiment measured: rows for each arm, decoding, seed and set of photos."
    name:str # Of its file and of its folder of strips
    facts:dict # Everything in the file but the rows
    rows:list # One dict for each arm, decoding, seed and set of photos

    @property
    def as_answered(self)->int: return self.facts['factors'].index(1) # Where the prediction stands as it is

def load_trial(
    name:str, # Of an experiment, such as 'losses'
    folder=None, # Of results; those in the package if not given
)->Trial:
    "Read an experiment. Raises `ValueError` if it was not run."
    folder = Path(folder or TRIALS)
    path = folder/f'{name}.json'
    if not path.exists():
        known = sorted(p.stem for p in folder.glob('*.json') if '"rows"' in p.read_text('utf8'))
        raise ValueError(f'there is no trial {name!r}; known: {", ".join(known)}')
    facts = json.loads(path.read_text('utf8'))
    return Trial(name, facts, facts.pop('rows'))

def _label(row): return f"{row['arm']}: {row['decoding']}" if row['decoding'] else row['arm']

@patch
def arms(self:Trial)->list: # Labels, in the order of the file
    "Every arm, with its decoding where there are several."
    return list(dict.fromkeys(map(_label, self.rows)))

@patch
def runs(self:Trial,
    arm:str, # One of `arms()`
    test:str='held', # Set of photos
)->list: # Rows, one per seed
    "The runs of an arm. Raises `ValueError` if it has none."
    found = [r for r in self.rows if _label(r)==arm and r['test']==test]
    if not found: raise ValueError(f'no run of {arm!r} on {test!r}; arms: {"; ".join(self.arms())}')
    return found

@patch
def distance(self:Trial,
    arm:str, # As `runs`
    test:str='held', # As `runs`
)->torch.Tensor: # `(seeds,n)` CIEDE2000
    "How far each photo's prediction is, at the network's own saturation."
    rows = self.runs(arm, test)
    one = self.as_answered if len(rows[0]['ciede'])>1 else 0
    return torch.tensor([r['ciede'][one] for r in rows])/10

@patch
def frontier(self:Trial,
    arm:str, # As `runs`
    seed:int=None, # One of the seeds; the mean of all if not given
)->Frontier:
    "Distance over colorfulness of an arm on the held-out photos."
    rows = [r for r in self.runs(arm) if seed in (None, r['seed'])]
    colorful = torch.tensor([r['colorfulness'] for r in rows]).mean(0)
    far = torch.tensor([r['ciede'] for r in rows]).float().mean(0)/10
    return Frontier(tuple(self.facts['factors']), colorful, far)

@patch
def gray(self:Trial,
    test:str='held', # Set of photos
)->torch.Tensor: # `(n,)` CIEDE2000
    "How far gray is from each photo."
    return torch.tensor(self.facts['tests'][test]['gray'])/10

def _said(x):
    "Mean and 95% interval of `(n,)` paired differences."
    low, high = bootstrap_interval(x, n=4000)
    return f'{x.mean():+.2f} [{low:+.2f}, {high:+.2f}]'.replace(' ', '\N{NO-BREAK SPACE}')

@patch
def less(self:Trial,
    arm:str, # As `runs`
    other:str=None, # Another arm; gray if not given
    test:str='held', # Set of photos
)->torch.Tensor: # `(n,)`, mean over seeds
    "How much farther than `other` an arm is from each photo."
    return self.distance(arm, test).mean(0) - (self.distance(other, test).mean(0) if other else self.gray(test))

@patch
def less_at_equal_color(self:Trial,
    arm:str, # As `runs`
    other:str, # Another arm
): # `(n,)`, or None where no saturation of `other` is as colorful
    "How much farther than `other` an arm is, where `other` is made as colorful."
    try: return self.frontier(arm).gain(self.frontier(other))
    except ValueError: return None

@patch
def row(self:Trial,
    arm:str, # As `runs`
    against:str=None, # Another arm
)->dict: # Column -> number or text
    "One arm's line of the table."
    rows, true = self.runs(arm), self.facts['tests']['held']['colorfulness']
    seeds = self.distance(arm).mean(1)
    color = sum(r['colorfulness'][self.as_answered] for r in rows)/len(rows)
    said = {'arm': arm, 'CIEDE2000': seeds.mean().item(), 'seeds': f'±{(seeds.max()-seeds.min())/2:.2f}',
            'less gray': _said(self.less(arm)), 'colorfulness': f'{100*color/true:.0f}%'}
    if not against or arm==against: return said
    equal = self.less_at_equal_color(arm, against)
    return said | {f'less {against}, as colorful': None if equal is None else _said(equal)}

@patch
def table(self:Trial,
    against:str=None, # The reference arm
    arms=None, # Some of `arms()`; all if not given
)->Results:
    "One row per arm; brackets hold 95% intervals over photos."
    held, seeds = self.facts['tests']['held'], {r['seed'] for r in self.rows}
    note = (f"{held['n']} held-out photos at {self.facts['size']} px, gray {self.gray().mean():.2f}, "
            f"{len(seeds)} seeds, {self.facts['device']}, version {self.facts['version']}; [95% interval over photos]")
    return Results([self.row(a, against) for a in arms or self.arms()], note, digits='.2f')

def _sure(x, seeds):
    "'yes' if `x` is surely below 0, 'no' if surely above, else 'not sure'; `(n,)` over photos and `(seeds,)`."
    low, high = bootstrap_interval(x, n=4000)
    if high<0 and (seeds<0).all(): return 'yes'
    return 'no' if low>0 and (seeds>0).all() else 'not sure'

@patch
def _color(self:Trial, arm):
    "Colorfulness of an arm at its own saturation, `(seeds,)`."
    return torch.tensor([r['colorfulness'][self.as_answered] for r in self.runs(arm)])

@patch
def _equal_by_seed(self:Trial, arm, other):
    "As `less_at_equal_color`, each seed's mean against the same seed of `other`."
    seeds = [r['seed'] for r in self.runs(arm)]
    return torch.stack([self.frontier(arm, s).gain(self.frontier(other, s)).mean() for s in seeds])

@patch
def asked(self:Trial,
    arm:str, # As `runs`
    other:str, # The reference
    test:str='held', # Set of photos; on others than 'held' the first question alone
)->dict: # Question -> 'yes', 'no', 'not sure', or 'out of reach'
    "Is `arm` nearer than `other`, more colorful, and nearer at equal colorfulness?"
    far = self.distance(arm, test)-self.distance(other, test)
    found = {'arm': arm, 'against': other, 'nearer': _sure(far.mean(0), far.mean(1))}
    if test!='held': return found
    brighter = self._color(arm)-self._color(other)
    found['more colorful'] = 'yes' if (brighter>0).all() else 'no' if (brighter<0).all() else 'not sure'
    try: equal = _sure(self.frontier(arm).gain(self.frontier(other)), self._equal_by_seed(arm, other))
    except ValueError: equal = 'out of reach' # `other` is never so colorful
    found['nearer, as colorful'] = equal
    return found

@patch
def plot(self:Trial,
    arms=None, # Some of `arms()`; all if not given
    ax=None, # matplotlib axes; new ones if not given
):
    "The frontier of each arm; a dot marks its own saturation. Gray is where all begin."
    import matplotlib.pyplot as plt
    if ax is None: ax = plt.subplots(figsize=(6, 3.6), dpi=80, layout='constrained')[1]
    for i,arm in enumerate(arms or self.arms()):
        c = self.frontier(arm)
        line, = ax.plot(c.colorfulness, c.ciede.mean(1), '-' if i<10 else '--', lw=1.3, label=arm)
        one = c.factors.index(1)
        ax.plot(c.colorfulness[one], c.ciede[one].mean(), 'o', color=line.get_color())
    ax.axvline(self.facts['tests']['held']['colorfulness'], color='#888', ls=':', lw=1)
    ax.set(xlabel='colorfulness (dotted: that of the photos)', ylabel='CIEDE2000')
    ax.legend(fontsize=7, loc='upper left', bbox_to_anchor=(1, 1))
    return ax

def strip_name(
    label:str, # Of an arm
)->str: # Name of its picture, without the ending
    "`'cells, soft: annealed'` -> `'cells-soft-annealed'`."
    return '-'.join(''.join(c if c.isalnum() else ' ' for c in label).split())

@patch
def strips(self:Trial,
    arms=None, # Some of `arms()`; all if not given
    folder=None, # Of results; those in the package if not given
    ncols:int=2, # Strips beside each other
): # A PIL picture
    "Bundled photos as each arm colors them, at its own saturation, seed 0."
    arms = arms or self.arms()
    pictures = [Image.open(Path(folder or TRIALS)/self.name/f'{strip_name(a)}.jpg') for a in arms]
    return image_grid(pictures, arms, ncols)
