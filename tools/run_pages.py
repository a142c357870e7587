"""Run notebooks from top to bottom, each in a fresh kernel, and save their outputs: `python tools/run_pages.py nbs/color/*.ipynb`.

`--check` only runs them, skips cells marked `#| slow` or `#| cuda`, and saves nothing: this is how `make test` runs the notebooks.
"""
import argparse
import json
import os
import re
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).resolve().parent.parent
SKIP = re.compile(r'^#\|\s*(slow|cuda)\b', re.M)
NEVER = re.compile(r'^#\|\s*eval:\s*false', re.M)


def runs(source, check):
    "Return whether a code cell should run."
    return not NEVER.search(source) and not (check and SKIP.search(source)) and not (check and 'nbdev_export()' in source)


class Page(NotebookClient):
    "A notebook client that leaves out cells that must not run."
    check = False

    async def async_execute_cell(self, cell, cell_index, **kwargs):
        if cell.cell_type=='code' and not runs(cell.source, self.check): return cell
        return await super().async_execute_cell(cell, cell_index, **kwargs)


def run(path, check=False, timeout=1200):
    "Run one notebook. Return an error message, or an empty string."
    nb = nbformat.read(path, as_version=4)
    if not check:
        for c in nb.cells:
            if c.cell_type=='code' and runs(c.source, check): c.outputs, c.execution_count = [], None
    client = Page(nb, timeout=timeout, kernel_name='python3', resources={'metadata': {'path': str(Path(path).parent)}},
                  store_widget_state=False)
    client.check = check
    try: client.execute()
    except CellExecutionError as e: return str(e)[-3000:]
    except Exception as e: return f'{type(e).__name__}: {e}'
    if not check:
        nb.metadata.pop('widgets', None)
        for c in nb.cells:
            if c.cell_type=='code': c.execution_count = None
            c.metadata.pop('execution', None)
        text = json.dumps(nb, indent=1, ensure_ascii=False, sort_keys=True)
        Path(path).write_text(text+'\n', 'utf8')
    return ''


def pages(paths, skip=()):
    "The notebooks in `paths`, which are files or folders, except those in folders named in `skip`."
    found = [p for f in map(Path, paths) for p in (sorted(f.rglob('*.ipynb')) if f.is_dir() else [f])]
    return [p for p in found if not {'.ipynb_checkpoints', *skip} & {*p.parts}]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('paths', nargs='+', help='notebooks or folders of notebooks')
    p.add_argument('--check', action='store_true', help='save nothing and skip slow cells')
    p.add_argument('--skip', nargs='*', default=[], metavar='FOLDER', help='leave out folders with these names')
    p.add_argument('--workers', type=int, default=1)
    args = p.parse_args()
    todo = pages(args.paths, args.skip)
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    os.environ.setdefault('PYTHONWARNINGS', 'ignore::FutureWarning:torch.jit._script') # fastai's import warns
    os.environ['PYTHONPATH'] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get('PYTHONPATH')])])
    failed = []

    def one(path):
        start = time.perf_counter()
        error = run(path, args.check)
        print(f"{'FAILED' if error else 'ok'} {path} {time.perf_counter()-start:.0f} s", flush=True)
        if error: failed.append((path, error))

    with ThreadPoolExecutor(args.workers) as pool: list(pool.map(one, todo))
    for path,error in failed: print(f'\n=== {path}\n{error}')
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss/1e6
    print(f'{len(todo)-len(failed)} passed, {len(failed)} failed; the largest kernel used {peak:.1f} GB')
    sys.exit(bool(failed))


if __name__=='__main__': main()
