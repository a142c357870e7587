"Films: same frames, size, speed and sound; steady where nothing moves; bad files in one line."
import os, subprocess, sys
from fractions import Fraction

import numpy as np, pytest, torch
from PIL import Image
from scipy.stats import entropy

av = pytest.importorskip('av')
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.infer.paint import lightness
from colorize_nb.infer.film import FilmError, FilmIncomplete, TemporalSmoothing, cdc, color_film, color_frames, flicker
from colorize_nb.core.photo import bundled_photos, open_photo


@pytest.fixture(scope='module')
def colorizer():
    c = Colorizer.load('shipped')
    c.size = 96 # the frames are this small, and there are many
    return c

def pan(n=12, size=(96,64), name='flower'):
    photo = open_photo(bundled_photos()[name]).resize((240,160))
    return [photo.crop((20+i, 30, 20+i+size[0], 30+size[1])).convert('L').convert('RGB') for i in range(n)]

def write(path, frames, rate=12, sound=None, codec='libx264', fmt='yuv420p'):
    with av.open(str(path), 'w') as out:
        v = out.add_stream(codec, rate=rate)
        v.width, v.height, v.pix_fmt = *frames[0].size, fmt
        a = out.add_stream(sound, rate=16000, layout='mono') if sound else None
        for f in frames: out.mux(v.encode(av.VideoFrame.from_image(f)))
        out.mux(v.encode())
        if a:
            wave = (np.sin(np.arange(16000)*.2)*9000).astype(np.int16)[None]
            s = av.AudioFrame.from_ndarray(wave, format='s16', layout='mono')
            s.sample_rate = 16000
            out.mux(a.encode(s))
            out.mux(a.encode())
    return path

def facts(path):
    with av.open(str(path)) as f:
        frames = [(round(float(x.pts*x.time_base), 4), x.to_image()) for x in f.decode(video=0)]
    with av.open(str(path)) as f: sound = [bytes(p) for p in f.demux(audio=0) if p.size] if f.streams.audio else None
    return frames, sound


def test_frames_times_size_and_sound_stay(tmp_path, colorizer):
    src = write(tmp_path/'old.mp4', pan(), Fraction(24000, 1001), 'aac')
    to = color_film(src, colorizer=colorizer, bs=5)
    assert to==tmp_path/'old-color.mp4'
    (was, heard), (now, hears) = facts(src), facts(to)
    assert [t for t,_ in was]==[t for t,_ in now] and hears==heard and heard
    assert all(a.size==b.size for (_,a),(_,b) in zip(was, now))
    assert max((lightness(a)-lightness(b)).abs().mean() for (_,a),(_,b) in zip(was, now))<3
    assert np.asarray(now[5][1]).std(2).mean()>2 # it has colour
    with av.open(str(to)) as f: assert 'predicted' in f.metadata['comment'].lower()

def test_colours_come_back_from_the_file(tmp_path, colorizer):
    "What is written is what `color_frames` gave, but for compression: the matrix of RGB to YUV fits its tag."
    frames = pan(6)
    src = write(tmp_path/'a.mkv', frames)
    with av.open(str(src)) as f: seen = [x.to_image() for x in f.decode(video=0)]
    want = list(color_frames(seen, colorizer, saturation=3))
    to = color_film(src, colorizer=colorizer, saturation=3, crf=4)
    with av.open(str(to)) as f:
        got = [x.reformat(format='rgb24', src_colorspace='ITU709').to_ndarray() for x in f.decode(video=0)]
        assert f.streams.video[0].codec_context.colorspace==1
    assert max(abs(np.asarray(w).astype(int)-g).mean() for w,g in zip(want, got))<3

def test_a_film_on_its_side_comes_out_upright(tmp_path, colorizer):
    src = write(tmp_path/'phone.mp4', pan(4))
    b = bytearray(src.read_bytes())
    at = b.index(b'tkhd')+44 # the matrix of the track: 16.16 fixed point; version 0 box
    one = (1<<16).to_bytes(4, 'big')
    assert b[at:at+4]==one
    b[at:at+20] = bytes(4)+one+bytes(4)+(-(1<<16)).to_bytes(4, 'big', signed=True)+bytes(4) # turned clockwise to be shown
    src.write_bytes(b)
    with av.open(str(src)) as f:
        raw = next(f.decode(video=0))
        lying = raw.to_image()
    assert abs(raw.rotation)==90
    (_, up), *_ = facts(color_film(src, colorizer=colorizer))[0]
    assert up.size==(64,96)
    want = lightness(lying.transpose(Image.Transpose.ROTATE_270))
    assert (lightness(up)-want).abs().mean()<4

def test_odd_sizes_and_other_kinds(tmp_path, colorizer):
    src = write(tmp_path/'odd.avi', pan(3, (75,51)), codec='mjpeg', fmt='yuvj444p')
    (_, img), *_ = facts(color_film(src, colorizer=colorizer))[0]
    assert img.size==(76,52) and (tmp_path/'odd-color.mp4').exists()

