"Writes a copy of every tutorial without outputs and without answers: read, predict, then run. `predict_first.py [OUT]`"
import json, re, sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent/'nbs/tutorials'
ASK = '*What will the next cell show? Write it down, then run it.*'


def predict_first(nb):
    "A notebook (dict) without outputs; where a picture or a number was, a question before it; questions without their answers."
    out = []
    for c in nb['cells']:
        c = {**c, 'source': ''.join(c['source'])}
        if c['cell_type']=='markdown': c['source'] = re.sub(r'<details><summary>(.*?)</summary>.*?</details>', r'- \1', c['source'], flags=re.S)
        else:
            if c['outputs'] and '#| hide' not in c['source']: out.append(dict(cell_type='markdown', id=f"ask-{len(out)}", metadata={}, source=ASK))
            c.update(outputs=[], execution_count=None)
        out.append(c)
    return {**nb, 'cells': out, 'metadata': {k: v for k,v in nb['metadata'].items() if k!='widgets'}}


def main(out='out/predict_first'):
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    for f in sorted(FOLDER.glob('*.ipynb')): (out/f.name).write_text(json.dumps(predict_first(json.loads(f.read_text('utf8'))), indent=1), 'utf8')
    print(f'{len([*out.glob("*.ipynb")])} notebooks in {out}')


if __name__=='__main__': main(*sys.argv[1:])
