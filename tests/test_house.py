"The repository itself: notebooks, modules and README in step, the page grammar, one-way imports, nothing of one machine."
import ast, configparser, hashlib, io, json, os, re, shutil, subprocess, sys, tokenize
from pathlib import Path
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT/'tools'))
import house, readme
LIB = ROOT/'colorize_nb'
BOOKS = sorted(p for p in (ROOT/'nbs').rglob('*.ipynb') if not any(s[0] in '._' for s in p.relative_to(ROOT).parts))
PAGES = [p for p in BOOKS if p.name!='index.ipynb' and not {'tutorials','claims'} & {*p.parts}] # those export nothing
LESSON_PARTS = re.compile(r'(?m)^#\|\s*(\w+)')

def names(paths): return [p.relative_to(ROOT/'nbs').as_posix() for p in paths]
def cells(path, kind=None): return [c for c in json.loads(path.read_text('utf8'))['cells'] if kind in (None, c['cell_type'])]
def src(cell): return cell['source'] if isinstance(cell['source'], str) else ''.join(cell['source'])
def flags(cell): return set(LESSON_PARTS.findall(src(cell)))
def tracked():
    "The files of the repository (or, in an unpacked archive, all files)."
    r = subprocess.run(['git','ls-files','-co','--exclude-standard'], cwd=ROOT, capture_output=True, text=True)
    files = [ROOT/f for f in r.stdout.splitlines()] if r.returncode==0 and r.stdout else ROOT.rglob('*')
    return sorted(p for p in files if p.is_file() and '.git' not in p.parts and not any(s.startswith('.venv') for s in p.parts))

def state(root):
    return {p.relative_to(root).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
            for d in ('nbs','colorize_nb') for p in sorted((root/d).rglob('*')) if p.suffix in ('.py','.ipynb')
            and not any(s in ('__pycache__','.ipynb_checkpoints') for s in p.parts)}

@pytest.fixture(scope='module')
def copy(tmp_path_factory):
    "A copy of the repository, which nbdev may change."
    dst = tmp_path_factory.mktemp('house')/ROOT.name
    for p in tracked():
        q = dst/p.relative_to(ROOT)
        q.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(p, q)
    return dst

@pytest.mark.parametrize('path', BOOKS, ids=lambda p: p.stem)
def test_a_picture_that_is_drawn_is_shown(path):
    "The site leaves out a cell that is hidden, and its picture with it."
    drawn = [c for c in cells(path, 'code') if any('image' in kind for o in c.get('outputs', ()) for kind in o.get('data', ()))]
    assert not [src(c)[:60] for c in drawn if src(c).startswith('#| hide')]

@pytest.mark.nbdev
@pytest.mark.parametrize('cmd', ['clean','export'])
def test_nbdev_leaves_no_difference(copy, cmd):
    before = state(copy)
    code = 'import nbdev.clean, nbdev; ' + ('nbdev.clean.nbdev_clean()' if cmd=='clean' else 'nbdev.nbdev_export()')
    r = subprocess.run([sys.executable, '-c', code], cwd=copy, capture_output=True, text=True)
    assert r.returncode==0, r.stderr
    after = state(copy)
    assert sorted(k for k in before.keys()|after.keys() if before.get(k)!=after.get(k))==[], f'run make export; nbdev_{cmd} changes these'

def test_readme_is_in_step():
    assert sorted(readme.stale(ROOT))==[], 'run make readme'

def test_readme_says_what_it_must():
    s = (ROOT/'README.md').read_text('utf8')
    for need in ('make demo','make test','Colorizer.load','torch torchvision','docs/images/'): assert need in s, need
    for link in re.findall(r'\]\(([^)#:]+)\)', s): assert (ROOT/link).exists(), f'README.md links to {link}, which is not there'

@pytest.mark.parametrize('path', BOOKS, ids=names(BOOKS))
def test_outputs_are_committed_and_clean(path):
    outs = [o for c in cells(path,'code') for o in c['outputs']]
    bad = [o for o in outs if o['output_type']=='error' or o.get('name')=='stderr']
    assert not bad, f'errors or warnings in the outputs: {str(bad)[:300]}'
    assert outs, 'no cell shows anything: run it and save the outputs'
    stored = json.loads(path.read_text('utf8'))['metadata']
    assert 'widgets' not in stored, 'states of widgets are stored; their static views are what is kept'
    assert path.stat().st_size < 800_000, f'{path.stat().st_size//1000} kB; make the pictures smaller'

