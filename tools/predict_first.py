"Copy every tutorial without outputs and answers, so that readers predict each result before they run the cell: `predict_first.py [OUT]`"
import json, re, sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent/'nbs/tutorials'
QUESTION = '*{n}. What will the next cell show? Write it down, then run it.*'
ANSWERS = '## Compare with what you wrote\n\n{answers}'
SPOILER = r'\n\| \*\*The number to expect\*\* \|.*' # Row of the header table


def split_comment(source):
    "Split Markdown into the comment on the previous output and the rest, which starts at the first heading, code, table, or folded answer."
    m = re.search(r'(?m)^(#|```|<details>|\|)', source)
    end = m.start() if m else len(source)
    return source[:end].strip(), source[end:].strip()


def is_predictable(cell):
    "Return whether a reader can predict the output of `cell`: a picture, a table, or numbers, but not a panel or version numbers."
    if cell['cell_type']!='code' or '#| hide' in cell['source'] or '__version__' in cell['source']: return False
    shown = [o.get('data', {}) for o in cell['outputs']]
    if any('widget-view' in k for data in shown for k in data): return False
    return any(k.startswith('image/') or k=='text/html' or re.search(r'\d', ''.join(v)) for data in shown for k,v in data.items())


def predict_first(nb):
    "Return a notebook (a dict) without outputs, with a question before each predictable one. The answers move to the end."
    cells = [{**c, 'source': ''.join(c['source'])} for c in nb['cells']]
    out, answers, after_question = [], [], False
    for c in cells:
        if c['cell_type']=='markdown':
            c['source'] = re.sub(SPOILER, '', re.sub(r'<details><summary>(.*?)</summary>.*?</details>', r'- \1', c['source'], flags=re.S))
            if after_question:
                comment, c['source'] = split_comment(c['source'])
                answers[-1] += comment
            if m := re.search(r'(?ms)^## In three points\n+(.*?)(?=^## |\Z)', c['source']):
                answers.append('**In three points**\n\n'+m[1].strip())
                c['source'] = c['source'].replace(m[1], '*Write down three points, then compare them with those at the end.*\n\n')
            after_question = False
        else:
            if after_question := is_predictable(c):
                answers.append(f'**{len(answers)+1}.** ')
                out.append(dict(cell_type='markdown', id=f'ask-{len(out)}', metadata={}, source=QUESTION.format(n=len(answers))))
            c.update(outputs=[], execution_count=None)
        if c['source'] or c['cell_type']=='code': out.append(c)
    known = '\n\n'.join(a for a in answers if not a.endswith('.** ')) # without questions that the text doesn't comment on
    out.append(dict(cell_type='markdown', id='compare', metadata={}, source=ANSWERS.format(answers=known)))
    return {**nb, 'cells': out, 'metadata': {k: v for k,v in nb['metadata'].items() if k!='widgets'}}


def main(out='out/predict_first'):
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    for f in sorted(FOLDER.glob('[0-9]*.ipynb')):
        nb = predict_first(json.loads(f.read_text('utf8')))
        (out/f.name).write_text(json.dumps(nb, indent=1), 'utf8')
    print(f'{len([*out.glob("*.ipynb")])} notebooks in {out}')


if __name__=='__main__': main(*sys.argv[1:])
