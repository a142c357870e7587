"The folders of notebooks and package, their order, and what may import what; tests, the site and `colorize_nb.all` follow it."
import re
from pathlib import Path

NBS = Path(__file__).resolve().parent.parent/'nbs'
# A folder may import those to the left of it; those with | between them never import each other
RULE = 'core, color <- data, models <- train | infer <- widgets <- app'
FOLDERS = re.findall(r'\w+', RULE)
TITLES = dict(core='Core', color='Color', data='Data', models='Models', train='Training',
              infer='Coloring photos', widgets='Panels', app='Command line and demo')
# What each folder is for, in a line
IDEAS = dict(core='files, photos, tables, grids, and the registry',
             color='Lab and what a screen can show of it, codecs between RGB and a network, bins, measures',
             data='folders, streams and drawn shapes become batches',
             models='a registry, a small U-Net, borrowed encoders, the networks of the papers',
             train='losses, the learner, recipes, a critic, and what came of them',
             infer='any photo or film at its full size, and models for other programs',
             widgets='sliders that explain, panels that compare, train, hint and test',
             app='the package from a terminal')
# What `from colorize_nb.all import *` leaves to those who ask for it by name: modules, or folders
NOT_IN_ALL = ('models.layers', 'models.papers', 'app')

def pages(*folders):
    "The notebooks of `folders` (all if none is given) in the order of reading: by number, then those of folders inside."
    def read(d):
        inside = [s for s in sorted(d.iterdir()) if s.is_dir() and s.name[0] not in '._']
        return sorted(d.glob('[0-9]*.ipynb')) + [p for s in inside for p in read(s)]
    return [p for f in folders or FOLDERS for p in read(NBS/f)]

def opening(folder):
    "The pages that say what a folder, and each folder inside, is for."
    found = sorted((NBS/folder).rglob('index.ipynb'))
    return [p for p in found if not any(s[0] in '._' for s in p.relative_to(NBS).parts)]

def module(page):
    "The module a notebook exports to, without the package's name: models/papers/01_cats.ipynb is `models.papers.cats`."
    return '.'.join(re.sub(r'^\d+_', '', s) for s in page.relative_to(NBS).with_suffix('').parts)

def modules(*folders): return [module(p) for p in pages(*folders)]

def may_import(folder):
    "The folders that `folder` may import, itself left out."
    beside = next((tier for tier in RULE.split('<-') if '|' in tier and folder in re.findall(r'\w+', tier)), '')
    return [f for f in FOLDERS[:FOLDERS.index(folder)] if f not in re.findall(r'\w+', beside)]

def in_all():
    "The modules that `colorize_nb.all` brings."
    return [m for m in modules() if not any(m==n or m.startswith(f'{n}.') for n in NOT_IN_ALL)]
