"The explorers without a browser: what their controls change, and their error messages."
import numpy as np, pytest, torch
from PIL import Image

from colorize_nb.color.classes import ChannelBins
from colorize_nb.color.classes import JointBins
from colorize_nb.color.codecs import LabAB
from colorize_nb.color.metrics import ciede
from colorize_nb.color.space import rgb2lab
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.core.photo import bundled_photos, open_photo, to_tensor
from colorize_nb.models.layers import create_model
from colorize_nb.widgets.base import static_view
from colorize_nb.widgets.explorers import BinsExplorer, DistributionExplorer
from colorize_nb.widgets.explorers import LabExplorer, SepiaExplorer, answers, gamut_plane


@pytest.fixture
def photo(): return bundled_photos()['coffee']

def pixels(w): return np.asarray(w.image.convert('RGB')).astype(float)


def test_every_explorer_shows_a_picture_and_code(photo):
    net = Colorizer(create_model('unet_compact', 1, JointBins(grid=20).n_out, widths=[8,16,24], depths=[0,0,0]), JointBins(grid=20), 64)
    for w in (LabExplorer(photo), SepiaExplorer(), BinsExplorer(photo), DistributionExplorer(photo, net)):
        assert pixels(w).std()>10 and w.code() in w.script()
        assert w.widget.children and set(w.state())==set(w.controls)

def test_lab_sliders_change_their_channel(photo):
    w = LabExplorer(photo)
    first = pixels(w)
    w.controls['a'].value = 0. # like a user, through the control
    lab = rgb2lab(w.mixed())
    assert lab[:,1].abs().mean()<1 and lab[:,2].abs().mean()>10 and np.abs(pixels(w)-first).mean()>1
    assert 'tensor([1, 0, 1])' in w.code()
    w.set(L=.5, a=1.)
    assert rgb2lab(w.mixed())[:,0].mean() < rgb2lab(to_tensor(open_photo(photo)))[:,0].mean()*.6

def test_gamut_plane_matches_srgb():
    "In scikit-image, the white cells are colors outside sRGB."
    from skimage.color import lab2rgb
    plane = gamut_plane(60., n=45)
    v = np.linspace(-110, 110, 45)
    for i,j in ((22,22), (10,30), (0,0), (44,0), (25,33)):
        a, b = v[j], v[::-1][i]
        back = rgb2lab(torch.tensor(lab2rgb([[[60., a, b]]]).astype('f4')).permute(2,0,1)[None])[0,:,0,0]
        inside = (back-torch.tensor([60., a, b])).abs().max()<.5
        assert inside==(not torch.allclose(plane[:,i,j], torch.tensor(.93)))

def test_best_predictions_by_hand():
    ab = torch.tensor([[60.,30.], [10.,-50.], [0.,0.]])
    best = answers(ab, torch.tensor([.5,.3,.2]), T=0)
    assert torch.allclose(best['L2'], torch.tensor([33.,0.]), atol=1e-4) and torch.allclose(best['mean'], best['L2'], atol=1e-4)
    # with half of the weight on each side, any a between the middle two is a median
    assert best['L1'].tolist()==[10.,0.] or best['L1'].tolist()==[60.,0.]
    assert best['mode'].tolist()==[60.,30.] and best['annealed mean'].tolist()==[60.,30.]

def test_sepia_explorer_red_and_blue():
    w = SepiaExplorer().set(weight1=.5, weight2=.5)
    ab, p = w.choice()
    assert torch.allclose(w.answers()['L2'], ab.mean(0)) and w.answers()['L2'].norm() < .7*ab.norm(dim=1).min()
    hue = w.set(weight1=.8).answers()
    assert torch.equal(hue['L1'], ab[0]) and torch.equal(hue['mode'], ab[0])
    assert torch.allclose(w.set(T=1.).answers()['annealed mean'], w.answers()['mean'], atol=1e-3)
    w.controls['color1'].value = '#00ff00'
    assert w.choice()[0][0,0] < -50

