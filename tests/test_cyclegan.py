"Unpaired training: which photos are compared, which networks are updated, saving, and readable errors."
from types import SimpleNamespace

import pytest
import torch

from colorize_nb.color.classes import ChannelBins
from colorize_nb.color.codecs import RGB, LabAB
from colorize_nb.data.shapes import ambiguous_shapes
from colorize_nb.data.stream import GeneratedBatches, stream_loaders
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.train.gan import UnpairedBatches, cycle_learner
from colorize_nb.train.learner import colorize_learner


def learner(codec=None, bs=4, steps=6):
    torch.manual_seed(0)
    train = GeneratedBatches(lambda i: ambiguous_shapes(bs, 32, seed=i)[0], steps)
    valid = GeneratedBatches(lambda i: ambiguous_shapes(4, 32, seed=99)[0], 1, fresh=False)
    dls = stream_loaders(train, valid, codec or LabAB(), 32, device='cpu')
    loss = 'ce' if dls.codec.kind=='classification' else 'l1'
    return colorize_learner(dls, loss=loss, metrics=[], model_kwargs=dict(widths=[8,16], depths=[0,0]))

def weights(m): return {k: v.clone() for k,v in m.named_parameters()}
def changed(before, m): return any(not torch.equal(v, before[k]) for k,v in m.named_parameters())

def fit(cycle, epochs, lr):
    with cycle.no_bar(), cycle.no_logging(): cycle.fit(epochs, lr)


def test_photos_are_not_compared_with_their_own_colors():
    x, y = torch.arange(4.).view(4, 1, 1, 1).expand(4, 1, 2, 2), 10+torch.arange(4.).view(4, 1, 1, 1).expand(4, 2, 2, 2)
    seen = UnpairedBatches()
    seen.learn = SimpleNamespace(x=x, y=y)
    seen.before_batch()
    gray, pictures = seen.learn.xb
    assert gray[:,0,0,0].tolist()==[0, 1]
    assert pictures[:,0,0,0].tolist()==[2, 3] and pictures[:,2,0,0].tolist()==[12, 13], 'lightness and color of the other two'
    assert seen.learn.yb is seen.learn.xb


@pytest.mark.parametrize('lr,critic_lr', [(0., 1e-3), (1e-3, 0.)])
def test_generators_and_critics_have_their_own_learning_rates(lr, critic_lr):
    learn = learner()
    cycle = cycle_learner(learn, critic_lr=critic_lr)
    m = cycle.model
    assert m.net is learn.model
    parts = {n: weights(getattr(m, n)) for n in ('net', 'back', 'color_critic', 'gray_critic')}
    fit(cycle, 1, lr)
    now = {n: changed(before, getattr(m, n)) for n,before in parts.items()}
    assert now=={'net': lr>0, 'back': lr>0, 'color_critic': critic_lr>0, 'gray_critic': critic_lr>0}


def test_both_losses_decrease():
    cycle = cycle_learner(learner(bs=8, steps=60))
    fit(cycle, 1, 2e-3)
    losses = {k: torch.tensor(v) for k,v in cycle.cycle_losses.items()}
    assert len(losses['generators'])==len(losses['critics'])==60
    for l in losses.values(): assert l[-10:].mean()<.8*l[:5].mean()


def test_cycle_weight_and_gain():
    cycle = cycle_learner(learner(), cycle_weight=0.)
    m, x, c = cycle.model.eval(), torch.rand(2, 1, 32, 32), torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        pred = m(x, c)
        real = (m.color_critic(pred[0])-1).square().mean()+(m.gray_critic(pred[2])-1).square().mean()
        assert cycle.loss_func(pred, x, c)==pytest.approx(real.item(), rel=1e-5)
        perfect = (pred[0], x, pred[2], c)
        heavy = cycle_learner(learner(), cycle_weight=7.)
        heavy.model.eval().load_state_dict(m.state_dict())
        assert heavy.loss_func(perfect, x, c)==pytest.approx(real.item(), rel=1e-4)
        off = (pred[0], x+.1, pred[2], c)
        assert heavy.loss_func(off, x, c)==pytest.approx(real.item()+.7, rel=1e-4)
        vivid = cycle_learner(learner(), cycle_weight=7., gain=2.)
        vivid.model.eval().load_state_dict(m.state_dict())
        wrong_color = (pred[0], x, pred[2], c+torch.tensor([0., .1, .1])[None,:,None,None])
        assert vivid.loss_func(wrong_color, x, c)==pytest.approx(real.item()+7*2*.1, rel=1e-4)


def test_save_and_load(tmp_path):
    learn = learner()
    fit(cycle_learner(learn), 1, 1e-3)
    c = Colorizer.load(learn.save_colorizer(tmp_path/'c.safetensors'))
    x = torch.rand(1, 1, 32, 32)*2-1
    with torch.no_grad(): assert torch.allclose(c.model(x).float(), learn.model.eval()(x), atol=1e-2)


@pytest.mark.parametrize('codec', [ChannelBins(10), RGB()], ids=['classes', 'three numbers'])
def test_other_codecs_raise_an_error(codec):
    with pytest.raises(ValueError, match='does not predict two numbers per pixel; use LabAB or YCbCr'): cycle_learner(learner(codec))

def test_a_batch_of_one_raises_an_error():
    with pytest.raises(ValueError, match='bs=2 or more'): fit(cycle_learner(learner(bs=1)), 1, 1e-3)
