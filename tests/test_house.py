"The repository itself: notebooks, modules, and README match, pages have the required cells, imports go one way, and no machine's paths."
import ast, configparser, hashlib, io, json, os, re, shutil, subprocess, sys, tokenize
from pathlib import Path
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT/'tools'))
import house, readme
LIB = ROOT/'colorize_nb'
BOOKS = sorted(p for p in (ROOT/'nbs').rglob('*.ipynb') if not any(s[0] in '._' for s in p.relative_to(ROOT).parts))
PAGES = [p for p in BOOKS if p.name!='index.ipynb' and not {'tutorials','claims'} & {*p.parts}] # the others export nothing
DIRECTIVES = re.compile(r'(?m)^#\|\s*(\w+)')

def names(paths): return [p.relative_to(ROOT/'nbs').as_posix() for p in paths]
def cells(path, kind=None): return [c for c in json.loads(path.read_text('utf8'))['cells'] if kind in (None, c['cell_type'])]
def src(cell): return cell['source'] if isinstance(cell['source'], str) else ''.join(cell['source'])
def flags(cell): return set(DIRECTIVES.findall(src(cell)))
def tracked():
    "Return the files in the repository, or all files in an unpacked archive."
    r = subprocess.run(['git','ls-files','-co','--exclude-standard'], cwd=ROOT, capture_output=True, text=True)
    files = [ROOT/f for f in r.stdout.splitlines()] if r.returncode==0 and r.stdout else ROOT.rglob('*')
    return sorted(p for p in files if p.is_file() and '.git' not in p.parts and not any(s.startswith('.venv') for s in p.parts))

def hashes(root):
    "Return `{path: hash}` for all notebooks and modules."
    return {p.relative_to(root).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
            for d in ('nbs','colorize_nb') for p in sorted((root/d).rglob('*')) if p.suffix in ('.py','.ipynb')
            and not any(s in ('__pycache__','.ipynb_checkpoints') for s in p.parts)}

@pytest.fixture(scope='module')
def copy(tmp_path_factory):
    "Copy the repository, so that nbdev can change the copy."
    dst = tmp_path_factory.mktemp('house')/ROOT.name
    for p in tracked():
        q = dst/p.relative_to(ROOT)
        q.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(p, q)
    return dst

@pytest.mark.parametrize('path', BOOKS, ids=lambda p: p.stem)
def test_hidden_cells_have_no_pictures(path):
    "The site leaves out hidden cells together with their pictures."
    drawn = [c for c in cells(path, 'code') if any('image' in kind for o in c.get('outputs', ()) for kind in o.get('data', ()))]
    assert not [src(c)[:60] for c in drawn if src(c).startswith('#| hide')]

@pytest.mark.nbdev
@pytest.mark.parametrize('cmd', ['clean','export'])
def test_nbdev_changes_nothing(copy, cmd):
    before = hashes(copy)
    code = 'import nbdev.clean, nbdev; ' + ('nbdev.clean.nbdev_clean()' if cmd=='clean' else 'nbdev.nbdev_export()')
    r = subprocess.run([sys.executable, '-c', code], cwd=copy, capture_output=True, text=True)
    assert r.returncode==0, r.stderr
    after = hashes(copy)
    assert sorted(k for k in before.keys()|after.keys() if before.get(k)!=after.get(k))==[], f'run make export; nbdev_{cmd} changes these'

def test_readme_is_up_to_date():
    assert sorted(readme.stale(ROOT))==[], 'run make readme'

def test_readme_has_commands_and_valid_links():
    s = (ROOT/'README.md').read_text('utf8')
    for text in ('make demo','make test','Colorizer.load','torch torchvision','docs/images/'): assert text in s, text
    for link in re.findall(r'\]\(([^)#:]+)\)', s): assert (ROOT/link).exists(), f'README.md links to {link}, which does not exist'

@pytest.mark.parametrize('path', BOOKS, ids=names(BOOKS))
def test_outputs_are_committed_and_clean(path):
    outs = [o for c in cells(path,'code') for o in c['outputs']]
    bad = [o for o in outs if o['output_type']=='error' or o.get('name')=='stderr']
    assert not bad, f'errors or warnings in the outputs: {str(bad)[:300]}'
    assert outs, 'no cell has an output; run the page and save the outputs'
    stored = json.loads(path.read_text('utf8'))['metadata']
    assert 'widgets' not in stored, 'contains widget states; keep only static views'
    assert path.stat().st_size < 800_000, f'{path.stat().st_size//1000} kB; make the pictures smaller'

