"The claims: their statistics, the program that trains, and verdicts that follow from the results."
import json

import pytest
import torch
from PIL import Image

from colorize_nb.color.metrics import Frontier, frontier, saturate
from colorize_nb.color.metrics import colorfulness
from colorize_nb.color.codecs import LabAB
from colorize_nb.data.shapes import ambiguous_shapes
from colorize_nb.core.photo import to_image
from colorize_nb.models.layers import create_model
from lab import claims
from lab import claims_models
from lab.claims_variants import BASE, EXPERIMENTS, LEVELS, SEEDS, half_fraction
from lab.trials import TRIALS, load_trial
from lab.verdicts import WORDS, effect, load_verdicts


# --- frontiers

def test_saturation_one_changes_nothing_and_zero_gives_gray():
    rgb = ambiguous_shapes(4, 32, seed=1)[0]
    assert (saturate(rgb, 1)-rgb).abs().max()<1e-3
    assert colorfulness(saturate(rgb, 0)).max()<.2


def test_frontier_interpolates_but_does_not_extrapolate():
    c = Frontier((0., 1., 2.), torch.tensor([0., 10., 30.]), torch.tensor([[8.], [6.], [10.]]))
    assert c.at(20).item()==8 and c.at(5).item()==7 and c.at(30).item()==10
    for outside in (31, -1):
        with pytest.raises(ValueError, match='outside the measured range'): c.at(outside)


def test_saturation_alone_does_not_help_at_equal_colorfulness():
    true = ambiguous_shapes(16, 32, seed=2)[0]
    dull, loud = frontier(saturate(true, .3), true), frontier(saturate(true, .6), true)
    assert (loud.ciede[2]-dull.ciede[2]).mean()<-1 and loud.gain(dull).mean().abs()<.3


# --- trials

def write(folder, arms, n=200):
    "Write the results of an experiment. `arms` maps names to (colorfulness, CIEDE2000) per seed."
    g, factors = torch.Generator().manual_seed(0), [0, .5, 1, 2]
    photos = torch.randn(n, generator=g)
    rows = []
    for arm,seeds in arms.items():
        for seed,(color,far) in enumerate(seeds):
            curve = [[round(10*(10+p+(far-10)*f)) for p in photos.tolist()] for f in factors]
            rows.append(dict(arm=arm, seed=seed, decoding='', test='held', colorfulness=[color*f for f in factors], ciede=curve))
    tests = dict(held=dict(n=n, colorfulness=40., gray=[100]*n))
    (folder/'t.json').write_text(json.dumps(dict(rows=rows, tests=tests, factors=factors, size=64, device='cpu', version='0')))
    return load_trial('t', folder)


def test_a_clear_difference_needs_the_interval_and_all_seeds(tmp_path):
    t = write(tmp_path, dict(a=[(10, 9.), (10, 9.), (10, 9.)],
                             b=[(10, 8.), (10, 8.1), (12, 7.9)],
                             c=[(30, 8.), (30, 8.), (30, 9.5)],
                             d=[(5, 8.)]*3))
    assert t.compare('b', 'a')['lower error']=='yes' and t.compare('a', 'b')['lower error']=='no'
    assert t.compare('c', 'a')['lower error']=='unclear', 'one seed has a higher error'
    assert t.compare('b', 'a')['more colorful']=='unclear' and t.compare('c', 'a')['more colorful']=='yes'
    assert t.compare('c', 'd')['lower error at equal colorfulness']=='out of reach'
    assert t.compare('d', 'a')['lower error at equal colorfulness']=='yes'


def test_unknown_experiments_raise_one_line(tmp_path):
    write(tmp_path, dict(a=[(10, 9.)]))
    with pytest.raises(ValueError, match="no experiment is called 'x'; known: t"): load_trial('x', tmp_path)
    with pytest.raises(ValueError, match="no run of 'z' on 'held'; variants: a"): load_trial('t', tmp_path).runs('z')


# --- the program

