"Released models: outputs that match the originals, file layouts, downloads, and files that must not be loaded."
import functools, hashlib, re, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
import numpy as np, pytest, torch
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab

from colorize_nb.app.cli import main
from colorize_nb.color.codecs import LabAB
from colorize_nb.core.photo import bundled_photos, open_photo
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.infer.evaluate import evaluate_colorizer
from colorize_nb.infer.released import blend, verify_released
from colorize_nb.models.released import table
from colorize_nb.models.released.table import (create_released, download, fetch_released, fill_released, identify_released, load_released,
                                               read_released, released_models, sha256_of)
from colorize_nb.models.store import StoreError
from lab.filled import filled_weights, golden, layout, shape_of, tolerance, wrong_checksums

NETWORKS = ['eccv16', 'siggraph17']

@functools.lru_cache
def _weights(name): return filled_weights(name)
def weights_of(name): return dict(_weights(name)) # a new dict that shares the tensors

@functools.lru_cache
def network(name): return fill_released(create_released(name), weights_of(name), name)

def raw(name, L):
    "Return the network's output before decoding, at the size of L."
    net = network(name)
    with torch.no_grad(): return net.enlarged(L) if hasattr(net, 'enlarged') else net(L/50-1)

# --- the networks

@pytest.mark.parametrize('name', NETWORKS)
def test_filled_weights_match_the_reference(name): assert wrong_checksums(name, weights_of(name))==[]

@pytest.mark.parametrize('name', NETWORKS)
def test_layout_is_complete_in_both_directions(name):
    "Every tensor in the file is used, every parameter has a tensor, and the file can be identified."
    empty = {r['key']: torch.empty(shape_of(r), device='meta') for r in layout(name)}
    net = create_released(name)
    own, given = ({k: tuple(v.shape) for k,v in d.items()} for d in (net.state_dict(), net.convert(empty)))
    assert own==given and len(given)==len(empty)
    assert name in identify_released(empty)

@pytest.mark.parametrize('name', NETWORKS)
def test_raw_output_matches_the_original(name):
    g = golden(name)
    out = raw(name, torch.from_numpy(g['L'])[None,None])[0].numpy()
    assert abs(out-g['out']).max() < tolerance(name) < .01*abs(g['out']).max()

@pytest.mark.parametrize('name', NETWORKS)
def test_faithful_picture_matches_the_original(name):
    g = golden(name)
    c = Colorizer(network(name), LabAB(ab_scale=1.), 256, name)
    out = np.asarray(c(Image.fromarray(g['photo']), faithful=True).image).astype(int)
    assert abs(out-g['final']).max()<=1

def test_hints_reach_the_network():
    g = golden('siggraph17')
    x = torch.from_numpy(g['L'])[None,None]/50-1
    hints = torch.zeros(1, 3, *x.shape[-2:])
    for top,left,a,b in g['hints']: hints[0,:,int(top):int(top)+7,int(left):int(left)+7] = torch.tensor([a, b, 1.])[:,None,None]
    with torch.no_grad(): out = network('siggraph17')(x, hints)[0,:,::8,::4].numpy()
    assert abs(out-g['hint_out_row']).max()<tolerance('siggraph17')

def test_class_scores_of_eccv16():
    g = golden('eccv16')
    with torch.no_grad(): logits = network('eccv16').net((torch.from_numpy(g['L'])[None,None]-50)/100)[0]
    assert abs(logits[::8,::4,::4].numpy()-g['logits_sub']).max()<1e-3

# --- files

@pytest.fixture(scope='module')
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp('files')
    for name in NETWORKS: torch.save(weights_of(name), folder/f'{name}.pth')
    return folder

def one_line(error): return '\n' not in str(error.value) and len(str(error.value))<400

@pytest.mark.parametrize('wrap', [lambda d: d, lambda d: {'params': d}, lambda d: {'model': d, 'opt': {'slice': slice(1, 2)}},
                                  lambda d: {f'module.{k}': v for k,v in d.items()},
                                  lambda d: {k: v for k,v in d.items() if 'num_batches' not in k}], ids=['plain','params','fastai','module','no counters'])
def test_every_form_of_a_file_loads(tmp_path, wrap):
    torch.save(wrap(weights_of('eccv16')), tmp_path/'w.pth')
    net = load_released('eccv16', tmp_path/'w.pth')
    assert torch.equal(net.colors.weight, network('eccv16').colors.weight) and not net.training

