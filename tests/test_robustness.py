"The tests named on the robustness page exist, and the package works on other systems and in Colab."
import ast, csv, os, re, subprocess, sys, types
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROWS = [*csv.DictReader(open(ROOT/'docs/robustness.csv', encoding='utf8', newline=''))]


def run(code, **env):
    "Run Python code in a separate process and return its output."
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', code], capture_output=True, text=True, env={**os.environ, **env})
    assert done.returncode==0, done.stderr
    return done.stdout.strip()

def names_in(file):
    return {f.name for f in ast.parse((ROOT/'tests'/file).read_text('utf8')).body if isinstance(f, ast.FunctionDef)}

@pytest.mark.parametrize('row', ROWS, ids=[r['file'][:40] for r in ROWS])
def test_every_row_names_existing_tests(row):
    assert row['group'] and row['result'] and row['tests']
    for test in row['tests'].split():
        file, name = test.split('::')
        assert name in names_in(file), f'{test} does not exist'

def test_the_page_shows_every_row(tmp_path, monkeypatch):
    for folder in ('docs', 'tools'): monkeypatch.syspath_prepend(str(ROOT/folder))
    import generated
    (tmp_path/'robustness.md').write_text((ROOT/'docs/pages/robustness.md').read_text('utf8'), 'utf8')
    generated.robustness(tmp_path)
    text = (tmp_path/'robustness.md').read_text('utf8')
    assert 'KINDS' not in text and all(r['file'] in text and r['result'] in text for r in ROWS)

BLOCK = '''
import sys
for name in ('resource', 'fcntl', 'termios', 'pwd', 'grp'): sys.modules[name] = None
import colorize_nb.all, colorize_nb.app.album, colorize_nb.app.cli
print('imported')
'''

def test_the_package_imports_without_unix_modules():
    "These modules don't exist on Windows."
    assert run(BLOCK)=='imported'

def test_colab_shows_our_widgets(monkeypatch):
    from colorize_nb.widgets import base
    calls = []
    colab, output = types.ModuleType('google.colab'), types.ModuleType('google.colab.output')
    output.enable_custom_widget_manager = lambda: calls.append('enabled')
    colab.output = output
    base.enable_colab()
    assert not calls, 'nothing should happen outside Colab'
    for name,module in {'google': types.ModuleType('google'), 'google.colab': colab, 'google.colab.output': output}.items():
        monkeypatch.setitem(sys.modules, name, module)
    base.enable_colab()
    assert calls==['enabled']

@pytest.mark.slow
@pytest.mark.skipif(sys.platform!='linux', reason='only Linux has a forkserver by default')
def test_the_forkserver_imports_the_package_once():
    "A new worker of the forkserver has already imported the package."
    code = '''
import multiprocessing, operator, sys
import colorize_nb.data.folder
if __name__=='__main__':
    with multiprocessing.get_context('forkserver').Pool(1) as pool:
        print(pool.apply(eval, ("'colorize_nb.data.folder' in __import__('sys').modules",)))
'''
    assert run(code)=='True'

def test_ci_covers_the_oldest_python_and_several_newer():
    "Compare versions as numbers, because 3.10 is newer than 3.9."
    number = lambda v: tuple(map(int, v.split('.')))
    versions = re.search(r'python: \[(.*)\]', (ROOT/'.github/workflows/ci.yml').read_text('utf8'))[1]
    versions = [number(v.strip(" '")) for v in versions.split(',')]
    oldest = re.search(r'^min_python = (\S+)', (ROOT/'settings.ini').read_text('utf8'), re.M)[1]
    assert min(versions)==number(oldest) and len(versions)>=3
