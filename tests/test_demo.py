"`make demo` with fewer photos and a few seconds of training."
import re
import pytest

from colorize_nb.app.demo import HELD_OUT, main
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.core.photo import bundled_photos, open_photo


@pytest.fixture(scope='module')
def demo_run(tmp_path_factory):
    import contextlib, io
    out, output = tmp_path_factory.mktemp('demo')/'deep/out', io.StringIO()
    photos = {k: bundled_photos()[k] for k in ('coffee','grace_hopper','chelsea')}
    with contextlib.redirect_stdout(output): status = main(out, seconds=3, photos=photos)
    assert status==0
    return out, output.getvalue(), photos


def test_table_has_baselines_means_and_held_out_photos(demo_run):
    output = demo_run[1]
    for metric in ('PSNR dB','CIEDE2000','colorfulness'):
        head = next(l for l in output.splitlines() if l.startswith(metric))
        assert ['gray','mean','color','shipped','one','minute']==head.removeprefix(metric).split()[:6]
    rows = [l for l in output.splitlines() if re.match(r'(coffee|grace_hopper|chelsea \*|mean of)', l)]
    assert len(rows)==3*5 and all(len(re.findall(r'\d+\.\d\d', r))==n for r,n in zip(rows, [4]*10+[5]*5))
    assert not re.search('nan|inf', output)


def test_one_line_per_step_with_its_time(demo_run):
    output = demo_run[1]
    steps = [l for l in output.splitlines() if re.fullmatch(r'[A-Z].* \.\.\. \d+ s', l)]
    assert len(steps)==5 and '\r' not in output and output.index('index.html')<output.index('PSNR dB')


def test_the_gray_row_agrees_with_scikit_image(demo_run):
    import numpy as np
    from skimage.color import deltaE_ciede2000, lab2rgb, rgb2lab
    true = np.asarray(open_photo(demo_run[2]['coffee']))
    lab = rgb2lab(true)
    gray = rgb2lab((lab2rgb(lab*[1,0,0])*255).round().astype(np.uint8))
    line = next(l for l in demo_run[1].split('CIEDE2000')[1].splitlines() if l.startswith('coffee'))
    assert float(line.split()[1])==pytest.approx(deltaE_ciede2000(lab, gray).mean(), abs=.02)


def test_the_printed_files_exist(demo_run):
    out, output, photos = demo_run
    for name in ('strip.jpg','index.html','small.safetensors'): assert str(out/name) in output and (out/name).is_file()
    html = (out/'index.html').read_text('utf8')
    assert html.count('<figure>')==3
    assert html.count('held out</i>')==2 # in the introduction and in the caption of one figure
    assert 'src="http' not in html
    assert 'href="http' not in html
    assert open_photo(out/'strip.jpg').width > 400


def test_the_trained_model_loads_and_colors(demo_run):
    photo = open_photo(demo_run[2]['coffee'])
    assert Colorizer.load(demo_run[0]/'small.safetensors')(photo).image.size==photo.size


def test_held_out_photos_are_bundled_ones(): assert set(HELD_OUT) <= set(bundled_photos())


def test_too_few_photos_raise_an_error(tmp_path):
    with pytest.raises(ValueError, match='needs two color photos or more, but found 0'): main(tmp_path, photos={})
