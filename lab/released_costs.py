"""Measure what each released network costs on one CPU core: parameters, seconds, and memory at its native size.

    python -m lab.released_costs            # all networks, one process each
    python -m lab.released_costs eccv16     # just this one

The weights are random, because neither time nor memory depends on their values. `seconds` is the CPU time of one core, so other programs
on the machine matter little. `peak_mb` is the growth of the process: the weights and the intermediate results."""
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

RESULTS = Path(__file__).parent/'results'/'released_costs.json'


def sizes():
    "Return the native size of each network: the side of the square that the original program uses for photos."
    from colorize_nb.models.released.table import list_released, released_models
    def native(n): return max((f['size'] for f in released_models().values() if f['network']==n), default=256)
    return {n: native(n) for n in list_released()} | {'shipped': None}


def random_weights(net):
    "Give a network on the meta device random weights with a sensible scale."
    import torch
    net = net.to_empty(device='cpu').eval()
    for name,v in net.state_dict().items():
        if not v.is_floating_point(): v.zero_()
        elif v.ndim>1: v.normal_(std=v[0].numel()**-.5)
        else: v.fill_(float(name.endswith(('weight', 'var', 'gamma', 'layer_scale'))))
        if name in ('mean', 'std'): v.fill_(.5)
    return net


def peak_mb():
    "Return the peak memory of this process so far."
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1024


def import_network(name):
    "Import what a network needs, so that its memory can be measured separately from that of the libraries."
    import colorize_nb.infer.colorizer
    from colorize_nb.models.released.table import create_released
    if name!='shipped': create_released(name)


def load(name, size):
    "Return a network and its native size."
    if name=='shipped':
        from colorize_nb.infer.colorizer import Colorizer
        colorizer = Colorizer.load('shipped')
        return colorizer.model, colorizer.size
    from colorize_nb.models.released.table import create_released
    return random_weights(create_released(name)), size


def measure(name, size=None, repeats=1):
    "Measure one network in this process."
    import torch
    torch.set_num_threads(1)
    native = sizes()
    import_network(name)
    before = peak_mb()
    net, size = load(name, size or native[name])
    side = -(-size//32)*32
    x, seconds = torch.rand(1, 1, side, side)*2-1, []
    with torch.inference_mode():
        net(x[...,:64,:64]) # the first call loads libraries
        for _ in range(repeats):
            start = time.process_time()
            net(x)
            seconds.append(time.process_time()-start)
    return dict(network=name, size=size, parameters=sum(p.numel() for p in net.parameters()), seconds=min(seconds),
                peak_mb=peak_mb()-before)


def main(names):
    "Measure networks one after the other, and store the results."
    rows = {r['network']: r for r in (json.loads(RESULTS.read_text())['rows'] if RESULTS.exists() else [])}
    for name in names or sizes():
        run = [sys.executable, '-W', 'ignore', '-m', 'lab.released_costs', '--one', name]
        out = subprocess.run(run, capture_output=True, text=True, env={**os.environ, 'OMP_NUM_THREADS': '1'})
        if out.returncode:
            print(f'{name}: failed\n{out.stderr[-600:]}')
            continue
        rows[name] = json.loads(out.stdout.splitlines()[-1])
        print(rows[name], flush=True)
        RESULTS.write_text(json.dumps(dict(note='one CPU core, random weights', rows=list(rows.values())), indent=1)+'\n')


if __name__=='__main__':
    if sys.argv[1:2]==['--one']: print(json.dumps(measure(sys.argv[2])))
    else: main(sys.argv[1:])
