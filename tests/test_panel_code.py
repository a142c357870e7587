"The code under each panel runs in a clean namespace and gives the panel's picture."
import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image

matplotlib.use('agg')
from colorize_nb.all import *
from colorize_nb.widgets.explorers import Live

PHOTO = bundled_photos()['coffee']

@pytest.fixture
def small(tmp_path):
    "A photo that is so small that no panel shrinks it."
    photo = open_photo(PHOTO).copy()
    photo.thumbnail((120, 120))
    photo.save(path := tmp_path/'coffee.png')
    return path

def run(panel):
    "Run the code from the Copy button in a clean namespace. Return its variables, with the value of the last expression in `_`."
    *lines, last = panel.script().strip().split('\n')
    assert lines[0]=='from colorize_nb.all import *' and (isinstance(panel, Live) or panel.line.text==panel.script())
    ns = {}
    exec('\n'.join(lines), ns)
    try: ns['_'] = eval(last, ns)
    except SyntaxError: exec(last, ns)
    return ns

def difference(a, b): return np.abs(np.asarray(a).astype(float)-np.asarray(b).astype(float)).max()

def test_lab_explorer(small, monkeypatch):
    import colorize_nb.all as library
    w, shown = LabExplorer(small, side=120).set(a=0, b=1.5), []
    monkeypatch.setattr(library, 'show_photos', shown.append)
    run(w)
    assert (shown[0]-w.mixed()).abs().max()<1e-5

@pytest.mark.parametrize('kind', ['uniform', 'density', 'joint'])
def test_bins_explorer(small, monkeypatch, kind):
    import colorize_nb.all as library
    w, shown = BinsExplorer(small, side=120).set(kind=kind, n=6, grid=20), []
    monkeypatch.setattr(library, 'show_photos', shown.append)
    run(w)
    assert (shown[0]-w.quantized()).abs().max()<1e-5

def test_sepia_explorer():
    w = SepiaExplorer(weights=(.6,.3,.3,.1,.1)).set(T=.6)
    got = run(w)['_']
    for k,v in w.answers().items(): assert (got[k]-v).norm()<1.5, k

def test_sepia_probabilities_sum_to_one():
    w = SepiaExplorer(weights=(1.,1.,1.,0.,0.))
    p = eval(w.code().split('tensor(')[2].split(')')[0])
    assert sum(p)==pytest.approx(1, abs=1e-9) and len(p)==3

def test_distribution_explorer():
    from colorize_nb.models.store import shipped_models
    model = next((m for m in shipped_models() if type(Colorizer.load(m).codec).__name__=='JointBins'), None)
    if model is None: pytest.skip('no shipped model predicts classes')
    w = DistributionExplorer(PHOTO, model, side=160)
    mean, sharp = (np.asarray(run(w.set(T=T))['_'].image).astype(int) for T in (1., .1))
    assert mean.shape==(400,600,3) and np.abs(mean-sharp).mean()>1

def test_compare(small):
    w = compare(small, 'shipped', side=120).set(left='gray', right='shipped', size=96, saturation=1.4)
    assert difference(run(w)['shipped'].image, w.answer('shipped'))<=1

@pytest.fixture
def file(tmp_path):
    "A model file whose name isn't that of a shipped model."
    from shutil import copyfile
    from colorize_nb.models.store import shipped_models
    return copyfile(shipped_models()['shipped'], tmp_path/'my model.safetensors')

def test_panels_load_a_model_from_its_file(small, file):
    w = compare(small, file, side=120).set(size=96, saturation=1.4)
    assert difference(run(w)['my_model'].image, w.answer('my model'))<=1
    assert w.line.value.startswith(f'my_model = Colorizer.load({str(file)!r})(')
    for panel in (color_app(small, file, side=120), DistributionExplorer(small, file, side=120)):
        assert panel.code().startswith(f'Colorizer.load({str(file)!r})(')

def test_a_model_without_a_file_is_a_variable(small):
    shipped = Colorizer.load('shipped')
    made = Colorizer(shipped.model, shipped.codec, 96, 'made')
    assert compare(small, {'mine': made}).code().startswith('mine = model(')

def test_app(small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    w = color_app(small, side=120).set(size=96, saturation=.5)
    got = run(w)['_']
    assert difference(Image.open(got), w.colored(w.small).image)<40 and got.name=='coffee-color.jpg' # the file is a JPEG
    assert np.abs(np.asarray(Image.open(got)).astype(float)-np.asarray(w.colored(w.small).image)).mean()<4

def test_the_app_code_names_the_default_photo():
    assert "bundled_photos()['chelsea']" in color_app().code()

def test_hint(small):
    w = hint(small, 'shipped', side=120).set(over='gray', reach=.3)
    w.add(.5, .5, '#7a1fa0').add(.1, .8, '#2f6d8c')
    assert difference(run(w)['w'].image, w.image)<=1
    w.set(over='model')
    assert difference(run(w)['w'].image, w.image)<=1

def test_turing(small, tmp_path):
    other = tmp_path/'other.png'
    Image.open(small).rotate(90, expand=True).save(other)
    w = turing_test('shipped', [small, other], tmp_path/'deep'/'answers.csv', n=4, practice=1, seconds=.5, seed=3, side=96)
    while not w.done:
        w.begin(timer=False).hide()
        w.answer('left', timer=False)
    got = run(w)['_']
    assert str(got)==str(w.results()) and got.rows[0]['shown']==4
    before = w.out
    w.restart()
    assert w.at==0 and w.out.name=='answers-2.csv' and before.is_file() and 'seed=4' in w.code()

@pytest.mark.slow
def test_tune(tmp_path):
    folder = tmp_path/'photos'
    folder.mkdir()
    for i,p in enumerate(list(bundled_photos().values())[:6]):
        img = open_photo(p).copy()
        img.thumbnail((64, 64))
        img.save(folder/f'{i}.png')
    dls = ColorizeDataLoaders.from_folder(folder, size=32, bs=2, valid_pct=.34, device='cpu')
    w = tune(dls)
    w.set(epochs=1, lr=1e-3).train().wait()
    assert not w.error.value
    learn = run(w)['learn']
    mine, other = learn.model.state_dict(), w.models['run 1'].model.state_dict()
    assert mine.keys()==other.keys() and all(torch.allclose(v, other[k]) for k,v in mine.items())
    assert learn.dls.codec==w.models['run 1'].codec and learn.opt.hypers[-1]['wd']==.01 and len(learn.recorder.values)==1

def test_a_rejected_upload_changes_nothing():
    w = color_app()
    before = np.asarray(w.image), w.download.label, w.download.disabled, w.name
    w.refuse(PhotoError('notes.txt is not a picture'))
    assert 'notes.txt is not a picture' in w.error.value
    assert (w.download.label, w.download.disabled, w.name)==before[1:] and np.array_equal(np.asarray(w.image), before[0])

def test_a_tiny_photo_is_shown_enlarged():
    w = color_app()
    w.take('dot.png', Image.new('RGB', (1,1), (200,30,30)))
    assert w.error.value=='' and w.small.size==(160,160) and w.photo.size==(1,1) and 'enlarged' in w.says.value
