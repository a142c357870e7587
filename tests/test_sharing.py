"Sharing models: uploads to and downloads from a small local server that imitates the Hub."
import base64, hashlib, json, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np, pytest, torch
hub = pytest.importorskip('huggingface_hub')
from huggingface_hub import constants

from colorize_nb.color.codecs import LabAB
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.infer.hub import HUB_FILE, hub_card, download_from_hub, push_to_hub
from colorize_nb.core.photo import bundled_photos
from colorize_nb.models.layers import create_model
from colorize_nb.models.released.table import sha256_of
from colorize_nb.models.store import StoreError, save_model

KW = dict(widths=[8,16,24], depths=[0,0,0])


class Server(BaseHTTPRequestHandler):
    "Repositories in memory: `repos[name]` is a list of commits, each a dictionary of files."
    repos, tokens = {}, []
    def log_message(self, *a): pass
    def respond(self, content=b'', status=200, **headers):
        if isinstance(content, dict): content = json.dumps(content).encode()
        self.send_response(status)
        for k,v in {**headers, 'Content-Length': len(content)}.items(): self.send_header(k.replace('_', '-'), str(v))
        self.end_headers()
        if self.command!='HEAD': self.wfile.write(content)
    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        self.tokens.append(self.headers.get('Authorization'))
        if self.path=='/api/repos/create':
            d = json.loads(body)
            name = f"{d['organization']}/{d['name']}" if d.get('organization') else d['name']
            self.repos.setdefault(name, [])
            return self.respond({'url': f'/{name}'})
        if self.path=='/api/validate-yaml': return self.respond({'errors': [], 'warnings': []}) # a check of the card's metadata
        name, what = '/'.join(self.path.split('/')[3:5]), self.path.split('/')[5]
        if what=='preupload':
            paths = [f['path'] for f in json.loads(body)['files']]
            return self.respond({'files': [{'path': p, 'uploadMode': 'regular', 'shouldIgnore': False} for p in paths]})
        if name=='full/disk': return self.respond({'error': 'no room is left'}, 507)
        lines = [json.loads(l) for l in body.decode().splitlines()]
        files = {l['value']['path']: base64.b64decode(l['value']['content']) for l in lines if l['key']=='file'}
        self.repos[name].append({**(self.repos[name] or [{}])[-1], **files})
        self.respond({'commitUrl': f'{name}/commit/{sha(name, len(self.repos[name])-1)}', 'commitOid': sha(name, len(self.repos[name])-1)})
    def do_GET(self):
        parts = self.path.split('?')[0].strip('/').split('/')
        if len(parts)<5 or parts[2]!='resolve': return self.respond({'sha': '0'*40, 'siblings': []})
        name, revision, file = '/'.join(parts[:2]), parts[3], '/'.join(parts[4:])
        commits = self.repos.get(name)
        if not commits: return self.respond(b'', 404, X_Error_Code='RepoNotFound', X_Error_Message='Repository not found')
        i = next((i for i in range(len(commits)) if sha(name, i)==revision), len(commits)-1 if revision=='main' else None)
        if i is None: return self.respond(b'', 404, X_Error_Code='RevisionNotFound', X_Error_Message=f'Invalid rev id: {revision}')
        if file not in commits[i]: return self.respond(b'', 404, X_Error_Code='EntryNotFound', X_Error_Message='Entry not found')
        content = commits[i][file]
        self.respond(content, X_Repo_Commit=sha(name, i), ETag=f'"{hashlib.sha1(content).hexdigest()}"')
    do_HEAD = do_GET

def sha(name, i): return hashlib.sha1(f'{name} {i}'.encode()).hexdigest()


@pytest.fixture
def server(tmp_path, monkeypatch):
    "An empty local Hub and an empty cache."
    s = ThreadingHTTPServer(('127.0.0.1', 0), type('Mine', (Server,), dict(repos={}, tokens=[])))
    threading.Thread(target=s.serve_forever, daemon=True).start()
    s.RequestHandlerClass.here = dict(endpoint=f'http://127.0.0.1:{s.server_port}')
    monkeypatch.setattr(constants, 'HF_HUB_CACHE', str(tmp_path/'cache'))
    monkeypatch.setattr(constants, 'HF_HUB_OFFLINE', False)
    yield s.RequestHandlerClass
    s.shutdown()

@pytest.fixture
def mine(tmp_path):
    torch.manual_seed(0)
    spec = dict(arch='unet_compact', n_in=1, n_out=2, size=64, kwargs=KW)
    net = create_model('unet_compact', 1, 2, 64, **KW)
    return save_model(tmp_path/'mine.safetensors', net, LabAB(), spec, dict(license='cc0-1.0', photos=7))


