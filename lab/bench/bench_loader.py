"Photos per second that reach the network: from JPEG files with 0, 1 and 2 workers, and from squares that were decoded once."
import tempfile, time
from pathlib import Path

def copies(folder, n):
    "`n` JPEG files of the bundled photos, 640 pixels wide."
    from colorize_nb.core.photo import bundled_photos, open_photo
    folder.mkdir()
    photos = [im.resize((640, round(640*im.height/im.width))) for im in map(open_photo, bundled_photos().values())]
    for i in range(n): photos[i%len(photos)].save(folder/f'{i}.jpg', quality=92)
    return sorted(folder.iterdir())

def speed(dl, seconds):
    "Photos per second of a loader alone, workers started before the clock; as many epochs as it takes."
    seen, start = 0, None
    while start is None or time.perf_counter()-start<seconds:
        for x,_ in dl:
            if start is None: start = time.perf_counter() # the first batch waits for all that is started
            else: seen += len(x)
    return seen/(time.perf_counter()-start)

def bench_loader(n=400, size=128, bs=32, seconds=6):
    "Rows for `make bench`: each way alone, and its ratio to reading the JPEG files in the training process itself."
    from colorize_nb.data.features import DecodedPhotos
    from colorize_nb.data.folder import ColorizeDataLoaders
    how = dict(size=size, bs=bs, valid_pct=.1, device='cpu')
    with tempfile.TemporaryDirectory() as tmp:
        files = copies(Path(tmp)/'photos', n)
        start = time.perf_counter()
        cache = DecodedPhotos.build(Path(tmp)/'cache', files)
        made = len(files)/(time.perf_counter()-start)
        def from_files(w): return ColorizeDataLoaders.from_files(files, augment='flip', num_workers=w, **how).train
        ways = {f'JPEG files, {w} workers': from_files(w) for w in (0, 1, 2)}
        ways['decoded squares'] = cache.dataloaders(**how).train
        found = {k: speed(dl, seconds) for k,dl in ways.items()}
    first = found['JPEG files, 0 workers']
    rows = [{'what': f'load {k}, {size} px', 'images/s': v, 'x JPEG files': v/first} for k,v in found.items()]
    return [*rows, {'what': 'decode squares once, 160 px', 'images/s': made, 'x JPEG files': made/first}]

if __name__=='__main__':
    for row in bench_loader(): print(row)
