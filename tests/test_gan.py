"Adversarial training: who moves, what is judged, what is kept, what is said when it fails."
import pytest, torch
from fastai.callback.core import Callback

from colorize_nb.color.classes import ChannelBins
from colorize_nb.color.codecs import LabAB
from colorize_nb.data.shapes import ambiguous_shapes
from colorize_nb.data.stream import GeneratedBatches, stream_loaders
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.models.papers.patchgan import PatchCritic, Pix2PixUnet
from colorize_nb.train.callbacks import SampleStrips
from colorize_nb.train.gan import GAN_LOSSES, gan_learner
from colorize_nb.train.learner import colorize_learner


def loaders(n=6, codec=None):
    train = GeneratedBatches(lambda i: ambiguous_shapes(4, 32, seed=i)[0], n)
    valid = GeneratedBatches(lambda i: ambiguous_shapes(4, 32, seed=99)[0], 1, fresh=False)
    return stream_loaders(train, valid, codec or LabAB(), 32, device='cpu')

@pytest.fixture
def gen():
    torch.manual_seed(0)
    return colorize_learner(loaders(), loss='l1', metrics=[], model_kwargs=dict(widths=[8,16], depths=[0,0]))

def state(m): return {k: v.clone() for k,v in m.state_dict().items()}
def same(a, m): return all(torch.equal(v, m.state_dict()[k]) for k,v in a.items())
def quiet(learn, f):
    with learn.no_bar(), learn.no_logging(): f()

@pytest.mark.parametrize('loss', list(GAN_LOSSES))
def test_critic_alone_leaves_the_generator(gen, loss):
    gan = gan_learner(gen, loss=loss)
    quiet(gan, lambda: gan.fit_gan(1)) # momentum in both
    g, c = state(gen.model), state(gan.model.critic)
    quiet(gan, lambda: gan.fit_critic(2, 1e-2))
    assert same(g, gen.model) and not same(c, gan.model.critic)

def test_generators_turn_leaves_the_critics_weights(gen):
    gan, seen = gan_learner(gen, PatchCritic(3, width=8, layers=1, norm=False)), []
    class Watch(Callback):
        order = 95
        def before_batch(self):
            self.turn = self.gan_trainer.gen_mode
            self.c, self.g = state(self.model.critic), state(self.model.generator.net)
        def after_batch(self):
            if not self.training: return
            generator_same = all(torch.equal(v, self.g[k]) for k,v in self.model.generator.net.named_parameters())
            seen.append((self.turn, same(self.c, self.model.critic), generator_same))
    quiet(gan, lambda: gan.fit(2, 1e-3, cbs=Watch()))
    assert {t for t,_,_ in seen}=={True, False}
    for turn,critic_same,generator_same in seen: assert (critic_same, generator_same)==((True, False) if turn else (False, True))

def test_truth_and_answer_come_at_one_size(gen):
    shapes = []
    class Spy(PatchCritic):
        def forward(self, pair):
            shapes.append(tuple(pair.shape[1:]))
            return super().forward(pair)
    quiet(gan := gan_learner(gen, Spy(3, width=8, layers=1)), lambda: gan.fit_gan(1))
    assert set(shapes)=={(3,16,16)}

def test_dropout_is_the_noise():
    torch.manual_seed(0)
    learn = colorize_learner(loaders(2), Pix2PixUnet(downs=4, width=4), loss='l1', metrics=[])
    drops = [m for m in learn.model.modules() if isinstance(m, torch.nn.Dropout)]
    on = {True: [], False: []}
    class Watch(Callback):
        order = 60
        def before_batch(self):
            if self.training: on[self.gan_trainer.gen_mode].append(all(m.training for m in drops))
    gan = gan_learner(learn)
    quiet(gan, lambda: gan.fit_gan(1, 1e-4, cbs=Watch()))
    assert drops and all(on[True]+on[False]) and on[False]

def test_collapse_is_said(gen, capsys):
    gan = gan_learner(gen)
    gan.gan_history.patience, gan.gan_history.floor, gan.gan_history.stop = 3, 1e9, True
    quiet(gan, lambda: gan.fit_gan(3))
    assert gan.collapsed and 'generator learns nothing more' in capsys.readouterr().out and len(gan.gan_losses['critic'])==3

def test_saved_generator_colours_and_critic_goes_on(gen, tmp_path):
    gan = gan_learner(gen)
    quiet(gan, lambda: gan.fit_gan(1))
    g, c = gan.save_gan(tmp_path/'m.safetensors')
    assert Colorizer.load(g)(__import__('PIL.Image').Image.new('RGB', (40,30), (90,)*3)).image.size==(40,30)
    again = gan_learner(gen).load_critic(c)
    assert same(state(gan.model.critic), again.model.critic)
    with pytest.raises(ValueError, match='m.safetensors'): again.load_critic(g)

def test_strips_are_saved(gen, tmp_path):
    x = LabAB().encode(ambiguous_shapes(2, 32)[0])[0]
    quiet(gan := gan_learner(gen), lambda: gan.fit_gan(1, cbs=SampleStrips(x, tmp_path/'s', 3)))
    assert [p.name for p in sorted((tmp_path/'s').iterdir())]==['step_00003.jpg','step_00006.jpg']

def test_wrong_choices_are_one_line(gen):
    with pytest.raises(ValueError, match='hinge, bce'): gan_learner(gen, loss='w')
    with pytest.raises(ValueError, match='predicts classes'):
        gan_learner(colorize_learner(loaders(2, ChannelBins(10)), loss='ce', model_kwargs=dict(widths=[8,16], depths=[0,0])))
