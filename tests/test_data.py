"Folders of photos as batches: augmentation, reading, unusable files, splits, near-duplicates, and error messages."
import subprocess, sys
from collections import Counter
import numpy as np, pytest, torch
from PIL import Image

import colorize_nb.data.folder as module
from colorize_nb.color.codecs import LabAB
from colorize_nb.core.photo import bundled_photos, open_photo
from colorize_nb.data.folder import ColorizeDataLoaders, TensorColor, TensorGray, crop_photos, near_duplicates, split_files
from fastai.vision.augment import Flip

plain = lambda t: t.as_subclass(torch.Tensor)

def write_photos(folder, n=8, size=(72,64)):
    "Write photos that are red on the left and blue on the right, with small differences."
    folder.mkdir(exist_ok=True)
    for i in range(n):
        a = np.full((size[1],size[0],3), 40+i, np.uint8)
        a[:,:size[0]//2,0],a[:,size[0]//2:,2] = 220,220
        Image.fromarray(a).save(folder/f'{i:03d}.png')
    return sorted(folder.glob('*.png'))

@pytest.fixture
def photos(tmp_path): return write_photos(tmp_path/'photos')

def test_batches_have_the_codecs_shapes_and_types(photos):
    dls = ColorizeDataLoaders.from_files(photos, codec=LabAB(110., 'unit'), size=32, bs=4)
    x,y = dls.one_batch()
    assert (type(x),type(y),x.shape,y.shape)==(TensorGray,TensorColor,(4,1,32,32),(4,2,32,32))
    assert 0<=plain(x).min() and plain(x).max()<=1 and dls.codec==LabAB(110., 'unit') and dls.size==32 and dls.n_inp==1

def test_show_batch_draws_gray_input_next_to_color_target(photos, monkeypatch):
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
        assert np.ptp(gray, axis=-1).max()<.01 and np.ptp(color, axis=-1).max()>.4, 'input in gray on the left, target in color on the right'
    plt.close('all')

@pytest.mark.parametrize('options,axes', [({}, 8), (dict(nrows=1), 8), (dict(nrows=4), 8), (dict(ncols=3), 9)])
def test_rows_and_columns_leave_no_photo_out(options, axes):
    import matplotlib.pyplot as plt
    drawn = module.show_strips([(torch.rand(3, 8, 8),)*2]*8, **options)
    assert len(drawn)>=8 and len(plt.gcf().axes)==axes and all(ax.images for ax in drawn[:8])
    plt.close('all')

def test_a_flip_moves_input_and_target_together(tmp_path):
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

def test_augmentation_keeps_input_and_target_aligned(photos):
    dls = ColorizeDataLoaders.from_files(photos, size=64, bs=6, augment=True)
    x,y = dls.one_batch()
    rgb = dls.codec.decode(plain(x), plain(y))
    assert ((rgb.amax(1)-rgb.amin(1))>.3).float().mean()>.95, 'every pixel is still red or blue'

def test_validation_batches_are_not_augmented_and_always_the_same(photos):
    dls = ColorizeDataLoaders.from_files(photos, size=48, bs=4)
    a,b = dls.valid.one_batch(),dls.valid.one_batch()
    assert torch.equal(plain(a[0]), plain(b[0])) and torch.equal(plain(a[1]), plain(b[1]))

@pytest.mark.parametrize('workers', [0, 2])
def test_each_photo_is_decoded_once_per_epoch(photos, monkeypatch, tmp_path, workers):
    log = tmp_path/'opened'
    real = module.open_photo
    def counting(p):
        with open(log, 'a') as f: f.write(f'{p}\n')
        return real(p)
    monkeypatch.setattr(module, 'open_photo', counting)
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
def test_unreadable_files_are_reported_once_and_batches_keep_their_size(photos, capfd, workers):
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

def test_many_bad_files_print_few_lines(tmp_path, capsys):
    write_photos(tmp_path, 4)
    for i in range(30): (tmp_path/f'bad{i}.jpg').write_text('x')
    dls = ColorizeDataLoaders.from_folder(tmp_path, valid_pct=.1, size=32, bs=16)
    list(dls.train)
    assert len(capsys.readouterr().out.splitlines())<20 and len(dls.skipped)>15

def test_a_folder_of_broken_files_raises_one_error(tmp_path):
    for i in range(4): (tmp_path/f'bad{i}.jpg').write_text('x')
    with pytest.raises(ValueError, match=r'none of the \d training photos can be used.*bad'):
        ColorizeDataLoaders.from_folder(tmp_path, size=32, bs=2).one_batch()

def test_skip_gray(photos):
    folder = photos[0].parent
    for i in range(3): Image.fromarray(np.random.RandomState(i).randint(0, 255, (64,64), np.uint8)).save(folder/f'gray{i}.png')
    files = sorted(folder.glob('*.png'))
    dls = ColorizeDataLoaders.from_files(files, valid_files=photos[:1], size=32, bs=len(files), skip_gray=True)
    _,y = dls.one_batch()
    assert len(dls.skipped)==3 and all('no color' in r for _,r in dls.skipped)
    assert (plain(y).abs().amax((1,2,3))>.1).all(), 'every photo in the batch has color'
    assert not ColorizeDataLoaders.from_files(files, valid_files=photos[:1], size=32, bs=4).skipped

def validation_names(dls): return sorted(p.rsplit('/', 1)[-1] for p in dls.valid_ds.items)

def test_the_seed_decides_the_split(photos):
    "Compare with values computed once with NumPy, so that the test fails if the seed is ignored anywhere."
    known = {1: [2,3,6,10,16], 2: [0,4,9,12,18]}
    for seed,want in known.items(): assert split_files(list(range(20)), .25, seed)[1]==want
    folder = {5: ['002.png','007.png'], 6: ['000.png', '005.png']}
    for seed,want in folder.items():
        for make,source in ((ColorizeDataLoaders.from_files, photos), (ColorizeDataLoaders.from_folder, photos[0].parent)):
            assert validation_names(make(source, size=32, bs=2, valid_pct=.25, seed=seed))==want, (make.__name__, seed)

def test_the_split_is_independent_of_other_random_numbers(photos):
    splits = []
    for other in (0, 1):
        np.random.seed(other)
        torch.manual_seed(other)
        before = torch.get_rng_state(), np.random.get_state()[1].tolist()
        splits.append(split_files(photos, .25, 5))
        assert torch.equal(before[0], torch.get_rng_state()) and before[1]==np.random.get_state()[1].tolist()
    train, valid = splits[0]
    assert splits[0]==splits[1] and set(train).isdisjoint(valid) and sorted(train+valid)==photos

def copy_of(img, small): return img.resize((img.width//3, img.height//3)) if small else img.point(lambda v: int(v*.7))

@pytest.mark.parametrize('ext,quality', [('jpg', 30), ('png', None), ('webp', 40)])
@pytest.mark.parametrize('small', [True, False])
def test_near_duplicates_are_found_across_formats(tmp_path, ext, quality, small):
    for name,path in bundled_photos().items():
        if name=='hubble': continue # nearly all of it is black
        copy_of(open_photo(path), small).save(tmp_path/f'{name}.{ext}', **({'quality': quality} if quality else {}))
    originals = [p for n,p in bundled_photos().items() if n!='hubble']
    found = near_duplicates(originals, sorted(tmp_path.iterdir()))
    assert sorted(b.stem for _,b in found)==sorted(p.stem for p in tmp_path.iterdir()), 'every copy is found once'
    assert all(bundled_photos()[b.stem]==a for a,b in found), 'no copy is matched with another photo'

def test_different_crops_of_a_photo_are_not_near_duplicates(tmp_path):
    crops = sorted(crop_photos(tmp_path, n=60, size=64).iterdir())
    assert near_duplicates(crops[::2], crops[1::2])==[]

@pytest.mark.parametrize('threshold,n', [(.49, 1), (.51, 0), (None, 0)])
def test_the_agreement_of_near_duplicates_has_a_threshold(tmp_path, threshold, n):
    "A quarter of the steps between neighbors have the opposite sign, so the agreement is 3/4 - 1/4."
    ramp = np.tile(np.arange(17, dtype=np.uint8)*10, (16, 1))
    other = ramp.copy()
    other[:4] = ramp[:4,::-1]
    for name,a in (('a', ramp), ('b', other)): Image.fromarray(a).convert('RGB').save(tmp_path/f'{name}.png')
    option = {} if threshold is None else dict(min_agreement=threshold)
    assert len(near_duplicates([tmp_path/'a.png'], [tmp_path/'b.png'], **option))==n

def test_copies_in_both_sets_are_reported(tmp_path, capsys):
    img = open_photo(bundled_photos()['coffee'])
    for i in range(12): img.resize((90+6*i, 60+4*i)).save(tmp_path/f'copy{i}.jpg')
    ColorizeDataLoaders.from_folder(tmp_path, size=32, bs=4)
    line, = capsys.readouterr().out.splitlines()
    assert line.startswith('2 photos held out for validation look like training photos') and line.count('copy')==2
    ColorizeDataLoaders.from_folder(crop_photos(tmp_path/'crops', n=22, size=48), size=32, bs=4)
    assert not capsys.readouterr().out

def test_a_batch_larger_than_the_dataset_is_reported_once(photos, capsys):
    dls = ColorizeDataLoaders.from_files(photos, valid_files=photos[:1], size=32, bs=64)
    assert 'bs=64 is more than the 8 training photos' in capsys.readouterr().out
    assert len(dls.train)==1 and len(dls.one_batch()[0])==8
    ColorizeDataLoaders.from_files(photos, valid_files=photos[:1], size=32)
    assert 'bs=' not in capsys.readouterr().out, 'the default batch size adapts silently'

def test_two_photos_are_too_few_at_32_pixels_and_enough_at_64(photos):
    with pytest.raises(ValueError, match='too little for BatchNorm.*size=64'): ColorizeDataLoaders.from_files(photos[:2], size=32)
    x,_ = ColorizeDataLoaders.from_files(photos[:2], size=64).one_batch()
    from colorize_nb.models.layers import create_model
    assert create_model('unet_compact').train()(plain(x)).shape==(1,2,32,32)

@pytest.mark.parametrize('skip_gray', [True, False])
def test_only_gray_photos_raise_one_error(tmp_path, skip_gray):
    for i in range(5): Image.fromarray(np.random.RandomState(i).randint(0, 255, (64,64), np.uint8)).save(tmp_path/f'{i}.png')
    with pytest.raises(ValueError, match='all are gray: there is no color to learn') as e:
        ColorizeDataLoaders.from_folder(tmp_path, size=32, bs=2, skip_gray=skip_gray)
    assert '\n' not in str(e.value)

def test_hold_out_a_subfolder(tmp_path):
    write_photos(tmp_path/'a', 3)
    write_photos(tmp_path/'b', 2)
    dls = ColorizeDataLoaders.from_folder(tmp_path, valid='b', size=32, bs=2)
    assert len(dls.train_ds)==3 and all('/b/' in p for p in dls.valid_ds.items)

@pytest.mark.parametrize('kw,match', [
    (dict(size=16), 'at least 32'),
    (dict(bs=0), 'bs is 0'),
    (dict(bs=-4), 'bs is -4'),
    (dict(valid_pct=0), 'validation set is empty'),
    (dict(valid_pct=1.5), 'valid_pct'),
    (dict(valid_files=[]), 'validation set is empty'),
    (dict(augment='spin'), 'augment')])
def test_bad_arguments_give_one_line(photos, kw, match):
    with pytest.raises(ValueError, match=match) as e: ColorizeDataLoaders.from_files(photos, **kw)
    assert '\n' not in str(e.value)

def test_missing_and_empty_folders(tmp_path, photos):
    for path,match in [(tmp_path/'none', 'no such folder'), (photos[0], 'is a file'), (tmp_path/'empty', 'no photos')]:
        (tmp_path/'empty').mkdir(exist_ok=True)
        with pytest.raises(ValueError, match=match): ColorizeDataLoaders.from_folder(path)
    with pytest.raises(ValueError, match='no photos to train on'): ColorizeDataLoaders.from_files([])
    with pytest.raises(ValueError, match='validation set is empty: got 1 photo and'): ColorizeDataLoaders.from_files(photos[:1])
    with pytest.raises(ValueError, match='nothing to validate on'): ColorizeDataLoaders.from_folder(photos[0].parent, valid='nowhere')

def test_named_sets_without_network(monkeypatch):
    from urllib.error import URLError
    def no_network(*a, **k): raise URLError('Name or service not known')
    monkeypatch.setattr(module, 'untar_data', no_network)
    for name in module.named_sets:
        with pytest.raises(ConnectionError, match=f'^{name}: could not be downloaded from http') as e: ColorizeDataLoaders.from_name(name)
        assert '\n' not in str(e.value)
    with pytest.raises(ValueError, match='no dataset is called .flower.*flowers'): ColorizeDataLoaders.from_name('flower')

def test_named_sets_load_from_their_folder(monkeypatch, photos):
    monkeypatch.setattr(module, 'untar_data', lambda url: photos[0].parent)
    assert ColorizeDataLoaders.from_name('cifar', bs=2).size==32

def test_test_dl_takes_paths_and_images(photos):
    dls = ColorizeDataLoaders.from_files(photos, size=32, bs=4)
    x,_ = dls.test_dl([photos[0], photos[1]]).one_batch()
    z,_ = dls.test_dl([Image.open(photos[0])]).one_batch()
    assert x.shape==(2,1,32,32) and torch.allclose(plain(x)[:1], plain(z), atol=1e-5)

def test_the_same_seed_gives_the_same_crops(tmp_path):
    a,b = (crop_photos(tmp_path/d, n=13, size=40) for d in 'ab')
    fa,fb = sorted(a.iterdir()),sorted(b.iterdir())
    assert len(fa)==13 and [p.read_bytes() for p in fa]==[p.read_bytes() for p in fb] and Image.open(fa[0]).size==(40,40)
    other = sorted(crop_photos(tmp_path/'c', n=13, size=40, seed=1).iterdir())
    assert [p.name for p in other]==[p.name for p in fa] and all(p.read_bytes()!=q.read_bytes() for p,q in zip(fa, other))

def test_photos_with_the_same_name_are_all_cropped(tmp_path):
    photos = [tmp_path/d/'1.png' for d in 'ab']
    for p,color in zip(photos, ((200,0,0), (0,0,200))):
        p.parent.mkdir()
        Image.new('RGB', (50,50), color).save(p)
    crops = sorted(crop_photos(tmp_path/'crops', 4, 32, photos).iterdir())
    assert [p.name for p in crops]==['1-2_0001.jpg', '1-2_0003.jpg', '1_0000.jpg', '1_0002.jpg']
    assert [Image.open(p).getpixel((9,9))[0]>100 for p in crops]==[False, False, True, True]

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
        grew[n],peak[n] = map(float, r.stdout.splitlines()[-1].split()) # the first lines are a note about duplicates
    note(f'memory over one epoch: {grew[1000]:.0f} MB more at 1,000 photos, {grew[20000]:.0f} MB at 20,000; '
         f'peaks {peak[1000]:.0f} and {peak[20000]:.0f} MB')
    assert grew[20000]-grew[1000]<60 and peak[20000]-peak[1000]<80, (grew, peak)
