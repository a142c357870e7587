"The planted bugs of `make mutants` still fit the code. `make mutants` checks whether the tests catch them."
import json

import pytest

@pytest.fixture
def mutants(root): return json.loads((root/'tests/mutants.json').read_text('utf8'))

def test_every_planted_bug_fits_and_selects_a_test(root, mutants):
    for m in mutants:
        n = (root/'colorize_nb'/m['file']).read_text('utf8').count(m['old'])
        assert n==1, f"{m['broken']}: its text occurs {n} times in {m['file']}; update or delete the entry in tests/mutants.json"
        assert m['old']!=m['new'] and (root/m['tests']).is_file()
        tests = (root/m['tests']).read_text('utf8')
        assert all(word in tests for word in m['only'].split(' or ')), f"{m['broken']}: no test matches {m['only']}; leave it empty to run all"

def test_descriptions_differ(mutants): assert len({m['broken'] for m in mutants})==len(mutants)