@pytest.mark.parametrize('path', PAGES, ids=names(PAGES))
def test_page_grammar(path):
    first, code = cells(path)[0], cells(path,'code')
    assert first['cell_type']=='markdown' and re.match(r'# \S[^\n]*\n+> \S', src(first)), 'starts with # Title, then > one promise'
    assert re.fullmatch(r'#\|\s*default_exp [\w.]+', src(code[0]).strip()), 'first code cell: default_exp, alone'
    imports = ast.parse(src(code[1])).body
    assert 'export' in flags(code[1]), 'second code cell: exported imports, alone'
    assert all(isinstance(o, (ast.Import, ast.ImportFrom)) for o in imports), 'second code cell: exported imports, alone'
    assert 'nbdev_export()' in src(code[-1]) and 'hide' in flags(code[-1]), 'last cell: #| hide and nbdev_export()'
    assert any('export' in flags(c) for c in code[2:]), 'exports nothing'

def tokens(source): return list(tokenize.generate_tokens(io.StringIO(source+'\n').readline))

def by_hand():
    "The Python that comes from no notebook."
    inside = [p for d in ('docs','tools','lab','tests') for p in sorted((ROOT/d).rglob('*.py'))]
    return [*ROOT.glob('*.py'), *(p for p in inside if not {'node_modules','_build'} & {*p.parts})]

def test_no_statements_are_joined():
    found = []
    for p in by_hand():
        where, source = p.relative_to(ROOT).as_posix(), p.read_text('utf8')
        found += [f'{where}:{t.start[0]} has a ; between statements' for t in tokens(source) if t.type==tokenize.OP and t.string==';']
    assert not found, '\n'.join(found)

@pytest.mark.parametrize('path', BOOKS, ids=names(BOOKS))
def test_no_superlatives(path):
    said = ' '.join(src(c) for c in cells(path,'markdown'))
    praise = r'(?i)\b(state[- ]of[- ]the[- ]art|stunning|amazing|blazing|revolutionary|best[- ]in[- ]class|cutting[- ]edge)\b'
    assert not re.search(praise, said), 'superlative'

WORDS = ['/wo'+'rk/', '/tm'+'p/', '/ho'+'me/', '/ro'+'ot/', 'C:\\\\'+'Users']
HOSTS = ['pypi.'+'org', 'files.python'+'hosted', 'download.py'+'torch', 'registry.npm'+'js', 'deb.'+'debian']

@pytest.mark.parametrize('words', [WORDS, HOSTS], ids=['paths','hosts'])
def test_nothing_of_one_machine(words):
    kinds = {'.py','.ipynb','.md','.ini','.toml','.html','.json','.yml','.cfg',''}
    found = [f'{p.relative_to(ROOT)}: {w}' for p in tracked() if p.suffix in kinds and p.stat().st_size<2e6
             for w in words if w in p.read_text('utf8', errors='ignore')]
    assert found==[]

def imports_of(path):
    "The modules of this package imported at the top of `path`, not inside functions."
    own, at = set(), path.relative_to(LIB).parent.parts
    for o in ast.parse(path.read_text('utf8')).body:
        if isinstance(o, ast.ImportFrom) and o.level: base = '.'.join([*at[:len(at)-o.level+1], *filter(None, [o.module])])
        elif isinstance(o, ast.ImportFrom) and o.module.split('.')[0]=='colorize_nb': base = o.module.partition('.')[2]
        else: continue
        own |= {base} if base in house.modules() else {f'{base}.{n.name}'.strip('.') for n in o.names}
    return own

def modules(): return [p for p in sorted(LIB.rglob('*.py')) if not p.name.startswith('_')]


@pytest.mark.parametrize('name', house.modules())
def test_imports_run_one_way(name):
    folder, order = name.split('.')[0], house.modules()
    for m in sorted(imports_of(LIB/f"{name.replace('.', '/')}.py")):
        other = m.split('.')[0]
        if other!=folder: assert other in house.may_import(folder), f'{folder} imports {m}; the rule is {house.RULE}'
        else: assert order.index(m) < order.index(name), f'{name} imports {m}, whose number is higher'

def test_the_folders():
    assert list(house.TITLES)==list(house.IDEAS)==house.FOLDERS
    assert house.may_import('infer')==['core','color','data','models'] and 'train' in house.may_import('widgets')
    for where in (ROOT/'nbs', LIB):
        found = {p.name for p in where.iterdir() if p.is_dir() and p.name[0] not in '._'} - {'tutorials','claims','weights','course','photos'}
        assert found==set(house.FOLDERS), f'{where.name} has other folders than tools/house.py'
    assert house.RULE in (ROOT/'CONTRIBUTING.md').read_text('utf8')

