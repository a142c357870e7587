"""What an archive of small photos costs: photos per second of the plain loop, of one worker and of two, and memory while thousands are
coloured.
With Ray installed, the same two workers on a cluster of this machine too.
python -m lab.archive writes lab/results/archive.json, which the pages on archives and clusters show."""
import argparse, json, os, shutil, tempfile, time
from pathlib import Path

import torch
torch.set_num_threads(1) # as each worker has it

from colorize_nb.app.archive import color_archive
from colorize_nb.app import archive, cluster
from colorize_nb.app.workers import Crew
from colorize_nb.data.folder import crop_photos
from colorize_nb.infer.colorizer import Colorizer

RESULT = Path(__file__).parent/'results/archive.json'

def make(folder, n, distinct=100, side=128):
    "`n` crops of bundled photos, a hundred of them different."
    crops = sorted(crop_photos(folder/'crops', distinct, side).iterdir())
    for i in range(n):
        to = folder/f'photos/{i//500:03}/{i:06}.jpg'
        to.parent.mkdir(parents=True, exist_ok=True)
        os.link(crops[i%distinct], to)
    return folder/'photos'

def memory(pid):
    "Resident memory of a process in MB."
    lines = Path(f'/proc/{pid}/status').read_text().splitlines()
    return next(int(l.split()[1])/1000 for l in lines if l.startswith('VmRSS'))

class Watched(Crew):
    "A crew that notes the time and the memory of its processes."
    seen, every = [], 250
    def run(self, parcels, *a):
        n, told = 0, 0
        for rows in super().run(parcels, *a):
            n += len(rows)
            if n-told>=self.every or not told:
                told = n
                now, main = time.perf_counter(), memory(os.getpid())
                Watched.seen.append(dict(photos=n, s=now, main=main, worker=max(map(memory, self.pool._processes))))
            yield rows

def plain(photos, folder, out, size):
    "Photos per second of the plain loop."
    shipped, t0 = Colorizer.load('shipped'), time.perf_counter()
    for p in photos: shipped(p, size=size).save(out/p.relative_to(folder).with_stem(f'{p.stem}-color'))
    return len(photos)/(time.perf_counter()-t0)

def rate(folder, out, workers, size):
    "Photos per second once the workers are there, and seconds until they were."
    Watched.seen, t0 = [], time.perf_counter()
    color_archive([folder], out, workers, size=size)
    first, last = Watched.seen[0], Watched.seen[-1]
    return (last['photos']-first['photos'])/(last['s']-first['s']), first['s']-t0

def same(a, b):
    "Files of one result equal to those of the other, and all."
    files = [p.relative_to(a) for p in a.rglob('*.jpg')]
    return sum((a/f).read_bytes()==(b/f).read_bytes() for f in files), len(files)

def linked(photos, folder):
    "The photos in a new folder, without copies."
    folder.mkdir()
    for f in photos: os.link(f, folder/f.name)
    return sorted(folder.iterdir())

def rates(d, n):
    "A row per size of the network's input; at 256 px a quarter of the photos."
    made, found = sorted(make(d, n).rglob('*.jpg')), []
    Watched.every = max(8, n//20)
    for size in (64, 256):
        photos = made if size==64 else made[:n//4]
        part, out = d/f'part{size}', d/f'plain{size}'
        photos = linked(photos, part)
        row = dict(input=size, photos=len(photos), plain=plain(photos, part, out, size))
        for workers in (1, 2):
            to = d/f'out{size}_{workers}'
            row[f'workers {workers}'], row[f'start {workers}, s'] = rate(part, to, workers, size)
            row[f'equal {workers}'] = same(out, to)[0]
        found.append(dict(row, load=os.getloadavg()[0]))
        print(found[-1], flush=True)
    return found

def use(d, n, side):
    "Memory while one worker colours `n` photos."
    Watched.every = max(250, n//40)
    rate(make(d, n, side=side), d/'out', 1, 32)
    t0 = Watched.seen[0]['s']
    print(Watched.seen[0], Watched.seen[-1])
    return [dict(photos=s['photos'], main=round(s['main'], 1), worker=round(s['worker'], 1), seconds=round(s['s']-t0, 1))
            for s in Watched.seen]

def timed(crew):
    "The class `crew`, noting when rows come."
    class Timed(crew):
        def run(self, parcels, *a):
            for rows in super().run(parcels, *a):
                Timed.seen.append((len(rows), time.perf_counter()))
                yield rows
    return Timed

def clusters(d, n, size=64):
    "Two workers of this machine without and with Ray, beside the plain loop; seconds count from the command."
    part = d/'part'
    photos = linked(sorted(make(d, n).rglob('*.jpg')), part)
    found = [dict(how='plain loop', photos=n, rate=plain(photos, part, d/'plain', size), load=os.getloadavg()[0])]
    for how,crew,ray in (('--workers 2', timed(Crew), None), ('--ray local --workers 2', timed(cluster.RayCrew), 'local')):
        archive.Crew, cluster.RayCrew, crew.seen, t0 = crew, crew, [], time.perf_counter()
        color_archive([part], d/how, 2, size=size, ray=ray)
        (k, first), (_, last) = crew.seen[0], crew.seen[-1]
        times = dict(rate=(n-k)/(last-first), start=first-t0, whole=time.perf_counter()-t0)
        found.append(dict(how=how, photos=n, **times, equal=same(d/how, d/'plain')[0], load=os.getloadavg()[0]))
        print(found[-1], flush=True)
    return found

def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument('--few', type=int, default=600, help='photos for the rates')
    p.add_argument('--many', type=int, default=3000, help='photos for the memory')
    p.add_argument('--side', type=int, default=128, help='of these, in pixels')
    p.add_argument('--ray', type=int, default=300, help='photos with and without Ray')
    p.add_argument('--only', choices=('rates','memory','ray'), help='the other part stays as it was measured before')
    a = p.parse_args()
    found = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    found.update(torch=torch.__version__, cores=os.cpu_count(), photo='128 x 128 JPEG, crops of bundled photos')
    if a.only in (None, 'memory'): found['side'] = a.side
    for part in [a.only] if a.only else ('rates','memory','ray'):
        archive.Crew, d = Watched, Path(tempfile.mkdtemp())
        try: found[part] = rates(d, a.few) if part=='rates' else use(d, a.many, a.side) if part=='memory' else clusters(d, a.ray)
        finally: shutil.rmtree(d)
        RESULT.write_text(json.dumps(found, indent=1)+'\n')

if __name__=='__main__': main()
