"Photos decoded once: the cache contains their central squares, every epoch has all photos, and an interrupted build resumes."
import numpy as np, pytest, torch
from PIL import Image

from colorize_nb.data import features as module
from colorize_nb.data.features import DecodedPhotos
from colorize_nb.data.folder import crop_photos, split_files
from colorize_nb.color.codecs import LabAB
from colorize_nb.core.photo import central_square, find_photos, open_photo
from colorize_nb.train.learner import colorize_learner


@pytest.fixture
def photos(tmp_path):
    "Twenty square photos, a wide one, and a broken file."
    folder = crop_photos(tmp_path/'photos', 20, 64)
    first = find_photos([folder])[0]
    (folder/'a-broken.jpg').write_bytes(b'no photo')
    Image.open(first).resize((90, 50)).save(folder/'wide.png')
    return find_photos([folder])

@pytest.fixture
def cache(photos, tmp_path): return DecodedPhotos.build(tmp_path/'cache', photos, side=48)


def test_the_cache_has_the_central_square_of_each_photo(photos, cache):
    assert len(cache)==len(photos)==22 and [s[0] for s in cache.skipped]==[str(p) for p in photos if 'broken' in str(p)]
    for i,p in enumerate(photos):
        if 'broken' not in str(p): assert np.array_equal(cache[[i]][0], np.asarray(central_square(open_photo(p), 48)))

def test_an_interrupted_build_continues(photos, tmp_path, monkeypatch):
    opened, real = [], open_photo
    def counting(path):
        opened.append(str(path))
        if len(opened)==9: raise KeyboardInterrupt
        return real(path)
    monkeypatch.setattr(module, 'open_photo', counting)
    monkeypatch.setattr(module, '_AT_ONCE', 4)
    with pytest.raises(KeyboardInterrupt): DecodedPhotos.build(tmp_path/'cache', photos, side=48, threads=1)
    half, = (tmp_path/'cache').iterdir()
    with pytest.raises(ValueError, match='not finished'): DecodedPhotos(half).dataloaders(size=32)
    n_opened = len(opened)
    made = DecodedPhotos.build(tmp_path/'cache', photos, side=48)
    assert made.folder==half and len(opened)-n_opened<=len(photos)-8 and len(made.skipped)==1
    made.dataloaders(size=32) # complete

def test_a_changed_photo_gets_a_new_cache(photos, cache, tmp_path):
    Image.new('RGB', (64, 64), (200, 30, 30)).save(photos[0])
    made = DecodedPhotos.build(tmp_path/'cache', photos, side=48)
    assert made.folder!=cache.folder and tuple(made.squares[0,20,20])!=tuple(cache.squares[0,20,20])

@pytest.fixture
def positions(tmp_path):
    "Build a cache of 80 squares whose pixels contain their row, column, and number."
    (tmp_path/'positions').mkdir()
    grid = np.stack(np.meshgrid(np.arange(40), np.arange(40), indexing='ij'), -1)
    for i in range(80):
        a = np.concatenate([grid, np.full((40,40,1), i)], -1).astype(np.uint8)
        Image.fromarray(a).save(tmp_path/'positions'/f'{i:02d}.png')
    return DecodedPhotos.build(tmp_path/'positions-cache', sorted((tmp_path/'positions').iterdir()), side=40)

def test_crops_are_contiguous_and_mirrored_half_the_time(positions):
    dls = positions.dataloaders(size=32, bs=64, device='cpu')
    p = (next(iter(dls.train.dataset))*255).round().long()
    assert p.shape==(64,3,32,32) and (p[:,2]==p[:,2,:1,:1]).all() and len(p[:,2,0,0].unique())==64, 'each crop comes from one square'
    down, right = p[:,0].diff(dim=1), p[:,1].diff(dim=2)
    assert (down==1).all() and (right.abs()==1).all() and (p[:,0].diff(dim=2)==0).all() and (p[:,1].diff(dim=1)==0).all()
    assert 16<(right[:,0,0]<0).sum()<48 and set(p[:,0,0,0].tolist())==set(range(9)), 'half of the crops are mirrored, and they come from all positions'
    assert len(set(zip(p[:,0,0,0].tolist(), p[:,1,0].amin(1).tolist())))>30, 'each crop has its own position'
    center = (next(iter(dls.valid.dataset))*255).round().long()
    assert (center[:,:2,0,0]==4).all()

