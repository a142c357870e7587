"The bundled photos: kinds, sizes, and a credit for every file."
import csv

import numpy as np, pytest
from PIL import Image

import colorize_nb
from colorize_nb.core.photo import bundled_photos, credit, is_gray, open_photo
from pathlib import Path

FOLDER = Path(colorize_nb.__file__).parent/'photos'
COUNTS = dict(color=32, archive=7, plate=12, portrait=8)

@pytest.fixture(scope='module')
def rows():
    with open(FOLDER/'credits.csv', encoding='utf8', newline='') as f: return list(csv.DictReader(f))

def test_every_file_has_a_credit_and_every_credit_a_file(rows):
    assert [*rows[0]]==['name','kind','author','source','license','note']
    assert {f'{r["name"]}.jpg' for r in rows} | {'credits.csv'}=={p.name for p in FOLDER.iterdir()}
    assert len({r['name'] for r in rows})==len(rows)
    assert all(r[k] for r in rows for k in r), 'no field is empty'
    for r in rows:
        if r['kind']=='color': assert r['license']=='CC BY 2.0' and 'flickr.com' in r['source'] and r['note']=='reduced and cropped'

def test_photos_are_small():
    assert sum(p.stat().st_size for p in FOLDER.iterdir())<3e6
    sizes = [Image.open(p).size for k in COUNTS for p in bundled_photos(k).values()]
    assert min(map(min, sizes))>=240 and max(map(max, sizes))<=480

@pytest.mark.parametrize('kind,n', COUNTS.items())
def test_kinds(kind, n, rows):
    photos = bundled_photos(kind)
    assert [*photos]==[r['name'] for r in rows if r['kind']==kind] and len(photos)==n
    gray = {name for name,path in photos.items() if is_gray(open_photo(path))}
    assert gray=={'archive': {*photos}, 'portrait': {'katherine_johnson'}}.get(kind, set())

def test_all_photos_include_the_samples():
    samples, every = bundled_photos(), bundled_photos('all')
    assert 'coffee' in samples and samples==bundled_photos('sample')
    assert len(every)==len(samples)+sum(COUNTS.values()) and samples.items() <= every.items() # no name is used twice
    with pytest.raises(ValueError, match="'colour'.*color, archive"): bundled_photos('colour')

def test_exposures_of_a_plate_are_aligned():
    "The three channels show the same scene: their gradients correlate best without a shift."
    for name,path in bundled_photos('plate').items():
        r, g, b = (np.diff(c, axis=1) for c in np.asarray(Image.open(path)).astype('f4').transpose(2, 0, 1))
        def match(a, c, k): return np.corrcoef(a[8:-8,8:-8].ravel(), np.roll(c, k, 1)[8:-8,8:-8].ravel())[0,1]
        for a in (r, b): assert max(range(-4, 5), key=lambda k: match(a, g, k)) in (-1, 0, 1), name

def test_credits():
    assert credit('emir')==('Sergei Prokudin-Gorskii, Library of Congress, Prokudin-Gorskii Collection (no known restrictions), seated man in a blue robe, '
                            '1909 to 1915; R, G, and B are three exposures, aligned but not balanced; reduced and cropped')
    assert credit('balloon').startswith('Kiefer, https://www.flickr.com/') and 'CC BY 2.0' in credit('balloon')
    assert credit('coffee')=='sample photo in scikit-image'
    assert all(credit(name) for name in bundled_photos('all'))
    with pytest.raises(ValueError, match="'nobody'"): credit('nobody')
