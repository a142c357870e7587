"A fixed sample of the trials of `make torture`, and the program that runs them: it notices an error, a hang and a process that dies."
import json, subprocess, sys, time
import pytest

from colorize_nb.app import attacks, torture as T

SAMPLE = {'photos': 300, 'metadata': 150, 'names': 60, 'model headers': 150, 'model bytes': 150, 'films': 8, 'command lines': 4}


@pytest.mark.parametrize('kind', attacks.ATTACKS)
def test_nothing_falls(kind):
    if kind=='films': pytest.importorskip('av')
    found = list(T.trials(kind, SAMPLE[kind]))
    assert [f for f in found if f[1]=='fell']==[] and len(found)==SAMPLE[kind]
    assert max(f[2] for f in found[1:])<T.DEADLINE
    if kind not in ('metadata','films','command lines'): assert {f[1] for f in found}=={'done','refused'}, 'all alike: nothing is tried'

def test_a_number_makes_the_same_trial_again():
    a, b = ([f[:2] for f in T.trials('photos', 20, 5)] for _ in 'ab')
    assert a==b and a[3]==[f[:2] for f in T.trials('photos', 1, 8)][0]

def test_what_falls_is_noticed(monkeypatch):
    monkeypatch.setitem(attacks.ATTACKS, 'photos', lambda rng, d: 1/0)
    [(i, found, _, said)] = T.trials('photos', 1)
    assert found=='fell' and 'ZeroDivisionError' in said

WORKER = """
import sys, time, os
for i in range(int(sys.argv[-1]), 4):
    if i==1 and 'hang' in sys.argv: time.sleep(60)
    if i==1 and 'die' in sys.argv: os.abort()
    print(f'[{i}, "done", 0.1, "", 1000]', flush=True)
"""

@pytest.mark.parametrize('how,said', [('hang','no answer'), ('die','died')])
def test_a_hang_and_a_death_are_falls_and_the_rest_goes_on(monkeypatch, how, said):
    monkeypatch.setattr(T, 'PROGRAM', [sys.executable, '-c', WORKER, how])
    monkeypatch.setattr(T, 'DEADLINE', 1.)
    found = list(T.torture('photos', 4))
    assert [f[0] for f in found]==[0,1,2,3] and [f[1] for f in found]==['done','fell','done','done'] and said in found[1][3]

def test_the_kept_run_is_whole():
    run = json.loads(T.RESULT.read_text('utf8'))
    assert [r['kind'] for r in run['rows']]==list(attacks.ATTACKS)
    assert all(r['tried']==r['done']+r['refused']+r['fell']>=3 for r in run['rows']) and sum(r['tried'] for r in run['rows'])>15_000
    assert T.last_result().rows[0]['tried']==run['rows'][0]['tried']
