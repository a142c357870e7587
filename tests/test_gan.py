"Adversarial training: which network is updated, the critic's input, saving, and reports."
import pytest, torch
import torch.nn.functional as F
from fastai.callback.core import Callback
from PIL import Image

from colorize_nb.color.classes import ChannelBins
from colorize_nb.color.codecs import LabAB
from colorize_nb.data.shapes import ambiguous_shapes
from colorize_nb.data.stream import GeneratedBatches, stream_loaders
from colorize_nb.infer.colorizer import Colorizer
from colorize_nb.models.papers.patchgan import PatchCritic, Pix2PixUnet
from colorize_nb.train.callbacks import SampleStrips
from colorize_nb.train.gan import GAN_LOSSES, gan_learner, plot_gan
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
def test_training_the_critic_does_not_change_the_generator(gen, loss):
    gan = gan_learner(gen, loss=loss)
    quiet(gan, lambda: gan.fit_gan(1)) # both optimizers have momentum now
    g, c = state(gen.model), state(gan.model.critic)
    quiet(gan, lambda: gan.fit_critic(2, 1e-2))
    assert same(g, gen.model) and not same(c, gan.model.critic)

def test_each_step_updates_one_network(gen):
    gan, seen = gan_learner(gen, PatchCritic(3, width=8, layers=1, norm=False)), []
    class Watch(Callback):
        order = 95
        def before_batch(self):
            self.generator_step = self.gan_trainer.gen_mode
            self.c, self.g = state(self.model.critic), state(self.model.generator.net)
        def after_batch(self):
            if not self.training: return
            generator_same = all(torch.equal(v, self.g[k]) for k,v in self.model.generator.net.named_parameters())
            seen.append((self.generator_step, same(self.c, self.model.critic), generator_same))
    quiet(gan, lambda: gan.fit(2, 1e-3, cbs=Watch()))
    assert {t for t,_,_ in seen}=={True, False}
    for generator_step,critic_same,generator_same in seen: assert (critic_same, generator_same)==(generator_step, not generator_step)

def test_targets_and_predictions_have_the_same_size(gen):
    shapes = []
    class Spy(PatchCritic):
        def forward(self, pair):
            shapes.append(tuple(pair.shape[1:]))
            return super().forward(pair)
    quiet(gan := gan_learner(gen, Spy(3, width=8, layers=1)), lambda: gan.fit_gan(1))
    assert set(shapes)=={(3,16,16)}

@pytest.mark.parametrize('noise', [True, False])
def test_dropout_is_the_noise(noise):
    torch.manual_seed(0)
    learn = colorize_learner(loaders(2), Pix2PixUnet(downs=4, width=4), loss='l1', metrics=[])
    drops = [m for m in learn.model.modules() if isinstance(m, torch.nn.Dropout)]
    on = {True: [], False: []}
    class Watch(Callback):
        order = 60
        def before_batch(self):
            if self.training: on[self.gan_trainer.gen_mode].append({m.training for m in drops})
    gan = gan_learner(learn, noise=noise)
    quiet(gan, lambda: gan.fit_gan(1, 1e-4, cbs=Watch()))
    assert drops and all(o=={True} for o in on[True]) and on[False] and all(o=={noise} for o in on[False])

def test_critic_sees_the_gray_input_and_enlarged_color(gen):
    current, gray_matches, colors = {}, [], []
    class Spy(PatchCritic):
        def forward(self, pair):
            gray = F.interpolate(current['x'], size=pair.shape[-2:], mode='bilinear', antialias=True)
            gray_matches.append(gray.std()>.1 and torch.allclose(pair[:,:1], gray, atol=1e-5))
            target = 3*gen.dls.codec.resize_target(current['y'], pair.shape[-2:])
            colors.append(torch.allclose(pair[:,1:], target, atol=1e-5))
            return super().forward(pair)
    class Watch(Callback):
        order = -10
        def before_batch(self): current.update(x=self.x.as_subclass(torch.Tensor), y=self.y.as_subclass(torch.Tensor))
    gan = gan_learner(gen, Spy(3, width=8, layers=1), gain=3., cbs=Watch())
    quiet(gan, lambda: gan.fit_gan(1))
    assert len(gray_matches)>=9 and all(gray_matches), 'the critic gets the gray input with photos and predictions'
    assert any(colors) and not all(colors), 'the critic gets true and predicted colors'

