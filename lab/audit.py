"""Audit a model: how well it colors skin of different tones, and different kinds of scenes.

    python -m lab.audit shipped
"""
import argparse
import math

import torch

from colorize_nb.color.metrics import ciede, gray_baseline
from colorize_nb.color.space import rgb2lab
from colorize_nb.core.photo import bundled_photos, open_photo, to_tensor
from colorize_nb.core.show import Results
from colorize_nb.infer.colorizer import Colorizer

TONES = {55: 'very light', 41: 'light', 28: 'intermediate', 10: 'tan', -30: 'brown', -180: 'dark'} # lowest ITA of each tone
PORTRAITS = { # bundled photo -> rectangles of skin: left, top, right, bottom, as fractions of the sides
    'ellen_ochoa': ((.38, .22, .58, .29), (.36, .42, .41, .49), (.59, .42, .64, .49)),
    'sally_ride': ((.37, .20, .42, .27), (.36, .37, .42, .43), (.58, .37, .64, .43)),
    'kjell_lindgren': ((.39, .27, .58, .33), (.36, .44, .42, .52), (.58, .44, .64, .52)),
    'frederick_gregory': ((.33, .16, .55, .26), (.33, .44, .38, .52), (.58, .44, .64, .52)),
    'jeanette_epps': ((.37, .20, .55, .28), (.345, .43, .40, .50), (.58, .43, .63, .50)),
    'mae_jemison': ((.41, .31, .57, .355), (.38, .46, .43, .53), (.58, .46, .64, .53)),
    'guion_bluford': ((.40, .27, .54, .34), (.40, .44, .45, .51), (.57, .44, .62, .51)),
    'astronaut': ((.372, .215, .405, .27), (.455, .215, .495, .27)),
    'grace_hopper': ((.416, .255, .548, .288), (.386, .42, .44, .48), (.56, .42, .62, .48)),
}
SCENES = { # kind of scene -> bundled photos
    'people': ('astronaut','grace_hopper'), 'animals': ('chelsea',), 'objects': ('coffee','motorcycle'),
    'plants': ('flower',), 'buildings and sky': ('china','rocket'),
    'scientific images': ('retina','hubble','ihc')}
LIMITS = ("Nine official portraits in studio light aren't a sample of people. "
          "These tables can reveal a problem, but they can't show that there is none.")


def ita(
    lab, # `(...,3,H,W)` CIELAB (D65) of skin
)->float: # Degrees
    "Return the individual typology angle of the mean color of some pixels."
    L, _, b = lab.movedim(-3, 0).flatten(1).mean(1).tolist()
    return math.degrees(math.atan2(L-50, b))

def tone(
    angle:float, # ITA in degrees
)->str:
    "Return the name of a skin tone."
    return next(name for lowest,name in TONES.items() if angle>lowest)

def skin_pixels(
    x, # `(...,C,H,W)`
    boxes, # Rectangles, as in `PORTRAITS`
): # `(...,C,N)`
    "Return the pixels of `x` inside the rectangles."
    h, w = x.shape[-2:]
    parts = [x[..., round(t*h):round(b*h), round(l*w):round(r*w)] for l,t,r,b in boxes]
    return torch.cat([p.flatten(-2) for p in parts], -1)

def _chroma_and_hue(lab):
    "Return chroma and hue angle (degrees) of the mean ab of some pixels."
    a, b = lab[:,1].mean().item(), lab[:,2].mean().item()
    return math.hypot(a, b), math.degrees(math.atan2(b, a))

def _skin_row(colorizer, name, photo):
    "Measure the skin of one portrait."
    true = to_tensor(photo)
    pred, gray = to_tensor(colorizer(photo).image), gray_baseline(true)
    def pixels(rgb): return skin_pixels(rgb, PORTRAITS[name])[...,None]
    skin = pixels(rgb2lab(true))
    (chroma, hue), (true_chroma, true_hue) = map(_chroma_and_hue, (pixels(rgb2lab(pred)), skin))
    return {'portrait': name.replace('_', ' '), 'ITA': round(ita(skin)), 'tone': tone(ita(skin)),
            'CIEDE2000': ciede(pixels(pred), pixels(true)).item(), 'gray': ciede(pixels(gray), pixels(true)).item(),
            'chroma': chroma, 'true chroma': true_chroma, 'hue error': (hue-true_hue+180)%360-180}

def _load(model): return model if isinstance(model, Colorizer) else Colorizer.load(model)

def audit_skin(
    model='shipped', # A `Colorizer`, or anything that `Colorizer.load` accepts
)->Results:
    "Measure how a model colors the skin in the bundled portraits, from light to dark."
    colorizer, found = _load(model), bundled_photos('all')
    rows = [_skin_row(colorizer, name, open_photo(found[name])) for name in PORTRAITS if name in found]
    note = f'{colorizer.name} with its default settings; chroma and hue error (degrees) are those of the mean color of the marked skin'
    return Results(sorted(rows, key=lambda row: -row['ITA']), note, '.1f')

def _measure_scene(colorizer, photo):
    "Return CIEDE2000 of a photo and of gray, and the mean chroma of the prediction and of the photo."
    true = to_tensor(photo)
    pred = to_tensor(colorizer(photo).image)
    chroma = [rgb2lab(rgb)[:,1:].norm(dim=1).mean().item() for rgb in (pred, true)]
    return torch.tensor([ciede(pred, true).item(), ciede(gray_baseline(true), true).item(), *chroma])

def audit_scenes(
    model='shipped', # A `Colorizer`, or anything that `Colorizer.load` accepts
    side:int=400, # Photos are shrunk to at most this size, in pixels
)->Results:
    "Measure how a model colors each kind of scene among the bundled photos."
    colorizer, found, rows = _load(model), bundled_photos(), []
    for scene,names in SCENES.items():
        photos = [open_photo(found[n]) for n in names if n in found]
        for p in photos: p.thumbnail((side, side))
        if not photos: continue
        error, gray, chroma, true_chroma = torch.stack([_measure_scene(colorizer, p) for p in photos]).mean(0).tolist()
        rows.append({'scene': scene, 'photos': len(photos), 'CIEDE2000': error, 'gray': gray,
                     'chroma': chroma, 'true chroma': true_chroma})
    return Results(rows, f'{colorizer.name}, means over photos and pixels', '.1f')

def audit(
    model='shipped', # A `Colorizer`, or anything that `Colorizer.load` accepts
)->list: # Two `Results`
    "Audit a model on skin and on scenes."
    colorizer = _load(model)
    return [audit_skin(colorizer), audit_scenes(colorizer)]


if __name__=='__main__':
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('model', nargs='?', default='shipped', help='name or file of a model (default: shipped)')
    for table in audit(p.parse_args().model): print(table.to_text(), end='\n\n')
    print(LIMITS)
