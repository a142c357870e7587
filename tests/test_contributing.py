"Each diff in CONTRIBUTING.md applies to the library, and the code below it runs."
import importlib.util, linecache, re, sys, warnings
from pathlib import Path
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT/'tools'))
import house

STEP = r'## (Add [^\n]+)\n.*?```diff\n--- (\S+)\n(.*?)```\n\n```python\n(.*?)```'
STEPS = re.findall(STEP, (ROOT/'CONTRIBUTING.md').read_text('utf8'), re.S)

def applied(source, diff):
    "Return `source` with the lines that `diff` adds, after the context line above them or before the function that they start with."
    lines, before, at = source.splitlines(), [], None
    for l in diff.splitlines():
        if l.startswith('+') and at is None: before.append(l[1:])
        elif l.startswith('+'): lines.insert(at := at+1, l[1:])
        else:
            assert lines.count(l[1:])==1, f'the library does not have this line: {l[1:]}'
            at = lines.index(l[1:])
            start = max(i for i in range(at) if lines[i].startswith('def '))
            lines[start:start], at, before = before, at+len(before), []
    return '\n'.join(lines+before)

def test_every_way_to_add_something_has_an_example():
    assert [title.split()[-1] for title,*_ in STEPS]==['loss','codec','encoder','paper','widget','option']
    assert '## Add a tutorial' in (ROOT/'CONTRIBUTING.md').read_text('utf8')

@pytest.fixture
def registries():
    "Remove what a copy of a module registers."
    from colorize_nb.core.registry import Registry
    before = {kind: dict(entries) for kind,entries in Registry._kinds.items()}
    yield
    for kind,entries in Registry._kinds.items():
        entries.clear()
        entries.update(before.get(kind, {}))

@pytest.mark.parametrize('title,page,diff,holds', STEPS, ids=[t for t,*_ in STEPS])
def test_the_diff_works(registries, title, page, diff, holds):
    name = f'colorize_nb.{house.module(ROOT/page)}'
    found = importlib.util.find_spec(name)
    assert found or title=='Add a widget', f'the library has no page {page}'
    space = {'__name__': name, '__package__': name.rpartition('.')[0]}
    with warnings.catch_warnings():
        warnings.simplefilter('ignore') # the copy registers the same names again
        source = applied(Path(found.origin).read_text('utf8') if found else '', diff)
        linecache.cache[page] = len(source), None, source.splitlines(True), page # for `docments`
        exec(compile(source, page, 'exec'), space)
        exec(holds, space)


def test_hidden_cells_are_collapsed():
    from collapse import collapse
    def cell(source, **metadata): return dict(cell_type='code', source=source, metadata=metadata, outputs=[])
    nb = dict(cells=[cell('#| hide\nx = 1'), cell('#| code-fold: true\nx'), cell('x'), cell('y', jupyter=dict(source_hidden=True))])
    assert collapse(nb) and [c['metadata'] for c in nb['cells']]==[{'jupyter': {'source_hidden': True}}]*2+[{}, {}]
    assert not collapse(nb)
