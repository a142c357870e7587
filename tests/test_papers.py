"The papers' networks: a test fails if a part that the paper describes is missing, reversed, or in the wrong place."
import json
import re
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from colorize_nb.models.encoders import TransferModel, ClassScores, PooledFeatures, fuse
from colorize_nb.models.layers import SameConv, SameDeconv, keras_params
from colorize_nb.models.papers.cats import CatsVGG16
from colorize_nb.models.papers.fordham import FordhamAE, FordhamCNN, FordhamInception, FordhamVGG16
from colorize_nb.models.papers.indiana import IndianaUnet
from colorize_nb.models.papers.koalarization import Koalarization
from colorize_nb.models.papers.patchgan import PatchCritic, Pix2PixUnet
from colorize_nb.models.papers.zhang import ZhangECCV16
from colorize_nb.models.layers import create_model

LITE = dict(encoder='efficientnet_lite0') # random weights, for speed


ROOT = Path(__file__).resolve().parent.parent


class Constant(nn.Module):
    "Return `value` in place of a network that describes the whole photo."
    n = 6
    def __init__(self):
        super().__init__()
        self.value = torch.zeros(1, self.n)
    def forward(self, x): return self.value.expand(len(x), -1)

def convs(part): return [m for m in part.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d))]

def gray(*shape): return torch.randn(*shape).clamp(-1, 1)

@pytest.fixture(autouse=True)
def seed(): torch.manual_seed(0)


# --- facts

PAPERS = {'Fordham': '000', 'Cats': '001', 'Stanford': '002', 'Koalarization': '003', 'Indiana': '004'}
FACTS = json.loads((ROOT/'lab/facts.json').read_text('utf8'))
CLAIMS = json.loads((ROOT/'lab/results/claims/verdicts.json').read_text('utf8'))
PAGES = [*ROOT.glob('nbs/models/papers/*.ipynb'), *ROOT.glob('nbs/claims/*.ipynb'), *ROOT.glob('docs/pages/papers/*.md')]

def normalize(text):
    for fancy,plain in (('\u2019', "'"), ('\u2018', "'"), ('\u201c', '"'), ('\u201d', '"')): text = text.replace(fancy, plain)
    return re.sub(r'\s+', ' ', text)

@pytest.fixture(scope='module')
def papers():
    "The papers' texts, which aren't part of the repository."
    folder = ROOT.parent/'shared'/'papers'
    if not folder.is_dir(): pytest.skip(f"the papers' texts are not in {folder}")
    return {name: normalize(next(folder.glob(f'{number}*')).read_text('utf8')) for name,number in PAPERS.items()}

def test_every_fact_has_a_quotation_in_its_paper(papers):
    assert len(FACTS)>90
    for fact in FACTS:
        assert (ROOT/'nbs'/fact['page']).is_file(), fact['page']
        assert normalize(fact['quotation']) in papers[fact['paper']], fact

def test_every_claim_is_quoted_word_for_word(papers):
    for claim in CLAIMS: assert normalize(claim['quote']) in papers[claim['paper']], claim['quote']

def quotations(path):
    "Return the quotations of three or more words in the prose of a page."
    text = path.read_text('utf8')
    if path.suffix=='.ipynb':
        cells = json.loads(text)['cells']
        text = '\n'.join(''.join(c['source']) for c in cells if c['cell_type']=='markdown')
    return [q for q in re.findall(r'(?:(?<=[\s(])|^)"(\S[^"\n]*)"', text, re.M) if len(q.split())>2]

@pytest.mark.parametrize('path', PAGES, ids=lambda p: f'{p.parent.name}/{p.stem}')
def test_quotations_in_the_prose_occur_in_a_paper(papers, path):
    for quotation in quotations(path):
        text = normalize(quotation).rstrip('.,').lower()
        assert any(text in paper.lower() for paper in papers.values()), quotation


# --- Indiana

@pytest.mark.parametrize('level', range(5))
def test_indiana_every_skip_reaches_the_output(level):
    "Without the deeper levels, the prediction still depends on each level and on the input."
    net, x, kept = IndianaUnet().eval(), gray(1, 1, 32, 32).requires_grad_(), []
    nn.init.zeros_(net.downs[level][0].weight)
    if level: # take the gradient at this level's output, or at the input
        net.downs[level-1].register_forward_hook(lambda m, i, o: kept.append(o.detach().requires_grad_()) or kept[0])
    net(x).square().sum().backward()
    grad = kept[0].grad if level else x.grad
    assert grad is not None and grad.abs().max()>1e-6, 'this skip has no gradient'

def test_indiana_lab_saves_almost_no_parameters():
    rgb, ab = (keras_params(IndianaUnet(n_out=n))['total'] for n in (3, 2))
    assert rgb==9_600_438 and f'{1-ab/rgb:.3%}'=='0.024%'

