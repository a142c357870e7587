"The colorization Turing test without a browser: protocol, file, resuming, and scores compared with numbers worked out by hand."
import csv, threading
import numpy as np, pytest

from colorize_nb.core.photo import bundled_photos
from colorize_nb.widgets.turing import FIELDS, turing_test
from colorize_nb.widgets.turing import exact_interval, fooled, plan

def make(tmp_path, **kw):
    photos = {k: bundled_photos()[k] for k in ('coffee','chelsea','china')}
    return turing_test('shipped', photos, out=tmp_path/'a.csv', **{'n': 10, 'practice': 2, 'side': 64, **kw})
def rows(tmp_path):
    with open(tmp_path/'a.csv', newline='') as f: return list(csv.DictReader(f))


def test_plan_matches_zhang():
    t = plan([f'{i}' for i in range(200)], ['m'], n=40, practice=10, seed=3)
    kinds = [o['kind'] for o in t]
    assert len(t)==50 and kinds[:10]==['practice']*10 and kinds.count('check')==4 and {o['fake'] for o in t}=={'left','right'}
    assert len({o['photo'] for o in t})>=49 and all(o['other'] and o['other']!=o['photo'] for o in t if o['kind']=='check')
    sides = [o['fake'] for s in range(40) for o in plan(['a','b'], ['m'], seed=s)]
    assert .45 < np.mean([s=='left' for s in sides]) < .55

def test_pairs_are_a_photo_and_its_prediction(tmp_path):
    w = make(tmp_path)
    for _ in range(len(w.trials)):
        t, pair = w.trials[w.at], w.pair()
        true, fake = (pair[1], pair[0]) if t['fake']=='left' else pair
        assert true.size==fake.size==(64,64) and not np.array_equal(np.asarray(true), np.asarray(fake))
        if t['kind']!='check': assert np.array_equal(np.asarray(fake), np.asarray(w.pictures.models['shipped'](true).image))
        w.begin(timer=False).hide().answer('left', timer=False)
    assert w.done

def test_answers_count_only_after_the_pair_is_hidden(tmp_path):
    w = make(tmp_path)
    w.left.click()
    assert w.left.disabled and w.rows==[]
    w.begin(timer=False)
    seen = np.asarray(w.image).std()
    assert w.left.disabled and w.go.disabled
    w.answer('left')
    assert w.rows==[], 'answers are ignored while the pair is visible'
    w.hide()
    assert not w.left.disabled and np.asarray(w.image)[30:].std() < seen, 'the pair is hidden'

def test_pairs_are_shown_for_the_given_time(tmp_path, monkeypatch):
    timers = []
    class HeldTimer:
        "A timer that never runs by itself."
        def __init__(self, seconds, function): timers.append((seconds, function))
        def start(self): pass
    monkeypatch.setattr(threading, 'Timer', HeldTimer)
    w = make(tmp_path, seconds=.3)
    w.go.click()
    [(seconds, ended)] = timers
    assert seconds==.3 and w.phase=='look'
    ended()
    assert w.phase=='ask'

def test_feedback_only_in_practice(tmp_path):
    w = make(tmp_path)
    w.begin(timer=False)
    for i in range(4):
        w.hide()
        w.answer(w.trials[w.at]['fake'], timer=False)
        assert bool(w.feedback)==(i<2)

def test_every_answer_is_saved_and_a_session_resumes(tmp_path):
    w = make(tmp_path)
    w.begin(timer=False)
    for i in range(5):
        w.hide()
        w.answer('left', timer=False)
        assert len(rows(tmp_path))==i+1
    again = make(tmp_path)
    assert again.at==5 and '5 are already answered' in again.says.value
    assert make(tmp_path, seed=9).at==0, 'another seed starts a new session'
    again.begin(timer=False)
    while not again.done:
        again.hide()
        again.answer('right', timer=False)
    assert again.phase=='done' and 'fooled' in again.says.value and list(rows(tmp_path)[0])==FIELDS and len(rows(tmp_path))==12

