"Measure photos per second of data loaders: from JPEG files with 0, 1, and 2 workers, and from decoded squares."
import tempfile, time
from pathlib import Path

def copies(folder, n):
    "Save the bundled photos, 640 px wide, as `n` JPEG files in `folder`; returns the files."
    from colorize_nb.core.photo import bundled_photos, open_photo
    folder.mkdir()
    photos = [im.resize((640, round(640*im.height/im.width))) for im in map(open_photo, bundled_photos().values())]
    for i in range(n): photos[i%len(photos)].save(folder/f'{i}.jpg', quality=92)
    return sorted(folder.iterdir())

def speed(dl, seconds):
    "Return photos per second of a loader without training. The clock starts after the workers have started."
    seen, start = 0, None
    while start is None or time.perf_counter()-start<seconds:
        for x,_ in dl:
            if start is None: start = time.perf_counter() # the first batch waits until all workers have started
            else: seen += len(x)
    return seen/(time.perf_counter()-start)

def bench_loader(n=400, size=128, bs=32, seconds=6):
    "Return rows for `make bench`: the speed of each loader, and its ratio to reading JPEG files without workers."
    from colorize_nb.data.features import DecodedPhotos
    from colorize_nb.data.folder import ColorizeDataLoaders
    options = dict(size=size, bs=bs, valid_pct=.1, device='cpu')
    with tempfile.TemporaryDirectory() as tmp:
        files = copies(Path(tmp)/'photos', n)
        start = time.perf_counter()
        cache = DecodedPhotos.build(Path(tmp)/'cache', files)
        built = len(files)/(time.perf_counter()-start)
        def from_files(w): return ColorizeDataLoaders.from_files(files, augment='flip', num_workers=w, **options).train
        loaders = {f'JPEG files, {w} workers': from_files(w) for w in (0, 1, 2)}
        loaders['decoded squares'] = cache.dataloaders(**options).train
        found = {k: speed(dl, seconds) for k,dl in loaders.items()}
    first = found['JPEG files, 0 workers']
    rows = [{'what': f'load {k}, {size} px', 'images/s': v, 'x JPEG files': v/first} for k,v in found.items()]
    return [*rows, {'what': 'decode squares once, 160 px', 'images/s': built, 'x JPEG files': built/first}]

if __name__=='__main__':
    for row in bench_loader(): print(row)
