"""Training speed, as `make bench` prints it: images per second and the share of time spent waiting for data, from JPEG files, in about a
minute."""
import tempfile
from pathlib import Path

def bench_train(archs=('unet_compact','unet_resnet18'), sizes=(64,128), bs=16, seconds=12):
    "Rows of the bench table: each architecture at each size, fp32, all augmentations, on crops of the bundled photos."
    import torch
    from colorize_nb.data.folder import ColorizeDataLoaders, crop_photos
    from colorize_nb.train.callbacks import DataTimer
    from colorize_nb.train.learner import colorize_learner
    rows = []
    with tempfile.TemporaryDirectory() as tmp:
        folder = crop_photos(Path(tmp)/'photos', n=256, size=160)
        for arch in archs:
            for size in sizes:
                dls = ColorizeDataLoaders.from_folder(folder, size=size, bs=bs, valid_pct=.02)
                learn = colorize_learner(dls, arch, metrics=[])
                timer = DataTimer(warmup=2, seconds=seconds)
                with learn.no_bar(), learn.no_logging(): learn.fit(1000, 1e-3, cbs=timer)
                rows.append({'what': f'train {arch}, {size} px, batch {bs}, {torch.device(dls.device).type}',
                             'images/s': float(timer.images_per_s),
                             'waiting for data': f'{timer.wait_share:.1%}', 'steps': timer.steps})
    return rows

if __name__=='__main__':
    for row in bench_train(): print(*(f'{v:.1f}' if isinstance(v, float) else v for v in row.values()), sep='  ')
