"The comparison of recipes on a tiny scale: training, metrics, resuming, tables, and the papers' numbers."
import json
import sys

import pytest
import torch

from colorize_nb.data.folder import crop_photos
from colorize_nb.core.photo import find_photos
from colorize_nb.color.metrics import gray_baseline, mse_ab
from colorize_nb.color.space import rgb2lab
from lab import compare_recipes, paper_numbers
from lab.comparison import compare_durations, overfitting_table, plot_ranking, results_table
from lab.comparison import paper_numbers as paper_table

pytestmark = pytest.mark.slow # trains several recipes

BOTH = 'fordham_vgg16', 'indiana_unet' # with a frozen encoder, and without one


@pytest.fixture(scope='module')
def compared(tmp_path_factory):
    "Return the folder with photos, weights, and results, and a function that runs the command again."
    home = tmp_path_factory.mktemp('compared')
    for name in ('few','held'): crop_photos(home/name, 12, 80)
    argv = ['', str(home), '--packs', 'few', '--eval', str(home/'held'), '--n-eval', '3', '--cached', '4', '--minutes', '.02',
            '--device', 'cpu', '--recipes', *BOTH, '--out', str(home/'out'), '--results', str(home/'results')]
    def again():
        with pytest.MonkeyPatch.context() as m:
            m.setattr(sys, 'argv', argv)
            compare_recipes.main(compare_recipes.arguments())
    again()
    return home, again

def row(home, name): return json.loads((home/f'results/{name}.json').read_text())


def test_recipes_and_baselines_measure_every_photo(compared):
    home, _ = compared
    for name in (*BOTH, 'gray', 'mean_color', 'photo'):
        r = row(home, name)
        assert len(r['per photo'])==r['photos']==3 and (home/f'results/{name}.jpg').exists(), name
        means = torch.tensor([p[1:] for p in r['per photo']]).double().mean(0)
        assert torch.allclose(means, torch.tensor([r[k] for k in ('CIEDE2000','colorfulness','L2 of ab','MAE of ab')]).double(), atol=.01)
    assert row(home, 'photo')['CIEDE2000']==0<row(home, 'gray')['CIEDE2000']

def test_encoder_weights_and_own_lightness_are_recorded(compared):
    home, _ = compared
    vgg, rgb = (row(home, n) for n in BOTH)
    assert vgg['encoder']=='random' and rgb['encoder'] is None and vgg['steps']>0<rgb['steps']
    assert rgb['with its own lightness']['CIEDE2000']!=rgb['CIEDE2000'] and 'with its own lightness' not in vgg

def test_finished_recipes_are_not_trained_again(compared, monkeypatch):
    home, again = compared
    monkeypatch.setattr(compare_recipes, 'train', lambda *a: pytest.fail('trained again'))
    again()
    r = row(home, 'indiana_unet')
    (home/'results/indiana_unet.json').write_text(json.dumps({**r, 'minutes': 99}))
    with pytest.raises(pytest.fail.Exception, match='trained again'): again()
    (home/'results/indiana_unet.json').write_text(json.dumps(r))

def test_fitting_one_batch_happens_once(compared, monkeypatch):
    home, again = compared
    r = row(home, 'indiana_unet')
    monkeypatch.setattr(compare_recipes, 'overfit_one_batch', lambda *a, **k: pytest.fail('learned again'))
    (home/'results/indiana_unet.json').write_text(json.dumps({**r, 'minutes': 99, compare_recipes.FEW: 77}))
    again()
    assert (row(home, 'indiana_unet')['minutes'], row(home, 'indiana_unet')[compare_recipes.FEW])==(.02, 77)
    (home/'results/indiana_unet.json').write_text(json.dumps({**r, 'minutes': 99, 'version': '0'}))
    with pytest.raises(pytest.fail.Exception, match='learned again'): again()
    (home/'results/indiana_unet.json').write_text(json.dumps(r))

def test_tables_show_different_training_times(compared, tmp_path):
    home, _ = compared
    for f in (home/'results').iterdir(): (tmp_path/f.name).write_bytes(f.read_bytes())
    same = results_table(folder=tmp_path)
    assert 'minutes' not in same.rows[0] and '0.02 minutes of training each' in same.to_markdown()
    longer = {**row(home, 'indiana_unet'), 'minutes': 15.}
    (tmp_path/'indiana_unet.json').write_text(json.dumps(longer))
    mixed = results_table(folder=tmp_path)
    assert [r['minutes'] for r in mixed.rows][-2:]==[.02, 15] and '0.02 to 15 minutes of training' in mixed.to_markdown()
    dots = [line for line in plot_ranking(folder=tmp_path).axes[0].lines if line.get_marker()=='o']
    assert {line.get_ydata()[0]: line.get_markerfacecolor()=='w' for line in dots}=={'fordham_vgg16 (random encoder)': True, 'indiana_unet': False}

