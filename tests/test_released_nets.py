"The networks of DDColor, DeOldify, and the tutorial, with filled weights, match the outputs of the original programs."
import subprocess, sys
from pathlib import Path
import numpy as np, pytest, torch
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from colorize_nb.models.released.ddcolor import ShuffleUp, fold_norms, opencv_lab
from colorize_nb.models.released.deoldify import SelfAttention, rgb2yuv8, yuv2rgb8
from colorize_nb.models.released.table import create_released, fill_released, read_released
from colorize_nb.models.store import StoreError
from lab.filled import filled_weights, golden, layout, shape_of, tolerance, wrong_checksums

# network -> the model whose file it reads
MODELS = dict(ddcolor_tiny='ddcolor_tiny', ddcolor_large='ddcolor_modelscope', deoldify_artistic='deoldify_artistic',
              deoldify_stable='deoldify_video', moein_dynamicunet='moein_dynamicunet', moein_unet='moein_unet')
LARGE = 'ddcolor_large', 'deoldify_stable'
ALL = [pytest.param(n, marks=[pytest.mark.slow] if n in LARGE else []) for n in MODELS]
SMALL = [n for n in MODELS if n not in LARGE]
_latest = {}

def network(name):
    "Return a network with filled weights. Large networks need a gigabyte, so only one of them is kept in memory."
    if name not in _latest:
        if name in LARGE or any(n in _latest for n in LARGE): _latest.clear()
        _latest[name] = fill_released(create_released(name), filled_weights(name), MODELS[name])
    return _latest[name]

@pytest.fixture(scope='module', autouse=True)
def forget_networks():
    yield
    _latest.clear()

def raw_input(name):
    "Return the input of the original network."
    if name.startswith('moein'):
        from skimage.color import rgb2lab
        return torch.from_numpy(rgb2lab(golden(name)['picture'])[None,None,...,0]/50-1).float()
    gray = torch.from_numpy(golden(name)['gray'])[None,None].expand(1, 3, -1, -1).float()
    if name.startswith('ddcolor'): return gray
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ((.485, .456, .406), (.229, .224, .225)))
    return (gray/255-mean)/std

def raw(name, x):
    net = network(name)
    run = net.net if name.startswith('moein') else net.from_gray if name.startswith('ddcolor') else net.from_normalized
    with torch.inference_mode(): return run(x)[0].numpy()

@pytest.mark.parametrize('name', ALL)
def test_raw_output_matches_the_original(name):
    want = golden(name)
    step = int(want.get('out_stride', 1))
    got = raw(name, raw_input(name))[:,::step,::step]
    assert got.shape==want['out'].shape
    assert np.abs(got-want['out']).max()<tolerance(name)
    if 'odd_out' in want: # the top left 90 x 75 pixels
        odd = raw(name, raw_input(name)[...,:90,:75])[:,::2,::2]
        assert np.abs(odd-want['odd_out']).max()<tolerance(name)

FINAL = [('ddcolor_tiny', 64, 'final_64'), ('ddcolor_tiny', 512, 'final_512'), ('deoldify_artistic', 112, 'final_7'),
         ('deoldify_artistic', 336, 'final_21'), ('ddcolor_large', 64, 'final_64'), ('deoldify_stable', 112, 'final_7'),
         ('deoldify_stable', 336, 'final_21'), ('moein_unet', None, 'final256_sub'), ('moein_dynamicunet', None, 'final256_sub')]
FINAL = [pytest.param(*f, marks=[pytest.mark.slow] if f[0] in LARGE or f[1] in (336, 512) else [], id='-'.join(map(str, f[:2]))) for f in FINAL]

@pytest.mark.parametrize('name,size,key', FINAL)
def test_final_picture_matches_the_original(name, size, key):
    want = golden(name)
    got = np.array(network(name).original(Image.fromarray(want['photo']), size))
    if key.endswith('_sub'): got = got[::2,::2]
    assert got.shape==want[key].shape
    diff = np.abs(got.astype(int)-want[key])
    # A value next to a rounding boundary depends on the processor. In DeOldify's 8-bit YUV, a step of U is 2 or 3 steps of blue.
    assert diff.max()<=(3 if name.startswith('deoldify') else 1)
    assert np.count_nonzero(diff)<(20 if name.startswith('deoldify') else 200)

