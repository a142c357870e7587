"""Break the package on purpose, one thing at a time, and see whether the tests notice. The list is `mutants.json`.

    python tools/mutants.py              all of them
    python tools/mutants.py Cats         those whose description has "Cats" in it

Each change is made in a copy; the repository stays as it is. Ends with 1 if a change survives or no longer fits.
"""
import json, os, shutil, subprocess, sys, tempfile, time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT/'tools/mutants.json'
LIMIT = 300 # Seconds for the tests of one change; a change that makes them hang is noticed, too

def mutants(word=''):
    "The changes whose description contains `word`."
    return [m for m in json.loads(LIST.read_text('utf8')) if word.lower() in m['broken'].lower()]

def copy(to):
    "What the tests need of the repository, in the folder `to`."
    ignore = shutil.ignore_patterns('__pycache__', 'browser')
    for folder in ('colorize_nb', 'tests'): shutil.copytree(ROOT/folder, to/folder, ignore=ignore)
    for name in ('pyproject.toml', 'settings.ini'): shutil.copy2(ROOT/name, to/name)

def passes(folder, mutant):
    "Do the tests that should notice pass in `folder`? With what they printed."
    command = [sys.executable, '-m', 'pytest', '-q', '-x', '-n', '0', '-p', 'no:cacheprovider', mutant['tests'], '-k', mutant['only']]
    env = {**os.environ, 'PYTHONPATH': str(folder), 'PYTHONDONTWRITEBYTECODE': '1'}
    env.setdefault('OMP_NUM_THREADS', '1')
    try: r = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=LIMIT)
    except subprocess.TimeoutExpired: return False, f'no end after {LIMIT} s'
    return r.returncode==0, r.stdout[-2000:]+r.stderr[-2000:]

def try_one(folder, mutant):
    "'caught', 'SURVIVED', or why it could not be tried."
    file = folder/'colorize_nb'/mutant['file']
    text = file.read_text('utf8')
    if text.count(mutant['old'])!=1: return f"NO LONGER FITS: found {text.count(mutant['old'])} times in {mutant['file']}"
    ok, said = passes(folder, mutant)
    if not ok: return f'TESTS FAIL WITHOUT IT: {said.strip().splitlines()[-1]}'
    file.write_text(text.replace(mutant['old'], mutant['new']), 'utf8')
    try: ok, said = passes(folder, mutant)
    finally: file.write_text(text, 'utf8')
    if ok: return 'SURVIVED'
    return 'caught' if ' failed' in said or 'no end' in said else f'NO TEST RAN: {said.strip().splitlines()[-1]}'

def main(word=''):
    found, bad = mutants(word), 0
    if not found: sys.exit(f'no change has {word!r} in its description')
    with tempfile.TemporaryDirectory() as d:
        copy(Path(d))
        for m in found:
            start = time.time()
            verdict = try_one(Path(d), m)
            bad += verdict!='caught'
            print(f"{verdict:10}{m['broken']} ({time.time()-start:.0f} s)", flush=True)
    print(f'{len(found)-bad} of {len(found)} caught')
    sys.exit(bad>0)

if __name__=='__main__': main(*sys.argv[1:2])