def test_indiana_dropout_can_be_enabled():
    x = gray(1, 1, 64, 64)
    for rate,differs in ((0., False), (.2, True)):
        net = IndianaUnet(dropout=rate)
        net.ups.train(), net.downs.eval()
        with torch.no_grad(): assert torch.equal(net(x), net(x))!=differs


# --- Cats

@pytest.fixture(scope='module')
def cats():
    with pytest.MonkeyPatch.context() as m: # initializing VGG16's classifier is slow, and we don't need it
        for f in ('normal_', 'kaiming_uniform_'): m.setattr(nn.init, f, lambda w, *a, **k: w)
        net = CatsVGG16()
    return net

def test_cats_copies_L_and_normalizes_it_like_imagenet(cats):
    "Section 3.3: three copies of one channel, normalized like VGG16's training photos."
    seen = []
    hook = convs(cats.encoder)[0].register_forward_pre_hook(lambda m, i: seen.append(i[0]))
    L = torch.tensor([-1., 0., 1.])[:,None,None,None].expand(3, 1, 32, 32)
    with torch.no_grad(): cats(L)
    hook.remove()
    mean, std = torch.tensor([.485,.456,.406]), torch.tensor([.229,.224,.225])
    want = (torch.tensor([0., .5, 1.])[:,None]-mean)/std
    assert torch.allclose(seen[0][:,:,5,5], want, atol=1e-5)

def test_cats_encoder_is_frozen_and_parameters_match_the_paper(cats):
    assert keras_params(cats)['trainable']==1_572_114 and not any(p.requires_grad for p in cats.encoder.parameters())

def test_cats_batchnorm_comes_before_each_convolution():
    "BatchNorm removes the scale and the offset of every channel that enters a convolution."
    net = CatsVGG16(norm=True, **LITE).train()
    x = 10*torch.randn(4, 320, 3, 3)
    scale, offset = torch.rand(1, 320, 1, 1)*3+.5, 20*torch.randn(1, 320, 1, 1)
    with torch.no_grad(): a, b = net([x]), net([x*scale+offset])
    assert torch.allclose(a, b, atol=2e-3)
    for conv in convs(net.decoder): # check every convolution
        entered = []
        hook = conv.register_forward_pre_hook(lambda m, i: entered.append(i[0]))
        with torch.no_grad(): net([x])
        hook.remove()
        assert entered[0].mean((0,2,3)).abs().max()<1e-2

def test_cats_dropout_comes_before_all_convolutions_but_the_first():
    net = create_model('cats_vgg16_dropout', 1, 2, 64, **LITE)
    x = torch.rand(8, 320, 4, 4)+.1
    zeros = {}
    for mode in (True, False):
        net.train(mode)
        entered = []
        hooks = [c.register_forward_pre_hook(lambda m, i: entered.append((i[0]==0).float().mean().item())) for c in convs(net.decoder)]
        with torch.no_grad(): net([x])
        for h in hooks: h.remove()
        zeros[mode] = entered
    assert zeros[True][0]==zeros[False][0]==0
    for dropped,plain in list(zip(zeros[True], zeros[False]))[1:]: assert .3<dropped and dropped>plain+.1
    with torch.no_grad(): assert not torch.equal(net.train()([x]), net([x])) and torch.equal(net.eval()([x]), net([x]))


# --- Fordham

@pytest.mark.parametrize('make', [FordhamCNN, lambda **kw: FordhamInception(vector=Constant(), **kw)], ids=['cnn','inception'])
def test_fordham_batchnorm_follows_every_convolution(make):
    "Scaling kernels changes nothing if BatchNorm follows; the last convolution has none."
    x = gray(2, 1, 64, 64)
    for norm in (True, False):
        net = make(norm=norm).train()
        with torch.no_grad():
            before = net(x)
            for c in convs(net):
                if c.out_channels!=2: c.weight.mul_(7)
            after = net(x)
        assert torch.allclose(before, after, atol=.02*before.abs().max().item())==norm

def _he(conv):
    fan = conv.weight[:,0].numel() if isinstance(conv, nn.ConvTranspose2d) else conv.weight[0].numel()
    return (2/fan)**.5

@pytest.mark.parametrize('make', [FordhamCNN, lambda: FordhamInception(vector=Constant())], ids=['cnn','inception'])
def test_fordham_uses_he_normal(make):
    "Section 6.2.2: variance 2/fan_in, from a normal distribution truncated at two standard deviations."
    for c in convs(make()):
        if c.weight.numel()<20_000: continue
        std = c.weight.std().item()
        assert abs(std/_he(c)-1)<.03, f'{std:.4f}, not {_he(c):.4f}'
        assert (c.weight.abs()>1.75*std).any(), 'a uniform distribution would end at 1.73 standard deviations'

