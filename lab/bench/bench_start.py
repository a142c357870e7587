"Measure startup times: the command-line help, the model, and the library, compared with what they depend on."
import subprocess
import sys

from lab.bench.timing import medians

WAYS = { # name -> program, and the name of the program to compare it with
    'Python alone': ('pass', None),
    'colorize-nb --help': ('from colorize_nb.app.cli import main; main(["--help"])', 'Python alone'),
    'import torch': ('import torch', None),
    'load the shipped model': ('from colorize_nb.infer.colorizer import Colorizer; Colorizer.load("shipped")', 'import torch'),
    'from fastai.vision.all import *': ('from fastai.vision.all import *', None),
    'from colorize_nb.all import *': ('from colorize_nb.all import *', 'from fastai.vision.all import *'),
}
TARGETS = {'colorize-nb --help': '0.2 s', 'load the shipped model': '0.8 s'}


def bench_start(runs=3):
    "Return rows for `make bench`: the median time of a whole process, from start to exit."
    def run(program): subprocess.run([sys.executable, '-W', 'ignore', '-c', program], stdout=subprocess.DEVNULL)
    seconds = medians({k: lambda p=p: run(p) for k,(p,_) in WAYS.items()}, runs)
    return [{'what': f'start: {k}', 's': s, 'target': TARGETS.get(k),
             'compared with': base and f'{s-seconds[base]:+.2f} s, {base}'}
            for (k,(_,base)),s in zip(WAYS.items(), seconds.values())]


if __name__=='__main__':
    for row in bench_start(): print(row)
