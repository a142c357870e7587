"Folders of photos as batches: what moves together, what is read how often, what happens to bad files, what is refused."
import json, subprocess, sys
from collections import Counter
import numpy as np, pytest, torch
from PIL import Image

import colorize_nb.data.folder as cd
import colorize_nb.data.folder as dp
from colorize_nb.color.codecs import LabAB
from colorize_nb.data.folder import TensorColor, TensorGray
from colorize_nb.data.folder import ColorizeDataLoaders, crop_photos
from colorize_nb.data.folder import PhotoSet, split_files
from fastai.vision.augment import Flip

plain = lambda t: t.as_subclass(torch.Tensor)

def write_photos(folder, n=8, size=(72,64)):
    "Photos whose left half is red and right half blue, each a little different."
    folder.mkdir(exist_ok=True)
    for i in range(n):
        a = np.full((size[1],size[0],3), 40+i, np.uint8)
        a[:,:size[0]//2,0],a[:,size[0]//2:,2] = 220,220
        Image.fromarray(a).save(folder/f'{i:03d}.png')
    return sorted(folder.glob('*.png'))

@pytest.fixture
def photos(tmp_path): return write_photos(tmp_path/'photos')

def test_batches_are_the_codecs(photos):
    dls = ColorizeDataLoaders.from_files(photos, codec=LabAB(110., 'unit'), size=32, bs=4)
    x,y = dls.one_batch()
    assert (type(x),type(y),x.shape,y.shape)==(TensorGray,TensorColor,(4,1,32,32),(4,2,32,32))
    assert 0<=plain(x).min() and plain(x).max()<=1 and dls.codec==LabAB(110., 'unit') and dls.size==32 and dls.n_inp==1

def test_default_codec_and_own_tensor_types_show(photos, monkeypatch):
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt
    dls = ColorizeDataLoaders.from_files(photos, size=32, bs=4, augment=False)
    assert dls.codec==LabAB()
    dls.show_batch(max_n=3)
    drawn = [ax.images[0] for ax in plt.gcf().axes if ax.images]
    assert len(drawn)==3
    for im in drawn:
        a = np.asarray(im.get_array())
        assert a.shape[-1]==3 and 0<=a.min() and a.max()<=1
        gray,color = a[:,:32],a[:,-32:]
        assert np.ptp(gray, axis=-1).max()<.01 and np.ptp(color, axis=-1).max()>.4, 'left gray, right colour'
    plt.close('all')

def test_a_flip_moves_what_is_seen_and_what_is_asked_for(tmp_path):
    a = np.zeros((64,64,3), np.uint8)
    a[:,:32] = (230,200,60)
    a[:,32:] = (20,20,120) # bright yellow left, dark blue right
    Image.fromarray(a).save(tmp_path/'a.png')
    left = {}
    for p in (0., 1.):
        dls = ColorizeDataLoaders.from_files([tmp_path/'a.png'], valid_files=[tmp_path/'a.png'], size=64, bs=1, augment=[Flip(p=p)])
        x,y = map(plain, dls.one_batch())
        left[p] = x[0,0,32,8]>x[0,0,32,56], y[0,1,32,8]>y[0,1,32,56]
    assert left=={0.: (True,True), 1.: (False,False)}

def test_all_augmentations_keep_gray_and_colour_aligned(photos):
    dls = ColorizeDataLoaders.from_files(photos, size=64, bs=6, augment=True)
    x,y = dls.one_batch()
    rgb = dls.codec.decode(plain(x), plain(y))
    assert ((rgb.amax(1)-rgb.amin(1))>.3).float().mean()>.95, 'every pixel is still red or blue'

def test_validation_is_not_augmented_and_repeats(photos):
    dls = ColorizeDataLoaders.from_files(photos, size=48, bs=4)
    a,b = dls.valid.one_batch(),dls.valid.one_batch()
    assert torch.equal(plain(a[0]), plain(b[0])) and torch.equal(plain(a[1]), plain(b[1]))

@pytest.mark.parametrize('workers', [0, 2])
def test_one_decode_a_photo_an_epoch(photos, monkeypatch, tmp_path, workers):
    log = tmp_path/'opened'
    real = dp.open_photo
    def counting(p):
        with open(log, 'a') as f: f.write(f'{p}\n')
        return real(p)
    monkeypatch.setattr(dp, 'open_photo', counting)
    dls = ColorizeDataLoaders.from_files(photos, valid_files=photos[:1], size=32, bs=4, num_workers=workers)
    log.unlink(missing_ok=True)
    for _ in range(2): list(dls.train)
    assert Counter(log.read_text().split())=={str(p): 2 for p in photos}

def bad_files(folder):
    (folder/'text.jpg').write_text('no photo')
    (folder/'empty.png').write_bytes(b'')
    whole = (folder/'000.png').read_bytes()
    (folder/'torn.png').write_bytes(whole[:len(whole)//2])

@pytest.mark.parametrize('workers', [0, 2])
def test_unreadable_files_are_named_once_and_counted(photos, capfd, workers):
    folder = photos[0].parent
    bad_files(folder)
    dls = ColorizeDataLoaders.from_folder(folder, valid_pct=.1, seed=3, size=32, bs=4, num_workers=workers)
    for _ in range(3):
        shapes = [x.shape[0] for x,_ in dls.train]
        assert shapes==[4]*len(dls.train), 'batches keep their size'
        list(dls.valid)
    out = capfd.readouterr().out
    for name in ('text.jpg','empty.png','torn.png'): assert sum(name in l for l in out.splitlines())==1, (name, out)
    assert sorted(p.rsplit('/', 1)[-1] for p,_ in dls.skipped)==['empty.png','text.jpg','torn.png']
    assert all(reason and folder.name not in reason for _,reason in dls.skipped)

def test_many_bad_files_do_not_flood(tmp_path, capsys):
    write_photos(tmp_path, 4)
    for i in range(30): (tmp_path/f'bad{i}.jpg').write_text('x')
    dls = ColorizeDataLoaders.from_folder(tmp_path, valid_pct=.1, size=32, bs=16)
    list(dls.train)
    assert len(capsys.readouterr().out.splitlines())<20 and len(dls.skipped)>15

def test_nothing_readable_is_one_clear_line(tmp_path):
    for i in range(4): (tmp_path/f'bad{i}.jpg').write_text('x')
    with pytest.raises(ValueError, match=r'none of the \d photos in the training set can be used.*bad'):
        ColorizeDataLoaders.from_folder(tmp_path, size=32, bs=2).one_batch()

def test_skip_gray(photos):
    folder = photos[0].parent
    for i in range(3): Image.fromarray(np.random.RandomState(i).randint(0, 255, (64,64), np.uint8)).save(folder/f'gray{i}.png')
    files = sorted(folder.glob('*.png'))
    dls = ColorizeDataLoaders.from_files(files, valid_files=photos[:1], size=32, bs=len(files), skip_gray=True)
    _,y = dls.one_batch()
    assert len(dls.skipped)==3 and all('colour' in r for _,r in dls.skipped)
    assert (plain(y).abs().amax((1,2,3))>.1).all(), 'every photo in the batch has colour'
    assert not ColorizeDataLoaders.from_files(files, valid_files=photos[:1], size=32, bs=4).skipped

def test_the_split_is_fixed_by_its_seed(photos):
    np.random.seed(0)
    torch.manual_seed(0)
    a = ColorizeDataLoaders.from_files(photos, size=32, bs=2)
    state = torch.get_rng_state()
    assert split_files(photos, .25, 5)==split_files(photos, .25, 5) and torch.equal(state, torch.get_rng_state())
    b = ColorizeDataLoaders.from_folder(photos[0].parent, size=32, bs=2)
    c = ColorizeDataLoaders.from_folder(photos[0].parent, size=32, bs=2, seed=1, valid_pct=.5)
    assert list(a.valid_ds.items)==list(b.valid_ds.items) and set(a.valid_ds.items).isdisjoint(a.train_ds.items)
    assert len(c.valid_ds)==4 and list(c.valid_ds.items[:2])!=list(b.valid_ds.items)

def test_hold_out_a_subfolder(tmp_path):
    write_photos(tmp_path/'a', 3)
    write_photos(tmp_path/'b', 2)
    dls = ColorizeDataLoaders.from_folder(tmp_path, valid='b', size=32, bs=2)
    assert len(dls.train_ds)==3 and all('/b/' in p for p in dls.valid_ds.items)

@pytest.mark.parametrize('kw,match', [
    (dict(size=16), 'at least 32'),
    (dict(valid_pct=0), 'validation set is empty'),
    (dict(valid_pct=1.5), 'valid_pct'),
    (dict(valid_files=[]), 'validation set is empty'),
    (dict(augment='spin'), 'augment')])
def test_refusals_say_what_would_do(photos, kw, match):
    with pytest.raises(ValueError, match=match) as e: ColorizeDataLoaders.from_files(photos, **kw)
    assert '\n' not in str(e.value)

def test_missing_and_empty_folders(tmp_path, photos):
    for path,match in [(tmp_path/'none', 'no such folder'), (photos[0], 'a file'), (tmp_path/'empty', 'no photos')]:
        (tmp_path/'empty').mkdir(exist_ok=True)
        with pytest.raises(ValueError, match=match): ColorizeDataLoaders.from_folder(path)
    with pytest.raises(ValueError, match='no photos to train on'): ColorizeDataLoaders.from_files([])
    with pytest.raises(ValueError, match='validation set is empty'): ColorizeDataLoaders.from_files(photos[:1])
    with pytest.raises(ValueError, match='nothing to validate on'): ColorizeDataLoaders.from_folder(photos[0].parent, valid='nowhere')

def test_fewer_photos_than_a_batch(photos):
    dls = ColorizeDataLoaders.from_files(photos, size=32, bs=64)
    assert len(dls.train)==1 and len(dls.one_batch()[0])==len(dls.train_ds)

def test_named_sets_without_network(monkeypatch):
    from urllib.error import URLError
    def no_network(*a, **k): raise URLError('Name or service not known')
    monkeypatch.setattr(cd, 'untar_data', no_network)
    for name in cd.named_sets:
        with pytest.raises(ConnectionError, match=f'^{name}: could not be downloaded from http') as e: ColorizeDataLoaders.from_name(name)
        assert '\n' not in str(e.value)
    with pytest.raises(ValueError, match='no set is called .flower.*flowers'): ColorizeDataLoaders.from_name('flower')

def test_named_set_at_hand(monkeypatch, photos):
    monkeypatch.setattr(cd, 'untar_data', lambda url: photos[0].parent)
    assert ColorizeDataLoaders.from_name('cifar', bs=2).size==32

def test_test_dl_takes_paths_and_images(photos):
    dls = ColorizeDataLoaders.from_files(photos, size=32, bs=4)
    x,_ = dls.test_dl([photos[0], photos[1]]).one_batch()
    z,_ = dls.test_dl([Image.open(photos[0])]).one_batch()
    assert x.shape==(2,1,32,32) and torch.allclose(plain(x)[:1], plain(z), atol=1e-5)

def test_crops_are_repeatable_and_in_colour(tmp_path):
    a,b = (crop_photos(tmp_path/d, n=13, size=40) for d in 'ab')
    fa,fb = sorted(a.iterdir()),sorted(b.iterdir())
    assert len(fa)==13 and [p.read_bytes() for p in fa]==[p.read_bytes() for p in fb] and Image.open(fa[0]).size==(40,40)

measure = '''
import sys, resource, gc
from colorize_nb.data.folder import ColorizeDataLoaders
def rss(): return int(next(l for l in open('/proc/self/status') if l.startswith('VmRSS')).split()[1])/1024
from pathlib import Path
folder, n = Path(sys.argv[1]), int(sys.argv[2])
dls = ColorizeDataLoaders.from_folder(folder/'warm', size=32, bs=32); list(dls.train)
gc.collect(); before = rss()
dls = ColorizeDataLoaders.from_folder(folder/str(n), size=32, bs=64)
for x,y in dls.train: pass
gc.collect(); print(rss()-before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1024)
'''

@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='reads /proc')
def test_memory_does_not_grow_with_the_number_of_photos(tmp_path, note):
    a = np.random.RandomState(0).randint(0, 255, (48,48,3), np.uint8)
    for n,d in ((64,'warm'),(1000,'1000'),(20000,'20000')):
        (tmp_path/d).mkdir()
        Image.fromarray(a).save(tmp_path/d/'00000.jpg')
        for i in range(1, n): (tmp_path/d/f'{i:05d}.jpg').hardlink_to(tmp_path/d/'00000.jpg')
    grew,peak = {},{}
    for n in (1000, 20000):
        run = [sys.executable, '-W', 'ignore', '-c', measure, str(tmp_path), str(n)]
        r = subprocess.run(run, capture_output=True, text=True, check=True)
        grew[n],peak[n] = map(float, r.stdout.split())
    note(f'memory over one epoch: {grew[1000]:.0f} MB more at 1,000 photos, {grew[20000]:.0f} MB at 20,000; '
         f'peaks {peak[1000]:.0f} and {peak[20000]:.0f} MB')
    assert grew[20000]-grew[1000]<60 and peak[20000]-peak[1000]<80, (grew, peak)
