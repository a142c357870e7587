"Compare the speed of our RGB to Lab conversion with other libraries: one thread, all threads, and gradients."
import os

from lab.bench.timing import medians


def photos(n, px):
    "Return corners of scikit-image's sample photos: `(n,px,px,3)` floats in [0,1]."
    import numpy as np
    from skimage import data
    pictures = (data.astronaut(), data.coffee(), data.chelsea(), data.rocket())
    crops = [im[y:y+px, x:x+px] for im in pictures for y in (0, im.shape[0]-px) for x in (0, im.shape[1]-px)]
    return np.stack([crops[i%len(crops)] for i in range(n)])/255


def pairs(hwc):
    "Return `{library: (to Lab, back)}`, functions without arguments. Skips libraries that aren't installed."
    import torch
    from skimage import color
    from colorize_nb.color.space import lab2rgb, rgb2lab
    f32 = hwc.astype('f4')
    lab64, lab32 = color.rgb2lab(hwc), color.rgb2lab(f32)
    x, y = (torch.tensor(t).permute(0, 3, 1, 2).contiguous() for t in (f32, lab32))
    ways = {'scikit-image': (lambda: color.rgb2lab(hwc), lambda: color.lab2rgb(lab64)),
            'scikit-image, float32': (lambda: color.rgb2lab(f32), lambda: color.lab2rgb(lab32)),
            'colorize_nb': (lambda: rgb2lab(x), lambda: lab2rgb(y))}
    try:
        import kornia.color as kc
        ways['kornia'] = lambda: kc.rgb_to_lab(x), lambda: kc.lab_to_rgb(y)
    except ImportError: pass
    try:
        import cv2
        cv2.setNumThreads(torch.get_num_threads())
        ways['OpenCV, float32'] = tuple(lambda images=images, code=code: [cv2.cvtColor(im, code) for im in images]
                                        for images,code in ((f32, cv2.COLOR_RGB2Lab), (lab32, cv2.COLOR_Lab2RGB)))
    except ImportError: pass
    return ways


def round_trips(hwc):
    "Return `{library: function}`. Each function converts RGB to Lab and back, and computes gradients."
    import torch
    from colorize_nb.color.space import lab2rgb, rgb2lab
    x = torch.tensor(hwc.astype('f4')).permute(0, 3, 1, 2).contiguous().requires_grad_()
    def both(to, back): return lambda: torch.autograd.grad(back(to(x)).sum(), x)
    ways = {'colorize_nb': both(rgb2lab, lab2rgb)}
    try:
        import kornia.color as kc
        ways['kornia'] = both(kc.rgb_to_lab, kc.lab_to_rgb)
    except ImportError: pass
    return ways


def rows_of(what, ways, mpx, runs, target=None):
    "Yield one row per library: its speed in megapixels per second, and how many times as fast ours is."
    seconds = medians(ways, runs)
    ours = seconds['colorize_nb']
    for k,s in seconds.items():
        row = {'what': f'{what}, {k}', 'Mpx/s': mpx/s, 'colorize_nb is': f'{s/ours:.2f} x as fast'}
        yield row | ({'target': target[1]} if target and k==target[0] else {})


def bench_color(n=16, px=256, runs=15):
    "Return rows for `make bench`: megapixels per second by number of threads, without and with gradients."
    import torch
    hwc, mpx, rows, threads = photos(n, px), n*px*px/1e6, [], torch.get_num_threads()
    for t in dict.fromkeys((1, os.cpu_count())):
        torch.set_num_threads(t)
        ways = pairs(hwc)
        with torch.no_grad():
            for i,way in enumerate(('RGB -> Lab', 'Lab -> RGB')):
                one = {k: f[i] for k,f in ways.items()}
                rows += rows_of(f'{way}, {t} thread{"s"[:t>1]}', one, mpx, runs, ('OpenCV, float32', '0.5 x'))
        what = f'RGB -> Lab -> RGB with gradients, {t} thread{"s"[:t>1]}'
        rows += rows_of(what, round_trips(hwc[:4]), mpx*4/n, runs, ('kornia', '2 x'))
    torch.set_num_threads(threads)
    return rows


if __name__=='__main__':
    for row in bench_color(): print(row)
