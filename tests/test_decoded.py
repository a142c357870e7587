"Photos that are decoded once: what is kept is the photo, every epoch has all of them, and a stopped build goes on."
import numpy as np, pytest, torch
from PIL import Image

from colorize_nb.data import features as decoded
from colorize_nb.data.features import BAD, KEPT, NEW, DecodedPhotos, cut
from colorize_nb.data.folder import crop_photos
from colorize_nb.data.folder import central_square
from colorize_nb.color.codecs import LabAB
from colorize_nb.core.photo import find_photos, open_photo
from colorize_nb.train.learner import colorize_learner


@pytest.fixture
def photos(tmp_path):
    "Twenty photos, of two sizes, and between them one that is none."
    folder = crop_photos(tmp_path/'photos', 20, 64)
    first = find_photos([folder])[0]
    (folder/'a-broken.jpg').write_bytes(b'no photo')
    Image.open(first).resize((90, 50)).save(folder/'wide.png')
    return find_photos([folder])

@pytest.fixture
def cache(photos, tmp_path): return DecodedPhotos.build(tmp_path/'cache', photos, side=48)


def test_what_is_kept_is_the_middle_of_each_photo(photos, cache):
    assert len(cache)==len(photos)==22 and [s[0] for s in cache.skipped]==[str(p) for p in photos if 'broken' in str(p)]
    for i,p in enumerate(photos):
        if 'broken' in str(p): assert cache.state[i]==BAD
        else: assert cache.state[i]==KEPT and np.array_equal(cache.squares[i], np.asarray(central_square(open_photo(p), 48)))

def test_a_build_that_was_stopped_goes_on(photos, tmp_path, monkeypatch):
    opened = []
    def once(path, side, real=decoded._square):
        opened.append(str(path))
        if len(opened)==9: raise KeyboardInterrupt
        return real(path, side)
    monkeypatch.setattr(decoded, '_square', once)
    monkeypatch.setattr(decoded, 'PART', 4)
    with pytest.raises(KeyboardInterrupt): DecodedPhotos.build(tmp_path/'cache', photos, side=48, threads=1)
    half, = (tmp_path/'cache').iterdir()
    assert 8<=(np.load(half/'state.npy')!=NEW).sum()<len(photos)
    with pytest.raises(ValueError, match='not finished'): DecodedPhotos(half).dataloaders(size=32)
    before = len(opened)
    made = DecodedPhotos.build(tmp_path/'cache', photos, side=48)
    assert made.folder==half and len(opened)-before<=len(photos)-8 and not (made.state==NEW).any() and len(made.skipped)==1

def test_a_photo_that_changed_is_read_again(photos, cache, tmp_path):
    Image.new('RGB', (64, 64), (200, 30, 30)).save(photos[0])
    made = DecodedPhotos.build(tmp_path/'cache', photos, side=48)
    assert made.folder!=cache.folder and tuple(made.squares[0,20,20])!=tuple(cache.squares[0,20,20])

def test_a_piece_is_a_piece_of_its_own_square():
    "Each pixel says where it was: row, column, number of its square."
    place = torch.stack(torch.meshgrid(torch.arange(40), torch.arange(40), indexing='ij'), -1).expand(64, 40, 40, 2)
    squares = torch.cat([place, torch.arange(64)[:,None,None,None].expand(64, 40, 40, 1)], -1).byte()
    p = (cut(squares, 32, torch.Generator().manual_seed(0))*255).round().long()
    assert p.shape==(64,3,32,32) and (p[:,2]==torch.arange(64)[:,None,None]).all()
    down, right = p[:,0].diff(dim=1), p[:,1].diff(dim=2)
    assert (down==1).all() and (right.abs()==1).all() and (p[:,0].diff(dim=2)==0).all() and (p[:,1].diff(dim=1)==0).all()
    mirrored = right[:,0,0]<0
    assert 20<mirrored.sum()<44 and set(p[:,0,0,0].tolist())==set(range(9)), 'mirrored half the time, anywhere'
    assert len(set(zip(p[:,0,0,0].tolist(), p[:,1,0].amin(1).tolist())))>30, 'each has a place of its own'
    middle = (cut(squares, 32)*255).round().long()
    assert (middle[:,:2,0,0]==4).all()

def test_every_epoch_has_every_photo_once_in_a_new_order_and_validation_stays(cache, monkeypatch):
    seen = []
    def watched(self, rows, real=DecodedPhotos.__getitem__): return seen.append(sorted(rows.tolist())) or real(self, rows)
    monkeypatch.setattr(DecodedPhotos, '__getitem__', watched)
    dls = cache.dataloaders(size=32, bs=4, device='cpu')
    epochs = []
    for _ in range(2):
        seen.clear()
        assert [len(x) for x,_ in dls.train]==[4]*4
        epochs.append([r for part in seen for r in part])
    assert epochs[0]!=epochs[1] and all(len(set(e))==16 for e in epochs)
    held = set(np.flatnonzero(cache.state==KEPT))-set(dls.train.dataset.rows.tolist())
    seen.clear()
    a, b = ([y for _,y in dls.valid] for _ in range(2))
    assert set(seen[0])==held and not held & set(epochs[0]) and torch.equal(torch.cat(a), torch.cat(b))

def test_validation_sees_what_the_photo_is(photos, cache):
    dls = cache.dataloaders(size=48, bs=4, device='cpu')
    rows = dls.valid.dataset.rows
    x, y = next(iter(dls.valid))
    want = torch.stack([torch.from_numpy(np.asarray(central_square(open_photo(photos[r]), 48))) for r in sorted(rows)])
    assert torch.allclose(y.as_subclass(torch.Tensor), LabAB().encode(want.permute(0,3,1,2)/255)[1])

def test_a_learner_learns_from_it(cache):
    dls, small = cache.dataloaders(size=32, bs=8, device='cpu'), dict(widths=[8,16,24], depths=[0,0,0])
    learn = colorize_learner(dls, 'unet_compact', model_kwargs=small, metrics=[])
    with learn.no_bar(), learn.no_logging(): learn.fit(6, 3e-3)
    losses = [v[0] for v in learn.recorder.values]
    assert losses[-1]<losses[0] and learn.dls.size==32

def test_stopping_in_an_epoch_leaves_no_thread(cache):
    import threading
    before = threading.active_count()
    it = iter(cache.dataloaders(size=32, bs=2, device='cpu').train)
    next(it)
    it.close()
    assert threading.active_count()==before

@pytest.mark.parametrize('how,says', [
    (dict(size=64), 'from 32 to 48'),
    (dict(size=16), 'from 32 to 48'),
    (dict(size=32, valid_pct=0), 'too few photos')])
def test_one_line_for_what_cannot_be(cache, how, says):
    with pytest.raises(ValueError, match=says) as e: cache.dataloaders(**how)
    assert '\n' not in str(e.value)
