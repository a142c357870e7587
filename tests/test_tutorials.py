"""The contract of the tutorials: what a header says, that numbers in prose were printed, that links and names exist, that outputs are of
this version."""
import json, re, subprocess, sys
from pathlib import Path
import pytest

nbformat = pytest.importorskip('nbformat')

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT/'tools'))
import published, words
FOLDER = ROOT/'nbs/tutorials'
PAGES = sorted(FOLDER.glob('*.ipynb'))
ANSWERS = sorted((FOLDER/'solutions').glob('*.ipynb'))
CLAIMS = sorted((ROOT/'nbs/claims').glob('[0-9]*.ipynb'))
RESULTS = ROOT/'lab/results'
VERSION = re.search(r'^version = (\S+)', (ROOT/'settings.ini').read_text(), re.M)[1]
HYPE = re.compile(r'\b(amazing|awesome|stunning|incredibl[ey]|state[- ]of[- ]the[- ]art|revolutionary|blazing|effortless(ly)?|'
                  r'magical(ly)?|perfectly|obviously|simply|world-class|cutting[- ]edge|unmatched)\b', re.I)
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
    for field in ('Level','You will be able to','Before this','Time','The number to expect'): assert f'| **{field}** | ' in first, field
    assert 'CPU' in first and 'GPU' in first
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
    for lines in (source(c).splitlines() for c in cells(path, 'code')):
        assert sum(bool(l.strip()) and not l.startswith('#') for l in lines)<=15, f'split this cell: {lines[0]}'
        assert all(len(l)<=120 for l in lines), f'a long line after {lines[0]}'
        assert not any(re.match(r'\s*except', l) or re.search(r';(?=.*\w)', l) for l in lines), f'one idea a line: {lines[0]}'

@pytest.mark.parametrize('path', PAGES+CLAIMS, ids=ids)
def test_numbers_in_prose_are_printed_or_set(path):
    text = re.sub(r'\]\([^)]*\)|`[^`]*`|<[^>]+>|sections? [\d.]+(?:(?:,| and) [\d.]+)*', ' ', prose(path))
    seen = printed(path)+code(path)
    there = {float(n.replace('_', '').replace(',', '')) for n in re.findall(r'\d[\d_]*(?:,\d{3})*(?:\.\d+)?|\.\d+', seen)}
    asked = re.findall(r'(?<![\w.,])(\d{1,3}(?:,\d{3})+|\d+\.\d+|\d{3,})(?![\w])', text)
    years = re.compile(r'^(1[89]\d\d|20\d\d|1257)$')
    value = lambda n: float(n.replace(',', ''))
    def is_there(n): return value(n) in there or any(abs(value(n)-t)<.051 for t in there if t%1)
    missing = [n for n in asked if not years.match(n) and not is_there(n)]
    assert not missing, f'{missing}: no cell of this page prints or sets these'

def written():
    "All that people read: pages, modules, notes."
    books = [p for p in (ROOT/'nbs').rglob('*.ipynb') if '.ipynb_checkpoints' not in p.parts]
    notes = [*(ROOT/'docs/pages').rglob('*.md'), *ROOT.glob('*.md'), *(ROOT/'colorize_nb/weights').glob('*.md')]
    code = [p for d in ('docs','experiments','bench') for p in (ROOT/d).glob('*.py')]
    return sorted([*books, *notes, *code])

@pytest.mark.parametrize('path', written(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_forms_that_are_not_used(path):
    text = '\n'.join(map(source, cells(path))) if path.suffix=='.ipynb' else path.read_text('utf8')
    if path.name=='CHANGELOG.md': text = re.sub(r'(?m)^\|.*', '', text) # its table has the old names
    assert not (found := words.banned(text)), '\n'.join(found)

def test_no_two_pages_share_a_title():
    titles = {}
    for p in (p for p in written() if p.suffix=='.ipynb'): titles.setdefault(source(cells(p)[0]).splitlines()[0], []).append(p.name)
    assert not (same := {t: ps for t,ps in titles.items() if len(ps)>1}), same

def test_only_what_is_public_is_linked():
    assert not published.stale(), 'run make export'
    if published.published(): return
    cfg = published.settings()
    private = [cfg['git_url'], f"{published.COLAB}/{cfg['user']}", cfg['doc_host']]
    assert not (found := [(p.name, l) for p in written() for l in private if l in p.read_text('utf8')]), found

@pytest.mark.parametrize('path', PAGES+ANSWERS+CLAIMS, ids=lambda p: f'{p.parent.name}-{p.stem}')
def test_words(path):
    assert not (m := HYPE.search(prose(path))), m
    names = re.findall(r'`([A-Za-z_][\w.]*)\(', prose(path))
    import colorize_nb.all as library
    made = set(re.findall(r'(?:def|class) (\w+)|^(\w+) =', code(path), re.M))
    made = {n for pair in made for n in pair if n}
    first, last = (lambda n: n.split('.')[0]), (lambda n: n.split('.')[-1])
    unknown = [n for n in names if not hasattr(library, first(n)) and first(n) not in made and last(n) not in code(path)]
    assert not unknown, f'{unknown}: named in the text, and not there'

BOOKS = [p for p in sorted((ROOT/'nbs').rglob('*.ipynb')) if '.ipynb_checkpoints' not in p.parts]

@pytest.mark.parametrize('path', BOOKS, ids=lambda p: f'{p.parent.name}-{p.stem}')
def test_links_resolve(path):
    here = lambda l: re.match(r'https?:|mailto:|attachment:|data:', l) or (path.parent/l).exists()
    bad = [l for l in re.findall(r'\]\(([^)#\s]+)[^)]*\)', prose(path)) if not here(l)]
    assert not bad, bad

def test_verdicts():
    rows = json.loads((RESULTS/'claims/verdicts.json').read_text('utf8'))
    for r in rows:
        assert r['verdict'] in ('holds', 'fails', 'depends', 'cannot be told here'), r
        assert (ROOT/'nbs/claims'/r['page']).is_file() and r['claim'] in printed(CLAIMS[0]), r
    for path in CLAIMS[1:]: assert prose(path).count('**Verdict: ')==sum(r['page']==path.name for r in rows), path.name

def test_results_of_claims_say_how_they_were_made():
    found = json.loads((RESULTS/'claims/baselines.json').read_text('utf8'))
    assert {'version', 'torch', 'device', 'seeds', 'size'} <= found.keys() and len(found['seeds'])>=3
    for name,s in found['sets'].items(): assert s['n']>=300 and s['seconds']>0, name

def test_old_addresses_lead_to_pages():
    moved = json.loads((ROOT/'docs/moved.json').read_text('utf8'))
    assert [n for n in moved['notebooks'].values() if not (ROOT/f'{n}.ipynb').is_file()]==[]
    assert [n for n in moved['modules'].values() if not (ROOT/'colorize_nb'/f"{n.replace('.', '/')}.py").is_file()]==[]

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
