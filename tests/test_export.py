"ONNX export: the same colors in another runtime, metadata, and errors."
import json
import numpy as np, pytest, torch

pytest.importorskip('onnx')
ort = pytest.importorskip('onnxruntime')
from colorize_nb.app.cli import main
from colorize_nb.color.classes import ChannelBins
from colorize_nb.color.classes import JointBins
from colorize_nb.color.codecs import RGB, LabAB
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.infer.onnx import export_onnx
from colorize_nb.core.photo import bundled_photos, open_photo
from colorize_nb.models.layers import create_model
from colorize_nb.models.store import StoreError

class OnnxModel(torch.nn.Module):
    "Run the exported network in ONNX Runtime, as if it were a network for `LabAB`."
    def __init__(self, file, codec):
        super().__init__()
        self.session, self.codec = ort.InferenceSession(str(file)), codec
    def forward(self, x): return torch.from_numpy(self.session.run(None, {'L': self.codec.L_from_x(x).numpy()})[0])/self.codec.ab_scale

@pytest.fixture(scope='module')
def file(tmp_path_factory): return export_onnx('shipped', tmp_path_factory.mktemp('onnx')/'shipped.onnx')

def ten_photos():
    photos = [open_photo(p) for p in bundled_photos().values()]
    more = [p.rotate(90, expand=True).resize((200, 150+17*i)) for i,p in enumerate(photos)]
    return (photos+more)[:max(10, len(photos))]

def test_ten_photos_differ_by_at_most_one(file):
    here = Colorizer.load('shipped')
    there = Colorizer(OnnxModel(file, LabAB()), LabAB(), here.size, meta={'knobs': {'saturation': here.knobs['saturation']}})
    photos = ten_photos()
    differences = [np.abs(np.asarray(here(p).image).astype(int)-np.asarray(there(p).image)).max() for p in photos]
    assert len(photos)>=10 and max(differences)<=1, differences

@pytest.mark.parametrize('shape', [(1,1,64,64), (3,1,96,160), (1,1,512,32)])
def test_sizes_and_batches(file, shape):
    here, L = Colorizer.load('shipped'), torch.rand(shape)*100
    codec, how = here.codec, here.knobs['how']
    x = codec.x_from_L(L)
    with torch.no_grad(): want = codec.ab(x, codec.activate(here.model(x)), how=how)
    got = ort.InferenceSession(str(file)).run(None, {'L': L.numpy()})[0]
    assert got.shape==want.shape and np.abs(got-want.numpy()).max()<.5

def test_metadata_and_file_size(file):
    m = ort.InferenceSession(str(file)).get_modelmeta().custom_metadata_map
    assert json.loads(m['codec'])['name']=='JointBins' and int(m['stride'])==32 and m['name']=='shipped'
    assert file.stat().st_size < 1.05*sum(p.numel() for p in Colorizer.load('shipped').model.state_dict().values())*2

@pytest.mark.parametrize('codec', [JointBins(), ChannelBins(10), LabAB(tanh=True)], ids=lambda c: type(c).__name__)
def test_other_codecs(codec, tmp_path):
    torch.manual_seed(0)
    model = create_model('unet_compact', codec.n_in, codec.n_out, 64, widths=[8,12,16,24], depths=[0,0,0,0]).eval()
    f = export_onnx(Colorizer(model, codec, 64), tmp_path/'m.onnx', half=False)
    L = torch.rand(1,1,64,96)*100
    x = codec.x_from_L(L)
    with torch.no_grad(): want = codec.ab(x, codec.activate(model(x)))
    assert np.abs(ort.InferenceSession(str(f)).run(None, {'L': L.numpy()})[0]-want.numpy()).max() < 1e-2

@pytest.mark.parametrize('how', ['mean','annealed','mode'])
def test_default_knobs_are_exported(how, tmp_path):
    "`how` is part of the network; saturation and input size are metadata."
    torch.manual_seed(0)
    codec = JointBins()
    model = create_model('unet_compact', codec.n_in, codec.n_out, 256, widths=[8,12,16,24], depths=[0,0,0,0]).eval()
    c = Colorizer(model, codec, 256, meta={'knobs': {'how': how, 'saturation': 1.25}})
    session = ort.InferenceSession(str(export_onnx(c, tmp_path/'m.onnx', half=False)))
    L = torch.rand(1,1,64,96)*100
    x = codec.x_from_L(L)
    with torch.no_grad(): want = codec.ab(x, model(x), how=how)
    assert (np.abs(session.run(None, {'L': L.numpy()})[0]-want.numpy())<1e-2).mean()>.999 # two classes can be equally likely
    m = session.get_modelmeta().custom_metadata_map
    assert m['size']=='256' and m['saturation']=='1.25' and json.loads(m['knobs'])['how']==how

def test_saturation_and_size_are_metadata(tmp_path):
    f = export_onnx('shipped', tmp_path/'s.onnx', saturation=.7)
    m = ort.InferenceSession(str(f)).get_modelmeta().custom_metadata_map
    assert float(m['saturation'])==.7 and int(m['size'])==Colorizer.load('shipped').size
    assert Colorizer.load(f).merge_knobs()['saturation']==.7

def test_loading_the_file_gives_the_colors_of_the_model(file):
    photo = open_photo(bundled_photos()['coffee']).resize((192, 128))
    here, there = (np.asarray(Colorizer.load(m)(photo).image).astype(int) for m in ('shipped', file))
    assert np.abs(here-there).max()<=1

def test_half_stores_weights_in_half_the_space(file, tmp_path):
    full = export_onnx('shipped', tmp_path/'full.onnx', half=False)
    assert 1.8<full.stat().st_size/file.stat().st_size<2.1
    with pytest.raises(FileExistsError): export_onnx('shipped', full)
    assert export_onnx('shipped', full, force=True).stat().st_size<.6*2*file.stat().st_size

def test_errors(tmp_path):
    model = create_model('unet_compact', 1, 3, 64, widths=[8,12,16,24], depths=[0,0,0,0])
    with pytest.raises(StoreError, match='LabAB'): export_onnx(Colorizer(model, RGB(), 64), tmp_path/'rgb.onnx')
    (tmp_path/'kept.onnx').write_text('mine')
    with pytest.raises(FileExistsError, match='kept.onnx'): export_onnx('shipped', tmp_path/'kept.onnx')
    assert (tmp_path/'kept.onnx').read_text()=='mine' and [p.name for p in tmp_path.iterdir()]==['kept.onnx']

def test_command_line(tmp_path, capsys):
    out = tmp_path/'m.onnx'
    assert main(['export','-o',str(out)])==0 and out.stat().st_size>1e6
    assert main(['export','-o',str(out)])==1 and '--force' in capsys.readouterr().err
    assert main(['export','nothing.safetensors','-o',str(tmp_path/'n.onnx')])==1 and 'nothing.safetensors' in capsys.readouterr().err
