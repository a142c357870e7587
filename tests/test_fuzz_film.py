"Fuzz films: every container, codec, and flag gives a film that other programs can read, or one line with the reason."
import os
import shutil
import subprocess
from fractions import Fraction

import numpy as np
import pytest
import torch
from PIL import Image

av = pytest.importorskip('av')
hypothesis = pytest.importorskip('hypothesis')
from hypothesis import HealthCheck, given, settings, strategies as st

from colorize_nb.color.codecs import LabAB
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.infer.film import FilmError, color_film

VIDEO = {'mp4': ['libx264','mpeg4'], 'mov': ['libx264','mpeg4','mjpeg','prores_ks'], 'mkv': ['libx264','libvpx-vp9','mpeg2video','ffv1','mjpeg'],
         'webm': ['libvpx','libvpx-vp9'], 'avi': ['mpeg4','mjpeg','libx264'], 'flv': ['flv','libx264'], 'mpg': ['mpeg2video'],
         'ts': ['mpeg2video','libx264'], 'wmv': ['wmv2'], '3gp': ['mpeg4']}
SOUND = {'mp4': ['aac','libmp3lame'], 'mov': ['aac','pcm_s16le'], 'mkv': ['aac','libopus','pcm_u8'], 'webm': ['libopus'],
         'avi': ['pcm_u8','pcm_s16le','adpcm_ima_wav','libmp3lame'], 'flv': ['aac'], 'mpg': ['mp2'], 'ts': ['aac','mp2'], 'wmv': ['libmp3lame'], '3gp': ['aac']}
FORMAT = {'mjpeg': 'yuvj420p', 'prores_ks': 'yuv422p10le'}


class Constant(torch.nn.Module):
    def forward(self, x): return torch.tensor([20., -10.])[None,:,None,None].expand(len(x), -1, x.shape[-2]//2, x.shape[-1]//2)

COLORIZER = Colorizer(Constant(), LabAB(ab_scale=1.), 32)

@st.composite
def films(draw):
    "Draw the properties of a film."
    suffix = draw(st.sampled_from(sorted(VIDEO)))
    return dict(suffix=suffix, codec=draw(st.sampled_from(VIDEO[suffix])), sound=draw(st.none() | st.sampled_from(SOUND[suffix])),
                size=(16*draw(st.integers(2, 6)), 16*draw(st.integers(2, 6))), n=draw(st.integers(1, 12)),
                rate=draw(st.sampled_from([Fraction(24000,1001), 25, Fraction(30000,1001), 50])),
                sar=draw(st.sampled_from([Fraction(1), Fraction(16,15), Fraction(8,9)])),
                to=draw(st.sampled_from([None, 'mp4', 'mov', 'mkv', 'webm'])), title=draw(st.none() | st.text('aß漢 ', min_size=1, max_size=9)),
                cut=draw(st.none() | st.floats(.2, .99)))

def write(path, film):
    with av.open(str(path), 'w') as out:
        v = out.add_stream(film['codec'], rate=film['rate'])
        v.width, v.height, v.pix_fmt = *film['size'], FORMAT.get(film['codec'], 'yuv420p')
        v.codec_context.sample_aspect_ratio = film['sar']
        rate = 48000 if film['sound']=='libopus' else 44100
        a = out.add_stream(film['sound'], rate=rate, layout='mono') if film['sound'] else None
        if film['title']: out.metadata['title'] = film['title']
        for i in range(film['n']):
            img = Image.linear_gradient('L').resize(film['size']).rotate(30*i).convert('RGB')
            out.mux(v.encode(av.VideoFrame.from_image(img)))
        out.mux(v.encode())
        if a:
            s = av.AudioFrame.from_ndarray((np.sin(np.arange(rate//2)*.1)*9000).astype(np.int16)[None], format='s16', layout='mono')
            s.sample_rate = rate
            out.mux(a.encode(s))
            out.mux(a.encode())

def frames_in(path):
    try:
        with av.open(str(path)) as f: return sum(1 for _ in f.decode(video=0))
    except (av.FFmpegError, IndexError): return None # damaged

@settings(max_examples=int(os.environ.get('FUZZ_EXAMPLES', 12)), deadline=None, derandomize='FUZZ_EXAMPLES' not in os.environ,
          suppress_health_check=list(HealthCheck))
@given(film=films())
def test_random_films(tmp_path_factory, film):
    folder = tmp_path_factory.mktemp('film')
    src = folder/f'film.{film["suffix"]}'
    write(src, film)
    if film['cut']: src.write_bytes(src.read_bytes()[:int(src.stat().st_size*film['cut'])])
    n = frames_in(src)
    to = folder/f'out.{film["to"]}' if film['to'] else None
    try: result = color_film(src, to, COLORIZER, size=32)
    except FilmError as e:
        assert film['cut'] or n is None, f'a readable film was rejected: {e}'
        assert '\n' not in str(e) and str(folder) in str(e)
        results = [f for f in folder.iterdir() if f!=src]
        assert all(frames_in(f) for f in results)
    else:
        assert n is None or frames_in(result)==n
        with av.open(str(result)) as f:
            v = f.streams.video[0]
            shape = v.width*(v.sample_aspect_ratio or 1)/v.height
            with av.open(str(src)) as s: # some formats don't store the aspect ratio
                w = s.streams.video[0]
                assert abs(shape-w.width*(w.sample_aspect_ratio or 1)/w.height)<.1
            assert not film['sound'] or film['cut'] or f.streams.audio
        if shutil.which('ffmpeg') and not film['cut']: subprocess.run(['ffmpeg','-v','error','-xerror','-i',result,'-f','null','-'],
                                                                 check=True, capture_output=True)
    shutil.rmtree(folder)
