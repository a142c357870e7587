"""Plant one bug at a time and check whether the tests catch it. The list is `tests/mutants.json`; `only` selects
tests by name, and an empty `only` runs the whole file.

    python tools/mutants.py              all bugs
    python tools/mutants.py Cats         bugs with "Cats" in their description

Bugs are planted in a copy of the repository. The exit status is 1 if a bug isn't caught or no longer fits the code.
"""
import json, os, shutil, subprocess, sys, tempfile, time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT/'tests/mutants.json'
LIMIT = 300 # Seconds for the tests of one bug; a bug that makes them hang counts as caught

def mutants(word=''):
    "Return the bugs whose description contains `word`."
    return [m for m in json.loads(LIST.read_text('utf8')) if word.lower() in m['broken'].lower()]

def copy_repository(to):
    "Copy what the tests need from the repository to the folder `to`."
    ignore = shutil.ignore_patterns('__pycache__', 'browser')
    for folder in ('colorize_nb', 'lab', 'tests'): shutil.copytree(ROOT/folder, to/folder, ignore=ignore)
    for name in ('pyproject.toml', 'settings.ini'): shutil.copy2(ROOT/name, to/name)

def run_tests(folder, tests, only):
    "Return pytest's exit status in `folder`: 0 if all tests passed, 1 if some failed, more if none could run."
    command = [sys.executable, '-m', 'pytest', '-q', '-x', '-n', '0', '-p', 'no:cacheprovider', tests, '-k', only]
    env = {**os.environ, 'PYTHONPATH': str(folder), 'PYTHONDONTWRITEBYTECODE': '1'}
    env.setdefault('OMP_NUM_THREADS', '1')
    try: return subprocess.run(command, cwd=folder, env=env, capture_output=True, timeout=LIMIT).returncode
    except subprocess.TimeoutExpired: return 1

def passes_unchanged(folder, found):
    "Return whether the tests pass before a bug is planted."
    only = {}
    for m in found: only.setdefault(m['tests'], set()).add(m['only'])
    return all(run_tests(folder, tests, '' if '' in words else ' or '.join(sorted(words)))==0 for tests,words in only.items())

def try_one(folder, mutant):
    "Return 'caught', 'SURVIVED', or why the bug couldn't be planted."
    file = folder/'colorize_nb'/mutant['file']
    text = file.read_text('utf8')
    times = text.count(mutant['old'])
    if times!=1: return f'DOES NOT FIT (its text occurs {times} times)'
    file.write_text(text.replace(mutant['old'], mutant['new']), 'utf8')
    try: status = run_tests(folder, mutant['tests'], mutant['only'])
    finally: file.write_text(text, 'utf8')
    return {0: 'SURVIVED', 1: 'caught'}.get(status, f'NO TEST RAN (pytest ended with {status})')

def main(word=''):
    found, bad = mutants(word), 0
    if not found: sys.exit(f'no description contains {word!r}')
    with tempfile.TemporaryDirectory() as d:
        copy_repository(Path(d))
        if not passes_unchanged(Path(d), found): sys.exit('some tests fail before a bug is planted; run pytest first')
        for m in found:
            start = time.time()
            verdict = try_one(Path(d), m)
            bad += verdict!='caught'
            print(f"{verdict:10}{m['broken']} ({time.time()-start:.0f} s)", flush=True)
    print(f'{len(found)-bad} of {len(found)} caught')
    sys.exit(bad>0)

if __name__=='__main__': main(*sys.argv[1:2])
