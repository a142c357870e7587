"Run the benchmarks and print their results as one table."
import argparse, importlib, os, platform, sys, time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
parts = ['color', 'photo', 'start', 'film', 'loader', 'train', 'processes', 'bins']

def cell(v):
    "Format a value for the table; floats get three digits."
    if v is None: return ''
    if not isinstance(v, float): return str(v)
    return f'{v:.3g}' if abs(v)<1000 else f'{v:,.0f}'

def table(rows):
    "Return a Markdown table of a list of dicts, with columns in the order in which they first appear."
    cols = list(dict.fromkeys(k for r in rows for k in r))
    body = [[cell(r.get(c)) for c in cols] for r in rows]
    wide = [max(len(c), *(len(r[i]) for r in body)) for i,c in enumerate(cols)]
    line = lambda cells: '| ' + ' | '.join(s.ljust(w) for s,w in zip(cells, wide)) + ' |'
    return '\n'.join([line(cols), line(['-'*w for w in wide]), *map(line, body)])

def main():
    "Run the chosen benchmarks and print their rows; exits with an error message if some of them failed."
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument('what', nargs='*', choices=[[], *parts], help=f"any of {', '.join(parts)} (default: all)")
    a = p.parse_args()
    import torch, colorize_nb
    rows, failed, t0 = [], [], time.perf_counter()
    for name in a.what or parts:
        print(f'running {name} ...', file=sys.stderr, flush=True)
        try: rows += getattr(importlib.import_module(f'bench_{name}'), f'bench_{name}')()
        except Exception as e: failed.append(f'{name}: {type(e).__name__}: {e}')
    if rows: print(table(rows))
    print(f'\nAll times are medians, and ratios compare rows of this run. colorize_nb {colorize_nb.__version__}, '
          f'torch {torch.__version__}, {torch.get_num_threads()} threads, '
          f'{os.cpu_count()} cores, {platform.machine()}, load {os.getloadavg()[0]:.1f}, {time.perf_counter()-t0:.0f} s.')
    if failed: sys.exit('failed: ' + '; '.join(failed))

if __name__=='__main__': main()
