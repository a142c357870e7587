"Skin by measured tone: the angle against worked values, and a model whose faults are known."
import math

import pytest, torch
from PIL import Image

from colorize_nb.color.space import lab2rgb, rgb2lab
from lab.audit import PORTRAITS, audit_scenes, audit_skin, exposed, ita, skin, tone
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.core.photo import bundled_photos, open_photo, to_image, to_tensor


class Known(Colorizer):
    "A colorizer whose answer is the photo with its a and b turned and scaled."
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
def test_angle(L, b, angle, name):
    assert ita(torch.tensor([L, 10., b]).view(1, 3, 1, 1))==pytest.approx(angle, abs=.01) and tone(angle)==name

def test_less_light_keeps_chromaticity_and_lowers_the_tone():
    rgb = torch.tensor([.8, .6, .5]).view(1, 3, 1, 1)
    from colorize_nb.color.space import srgb2linear
    a, b = srgb2linear(rgb), srgb2linear(exposed(rgb, -2))
    assert torch.allclose(b/a, torch.tensor(.25), atol=1e-4) and ita(rgb2lab(exposed(rgb, -2)))<ita(rgb2lab(rgb))
    assert torch.allclose(exposed(rgb, 0), rgb, atol=1e-5)

def test_known_faults_are_measured():
    perfect, pale, turned = (audit_skin(Known(**k), stops=(0, -1)).rows for k in ({}, dict(times=.5), dict(turn=15)))
    assert len(perfect)==2*len(PORTRAITS) and all(r['CIEDE2000']<.6 and abs(r['hue off by'])<1 for r in perfect)
    assert all(r['chroma']==pytest.approx(r['true chroma']/2, rel=.06) for r in pale)
    assert all(r['hue off by']==pytest.approx(15, abs=2.5) for r in turned)
    assert perfect[1]['ITA']<perfect[0]['ITA']

def test_the_marked_places_are_skin():
    "Warm colours of one kind: no eye, no frame of glasses, no background."
    for name,boxes in PORTRAITS.items():
        lab = skin(rgb2lab(to_tensor(open_photo(bundled_photos()[name]))), boxes)[0]
        hue = torch.atan2(lab[2], lab[1]).rad2deg()
        assert ((hue>15)&(hue<90)).float().mean()>.9 and lab[0].std()<15, name

def test_scenes_beside_gray():
    rows = audit_scenes(Known(), side=60).rows
    assert len(rows)==6
    assert all(r['CIEDE2000']<r['of gray'] for r in rows)
    assert all(r['chroma']==pytest.approx(r['true chroma'], rel=.05) for r in rows)
