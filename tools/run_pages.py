"""Run notebooks from top to bottom, each in a fresh kernel, and save their outputs: `python tools/run_pages.py nbs/color/*.ipynb`.

`--check` only runs them, skips cells marked `#| slow` or `#| cuda`, and saves nothing: this is how `make test` runs the notebooks. Instead of
starting a kernel for each page, it forks a process that has already imported torch, fastai, and the other large libraries.
"""
import argparse
import json
import multiprocessing
import os
import re
import resource
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

LIBRARIES = ['torch', 'torchvision', 'fastai.vision.all', 'skimage.color', 'pandas', 'matplotlib.pyplot', 'ipywidgets', 'execnb.shell']
ROOT = Path(__file__).resolve().parent.parent
SKIP = re.compile(r'^#\|\s*(slow|cuda)\b', re.M)
NEVER = re.compile(r'^#\|\s*eval:\s*false', re.M)


def runs(source, check):
    "Return whether a code cell should run."
    return not NEVER.search(source) and not (check and SKIP.search(source)) and not (check and 'nbdev_export()' in source)


class Page(NotebookClient):
    "Run a notebook without the cells marked `#| eval: false`."
    async def async_execute_cell(self, cell, cell_index, **kwargs):
        if cell.cell_type=='code' and not runs(cell.source, False): return cell
        return await super().async_execute_cell(cell, cell_index, **kwargs)


def run(path, timeout=1200):
    "Run one notebook in a kernel and save its outputs. Return an error message, or an empty string."
    nb = nbformat.read(path, as_version=4)
    for c in nb.cells:
        if c.cell_type=='code' and runs(c.source, False): c.outputs, c.execution_count = [], None
    client = Page(nb, timeout=timeout, kernel_name='python3', resources={'metadata': {'path': str(Path(path).parent)}},
                  store_widget_state=False)
    try: client.execute()
    except CellExecutionError as e: return str(e)[-3000:]
    except Exception as e: return f'{type(e).__name__}: {e}'
    nb.metadata.pop('widgets', None)
    for c in nb.cells:
        if c.cell_type=='code': c.execution_count = None
        c.metadata.pop('execution', None)
    text = json.dumps(nb, indent=1, ensure_ascii=False, sort_keys=True)
    Path(path).write_text(text+'\n', 'utf8')
    return ''


def check_page(path, results):
    "Run the cells of one notebook in this process. Put an error message (or an empty string) and the memory in GB into the queue `results`."
    from execnb.shell import CaptureShell
    os.chdir(path.parent)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    shell, error = CaptureShell(path, mpl_format='png'), ''
    for c in nbformat.read(path, as_version=4).cells:
        if c.cell_type!='code' or not runs(c.source, True): continue
        shell.run(c.source)
        if shell.exc:
            error = f"{c.source}\n\n{''.join(traceback.format_exception(shell.exc))[-3000:]}"
            break
    results.put((error, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1e6))


def check(path, context, timeout=1200):
    "Run `check_page` in a fresh process. Return an error message (or an empty string) and the memory in GB."
    results = context.SimpleQueue()
    process = context.Process(target=check_page, args=(Path(path).resolve(), results))
    process.start()
    process.join(timeout)
    if process.is_alive():
        process.kill()
        return f'stopped after {timeout} s', 0
    return (f'the process ended with exit code {process.exitcode}', 0) if results.empty() else results.get()


def pages(paths, skip=()):
    "Return the notebooks in `paths`, which are files or folders, except those in folders named in `skip`."
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
    os.environ.setdefault('HF_HUB_OFFLINE', '1') # without a network, the Hub's library would retry for half a minute
    os.environ.setdefault('PYTHONWARNINGS', 'ignore::FutureWarning:torch.jit._script') # fastai's import warns
    os.environ['PYTHONPATH'] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get('PYTHONPATH')])])
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(LIBRARIES)
    failed, memory = [], [0]

    def one(path):
        start = time.perf_counter()
        error, used = check(path, context) if args.check else (run(path), 0)
        memory.append(used)
        print(f"{'FAILED' if error else 'ok'} {path} {time.perf_counter()-start:.0f} s", flush=True)
        if error: failed.append((path, error))

    with ThreadPoolExecutor(args.workers) as pool: list(pool.map(one, todo))
    for path,error in failed: print(f'\n=== {path}\n{error}')
    used = f'; the largest process used {max(memory):.1f} GB' if args.check else ''
    print(f'{len(todo)-len(failed)} passed, {len(failed)} failed{used}')
    sys.exit(bool(failed))


if __name__=='__main__': main()