def test_fordham_can_use_glorot_uniform():
    for net in (FordhamCNN(init='glorot_uniform'), FordhamAE(blocks=8)):
        big = [c for c in convs(net) if c.weight.numel()>=20_000]
        assert all(c.weight.abs().max()<=1.74*c.weight.std() for c in big)

@pytest.mark.parametrize('rate', [.1, .3, .5])
def test_fordham_dropout_rate(rate):
    net = FordhamCNN(dropout=rate).train()
    shares = []
    for m in net.modules():
        if isinstance(m, nn.Dropout):
            m.register_forward_hook(lambda m, i, o: shares.append(((o==0)&(i[0]!=0)).sum()/(i[0]!=0).sum()))
    with torch.no_grad(): net(gray(1, 1, 64, 64))
    assert len(shares)==12 and all(abs(s.item()-rate)<.06 for s in shares)

def test_fordham_can_upsample_in_two_ways():
    kinds = {up: {type(c) for c in convs(FordhamCNN(up=up).ups)} for up in ('deconv','upsample')}
    assert kinds=={'deconv': {SameDeconv}, 'upsample': {SameConv}}

@pytest.mark.parametrize('blocks,n_out', [(4, 3), (8, 2)])
def test_fordham_autoencoders_have_as_many_blocks_up_as_down(blocks, n_out):
    net = FordhamAE(n_out=n_out, blocks=blocks)
    assert len(convs(net.downs))==blocks and len(convs(net.ups))+1==blocks and net(gray(1, 1, 32, 48)).shape==(1, n_out, 32, 48)

def test_fordham_vgg16_ends_in_an_upsampling():
    "Section 6.1.1: the last upsampling layer produces the prediction, so its pixels come in fours."
    with torch.no_grad(): y = FordhamVGG16(**LITE).eval()(gray(1, 1, 64, 64))
    assert y.shape==(1, 2, 64, 64) and torch.equal(y[...,::2,::2], y[...,1::2,1::2]) and not torch.equal(y[...,:-2:2,::2], y[...,2::2,::2])

def test_fordham_inception_ends_in_a_convolution():
    with torch.no_grad(): y = FordhamInception(vector=Constant()).eval()(gray(1, 1, 64, 64))
    assert y.shape==(1, 2, 64, 64) and not torch.equal(y[...,::2,::2], y[...,1::2,1::2])


# --- descriptions of the whole photo

@pytest.mark.parametrize('make,where', [(Koalarization, 'scores'), (FordhamInception, 'vector')], ids=['koalarization','fordham'])
def test_the_description_of_the_photo_changes_the_prediction(make, where):
    net, x = make(**{where: Constant()}).eval(), gray(1, 1, 64, 64)
    constant, predictions = getattr(net, where), []
    for value in (0., 1., -2.):
        constant.value = torch.full((1, Constant.n), value)
        with torch.no_grad(): predictions.append(net(x))
    assert all((a-b).abs().mean()>1e-4 for a,b in zip(predictions, predictions[1:]))

def test_fordham_normalizes_the_fusion():
    net = FordhamInception(vector=Constant())
    assert any(isinstance(m, torch.nn.BatchNorm2d) for m in net.fusion.modules())

def test_fusion_attaches_the_same_scores_everywhere():
    both = fuse(torch.randn(2, 3, 4, 5), torch.arange(4.).view(2, 2))
    assert both.shape==(2, 5, 4, 5) and (both[0,3]==0).all() and (both[0,4]==1).all() and (both[1,3]==2).all() and (both[1,4]==3).all()

def test_koalarization_has_1257_channels_as_printed():
    net = Koalarization(background=True, **LITE)
    assert net.fusion[0].weight.shape==(256, 1257, 1, 1) and (net.frozen_features(gray(1, 1, 64, 64))[1][:,0]==0).all()

def test_koalarization_loss_is_the_mean_squared_error():
    "Section 3.2: 1/(2HW) times a sum of 2HW terms."
    from colorize_nb.color.codecs import LabAB
    from colorize_nb.train.losses import get_loss
    pred, y = torch.rand(3, 2, 8, 8)-.5, torch.rand(3, 2, 8, 8)-.5
    printed = ((pred-y)**2).sum((1,2,3))/(2*8*8)
    assert torch.allclose(get_loss('half_sum', LabAB())(pred, y), printed.mean(), atol=1e-6)
    assert torch.allclose(F.mse_loss(pred, y), printed.mean(), atol=1e-6)


# --- frozen and trainable parts

MAKERS = {'cats': CatsVGG16, 'fordham_vgg16': FordhamVGG16, 'fordham_inception': FordhamInception, 'koalarization': Koalarization}

