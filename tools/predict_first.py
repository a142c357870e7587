"Writes a copy of every tutorial without outputs and without answers: read, predict, then run. `predict_first.py [OUT]`"
import json, re, sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent/'nbs/tutorials'
ASK = '*{n}. What will the next cell show? Write it down, then run it.*'
LATER = '## Compare with what you wrote\n\n{said}'
TELLS = r'\n\| \*\*The number to expect\*\* \|.*' # a row of the first table that answers a question of the page


def told(source):
    "`(what a text says of the output before it, the rest)`: the paragraphs before its first heading, code or list of tasks."
    m = re.search(r'(?m)^(#|```|<details>|\|)', source)
    end = m.start() if m else len(source)
    return source[:end].strip(), source[end:].strip()


def worth(cell):
    """Is the output of `cell` one to predict? A picture, a table, or numbers; not versions, imports and panels, of which nothing can be
    guessed."""
    if cell['cell_type']!='code' or '#| hide' in cell['source'] or '__version__' in cell['source']: return False
    shown = [o.get('data', {}) for o in cell['outputs']]
    if any('widget-view' in k for data in shown for k in data): return False
    return any(k.startswith('image/') or k=='text/html' or re.search(r'\d', ''.join(v)) for data in shown for k,v in data.items())


def predict_first(nb):
    """A notebook (dict) without outputs; a question before each cell worth asking about, what the text says of it at the end; questions
    without their answers."""
    cells, out, said, asked = [{**c, 'source': ''.join(c['source'])} for c in nb['cells']], [], [], False
    for c in cells:
        if c['cell_type']=='markdown':
            c['source'] = re.sub(TELLS, '', re.sub(r'<details><summary>(.*?)</summary>.*?</details>', r'- \1', c['source'], flags=re.S))
            if asked:
                answer, c['source'] = told(c['source'])
                said[-1] += answer
            if m := re.search(r'(?ms)^## In three points\n+(.*?)(?=^## |\Z)', c['source']):
                said.append('**In three points**\n\n'+m[1].strip())
                c['source'] = c['source'].replace(m[1], '*Write three, then compare with those at the end.*\n\n')
            asked = False
        else:
            if asked := worth(c):
                said.append(f'**{len(said)+1}.** ')
                out.append(dict(cell_type='markdown', id=f'ask-{len(out)}', metadata={}, source=ASK.format(n=len(said))))
            c.update(outputs=[], execution_count=None)
        if c['source'] or c['cell_type']=='code': out.append(c)
    told_all = '\n\n'.join(s for s in said if not s.endswith('.** '))
    out.append(dict(cell_type='markdown', id='compare', metadata={}, source=LATER.format(said=told_all)))
    return {**nb, 'cells': out, 'metadata': {k: v for k,v in nb['metadata'].items() if k!='widgets'}}


def main(out='out/predict_first'):
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    for f in sorted(FOLDER.glob('[0-9]*.ipynb')):
        made = predict_first(json.loads(f.read_text('utf8')))
        (out/f.name).write_text(json.dumps(made, indent=1), 'utf8')
    print(f'{len([*out.glob("*.ipynb")])} notebooks in {out}')


if __name__=='__main__': main(*sys.argv[1:])
