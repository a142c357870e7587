"""A mean over photos hides who pays for it: this page measures skin, by its own measured tone, and scenes, by kind."""


__all__ = ['TONES', 'PORTRAITS', 'SCENES', 'LIMITS', 'ita', 'tone', 'skin', 'exposed', 'audit_skin', 'audit_scenes', 'audit']

import math

import torch

from colorize_nb.color.metrics import ciede, gray_baseline, through_8bit
from colorize_nb.color.space import linear2srgb, rgb2lab, srgb2linear
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.core.photo import bundled_photos, open_photo, to_image, to_tensor
from colorize_nb.core.show import Results

TONES = {55: 'very light', 41: 'light', 28: 'intermediate', 10: 'tan', -30: 'brown', -180: 'dark'} # from this ITA on

def ita(
    lab, # `(...,3,H,W)` CIELAB of skin
)->float: # Degrees
    "The individual typology angle of the mean of some pixels."
    L, _, b = lab.movedim(-3, 0).flatten(1).mean(1).tolist()
    return math.degrees(math.atan2(L-50, b))

def tone(
    angle:float, # ITA, in degrees
)->str:
    "The name of a tone."
    return next(name for least,name in TONES.items() if angle>least)

PORTRAITS = { # name of a bundled photo -> parts of it that are skin: left, top, right, bottom, in parts of its sides
    'astronaut': ((.372, .215, .405, .27), (.455, .215, .495, .27)),
    'grace_hopper': ((.416, .255, .548, .288), (.386, .42, .44, .48), (.56, .42, .62, .48)),
}

def skin(
    x, # `(...,C,H,W)`
    boxes, # As in `PORTRAITS`
): # `(...,C,N)`
    "The pixels of `x` that lie in the boxes."
    h, w = x.shape[-2:]
    parts = [x[..., round(t*h):round(b*h), round(l*w):round(r*w)] for l,t,r,b in boxes]
    return torch.cat([p.flatten(-2) for p in parts], -1)

def exposed(
    rgb, # `(...,3,H,W)` in [0,1]
    stops:float, # Each halves or doubles the light
):
    "A photo as less or more light would have made it: linear light times 2 to the power of `stops`."
    return linear2srgb(srgb2linear(rgb)*2.**stops).clamp(0, 1)

def _skin_row(colorizer, name, stops):
    "Measures of the skin of one portrait at one exposure."
    true = through_8bit(exposed(to_tensor(open_photo(bundled_photos()[name])), stops))
    pred = to_tensor(colorizer(to_image(true)).image)
    boxes = PORTRAITS[name]
    a, b, gray = (skin(rgb2lab(o), boxes)[...,None] for o in (pred, true, gray_baseline(true)))
    near = [ciede(*(skin(o, boxes)[...,None] for o in (p, true))).item() for p in (pred, gray_baseline(true))]
    (ca, ha), (cb, hb) = map(_chroma_hue, (a, b))
    return {'portrait': name.replace('_', ' '), 'light, stops': stops, 'ITA': round(ita(b)), 'tone': tone(ita(b)),
            'CIEDE2000': near[0], 'of gray': near[1], 'chroma': ca, 'true chroma': cb,
            'hue off by': (ha-hb+180)%360-180}

def _chroma_hue(lab):
    "Chroma and hue angle (degrees) of the mean ab of some pixels."
    a, b = lab[:,1].mean().item(), lab[:,2].mean().item()
    return math.hypot(a, b), math.degrees(math.atan2(b, a))

def audit_skin(
    model='shipped', # A `Colorizer`, or what `Colorizer.load` takes
    stops=(0, -1, -2, -3), # Exposures
)->Results:
    "How a model colours the skin of the bundled portraits, from their own light down to a part of it."
    colorizer = model if isinstance(model, Colorizer) else Colorizer.load(model)
    rows = [_skin_row(colorizer, name, s) for name in PORTRAITS if name in bundled_photos() for s in stops]
    note = f'{colorizer.name}, its own size and knobs; chroma and hue (degrees) of the mean of the skin marked'
    return Results(rows, note, '.1f')

SCENES = { # of the bundled photos
    'people': ('astronaut','grace_hopper'), 'animals': ('chelsea',), 'things': ('coffee','motorcycle'),
    'plants': ('flower',), 'buildings and sky': ('china','rocket'),
    'pictures of science': ('retina','hubble','ihc')}

def _scene(colorizer, photo):
    "CIEDE2000 of a photo and of gray, mean chroma and true mean chroma."
    true = to_tensor(photo)
    pred = to_tensor(colorizer(photo).image)
    C = [rgb2lab(o)[:,1:].norm(dim=1).mean().item() for o in (pred, true)]
    return torch.tensor([ciede(pred, true).item(), ciede(gray_baseline(true), true).item(), *C])

def audit_scenes(
    model='shipped', # A `Colorizer`, or what `Colorizer.load` takes
    side:int=400, # Photos are shrunk to this, in pixels
)->Results:
    "How a model colours each kind of scene among the bundled photos."
    colorizer = model if isinstance(model, Colorizer) else Colorizer.load(model)
    found, rows = bundled_photos(), []
    for scene,names in SCENES.items():
        photos = [open_photo(found[n]) for n in names if n in found]
        for p in photos: p.thumbnail((side, side))
        if not photos: continue
        near, gray, C, true = torch.stack([_scene(colorizer, p) for p in photos]).mean(0).tolist()
        row = {'scene': scene, 'photos': len(photos), 'CIEDE2000': near, 'of gray': gray}
        rows.append({**row, 'chroma': C, 'true chroma': true})
    return Results(rows, f'{colorizer.name}, means over photos and pixels', '.1f')

LIMITS = ('Two portraits of light skin, and less light in place of darker skin: these tables can show a fault, '
          'and cannot show that there is none.')

def audit(
    model='shipped', # A `Colorizer`, or what `Colorizer.load` takes
)->list: # Of `Results`
    "Skin by tone, and scenes by kind."
    colorizer = model if isinstance(model, Colorizer) else Colorizer.load(model)
    return [audit_skin(colorizer), audit_scenes(colorizer)]
