"How long it takes to begin: the command line's help, the model, the whole library, each beside what it cannot do without."
import subprocess
import sys

from lab.bench.timing import medians

WAYS = { # what -> program, and the one it stands beside
    'Python alone': ('pass', None),
    'colorize-nb --help': ('from colorize_nb.app.cli import main; main(["--help"])', 'Python alone'),
    'import torch': ('import torch', None),
    'load the shipped model': ('from colorize_nb.infer.colorizer import Colorizer; Colorizer.load("shipped")', 'import torch'),
    'from fastai.vision.all import *': ('from fastai.vision.all import *', None),
    'from colorize_nb.all import *': ('from colorize_nb.all import *', 'from fastai.vision.all import *'),
}
TARGETS = {'colorize-nb --help': '0.2 s', 'load the shipped model': '0.8 s'}


def bench_start(runs=3):
    "Rows for `make bench`: medians of whole processes."
    def run(program): subprocess.run([sys.executable, '-W', 'ignore', '-c', program], stdout=subprocess.DEVNULL)
    seconds = medians({k: lambda p=p: run(p) for k,(p,_) in WAYS.items()}, runs)
    return [{'what': f'start: {k}', 's': s, 'beside': beside and f'{s-seconds[beside]:+.2f} s to {beside}', 'target': TARGETS.get(k)}
            for (k,(_,beside)),s in zip(WAYS.items(), seconds.values())]


if __name__=='__main__':
    for row in bench_start(): print(row)
