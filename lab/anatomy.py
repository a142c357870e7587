"""Train the networks of the chapter on anatomy on photos: one small encoder-decoder, and what each block adds to it.

    python -m lab.anatomy PHOTOS

PHOTOS contains `train240` and `eval256`. The results go to `colorize_nb/course/anatomy.json`, one row per network and seed.
Rows that the file already contains aren't computed again. For some networks, a strip of bundled photos as the first seed
colors them is saved next to the file. This takes about 30 minutes on one core.
"""
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from fastcore.script import call_parse
from torch import nn

from lab import arms
from colorize_nb.color.classes import JointBins
from colorize_nb.color.codecs import LabAB
from colorize_nb.color.metrics import dataset_mean_ab, mean_color_baseline
from colorize_nb.core.photo import bundled_photos, to_image
from colorize_nb.core.show import image_grid
from colorize_nb.models.layers import n_params
from colorize_nb.train.losses import get_loss

SIZE, BS, WIDTHS = 64, 32, (24, 48, 96, 128)
STRIP = ('flamingo', 'hills', 'soccer', 'strawberries', 'van', 'mountain', 'canal', 'balloon')
ARMS = { # network -> options of `Net`, and whether it predicts classes
    'plain': ({}, False),
    'skips': (dict(skips=True), False),
    'norm': (dict(norm=True), False),
    'skips + norm': (dict(skips=True, norm=True), False),
    'dilation + norm': (dict(dilated=True, norm=True), False),
    'dense + norm': (dict(dense=True, norm=True), False),
    'skips + norm + classes': (dict(skips=True, norm=True), True),
}
SHOWN = ('plain', 'skips + norm', 'skips + norm + classes') # networks whose colorings the chapter shows


def conv(n_in, n_out, norm, stride=1, dilation=1):
    "Return a 3x3 convolution, BatchNorm if `norm`, and ReLU."
    layers = [nn.Conv2d(n_in, n_out, 3, stride, dilation, dilation), norm and nn.BatchNorm2d(n_out), nn.ReLU()]
    return nn.Sequential(*filter(None, layers))


class Net(nn.Module):
    "The chapter's networks: lightness `(B,1,64,64)` -> chroma or scores of cells at half the size, `(B,n_out,32,32)`."
    def __init__(self, n_out=2, skips=False, norm=False, dilated=False, dense=False):
        super().__init__()
        self.skips, self.n_out = skips, n_out
        steps = [(2, 1), (2, 1), (1, 2), (1, 4)] if dilated else [(2, 1)]*4 # stride and dilation
        self.downs = nn.ModuleList(conv(i, o, norm, *s) for i,o,s in zip((1, *WIDTHS), WIDTHS, steps))
        self.dense = nn.Linear(128*4*4, n_out*16*16) if dense else None
        ups = [] if dense else [(128, 96, 96), (96, 48, 48), (48, 24, 24)] # from below, from the side, out
        self.ups = nn.ModuleList(conv(below+side*skips, o, norm) for below,side,o in ups)
        self.head = None if dense else nn.Conv2d(24, n_out, 1)

    def forward(self, x):
        features = []
        for down in self.downs:
            x = down(x)
            features.append(x)
        if self.dense: return F.interpolate(self.dense(x.flatten(1)).view(-1, self.n_out, 16, 16), size=32, mode='bilinear')
        for up,side in zip(self.ups, features[-2::-1]):
            x = F.interpolate(x, size=side.shape[-2:])
            x = up(torch.cat([x, side], 1) if self.skips else x)
        return self.head(x)


def new_net(arm):
    "Return a new network, its codec, and the name of its loss."
    options, classes = ARMS[arm]
    codec, loss = (JointBins(10), 'soft_ce') if classes else (LabAB(ab_scale=50), 'smooth_l1')
    return Net(codec.n_out, **options), codec, loss


def train(net, codec, loss, photos, steps, lr, seed):
    "Train with AdamW and a one-cycle schedule on mirrored and unmirrored photos. Returns the CPU seconds."
    rng, start = torch.Generator().manual_seed(seed), time.process_time()
    opt, loss = torch.optim.AdamW(net.parameters(), lr), get_loss(loss, codec)
    schedule = torch.optim.lr_scheduler.OneCycleLR(opt, lr, total_steps=steps)
    for _ in range(steps):
        rgb = photos[torch.randint(len(photos), (BS,), generator=rng)].float()/255
        if torch.rand(1, generator=rng)<.5: rgb = rgb.flip(-1)
        x, y = codec.encode(rgb)
        error = loss(net(x), codec.resize_target(y, (SIZE//2, SIZE//2)))
        opt.zero_grad()
        error.backward()
        opt.step()
        schedule.step()
    net.eval()
    return time.process_time()-start


@torch.no_grad()
def color(net, codec, rgb):
    "Color photos `(n,3,SIZE,SIZE)` with their own lightness."
    x = codec.encode(rgb)[0]
    raw = F.interpolate(codec.activate(net(x)), size=SIZE, mode='bilinear')
    return codec.decode(x, raw)


@call_parse
def main(
    photos:Path, # folder that contains train240 and eval256
    n:int=8000, # photos to train on
    n_test:int=200, # photos to test on
    steps:int=800, # optimizer steps
    seeds:int=3, # seeds per network
    lr:float=2e-3, # maximum learning rate
):
    "Measure what each block of the chapter's network changes."
    torch.set_num_threads(1)
    files, test = arms.train_and_test(photos, n, n_test)
    data, true = arms.as_bytes(files, SIZE), arms.squares(test, SIZE)
    shown = arms.squares([bundled_photos('color')[name] for name in STRIP], SIZE)
    flat = mean_color_baseline(true, dataset_mean_ab([data[::8].float()/255]))
    facts = dict(data='train240', n_train=n, n_test=n_test, steps=steps, batch=BS, size=SIZE, lr=lr, strip=STRIP,
                 parameters={arm: n_params(new_net(arm)[0]) for arm in ARMS},
                 mean_color=[arms.scores(p[None], t[None]) for p,t in zip(flat, true)])
    def train_and_measure(arm, seed):
        torch.manual_seed(seed)
        net, codec, loss = new_net(arm)
        seconds = train(net, codec, loss, data, steps, lr, seed)
        if seed==0 and arm in SHOWN:
            strip = image_grid([to_image(t[None]) for t in color(net, codec, shown)], gap=0)
            strip.save(arms.RESULTS/f"anatomy-{arm.replace(' + ', '-')}.jpg", quality=88)
        return steps, seconds, [arms.scores(p[None], t[None]) for p,t in zip(color(net, codec, true), true)]
    arms.run(arms.RESULTS/'anatomy.json', ARMS, seeds, facts, train_and_measure)