def test_the_file_of_another_model_is_recognized(files):
    with pytest.raises(StoreError, match="weights of siggraph17, not of eccv16") as e: Colorizer.load('eccv16', weights=files/'siggraph17.pth')
    assert one_line(e)

@pytest.mark.parametrize('change,why', [(lambda w: w.pop('model3.2.weight'), 'is missing'), (lambda w: w.update(extra=torch.ones(2)), 'extra is unknown'),
                                        (lambda w: w.update({'model3.2.weight': torch.ones(2)}), r'is \[2\], not \[256, 256, 3, 3\]')])
def test_a_tensor_too_few_or_too_many_or_of_another_shape(tmp_path, change, why):
    weights = weights_of('eccv16')
    change(weights)
    torch.save(weights, tmp_path/'w.pth')
    with pytest.raises(StoreError, match=why) as e: load_released('eccv16', tmp_path/'w.pth')
    assert one_line(e)

class Hostile:
    def __init__(self, path): self.path = path
    def __reduce__(self): return open, (str(self.path), 'w')

def test_a_malicious_pickle_does_not_run_code(tmp_path):
    torch.save({'model1.0.weight': Hostile(tmp_path/'proof')}, tmp_path/'w.pth')
    with pytest.raises(StoreError, match='it refers to (_?io.)?open, which could run code') as e: load_released('eccv16', tmp_path/'w.pth')
    assert one_line(e) and not (tmp_path/'proof').exists()

@pytest.mark.parametrize('content', [b'', b'hello', b'PK\x03\x04'+b'0'*100])
def test_garbage_gives_one_line(tmp_path, content):
    (tmp_path/'w.pth').write_bytes(content)
    with pytest.raises(StoreError, match='not a plain file of weights') as e: read_released(tmp_path/'w.pth')
    assert one_line(e)

def test_typo_suggests_and_weights_are_only_for_released_models(files):
    with pytest.raises(ValueError, match='only released models take weights'): Colorizer.load('shipped', weights=files/'eccv16.pth')
    with pytest.raises(StoreError, match='no such file'): Colorizer.load('eccv16', weights=files/'gone.pth')

# --- the download

CONTENT = np.random.default_rng(0).bytes(3_000_000)

class Host(ThreadingHTTPServer):
    "A server that breaks the first `breaks` connections after `cut` bytes. `ranges` sets whether it can resume downloads."
    cut, breaks, ranges = 2_000_000, 0, True

    def __init__(self):
        self.starts = []
        super().__init__(('127.0.0.1', 0), Handler)

    @property
    def url(self): return f'http://127.0.0.1:{self.server_port}/weights.pth'

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        host, start = self.server, int(re.search(r'\d+', self.headers.get('Range', '0'))[0])
        if self.path!='/weights.pth': return self.send_error(404)
        if not host.ranges: start = 0
        if start>=len(CONTENT): return self.send_error(416)
        host.starts.append(start)
        self.send_response(206 if start else 200)
        self.send_header('Content-Length', str(len(CONTENT)-start))
        self.end_headers()
        end = start+host.cut if len(host.starts)<=host.breaks else len(CONTENT)
        self.wfile.write(CONTENT[start:end])
    def log_message(self, *_): pass

@pytest.fixture
def host():
    h = Host()
    threading.Thread(target=h.serve_forever, daemon=True).start()
    yield h
    h.shutdown()
    h.server_close()

DIGEST = hashlib.sha256(CONTENT).hexdigest()

def test_downloads_are_complete(host, tmp_path):
    assert download(host.url, tmp_path/'a'/'w.pth', DIGEST).read_bytes()==CONTENT
    assert [p.name for p in (tmp_path/'a').iterdir()]==['w.pth']

@pytest.mark.parametrize('ranges', [True, False])
def test_a_cut_off_download_continues(host, tmp_path, ranges):
    host.breaks, host.ranges = 1, ranges
    with pytest.raises(ConnectionError, match='1.0 MB left. Run it again') as e: download(host.url, tmp_path/'w.pth', DIGEST, 'w')
    assert one_line(e) and not (tmp_path/'w.pth').exists()
    assert download(host.url, tmp_path/'w.pth', DIGEST).read_bytes()==CONTENT
    assert host.starts==[0, host.cut if ranges else 0] and [p.name for p in tmp_path.iterdir()]==['w.pth']

