"Measure how many frames per second of a 720p video and a GIF are colored, and where the time goes."
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from colorize_nb.core.photo import bundled_photos


def frames(n, size):
    "Return `n` frames of a camera that moves across a photo."
    whole = Image.open(bundled_photos()['china']).convert('RGB').resize((size[0]+4*n, size[1]+2*n), Image.BICUBIC)
    return [whole.crop((4*i, 2*i, 4*i+size[0], 2*i+size[1])) for i in range(n)]


def write_film(pictures, to):
    "Write frames as an H.264 video with 25 frames per second."
    import av
    with av.open(str(to), 'w') as out:
        v = out.add_stream('libx264', rate=25)
        v.width, v.height, v.pix_fmt = *pictures[0].size, 'yuv420p'
        for p in pictures: out.mux(v.encode(av.VideoFrame.from_image(p)))
        out.mux(v.encode())


@contextmanager
def timed(seconds):
    "Add the time that predicting and painting take to `seconds`."
    from colorize_nb.infer import film
    from colorize_nb.infer.colorizer import Colorizer
    patched = [(Colorizer, 'predict_many', 'predict'), (film, 'paint', 'paint')]
    originals = [getattr(owner, name) for owner,name,_ in patched]
    def wrapped(f, stage):
        def run(*args, **kwargs):
            start = time.perf_counter()
            try: return f(*args, **kwargs)
            finally: seconds[stage] = seconds.get(stage, 0)+time.perf_counter()-start
        return run
    for (owner,name,stage),f in zip(patched, originals): setattr(owner, name, wrapped(f, stage))
    try: yield
    finally:
        for (owner,name,_),f in zip(patched, originals): setattr(owner, name, f)


def bench_film(n=48):
    "Return rows for `make bench`: frames per second, and where the time goes."
    from colorize_nb.infer.film import color_moving
    from colorize_nb.infer.colorizer import Colorizer
    colorizer, rows = Colorizer.load('shipped'), []
    with tempfile.TemporaryDirectory() as d:
        film, gif, small = Path(d)/'film.mp4', Path(d)/'film.gif', frames(n, (480,270))
        write_film(frames(n, (1280,720)), film)
        small[0].save(gif, save_all=True, append_images=small[1:], duration=40, loop=0)
        for src,what in ((film, 'a 1280x720 video'), (gif, 'a 480x270 GIF')):
            color_moving(src, Path(d)/f'first{src.suffix}', colorizer) # the first run also starts threads
            stages, start = {}, time.perf_counter()
            with timed(stages): color_moving(src, Path(d)/f'out{src.suffix}', colorizer)
            whole = time.perf_counter()-start
            stages['read, smooth, and write'] = whole-sum(stages.values())
            shares = ', '.join(f'{k} {v/whole:.0%}' for k,v in sorted(stages.items(), key=lambda kv: -kv[1]))
            rows.append({'what': f'color {what}', 'frames/s': n/whole, 'time goes into': shares})
    return rows


if __name__=='__main__':
    for row in bench_film(): print(row)