def test_score_by_hand():
    r = [dict(kind='test', model='m', fake='left', fooled=str(int(i<8))) for i in range(32)]
    r += [dict(kind='practice', model='m', fake='left', fooled='1')]*9
    r += [dict(kind='check', model='another photo', fake='left', fooled=str(int(i<3))) for i in range(4)]
    s = fooled(r)
    [row] = s.rows
    assert row['shown']==32 and row['fooled']=='25.0%'
    assert float(row['standard error'][:-1])==pytest.approx(100*(.25*.75/32)**.5, abs=.6), 'the standard error of a proportion'
    lo, hi = (int(v.rstrip('%')) for v in row['95% interval'].split(' to '))
    assert lo in range(7,15) and hi in range(37,45) and 'caught: 1 of 4' in s.note and 'look' in s.note

def test_invalid_photos_and_files_raise_errors(tmp_path):
    with pytest.raises(ValueError, match='at least two'): turing_test('shipped', [bundled_photos()['coffee']], out=tmp_path/'a.csv')
    (tmp_path/'a.csv').write_text('x,y\n1,2\n')
    with pytest.raises(ValueError, match='a.csv'): make(tmp_path)

def test_interval_matches_clopper_pearson():
    "From tables: 0 of 6 is 0 to 45.9%, and 8 of 32 is 11.5 to 43.4%. The intervals also have their nominal coverage."
    from scipy.stats import binom
    assert exact_interval(0, 6)==pytest.approx((0, .4593), abs=1e-4) and exact_interval(8, 32)==pytest.approx((.1146, .4340), abs=1e-4)
    for p in (.02, .3, .5): assert sum(binom.pmf(k, 20, p) for k in range(21) if exact_interval(k, 20)[0]<=p<=exact_interval(k, 20)[1])>=.95

def test_interval_when_nobody_is_fooled():
    [row] = fooled([dict(kind='test', model='m', fake='left', fooled='0')]*6).rows
    assert row['fooled']=='0.0%' and row['95% interval']=='0% to 46%'

@pytest.mark.parametrize('seed', range(5))
def test_sides_are_balanced(seed):
    for models in (['m'], ['a','b']):
        t = [o for o in plan([f'{i}' for i in range(60)], models, n=40, seed=seed) if o['kind']=='test']
        for m in models:
            left = [o['fake']=='left' for o in t if o['model']==m]
            assert abs(2*sum(left)-len(left))<=1

def test_pairs_are_listed_at_the_end(tmp_path):
    w = make(tmp_path, n=4)
    w.begin(timer=False)
    while not w.done: w.hide().answer('left', timer=False)
    listed = w.answered().rows
    assert [r['trial'] for r in listed]==['2','3','4','5'] and {r['verdict'] for r in listed}=={'correct','fooled'}
    assert all(r['photo'] in w.says.value for r in listed) and w.image.size==w.overview().size
    again = make(tmp_path, n=4)
    assert again.done and again.answered().rows==listed, 'the list is the same after reopening'

def test_one_picture_at_a_time_as_in_stanford(tmp_path):
    w = make(tmp_path, n=6, practice=0, one_picture=True)
    assert sum(t['fake']=='yes' for t in w.trials)==3 and {t['kind'] for t in w.trials}=={'test'}
    w.begin(timer=False)
    assert len(w.pair())==1 and 'one_picture=True' in w.code()
    while not w.done: w.hide().answer('no', timer=False)
    [row] = w.results().rows
    assert (row['shown'], row['fooled'])==(3, '100.0%') and 'real photos taken for colorized: 0 of 3' in w.results().note
    skeptic = make(tmp_path, n=6, practice=0, one_picture=True, seed=1).begin(timer=False)
    while not skeptic.done: skeptic.hide().answer('yes', timer=False)
    assert skeptic.results().rows[0]['fooled']=='0.0%' and '3 of 3' in skeptic.results().note
