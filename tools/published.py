"""Add the tutorials' links to Colab if `published` is True in settings.ini, and remove them otherwise.

    python tools/published.py
"""
import configparser, json, re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COLAB = 'https://colab.research.google.com/github'
ROW = '\n| **In the browser** | [open in Colab]({url}) |'
CELL = """
import sys
if 'google.colab' in sys.modules: get_ipython().run_line_magic('pip', 'install -q git+{git_url}')"""


def settings():
    "Return the settings in settings.ini."
    cfg = configparser.ConfigParser(delimiters=['='])
    cfg.read(ROOT/'settings.ini', encoding='utf8')
    return cfg['DEFAULT']


def published():
    "Return whether the addresses in settings.ini are public."
    return settings().getboolean('published')


def with_links(text, path, on):
    "Return the `text` of a cell in the tutorial at `path` with its links if `on`, and without them otherwise."
    text = re.sub(r'\n\| \*\*In the browser\*\* \|.*', '', text)
    text = re.sub(r"\nimport sys\nif 'google\.colab'.*", '', text)
    if not on: return text
    cfg = settings()
    url = f"{COLAB}/{cfg['user']}/{cfg['repo']}/blob/{cfg['branch']}/{path.relative_to(ROOT).as_posix()}"
    text = re.sub(r'\n\| \*\*The number to expect\*\* \|.*', lambda m: m[0]+ROW.format(url=url), text)
    return text + CELL.format(git_url=cfg['git_url']) if '%config InlineBackend' in text else text


def tutorials():
    "Return the paths of the tutorials and their solutions."
    return sorted((ROOT/'nbs/tutorials').rglob('[0-9]*.ipynb'))


def stale(on=None):
    "Return the tutorials whose links need to change, as `{path: new text of the notebook}`."
    on, found = published() if on is None else on, {}
    for p in tutorials():
        nb = json.loads(p.read_text('utf8'))
        old = [''.join(c['source']) for c in nb['cells']]
        new = [with_links(s, p, on) for s in old]
        if new==old: continue
        for c,s in zip(nb['cells'], new): c['source'] = s.splitlines(True)
        found[p] = json.dumps(nb, indent=1, ensure_ascii=False, sort_keys=True) + '\n'
    return found


if __name__=='__main__':
    for p,text in stale().items():
        p.write_text(text, 'utf8')
        print('wrote', p.relative_to(ROOT))
