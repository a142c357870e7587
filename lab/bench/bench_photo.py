"Measure seconds and memory for coloring 12-megapixel photos, from file to file: one photo, and twenty."
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from colorize_nb.core.photo import bundled_photos

CHILD = '''
import resource, sys, time
import torch
def mb(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1024
alone = mb()
from colorize_nb.infer.colorizer import Colorizer
c, out, photos = Colorizer.load('shipped'), sys.argv[1], sys.argv[2:]
loaded, start = mb(), time.perf_counter()
for i,result in enumerate(c.colorize_many(photos) if len(photos)>1 else [c(photos[0])]): result.save(f'{out}/{i}.jpg')
print((time.perf_counter()-start)/len(photos), alone, loaded, mb())
'''


def measure(photos, runs):
    "Return medians: seconds per photo, and peak memory in MB with torch alone, with the model, and at the end."
    found = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as out:
            run = [sys.executable, '-W', 'ignore', '-c', CHILD, out, *photos]
            found.append([float(v) for v in subprocess.run(run, check=True, capture_output=True, text=True).stdout.split()])
    return [statistics.median(v) for v in zip(*found)]


def bench_photo(runs=3, n=20):
    "Return rows for `make bench`: seconds per photo and peak memory."
    with tempfile.TemporaryDirectory() as d:
        src = Path(d)/'large.jpg'
        Image.open(bundled_photos()['china']).convert('RGB').resize((4096,2930), Image.BICUBIC).save(src, quality=92)
        one, many = measure([src], runs), measure([src]*n, 1)
    measured = (('a 12-megapixel JPEG', '1 s, 600 MB', one), (f'each of {n} 12-megapixel JPEGs', '0.7 s', many))
    return [{'what': f'color {what}, file to file', 's': s, 'peak MB': peak, 'torch alone, MB': torch,
             'model loaded, MB': loaded, 'target': target} for what,target,(s,torch,loaded,peak) in measured]


if __name__=='__main__':
    for row in bench_photo(): print(row)