def test_upload_and_download(server, mine):
    address = push_to_hub(mine, 'you/colors', token='hf_mine', **server.here)
    assert 'you/colors' in address and set(server.tokens)=={'Bearer hf_mine'}
    files, = server.repos['you/colors']
    assert files[HUB_FILE]==mine.read_bytes() and files['README.md'].decode()==hub_card(mine, 'you/colors')
    c = Colorizer.from_hub('you/colors', sha256=sha256_of(mine), **server.here)
    assert c.name=='colors' and c.meta['photos']==7
    photo = bundled_photos()['coffee']
    assert np.array_equal(np.asarray(c(photo).image), np.asarray(Colorizer.load(mine)(photo).image))

def test_card_has_license_digest_and_usage(mine):
    card = hub_card(mine, 'you/colors')
    head = card.split('---')[1]
    assert 'license: cc0-1.0' in head
    assert 'library_name: colorize_nb' in head
    assert sha256_of(mine) in card
    assert "from_hub('you/colors'" in card
    mine.with_suffix('.md').write_text('# What I did\n')
    assert '# What I did' in hub_card(mine, 'you/colors')
    assert 'license' not in hub_card('shipped', 'you/colors').split('---')[1]

def test_earlier_revisions_remain_available(server, mine):
    push_to_hub(mine, 'you/colors', **server.here)
    first = sha256_of(mine)
    with open(mine, 'r+b') as f:
        f.seek(-1, 2)
        f.write(b'\1')
    push_to_hub(mine, 'you/colors', **server.here)
    assert sha256_of(download_from_hub('you/colors', **server.here))==sha256_of(mine)!=first
    assert sha256_of(download_from_hub('you/colors', sha('you/colors', 0), **server.here))==first
    with pytest.raises(ValueError, match="isn't the expected file; its SHA-256 is "+sha256_of(mine)):
        download_from_hub('you/colors', sha256=first, **server.here)

def test_cached_files_need_no_network(server, mine, monkeypatch):
    push_to_hub(mine, 'you/colors', **server.here)
    download_from_hub('you/colors', **server.here)
    monkeypatch.setattr(server, 'do_HEAD', lambda self: pytest.fail('contacted the Hub'))
    assert download_from_hub('you/colors', sha256=sha256_of(mine), **server.here).name==HUB_FILE
    monkeypatch.setattr(constants, 'HF_HUB_OFFLINE', True)
    assert Colorizer.from_hub('you/colors').size==64

@pytest.mark.parametrize('kwargs,message', [
    (dict(repo='you/nothing'), 'you/nothing: model.safetensors can.t be downloaded'),
    (dict(file='other.safetensors'), 'other.safetensors can.t be downloaded'),
    (dict(revision='no-such'), 'can.t be downloaded'),
    (dict(repo='colors'), "'user/name'"),
    (dict(repo='../you/colors'), "'user/name'")])
def test_missing_models_give_one_line(server, mine, kwargs, message):
    push_to_hub(mine, 'you/colors', **server.here)
    with pytest.raises(ValueError, match=message) as e: Colorizer.from_hub(**{'repo': 'you/colors', **server.here, **kwargs})
    assert '\n' not in str(e.value)

def test_failed_upload_gives_one_line(server, mine, tmp_path):
    with pytest.raises(ValueError, match='full/disk: upload failed .* The model is still in') as e: push_to_hub(mine, 'full/disk', **server.here)
    assert '\n' not in str(e.value) and mine.exists() and server.repos['full/disk']==[]
    (tmp_path/'none.safetensors').write_bytes(b'no model')
    with pytest.raises(StoreError): push_to_hub(tmp_path/'none.safetensors', 'you/none', **server.here)
    assert 'you/none' not in server.repos

def test_files_that_are_not_models_are_rejected(server, mine):
    push_to_hub(mine, 'you/colors', **server.here)
    server.repos['you/colors'].append({HUB_FILE: b'import os'})
    with pytest.raises(StoreError): Colorizer.from_hub('you/colors', **server.here)

def test_no_network_gives_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(constants, 'HF_HUB_OFFLINE', True)
    monkeypatch.setattr(constants, 'HF_HUB_CACHE', str(tmp_path))
    with pytest.raises(ValueError, match='can.t be downloaded') as e: Colorizer.from_hub('you/colors')
    assert '\n' not in str(e.value)

def test_missing_library_error_says_what_to_install(monkeypatch, mine):
    import sys
    monkeypatch.setitem(sys.modules, 'huggingface_hub', None)
    for call in (lambda: push_to_hub(mine, 'you/colors'), lambda: download_from_hub('you/colors')):
        with pytest.raises(ValueError, match=r"pip install 'colorize_nb\[hub\]'"): call()
