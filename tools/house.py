"The folders of notebooks and modules, their order, and which may import which. Tests, the site, and `colorize_nb.all` read this."
import json
import re
from pathlib import Path

NBS = Path(__file__).resolve().parent.parent/'nbs'
# A folder may import the folders to its left. Folders separated by | never import each other
RULE = 'core, color <- data, models <- train | infer <- widgets <- app'
FOLDERS = re.findall(r'\w+', RULE)
TITLES = dict(core='Core', color='Color', data='Data', models='Models', train='Training', infer='Coloring photos and films',
              widgets='Panels', app='Command line and demo')
# What each folder is for
IDEAS = dict(core='open any photo, write files safely, show grids and tables, and look things up by name',
             color='Lab and the limits of a screen, codecs between RGB and a network, color classes, and metrics',
             data='turn folders, streams, and drawn shapes into batches',
             models='layers, pretrained encoders, our own small networks, and the networks of the papers',
             train='losses, the learner, callbacks, recipes, and adversarial training',
             infer='color photos and films at full size, and export and share models',
             widgets='panels that explain, compare, train, take hints, and test people',
             app='use the package from a terminal')
# The pages to read first
TEN_PAGES = ['color.space', 'color.codecs', 'color.classes', 'train.losses', 'train.learner', 'models.compact', 'models.lite',
             'infer.paint', 'infer.colorizer', 'widgets.explorers']
# Modules and folders that `from colorize_nb.all import *` leaves out
NOT_IN_ALL = ('core.registry', 'models.papers', 'models.released', 'app')

def pages(*folders):
    "Return the notebooks of `folders` (all by default) in reading order: by number, then subfolders."
    def read(d):
        inside = [s for s in sorted(d.iterdir()) if s.is_dir() and s.name[0] not in '._']
        return sorted(d.glob('[0-9]*.ipynb')) + [p for s in inside for p in read(s)]
    return [p for f in folders or FOLDERS for p in read(NBS/f)]

def index_pages(folder):
    "Return the index pages of a folder and its subfolders."
    found = sorted((NBS/folder).rglob('index.ipynb'))
    return [p for p in found if not any(s[0] in '._' for s in p.relative_to(NBS).parts)]

def module(page):
    "Return the module that a notebook exports to, without the package name: models/papers/01_cats.ipynb is `models.papers.cats`."
    return '.'.join(re.sub(r'^\d+_', '', s) for s in page.relative_to(NBS).with_suffix('').parts)

def modules(*folders):
    "Return the modules of `folders` (all by default) in reading order."
    return [module(p) for p in pages(*folders)]

def may_import(folder):
    "Return the other folders that `folder` may import."
    tier = next((t for t in RULE.split('<-') if '|' in t and folder in re.findall(r'\w+', t)), '')
    return [f for f in FOLDERS[:FOLDERS.index(folder)] if f not in re.findall(r'\w+', tier)]

def in_all():
    "Return the modules that `colorize_nb.all` imports."
    return [m for m in modules() if not any(m==n or m.startswith(f'{n}.') for n in NOT_IN_ALL)]

def write_all():
    "Write the imports of `nbs/all.ipynb`, one cell per folder."
    path = NBS/'all.ipynb'
    nb = json.loads(path.read_text('utf8'))
    cells = [c for c in nb['cells'] if ''.join(c['source']).startswith('#| export\nfrom')]
    folders = [f for f in FOLDERS if any(m.startswith(f'{f}.') for m in in_all())]
    for cell,folder in zip(cells, folders, strict=True):
        lines = [f'from colorize_nb.{m} import *' for m in in_all() if m.startswith(f'{folder}.')]
        cell['source'] = '\n'.join(['#| export', *lines]).splitlines(True)
    path.write_text(json.dumps(nb, indent=1, ensure_ascii=False, sort_keys=True)+'\n', 'utf8')

if __name__=='__main__': write_all()
