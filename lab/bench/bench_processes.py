"Compare training in one process on all cores with training in one process per core, at the same batch size."
import json, os, subprocess, sys, tempfile
from pathlib import Path

PROGRAM = '''
import json, sys
import torch
from fastai.torch_core import num_distrib, rank_distrib
from colorize_nb.data.folder import ColorizeDataLoaders
from colorize_nb.train.callbacks import DataTimer
from colorize_nb.train.learner import colorize_learner
from colorize_nb.train.distributed import distributed
torch.set_num_threads(int(sys.argv[2]))
dls = ColorizeDataLoaders.from_folder('photos', size=64, bs=int(sys.argv[1]), augment=False, device='cpu')
learn = colorize_learner(dls, 'unet_compact', metrics=[])
timer = DataTimer(warmup=3)
with distributed(learn), learn.no_bar(), learn.no_logging(): learn.fit(12, 1e-3, cbs=timer)
if not rank_distrib(): print(json.dumps(timer.images_per_s*max(1, num_distrib())))
'''

def bench_processes(n=None, photos_a_step=32):
    "Return rows for `make bench`: photos per second with one process, and with one process per core."
    from colorize_nb.data.folder import crop_photos
    n = n or os.cpu_count()
    with tempfile.TemporaryDirectory() as home:
        crop_photos(Path(home)/'photos', 120, 80)
        (Path(home)/'program.py').write_text(PROGRAM)
        def speed(*command):
            env = {k: v for k,v in os.environ.items() if k!='OMP_NUM_THREADS'}
            r = subprocess.run([sys.executable, *command], cwd=home, env=env, capture_output=True, text=True, check=True)
            return json.loads(r.stdout.splitlines()[-1])
        alone = speed('program.py', str(photos_a_step), str(n))
        many = speed('-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', str(n), 'program.py', str(photos_a_step//n), '1')
    ways = {f'one process, {n} threads': alone, f'{n} processes, one thread each': many}
    what = f'train unet_compact, 64 px, {photos_a_step} photos per step'
    return [{'what': f'{what}, {k}', 'images/s': v, 'x one process': v/alone} for k,v in ways.items()]

if __name__=='__main__':
    for row in bench_processes(): print(row)