@pytest.mark.parametrize('path', PAGES, ids=names(PAGES))
def test_pages_have_the_required_cells(path):
    first, code = cells(path)[0], cells(path,'code')
    assert first['cell_type']=='markdown' and re.match(r'# \S[^\n]*\n+> \S', src(first)), 'a page starts with # Title and > summary'
    assert re.fullmatch(r'#\|\s*default_exp [\w.]+', src(code[0]).strip()), 'the first code cell has only default_exp'
    imports = ast.parse(src(code[1])).body
    assert 'export' in flags(code[1]), 'the second code cell has only exported imports'
    assert all(isinstance(o, (ast.Import, ast.ImportFrom)) for o in imports), 'the second code cell has only exported imports'
    assert 'nbdev_export()' in src(code[-1]) and 'hide' in flags(code[-1]), 'the last cell has #| hide and nbdev_export()'
    assert any('export' in flags(c) for c in code[2:]), 'the page exports nothing'

def tokens(source): return list(tokenize.generate_tokens(io.StringIO(source+'\n').readline))

def handwritten():
    "Return the Python files that aren't generated from notebooks."
    inside = [p for d in ('docs','tools','lab','tests') for p in sorted((ROOT/d).rglob('*.py'))]
    return [*ROOT.glob('*.py'), *(p for p in inside if not {'node_modules','_build'} & {*p.parts})]

def test_no_statements_are_joined():
    found = []
    for p in handwritten():
        where, source = p.relative_to(ROOT).as_posix(), p.read_text('utf8')
        found += [f'{where}:{t.start[0]} has a ; between statements' for t in tokens(source) if t.type==tokenize.OP and t.string==';']
    assert not found, '\n'.join(found)

@pytest.mark.parametrize('path', BOOKS, ids=names(BOOKS))
def test_no_superlatives(path):
    text = ' '.join(src(c) for c in cells(path,'markdown'))
    praise = r'(?i)\b(state[- ]of[- ]the[- ]art|stunning|amazing|blazing|revolutionary|best[- ]in[- ]class|cutting[- ]edge)\b'
    assert not re.search(praise, text), 'superlative'

WORDS = ['/wo'+'rk/', '/tm'+'p/', '/ho'+'me/', '/ro'+'ot/', 'C:\\\\'+'Users']
HOSTS = ['pypi.'+'org', 'files.python'+'hosted', 'download.py'+'torch', 'registry.npm'+'js', 'deb.'+'debian']

@pytest.mark.parametrize('words', [WORDS, HOSTS], ids=['paths','hosts'])
def test_no_paths_or_hosts_of_a_machine(words):
    kinds = {'.py','.ipynb','.md','.ini','.toml','.html','.json','.yml','.cfg',''}
    found = [f'{p.relative_to(ROOT)}: {w}' for p in tracked() if p.suffix in kinds and p.stat().st_size<2e6
             for w in words if w in p.read_text('utf8', errors='ignore')]
    assert found==[]

def imports_of(path):
    "Return the modules of this package that are imported at the top of `path`, not inside functions."
    own, at = set(), path.relative_to(LIB).parent.parts
    for o in ast.parse(path.read_text('utf8')).body:
        if isinstance(o, ast.ImportFrom) and o.level: base = '.'.join([*at[:len(at)-o.level+1], *filter(None, [o.module])])
        elif isinstance(o, ast.ImportFrom) and o.module.split('.')[0]=='colorize_nb': base = o.module.partition('.')[2]
        else: continue
        own |= {base} if base in house.modules() else {f'{base}.{n.name}'.strip('.') for n in o.names}
    return own

def modules(): return [p for p in sorted(LIB.rglob('*.py')) if not p.name.startswith('_')]


@pytest.mark.parametrize('name', house.modules())
def test_imports_go_one_way(name):
    folder, order = name.split('.')[0], house.modules()
    for m in sorted(imports_of(LIB/f"{name.replace('.', '/')}.py")):
        other = m.split('.')[0]
        if other!=folder: assert other in house.may_import(folder), f'{folder} imports {m}; the rule is {house.RULE}'
        else: assert order.index(m) < order.index(name), f'{name} imports {m}, whose number is higher'

