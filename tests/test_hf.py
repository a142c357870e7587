"Datasets of the Hugging Face Hub as streams, tested with local folders and files."
import numpy as np, pytest, torch

from colorize_nb.data.folder import ColorizeDataLoaders, crop_photos
from colorize_nb.core.photo import open_photo
datasets = pytest.importorskip('datasets')
from colorize_nb.data import stream


@pytest.fixture(scope='module', autouse=True)
def quiet(): datasets.disable_progress_bars()

@pytest.fixture(scope='module')
def folder(tmp_path_factory): return crop_photos(tmp_path_factory.mktemp('hf')/'photos', 24, 48)

def dls_of(name, **kw): return ColorizeDataLoaders.from_hf(str(name), **{**dict(size=32, bs=4, n=2, n_valid=2, device='cpu'), **kw})


def test_validation_is_the_beginning_of_the_stream(folder, monkeypatch):
    seen = []
    monkeypatch.setattr(stream, 'random_square', lambda p, size, rng: seen.append(np.asarray(p).tobytes()) or p.resize((size, size)))
    dls = dls_of(folder, n=10)
    held = [np.asarray(open_photo(r['image'])).tobytes() for r in datasets.load_dataset(str(folder), split='train', streaming=True).take(8)]
    assert [len(b) for b in dls.valid.dataset]==[4,4] and sum(len(x) for x,_ in dls.train)==40
    assert len(set(seen))==16 and not set(held) & set(seen), 'a validation photo is in the training set'
    assert seen[:16]!=seen[16:32] and set(seen[:16])==set(seen[16:32]), 'each epoch has all photos, in a new order'


def test_the_next_epoch_continues_the_stream(folder):
    dls = dls_of(folder)
    a, b = (torch.cat([y for _,y in dls.train]) for _ in range(2))
    v, w = (torch.cat([y for _,y in dls.valid]) for _ in range(2))
    assert a.shape==(8,2,32,32) and not torch.equal(a, b) and torch.equal(v, w) and dls.size==32


def test_the_seed_decides_the_order(folder):
    def first(seed): return torch.cat([y.as_subclass(torch.Tensor) for _,y in dls_of(folder, seed=seed).train])
    assert torch.equal(first(1), first(1)) and not torch.equal(first(1), first(2))


def test_other_columns_and_rows_without_images(folder, tmp_path):
    photos = sorted(folder.iterdir())[:9]
    rows = dict(face=[None, *map(str, photos[1:])], label=list(range(9)))
    kinds = datasets.Features(face=datasets.Image(), label=datasets.Value('int64'))
    datasets.Dataset.from_dict(rows, features=kinds).to_parquet(tmp_path/'train.parquet')
    dls = ColorizeDataLoaders.from_hf('parquet', data_files=str(tmp_path/'train.parquet'), size=32, bs=4, n=1, n_valid=1, device='cpu')
    assert len(dls.valid.dataset[0])==4 and len(next(iter(dls.train))[0])==4
    with pytest.raises(ValueError, match="there is no column 'photo'; the columns are face, label"):
        dls_of('parquet', data_files=str(tmp_path/'train.parquet'), column='photo')


@pytest.mark.parametrize('kwargs,message', [
    (dict(split='nothing'), "split 'nothing': could not be read"),
    (dict(valid='nothing'), "split 'nothing': could not be read")])
def test_missing_splits_give_one_line(folder, kwargs, message):
    with pytest.raises(ValueError, match=message) as e: dls_of(folder, **kwargs)
    assert '\n' not in str(e.value)


def test_without_the_library_the_error_names_the_extra(monkeypatch):
    import sys
    monkeypatch.setitem(sys.modules, 'datasets', None)
    with pytest.raises(ValueError, match=r"pip install 'colorize_nb\[hf\]'"): dls_of('anything')
