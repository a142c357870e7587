"Files are always written completely, and strange names are displayed as plain text in grids, tables, and pages."
import html.parser, os, re, subprocess, sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from colorize_nb.core.files import whole_file
from colorize_nb.core.show import image_grid, show_photos
from colorize_nb.core.show import Results
from colorize_nb.core.show import wipe, wipe_page

FLAT = Image.new('RGB', (32,24), (200,30,30))
# Names that a file may have
NAMES = ['<img src=x onerror=alert(1)>.png', '"onmouseover="alert(1)', "'><script>alert(1)</script>",
         'a|b.jpg', '$\\frac$', 'two\nlines', '&lt;', 'bytes \udcff.jpg', '`x`']


def test_threads_that_save_under_one_name_leave_complete_files(tmp_path):
    size = 200_000
    def save(i):
        with whole_file(tmp_path/f'{i//8}.bin') as part:
            with open(part, 'wb') as f:
                for _ in range(20): f.write(bytes([i%8])*(size//20))
    with ThreadPoolExecutor(8) as pool: list(pool.map(save, range(8*25))) # 25 names, with 8 writers for each
    for f in tmp_path.iterdir():
        b = f.read_bytes()
        assert len(b)==size and len(set(b))==1, f.name
    assert len(list(tmp_path.iterdir()))==25

CODE = """
import sys
from PIL import Image
from colorize_nb.core.photo import PhotoError, save_photo
print('ready', flush=True)
input()
done = 0
for i in range(20):
    try: save_photo(Image.new('RGB', (300,300), (i,0,0)), f'{sys.argv[1]}/{i}.png'); done += 1
    except PhotoError as e: assert 'already exists' in str(e), e
print(done)
"""

def test_two_runs_that_may_not_overwrite_write_each_file_once(tmp_path):
    command = [sys.executable, '-c', CODE, str(tmp_path)]
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    runs = [subprocess.Popen(command, **pipes) for _ in range(2)]
    assert [r.stdout.readline() for r in runs]==['ready\n']*2
    for r in runs:
        r.stdin.write('go\n')
        r.stdin.flush()
    out = [r.communicate() for r in runs]
    assert [r.returncode for r in runs]==[0,0], out
    assert sum(int(o) for o,_ in out)==20 and len(list(tmp_path.iterdir()))==20

def test_a_file_that_appears_while_writing_is_not_overwritten(tmp_path):
    with pytest.raises(FileExistsError):
        with whole_file(tmp_path/'a', overwrite=False) as part:
            part.write_text('late')
            (tmp_path/'a').write_text('early')
    assert (tmp_path/'a').read_text()=='early' and os.listdir(tmp_path)==['a']

def test_the_content_is_written_before_the_name(tmp_path, monkeypatch):
    order, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, 'fsync', lambda fd: (order.append('fsync'), fsync(fd)))
    monkeypatch.setattr(os, 'replace', lambda *a: (order.append('replace'), replace(*a)))
    with whole_file(tmp_path/'a') as part: part.write_text('x')
    assert order[:2]==['fsync','replace'] and (os.name=='nt' or order==['fsync','replace','fsync'])

def test_a_long_name_can_be_written(tmp_path):
    with whole_file(tmp_path/('é'*125)) as part: part.write_text('x')
    assert len(os.listdir(tmp_path))==1


class Tags(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.seen, self.attrs = set(), set()
        self.feed(text)
    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        self.attrs |= {k for k,_ in attrs}

@pytest.mark.parametrize('name', NAMES, ids=ascii)
def test_names_are_displayed_as_text(name, tmp_path):
    table = Results([{name: name, ('group '+name, name): 1.}, {name: 'x'}], note=name, best={'group '+name: max})
    found = Tags(table._repr_html_())
    assert found.seen<={'table','thead','tbody','tr','th','td','p'} and found.attrs<={'class','colspan','style'}
    lines = table.to_markdown().split('\n')
    assert len(lines)==6 and all(len(re.findall(r'(?<!\\)\|', l))==3 for l in lines[:4]) and not re.search('<[a-z/]', table.to_markdown())
    figure = wipe(name, {name: FLAT, 'b'+name: FLAT}, note=name, badge=name)
    page = wipe_page(tmp_path/'p.html', [figure], [name, 'b'+name], name)
    found = Tags(page.read_text('utf8'))
    assert 'onerror' not in found.attrs and 'onmouseover' not in found.attrs
    assert Tags(figure).seen=={'figure','div','img','span','figcaption','b','i'}
    assert page.read_text('utf8').count('<script>')==1
    assert image_grid([FLAT, FLAT], [name, name]).size==(70, 46)
    fig = show_photos([FLAT], [name], size=.5)
    fig.canvas.draw()

def test_too_few_pictures_give_a_readable_error():
    with pytest.raises(ValueError, match='pictures is empty'): image_grid([])
    with pytest.raises(ValueError, match="pictures has only \\['gray'\\]"): wipe('x', dict(gray=FLAT))

def test_a_page_runs_only_its_own_script(tmp_path):
    page = wipe_page(tmp_path/'p.html', [wipe('x', {'a': FLAT, 'b': FLAT})], ['b'], 't').read_text('utf8')
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1]
    assert "script-src 'sha256-" in policy and 'unsafe-inline' not in policy.split('script-src')[1]
