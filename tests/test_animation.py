"Animated images: frames, durations, repeats, and bounded memory."
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image, features

from colorize_nb.app.cli import main
from colorize_nb.color.codecs import LabAB
from colorize_nb.color.space import rgb2lab
from colorize_nb.core.photo import PhotoError, to_tensor
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.infer.film import Timing, color_animation, is_animation, is_moving, read_frames, read_timing, save_animation

TIMES = [40, 120, 500]
KINDS = ['gif', 'webp', 'png', *(['avif'] if features.check('avif') else [])]


class Constant(torch.nn.Module):
    "Predict the chroma (20, -10) everywhere."
    def forward(self, x): return torch.tensor([20., -10.])[None,:,None,None].expand(len(x), -1, x.shape[-2]//2, x.shape[-1]//2)

@pytest.fixture
def fast(): return Colorizer(Constant(), LabAB(ab_scale=1.), 32)

@pytest.fixture
def pictures(): return [Image.linear_gradient('L').rotate(90*i).resize((64, 48)) for i in range(3)]


@pytest.mark.parametrize('kind', KINDS)
def test_frames_durations_and_repeats_are_kept(tmp_path, pictures, fast, kind):
    src = tmp_path/f'a.{kind}'
    pictures[0].save(src, save_all=True, append_images=pictures[1:], duration=TIMES, loop=3)
    to = color_animation(src, colorizer=fast)
    assert to==tmp_path/f'a-color.{kind}' and read_timing(to).durations==TIMES
    if kind!='avif': assert read_timing(to).loop==3
    before, after = list(read_frames(src)), list(read_frames(to))
    assert len(after)==3 and all(f.size==(64, 48) for f in after)
    limit = {'gif': 12, 'avif': 4}.get(kind, 1)
    for b,a in zip(before, after):
        L, (l, *ab) = rgb2lab(to_tensor(b))[0,0], rgb2lab(to_tensor(a))[0]
        assert (l-L).abs().mean()<limit/4
        middle = (L>30)&(L<70) # where every chroma is displayable
        assert abs(ab[0][middle].mean()-20)<2 and abs(ab[1][middle].mean()+10)<2


def test_a_file_without_repeats_stays_so(tmp_path, pictures, fast):
    pictures[0].save(tmp_path/'a.gif', save_all=True, append_images=pictures[1:], duration=TIMES)
    assert read_timing(tmp_path/'a.gif').loop is None and read_timing(color_animation(tmp_path/'a.gif', colorizer=fast)).loop is None


@pytest.mark.parametrize('kind,duration,want', [('png', 65_535, 65_535), ('png', 70_600, 71_000), ('gif', 655_350, 655_350), ('gif', 700_000, 655_350)])
def test_frames_can_be_shown_for_minutes(tmp_path, pictures, kind, duration, want):
    frames = [p.convert('RGB') for p in pictures]
    f = save_animation(frames, Timing([duration, 100, 100], 0), tmp_path/f'a.{kind}')
    assert read_timing(f).durations==[want, 100, 100]


@pytest.mark.parametrize('kind', ['gif', 'png'])
def test_other_programs_read_the_result(tmp_path, pictures, kind):
    "FFmpeg's own decoders see the same frames."
    av = pytest.importorskip('av')
    frames = [p.convert('RGB') for p in pictures]
    f = save_animation(iter(frames), Timing(TIMES, 0), tmp_path/f'a.{kind}')
    with av.open(str(f)) as film: seen = [x.to_image() for x in film.decode(video=0)][:3]
    assert len(seen)==3
    for a,b in zip(seen, frames): assert np.abs(np.asarray(a).astype(int)-np.asarray(b)).mean()<(1 if kind=='png' else 6)


@pytest.mark.parametrize('kind', ['webp', 'png'])
def test_lossless_formats_keep_every_pixel(tmp_path, kind):
    rng = np.random.default_rng(0)
    frames = [Image.fromarray(rng.integers(0, 256, (20,30,3), dtype=np.uint8)) for _ in range(3)]
    f = save_animation(iter(frames), Timing(TIMES, 0), tmp_path/f'a.{kind}')
    assert all(np.array_equal(a, b) for a,b in zip(read_frames(f), frames))


def test_all_pictures_of_an_mpo_are_colored(tmp_path, fast):
    "A 3D camera writes two photos into one file."
    left, right = Image.new('RGB', (64,48), (100,)*3), Image.new('RGB', (64,48), (140,)*3)
    left.save(tmp_path/'stereo.mpo', 'MPO', save_all=True, append_images=[right])
    assert is_moving(tmp_path/'stereo.mpo')
    to = color_animation(tmp_path/'stereo.mpo', colorizer=fast, steady=0)
    got = [rgb2lab(to_tensor(f))[0].mean((1,2)).tolist() for f in read_frames(to)]
    L = [rgb2lab(to_tensor(p))[0,0].mean().item() for p in (left, right)]
    assert to.suffix=='.mpo' and len(got)==2
    for (l, a, b), want in zip(got, L): assert abs(l-want)<1 and abs(a-20)<2 and abs(b+10)<2
    left.save(tmp_path/'preview.mpo', 'MPO', save_all=True, append_images=[right.resize((16,12))])
    assert not is_moving(tmp_path/'preview.mpo'), 'a photo with a thumbnail is not an animation'


def test_command_keeps_animations_and_treats_single_frames_as_photos(tmp_path, pictures):
    pictures[0].save(tmp_path/'many.gif', save_all=True, append_images=pictures[1:], duration=TIMES)
    pictures[0].save(tmp_path/'one.gif')
    assert main([str(tmp_path/'many.gif'), str(tmp_path/'one.gif')]) in (0, None)
    assert read_timing(tmp_path/'many-color.gif').durations==TIMES
    assert (tmp_path/'one-color.png').exists() and not (tmp_path/'one-color.gif').exists()


def test_damaged_animations_give_one_line(tmp_path, pictures, fast):
    src = tmp_path/'a.gif'
    pictures[0].save(src, save_all=True, append_images=pictures[1:])
    whole = src.read_bytes()
    for content in (whole[:len(whole)//2], b'not an image'):
        src.write_bytes(content)
        with pytest.raises(PhotoError, match='a.gif') as e: color_animation(src, colorizer=fast)
        assert '\n' not in str(e.value) and not (tmp_path/'a-color.gif').exists()
    assert not is_animation(src)


MEMORY = '''
import resource, sys
from PIL import Image
from colorize_nb.infer.film import Timing, read_frames, read_timing, save_animation
def frames(n): return (Image.linear_gradient('L').resize((320,240)).rotate(i%2*180).convert('RGB') for i in range(n))
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1e3
n = int(sys.argv[2])
for kind in ('gif', 'png', 'webp'):
    path = f'{sys.argv[1]}/a.{kind}'
    save_animation(frames(8), Timing([40]*8, 0), path)
    before = peak()
    save_animation(frames(n), Timing([40]*n, 0), path)
    assert len(read_timing(path))==n and sum(1 for _ in read_frames(path))==n
    print(kind, peak()-before)
'''

@pytest.mark.skipif(sys.platform=='win32', reason='Windows has no module resource')
def test_memory_does_not_grow_with_the_number_of_frames(tmp_path):
    "In memory, 150 frames of 320x240 would be 35 MB."
    run = subprocess.run([sys.executable, '-W', 'ignore', '-c', MEMORY, str(tmp_path), '150'], capture_output=True, text=True)
    assert run.returncode==0, run.stderr
    assert len(run.stdout.splitlines())==3 and all(float(line.split()[1])<12 for line in run.stdout.splitlines()), run.stdout