@pytest.mark.parametrize('name', ALL)
def test_layout_is_complete_in_both_directions(name):
    "Every tensor of the released file is used or known to be unused, and every tensor of the network is given."
    given = {r['key']: torch.empty(shape_of(r), device='meta') for r in layout(name)}
    u_and_v = {k: torch.ones(v.shape) for k,v in given.items() if k.endswith(('_u','_v'))}
    net = create_released(name)
    # folding needs values, but any value will do
    tensors = {k: torch.ones(1).expand(v.shape) if 'weight_' in k else v for k,v in given.items()} | u_and_v
    converted, own = net.convert(tensors), net.state_dict()
    assert sorted(converted)==sorted(own)
    assert [k for k in own if converted[k].shape!=own[k].shape]==[]
    folded = sum(k.endswith(('_u','_v')) for k in given) # each pair of tensors is folded into another
    unused = sum(k.startswith('encoder.arch.norm.') for k in given)
    assert len(own)==len(given)-folded-unused

@pytest.mark.parametrize('name', ['ddcolor_tiny', 'deoldify_artistic'])
def test_a_missing_or_unknown_tensor_is_named(name):
    tensors = {r['key']: torch.empty(shape_of(r), device='meta') for r in layout(name)}
    key = next(k for k in tensors if k.endswith('.bn.weight'))
    some = {k: v for k,v in tensors.items() if k!=key}
    with pytest.raises(StoreError, match='is missing.*1 of'): fill_released(create_released(name), some, name)
    with pytest.raises(StoreError, match='surprise is unknown'):
        fill_released(create_released(name), {**tensors, 'surprise': torch.empty(1, device='meta')}, name)
    cut = {**tensors, key: tensors[key][:-1]}
    with pytest.raises(StoreError, match=r'is \[\d+\], not \[\d+\]'): fill_released(create_released(name), cut, name)

@pytest.mark.parametrize('name', ['ddcolor_tiny', 'deoldify_artistic'])
def test_filled_weights_have_the_stated_checksums(name): assert wrong_checksums(name, filled_weights(name))==[]

def test_deoldify_and_ddcolor_are_distinguished():
    with pytest.raises(StoreError, match='weights of ddcolor_tiny, not of deoldify_artistic'):
        tensors = {r['key']: torch.empty(shape_of(r), device='meta') for r in layout('ddcolor_tiny')}
        fill_released(create_released('deoldify_artistic'), tensors, 'deoldify_artistic')

# the colorizer's interface
@pytest.mark.parametrize('name', SMALL)
def test_forward_takes_lightness_of_any_aspect(name):
    net, x = network(name), torch.linspace(-.9, .9, 64*96).view(1, 1, 64, 96)
    with torch.inference_mode(): two, one = net(torch.cat([x, x.flip(3)])), net(x)
    assert two.shape==(2, 2, 64, 96)
    assert (two[:1]-one).abs().max()<.05 # the photos of a batch don't influence each other
    assert two.std()>1 # in CIELAB units, so not all gray

def test_forward_of_ddcolor_runs_its_network_on_a_gray_picture():
    from skimage.color import lab2rgb
    L = np.linspace(5, 95, 64*64).reshape(64, 64)
    gray = torch.from_numpy(lab2rgb(np.stack([L, 0*L, 0*L], -1))).movedim(-1, 0)[None].float()
    net = network('ddcolor_tiny')
    with torch.inference_mode(): a, b = net.from_gray(gray), net(torch.from_numpy(L/50-1).float()[None,None])
    assert (a-b).abs().max()<.05

def test_forward_of_deoldify_has_the_color_of_its_rgb():
    from skimage.color import lab2rgb, rgb2lab
    net, x = network('deoldify_artistic'), torch.full((1, 1, 64, 64), .2)
    L = torch.full((1, 64, 64), 60.)
    gray = torch.from_numpy(lab2rgb(torch.cat([L, 0*L, 0*L]).movedim(0, -1).numpy())).movedim(-1, 0)[None].float()
    with torch.inference_mode(): rgb, ab = net.from_gray(gray)[0], net(x)[0]
    want = rgb2lab(rgb.movedim(0, -1).numpy())[...,1:]
    assert np.abs(ab.movedim(0, -1).numpy()-want).max()<.1

# parts, with values worked out without the original programs
def test_spectral_norm_is_divided_by_the_stored_vectors():
    "The weight is divided using the file's u and v, not by its largest singular value."
    w = torch.tensor([[3., 0.], [0., 4.]]).view(2, 2, 1, 1)
    u, v = torch.tensor([1., 0.]), torch.tensor([1., 0.])
    folded = fold_norms({'c.weight_orig': w, 'c.weight_u': u, 'c.weight_v': v, 'c.bias': torch.zeros(2)})
    assert sorted(folded)==['c.bias', 'c.weight']
    assert torch.allclose(folded['c.weight'], w/3)

