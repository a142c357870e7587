"CONTRIBUTING.md: each diff fits the library as it is, and what is said of it holds."
import importlib.util, re, sys, warnings
from pathlib import Path
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT/'tools'))
import house

STEP = r'## (Add [^\n]+)\n.*?```diff\n--- (\S+)\n(.*?)```\n\n```python\n(.*?)```'
STEPS = re.findall(STEP, (ROOT/'CONTRIBUTING.md').read_text('utf8'), re.S)

def applied(source, diff):
    "`source` with the lines of `diff`: those after a line of context stand under it, those before the first at the place of its function."
    lines, before, at = source.splitlines(), [], None
    for l in diff.splitlines():
        if l.startswith('+') and at is None: before.append(l[1:])
        elif l.startswith('+'): lines.insert(at := at+1, l[1:])
        else:
            assert lines.count(l[1:])==1, f'the library has no such line: {l[1:]}'
            at = lines.index(l[1:])
            start = max(i for i in range(at) if lines[i].startswith('def '))
            lines[start:start], at, before = before, at+len(before), []
    return '\n'.join(lines+before)

def test_four_ways_to_add():
    assert [title.split()[-1] for title,*_ in STEPS]==['loss','codec','encoder','widget']

@pytest.mark.parametrize('title,page,diff,holds', STEPS, ids=[t for t,*_ in STEPS])
def test_the_diff_works(title, page, diff, holds):
    name = f'colorize_nb.{house.module(ROOT/page)}'
    found = importlib.util.find_spec(name)
    assert found or title=='Add a widget', f'{page} is not a page of the library'
    space = {'__name__': name, '__package__': name.rpartition('.')[0]}
    with warnings.catch_warnings():
        warnings.simplefilter('ignore') # the copy of a module registers its names again
        exec(applied(Path(found.origin).read_text('utf8') if found else '', diff), space)
        exec(holds, space)