def test_score_depends_on_the_gray_input(gen):
    critic = gan_learner(gen).model.critic.eval()
    pair, other = torch.rand(2, 3, 16, 16), torch.rand(2, 1, 16, 16)
    with torch.no_grad(): assert not torch.allclose(critic(pair), critic(torch.cat([other, pair[:,1:]], 1)), atol=1e-4)

@pytest.mark.parametrize('pixel_weight', [0., 7.])
def test_pixel_weight_is_the_weight_of_l1(gen, pixel_weight):
    gan = gan_learner(gen, pixel_weight=pixel_weight)
    score, pred, true = torch.randn(2, 1, 3, 3), torch.randn(2, 3, 16, 16), torch.randn(2, 3, 16, 16)
    got = gan.loss_func.gen_loss_func(score, pred, true)
    assert torch.allclose(got, -score.mean()+pixel_weight*(pred-true)[:,1:].abs().mean(), atol=1e-5)

def test_only_consecutive_steps_of_the_critic_count_as_a_collapse():
    from types import SimpleNamespace
    from colorize_nb.train.gan import GANHistory
    history, trainer = GANHistory(patience=3, floor=.1), SimpleNamespace(gen_mode=False)
    history.learn = SimpleNamespace(training=True, gan_trainer=trainer)
    history.before_fit()
    def step(loss, generator=False):
        trainer.gen_mode, history.learn.loss = generator, torch.tensor(loss)
        history.before_batch()
        history.after_batch()
        return history.learn.collapsed
    assert not any(step(loss) for loss in (.05, .05, .2, .05, .05)) # the third one starts over
    assert not step(9., generator=True) and step(.05) # a step of the generator doesn't
    assert history.learn.gan_losses['generator']==[9.] and len(history.learn.gan_losses['critic'])==6

def test_collapse_is_reported(gen, capsys):
    gan = gan_learner(gen)
    gan.gan_history.patience, gan.gan_history.floor, gan.gan_history.stop = 3, 1e9, True
    quiet(gan, lambda: gan.fit_gan(3))
    assert gan.collapsed and 'generator cannot learn any more from it' in capsys.readouterr().out and len(gan.gan_losses['critic'])==3

def test_save_generator_and_critic(gen, tmp_path):
    gan = gan_learner(gen)
    quiet(gan, lambda: gan.fit_gan(1))
    g, c = gan.save_gan(tmp_path/'m.safetensors')
    assert Colorizer.load(g)(Image.new('RGB', (40,30), (90,)*3)).image.size==(40,30)
    again = gan_learner(gen).load_critic(c)
    assert same(state(gan.model.critic), again.model.critic)
    with pytest.raises(ValueError, match='m.safetensors'): again.load_critic(g)

def test_strips_are_saved(gen, tmp_path):
    x = LabAB().encode(ambiguous_shapes(2, 32)[0])[0]
    quiet(gan := gan_learner(gen), lambda: gan.fit_gan(1, cbs=SampleStrips(x, tmp_path/'s', 3)))
    assert [p.name for p in sorted((tmp_path/'s').iterdir())]==['step_00003.jpg','step_00006.jpg']

def test_readable_errors(gen):
    with pytest.raises(ValueError, match='hinge, bce'): gan_learner(gen, loss='w')
    with pytest.raises(ValueError, match='predicts classes'):
        gan_learner(colorize_learner(loaders(2, ChannelBins(10)), loss='ce', model_kwargs=dict(widths=[8,16], depths=[0,0])))


@pytest.mark.parametrize('smooth,want', [(1, [6,5,4,3,2,1]), (4, [4.5,3.5,2.5]), (20, [3.5])])
def test_the_plot_shows_moving_averages(gen, smooth, want):
    gan = gan_learner(gen)
    gan.gan_losses = dict(generator=[6., 5., 4., 3., 2., 1.], critic=[])
    assert plot_gan(gan, smooth).axes[0].lines[0].get_ydata().tolist()==pytest.approx(want)