def test_a_wrong_hash_leaves_no_file(host, tmp_path):
    with pytest.raises(StoreError, match=f'SHA-256 is {DIGEST[:8]}') as e: download(host.url, tmp_path/'w.pth', '0'*64, 'w')
    assert one_line(e) and not list(tmp_path.iterdir())

def test_an_overlong_partial_download_is_discarded(host, tmp_path):
    (tmp_path/'w.pth.part').write_bytes(CONTENT+b'more')
    with pytest.raises(ConnectionError): download(host.url, tmp_path/'w.pth', DIGEST)
    assert download(host.url, tmp_path/'w.pth', DIGEST).read_bytes()==CONTENT

def test_a_missing_server_or_file_gives_one_line(host, tmp_path):
    with pytest.raises(ConnectionError, match='404') as e: download(host.url+'.gone', tmp_path/'w.pth', DIGEST)
    assert one_line(e)
    host.shutdown()
    host.server_close()
    with pytest.raises(ConnectionError, match='pass weights=PATH') as e: download(host.url, tmp_path/'w.pth', DIGEST)
    assert one_line(e) and not list(tmp_path.iterdir())

# --- the cache and the command line

@pytest.fixture
def cache(tmp_path, monkeypatch, files):
    "A cache with a filled file for siggraph17, and its hash in place of the published one."
    facts = released_models()
    facts['siggraph17']['sha256'] = sha256_of(files/'siggraph17.pth')
    monkeypatch.setattr(table, 'released_models', lambda: facts)
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    folder = tmp_path/'checkpoints'
    folder.mkdir()
    (folder/facts['siggraph17']['file']).symlink_to(files/'siggraph17.pth')
    return folder

@pytest.mark.parametrize('how', [dict(offline=True), {}])
def test_offline_finds_the_cache_and_downloads_nothing(cache, monkeypatch, how):
    if not how: monkeypatch.setenv('COLORIZE_NB_OFFLINE', '1')
    monkeypatch.setattr(table, 'download', lambda *_: pytest.fail('a file was downloaded'))
    assert fetch_released('siggraph17', **how).parent==cache
    with pytest.raises(ConnectionError, match='downloads are turned off') as e: fetch_released('eccv16', **how)
    assert one_line(e)

def test_a_changed_file_in_the_cache_is_rejected(cache):
    path = cache/released_models()['siggraph17']['file']
    path.unlink()
    path.write_bytes(b'changed')
    with pytest.raises(StoreError, match='Delete it to download it again') as e: Colorizer.load('siggraph17')
    assert one_line(e)

def test_models_without_a_hash_are_not_downloaded(cache):
    for name in (n for n,f in released_models().items() if not f['file']):
        with pytest.raises(StoreError, match='no hash is known'): fetch_released(name)

def test_command_line(cache, tmp_path, capsys):
    open_photo(bundled_photos()['coffee']).resize((60, 90)).save(tmp_path/'cup.png')
    assert main([str(tmp_path/'cup.png'), '--model', 'siggraph17', '--offline', '--device', 'cpu'])==0
    assert open_photo(tmp_path/'cup-color.jpg' if (tmp_path/'cup-color.jpg').exists() else tmp_path/'cup-color.png').size==(60, 90)
    assert main(['models', 'siggraph17', 'eccv16'])==0
    output = capsys.readouterr().out
    assert 'BSD-2-Clause' in output and re.search(r'siggraph17 +yes +137', output) and re.search(r'eccv16 +no', output)

def test_verify_reports_hash_layout_and_error(cache):
    row, = verify_released('siggraph17', [open_photo(bundled_photos()['coffee']).resize((90, 60))]).rows
    assert row['layout']=='fits' and row['SHA-256']==sha256_of(cache/row['file'])[:8] and float(row['CIEDE2000'])>0 and row['all-gray']=='21.43'

class Copy:
    "A model that returns the photo itself."
    model = SimpleNamespace(remark=str)
    def __call__(self, photo, faithful): return SimpleNamespace(image=photo)

