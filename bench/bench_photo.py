"Seconds and peak memory of a 12-megapixel photo from file to file, each measured in a process of its own."
import statistics, subprocess, sys, tempfile, time
from pathlib import Path

from PIL import Image

from colorize_nb.io.photo import bundled_photos

CHILD = '''
import resource, sys, time
t = time.perf_counter()
from colorize_nb.infer.colorizer import Colorizer
c = Colorizer.load('shipped')
loaded = time.perf_counter()
c(sys.argv[1]).save(sys.argv[2], force=True)
print(time.perf_counter()-loaded, loaded-t, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1024)
'''


def bench_photo(runs=3):
    "Rows of the bench table: medians over `runs`."
    with tempfile.TemporaryDirectory() as d:
        src = Path(d)/'large.jpg'
        Image.open(bundled_photos()['china']).convert('RGB').resize((4096,2930), Image.BICUBIC).save(src, quality=92)
        run = [sys.executable, '-W', 'ignore', '-c', CHILD, src, Path(d)/'out.jpg']
        said = [subprocess.run(run, check=True, capture_output=True, text=True).stdout for _ in range(runs)]
        got = [[float(v) for v in s.split()] for s in said]
    seconds, start, mb = (statistics.median(v) for v in zip(*got))
    return [{'what': 'colour a 12-megapixel JPEG, file to file', 's': seconds, 'peak MB': mb, 'target': '1 s, 600 MB'},
            {'what': 'start Python, load the shipped model', 's': start}]


if __name__=='__main__':
    for row in bench_photo(): print(row)
