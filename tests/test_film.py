"Films: frames, times, size, sound, and metadata are kept, or a note mentions them. Unreadable films give one line."
import json
import os
import shutil
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import entropy

av = pytest.importorskip('av')
from colorize_nb.color.codecs import LabAB
from colorize_nb.color.space import rgb2lab
from colorize_nb.core.photo import bundled_photos, open_photo, to_tensor
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.infer.film import FilmError, FilmIncomplete, TemporalSmoothing, cdc, color_film, color_frames, flicker
from colorize_nb.infer.paint import lightness

needs_ffmpeg = pytest.mark.skipif(not (shutil.which('ffmpeg') and shutil.which('ffprobe')), reason='FFmpeg is not installed')


class Constant(torch.nn.Module):
    "Predict the chroma (a, b) everywhere."
    def __init__(self, a, b):
        super().__init__()
        self.y = torch.tensor([a, b])[None,:,None,None]
    def forward(self, x): return self.y.expand(len(x), -1, x.shape[-2]//2, x.shape[-1]//2)

@pytest.fixture(scope='module')
def fast(): return Colorizer(Constant(20., -10.), LabAB(ab_scale=1.), 32, 'fast')

@pytest.fixture(scope='module')
def shipped():
    c = Colorizer.load('shipped')
    c.size = 96
    return c

def pan(n=12, size=(96,64), name='flower'):
    photo = open_photo(bundled_photos()[name]).resize((240,160))
    return [photo.crop((20+i, 30, 20+i+size[0], 30+size[1])).convert('L').convert('RGB') for i in range(n)]

def add_video(out, frames, rate=12, codec='libx264', fmt='yuv420p', options=None, **settings):
    v = out.add_stream(codec, rate=rate, options=options or {})
    v.width, v.height, v.pix_fmt = *frames[0].size, fmt
    for k,x in settings.items(): setattr(v.codec_context, k, x)
    return v

def mux_video(out, v, frames, times=None):
    for i,f in enumerate(frames):
        frame = av.VideoFrame.from_image(f)
        if times: frame.pts, frame.time_base = times[i], Fraction(1, 1000)
        out.mux(v.encode(frame))
    out.mux(v.encode())

def mux_sound(out, a, seconds=1):
    wave = (np.sin(np.arange(16000*seconds)*.2)*9000).astype(np.int16)[None]
    s = av.AudioFrame.from_ndarray(wave, format='s16', layout='mono')
    s.sample_rate = 16000
    out.mux(a.encode(s))
    out.mux(a.encode())

def write(path, frames, rate=12, sound=None, codec='libx264', fmt='yuv420p', metadata=(), chapters=None, container=None, **settings):
    with av.open(str(path), 'w', format=container) as out:
        v = add_video(out, frames, rate, codec, fmt, **settings)
        a = out.add_stream(sound, rate=48000 if sound=='libopus' else 16000, layout='mono') if sound else None
        out.metadata.update(metadata)
        if chapters: out.set_chapters(chapters)
        mux_video(out, v, frames)
        if a: mux_sound(out, a)
    return path

def read(path):
    "Return the times and frames, and the sound's packets."
    with av.open(str(path)) as f:
        frames = [(round(float(x.pts*x.time_base), 4), x.to_image()) for x in f.decode(f.streams.best('video'))]
    with av.open(str(path)) as f: sound = [bytes(p) for p in f.demux(audio=0) if p.size] if f.streams.audio else None
    return frames, sound

def probe(path, *entries):
    "Return what ffprobe reports about a file."
    out = subprocess.run(['ffprobe','-v','error','-of','json','-show_streams','-show_format','-show_chapters','-count_frames',str(path)],
                         capture_output=True, text=True, check=True).stdout
    return json.loads(out)

def video_facts(path): return next(s for s in probe(path)['streams'] if s['codec_type']=='video' and not s['disposition']['attached_pic'])

def mean_ab(img): return rgb2lab(to_tensor(img))[0,1:].mean((1,2))


# what is kept

def test_frames_times_size_and_sound_are_kept(tmp_path, shipped):
    src = write(tmp_path/'old.mp4', pan(), Fraction(24000, 1001), 'aac')
    to = color_film(src, colorizer=shipped, bs=5)
    assert to==tmp_path/'old-color.mp4'
    (before, sound_before), (after, sound_after) = read(src), read(to)
    assert [t for t,_ in before]==[t for t,_ in after] and sound_after==sound_before and sound_before
    assert all(a.size==b.size for (_,a),(_,b) in zip(before, after))
    assert max((lightness(a)-lightness(b)).abs().mean() for (_,a),(_,b) in zip(before, after))<3
    assert np.asarray(after[5][1]).std(2).mean()>2, 'no color'
    with av.open(str(to)) as f: assert 'predicted' in f.metadata['comment'].lower()

def test_colors_survive_the_encoder(tmp_path, shipped):
    "The file has the colors from `color_frames` except for compression, so matrix and tag agree."
    src = write(tmp_path/'a.mkv', pan(6))
    with av.open(str(src)) as f: seen = [x.to_image() for x in f.decode(video=0)]
    want = list(color_frames(seen, shipped, saturation=3))
    to = color_film(src, colorizer=shipped, saturation=3, crf=4)
    with av.open(str(to)) as f:
        got = [x.reformat(format='rgb24', src_colorspace='ITU709').to_ndarray() for x in f.decode(video=0)]
        assert f.streams.video[0].codec_context.colorspace==1
    assert max(abs(np.asarray(w).astype(int)-g).mean() for w,g in zip(want, got))<3

def test_rotated_film_comes_out_upright(tmp_path, fast):
    src = write(tmp_path/'phone.mp4', pan(4), sample_aspect_ratio=Fraction(4, 3))
    b = bytearray(src.read_bytes())
    at = b.index(b'tkhd')+44 # the matrix of the track: 16.16 fixed point, version 0 box
    one = (1<<16).to_bytes(4, 'big')
    assert b[at+16:at+20]==one
    b[at:at+20] = bytes(4)+one+bytes(4)+(-(1<<16)).to_bytes(4, 'big', signed=True)+bytes(4) # rotate clockwise for display
    src.write_bytes(b)
    with av.open(str(src)) as f:
        raw = next(f.decode(video=0))
        lying = raw.to_image()
    assert abs(raw.rotation)==90
    to = color_film(src, colorizer=fast)
    (_, upright), *_ = read(to)[0]
    assert upright.size==(64,96)
    assert (lightness(upright)-lightness(lying.transpose(Image.Transpose.ROTATE_270))).abs().mean()<4
    with av.open(str(to)) as f: assert f.streams.video[0].sample_aspect_ratio==Fraction(3, 4)

def test_odd_sizes(tmp_path, fast):
    src = write(tmp_path/'odd.avi', pan(3, (75,51)), codec='mjpeg', fmt='yuvj444p')
    (_, img), *_ = read(color_film(src, colorizer=fast))[0]
    assert img.size==(76,52) and (tmp_path/'odd-color.mp4').exists()

@pytest.mark.parametrize('suffix', ['.mp4', '.mov', '.mkv', '.webm'])
def test_pixel_aspect_ratio(tmp_path, fast, suffix):
    src = write(tmp_path/'dv.mkv', pan(3), sample_aspect_ratio=Fraction(16, 11))
    to = color_film(src, tmp_path/f'out{suffix}', fast)
    with av.open(str(to)) as f:
        v = f.streams.video[0]
        assert abs(v.width*v.sample_aspect_ratio/v.height-Fraction(96*16, 64*11))<.02
        assert suffix=='.webm' or v.sample_aspect_ratio==Fraction(16, 11)

@needs_ffmpeg
def test_other_programs_read_the_result(tmp_path, fast):
    src = write(tmp_path/'dv.mp4', pan(5), 25, 'aac', sample_aspect_ratio=Fraction(16, 15))
    facts = video_facts(color_film(src, colorizer=fast))
    assert facts['sample_aspect_ratio']=='16:15' and facts['nb_read_frames']=='5' and facts['color_transfer']=='bt709'
    assert facts['pix_fmt']=='yuv420p' and facts['r_frame_rate']=='25/1'

def test_variable_frame_rate(tmp_path, fast, capsys):
    "A slide show whose last picture stays for a long time isn't truncated."
    frames, times = pan(4), [0, 40, 2000, 2040]
    for suffix in ('.mp4', '.mkv'):
        with av.open(str(tmp_path/f'slides{suffix}'), 'w') as out:
            v = add_video(out, frames)
            v.codec_context.time_base = Fraction(1, 1000)
            a = out.add_stream('aac', rate=16000, layout='mono')
            mux_video(out, v, frames, times)
            mux_sound(out, a, 6)
        got, _ = read(color_film(tmp_path/f'slides{suffix}', colorizer=fast))
        assert np.allclose([t for t,_ in got], np.array(times)/1000, atol=2e-3)

def test_title_date_and_chapters(tmp_path, fast):
    tags = {'title': 'Grandma 1931', 'creation_time': '1999-01-02T03:04:05.000000Z', 'comment': 'at the lake'}
    chapters = [dict(id=1, start=0, end=500, time_base=Fraction(1,1000), metadata={'title': 'Swimming'})]
    src = write(tmp_path/'old.mkv', pan(12), metadata=tags, chapters=chapters)
    for to in ('a.mkv', 'a.mp4'):
        with av.open(str(color_film(src, tmp_path/to, fast))) as f:
            found = {k.lower(): v for k,v in f.metadata.items()}
            assert found['title']==tags['title'] and found['creation_time']==tags['creation_time'], to
            assert 'at the lake' in found['comment'] and 'predicted' in found['comment']
            assert [c['metadata']['title'] for c in f.chapters()]==['Swimming'], to

def test_title_in_another_encoding(tmp_path, fast):
    src = write(tmp_path/'old.mp4', pan(4), metadata={'title': 'Grossvater 1931'})
    content = src.read_bytes()
    assert content.count(b'Grossvater')==1
    src.write_bytes(content.replace(b'Grossvater', 'Großvater '.encode('latin1')))
    assert len(read(color_film(src, colorizer=fast))[0])==4

@pytest.mark.parametrize('cover_first', [True, False])
def test_cover_picture_is_kept_and_the_film_is_colored(tmp_path, fast, cover_first):
    src = tmp_path/'cover.mp4'
    with av.open(str(src), 'w') as out:
        add_cover = lambda: add_video(out, [Image.new('RGB', (32,32))], 1, 'mjpeg', 'yuvj420p')
        if cover_first: c = add_cover()
        v = add_video(out, pan())
        if not cover_first: c = add_cover()
        c.disposition = av.stream.Disposition.attached_pic
        mux_video(out, c, [Image.new('RGB', (32,32), 'red')])
        mux_video(out, v, pan())
    with av.open(str(color_film(src, colorizer=fast))) as f:
        assert sorted((v.width, bool(v.disposition & 1024)) for v in f.streams.video)==[(32, True), (96, False)]
        assert len(list(f.decode(f.streams.best('video'))))==12

@needs_ffmpeg
def test_subtitles_are_kept_or_mentioned(tmp_path, fast, capsys):
    write(tmp_path/'film.mkv', pan(12))
    (tmp_path/'s.srt').write_text('1\n00:00:00,100 --> 00:00:00,800\nHello\n\n')
    src = tmp_path/'sub.mkv'
    subprocess.run(['ffmpeg','-v','error','-i',tmp_path/'film.mkv','-i',tmp_path/'s.srt','-c','copy','-c:s','srt',src], check=True)
    to = color_film(src, colorizer=fast)
    assert [s['codec_name'] for s in probe(to)['streams']]==['h264','subrip'] and capsys.readouterr().out==''
    to = color_film(src, tmp_path/'no.mp4', fast)
    assert [s['codec_name'] for s in probe(to)['streams']]==['h264']
    assert 'sub.mkv: subtitles (subrip) were left out' in capsys.readouterr().out


# what is converted

@pytest.mark.parametrize('src,sound,to,want', [
    ('a.avi', 'pcm_s16le', 'a.mp4', 'aac'), ('a.avi', 'adpcm_ima_wav', 'a.mp4', 'aac'), ('a.avi', 'pcm_u8', 'a.mkv', 'pcm_u8'),
    ('a.webm', 'libopus', 'a-color.webm', 'opus'), ('a.webm', 'libopus', 'a.mp4', 'aac'), ('a.mkv', 'aac', 'a.webm', 'opus'),
    ('a.mp4', 'aac', 'b.mov', 'aac'), ('a.mp4', 'libmp3lame', 'b.mov', 'mp3float')])
def test_sound(tmp_path, fast, capsys, src, sound, to, want):
    video = dict(codec='libvpx-vp9') if src.endswith('webm') else dict(codec='mpeg4') if src.endswith('avi') else {}
    write(tmp_path/src, pan(12), sound=sound, **video)
    to = color_film(tmp_path/src, tmp_path/to, fast, force=True)
    with av.open(str(to)) as f:
        a, = f.streams.audio
        assert a.codec_context.name==want
        wave = np.concatenate([x.to_ndarray().astype(float).ravel() for x in f.decode(audio=0)])
    if want in (sound, 'opus' if sound=='libopus' else '', 'mp3float'): assert read(to)[1]==read(tmp_path/src)[1], 'the sound should be copied'
    else: assert f'{src}: sound was converted from' in capsys.readouterr().out
    rate = a.rate
    assert .9<len(wave)/rate<1.3
    loudest = np.abs(np.fft.rfft(wave[:rate*3//4]-wave.mean())).argmax()/(rate*3//4)*rate
    assert abs(loudest-16000*.2/(2*np.pi))<20, 'the tone should be the same'

def test_webm_stays_webm(tmp_path, fast):
    src = write(tmp_path/'a.webm', pan(6), codec='libvpx-vp9')
    to = color_film(src, colorizer=fast)
    assert to.name=='a-color.webm' and len(read(to)[0])==6
    with av.open(str(to)) as f: assert f.streams.video[0].codec_context.name=='vp9'

def pq(nits):
    "SMPTE ST 2084, inverse EOTF."
    y = (nits/10000)**(2610/16384)
    return ((3424/4096+2413/128*y)/(1+2392/128*y))**(2523/32)

def write_hdr(path, code, trc):
    "Write three 10-bit frames of one gray code value (0 to 1, full scale), tagged as BT.2020."
    with av.open(str(path), 'w') as out:
        v = out.add_stream('libx265', rate=10, options={'x265-params': 'log-level=none:lossless=1'})
        v.width, v.height, v.pix_fmt = 64, 64, 'yuv420p10le'
        c = v.codec_context
        c.color_primaries, c.color_trc, c.colorspace, c.color_range = 9, trc, 9, 1
        for i in range(3):
            frame = av.VideoFrame(64, 64, 'yuv420p10le')
            for plane,value in zip(frame.planes, (64+876*code, 512, 512)):
                plane.update(np.full(plane.buffer_size//2, round(value), np.uint16).tobytes())
            frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range = 9, trc, 9, 1
            frame.pts = i
            out.mux(v.encode(frame))
        out.mux(v.encode())
    return path

@pytest.mark.parametrize('name,trc,code,want', [
    ('PQ, 20 nits', 16, pq(20), (20/203)**(1/2.4)),
    ('PQ, 100 nits', 16, pq(100), (100/203)**(1/2.4)),
    ('HLG, half', 18, .5, ((1/12)**1.2*1000/203)**(1/2.4)), # BT.2100: E = 1/12, system gamma 1.2
    ('BT.2020, SDR', 14, .5, .5)])
def test_hdr_is_tone_mapped(tmp_path, capsys, name, trc, code, want):
    gray = Colorizer(Constant(0., 0.), LabAB(ab_scale=1.), 32)
    to = color_film(write_hdr(tmp_path/'hdr.mp4', code, trc), colorizer=gray, crf=4)
    got = np.asarray(read(to)[0][1][1]).mean()/255
    assert abs(got-want)<.02, name
    out = capsys.readouterr().out
    assert 'hdr.mp4: ' in out and 'converted to BT.709' in out and '8 bits' in out and out.count('\n')==1
    with av.open(str(to)) as f: assert f.streams.video[0].codec_context.color_trc==1

def test_hdr_highlights_are_compressed(tmp_path):
    gray = Colorizer(Constant(0., 0.), LabAB(ab_scale=1.), 32)
    levels = [np.asarray(read(color_film(write_hdr(tmp_path/'h.mp4', pq(n), 16), colorizer=gray, force=True))[0][1][1]).mean() for n in (203, 400)]
    assert 230<levels[0]<levels[1]<=255

@needs_ffmpeg
def test_interlaced_film_is_deinterlaced(tmp_path, fast, capsys):
    "A bar moves between the two fields of a frame, which makes combs. The result has the frames but no combs."
    src = tmp_path/'tv.mpg'
    subprocess.run(['ffmpeg','-v','error','-f','lavfi','-i','color=black:s=96x64:r=50:d=0.8,drawbox=x=0:y=0:w=iw:h=ih:t=fill:color=gray',
                    '-f','lavfi','-i','color=white:s=16x64:r=50:d=0.8','-filter_complex','[0][1]overlay=x=4*n,interlace','-r','25',
                    '-flags','+ildct+ilme','-c:v','mpeg2video','-q:v','2',src], check=True)
    combs = lambda f: np.abs(np.diff(np.asarray(f.convert('L')).astype(int), axis=0)).mean()
    before, after = read(src)[0], read(color_film(src, colorizer=fast))[0]
    assert len(after)==len(before)>10 and 'deinterlaced' in capsys.readouterr().out
    assert combs(after[9][1])<.5*combs(before[9][1])
    assert video_facts(tmp_path/'tv-color.mp4')['field_order']=='progressive'

def test_ten_bits_are_mentioned(tmp_path, fast, capsys):
    write(tmp_path/'deep.mkv', pan(3), fmt='yuv420p10le')
    color_film(tmp_path/'deep.mkv', colorizer=fast)
    assert capsys.readouterr().out.strip().endswith('deep.mkv: its bit depth was reduced to 8 bits')


def test_transparency_is_mentioned(tmp_path, fast, capsys):
    write(tmp_path/'logo.mov', [f.convert('RGBA') for f in pan(3)], codec='png', fmt='rgba')
    color_film(tmp_path/'logo.mov', colorizer=fast)
    assert 'logo.mov: transparency was left out' in capsys.readouterr().out

@needs_ffmpeg
def test_other_streams_are_mentioned(tmp_path, fast, capsys):
    write(tmp_path/'film.mp4', pan(3))
    subprocess.run(['ffmpeg','-v','error','-i',tmp_path/'film.mp4','-timecode','01:00:00:00','-c','copy',tmp_path/'timed.mov'], check=True)
    color_film(tmp_path/'timed.mov', colorizer=fast)
    assert 'timed.mov: a stream of data was left out' in capsys.readouterr().out

def test_dv_keeps_its_frame_rate_and_shape(tmp_path, fast):
    "A frame rate of 60000 in its header used to stop the encoder."
    frame = Image.linear_gradient('L').resize((720,576)).convert('RGB')
    src = write(tmp_path/'tape.dv', [frame]*3, 25, codec='dvvideo', container='dv', sample_aspect_ratio=Fraction(16, 15))
    to = color_film(src, colorizer=fast)
    with av.open(str(to)) as f: assert (f.streams.video[0].average_rate, f.streams.video[0].sample_aspect_ratio)==(25, Fraction(16, 15))
    assert [t for t,_ in read(to)[0]]==[0, .04, .08]

@pytest.mark.parametrize('suffix,brand,codec,tag', [('.heics','hevc','libx265','hvc1'), ('.avifs','avis','libsvtav1','av01')])
def test_sequences_of_heic_and_avif_are_films(tmp_path, fast, suffix, brand, codec, tag):
    if codec not in av.codecs_available: pytest.skip(f'PyAV without {codec}')
    options = {'x265-params': 'log-level=none'} if codec=='libx265' else {}
    with av.open(str(tmp_path/'x.mp4'), 'w', options={'brand': brand}) as out:
        v = add_video(out, pan(4), 5, codec, options=options)
        v.codec_context.codec_tag = tag
        mux_video(out, v, pan(4))
    b = (tmp_path/'x.mp4').read_bytes()
    assert b[8:12]==brand.encode()
    src = tmp_path/f'burst{suffix}'
    src.write_bytes(b.replace(b'vide', b'pict', 1)) # the handler of a sequence
    to = color_film(src, colorizer=fast)
    assert to.name=='burst-color.mp4' and len(read(to)[0])==4


# options, with values worked out without the package

def first_ab(path): return mean_ab(read(path)[0][2][1])

def flat(n=6, value=119): return [Image.new('RGB', (64,64), (value,)*3) for _ in range(n)]

@pytest.mark.parametrize('saturation', [0., .5, 1., 1.5])
def test_saturation(tmp_path, fast, saturation):
    src = write(tmp_path/'flat.mp4', flat())
    a, b = first_ab(color_film(src, colorizer=fast, saturation=saturation, crf=4)).tolist()
    assert abs(a-20*saturation)<2 and abs(b+10*saturation)<2

class Alternating(torch.nn.Module):
    "Predict a = 0 for the first frame and a = 20 for all others."
    def __init__(self):
        super().__init__()
        self.n = 0
    def forward(self, x):
        y = torch.zeros(len(x), 2, *x.shape[-2:])
        for i in range(len(x)):
            y[i,0] = 20. if self.n else 0.
            self.n += 1
        return y

@pytest.mark.parametrize('steady', [0., .5, .9])
@pytest.mark.parametrize('kind', ['film', 'frames', 'gif', 'command'])
def test_steady_is_the_weight_of_the_past(tmp_path, monkeypatch, steady, kind):
    "In a still scene, the third frame keeps steady^2 of the first frame's color."
    from colorize_nb.infer.film import color_animation, read_frames
    colorizer = Colorizer(Alternating(), LabAB(ab_scale=1.), 32)
    if kind=='frames': third = list(color_frames(flat(), colorizer, steady=steady))[2]
    elif kind=='film': third = read(color_film(write(tmp_path/'f.mp4', flat()), colorizer=colorizer, steady=steady, crf=4))[0][2][1]
    else:
        flat()[0].save(tmp_path/'f.png', save_all=True, append_images=[Image.new('RGB', (64,64), (119+i%2,)*3) for i in range(1,6)])
        if kind=='command':
            from colorize_nb.app.cli import main
            monkeypatch.setattr(Colorizer, 'load', lambda *_,**__: colorizer)
            assert main([str(tmp_path/'f.png'), '--steady', str(steady)])==0
        else: color_animation(tmp_path/'f.png', colorizer=colorizer, steady=steady)
        third = list(read_frames(tmp_path/'f-color.png'))[2]
    assert abs(mean_ab(third)[0]-20*(1-steady**2))<2

class Halves(torch.nn.Module):
    "Predict a very saturated red on the left, and its opposite on the right."
    def forward(self, x):
        y = torch.full((len(x), 2, *x.shape[-2:]), 90.)
        y[...,x.shape[-1]//2:] = -90.
        return y

@pytest.mark.parametrize('option', [dict(upsample='nearest'), dict(gamut='clip')])
def test_frames_are_painted_like_photos(option):
    colorizer, (frame,) = Colorizer(Halves(), LabAB(ab_scale=1.), 32), flat(1)
    [got], plain = color_frames([frame], colorizer, **option), colorizer(frame).image
    assert np.array_equal(got, colorizer(frame, **option).image) and not np.array_equal(got, plain)

def test_size_sets_the_input_size(tmp_path):
    shapes = []
    class Record(torch.nn.Module):
        def forward(self, x):
            shapes.append(tuple(x.shape))
            return torch.zeros(len(x), 2, *x.shape[-2:])
    c = Colorizer(Record(), LabAB(), 32)
    color_film(write(tmp_path/'f.mp4', flat()), colorizer=c, size=96)
    list(color_frames(flat(3), c))
    assert {s[-2] for s in shapes[:-3]}=={96} and {s[-2] for s in shapes[-3:]}=={32}

def test_batch_size_limits_the_frames_read_ahead(fast):
    "A film is never held in memory."
    for bs in (1, 4):
        frames_read = []
        def endless():
            f, = pan(1)
            while True:
                frames_read.append(1)
                yield f
        it = color_frames(endless(), fast, bs=bs)
        for _ in range(6): next(it)
        assert len(frames_read)=={1: 6, 4: 8}[bs]

def test_crf_sets_the_quality(tmp_path, fast):
    rng = np.random.default_rng(0)
    noisy = [Image.fromarray(rng.integers(0, 256, (64,64), dtype=np.uint8)).convert('RGB') for _ in range(4)]
    src = write(tmp_path/'f.mkv', noisy, options={'crf': '0'})
    error, size = {}, {}
    for crf in (4, 40):
        to = color_film(src, tmp_path/f'{crf}.mp4', fast, crf=crf, saturation=0.)
        error[crf] = np.mean([(lightness(a)-lightness(b)).abs().mean() for (_,a),b in zip(read(to)[0], noisy)])
        size[crf] = to.stat().st_size
    assert error[4]<2<8<error[40] and size[40]<.5*size[4]

def test_force_overwrites(tmp_path, fast):
    src = write(tmp_path/'f.mp4', flat(3))
    to = color_film(src, colorizer=fast)
    with pytest.raises(FilmError, match='exists already'): color_film(src, colorizer=fast)
    before = to.read_bytes()
    assert color_film(src, colorizer=fast, force=True, saturation=0.).read_bytes()!=before


# smoothing and metrics

def test_still_scenes_are_steady_and_cuts_reset_the_smoothing(shipped):
    rng = np.random.default_rng(0)
    still = pan(1, (128,96))[0]
    def noisy(): return (np.asarray(still)[...,:1]+8*rng.normal(size=(96,128,1))).clip(0,255).astype(np.uint8)
    grainy = [Image.fromarray(noisy().repeat(3, 2)) for _ in range(10)]
    separate, smooth = (list(color_frames(grainy, shipped, steady=k)) for k in (0, .8))
    assert flicker(smooth)<.6*flicker(separate)
    other = pan(3, (128,96), 'china')
    after_cut = lambda **kw: np.asarray(list(color_frames(grainy+other, shipped, **kw))[10]).astype(int)
    assert np.abs(after_cut()-after_cut(steady=0)).max()==0

def test_moving_parts_get_their_new_color():
    s = TemporalSmoothing(.9)
    L = torch.full((1,1,8,8), 50.)
    s(torch.zeros(1,2,8,8), L)
    moved = L.clone()
    moved[...,:2] = 90
    ab = s(torch.full((1,2,8,8), 20.), moved)
    assert ab[...,:2].min()>19.9 and torch.allclose(ab[...,2:], torch.tensor(2.), atol=1e-4)

def test_smoothing_weights():
    "`sigma` is the standard deviation of a Gaussian, and `cut` is a mean change in lightness."
    L, changed = torch.full((1,1,9,9), 50.), torch.full((1,1,9,9), 50.)
    changed[...,0] = 60
    for sigma in (6., 12.):
        s = TemporalSmoothing(.8, sigma=sigma, cut=99)
        s(torch.zeros(1,2,9,9), L)
        assert torch.allclose(s(torch.ones(1,2,9,9), changed)[...,0], torch.tensor(1-.8*np.exp(-.5*(10/sigma)**2)).float())
    for cut,kept in ((1., 0.), (2., .8)): # the mean change is 10/9
        s = TemporalSmoothing(.8, cut=cut)
        s(torch.zeros(1,2,9,9), L)
        assert torch.allclose(s(torch.ones(1,2,9,9), changed)[...,5], torch.tensor(1-kept))
    with pytest.raises(ValueError, match='steady is 1'): TemporalSmoothing(steady=1.)

def test_flicker_of_a_known_change():
    frames = [Image.new('RGB', (8,8), (119,119,119)), Image.new('RGB', (8,8), (135,115,119))]
    a, b = (rgb2lab(to_tensor(f))[0,:,0,0] for f in frames)
    assert abs((a-b)[0])<2 and abs(flicker(frames)-(a-b)[1:].norm())<1e-4
    assert flicker(frames, still=.01)==0

def test_cdc_matches_its_definition(shipped):
    frames = list(color_frames(pan(7), shipped))
    h = lambda f,c: np.histogram(np.asarray(f)[...,c], 256, (0,256))[0]/f.width/f.height
    js = lambda p,q: .5*entropy(p, (p+q)/2)+.5*entropy(q, (p+q)/2)
    mean = lambda g: np.mean([[js(h(frames[i],c), h(frames[i+g],c)) for c in range(3)] for i in range(7-g)])
    assert abs(cdc(frames)-np.mean([mean(g) for g in (1,2,4)]))<1e-9 and abs(cdc(frames, gaps=(2,))-mean(2))<1e-9 and mean(2)>0


# damaged and missing

@pytest.mark.parametrize('name,content,why', [
    ('no.mp4', None, 'No such file'), ('text.mp4', b'Dear film', 'Invalid data'), ('empty.mp4', b'', 'Invalid data'),
    ('sound.mkv', 'sound', 'no pictures')])
def test_unreadable_films_give_one_line(tmp_path, fast, name, content, why):
    f = tmp_path/name
    if content=='sound':
        with av.open(str(f), 'w') as out: mux_sound(out, out.add_stream('pcm_s16le', rate=16000, layout='mono'))
    elif content is not None: f.write_bytes(content)
    with pytest.raises(FilmError, match=why) as e: color_film(f, colorizer=fast)
    assert '\n' not in str(e.value) and name in str(e.value)
    assert [p.name for p in tmp_path.iterdir()]==([name] if content is not None else [])

def test_only_the_damaged_frame_is_lost(tmp_path, fast, capsys):
    src = write(tmp_path/'cut.avi', pan(10), codec='mjpeg', fmt='yuvj420p')
    b = bytearray(src.read_bytes())
    at = [i for i in range(len(b)) if b[i:i+4]==b'00dc'][4]
    n = int.from_bytes(b[at+4:at+8], 'little')
    b[at+8:at+8+n] = bytes(n) # one frame
    src.write_bytes(b)
    assert len(read(color_film(src, colorizer=fast))[0])==9 and '1 damaged' in capsys.readouterr().out

def test_an_interrupted_job_leaves_no_file(tmp_path, fast, monkeypatch):
    from colorize_nb.infer import film
    src, paint, calls = write(tmp_path/'old.mp4', pan(12)), film.paint, []
    def stop(*a, **k):
        calls.append(1)
        if len(calls)>5: raise KeyboardInterrupt
        return paint(*a, **k)
    monkeypatch.setattr(film, 'paint', stop)
    with pytest.raises(KeyboardInterrupt): color_film(src, colorizer=fast)
    assert [p.name for p in tmp_path.iterdir()]==['old.mp4']

def move_index_to_front(src, to):
    with av.open(str(src)) as film, av.open(str(to), 'w', options={'movflags': 'faststart'}) as out:
        v = out.add_stream_from_template(film.streams.video[0])
        for p in film.demux(video=0):
            if p.dts is not None:
                p.stream = v
                out.mux(p)

@pytest.mark.parametrize('suffix', ['.mp4', '.mkv', '.avi'])
def test_truncated_film(tmp_path, fast, suffix):
    "The frames that exist are colored and kept; the error states how many are missing."
    whole, cut = tmp_path/f'whole{suffix}', tmp_path/f'cut{suffix}'
    write(whole, pan(24), codec='mpeg4' if suffix=='.avi' else 'libx264')
    if suffix=='.mp4': move_index_to_front(whole, whole:=tmp_path/'first.mp4')
    with av.open(str(whole)) as f: starts = sorted(p.pos for p in f.demux(video=0) if p.size and p.pos)
    cut.write_bytes(whole.read_bytes()[:starts[12]+9]) # twelve packets and part of the next one
    with pytest.raises(FilmIncomplete, match=rf'cut{suffix}: the file is truncated, \d+ frame.*cut-color') as e: color_film(cut, colorizer=fast)
    frames, _ = read(tmp_path/f"cut-color{suffix if suffix!='.avi' else '.mp4'}")
    reported = int(str(e.value).split('truncated, ')[1].split()[0])
    assert 0<len(frames)<24 and abs(reported-(24-len(frames)))<=2

def test_dropped_frames_in_an_avi_are_not_missing(tmp_path, fast):
    "Capture programs write empty chunks for frames they dropped."
    src = write(tmp_path/'tape.avi', pan(10), codec='mjpeg', fmt='yuvj420p')
    b = bytearray(src.read_bytes())
    movi, index = b.index(b'movi'), b.index(b'idx1')
    entries = [index+8+16*i for i in range(10)]
    for i in (3, 4): # empty their chunks: the size becomes 0, and a JUNK chunk covers the data
        offset, size = (int.from_bytes(b[entries[i]+k:entries[i]+k+4], 'little') for k in (8, 12))
        at = movi+offset
        assert b[at:at+4]==b'00dc'
        b[at+4:at+8] = bytes(4)
        b[at+8:at+16] = b'JUNK'+(size+size%2-8).to_bytes(4, 'little')
        b[entries[i]+12:entries[i]+16] = bytes(4)
    src.write_bytes(b)
    assert len(read(color_film(src, colorizer=fast))[0])==8

def test_unreadable_frames_are_not_reported_as_an_output_error(tmp_path, fast):
    src = write(tmp_path/'old.mp4', pan())
    with av.open(str(src)) as f: packets = [(p.pos, p.size) for p in f.demux(video=0) if p.size]
    noise = np.random.default_rng(0)
    for name,broken in (('all',packets), ('first',packets[:1])):
        b = bytearray(src.read_bytes())
        for at,size in broken: b[at:at+size] = noise.integers(0, 256, size, dtype=np.uint8).tobytes()
        (tmp_path/f'{name}.mp4').write_bytes(b)
        with pytest.raises(FilmError) as e: color_film(tmp_path/f'{name}.mp4', colorizer=fast)
        assert f'{name}.mp4: ' in str(e.value) and 'can be read' in str(e.value) and 'written' not in str(e.value)
    assert sorted(p.name for p in tmp_path.iterdir())==['all.mp4','first.mp4','old.mp4']

@pytest.mark.skipif(os.name=='nt', reason='Windows has no named pipes')
def test_pipes_are_rejected(tmp_path, fast):
    os.mkfifo(tmp_path/'pipe.mp4')
    with pytest.raises(FilmError, match='a pipe'): color_film(tmp_path/'pipe.mp4', colorizer=fast)

def test_missing_package(monkeypatch):
    monkeypatch.setitem(sys.modules, 'av', None)
    with pytest.raises(ImportError, match='pip install av'): color_film('x.mp4')


# command line

def test_command_colors_films_and_photos(tmp_path, monkeypatch, capsys):
    from colorize_nb.app.cli import main
    monkeypatch.chdir(tmp_path)
    write(tmp_path/'old.mp4', pan(6))
    (tmp_path/'bad.mov').write_bytes(b'Dear film')
    pan(1)[0].save(tmp_path/'one.jpg')
    assert main(['old.mp4', 'bad.mov', 'one.jpg', '-o', 'out'])==1
    assert 'bad.mov' in capsys.readouterr().err
    assert sorted(p.name for p in (tmp_path/'out').iterdir())==['old-color.mp4','one-color.jpg']
    assert len(read(tmp_path/'out/old-color.mp4')[0])==6
    assert main(['old.mp4', '-o', 'out'])==1 and '--force' in capsys.readouterr().err