def test_verify_uses_photos_of_the_package(monkeypatch):
    monkeypatch.setattr('colorize_nb.core.photo._samples', dict) # as without scikit-image and scikit-learn
    monkeypatch.setattr('colorize_nb.infer.released.fetch_released', lambda n: Path(__file__))
    monkeypatch.setattr(Colorizer, 'load', lambda *_, **__: Copy())
    found = verify_released('siggraph17')
    labs = [rgb2lab(Image.open(p).convert('RGB')) for p in list(bundled_photos('color').values())[::8]]
    gray = np.mean([deltaE_ciede2000(lab, lab*[1, 0, 0]).mean() for lab in labs])
    assert found.note.endswith('of 4 photos') and found.rows[0]['CIEDE2000']=='0.00'
    assert float(found.rows[0]['all-gray'])==pytest.approx(gray, abs=.05)

def test_the_table_is_complete():
    for n,f in released_models().items():
        assert f['license'] and f['citation'] and f['url'].startswith('https://') and f['size']>0 and len(f['telltale'])==1, n
        assert bool(f['file'])==bool(f['sha256']) and (not f['sha256'] or re.fullmatch('[0-9a-f]{64}', f['sha256'])), n
        if f['sha256']: assert f['sha256'][:8] in f['file'], n

# --- tools that also work with our own models

@pytest.fixture(scope='module')
def colorizer(files): return Colorizer.load('eccv16', weights=files/'eccv16.pth')

def test_photos_of_any_shape_keep_their_lightness(colorizer):
    from colorize_nb.infer.paint import lightness
    for size in ((70, 200), (200, 70)):
        photo = open_photo(bundled_photos()['coffee']).resize(size)
        out = colorizer(photo, size=64).image
        assert out.size==size and (lightness(out)-lightness(photo)).abs().mean()<.5

def test_a_tall_photo_is_padded_not_stretched(colorizer):
    p = colorizer.predict(open_photo(bundled_photos()['coffee']).resize((64, 200)), 64)
    assert p.shape==(64, 200) and p.x.shape[-2:]==(224, 64)

def test_evaluation(colorizer):
    photo = open_photo(bundled_photos()['coffee']).resize((96, 64))
    assert 'eccv16, input 64 px' in evaluate_colorizer(colorizer, [photo], sizes=(64,)).scores

def test_faithful_is_only_for_released_models():
    with pytest.raises(ValueError, match='faithful=True is for released models'): Colorizer.load('shipped')(Image.new('RGB', (64, 64)), faithful=True)
    with pytest.raises(ValueError, match='leave out saturation, banana'): Colorizer.load('shipped')(Image.new('RGB', (64, 64)), faithful=True, saturation=2., how=None, banana=3)

@pytest.mark.slow
def test_onnx_export(colorizer, tmp_path):
    onnxruntime = pytest.importorskip('onnxruntime')
    from colorize_nb.infer.onnx import export_onnx
    path = export_onnx(colorizer, tmp_path/'m.onnx', half=False)
    L = torch.rand(1, 1, 64, 96)*100
    out = onnxruntime.InferenceSession(path).run(None, {'L': L.numpy()})[0]
    with torch.no_grad(): assert abs(out-colorizer.model(L/50-1).numpy()).max()<1e-3

# --- blending

def test_blend_is_the_weighted_mean():
    shipped, compact = Colorizer.load('shipped'), Colorizer.load('compact')
    photo = open_photo(bundled_photos()['coffee']).resize((128, 128))
    compact.size = shipped.size = 128
    alone = [torch.nn.functional.interpolate(c.chroma(photo), size=(64, 64), mode='bilinear') for c in (shipped, compact)]
    mixed = blend([shipped, compact], [1, 3])
    assert mixed.name=='shipped+compact'
    assert (mixed.chroma(photo)-(.25*alone[0]+.75*alone[1])).abs().max()<1e-3
    assert (blend([shipped, compact], [1, 0]).chroma(photo)-alone[0]).abs().max()<1e-3

@pytest.mark.parametrize('weights', [[1], [1, -1], [0, 0]])
def test_blend_rejects_wrong_weights(weights):
    with pytest.raises(ValueError, match='weights is'): blend(['shipped', 'compact'], weights)
    with pytest.raises(ValueError, match='at least two'): blend('shipped')

def test_a_blend_is_not_exported(tmp_path):
    pytest.importorskip('onnx')
    from colorize_nb.infer.onnx import export_onnx
    with pytest.raises(StoreError, match="a blend of shipped and compact can't be exported") as e:
        export_onnx(blend(['shipped', 'compact']), tmp_path/'m.onnx')
    assert one_line(e) and not list(tmp_path.iterdir())
