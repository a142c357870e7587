"The audit: the typology angle against known values, and a model with known errors."
import math

import pytest
import torch

from colorize_nb.color.space import lab2rgb, rgb2lab
from lab.audit import PORTRAITS, audit_scenes, audit_skin, ita, skin_pixels, tone
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.core.photo import bundled_photos, open_photo, to_image, to_tensor


class Known(Colorizer):
    "A colorizer that returns the photo with its hue rotated and its chroma scaled."
    def __init__(self, turn=0., times=1.): self.name, self.turn, self.times = 'known', math.radians(turn), times
    def __call__(self, photo):
        lab = rgb2lab(to_tensor(photo))
        c, s = math.cos(self.turn)*self.times, math.sin(self.turn)*self.times
        lab[:,1:] = torch.stack([c*lab[:,1]-s*lab[:,2], s*lab[:,1]+c*lab[:,2]], 1)
        return type('Result', (), {'image': to_image(lab2rgb(lab).clamp(0, 1))})

@pytest.mark.parametrize('L,b,angle,name', [
    (70, 20, 45, 'light'),
    (50, 15, 0, 'brown'),
    (30, 20, -45, 'dark'),
    (50+20*math.sqrt(3), 20, 60, 'very light')])
def test_typology_angle(L, b, angle, name):
    assert ita(torch.tensor([L, 10., b]).view(1, 3, 1, 1))==pytest.approx(angle, abs=.01) and tone(angle)==name

def test_known_errors_are_measured():
    perfect, pale, turned = (audit_skin(Known(**k)).rows for k in ({}, dict(times=.5), dict(turn=15)))
    assert len(perfect)==len(PORTRAITS) and all(r['CIEDE2000']<.6 and abs(r['hue error'])<1 for r in perfect)
    assert all(r['chroma']==pytest.approx(r['true chroma']/2, rel=.06) for r in pale)
    assert all(r['hue error']==pytest.approx(15, abs=2.5) for r in turned)
    angles = [r['ITA'] for r in perfect]
    assert angles==sorted(angles, reverse=True) and angles[0]-angles[-1]>30

def test_marked_rectangles_are_skin():
    "The rectangles contain warm colors of even lightness: no eyes, glasses, or background."
    for name,boxes in PORTRAITS.items():
        lab = skin_pixels(rgb2lab(to_tensor(open_photo(bundled_photos('all')[name]))), boxes)[0]
        hue = torch.atan2(lab[2], lab[1]).rad2deg()
        assert ((hue>15)&(hue<90)).float().mean()>.9 and lab[0].std()<15, name

def test_scenes():
    rows = audit_scenes(Known(), side=60).rows
    assert len(rows)==6
    assert all(r['CIEDE2000']<r['gray'] for r in rows)
    assert all(r['chroma']==pytest.approx(r['true chroma'], rel=.05) for r in rows)
