"The panel's engines: Levin's method, the network that corrects a prediction, and models that take hints as an input."
import numpy as np, pytest, torch
from PIL import Image
from torch import nn

from colorize_nb.color.codecs import LabAB
from colorize_nb.color.space import rgb2lab
from colorize_nb.core.photo import bundled_photos, open_photo
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.widgets.hint import HintedPhoto, hint

RED = '#c04030'

@pytest.fixture(scope='module')
def photo(): return open_photo(bundled_photos()['coffee']).resize((150, 90))

class Echo(nn.Module):
    "A model that returns its hints, or a constant color without hints."
    takes_hints = True
    def forward(self, x, hints=None): return x.repeat(1, 2, 1, 1)*0+5 if hints is None else hints[:,:2]*hints[:,2:]

def echo(): return Colorizer(Echo(), LabAB(ab_scale=1.), 64, 'echo')

def ab_of(color):
    return rgb2lab(torch.tensor([int(color[i:i+2], 16)/255 for i in (1, 3, 5)]).view(1, 3, 1, 1))[0,1:,0,0].numpy()

def test_engines_depend_on_the_model(photo):
    assert HintedPhoto(photo).engines()==['levin', 'learned']
    assert HintedPhoto(photo, echo()).engines()==['levin', 'learned', 'network']

@pytest.mark.parametrize('shape', [(150, 90), (60, 200)])
def test_a_model_gets_the_hints_at_their_positions(shape):
    hinted = HintedPhoto(Image.new('RGB', shape, 'gray'), echo())
    ab = hinted.spread([(.75, .25, RED)], engine='network')
    h, w = ab.shape[1:]
    assert (w>h)==(shape[0]>shape[1])
    assert abs(ab[:,int(.25*h),int(.75*w)]-ab_of(RED)).max()<.01 and abs(ab[:,-1,0]).max()==0
    assert 5<(abs(ab).sum(0)>0).sum()<100 # a disc, not the photo

def test_the_learned_engine_mainly_changes_the_hinted_area(photo):
    hinted = HintedPhoto(photo, Colorizer.load('shipped'))
    hints = [(.1, .1, '#3040c0')]
    before, after = hinted.model.chroma(hinted.photo)[0].numpy(), hinted.spread(hints, 'model', engine='learned')
    assert after.shape==before.shape
    h, w = after.shape[1:]
    moved = np.linalg.norm(after-before, axis=0)
    assert moved[int(.1*h),int(.1*w)]>20 and moved.mean()<.5*moved[int(.1*h),int(.1*w)]
    assert np.abs(hinted.spread(hints, 'gray', engine='learned')-after).max()>1

@pytest.mark.parametrize('engine', ['levin', 'learned', 'network'])
def test_every_engine_reads_the_same_file(photo, tmp_path, engine):
    file = tmp_path/'hints.json'
    hint(photo, echo(), keep=file).add(.3, .3, RED)
    w = hint(photo, echo(), keep=file).set(engine=engine)
    assert w.hints==[(.3, .3, RED)] and w.spread().std()>0 and not w.error.value
    assert hint(photo, echo(), keep=file).hints==w.hints

def test_switching_the_engine_changes_the_picture_and_the_code(photo):
    w = hint(photo, echo()).add(.3, .3, RED)
    pictures = {}
    for engine in ('levin', 'learned', 'network'):
        w.set(engine=engine).wait()
        pictures[engine] = np.asarray(w.image)
        assert (f"w.set(engine={engine!r})" in w.code())==(engine!='levin')
        assert w.controls['over'].disabled==(engine=='network') and w.controls['reach'].disabled==(engine!='levin')
    assert all((pictures[a]!=pictures[b]).any() for a,b in (('levin', 'learned'), ('learned', 'network')))

def test_a_click_needs_no_preview_with_the_learned_engine():
    w = hint(bundled_photos()['astronaut'], side=300).set(engine='learned')
    w.click(.2, .3)
    assert len(w.hints)==1 and not w.refining()
