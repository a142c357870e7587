"How fast RGB goes to Lab and back, beside other libraries."
import statistics, time

def bench_color(n=16, px=256, runs=15):
    "Rows for `make bench`: medians over interleaved runs of RGB -> Lab -> RGB on `n` photos of `px` x `px`, and the ratio to scikit-image."
    import numpy as np, torch
    from skimage import color, data
    from colorize_nb.color.space import lab2rgb, rgb2lab
    photos = (data.astronaut(), data.coffee(), data.chelsea(), data.rocket())
    crops = [im[y:y+px, x:x+px] for im in photos for y in (0, im.shape[0]-px) for x in (0, im.shape[1]-px)]
    hwc = np.stack([crops[i%len(crops)] for i in range(n)])/255
    f32 = hwc.astype('f4')
    x = torch.tensor(f32).permute(0, 3, 1, 2).contiguous()
    ways = {'scikit-image': lambda: color.lab2rgb(color.rgb2lab(hwc)), 'scikit-image, float32': lambda: color.lab2rgb(color.rgb2lab(f32)),
            'colorize_nb': lambda: lab2rgb(rgb2lab(x))}
    try:
        import kornia.color as kc
        ways['kornia'] = lambda: kc.lab_to_rgb(kc.rgb_to_lab(x))
    except ImportError: pass
    try:
        import cv2
        cv2.setNumThreads(torch.get_num_threads())
        ways['OpenCV, float32'] = lambda: [cv2.cvtColor(cv2.cvtColor(o, cv2.COLOR_RGB2Lab), cv2.COLOR_Lab2RGB) for o in f32]
    except ImportError: pass
    times = {k: [] for k in ways}
    with torch.no_grad():
        for i in range(runs + 1):
            for k,f in ways.items():
                t = time.perf_counter()
                f()
                t = time.perf_counter() - t
                if i: times[k].append(t)
    ms = {k: 1e3*statistics.median(v) for k,v in times.items()}
    def row(k, v):
        return {'what': f'RGB -> Lab -> RGB, {n} x {px}x{px}, {k}', 'ms': v,
                'x scikit-image': ms['scikit-image']/v, 'x scikit-image, float32': ms['scikit-image, float32']/v}
    return [row(k, v) for k,v in ms.items()]

if __name__ == '__main__':
    for row in bench_color(): print(row)
