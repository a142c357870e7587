"""Compare two decoders on the same frozen encoder: convolutions, and color queries. Equal steps, cached features.

    python -m lab.queries PHOTOS

PHOTOS contains `train240` (every fifth photo is used) and `eval256`, whose odd photos are the test photos. The results
go to `colorize_nb/course/queries.json`, one row per decoder and seed; rows that the file already contains aren't
computed again. It takes about 20 minutes on one core. Unlike most programs in `lab`, it doesn't
correct the chroma of `train240` (see `lab.arms.corrected`), so its colors are off by about 0.6 in a and 0.5 in b.
"""
import argparse
import json
import platform
import time
from pathlib import Path

import torch

import colorize_nb
from colorize_nb.color.codecs import LabAB
from colorize_nb.color.metrics import SATURATIONS
from colorize_nb.core.photo import bundled_photos, find_photos, to_image
from colorize_nb.core.show import image_grid
from colorize_nb.data.features import FeatureCache
from colorize_nb.models.layers import create_model
from colorize_nb.models.lite import LiteDecoder, UnetLite
from colorize_nb.models.queries import QueryDecoder
from colorize_nb.train.learner import colorize_learner
from lab.arms import RESULTS as COURSE, squares
from lab.claims import facts_of, measure, write


CODEC, SIZE, WIDTHS = LabAB(ab_scale=50), 192, (48, 96)
ARMS = {'convolutions': LiteDecoder, 'color queries': QueryDecoder}
STRIP = ('asters', 'dog', 'coast', 'burger', 'guion_bluford')


class Coarse(UnetLite):
    "A `UnetLite` without the features at stride 4, so that it trains in minutes: chroma at an eighth of the input's size."
    def __init__(self, decoder):
        super().__init__(n_out=2, widths=WIDTHS, pretrained=True, freeze=True, norm=False,
                         decoder=lambda channels, widths: decoder(channels[1:], widths))

    def from_features(self, features): return self.head(self.decoder(list(features)[1:]))


def train(arm, seed, files, args):
    "Train a decoder; returns the network, its steps, and CPU seconds."
    cache = FeatureCache.build(args.features, files, create_model('unet_lite', pretrained=True, freeze=True, norm=False), CODEC, size=SIZE, device='cpu')
    dls = cache.dataloaders(CODEC, bs=16, valid_pct=.02, device='cpu')
    torch.manual_seed(seed)
    net = Coarse(ARMS[arm])
    learn = colorize_learner(dls, net, loss='l2', metrics=[], wd=.01)
    start = time.process_time()
    with learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(args.epochs, 2e-3)
    return net.eval(), args.epochs*len(dls.train), time.process_time()-start


@torch.no_grad()
def colored(net, photos):
    "Color squares `(n,3,h,w)`."
    return torch.cat([CODEC.decode(x, net(x)) for x,_ in map(CODEC.encode, photos.split(20))])


def strip(net):
    "Color bundled photos, side by side."
    kinds = bundled_photos('all')
    rgb = squares([kinds[n] for n in STRIP], SIZE)
    return image_grid([to_image(p).resize((128, 128)) for p in colored(net, rgb)], gap=0)


def main(args):
    torch.set_num_threads(1)
    folder, path = Path(args.photos_folder), COURSE/'queries.json'
    files = find_photos([folder/'train240'])[::5]
    true = squares(find_photos([folder/'eval256'])[1::2], SIZE)
    data = json.loads(path.read_text()) if path.exists() else dict(rows=[], tests=dict(held=facts_of(true)))
    data.update(size=SIZE, widths=WIDTHS, batch=16, factors=list(SATURATIONS), n_train=len(files), epochs=args.epochs, loss='l2', lr=2e-3, device='cpu',
                python=platform.python_version(), torch=torch.__version__, version=colorize_nb.__version__)
    for seed in range(args.seeds):
        for arm in ARMS:
            if any(r['arm']==arm and r['seed']==seed for r in data['rows']): continue
            net, steps, seconds = train(arm, seed, files, args)
            row = measure(colored(net, true), true, SATURATIONS)
            trained = sum(p.numel() for p in net.parameters() if p.requires_grad)
            data['rows'].append(dict(arm=arm, decoding='', test='held', seed=seed, steps=steps, seconds=round(seconds), trained=trained, **row))
            print(arm, f'seed {seed}: {steps} steps, {seconds:.0f} s, CIEDE2000 {row["mean"]:.2f}', flush=True)
            if seed==0: strip(net).save(COURSE/f'queries-{arm.replace(" ", "-")}.jpg', quality=85)
            write(path, data)


if __name__=='__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('photos_folder', metavar='PHOTOS', help='folder that contains train240 and eval256')
    p.add_argument('--epochs', type=int, default=3, help='epochs')
    p.add_argument('--seeds', type=int, default=3, help='seeds per decoder')
    p.add_argument('--features', default='runs/features', help='folder for features')
    main(p.parse_args())