def test_folders_match_house():
    assert list(house.TITLES)==list(house.IDEAS)==house.FOLDERS
    assert house.may_import('infer')==['core','color','data','models'] and 'train' in house.may_import('widgets')
    for where in (ROOT/'nbs', LIB):
        found = {p.name for p in where.iterdir() if p.is_dir() and p.name[0] not in '._'} - {'tutorials','claims','weights','course','photos'}
        assert found==set(house.FOLDERS), f'the folders in {where.name} differ from tools/house.py'
    assert house.RULE in (ROOT/'CONTRIBUTING.md').read_text('utf8')

@pytest.mark.parametrize('page', house.pages(), ids=house.modules())
def test_notebook_and_module_have_the_same_name(page):
    name = re.search(r'default_exp ([\w.]+)', src(cells(page,'code')[0]))[1]
    assert name==house.module(page) and re.match(r'\d\d_', page.name)

def test_all_imports_every_module():
    lines = [l for c in cells(ROOT/'nbs/all.ipynb','code') for l in src(c).splitlines() if re.match(r'from colorize_nb\.\S+ import \*$', l)]
    assert lines==[f'from colorize_nb.{m} import *' for m in house.in_all()]

def test_inference_and_command_line_do_not_import_fastai():
    colors = 'from colorize_nb.infer.colorizer import Colorizer; Colorizer.load("shipped")'
    for code,bad in [(colors,['fastai','spacy']), ('import colorize_nb.app.cli',['torch','fastai','PIL','numpy'])]:
        check = f'{code}; import sys; bad = [m for m in {bad} if m in sys.modules]; assert not bad, bad'
        r = subprocess.run([sys.executable, '-c', check], cwd=ROOT, capture_output=True, text=True)
        assert r.returncode==0, f'{code}: {r.stderr[-300:]}'

def test_version_is_the_same_everywhere():
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
    others = {p.relative_to(LIB).as_posix() for p in modules()} - made - {'all.py'}
    assert others==set(), f'no notebook exports {others}'

@pytest.mark.parametrize('cpu', [[], ['CPU=1']])
@pytest.mark.parametrize('installed', [True, False])
def test_setup_uses_uv_if_installed(tmp_path, installed, cpu):
    if installed:
        (tmp_path/'uv').write_text('#!/bin/sh\n')
        (tmp_path/'uv').chmod(0o755)
    bare = [str(p) for n in ('sh','make') for p in [Path(shutil.which(n)).parent] if not (p/'uv').exists()]
    env = {'PATH': ':'.join([str(tmp_path), *bare])}
    r = subprocess.run([shutil.which('make'), '-n', '-B', 'setup', *cpu], cwd=ROOT, capture_output=True, text=True, env=env)
    commands = [l for l in r.stdout.splitlines() if ' install ' in l]
    assert r.returncode==0 and any("-e '.[dev]'" in l for l in commands), r.stderr
    if installed: assert all(l.startswith(f'{tmp_path}/uv pip install') for l in commands if l!='true')
    else: assert any('-m pip install -q' in l for l in commands)

def test_the_code_in_the_readme_runs(tmp_path):
    "The first block of Python code runs in an empty folder."
    code = re.search(r'```python\n(.+?)```', (ROOT/'README.md').read_text('utf8'), re.S)[1]
    env = {**os.environ, 'PYTHONPATH': str(ROOT)}
    r = subprocess.run([sys.executable, '-W', 'ignore', '-c', code], cwd=tmp_path, capture_output=True, text=True, env=env)
    assert r.returncode==0, r.stderr[-800:]
    assert (tmp_path/'coffee-color.jpg').stat().st_size > 1000

def test_make_help_lists_the_targets():
    r = subprocess.run(['make','-s','help'], cwd=ROOT, capture_output=True, text=True)
    assert r.returncode==0
    for t in ('demo','test','test-latest','lab','bench'): assert re.search(rf'(?m)^  {t} +\S', r.stdout), t

def test_license_is_complete():
    s = (ROOT/'LICENSE').read_text('utf8')
    assert 'Apache License' in s and 'Version 2.0' in s and len(s)>11_000
