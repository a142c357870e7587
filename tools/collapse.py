"Collapse the input of cells marked `#| hide` or `#| code-fold: true`, so that JupyterLab shows them as a thin bar: python tools/collapse.py [NOTEBOOK ...]"
import json, sys
from pathlib import Path

from readme import directives, text

NBS = Path(__file__).resolve().parent.parent/'nbs'

def collapse(nb):
    "Set or remove the collapsed state of every code cell of a notebook (a dict). Return whether anything changed."
    changed = False
    for c in (c for c in nb['cells'] if c['cell_type']=='code'):
        opts, _ = directives(text(c['source']))
        hidden = 'hide' in opts or opts.get('code-fold')=='true'
        if hidden==bool(c['metadata'].get('jupyter', {}).get('source_hidden')): continue
        changed = True
        if hidden: c['metadata']['jupyter'] = dict(source_hidden=True)
        else: c['metadata'].pop('jupyter')
    return changed

def main(*paths):
    for p in map(Path, paths or sorted(NBS.rglob('*.ipynb'))):
        if '.ipynb_checkpoints' in p.parts: continue
        nb = json.loads(p.read_text('utf8'))
        if collapse(nb): p.write_text(json.dumps(nb, indent=1, ensure_ascii=False, sort_keys=True)+'\n', 'utf8')

if __name__=='__main__': main(*sys.argv[1:])
