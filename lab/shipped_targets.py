"""Joint classes or a regression: the shipped family trained both ways, with equal steps on the same photos.

    python -m lab.shipped_targets PHOTOS

PHOTOS holds the packs of `train_shipped.py`, whose stages are run here, shorter, and `eval256`, whose odd photos are measured at 256 px.
Rows go to `lab/results/shipped/targets.json`, one per arm, decoding and seed, and are not computed again where they stand. About 90
minutes on one core.
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
from colorize_nb.color.metrics import FACTORS
from colorize_nb.data.features import FeatureCache
from colorize_nb.data.folder import central_square
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.core.photo import bundled_photos, find_photos, open_photo, to_image, to_tensor
from colorize_nb.core.show import image_grid
from colorize_nb.models.layers import create_model
from lab.trials import strip_name

RESULTS = Path(__file__).parent/'results/shipped'
SIZE, SQUARE = 256, 192 # pixels: measured at, features computed at
ARMS = { # arm -> target of `train_shipped`, and its decodings
    'regression': ('regression', {'': {}}),
    'classes': ('classes', {'mean': dict(how='mean'), 'annealed': dict(how='annealed')}),
}


def train(target, seed, files, held, folder, args):
    "A trained network and its codec; decoder from features of the frozen encoder, then everything end to end."
    codec, device = shipped.CODECS[target](), torch.device('cpu')
    torch.manual_seed(seed)
    shipped.np.random.seed(seed)
    model = create_model('unet_lite', n_out=codec.n_out, pretrained=True, freeze=True, **shipped.KWARGS)
    cache = FeatureCache.build(folder/'features', files, model, codec, size=SQUARE, device=device)
    model = shipped.train_decoder(model, cache, codec, args.steps, args.decoder_lr, device).freeze_pretrained(False)
    with tempfile.TemporaryDirectory() as part:
        model, _ = shipped.train_whole(model, shipped.load_photos(files), shipped.load_photos(held[:160]), codec, 0, args.lr,
                                       args.whole, 0, 1, Path(part)/'whole.pt', device, limit=args.whole)
    return model.eval(), codec


def colored(model, codec, photos, knobs):
    "`(n,3,SIZE,SIZE)`: photos as the network colors them, without the factor of saturation that the shipped file has."
    colorizer = Colorizer(model, codec, SIZE)
    return torch.cat([to_tensor(colorizer(p, **knobs).image) for p in photos])


def strip(model, codec, knobs):
    "Bundled photos as an arm colors them, side by side."
    photos = [central_square(open_photo(bundled_photos()[n]), SIZE) for n in STRIP]
    return image_grid([to_image(p).resize((96, 96)) for p in colored(model, codec, photos, knobs)], gap=0)


def main(args):
    torch.set_num_threads(1)
    files, held = shipped.photo_files(args.photos, args.packs, args.every)
    photos = [central_square(open_photo(f), SIZE) for f in find_photos([Path(args.photos)/'eval256'])[1::2]]
    true = torch.cat([to_tensor(p) for p in photos])
    path, folder = RESULTS/'targets.json', Path(args.runs)
    data = json.loads(path.read_text()) if path.exists() else dict(rows=[], tests=dict(held=facts_of(true)))
    data.update(size=SIZE, batch=32, factors=list(FACTORS), n_train=len(files), steps=dict(decoder=args.steps, whole=args.whole),
                device='cpu', python=platform.python_version(), torch=torch.__version__, version=colorize_nb.__version__)
    (RESULTS/'targets').mkdir(parents=True, exist_ok=True)
    for seed in range(args.seeds):
        for arm,(target,decodings) in ARMS.items():
            if any(r['arm']==arm and r['seed']==seed for r in data['rows']): continue
            start = time.process_time()
            model, codec = train(target, seed, files, held, folder, args)
            seconds = round(time.process_time()-start)
            for how,knobs in decodings.items():
                row = measure(colored(model, codec, photos, knobs), true, FACTORS)
                data['rows'].append(dict(arm=arm, decoding=how, test='held', seed=seed, seconds=seconds, **row))
                print(arm, how, f'seed {seed}: {seconds} s, CIEDE2000 {row["mean"]:.2f}', flush=True)
                if seed==0: strip(model, codec, knobs).save(RESULTS/'targets'/f'{strip_name(f"{arm} {how}")}.jpg', quality=85)
            write(path, data)


if __name__=='__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('photos', help='folder that holds the packs')
    p.add_argument('--packs', nargs='+', default=['train128', 'train84'])
    p.add_argument('--every', type=int, default=2, help='use every k-th photo')
    p.add_argument('--steps', type=int, default=500, help='batches of 32 for the decoder alone')
    p.add_argument('--whole', type=int, default=300, help='batches end to end')
    p.add_argument('--decoder-lr', type=float, default=2e-3)
    p.add_argument('--lr', type=float, default=5e-4)
    p.add_argument('--seeds', type=int, default=3)
    p.add_argument('--runs', default='runs/targets', help='folder for features')
    main(p.parse_args())
