"""The papers' claims, each with its quotation, what would count as evidence, the verdict, and the effect we measured.

`results/claims/verdicts.json` holds one row per claim. Effects are computed from the result files each time, never
stored.
"""
import json
from html import escape
from pathlib import Path

import torch

from lab.trials import TRIALS, clearly_below, format_interval, load_trial

COURSE = Path(__file__).resolve().parent.parent/'colorize_nb'/'course'
WORDS = ('holds', 'fails', 'mixed', 'inconclusive')


def load_verdicts(
    page:str=None, # Name of a page, such as '02_losses.ipynb'; all claims by default
)->list: # Dicts
    "Load the claims of one page, or all of them."
    rows = json.loads((TRIALS/'verdicts.json').read_text('utf8'))
    return [r for r in rows if page in (None, r['page'])]


# --- effects, one function per kind

def _seeds(values, digits): return f'{values.mean():+.{digits}f} (seeds {values.min():+.{digits}f} to {values.max():+.{digits}f})'

def _error(trial, variant, reference=None, test='held'):
    return f'CIEDE2000 {format_interval(load_trial(trial).difference(variant, reference, test))}'

def _equal_color(trial, variant, reference):
    difference = load_trial(trial).difference_at_equal_color(variant, reference)
    return f'CIEDE2000 at equal colorfulness {format_interval(difference)}'

def _color(trial, variant, reference):
    t = load_trial(trial)
    return f'colorfulness, in % of the photos: {_seeds(t.colorfulness_share(variant)-t.colorfulness_share(reference), 0)}'

def _own_color(trial, variant, test='held'):
    share = load_trial(trial).colorfulness_share(variant, test).mean()
    return f'colorfulness {share:.0f}% of that of the photos'

def noise_per_color(
    trial:str, # Name of an experiment
    variant:str, # One of its variants
)->torch.Tensor: # `(seeds,)`
    "Return the noise of ab in regions of even lightness, divided by colorfulness."
    t = load_trial(trial)
    return torch.tensor([r['noise'] for r in t.runs(variant)])/t.colorfulness(variant)

def _noise(trial, variant, reference):
    ratio = noise_per_color(trial, variant)/noise_per_color(trial, reference)
    return f'noise per colorfulness {ratio.mean():.1f} times (seeds {ratio.min():.1f} to {ratio.max():.1f})'

def generalization_gap(
    variant:str, # One of its variants
    trial:str='regularization', # Name of an experiment that also tests on training photos
)->torch.Tensor: # `(seeds,)`
    "Return the error on new photos minus that on training photos, both relative to gray, for each seed."
    t = load_trial(trial)
    new, train = ((t.error(variant, test)-t.gray(test)).mean(1) for test in ('held', 'seen'))
    return new-train

def _gap(trial, variant, reference):
    return f'gap {_seeds(generalization_gap(variant, trial)-generalization_gap(reference, trial), 2)}'

def _constant(paper, constant, scale=1, photos='eval256'):
    "Compare a number printed in a paper with a prediction that ignores the photo."
    row = json.loads((TRIALS/'baselines.json').read_text())['sets'][photos]['measured'][constant]
    low, high = (scale*v for v in row['interval'])
    return f"{paper:g} in the paper; constant {scale*row['seeds'][0]:.3g} [{low:.3g}, {high:.3g}]"

def _course(file, variant, reference):
    "Compare two variants of an experiment whose results a tutorial also uses."
    rows = json.loads((COURSE/f'{file}.json').read_text())['rows']
    def errors(arm): return torch.tensor([[p[0] for p in r['photos']] for r in rows if r['arm']==arm])
    difference = errors(variant)-errors(reference)
    sure = clearly_below(difference.mean(0), difference.mean(1))
    return f"CIEDE2000 {format_interval(difference.mean(0))}" + (' (seeds disagree)' if sure=='unclear' else '')

def _text(text): return text

EFFECTS = {'error': _error, 'equal color': _equal_color, 'color': _color, 'own color': _own_color, 'noise': _noise, 'gap': _gap,
           'constant': _constant, 'course': _course, 'text': _text}

def effect(
    row:dict, # One of `load_verdicts()`
)->str:
    "Compute and format the effects of a claim: differences of a variant minus its reference."
    return '; '.join(EFFECTS[kind](*args) for kind,*args in row['effects'])


# --- tables

def _html(columns, rows, widths):
    from IPython.display import HTML
    def cells(tag, values):
        cell = f'<{tag} style="text-align:left; vertical-align:top; width:{{}}%">{{}}</{tag}>'
        return ''.join(cell.format(w, v) for w,v in zip(widths, values))
    body = ''.join(f'<tr>{cells("td", r)}</tr>' for r in rows)
    return HTML(f'<table><thead><tr>{cells("th", columns)}</tr></thead><tbody>{body}</tbody></table>')

def _quotation(row): return f'<q>{escape(row["quote"])}</q> ({row["paper"]}, {row["where"]})'

def show_claims(
    page:str, # Name of a page
): # HTML
    "Show a page's claims: what the paper says, our hypothesis, and the evidence that would count for and against it."
    rows = [(_quotation(r), *(escape(r[k]) for k in ('claim', 'for', 'against'))) for r in load_verdicts(page)]
    return _html(('What the paper says', 'Hypothesis', 'Evidence for it', 'Evidence against it'), rows, (34, 24, 21, 21))

def show_verdicts(
    page:str=None, # Name of a page; all of them by default
): # HTML
    "Show claims with their verdicts, the effects we measured, and the reason."
    rows = []
    for r in load_verdicts(page):
        claim = escape(r['claim']) if page else f'<a href="{r["page"]}">{escape(r["claim"])}</a>'
        rows.append((claim, _quotation(r), f'<b>{r["verdict"]}</b>', escape(effect(r)), escape(r['why'])))
    return _html(('Hypothesis', 'What the paper says', 'Verdict', 'Effect, 95% interval', 'Why'), rows, (18, 26, 9, 21, 26))
