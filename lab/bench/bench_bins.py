"Measure whether encoding photos into soft targets of joint bins slows training down."
from lab.bench.timing import medians

def bench_bins(n=32, px=128, runs=5):
    "Return rows for `make bench`: encoding a batch into soft targets, and the forward pass of `unet_compact`."
    import torch
    from colorize_nb.color.classes import JointBins
    from colorize_nb.models.layers import create_model
    codec = JointBins()
    rgb = torch.nn.functional.interpolate(torch.rand(n, 3, px//8, px//8), size=(px,px), mode='bicubic').clamp(0, 1)
    net = create_model('unet_compact', 1, codec.n_out).train()
    x, _ = codec.encode(rgb)
    functions = {'encode into soft targets': lambda: codec.encode(rgb), 'forward of unet_compact': lambda: net(x)}
    seconds = medians(functions, runs)
    forward = seconds['forward of unet_compact']
    return [{'what': f'{k}, {n} x {px}x{px}, {codec.n} cells', 'ms': 1e3*s, 'x forward': s/forward} for k,s in seconds.items()]

if __name__ == '__main__':
    for row in bench_bins(): print(row)
