"Requirements for every page: links and names exist, numbers in the prose are printed, spelling is American, and outputs are current."
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

nbformat = pytest.importorskip('nbformat')

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT/'tools'))
import published

NBS = ROOT/'nbs'
FOLDER = NBS/'tutorials'
PAGES = sorted(FOLDER.glob('[0-9]*.ipynb'))
SOLUTIONS = sorted((FOLDER/'solutions').glob('*.ipynb'))
CLAIMS = sorted((NBS/'claims').glob('[0-9]*.ipynb'))
BOOK = sorted(p for p in NBS.rglob('*.ipynb') if '.ipynb_checkpoints' not in p.parts)
VERSION = re.search(r'^version = (\S+)', (ROOT/'settings.ini').read_text(), re.M)[1]
HYPE = re.compile(r'\b(amazing|awesome|stunning|incredibl[ey]|state[- ]of[- ]the[- ]art|revolutionary|blazing|effortless(ly)?|'
                  r'magical(ly)?|world-class|cutting[- ]edge|best[- ]in[- ]class|unmatched)\b', re.I)


def ids(p): return p.relative_to(NBS).with_suffix('').as_posix()
def cells(path, kind=None): return [c for c in json.loads(path.read_text('utf8'))['cells'] if kind in (None, c['cell_type'])]
def source(c): return ''.join(c['source'])
def prose(path): return '\n\n'.join(source(c) for c in cells(path, 'markdown'))
def code(path): return '\n'.join(source(c) for c in cells(path, 'code'))


def printed(path):
    "Return all text in the outputs of a notebook."
    out = []
    for c in cells(path, 'code'):
        for o in c['outputs']:
            out.append(''.join(o.get('text', '')))
            out += [''.join(v) for k,v in o.get('data', {}).items() if k.startswith('text/')]
    return '\n'.join(out)


def test_every_tutorial_has_solutions():
    assert PAGES and [p.name for p in SOLUTIONS]==[p.name for p in PAGES]


@pytest.mark.parametrize('path', PAGES, ids=ids)
def test_tutorials_start_with_a_header_and_end_with_exercises(path):
    first, text = source(cells(path)[0]), prose(path)
    assert re.match(r'# .+\n+> .+', first), 'a title and a one-sentence summary'
    for field in ('You will be able to', 'Before this', 'Time'): assert f'| **{field}** | ' in first, field
    assert '<details><summary>' in text and '## Exercises' in text and f'solutions/{path.name}' in text


@pytest.mark.parametrize('path', PAGES+SOLUTIONS, ids=ids)
def test_tutorials_import_only_the_public_package(path):
    assert 'from colorize_nb.all import *' in code(path)
    assert '#| export' not in code(path) and 'default_exp' not in code(path)


@pytest.mark.parametrize('path', PAGES+SOLUTIONS, ids=ids)
def test_tutorials_were_run_with_this_version(path):
    assert f"'colorize_nb': '{VERSION}'" in printed(path), 'run the page again with this version'


FACTS = (ROOT/'lab/facts.json').read_text('utf8')
NUMBER = re.compile(r'(?<![\w.,])(\d{1,3}(?:,\d{3})+|\d+\.\d+|\d{3,})(?![\w])')
YEAR = re.compile(r'^(1[6-9]\d\d|20\d\d)$')


def value(number): return float(number.replace(',', '').replace('_', ''))


@pytest.mark.parametrize('path', BOOK, ids=ids)
def test_numbers_in_prose_are_printed_or_set(path):
    text = re.sub(r'\]\([^)]*\)|`[^`]*`|\$[^$]+\$|<[^>]+>|"[^"]*"|[Ss]ections? [\d.]+(?:(?:,| and) [\d.]+)*|Python [\d.]+', ' ', prose(path))
    known = printed(path)+code(path)
    if path.parent.name in ('papers', 'claims'): known += FACTS # numbers that a paper states, with its section
    found = {value(n) for n in re.findall(r'\d[\d_]*(?:,\d{3})*(?:\.\d+)?|\.\d+', known)}
    def is_found(n): return value(n) in found or any(abs(value(n)-t)<.051 for t in found if t%1)
    missing = [n for n in NUMBER.findall(text) if not YEAR.match(n) and not is_found(n)]
    assert not missing, f'{missing}: no cell of this page prints or sets these'


