"The registry: names, patterns, one loading rule, errors, and warnings."
import math, sys, warnings
import pytest
from colorize_nb.core.registry import Registry
from colorize_nb.core.show import Results

@pytest.fixture
def home(tmp_path, monkeypatch):
    "Write a package with two modules that register two filters when they are imported."
    package = tmp_path/'darkroom'
    (package/'deep').mkdir(parents=True)
    for f in (package/'__init__.py', package/'deep'/'__init__.py'): f.touch()
    use = 'from colorize_nb.core.registry import Registry\nregister = Registry("filter", "darkroom").register\n'
    (package/'plain.py').write_text(use+'@register(source="here")\ndef negative(x):\n    "Swap. And more."\n    return 255-x\n')
    (package/'deep'/'page.py').write_text(use+'@register("brighter_by_*")\ndef brighter(amount, x): return x+int(amount)\n')
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(Registry, '_kinds', {})
    yield 'darkroom'
    for name in [m for m in sys.modules if m.split('.')[0]=='darkroom']: del sys.modules[name]

def test_every_module_of_the_package_is_found(home):
    filters = Registry('filter', home)
    assert filters.list()==['brighter_by_*', 'negative'] and filters.get('negative')(55)==200
    assert filters.facts('negative')==dict(about='Swap', source='here')
    assert list(filters.describe('neg*').rows)==[dict(filter='negative', about='Swap', source='here')]
    assert filters.list(source={'here'})==['negative'] and filters.list('b*', source={'here'})==[]

def test_a_page_added_later_is_found(home, tmp_path):
    filters = Registry('filter', home)
    with pytest.raises(ValueError): filters.get('late')
    tmp_path.joinpath(home, 'new.py').write_text('from colorize_nb.core.registry import Registry\n'
                                        '@Registry("filter", "darkroom").register\ndef late(x): return x\n')
    import importlib
    importlib.invalidate_caches()
    assert filters.get('late')(3)==3

def test_a_pattern_passes_the_rest_of_the_name_as_an_argument(home):
    assert Registry('filter', home).get('brighter_by_20')(1)==21

def test_a_typo_gets_a_suggestion(home):
    with pytest.raises(ValueError, match=r"no filter is called 'negativ'. Did you mean 'negative'\? Known: brighter_by_\*, negative"):
        Registry('filter', home).get('negativ')
    with pytest.raises(ValueError, match='no filter is called None. Known'): Registry('filter', home).get(None)

def test_replacing_another_object_warns_but_running_a_cell_again_does_not(home):
    filters = Registry('filter', home)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        for bonus in (1, 2):
            @filters.register
            def own(x): return x+bonus
    assert filters.get('own')(1)==3
    with pytest.warns(UserWarning, match="the filter 'negative' of darkroom.plain is replaced by 'own' of ") as caught:
        filters.register('negative')(own) # the package isn't loaded yet
    assert caught[0].filename==__file__
    assert filters.remove('negative') is own and 'negative' not in filters._entries

def test_a_notebook_may_define_its_module_again(home, tmp_path):
    "Python compiles a call of an imported module differently where the import is in another cell, as in notebooks."
    tmp_path.joinpath(home, 'calls.py').write_text('from colorize_nb.core.registry import Registry\nimport math\n'
        '@Registry("filter", "darkroom").register\ndef root(x): return math.sqrt(x)\n')
    filters, cell = Registry('filter', home), {'math': math, '__name__': '__main__'}
    filters.list()
    exec('def root(x): return math.sqrt(x)', cell)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        filters.register(cell['root'])
    exec('def root(x, y): return math.sqrt(x+y)', cell)
    cell['root'].__module__ = 'another_notebook'
    with pytest.warns(UserWarning, match="'root' of __main__ is replaced by 'root' of another_notebook"): filters.register(cell['root'])

def test_values_and_classes_can_be_registered_too(home):
    filters = Registry('filter', home)
    class Sepia: "Brown."
    assert filters.register(Sepia) is Sepia and filters.get('Sepia') is Sepia
    table = Results([])
    filters.register('table')(table)
    assert filters.get('table') is table