@pytest.mark.parametrize('page', house.pages(), ids=house.modules())
def test_notebook_and_module_have_one_name(page):
    said = re.search(r'default_exp ([\w.]+)', src(cells(page,'code')[0]))[1]
    assert said==house.module(page) and re.match(r'\d\d_', page.name)

def test_all_brings_every_module():
    lines = [l for c in cells(ROOT/'nbs/all.ipynb','code') for l in src(c).splitlines() if re.match(r'from colorize_nb\.\S+ import \*$', l)]
    assert lines==[f'from colorize_nb.{m} import *' for m in house.in_all()]

def test_inference_and_command_line_import_no_fastai():
    code = ('import sys, colorize_nb.{0}; bad = [m for m in {1} if m in sys.modules]; assert not bad, bad')
    for mod,bad in [('infer.colorizer',['fastai','spacy']), ('app.cli',['torch','fastai','PIL','numpy'])]:
        r = subprocess.run([sys.executable, '-c', code.format(mod, bad)], cwd=ROOT, capture_output=True, text=True)
        assert r.returncode==0, f'{mod}: {r.stderr[-300:]}'

def test_version_in_step():
    import colorize_nb
    cfg = configparser.ConfigParser(delimiters=['='])
    cfg.read(ROOT/'settings.ini', encoding='utf8')
    v = cfg['DEFAULT']['version']
    assert colorize_nb.__version__==v
    assert re.search(rf'(?m)^## {re.escape(v)}\b', (ROOT/'CHANGELOG.md').read_text('utf8'))

def test_the_weights_stay_small():
    weights = sum(p.stat().st_size for p in (LIB/'weights').glob('*.safetensors'))
    assert weights < 40e6, f'{weights/1e6:.0f} MB of weights'

@pytest.mark.nbdev
def test_every_module_comes_from_a_notebook():
    made = {re.search(r'default_exp ([\w.]+)', src(cells(p,'code')[0]))[1].replace('.','/')+'.py' for p in PAGES}
    by_hand = {p.relative_to(LIB).as_posix() for p in modules()} - made - {'all.py'}
    assert by_hand==set(), f'no notebook exports {by_hand}'

@pytest.mark.parametrize('cpu', [[], ['CPU=1']])
@pytest.mark.parametrize('there', [True, False])
def test_setup_uses_uv_where_it_is(tmp_path, there, cpu):
    if there:
        (tmp_path/'uv').write_text('#!/bin/sh\n')
        (tmp_path/'uv').chmod(0o755)
    bare = [str(p) for n in ('sh','make') for p in [Path(shutil.which(n)).parent] if not (p/'uv').exists()]
    env = {'PATH': ':'.join([str(tmp_path), *bare])}
    r = subprocess.run([shutil.which('make'), '-n', '-B', 'setup', *cpu], cwd=ROOT, capture_output=True, text=True, env=env)
    said = [l for l in r.stdout.splitlines() if ' install ' in l]
    assert r.returncode==0 and any("-e '.[dev]'" in l for l in said), r.stderr
    if there: assert all(l.startswith(f'{tmp_path}/uv pip install') for l in said if l!='true')
    else: assert any('-m pip install -q' in l for l in said)

def test_the_readmes_lines_run_as_pasted(tmp_path):
    "The first block of Python, in an empty folder."
    code = re.search(r'```python\n(.+?)```', (ROOT/'README.md').read_text('utf8'), re.S)[1]
    env = {**os.environ, 'PYTHONPATH': str(ROOT)}
    r = subprocess.run([sys.executable, '-W', 'ignore', '-c', code], cwd=tmp_path, capture_output=True, text=True, env=env)
    assert r.returncode==0, r.stderr[-800:]
    assert (tmp_path/'coffee-color.jpg').stat().st_size > 1000

def test_make_help_names_the_targets():
    r = subprocess.run(['make','-s','help'], cwd=ROOT, capture_output=True, text=True)
    assert r.returncode==0
    for t in ('demo','test','test-latest','lab','bench'): assert re.search(rf'(?m)^  {t} +\S', r.stdout), t

def test_licence_is_whole():
    s = (ROOT/'LICENSE').read_text('utf8')
    assert 'Apache License' in s and 'Version 2.0' in s and len(s)>11_000