def test_weight_norm_folds_like_torch():
    conv = torch.nn.utils.parametrizations.weight_norm(torch.nn.Conv2d(3, 5, 3))
    p = conv.parametrizations.weight
    folded = fold_norms({'weight_g': p.original0.detach()*2, 'weight_v': p.original1.detach(), 'bias': conv.bias.detach()})
    assert torch.allclose(folded['weight'], conv.weight.detach()*2, atol=1e-6)

def test_the_shuffle_averages_with_the_pixels_above_and_left():
    up = ShuffleUp(1, 1, norm=False)
    for p,v in zip(up.parameters(), (torch.tensor([1., 2., 3., 4.]).view(4, 1, 1, 1), torch.zeros(4))): p.data = v
    with torch.no_grad(): got = up(torch.ones(1, 1, 1, 1))[0,0]
    assert torch.allclose(got, torch.tensor([[1., 1.5], [2., 2.5]])) # means of 1 2 / 3 4 with repeated edges

def test_each_column_of_the_attention_sums_to_one():
    torch.manual_seed(0)
    net = SelfAttention(8)
    net.gamma.data.fill_(1)
    net.value.weight.data = torch.eye(8)[...,None]
    x = torch.randn(1, 8, 1, 1).expand(1, 8, 3, 4) # all values are equal, so any weights that sum to 1 return them
    with torch.no_grad(): assert torch.allclose(net(x), 2*x, atol=1e-5)
    x = torch.randn(1, 8, 3, 4)
    with torch.no_grad():
        flat = x.flatten(2)[0]
        q, k = net.query.weight[...,0]@flat, net.key.weight[...,0]@flat
        weights = (q.T@k).exp()
        want = flat@(weights/weights.sum(0))
        assert torch.allclose(net(x)[0].flatten(1)-flat, want, atol=1e-5)

def test_opencv_lab_is_close_to_exact_lab():
    from skimage.color import rgb2lab
    rgb = np.random.default_rng(0).random((50, 60, 3))
    got = opencv_lab(torch.from_numpy(rgb).movedim(-1, 0)[None].float())[0].movedim(0, -1).numpy()
    error = np.abs(got-rgb2lab(rgb)).reshape(-1, 3).max(0)
    assert (error<[.3, .8, .6]).all() and error[0]>.02
    assert np.allclose(got[...,0]*163.84, np.round(got[...,0]*163.84), atol=1e-2) # steps of its integers

@pytest.mark.parametrize('rgb,yuv', [((255, 255, 255), (255, 128, 128)), ((0, 0, 0), (0, 128, 128)), ((255, 0, 0), (76, 91, 255)),
                                     ((0, 255, 0), (150, 54, 0)), ((0, 0, 255), (29, 239, 103))])
def test_yuv_of_the_corners(rgb, yuv):
    assert np.abs(rgb2yuv8(np.uint8([[rgb]]))[0,0].astype(int)-yuv).max()<=1
    gray = np.full((1, 1, 3), 77, np.uint8)
    assert (yuv2rgb8(rgb2yuv8(gray))==77).all()

# files
def test_a_slice_in_a_pickle_is_allowed_and_a_function_is_not(tmp_path):
    tensors = {'layers.1.weight': torch.ones(3)}
    torch.save({'model': tensors, 'opt': {'betas': (.9, .99), 'layers': slice(None, -1)}}, tmp_path/'fastai1.pth')
    assert read_released(tmp_path/'fastai1.pth').keys()==tensors.keys()
    torch.save({'model': tensors, 'opt': {'f': print}}, tmp_path/'function.pth')
    with pytest.raises(StoreError, match='was not loaded'): read_released(tmp_path/'function.pth')

