"The contract of the tutorials: what a header says, that numbers in prose were printed, that links and names exist, that outputs are of this version."
import json, re, subprocess, sys
from pathlib import Path
import pytest

nbformat = pytest.importorskip('nbformat')

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT/'nbs/tutorials'
PAGES = sorted(FOLDER.glob('*.ipynb'))
ANSWERS = sorted((FOLDER/'solutions').glob('*.ipynb'))
VERSION = re.search(r'^version = (\S+)', (ROOT/'settings.ini').read_text(), re.M)[1]
HYPE = re.compile(r'\b(amazing|awesome|stunning|incredibl[ey]|state[- ]of[- ]the[- ]art|revolutionary|blazing|effortless(ly)?|magical(ly)?|perfectly|obviously|simply|world-class|cutting[- ]edge|unmatched)\b', re.I)
ids = lambda p: p.stem


def cells(path, kind=None): return [c for c in json.loads(path.read_text('utf8'))['cells'] if kind in (None, c['cell_type'])]
def source(c): return ''.join(c['source'])
def prose(path): return '\n\n'.join(source(c) for c in cells(path, 'markdown'))
def code(path): return '\n'.join(source(c) for c in cells(path, 'code'))

def printed(path):
    "All text in outputs."
    out = []
    for c in cells(path, 'code'):
        for o in c['outputs']:
            out.append(''.join(o.get('text', '')))
            out += [''.join(v) for k,v in o.get('data', {}).items() if k.startswith('text/')]
    return '\n'.join(out)

def test_ten_tutorials_each_with_solutions():
    assert [p.stem[:2] for p in PAGES]==[f'{i:02}' for i in range(1, 11)]
    assert [p.name for p in ANSWERS]==[p.name for p in PAGES]

@pytest.mark.parametrize('path', PAGES, ids=ids)
def test_header_and_ending(path):
    text = prose(path)
    first = source(cells(path)[0])
    assert re.match(r'# .+\n> .+', first), 'title and one promise'
    for field in ('Level','You will be able to','Before this','Time','The number to expect','In the browser'): assert f'| **{field}** | ' in first, field
    assert 'CPU' in first and 'GPU' in first and f'colorize_nb/blob/main/nbs/tutorials/{path.name}' in first
    assert "if 'google.colab' in sys.modules" in code(path)
    points = text.split('## In three points')[1].split('##')[0]
    assert len(re.findall(r'^- ', points, re.M))==3
    assert len(re.findall(r'<details><summary>.+?\?</summary>.+?</details>', text))>=3
    assert len(re.findall(r'^\d\. ', text.split('## Exercises')[1], re.M))==3 and 'See also: [' in text
    assert f'solutions/{path.name}' in text

@pytest.mark.parametrize('path', PAGES+ANSWERS, ids=lambda p: f'{p.parent.name}-{p.stem}')
def test_outputs_are_real_and_of_this_version(path):
    assert f"'colorize_nb': '{VERSION}'" in printed(path), 'run the page again with this version'
    for i,c in enumerate(cells(path, 'code')):
        assert not any(o['output_type']=='error' or o.get('name')=='stderr' for o in c['outputs']), f'cell {i} has an error or a warning'
    assert path.stat().st_size<600_000 and sum(bool(c['outputs']) for c in cells(path, 'code')) >= (3 if path in PAGES else 2)

@pytest.mark.parametrize('path', PAGES+ANSWERS, ids=lambda p: f'{p.parent.name}-{p.stem}')
def test_uses_the_package_as_a_user(path):
    assert 'from colorize_nb.all import *' in code(path) and '#| export' not in code(path) and 'default_exp' not in code(path)
    for c in cells(path, 'code'): assert len(source(c).splitlines())<=25 and not re.search(r'^\s*except', source(c), re.M), source(c)[:80]

@pytest.mark.parametrize('path', PAGES, ids=ids)
def test_numbers_in_prose_are_printed_or_set(path):
    text = re.sub(r'\]\([^)]*\)|`[^`]*`|<[^>]+>', ' ', prose(path))
    seen = printed(path)+code(path)
    there = {float(n.replace('_', '').replace(',', '')) for n in re.findall(r'\d[\d_]*(?:,\d{3})*(?:\.\d+)?|\.\d+', seen)}
    asked = re.findall(r'(?<![\w.,])(\d{1,3}(?:,\d{3})+|\d+\.\d+|\d{3,})(?![\w])', text)
    papers_and_years = re.compile(r'^(00[0-4]|1[89]\d\d|20\d\d|1257)$')
    missing = [n for n in asked if not papers_and_years.match(n) and float(n.replace(',', '')) not in there and not any(abs(float(n.replace(',', ''))-t)<.051 for t in there if t%1)]
    assert not missing, f'{missing}: no cell of this page prints or sets these'

@pytest.mark.parametrize('path', PAGES+ANSWERS, ids=lambda p: f'{p.parent.name}-{p.stem}')
def test_words(path):
    assert not (m := HYPE.search(prose(path))), m
    names = re.findall(r'`([A-Za-z_][\w.]*)\(', prose(path))
    import colorize_nb.all as library
    made = set(re.findall(r'(?:def|class) (\w+)|^(\w+) =', code(path), re.M))
    made = {n for pair in made for n in pair if n}
    unknown = [n for n in names if not hasattr(library, n.split('.')[0]) and n.split('.')[0] not in made and n.split('.')[-1] not in code(path)]
    assert not unknown, f'{unknown}: named in the text, and not there'

@pytest.mark.parametrize('path', [p for p in sorted((ROOT/'nbs').rglob('*.ipynb')) if '.ipynb_checkpoints' not in p.parts], ids=lambda p: f'{p.parent.name}-{p.stem}')
def test_links_resolve(path):
    bad = [l for l in re.findall(r'\]\(([^)#\s]+)[^)]*\)', prose(path)) if not re.match(r'https?:|mailto:|attachment:|data:', l) and not (path.parent/l).exists()]
    assert not bad, bad

def test_start_page_lists_every_tutorial():
    assert re.findall(r'\]\(tutorials/([^)]+)\)', printed(ROOT/'nbs/index.ipynb'))==[p.name for p in PAGES]
    assert re.findall(r'\]\(nbs/tutorials/([^)]+)\)', (ROOT/'README.md').read_text())==[p.name for p in PAGES]

def test_predict_first_has_no_answers(tmp_path):
    subprocess.run([sys.executable, ROOT/'tools/predict_first.py', tmp_path], check=True, capture_output=True)
    assert sorted(p.name for p in tmp_path.glob('*.ipynb'))==[p.name for p in PAGES]
    for p,full in zip(sorted(tmp_path.glob('*.ipynb')), PAGES):
        nbformat.validate(nbformat.read(p, 4))
        assert printed(p)=='' and '<details>' not in prose(p) and code(p)==code(full)
        for heading in re.findall(r'^#+ .+$', prose(full), re.M): assert heading in prose(p)
        assert prose(p).count('What will the next cell show?')>=3