@pytest.fixture
def tiny_claims(monkeypatch, tmp_path):
    "Return the module `lab.claims` with three tiny variants that train on drawn pictures."
    for i,rgb in enumerate(ambiguous_shapes(14, 64, seed=3)[0]):
        (tmp_path/'train128').mkdir(exist_ok=True)
        to_image(rgb).save(tmp_path/f'train128/{i}.png')
    decode = {'mode': dict(how='mode'), 'mean': dict(how='mean')}
    arms = {'L1': {}, 'bins': dict(codec='ChannelBins', codec_kwargs=dict(n=10), loss='ce', decode=decode)}
    monkeypatch.setattr(claims, 'BASE', {**claims.BASE, 'n': 8, 'steps': 2})
    monkeypatch.setattr(claims, 'EXPERIMENTS', dict(one=arms, two={'again': {}, 'L2': dict(loss='l2')}))
    monkeypatch.setattr(claims, 'TRIALS', tmp_path/'out')
    monkeypatch.setattr(claims, 'HELD', 6)
    (tmp_path/'out').mkdir()
    return claims


def test_experiments_resume_and_reuse_results(tiny_claims, tmp_path, monkeypatch):
    photos = claims.Photos(tmp_path)
    claims.run('one', photos, 1)
    trial = load_trial('one', tmp_path/'out')
    assert trial.variants()==['L1', 'bins: mode', 'bins: mean'] and trial.frontier('L1').ciede.shape==(len(claims.SATURATIONS), 6)
    assert trial.strips(folder=tmp_path/'out').width>64
    trained = []
    real = claims.train
    monkeypatch.setattr(claims, 'train', lambda arm, seed, photos: trained.append((arm['loss'], seed)) or real(arm, seed, photos))
    claims.run('one', photos, 2)
    assert trained==[('l1', 1), ('ce', 1)], 'existing results are kept'
    trained.clear()
    claims.run('two', photos, 1)
    assert trained==[('l2', 0)], 'the same variant of another experiment is reused'
    two = load_trial('two', tmp_path/'out')
    assert torch.equal(two.error('again'), load_trial('one', tmp_path/'out').error('L1')[:1])
    assert two.frontier('L2').ciede.shape==two.frontier('again').ciede.shape


@pytest.fixture
def borrowed(monkeypatch, tmp_path):
    "Return a function that trains with a borrowed encoder on one-color pictures, and returns the network and its predictions."
    for folder,n in ('train240', 40), ('eval256', 6):
        (tmp_path/folder).mkdir()
        for i in range(n): Image.new('RGB', (140,130), (120+i,110,90)).save(tmp_path/folder/f'{i}.png')
    monkeypatch.chdir(tmp_path) # features are cached in the working directory
    photos = claims.Photos(tmp_path)
    def train(seed=0, of=EXPERIMENTS['losses']['L1'], **choices):
        arm = {**BASE, **of, 'n': 40, 'steps': 3, **choices}
        net, codec, _ = claims.train(arm, seed, photos)
        return net, claims.color(net, codec, photos.test('held', arm)/255, '', {}, 128)
    return train


def test_features_come_with_the_corrected_color_of_avif_photos(borrowed, tmp_path):
    model = create_model('unet_lite', pretrained=True, freeze=True)
    cache = claims.CorrectedFeatures.build(tmp_path/'runs', [tmp_path/'train240/0.png'], model, LabAB(), size=64, device='cpu')
    drawn = torch.tensor([120,110,90])+torch.tensor([.58,-.5,.65])
    assert (cache[[0]][1]*255-drawn[:,None,None]).abs().max()<1e-3


def test_borrowed_variants_depend_on_seed_and_loss(borrowed):
    def colors(*args, **kwargs): return borrowed(*args, **kwargs)[1]
    a = colors()
    assert torch.equal(a, colors()), 'the same seed gives the same network'
    assert not torch.equal(a, colors(seed=1))
    assert not torch.equal(colors(loss='smooth_l1'), colors(loss='smooth_l1', loss_kwargs=dict(beta=10.)))
    assert not torch.equal(a, colors(l2=1.))


def test_settling_batchnorm_leaves_the_frozen_encoder_alone(borrowed):
    arm = EXPERIMENTS['cats']['BatchNorm']
    assert arm['settle']
    net, rgb = borrowed(of=arm)
    fresh = create_model('cats_vgg16', **arm['model_kwargs']).encoder.state_dict()
    assert all(torch.equal(v, fresh[k]) for k,v in net.encoder.state_dict().items() if 'running' in k)
    assert not torch.equal(rgb, borrowed(of=arm, settle=False)[1])