def test_sound_that_does_not_fit(tmp_path, colorizer):
    src = write(tmp_path/'pcm.avi', pan(3), sound='pcm_u8')
    with pytest.raises(FilmError, match=r'pcm_u8.*\.mkv takes it'): color_film(src, colorizer=colorizer)
    assert facts(color_film(src, tmp_path/'pcm.mkv', colorizer))[1]==facts(src)[1]
    assert sorted(p.name for p in tmp_path.iterdir())==['pcm.avi','pcm.mkv']

def test_a_frame_is_drawn_only_when_asked_for(colorizer):
    "A film is never held in memory: at most one batch is read ahead."
    read = []
    def endless():
        f, = pan(1)
        while True:
            read.append(1)
            yield f
    it = color_frames(endless(), colorizer, bs=4)
    for _ in range(6): next(it)
    assert len(read)==8

def test_still_scenes_are_steady_and_cuts_are_cuts(colorizer):
    rng = np.random.default_rng(0)
    still = pan(1, (128,96))[0]
    def noisy(): return (np.asarray(still)[...,:1]+8*rng.normal(size=(96,128,1))).clip(0,255).astype(np.uint8)
    grainy = [Image.fromarray(noisy().repeat(3, 2)) for _ in range(10)]
    alone, held = (list(color_frames(grainy, colorizer, steady=k)) for k in (0, .8))
    assert flicker(held)<.6*flicker(alone)
    other = pan(3, (128,96), 'china')
    first = lambda fs: np.asarray(fs[10]).astype(int)
    assert np.abs(first(list(color_frames(grainy+other, colorizer)))-first(list(color_frames(grainy+other, colorizer, steady=0)))).max()==0

def test_what_moves_takes_its_new_colour():
    s = TemporalSmoothing(.9)
    L = torch.full((1,1,8,8), 50.)
    s(torch.zeros(1,2,8,8), L)
    moved = L.clone()
    moved[...,:2] = 90
    ab = s(torch.full((1,2,8,8), 20.), moved)
    assert ab[...,:2].min()>19.9 and torch.allclose(ab[...,2:], torch.tensor(2.), atol=1e-4)

def test_cdc_is_the_definition():
    frames = list(color_frames(pan(7)))
    h = lambda f,c: np.histogram(np.asarray(f)[...,c], 256, (0,256))[0]/f.width/f.height
    js = lambda p,q: .5*entropy(p, (p+q)/2)+.5*entropy(q, (p+q)/2)
    want = np.mean([np.mean([[js(h(frames[i],c), h(frames[i+g],c)) for c in range(3)] for i in range(7-g)]) for g in (1,2,4)])
    assert abs(cdc(frames)-want)<1e-9 and want>0

@pytest.mark.parametrize('name,make,why', [
    ('no.mp4', None, 'No such file'),
    ('text.mp4', b'Dear film', 'Invalid data'),
    ('empty.mp4', b'', 'Invalid data'),
    ('sound.mkv', 'sound', 'no pictures')])
def test_bad_films_in_one_line(tmp_path, colorizer, name, make, why):
    f = tmp_path/name
    if make=='sound':
        with av.open(str(f), 'w') as out:
            a = out.add_stream('pcm_s16le', rate=16000, layout='mono')
            s = av.AudioFrame.from_ndarray(np.zeros((1,1600), np.int16), format='s16', layout='mono')
            s.sample_rate = 16000
            out.mux(a.encode(s))
    elif make is not None: f.write_bytes(make)
    with pytest.raises(FilmError, match=why) as e: color_film(f, colorizer=colorizer)
    assert '\n' not in str(e.value) and name in str(e.value)
    assert [p.name for p in tmp_path.iterdir()]==([name] if make is not None else [])

def test_a_title_in_another_encoding_is_no_reason_to_refuse(tmp_path, colorizer):
    src = tmp_path/'old.mp4'
    with av.open(str(src), 'w') as out:
        out.metadata['title'] = 'Grossvater 1931'
        v = out.add_stream('libx264', rate=12)
        v.width, v.height, v.pix_fmt = 96, 64, 'yuv420p'
        for f in pan(4): out.mux(v.encode(av.VideoFrame.from_image(f)))
        out.mux(v.encode())
    content = src.read_bytes()
    assert content.count(b'Grossvater')==1
    src.write_bytes(content.replace(b'Grossvater', 'Großvater '.encode('latin1')))
    assert len(facts(color_film(src, colorizer=colorizer))[0])==4

def test_damage_in_the_middle_costs_only_itself(tmp_path, colorizer, capsys):
    src = write(tmp_path/'cut.avi', pan(10), codec='mjpeg', fmt='yuvj420p')
    b = bytearray(src.read_bytes())
    at = [i for i in range(len(b)) if b[i:i+4]==b'00dc'][4]
    n = int.from_bytes(b[at+4:at+8], 'little')
    b[at+8:at+8+n] = bytes(n) # one picture
    src.write_bytes(b)
    frames, _ = facts(color_film(src, colorizer=colorizer))
    assert len(frames)==9 and '1 damaged' in capsys.readouterr().out

