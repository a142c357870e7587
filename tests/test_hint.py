"The hint panel without a browser: the properties of Levin's method, the panel's state, and its errors."
import io
import numpy as np, pytest
from PIL import Image

from colorize_nb.infer.colorizer import lightness
from colorize_nb.core.photo import bundled_photos
from colorize_nb.widgets.hint import PALETTE, hint
from colorize_nb.widgets.hint import SHIFTS, Canceled, affinities, fade, propagate

@pytest.fixture
def photo(): return bundled_photos()['coffee']
ab_of = lambda w, x, y: w.spread()[:, int(y*w.photo.height), int(x*w.photo.width)]


def test_weights_match_levin():
    Y = np.random.default_rng(0).random((6,7))
    w = affinities(Y)
    near = np.array([Y[2+i,3+j] for i,j in SHIFTS])
    var = np.append(near, Y[2,3]).var()
    by_hand = np.exp(-(near-Y[2,3])**2/(.6*var))
    assert np.allclose(w[:,2,3], by_hand/by_hand.sum()) and np.allclose(w.sum(0), 1) and (w>=0).all()
    assert all(w[k,0,3]==0 for k,(i,j) in enumerate(SHIFTS) if i<0), 'the first row has no neighbors above it'

def test_solution_is_the_weighted_mean_of_neighbors():
    rng = np.random.default_rng(1)
    L, known, ab = 100*rng.random((12,15)), np.zeros((12,15), bool), np.zeros((2,12,15))
    for r,c,v in ((2,3,40.), (9,12,-30.), (6,7,10.)):
        known[r,c] = True
        ab[:,r,c] = v, -v
    u, w = propagate(L, known, ab), affinities(L/100)
    assert np.allclose(u[:,known], ab[:,known]) and u.max()<=40+1e-9 and u.min()>=-40-1e-9, 'all colors are between those of the hints'
    pad = np.pad(u, ((0,0),(1,1),(1,1)))
    mean = sum(w[k]*pad[:,1+i:13+i,1+j:16+j] for k,(i,j) in enumerate(SHIFTS))
    assert np.allclose(mean[:,~known], u[:,~known], atol=1e-8)

def test_a_correction_fades_with_the_distance():
    faded = fade(np.arange(41)[None]==10, reach=5.)[0]
    assert faded[[10, 5, 20, 25]]==pytest.approx(np.exp([0, -.5, -2, -4.5]))

@pytest.mark.parametrize('x,columns', [(0., range(4)), (.5, range(57, 64)), (1., range(116, 120))])
def test_a_hint_colors_a_disc_and_the_last_column_is_a_place(photo, monkeypatch, x, columns):
    seen = []
    monkeypatch.setattr('colorize_nb.widgets.hint.propagate', lambda L, known, ab, stale: seen.append(known) or ab)
    hint(Image.open(photo).resize((120, 80)), side=120).add(x, .5, '#7a1fa0')
    assert np.flatnonzero(seen[-1].any(0)).tolist()==[*columns] and seen[-1].any(1).sum()==7

def test_one_hint_colors_a_flat_photo():
    u = propagate(np.full((20,20), 50.), np.eye(20, dtype=bool)&(np.arange(20)==4), np.full((2,20,20), 25.))
    assert np.allclose(u, 25)

def test_the_save_button_saves_the_result(photo):
    w = hint(photo, side=120).add(.5, .45, '#7a1fa0')
    name, content = w.save.make()
    saved = np.asarray(Image.open(io.BytesIO(content)))
    assert name.endswith('.png') and saved.shape==(*w.photo.size[::-1], 3)
    assert np.array_equal(saved, np.asarray(w.image)[-w.photo.height:,-w.photo.width:])

def test_hints_and_lightness_are_kept(photo):
    w = hint(photo, side=160).add(.5, .45, '#7a1fa0').add(.1, .9, '#2e7d32')
    assert np.linalg.norm(ab_of(w, .5, .45)-ab_of(w, .1, .9))>60
    out = w.image.crop((w.image.width-w.photo.width, w.image.height-w.photo.height, w.image.width, w.image.height))
    assert (lightness(out)[0,0]-lightness(w.photo)[0,0]).abs().mean()<1, 'only the gamut and JPEG change the lightness'

def test_reach_limits_how_far_a_hint_spreads(photo):
    w = hint(photo, 'shipped', side=160)
    before = w.spread()
    w.set(reach=.05).add(.5, .45, '#1040ff')
    assert np.abs(w.spread()-before)[:,:10,:10].max()<1
    assert np.linalg.norm(ab_of(w, .5, .45)-before[:,int(.45*w.photo.height),int(.5*w.photo.width)])>20
    wide = w.set(reach=1.).spread()
    assert np.abs(wide-before).mean() > np.abs(w.set(reach=.05).spread()-before).mean()
    w.set(over='gray')
    assert w.controls['reach'].disabled and 'reach' not in w.error.value

