"""Compare classes with regression: train the shipped network both ways, with equal steps on the same photos.

    python -m lab.shipped_targets PHOTOS

PHOTOS contains the packs that `train_shipped.py` uses, and `eval256`, whose odd photos are the test photos, at 256 px.
Both runs go through the stages of `train_shipped.py`, with fewer steps. The results go to
`lab/results/shipped/targets.json`, one row per run, decoding, and seed. Rows that the file already contains aren't
computed again. This takes about 90 minutes on one core.
"""
import argparse
import json
import platform
import tempfile
import time
from pathlib import Path

import torch

import colorize_nb
from lab import train_shipped as shipped
from lab.claims import STRIP, facts_of, measure, write
from colorize_nb.color.metrics import SATURATIONS
from colorize_nb.data.features import FeatureCache
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.core.photo import bundled_photos, central_square, find_photos, open_photo, to_image, to_tensor
from colorize_nb.core.show import image_grid
from colorize_nb.models.layers import create_model
from lab.trials import strip_name

RESULTS = Path(__file__).parent/'results/shipped'
SIZE, SQUARE = 256, 192 # in pixels: the test photos, and the squares whose features are cached
ARMS = { # run -> its target in `train_shipped`, and its decodings
    'regression': ('regression', {'': {}}),
    'classes': ('classes', {'mean': dict(how='mean'), 'annealed': dict(how='annealed')}),
}


def train(target, seed, files, held, folder, args):
    "Train the decoder on features of the frozen encoder, then everything end to end; returns network and codec."
    codec, device = shipped.CODECS[target](), torch.device('cpu')
    torch.manual_seed(seed)
    shipped.np.random.seed(seed)
    model = create_model('unet_lite', n_out=codec.n_out, pretrained=True, freeze=True, version=0, norm=False)
    cache = FeatureCache.build(folder/'features', files, model, codec, size=SQUARE, device=device)
    options = shipped.arguments([str(args.photos_folder), f'--lr={args.lr}', f'--photos={args.photos}'])
    with tempfile.TemporaryDirectory() as part:
        part = Path(part)
        model = shipped.train_decoder(model, cache, codec, args.cached, args.decoder_lr, part/'decoder.pt', device)
        model, _ = shipped.train_whole(model.freeze_pretrained(False), files, held, codec, options, part/'whole.pt', device)
    return model.eval(), codec


def colored(model, codec, photos, knobs):
    "Color photos without the extra saturation of the shipped model: `(n,3,SIZE,SIZE)`."
    colorizer = Colorizer(model, codec, SIZE)
    return torch.cat([to_tensor(colorizer(p, **knobs).image) for p in photos])


def strip(model, codec, knobs):
    "Color bundled photos with one of the networks, side by side."
    photos = [central_square(open_photo(bundled_photos()[n]), SIZE) for n in STRIP]
    return image_grid([to_image(p).resize((96, 96)) for p in colored(model, codec, photos, knobs)], gap=0)


def main(args):
    torch.set_num_threads(1)
    files, held = shipped.photo_files(args.photos_folder, args.packs, args.every)
    photos = [central_square(open_photo(f), SIZE) for f in find_photos([Path(args.photos_folder)/'eval256'])[1::2]]
    true = torch.cat([to_tensor(p) for p in photos])
    path, folder = RESULTS/'targets.json', Path(args.runs)
    data = json.loads(path.read_text()) if path.exists() else dict(rows=[], tests=dict(held=facts_of(true)))
    data.update(size=SIZE, batch=32, factors=list(SATURATIONS), n_train=len(files), photo_steps=dict(decoder=args.cached, whole=args.photos),
                device='cpu', python=platform.python_version(), torch=torch.__version__, version=colorize_nb.__version__)
    (RESULTS/'targets').mkdir(parents=True, exist_ok=True)
    for seed in range(args.seeds):
        for arm,(target,decodings) in ARMS.items():
            if any(r['arm']==arm and r['seed']==seed for r in data['rows']): continue
            start = time.process_time()
            model, codec = train(target, seed, files, held, folder, args)
            seconds = round(time.process_time()-start)
            for how,knobs in decodings.items():
                row = measure(colored(model, codec, photos, knobs), true, SATURATIONS)
                data['rows'].append(dict(arm=arm, decoding=how, test='held', seed=seed, seconds=seconds, **row))
                print(arm, how, f'seed {seed}: {seconds} s, CIEDE2000 {row["mean"]:.2f}', flush=True)
                if seed==0: strip(model, codec, knobs).save(RESULTS/'targets'/f'{strip_name(f"{arm} {how}")}.jpg', quality=85)
            write(path, data)


if __name__=='__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('photos_folder', metavar='PHOTOS', help='folder that contains the packs')
    p.add_argument('--packs', nargs='+', default=['train240'], help='folders of training photos')
    p.add_argument('--every', type=int, default=2, help='use every k-th photo')
    p.add_argument('--cached', type=int, default=16_000, help='photo steps of the decoder alone')
    p.add_argument('--photos', type=int, default=4_000, help='photo steps end to end')
    p.add_argument('--decoder-lr', type=float, default=2e-3, help='learning rate of the decoder alone')
    p.add_argument('--lr', type=float, default=5e-4, help='learning rate end to end')
    p.add_argument('--seeds', type=int, default=3, help='seeds per run')
    p.add_argument('--runs', default='runs/targets', help='folder for features')
    main(p.parse_args())