def test_every_variant_can_be_built(monkeypatch):
    big = (ambiguous_shapes(8, 128, seed=4)[0]*255).byte()
    built = set()
    for name,arms in EXPERIMENTS.items():
        for arm,choices in arms.items():
            a = {**BASE, **choices}
            kind = str([a[k] for k in ('model', 'model_kwargs', 'codec', 'codec_kwargs', 'size', 'decode')])
            if kind in built: continue # the same network with other photos, steps, or losses
            built.add(kind)
            photos = claims.resized(big, a['side'])
            codec = claims.make_codec(a, photos)
            net = claims.create(a['model'], codec.n_in, codec.n_out, a['size'], a['model_kwargs']).eval()
            for how,knobs in a['decode'].items():
                rgb = claims.color(net, codec, photos[:2]/255, how, knobs, a['size'])
                assert rgb.shape==(2,3,a['side'],a['side']) and rgb.isfinite().all(), (name, arm, how)


def test_half_fraction_keeps_pairs_of_factors_separable(monkeypatch):
    signs = torch.tensor([[1. if f in arm.split() else -1. for f in LEVELS] for arm in half_fraction()])
    pairs = torch.stack([signs[:,i]*signs[:,j] for i in range(6) for j in range(i)], 1)
    effects = torch.cat([torch.ones(32, 1), signs, pairs], 1)
    assert torch.equal(effects.T@effects, 32*torch.eye(22)), 'each effect is estimated separately'
    arms = half_fraction()
    assert arms['nothing']['loss']=='l2' and arms['codec loss']['loss']=='soft_ce' and arms['size time'].get('size', 64)==64
    assert len({str(sorted(a.items(), key=str)) for a in arms.values()})==32


def test_the_judge_tells_gray_from_photos_but_not_photos_from_photos(monkeypatch):
    monkeypatch.setattr(claims_models, 'STEPS', 25)
    rgb = ambiguous_shapes(128, 32, seed=5)[0]
    seen, held = rgb[:64], rgb[64:]
    assert claims_models.judge_auc(saturate(seen, 0), seen, saturate(held, 0), held, 0)>.9
    assert claims_models.judge_auc(seen, seen, held, held, 0)==pytest.approx(.5, abs=.02)


def test_hues_are_shares_of_chroma(monkeypatch):
    red, green = torch.tensor([.8,.2,.2]), torch.tensor([.2,.7,.2])
    rgb = torch.stack([red, green])[:,:,None,None].expand(2, 3, 4, 4)
    shares = claims_models.hues(rgb)
    assert sum(shares)==pytest.approx(1, abs=.001) and sorted(shares)[-3]==0 and shares[1]>.4 and shares[4]>.4


# --- verdicts

@pytest.mark.parametrize('row', load_verdicts(), ids=lambda r: f"{r['paper']}: {r['claim'][:40]}")
def test_verdicts_follow_from_the_results(row):
    "Each check is an experiment, a variant, a reference, a question, the answer, and the photos if they aren't the held-out ones."
    assert row['verdict'] in WORDS and effect(row) and row['for'] and row['against']
    for name,variant,reference,question,answer,*test in row['checks']:
        assert load_trial(name).compare(variant, reference, *test)[question]==answer, (name, variant, reference, question)


def test_the_critic_adds_hues_and_never_fools_a_new_judge():
    t = load_trial('pix2pix')
    plain, critic = t.variants()
    photos = t.facts['tests']['held']['hues']
    def difference(row): return sum(abs(a-b) for a,b in zip(row['hues'], photos))
    assert all(difference(c)<difference(p) for p,c in zip(t.runs(plain), t.runs(critic)))
    assert all(value>.95 for v in t.variants() for r in t.runs(v) for value in r['judge'].values())


def test_every_experiment_has_all_seeds_and_300_photos():
    for path in sorted(TRIALS.glob('*.json')):
        if '"rows"' not in path.read_text('utf8'): continue
        t = load_trial(path.stem)
        for variant in t.variants():
            seeds = sorted({r['seed'] for r in t.rows if r['arm']==variant.split(': ')[0]})
            assert seeds==[*range(SEEDS.get(path.stem, 3))], (path.stem, variant)
        if 'held' in t.facts['tests']: assert t.facts['tests']['held']['n']>=300
