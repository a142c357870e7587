"Seconds and memory of 12-megapixel photos from file to file, in processes of their own: one photo, and each of twenty."
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


def measured(photos, runs):
    "Medians of seconds per photo, and of the peak memory in MB: torch alone, with the model, in the end."
    found = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as out:
            run = [sys.executable, '-W', 'ignore', '-c', CHILD, out, *photos]
            found.append([float(v) for v in subprocess.run(run, check=True, capture_output=True, text=True).stdout.split()])
    return [statistics.median(v) for v in zip(*found)]


def bench_photo(runs=3, n=20):
    "Rows of the bench table."
    with tempfile.TemporaryDirectory() as d:
        src = Path(d)/'large.jpg'
        Image.open(bundled_photos()['china']).convert('RGB').resize((4096,2930), Image.BICUBIC).save(src, quality=92)
        one, many = measured([src], runs), measured([src]*n, 1)
    return [{'what': f'color {what} of 12 megapixels, file to file', 's': s, 'peak MB': peak, 'torch alone, MB': torch,
             'model loaded, MB': loaded, 'target': target}
            for what,target,(s,torch,loaded,peak) in (('a JPEG', '1 s, 600 MB', one), (f'each JPEG of {n}', '0.7 s', many))]


if __name__=='__main__':
    for row in bench_photo(): print(row)