@pytest.mark.parametrize('legacy', [False, True], ids=['zip', 'legacy'])
def test_a_malicious_pickle_does_not_run_code(tmp_path, legacy):
    class Hostile:
        def __reduce__(self): return Path.touch, (tmp_path/'owned',)
    path = tmp_path/'ColorizeArtistic_gen.pth'
    torch.save({'model': {'layers.1.weight': torch.ones(3)}, 'opt': Hostile()}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(StoreError, match='ColorizeArtistic_gen.pth: .*was not loaded'): read_released(path)
    assert not (tmp_path/'owned').exists()
    torch.load(path, weights_only=False) # the pickle does run code without weights_only
    assert (tmp_path/'owned').exists()

def test_a_file_in_the_oldest_format_with_a_slice(tmp_path):
    "fastai 1 wrote pickles without a zip file."
    path = tmp_path/'old.pth'
    torch.save({'model': {'a': torch.ones(2)}, 'opt': slice(1)}, path, _use_new_zipfile_serialization=False)
    assert torch.equal(read_released(path)['a'], torch.ones(2))

@pytest.mark.slow
def test_only_the_tutorials_network_imports_fastai():
    code = ('import sys, colorize_nb.infer.colorizer\nfrom colorize_nb.models.released.table import create_released\n'
            'create_released("ddcolor_tiny")\ncreate_released("moein_unet")\nassert "fastai" not in sys.modules\n'
            'create_released("moein_dynamicunet")\nassert "fastai" in sys.modules')
    r = subprocess.run([sys.executable, '-W', 'ignore', '-c', code], cwd=ROOT, capture_output=True, text=True)
    assert r.returncode==0, r.stderr

# ONNX files in common conventions
def exported(path, net, *shape):
    pytest.importorskip('onnx')
    pytest.importorskip('onnxruntime')
    import warnings
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.onnx.export(net, (torch.zeros(shape),), path, opset_version=17, dynamo=False)
    return path

class Tint(torch.nn.Module):
    "Predict ab from the mean of the input, so that the output reveals the input."
    def forward(self, x): return torch.cat([x.mean(1, keepdim=True), -x.mean(1, keepdim=True)], 1)

class Red(torch.nn.Module):
    def forward(self, x): return x*torch.tensor([1.2, 1., .9]).view(1, 3, 1, 1)

def test_onnx_with_lightness_in(tmp_path):
    from colorize_nb.models.released.onnx import OnnxNet
    net = OnnxNet(exported(tmp_path/'l.onnx', Tint(), 1, 1, 32, 32))
    assert (net.n_in, net.fixed, net.size)==(1, (32, 32), 32)
    ab = net(torch.full((2, 1, 32, 32), .2)) # L is 60; the file has a fixed batch size of 1
    assert torch.allclose(ab[:,0], torch.full((2, 32, 32), 60.)) and torch.allclose(ab[:,1], -ab[:,0])

def test_onnx_with_gray_in_and_ab_out(tmp_path):
    from skimage.color import lab2rgb
    from colorize_nb.models.released.onnx import OnnxNet
    path = exported(tmp_path/'gray.onnx', Tint(), 1, 3, 32, 32)
    gray = lab2rgb([[[60., 0, 0]]])[0,0,0]
    for top,want in ((None, gray), (255, 255*gray)):
        ab = OnnxNet(path, top)(torch.full((1, 1, 32, 32), .2))
        assert abs(ab[0,0,0,0].item()-want)<1e-3*max(1, want)

def test_onnx_with_rgb_out(tmp_path):
    from skimage.color import lab2rgb, rgb2lab
    from colorize_nb.models.released.onnx import OnnxNet
    net = OnnxNet(exported(tmp_path/'rgb.onnx', Red(), 1, 3, 32, 32))
    assert net.top==255
    gray = lab2rgb([[[60., 0, 0]]])
    want = rgb2lab(gray*[1.2, 1, .9])[0,0,1:]
    assert np.abs(net(torch.full((1, 1, 32, 32), .2))[0,:,5,5].numpy()-want).max()<.1

@pytest.mark.parametrize('shape', [(96, 32), (32, 96), (20, 20), (64, 64)], ids=str)
def test_a_fixed_size_pads_and_never_stretches(tmp_path, shape):
    "The photo is padded without stretching, so a ramp stays a ramp."
    from colorize_nb.models.released.onnx import OnnxNet, fit_into
    h, w = shape
    ramp = torch.linspace(-.8, .8, w).expand(1, 1, h, w)
    fitted, fh, fw = fit_into(ramp, 64, 64)
    assert fitted.shape[-2:]==(64, 64) and max(fh, fw)==64 and abs(fh/fw-h/w)<.1*h/w
    ab = OnnxNet(exported(tmp_path/'l.onnx', Tint(), 1, 1, 64, 64))(ramp)
    assert ab.shape[-2:]==(fh, fw)
    assert (ab[0,0,:,1:]>=ab[0,0,:,:-1]).all() and ab[0,0].max()>80 and ab[0,0].min()<20

def test_a_file_without_a_colorizer_is_named(tmp_path):
    from colorize_nb.models.released.onnx import OnnxNet
    path = exported(tmp_path/'wrong.onnx', torch.nn.Conv2d(4, 5, 1), 1, 4, 8, 8)
    with pytest.raises(StoreError, match='wrong.onnx: input .* C of 1 or 3'): OnnxNet(path)
    (tmp_path/'text.onnx').write_text('nothing')
    with pytest.raises(StoreError, match='text.onnx: not a usable ONNX file'): OnnxNet(tmp_path/'text.onnx')

def test_colorizer_loads_an_onnx_file(tmp_path):
    from colorize_nb.infer.colorizer import Colorizer
    colorizer = Colorizer.load(exported(tmp_path/'rgb.onnx', Red(), 1, 3, 64, 64))
    assert (colorizer.name, colorizer.size)==('rgb', 64)
    gray = Image.new('RGB', (40, 90), (128, 128, 128))
    r, g, b = np.array(colorizer(gray).image)[45,20].astype(int)
    assert r>g>b and np.array(colorizer(gray).image).shape==(90, 40, 3)
    with pytest.raises(ValueError, match='no original program'): colorizer(gray, faithful=True)

@pytest.mark.slow
@pytest.mark.parametrize('name', ['ddcolor_tiny', 'deoldify_artistic', 'moein_unet'])
def test_released_networks_can_be_exported(tmp_path, name):
    pytest.importorskip('onnxruntime')
    from colorize_nb.color.codecs import LabAB
    from colorize_nb.infer.colorizer import Colorizer
    from colorize_nb.infer.onnx import export_onnx
    from colorize_nb.models.released.onnx import OnnxNet
    net = network(name)
    path = export_onnx(Colorizer(net, LabAB(ab_scale=1.), 64, name), tmp_path/'net.onnx', half=False)
    x = torch.linspace(-.9, .9, 96*128).view(1, 1, 96, 128)
    with torch.inference_mode(): assert (OnnxNet(path)(x)-net(x)).abs().max()<.05

# the page that compares models
@pytest.fixture(scope='module')
def color_photos(tmp_path_factory):
    from colorize_nb.core.photo import bundled_photos, open_photo
    folder = tmp_path_factory.mktemp('photos')
    for n in ('coffee', 'china'): open_photo(bundled_photos()[n]).resize((96, 64)).save(folder/f'{n}.png')
    return folder

def test_evaluate_writes_a_page_of_strips(tmp_path, color_photos, capsys):
    from colorize_nb.app.cli import main
    page = tmp_path/'models.html'
    command = ['evaluate', 'shipped,compact', str(color_photos), '--page', '-o', str(page), '--device', 'cpu']
    assert main(command)==0
    out, html = capsys.readouterr().out, page.read_text('utf8')
    assert f'wrote {page}' in out and 'shipped' in out and 'compact' in out
    assert html.count('<figure')==2 and html.count('data:image/jpeg')==2 and 'coffee.png' in html
    assert html.index('Metrics')>html.index('china.png') and 'CIEDE2000' in html
    assert main(command)==1 and 'exists already' in capsys.readouterr().err
    assert main([*command, '--force'])==0

def test_evaluate_takes_files_and_pictures_together(color_photos):
    from colorize_nb.core.photo import find_photos, open_photo
    from colorize_nb.infer.evaluate import evaluate_colorizer
    first, *_ = find_photos(color_photos)
    both = [first, open_photo(first)]
    assert len(evaluate_colorizer('shipped', both, sizes=[64]))==len(evaluate_colorizer('shipped', iter(both), sizes=[64]))==2
    assert len(evaluate_colorizer('shipped', both[1], sizes=[64]))==1

def test_evaluate_compares_released_networks_by_the_same_scores(color_photos):
    from colorize_nb.color.codecs import LabAB
    from colorize_nb.infer.colorizer import Colorizer
    from colorize_nb.infer.evaluate import evaluate_colorizer, evaluate_models
    filled = Colorizer(network('deoldify_artistic'), LabAB(ab_scale=1.), 64, 'deoldify')
    both = evaluate_models({'filled': filled, 'shipped': 'shipped'}, color_photos, sizes=[64])
    alone = evaluate_colorizer('shipped', color_photos, sizes=[64])
    assert [*both.scores][3:]==['filled, 64 px', 'shipped, 64 px']
    assert torch.equal(both.scores['shipped, 64 px'], alone.scores['shipped, input 64 px'])
    assert not torch.equal(both.scores['filled, 64 px'], both.scores['shipped, 64 px'])

@pytest.mark.parametrize('arguments,message', [
    (['shipped,gone'], 'gone'), (['shipped,compact', '--card'], '--card needs a single model')], ids=['model', 'card'])
def test_evaluate_names_a_wrong_argument(color_photos, capsys, arguments, message):
    from colorize_nb.app.cli import main
    assert main(['evaluate', arguments[0], str(color_photos), *arguments[1:], '--device', 'cpu'])==1
    assert message in capsys.readouterr().err
