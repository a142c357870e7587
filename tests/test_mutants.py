"The list of changes that tests have to notice: each fits the code as it is. Whether it is noticed, `make mutants` says."
import json

import pytest

@pytest.fixture
def listed(root): return json.loads((root/'tools/mutants.json').read_text('utf8'))

def test_every_change_fits_once_and_names_its_tests(root, listed):
    for m in listed:
        text = (root/'colorize_nb'/m['file']).read_text('utf8')
        n = text.count(m['old'])
        assert n==1, f"{m['broken']}: its text stands {n} times in {m['file']}; write it anew in tools/mutants.json"
        assert m['old']!=m['new'] and (root/m['tests']).is_file()
        words = m['only'].split(' or ')
        assert all(w in (root/m['tests']).read_text('utf8') for w in words), f"{m['broken']}: no test is called {m['only']}"

def test_descriptions_differ(listed): assert len({m['broken'] for m in listed})==len(listed)
