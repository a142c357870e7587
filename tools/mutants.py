"""Break the package on purpose, one thing at a time, and see whether the tests notice. The list is `mutants.json`.

    python tools/mutants.py              all of them
    python tools/mutants.py Cats         those whose description has "Cats" in it

Each change is made in a copy; the repository stays as it is. Ends with 1 if a change survives or no longer fits.
"""
import json, os, shutil, subprocess, sys, tempfile, time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT/'tools/mutants.json'
LIMIT = 300 # Seconds for the tests of one change; one that makes them hang is noticed, too

def mutants(word=''):
    "The changes whose description contains `word`."
    return [m for m in json.loads(LIST.read_text('utf8')) if word.lower() in m['broken'].lower()]

def copy(to):
    "What the tests need of the repository, in the folder `to`."
    ignore = shutil.ignore_patterns('__pycache__', 'browser')
    for folder in ('colorize_nb', 'tests'): shutil.copytree(ROOT/folder, to/folder, ignore=ignore)
    for name in ('pyproject.toml', 'settings.ini'): shutil.copy2(ROOT/name, to/name)

def run_tests(folder, tests, only):
    "pytest's answer in `folder`: 0 all passed, 1 some failed, more if none could run."
    command = [sys.executable, '-m', 'pytest', '-q', '-x', '-n', '0', '-p', 'no:cacheprovider', tests, '-k', only]
    env = {**os.environ, 'PYTHONPATH': str(folder), 'PYTHONDONTWRITEBYTECODE': '1'}
    env.setdefault('OMP_NUM_THREADS', '1')
    try: return subprocess.run(command, cwd=folder, env=env, capture_output=True, timeout=LIMIT).returncode
    except subprocess.TimeoutExpired: return 1

def sound(folder, found):
    "Do all tests that are to notice something pass as things are?"
    only = {}
    for m in found: only.setdefault(m['tests'], set()).add(m['only'])
    return all(run_tests(folder, tests, ' or '.join(sorted(words)))==0 for tests,words in only.items())

def try_one(folder, mutant):
    "'caught', 'SURVIVED', or why it could not be tried."
    file = folder/'colorize_nb'/mutant['file']
    text = file.read_text('utf8')
    times = text.count(mutant['old'])
    if times!=1: return f'DOES NOT FIT (its text stands there {times} times)'
    file.write_text(text.replace(mutant['old'], mutant['new']), 'utf8')
    try: answer = run_tests(folder, mutant['tests'], mutant['only'])
    finally: file.write_text(text, 'utf8')
    return {0: 'SURVIVED', 1: 'caught'}.get(answer, f'NO TEST RAN (pytest ended with {answer})')

def main(word=''):
    found, bad = mutants(word), 0
    if not found: sys.exit(f'no change has {word!r} in its description')
    with tempfile.TemporaryDirectory() as d:
        copy(Path(d))
        if not sound(Path(d), found): sys.exit('some of the tests fail as things are; run pytest first')
        for m in found:
            start = time.time()
            verdict = try_one(Path(d), m)
            bad += verdict!='caught'
            print(f"{verdict:10}{m['broken']} ({time.time()-start:.0f} s)", flush=True)
    print(f'{len(found)-bad} of {len(found)} caught')
    sys.exit(bad>0)

if __name__=='__main__': main(*sys.argv[1:2])