def written():
    "Return the files with text that people read: pages, notes, model cards, and code."
    notes = [*(ROOT/'docs/pages').rglob('*.md'), *ROOT.glob('*.md'), *(ROOT/'colorize_nb/weights').glob('*.md')]
    return sorted([*BOOK, *notes, *(p for d in ('docs', 'lab', 'tools', 'tests') for p in (ROOT/d).rglob('*.py')
                     if not {'node_modules', '_build'} & {*p.parts} and p.name!='finding.py')]) # its synonyms include British spellings


def test_spelling_is_american(tmp_path):
    "Codespell finds no British spelling and no typo."
    pytest.importorskip('codespell_lib')
    texts = {}
    for i,p in enumerate(written()):
        text = '\n'.join(map(source, cells(p))) if p.suffix=='.ipynb' else p.read_text('utf8')
        texts[f'{i:04}.txt'] = p
        (tmp_path/f'{i:04}.txt').write_text(text, 'utf8')
    run = [sys.executable, '-m', 'codespell_lib', '--builtin', 'clear,rare,en-GB_to_en-US', '--ignore-words', ROOT/'tests/names.txt', tmp_path]
    found = subprocess.run(run, capture_output=True, text=True).stdout
    lines = [re.sub(r'^.*?(\d{4}\.txt):', lambda m: f'{texts[m[1]].relative_to(ROOT)}:', l) for l in found.splitlines()]
    assert not lines, '\n'.join(lines)


def test_titles_are_unique():
    titles = {}
    for p in BOOK: titles.setdefault(source(cells(p)[0]).splitlines()[0], []).append(p.name)
    assert not (same := {t: ps for t,ps in titles.items() if len(ps)>1}), same


def test_unpublished_addresses_are_not_linked():
    assert not published.stale(), 'run make export'
    if published.published(): return
    cfg = published.settings()
    private = [cfg['git_url'], f"{published.COLAB}/{cfg['user']}", cfg['doc_host']]
    assert not (found := [(p.name, l) for p in written() for l in private if l in p.read_text('utf8')]), found


@pytest.mark.parametrize('path', BOOK, ids=ids)
def test_pages_contain_no_hype(path): assert not (m := HYPE.search(prose(path))), m


@pytest.mark.parametrize('path', BOOK, ids=ids)
def test_functions_named_in_prose_exist(path):
    import colorize_nb.all as library
    names = re.findall(r'`([A-Za-z_][\w.]*)\(', prose(path))
    defined = {n for pair in re.findall(r'(?:def|class) (\w+)|^(\w+) =', code(path), re.M) for n in pair if n}
    def exists(n):
        first, last = n.split('.')[0], n.split('.')[-1]
        return hasattr(library, first) or first in defined or last in code(path)
    assert not (unknown := [n for n in names if not exists(n)]), f'the text mentions {unknown}, but these do not exist'


@pytest.mark.parametrize('path', BOOK, ids=ids)
def test_links_resolve(path):
    def exists(link): return re.match(r'https?:|mailto:|attachment:|data:', link) or (path.parent/link).exists()
    bad = [l for l in re.findall(r'\]\(([^)#\s]+)[^)]*\)', prose(path)) if not exists(l)]
    assert not bad, bad


def test_the_start_page_and_the_map_list_every_tutorial():
    assert re.findall(r'\]\(tutorials/(\d[^)]+)\)', printed(NBS/'index.ipynb'))==[p.name for p in PAGES]
    assert re.findall(r'\]\(nbs/tutorials/(\d[^)]+)\)', (ROOT/'README.md').read_text())==[p.name for p in PAGES]
    assert re.findall(r'\]\((\d[^)]+)\)', printed(NBS/'tutorials/index.ipynb'))==[p.name for p in PAGES]


def test_predict_first_hides_the_answers(tmp_path):
    subprocess.run([sys.executable, ROOT/'tools/predict_first.py', tmp_path], check=True, capture_output=True)
    assert sorted(p.name for p in tmp_path.glob('*.ipynb'))==[p.name for p in PAGES]
    for p,full in zip(sorted(tmp_path.glob('*.ipynb')), PAGES):
        nbformat.validate(nbformat.read(p, 4))
        assert printed(p)=='' and '<details>' not in prose(p) and code(p)==code(full)
        assert prose(p).count('What will the next cell show?')>=3