@pytest.mark.parametrize('name', MAKERS)
@pytest.mark.parametrize('encoder', ['efficientnet_lite0', 'resnet18'])
def test_any_encoder_and_predicting_from_features(name, encoder):
    net, x = MAKERS[name](encoder=encoder).eval(), gray(2, 1, 64, 96)
    kept = net.frozen_features(x)
    assert isinstance(kept, list) and not any(k.requires_grad for k in kept)
    with torch.no_grad():
        whole = net(x)
        for part in net.pretrained_parts: getattr(net, part).forward = None # the features must be enough
        assert whole.shape==(2, 2, 64, 96) and torch.equal(net(kept), whole)

@pytest.mark.parametrize('name', MAKERS)
def test_frozen_parts_do_not_change(name):
    net, x = MAKERS[name](**LITE).train(), gray(2, 1, 64, 64)
    parts = [getattr(net, n) for n in net.pretrained_parts]
    before = [v.clone() for p in parts for v in p.state_dict().values()]
    net(x).square().mean().backward()
    assert all(p.grad is None for part in parts for p in part.parameters())
    assert all(torch.equal(a, b) for a,b in zip(before, (v for p in parts for v in p.state_dict().values()))), 'running statistics changed'

@pytest.mark.parametrize('name', MAKERS)
def test_unfrozen_parts_get_gradients(name):
    net = MAKERS[name](freeze=False, **LITE).train()
    net(gray(2, 1, 64, 64)).square().mean().backward()
    assert all(any(p.grad is not None and p.grad.abs().max()>0 for p in getattr(net, n).parameters()) for n in net.pretrained_parts)

def test_scores_and_vectors_have_the_declared_size():
    for part in (ClassScores(**LITE), ClassScores(background=True, **LITE), PooledFeatures(**LITE)):
        with torch.no_grad(): assert part.eval()(gray(2, 1, 64, 96)).shape==(2, part.n)

def test_transfer_model_is_abstract():
    with pytest.raises(NotImplementedError, match='TransferModel'): TransferModel()([gray(1, 1, 4, 4)])



# --- Zhang 2016, and the critic

def test_zhang_receptive_field():
    "1 + 4 + 8 + 24 + 48 + 96 + 96 + 48, by kernel, stride and dilation of figure 2."
    net = ZhangECCV16(width=.02).convs.eval()
    for c in convs(net):
        nn.init.constant_(c.weight, .1)
        nn.init.zeros_(c.bias)
    x = torch.ones(1, 1, 400, 400, requires_grad=True)
    net(x)[0,:,25,25].sum().backward()
    assert (x.grad[0,0].abs().sum(0)>0).sum()==325

@pytest.mark.parametrize('loss', ['hinge', 'bce'])
def test_gan_losses_have_opposite_signs(loss):
    "The generator's loss raises the critic's score of a prediction, and the critic's loss lowers it."
    from colorize_nb.train.gan import GAN_LOSSES
    generator_loss, critic_loss = GAN_LOSSES[loss]
    fake, real = torch.zeros(4, 1, 6, 6, requires_grad=True), torch.zeros(4, 1, 6, 6, requires_grad=True)
    generator_loss(fake).backward()
    assert (fake.grad<0).all()
    fake.grad = None
    critic_loss(real, fake).backward()
    assert (fake.grad>0).all() and (real.grad<0).all()

def test_generator_gradient_raises_the_critic_score(tmp_path):
    from colorize_nb.data.folder import ColorizeDataLoaders, crop_photos
    from colorize_nb.train.gan import gan_learner
    from colorize_nb.train.learner import colorize_learner
    folder = crop_photos(tmp_path/'photos', n=8, size=40)
    dls = ColorizeDataLoaders.from_folder(folder, size=32, bs=4, augment=False, valid_pct=.5, device='cpu')
    learn = colorize_learner(dls, 'stanford_cgan', loss='l1', metrics=[], model_kwargs=dict(width=4, downs=4))
    gan = gan_learner(learn, pixel_weight=0.)
    critic = gan.model.critic.eval()
    pair = torch.cat([gray(2, 1, 32, 32), .1*torch.randn(2, 2, 32, 32)], 1).requires_grad_()
    verdict = critic(pair).mean().item()
    gan.loss_func.generator(pair, pair.detach()).backward()
    with torch.no_grad(): assert critic(pair-.1*pair.grad/pair.grad.norm()).mean()>verdict

def test_generator_is_random_and_critic_has_30x30_outputs():
    net, x = Pix2PixUnet(downs=5, width=8).train(), gray(2, 1, 32, 32)
    with torch.no_grad():
        assert not torch.equal(net(x), net(x)) and torch.equal(net.eval()(x), net(x))
        assert PatchCritic()(torch.zeros(1, 3, 256, 256)).shape==(1, 1, 30, 30)