def test_the_seed_decides_the_split_and_the_order(positions):
    def numbers(batches): return [(b[:,2,0,0]*255).round().long().tolist() for b in batches]
    seen = {}
    for seed in (1, 1, 2):
        dls = positions.dataloaders(size=32, bs=16, seed=seed, device='cpu')
        got = numbers(dls.train.dataset), sorted(sum(numbers(dls.valid.dataset), []))
        assert got==seen.setdefault(seed, got)
        assert got[1]==split_files(list(range(80)), .2, seed)[1]
    assert seen[1][0]!=seen[2][0] and seen[1][1]!=seen[2][1]

def test_every_epoch_has_every_photo_once_in_a_new_order(photos, cache, monkeypatch):
    seen = []
    def recording(self, rows, real=DecodedPhotos.__getitem__): return seen.append(sorted(rows.tolist())) or real(self, rows)
    monkeypatch.setattr(DecodedPhotos, '__getitem__', recording)
    dls = cache.dataloaders(size=32, bs=4, device='cpu')
    epochs = []
    for _ in range(2):
        seen.clear()
        assert [len(x) for x,_ in dls.train]==[4]*4
        epochs.append([r for part in seen for r in part])
    assert epochs[0]!=epochs[1] and all(len(set(e))==16 for e in epochs)
    held = set(range(len(cache)))-{i for i,p in enumerate(photos) if 'broken' in str(p)}-set(dls.train.dataset.rows.tolist())
    seen.clear()
    a, b = ([y for _,y in dls.valid] for _ in range(2))
    assert set(seen[0])==held and not held & set(epochs[0]) and torch.equal(torch.cat(a), torch.cat(b))

def test_validation_targets_match_the_codec(photos, cache):
    dls = cache.dataloaders(size=48, bs=4, device='cpu')
    rows = dls.valid.dataset.rows
    x, y = next(iter(dls.valid))
    want = torch.stack([torch.tensor(np.asarray(central_square(open_photo(photos[r]), 48))) for r in sorted(rows)])
    assert torch.allclose(y.as_subclass(torch.Tensor), LabAB().encode(want.permute(0,3,1,2)/255)[1])

def test_the_loaders_skip_nothing(cache): assert cache.dataloaders(size=32, bs=4, device='cpu').skipped==[]

def test_a_learner_trains_from_the_cache(cache):
    dls, small = cache.dataloaders(size=32, bs=8, device='cpu'), dict(widths=[8,16,24], depths=[0,0,0])
    learn = colorize_learner(dls, 'unet_compact', model_kwargs=small, metrics=[])
    with learn.no_bar(), learn.no_logging(): learn.fit(6, 3e-3)
    losses = [v[0] for v in learn.recorder.values]
    assert losses[-1]<losses[0] and learn.dls.size==32

def test_stopping_within_an_epoch_leaves_no_thread(cache):
    import threading
    before = threading.active_count()
    it = iter(cache.dataloaders(size=32, bs=2, device='cpu').train)
    next(it)
    it.close()
    assert threading.active_count()==before

@pytest.mark.parametrize('kwargs,message', [
    (dict(size=64), 'from 32 to 48'),
    (dict(size=16), 'from 32 to 48'),
    (dict(size=32, valid_pct=0), 'too few photos')])
def test_bad_arguments_give_one_line(cache, kwargs, message):
    with pytest.raises(ValueError, match=message) as e: cache.dataloaders(**kwargs)
    assert '\n' not in str(e.value)
