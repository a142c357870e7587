"""Measure a model on a folder of photos at several input sizes, beside gray, mean colour and the truth through 8 bits.

    python experiments/evaluate.py shipped PHOTOS            prints the tables
    python experiments/evaluate.py shipped PHOTOS --card     also writes them into the model's card
"""
import argparse
from pathlib import Path

import torch

from colorize_nb.color.metrics import ciede, colorfulness, colorfulness_abs, gray_baseline, mean_color_baseline, psnr, through_8bit
from colorize_nb.color.space import rgb2lab
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.io.photo import find_photos, open_photo, to_tensor
from colorize_nb.models.registry import n_params
from colorize_nb.models.store import read_header, shipped_models

SIZES = (64, 96, 128, 192, 256, 384, 512)
COLUMNS = ('CIEDE2000', 'PSNR, dB', 'colourfulness', 'the same, abs variant')


def measure(rgb, true):
    "The four numbers of one photo `(1,3,H,W)`."
    rgb = through_8bit(rgb)
    return torch.stack([ciede(rgb, true)[0], psnr(rgb, true)[0], colorfulness(rgb)[0], colorfulness_abs(rgb)[0]])


def main(model, photos, sizes, every, card):
    files = find_photos([photos])[::every]
    colorizer = Colorizer.load(model)
    mean_ab = torch.stack([rgb2lab(to_tensor(open_photo(f)))[0,1:].mean((1,2)) for f in files]).mean(0)
    rows = {}
    for i,f in enumerate(files):
        photo = open_photo(f)
        true = to_tensor(photo)
        answers = {'truth in 8 bits': true, 'gray': gray_baseline(true), 'mean colour of these photos': mean_color_baseline(true, mean_ab),
                   **{f'{model}, input {s} px': to_tensor(colorizer(photo, size=s).image) for s in sizes}}
        for k,v in answers.items(): rows.setdefault(k, []).append(measure(v, true))
        if i%20==0: print(f'{i+1}/{len(files)}', end='\r', flush=True)
    means = {k: torch.stack(v).mean(0) for k,v in rows.items()}
    gray, full = means['gray'], means['truth in 8 bits']
    lines = [f"| | {' | '.join(COLUMNS)} | CIEDE2000 against gray | of the truth's colour |", '|---|' + '---:|'*6]
    for k,m in means.items():
        db = '-' if k.startswith('truth') else f'{m[1]:.2f}'
        lines.append(f'| {k} | {m[0]:.2f} | {db} | {m[2]:.1f} | {m[3]:.1f} | {100*(m[0]/gray[0]-1):+.1f}% | {100*m[2]/full[2]:.0f}% |')
    table = '\n'.join(lines)
    print(table)
    worse = {k: (torch.stack(v)[:,0]>torch.stack(rows['gray'])[:,0]).float().mean() for k,v in rows.items() if k.startswith(model)}
    note = 'Photos on which gray is nearer to the truth: ' + ', '.join(f'{k.split(", ")[1]} {100*v:.0f}%' for k,v in worse.items()) + '.'
    print(note)
    if card: write_card(model, table, note, len(files))


def write_card(model, table, note, n):
    "Put the table between the marks of `weights/NAME.md`."
    path = shipped_models()[model]
    text, header = path.with_suffix('.md').read_text(), read_header(path)
    begin, end = '<!-- table -->', '<!-- end of table -->'
    head, tail = text.split(begin)[0], text.split(end)[1]
    from colorize_nb.models.store import load_model_file
    size = path.stat().st_size/1e6
    facts = f"{n_params(load_model_file(model)[0])/1e6:.1f} million parameters, {size:.1f} MB; " + ', '.join(f'{k.replace("_"," ")} {v}' for k,v in header['meta'].items())
    path.with_suffix('.md').write_text(f'{head}{begin}\n{facts}.\n\n{n} photos, means over photos. {note}\n\n{table}\n{end}{tail}')
    print('wrote', path.with_suffix('.md').name)


if __name__=='__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('model')
    p.add_argument('photos', type=Path)
    p.add_argument('--sizes', type=int, nargs='+', default=SIZES)
    p.add_argument('--every', type=int, default=1, help='every k-th photo only')
    p.add_argument('--card', action='store_true')
    main(**vars(p.parse_args()))