def test_zero_weights_raise_an_error():
    w = SepiaExplorer()
    w.set(**{f'weight{i}': 0. for i in range(1,6)})
    with pytest.raises(ValueError, match='at least one color'): w.code()
    assert w.set(weight3=1.).choice()[1].tolist()==[1.]

@pytest.mark.parametrize('kind', ['uniform','density','joint'])
def test_lowest_error_matches_the_codec(photo, kind):
    w = BinsExplorer(photo).set(kind=kind)
    codec = w.codec()
    knobs = dict(how='mode') if kind=='joint' else {}
    assert w.floor()==pytest.approx(ciede(codec.decode(*codec.encode(w.rgb), **knobs), w.rgb).item())
    assert isinstance(codec, JointBins if kind=='joint' else ChannelBins) and f'{w.floor():.2f}' in w.draw()[1]

def test_more_bins_lower_the_error(photo):
    w = BinsExplorer(photo)
    assert w.set(n=5).floor() > w.set(n=20).floor() > w.set(n=60).floor()

def test_the_browser_and_python_share_a_state(photo):
    w = LabExplorer(photo)
    w.picture.set_state({'state': dict(w.picture.state, a=.5)}) # as the browser does
    assert w.state()['a']==.5 and 'tensor([1, 0.5, 1])' in w.code()
    assert w.set(a=-1).picture.state['a']==-1 and 'out of range' in w.set(b=7.).clamped.value and w.picture.state['b']==2
    s = SepiaExplorer()
    s.picture.set_state({'state': dict(s.picture.state, weights=[0,100,0,0,0], colors=['ff0000','00ff00','0000ff','808080','ffffff'])})
    assert s.choice()[1].tolist()==[1.] and s.choice()[0][0,0] < -50
    with pytest.raises(ValueError, match='uniform'): BinsExplorer(photo).set(kind='round')

def test_distribution_matches_the_network(photo):
    torch.manual_seed(0)
    codec = JointBins(grid=20)
    c = Colorizer(create_model('unet_compact', 1, codec.n_out, widths=[8,16,24], depths=[0,0,0]), codec, 64)
    w = DistributionExplorer(photo, c)
    assert w.at().sum().item()==pytest.approx(1, abs=1e-5)
    assert torch.equal(w.set(T=0.).colors()['annealed mean'], w.colors()['mode'])
    first = w.at()
    w.controls['x'].value = .1
    assert not torch.equal(w.at(), first)
    for x,y in ((0.,0.), (1.,1.)): assert w.set(x=x, y=y).at().sum().item()==pytest.approx(1, abs=1e-5)
    w.picture.set_state({'state': dict(x=.1, y=.2, T=.5)}) # as the browser does
    assert w.state()==dict(x=.1, y=.2, T=.5) and "how='annealed', T=0.5" in w.code()
    sent = w.picture.data
    assert (sent['rows'], sent['cols'])==(16, 24) and len(sent['logits'])==16*24*codec.n

def test_wrong_inputs_are_one_line(photo, tmp_path):
    (tmp_path/'x.jpg').write_text('no')
    with pytest.raises(ValueError, match='x.jpg'): LabExplorer(tmp_path/'x.jpg')
    regression = Colorizer(create_model('unet_compact', 1, 2, widths=[8,16], depths=[0,0]), LabAB(), 32)
    with pytest.raises(ValueError, match='JointBins'): DistributionExplorer(photo, regression)
    with pytest.raises(ValueError, match='one to five'): SepiaExplorer(colors=('#ffffff',)*6, weights=(1.,)*6)

def test_static_view_has_every_picture_and_resets_the_slider(photo):
    w = BinsExplorer(photo)
    html = static_view(w, 'n', [4, 8, 16]).data
    assert html.count('data:image/jpeg')==3
    assert html.count('hidden')==3 # two hidden pictures, and the script
    assert w.state()['n']==10
    assert 'ChannelBins(n=8)' in html and 'http' not in html
