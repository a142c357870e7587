"GIFs, WebP and PNG with several frames: all frames, times and repeats come through, by call and by command."
import pytest
from PIL import Image

from colorize_nb.app.cli import main
from colorize_nb.infer.film import Timing, color_animation, frames, is_animation, read_timing
from colorize_nb.core.photo import PhotoError

TIMES = [40, 120, 500]


@pytest.fixture
def pictures(): return [Image.linear_gradient('L').rotate(90*i).resize((64, 48)) for i in range(3)]


@pytest.mark.parametrize('kind', ['gif', 'webp', 'png'])
def test_frames_times_and_repeats_stay(tmp_path, pictures, kind):
    src = tmp_path/f'a.{kind}'
    pictures[0].save(src, save_all=True, append_images=pictures[1:], duration=TIMES, loop=3)
    to = color_animation(src)
    assert to==tmp_path/f'a-color.{kind}' and read_timing(to)==Timing(TIMES, 3)
    got = [*frames(to)]
    assert len(got)==3 and all(f.size==(64, 48) for f in got)
    assert any(a.getextrema()!=b.getextrema() for f in got for a,b in [(f.getchannel(0), f.getchannel(2))]), 'no color anywhere'


def test_the_command_keeps_an_animation_and_makes_a_photo_of_a_single_frame(tmp_path, pictures):
    pictures[0].save(tmp_path/'many.gif', save_all=True, append_images=pictures[1:], duration=TIMES)
    pictures[0].save(tmp_path/'one.gif')
    assert main([str(tmp_path/'many.gif'), str(tmp_path/'one.gif')]) in (0, None)
    assert read_timing(tmp_path/'many-color.gif').durations==TIMES
    assert (tmp_path/'one-color.png').exists() and not (tmp_path/'one-color.gif').exists()


def test_what_is_broken_is_one_line(tmp_path, pictures):
    src = tmp_path/'a.gif'
    pictures[0].save(src, save_all=True, append_images=pictures[1:])
    whole = src.read_bytes()
    src.write_bytes(whole[:len(whole)//2])
    with pytest.raises(PhotoError, match='a.gif'): color_animation(src)
    assert not (tmp_path/'a-color.gif').exists()
    src.write_bytes(b'no picture')
    assert not is_animation(src)
    with pytest.raises(PhotoError, match='a.gif'): color_animation(src)