def test_stopped_half_way_leaves_nothing(tmp_path, colorizer, monkeypatch):
    src = write(tmp_path/'old.mp4', pan(12))
    n = []
    def stop(*a, **k):
        n.append(1)
        if len(n)>5: raise KeyboardInterrupt
        return paint(*a, **k)
    from colorize_nb.infer import film
    paint = film.paint
    monkeypatch.setattr(film, 'paint', stop)
    with pytest.raises(KeyboardInterrupt): color_film(src, colorizer=colorizer)
    assert [p.name for p in tmp_path.iterdir()]==['old.mp4']

def test_without_av(monkeypatch):
    monkeypatch.setitem(sys.modules, 'av', None)
    with pytest.raises(ImportError, match='pip install av'): color_film('x.mp4')

def test_the_command_line_takes_films_and_photos(tmp_path):
    write(tmp_path/'old.mp4', pan(6))
    (tmp_path/'bad.mov').write_bytes(b'Dear film')
    pan(1)[0].save(tmp_path/'one.jpg')
    command = [sys.executable, '-W', 'ignore', '-c', 'import sys; from colorize_nb.app.cli import main; sys.exit(main())']
    env = {**os.environ, 'OMP_NUM_THREADS': '1'}
    run = lambda *a: subprocess.run([*command, *a], cwd=tmp_path, capture_output=True, text=True, env=env)
    got = run('old.mp4', 'bad.mov', 'one.jpg', '-o', 'out')
    assert got.returncode==1 and '2 coloured, 1 not' in got.stdout and 'bad.mov' in got.stderr and 'Traceback' not in got.stderr
    assert sorted(p.name for p in (tmp_path/'out').iterdir())==['old-color.mp4','one-color.jpg']
    assert len(facts(tmp_path/'out/old-color.mp4')[0])==6
    again = run('old.mp4', '-o', 'out')
    assert again.returncode==1 and '--force' in again.stderr

def test_films_do_not_take_each_others_place(tmp_path):
    from colorize_nb.app.album import plan
    for n in ('a.mp4','a.avi','b.webm','c.mov','c.jpg'): (tmp_path/n).write_bytes(b'')
    p = plan([tmp_path/n for n in ('a.mp4','a.avi','b.webm','c.mov','c.jpg')], force=True)
    jobs, bad = p.jobs, p.bad
    assert [to.name for _,to in jobs]==['a-color.mp4','b-color.mp4','c-color.mov','c-color.jpg']
    assert len(bad)==1 and 'a.avi' in bad[0] and 'take the place' in bad[0]

def test_a_film_that_was_cut_says_so(tmp_path, colorizer):
    "What was there is coloured and kept; how much is missing is counted and said."
    whole = write(tmp_path/'whole.mp4', pan(24))
    with av.open(str(whole)) as src, av.open(str(tmp_path/'first.mp4'), 'w', options={'movflags': 'faststart'}) as out: # the index in front
        v = out.add_stream_from_template(src.streams.video[0])
        for p in src.demux(video=0):
            if p.dts is not None:
                p.stream = v
                out.mux(p)
    with av.open(str(tmp_path/'first.mp4')) as src: places = sorted(p.pos for p in src.demux(video=0) if p.pos)
    (tmp_path/'cut.mp4').write_bytes((tmp_path/'first.mp4').read_bytes()[:places[12]+1]) # twelve packets, and a byte of the next
    with pytest.raises(FilmIncomplete, match=r'cut.mp4: \d+ frames are missing.*cut-color.mp4') as e:
        color_film(tmp_path/'cut.mp4', colorizer=colorizer)
    frames, _ = facts(tmp_path/'cut-color.mp4')
    said = int(str(e.value).split(': ')[1].split()[0])
    assert 0<len(frames)<24 and abs(said-(24-len(frames)))<=1

def test_a_film_without_a_readable_frame_was_not_read(tmp_path, colorizer):
    "What cannot be decoded is no trouble of the place written to; nothing is left there."
    src = write(tmp_path/'old.mp4', pan())
    with av.open(str(src)) as f: packets = [(p.pos, p.size) for p in f.demux(video=0) if p.size]
    noise = np.random.default_rng(0)
    for name,broken in (('all',packets), ('first',packets[:1])):
        b = bytearray(src.read_bytes())
        for at,size in broken: b[at:at+size] = noise.integers(0, 256, size, dtype=np.uint8).tobytes()
        (tmp_path/f'{name}.mp4').write_bytes(b)
        with pytest.raises(FilmError) as e: color_film(tmp_path/f'{name}.mp4', colorizer=colorizer)
        assert f'{name}.mp4: ' in str(e.value) and 'can be read' in str(e.value) and 'written' not in str(e.value)
    assert sorted(p.name for p in tmp_path.iterdir())==['all.mp4','first.mp4','old.mp4']

def test_a_pipe_is_refused_at_once(tmp_path, colorizer):
    os.mkfifo(tmp_path/'pipe.mp4')
    with pytest.raises(FilmError, match='a pipe'): color_film(tmp_path/'pipe.mp4', colorizer=colorizer)
