"""Train the flow networks of chapter 11: one on drawn shapes, and one on photos.

    python -m lab.flow shapes
    python -m lab.flow photos PHOTOS

PHOTOS contains `train240` (every fifth photo is used) and `eval256`, every fourth of which is a test photo. The weights
go to `colorize_nb/course`, and the measurements to `flow.json` next to them. On one core that was shared with other
jobs, the shapes took about half an hour and the photos about as long. `minutes` in the file is CPU time.
Unlike most programs in `lab`, it doesn't correct the chroma of `train240` (see `lab.arms.corrected`), so its colors are
off by about 0.6 in a and 0.5 in b.
"""
import argparse
import json
import platform
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

import colorize_nb
from colorize_nb.color.codecs import LabAB
from colorize_nb.color.metrics import ciede, colorfulness, gray_baseline
from colorize_nb.core.files import whole_file
from colorize_nb.core.photo import find_photos
from colorize_nb.data.features import FeatureCache
from colorize_nb.data.shapes import ambiguous_shapes
from colorize_nb.data.stream import GeneratedBatches, stream_loaders
from colorize_nb.models.layers import create_model, n_params
from colorize_nb.train.flow import FlowMatching, FlowUnet, diversity, sample_flow
from colorize_nb.train.learner import colorize_learner
from lab.arms import RESULTS as COURSE, squares

CODEC, SIZE = LabAB(ab_scale=50), 192
PHOTO_NET = dict(channels=(112, 320, 320), widths=(48, 96, 128))
GRID = SIZE//16 # one color for each 16 x 16 pixels; `paint` enlarges it along edges
N_SAMPLES, N_STEPS = 8, 10 # per photo, and Euler steps per sample


def coarse(features):
    "Return the features at strides 16 and 32, and those at 32 averaged to stride 64."
    return [*features[-2:], F.avg_pool2d(features[-1], 2)]


def record(name, net, facts):
    "Save the weights in 16 bits, and the facts."
    save_file({k: v.half().contiguous() for k,v in net.state_dict().items()}, COURSE/f'flow-{name}.safetensors')
    path = COURSE/'flow.json'
    found = json.loads(path.read_text()) if path.exists() else {}
    found[name] = dict(facts, parameters=n_params(net), device='cpu', python=platform.python_version(), torch=torch.__version__,
                       version=colorize_nb.__version__)
    with whole_file(path) as part: part.write_text(json.dumps(found))


def fit(dls, net, epochs, lr, **flow):
    "Train a flow network. Returns the CPU minutes and the last training loss."
    learn = colorize_learner(dls, net, loss='l2', metrics=[], cbs=FlowMatching(**flow), wd=.01)
    start = time.process_time()
    with learn.no_bar(): learn.fit_one_cycle(epochs, lr)
    return round((time.process_time()-start)/60, 1), round(float(learn.recorder.values[-1][0]), 4)


def shapes(args):
    torch.manual_seed(0)
    def draw(i): return ambiguous_shapes(32, 64, seed=i)[0]
    steps = 250
    dls = stream_loaders(GeneratedBatches(draw, steps, fresh=False), GeneratedBatches(draw, 1, fresh=False), CODEC, size=64, device='cpu')
    net = FlowUnet()
    minutes, loss = fit(dls, net, args.steps//steps, 2e-3, grid=(16, 16))
    record('shapes', net, dict(n_train=32*steps, steps=args.steps, batch=32, size=64, grid=16, lr=2e-3, minutes=minutes, loss=loss))


@torch.no_grad()
def measure(net, model, files, n, seed=0):
    """Return, for each photo, the errors of `n` samples, of their mean, and of gray, the diversity, and the colorfulness.

    `tints` is the control for the best of `n` samples: errors of `n` uniform tints that know nothing about the photo, namely the mean
    colors of the samples of the photo before.
    """
    g = torch.Generator().manual_seed(seed)
    rows, tints, photos = [], [], []
    for f in files:
        rgb = squares([f], SIZE)
        x, _ = CODEC.encode(rgb)
        features = [t.expand(n, -1, -1, -1) for t in coarse(model.frozen_features(x))]
        ab = sample_flow(net, features, torch.randn(n, 2, GRID, GRID, generator=g), N_STEPS)
        samples, mean = CODEC.decode(x.expand(n, -1, -1, -1), ab), CODEC.decode(x, ab.mean(0, keepdim=True))
        color = [colorfulness(t).mean().item() for t in (samples, mean, rgb)]
        error = ciede(samples, rgb.expand(n, -1, -1, -1)).tolist()
        rows.append(dict(errors=[round(e, 3) for e in error], mean=round(ciede(mean, rgb).item(), 3),
                         gray=round(ciede(gray_baseline(rgb), rgb).item(), 3), colorfulness=[round(c, 2) for c in color],
                         diversity=round(diversity(50*ab[:,None]).item(), 2)))
        tints.append(ab.mean((2,3), keepdim=True))
        photos.append((x.expand(n, -1, -1, -1), rgb.expand(n, -1, -1, -1)))
    for row,(x,rgb),tint in zip(rows, photos, tints[-1:]+tints[:-1]):
        row['tints'] = [round(e, 3) for e in ciede(CODEC.decode(x, tint.expand(-1, -1, GRID, GRID)), rgb).tolist()]
    return rows


def photos(args):
    torch.manual_seed(0)
    folder = Path(args.photos_folder)
    files = find_photos([folder/'train240'])[::5]
    model = create_model('unet_lite', n_out=2, pretrained=True, freeze=True, version=0, norm=False).eval()
    cache = FeatureCache.build(args.features, files, model, CODEC, size=SIZE, device='cpu')
    dls = cache.dataloaders(CODEC, bs=32, valid_pct=.02, device='cpu')
    net = Coarse(FlowUnet(**PHOTO_NET))
    minutes, loss = fit(dls, net, args.epochs, 2e-3, grid=(GRID, GRID))
    test = find_photos([folder/'eval256'])[1::4]
    rows = measure(net.flow.eval(), model, test, N_SAMPLES)
    facts = dict(n_train=len(dls.train_ds), n_test=len(test), n_samples=N_SAMPLES, n_steps=N_STEPS, epochs=args.epochs)
    facts.update(steps=args.epochs*len(dls.train), batch=32, size=SIZE, grid=GRID, lr=2e-3, minutes=minutes, loss=loss)
    record('photos', net.flow, dict(facts, rows=rows))


class Coarse(torch.nn.Module):
    "Pass the features at strides 16, 32, and 64 to a flow network."
    def __init__(self, flow):
        super().__init__()
        self.flow = flow

    def forward(self, x, z, t): return self.flow(coarse(x), z, t)


if __name__=='__main__':
    torch.set_num_threads(1)
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('which', choices=['shapes', 'photos'])
    p.add_argument('photos_folder', nargs='?', metavar='PHOTOS', help='folder that contains train240 and eval256')
    p.add_argument('--steps', type=int, default=1500, help='training steps on shapes')
    p.add_argument('--epochs', type=int, default=6, help='epochs on photos')
    p.add_argument('--features', default='runs/features', help='folder for features')
    args = p.parse_args()
    {'shapes': shapes, 'photos': photos}[args.which](args)