def test_buttons_and_code(photo):
    w = hint(photo, side=100)
    w.set(x=.25, y=.75, color='#00ff00')
    w.put.click()
    w.wait()
    assert w.hints==[(.25,.75,'#00ff00')] and "w.add(0.25, 0.75, '#00ff00')" in w.code() and '1 hint;' in w.says.value
    w.drop.click()
    assert w.hints==[] and '0 hints;' in w.says.value and w.error.value==''
    w.drop.click()
    assert w.error.value==''

def test_a_click_on_the_picture_moves_the_ring(photo):
    w = hint(photo, side=100)
    W, H, (w_, h) = *w.image.size, w.photo.size
    spot = lambda x, y, right: ((x*w_+(W-w_)*right)/W, (y*h+H-h)/H)
    w.click(*spot(.2, .3, False))
    assert (w.state()['x'], w.state()['y'])==(.2,.3) and w.hints==[(.2,.3,w.state()['color'])]
    w.picture._handle_custom_msg(dict(zip('xy', spot(.6, .5, True))), [])
    assert w.hints[1][:2]==(.6,.5), 'a click on the colored picture counts, too'
    w.click(.5, 0.)
    assert len(w.hints)==2, 'a click on a title does nothing'

def test_missing_hints_and_bad_colors_raise_errors(photo):
    with pytest.raises(ValueError, match='no hint yet'): propagate(np.ones((4,4)), np.zeros((4,4), bool), np.zeros((2,4,4)))
    w = hint(photo, side=100)
    with pytest.raises(ValueError, match='#rrggbb'): w.add(.5, .5, 'reddish')
    with pytest.raises(ValueError, match='0 to 1'): w.add(1.5, .5, '#ff0000')
    assert w.hints==[]

def test_a_photo_of_512_pixels():
    w = hint(bundled_photos()['astronaut']).add(.3, .2, '#c04030')
    assert w.photo.size==(512,512) and w.error.value==''

def test_palette_sets_the_color(photo):
    w = hint(photo, side=80)
    w.palette.children[list(PALETTE).index('sky')].click()
    assert w.state()['color']==PALETTE['sky'] and w.hints==[]
    w.click(.2, .6)
    assert w.hints[0][2]==PALETTE['sky']

def test_a_click_shows_a_preview_before_the_full_result(photo):
    w, previews = hint(photo, side=240).add(.9, .1, '#2040c0'), [] # a single hint gives the whole photo one color
    w.picture.observe(lambda change: previews.append(w.refining()), 'value')
    w.click(.2, .6)
    assert previews[0], 'the first picture is a preview'
    w.wait(120)
    assert not w.refining() and not previews[-1] and w.busy.value==''
    at_once = hint(photo, side=240).place(w.hints)
    assert np.array_equal(w.spread(), at_once.spread()) and np.array_equal(w.solver.solved[1], at_once.solver.solved[1])

def test_outdated_solves_are_canceled_and_never_shown(photo, monkeypatch):
    import threading
    import colorize_nb.widgets.hint as H
    w, real, solved = hint(photo, side=240), H.propagate, []
    begun, free = threading.Event(), threading.Event()
    def slow(L, known, ab, stale=lambda: False):
        if L.shape!=w.photo.size[::-1]: return real(L, known, ab)
        begun.set()
        free.wait(600)
        if stale():
            solved.append('canceled')
            raise Canceled
        solved.append(int(known.sum()))
        return real(L, known, ab, stale)
    monkeypatch.setattr(H, 'propagate', slow)
    w.click(.1, .6)
    assert begun.wait(600)
    for x in (.2, .3): w.click(x, .6)
    free.set()
    w.wait(120)
    assert solved[0]=='canceled' and len(solved)==2, 'the first was canceled, and the second never started'
    assert len(w.solver.solved[0][0])==3 and not w.refining()

def test_propagate_can_be_canceled():
    known = np.eye(20, dtype=bool)
    with pytest.raises(Canceled): propagate(np.full((20,20), 50.), known, np.zeros((2,20,20)), stale=lambda: True)

def test_an_error_in_the_thread_is_displayed(photo, monkeypatch):
    import colorize_nb.widgets.hint as H
    w, real = hint(photo, side=240), H.propagate
    def broken(L, *a):
        if L.shape==w.photo.size[::-1]: raise MemoryError('too large')
        return real(L, *a)
    monkeypatch.setattr(H, 'propagate', broken)
    w.click(.2, .6)
    w.wait(60)
    assert 'too large' in w.error.value and not w.solver.working

def test_hints_are_kept_in_a_file(photo, tmp_path):
    f = tmp_path/'cup.json'
    w = hint(photo, side=100, keep=f).add(.25, .75, '#00ff00').add(.5, .5, '#ff0000')
    again = hint(photo, side=100, keep=f)
    assert again.hints==w.hints and np.array_equal(again.spread(), w.spread()) and f"keep={str(f)!r}" in again.code()
    again.remove()
    assert len(hint(photo, side=100, keep=f).hints)==1
    f.write_text('[{"x": 2, "y": 0, "color": "#000000"}]')
    with pytest.raises(ValueError, match='cup.json: not a file of hints.*0 to 1'): hint(photo, keep=f)
    assert f.read_text().startswith('[{"x": 2'), 'an invalid file is not changed'