def test_durations_are_compared_photo_by_photo(compared, tmp_path):
    home, _ = compared
    then, now = home/'results', tmp_path
    r = row(home, 'indiana_unet')
    lower = [[p[0], round(p[1]-.5, 2), *p[2:]] for p in r['per photo']]
    (now/'indiana_unet.json').write_text(json.dumps({**r, 'minutes': 15., 'steps': 9, 'CIEDE2000': r['CIEDE2000']-.5, 'per photo': lower}))
    (now/'fordham_vgg16.json').write_text(json.dumps(row(home, 'fordham_vgg16'))) # left out, because the duration is the same
    [change] = compare_durations(folder=now, before=then).rows
    assert change['recipe']=='indiana_unet' and change['steps']==f"{r['steps']}, 9" and change['minutes']=='0.02, 15'
    assert change['change in CIEDE2000']=='-0.50 [-0.50, -0.50]'
    with pytest.raises(ValueError, match='no recipe of these'): compare_durations('fordham', folder=now, before=then)

def test_overfitting_uses_training_photos_and_new_ones(compared, tmp_path):
    home, _ = compared
    stored = row(home, 'fordham_vgg16')
    for key,folder in {'own photos': 'few', 'other photos': 'held'}.items():
        rgb = paper_numbers.squares(find_photos([home/folder])[::4][:3], stored['size'])
        assert stored[key]['gray']==pytest.approx(mse_ab(gray_baseline(rgb), rgb).mean().item(), abs=2e-5), key
        assert stored[key]['ours']!=stored[key]['gray']
    vgg = overfitting_table('fordham_vgg16', folder=home/'results').rows[0]
    assert vgg['training photos']==round(stored['own photos']['ours']/stored['own photos']['gray'], 2)
    assert vgg['ratio']==pytest.approx(vgg['new photos']/vgg['training photos'], abs=.01)
    with pytest.raises(ValueError, match='no results on training photos'): overfitting_table('cats', folder=home/'results')

def test_unknown_recipes_raise_one_line(compared):
    home, _ = compared
    with pytest.MonkeyPatch.context() as m:
        m.setattr(sys, 'argv', ['', str(home), '--packs', 'few', '--eval', str(home/'held'), '--recipes', 'nobody',
                                '--out', str(home/'o'), '--results', str(home/'r')])
        with pytest.raises(SystemExit, match='no recipe is called nobody'): compare_recipes.main(compare_recipes.arguments())

def run_paper_numbers(home, models):
    paper_numbers.main(['models', str(models), '--eval', str(home/'held'), '--fit', str(home/'few'), '--n-eval', '3',
                        '--results', str(home/'published.json')])

def test_paper_numbers(compared, capsys):
    home, _ = compared
    run_paper_numbers(home, home/'out')
    output, found = capsys.readouterr().out, json.loads((home/'published.json').read_text())
    assert 'skipped: fordham_cnn' in output and found['photos']==3
    rows = {(r['recipe'], r['measure']): r for r in found['rows']}
    assert {r['recipe'] for r in found['rows']}==set(BOTH)
    assert {r['printed'] for r in found['rows']}=={.02, .0706, .0117, .0754, .54, .48}
    l2, rgb = rows['fordham_vgg16', paper_numbers.L2], rows['indiana_unet', paper_numbers.MAE_RGB]
    files = find_photos([home/'held'])[::4][:3]
    true = paper_numbers.squares(files, 64)
    d = rgb2lab(true)[:,1:]/128
    assert l2['gray']==pytest.approx((d**2).mean().item(), abs=1e-4) and l2['interval'][0]<=l2['ours']<=l2['interval'][1]
    assert rgb['gray']==pytest.approx((true-gray_baseline(true)).abs().mean().item(), rel=.05) # one is based on luma, the other on lightness

def test_earlier_numbers_are_kept_for_the_same_photos(compared, tmp_path, capsys):
    home, _ = compared
    run_paper_numbers(home, home/'out')
    both = json.loads((home/'published.json').read_text())['rows']
    (tmp_path/'indiana_unet.safetensors').write_bytes((home/'out/indiana_unet.safetensors').read_bytes())
    run_paper_numbers(home, tmp_path)
    again = json.loads((home/'published.json').read_text())
    assert again['rows']==both and 'minutes' not in paper_table(file=home/'published.json').rows[0]
    (home/'published.json').write_text(json.dumps({**again, 'photos': 4})) # results for different photos must not be mixed
    capsys.readouterr()
    run_paper_numbers(home, tmp_path)
    assert {r['recipe'] for r in json.loads((home/'published.json').read_text())['rows']}=={'indiana_unet'}
    assert 'fordham_vgg16' in capsys.readouterr().out.split('\n')[0]
