"""The experiments on the papers' claims, as data; `lab.claims` runs them.

An experiment is a set of variants that differ only in what the claim is about. Settings that a variant doesn't mention
come from `BASE`. `decode` lists the ways in which a prediction becomes color, as `{name: options of the codec}`. If a
name contains 'own L', the photo's lightness replaces the predicted one.
"""

from itertools import product

SMALL = dict(widths=[24,32,48,64], depths=[0,0,1,1])
BASE = dict(
    model='unet_compact', model_kwargs=SMALL, # a name for `create_model`, or one of `claims_models`
    codec='LabAB', codec_kwargs={},
    loss='l1',
    loss_kwargs={},
    l2=0.,            # weight penalty on kernels, as Keras defines it
    pack='train128',  # folder of photos
    n=4000,           # photos to train on
    size=64,          # side of the network's input in pixels
    side=64,          # side of the photos in pixels, at which errors are measured
    cached=False,     # train only what follows a frozen encoder, on cached features
    steps=500,
    seconds=None,     # CPU time, instead of steps
    critic=None,      # seconds of adversarial training afterwards, and the weight of L1 in it
    lr=4e-3,
    settle=False,     # recalculate BatchNorm's statistics at the end: with Keras's momentum of .99, they lag by hundreds of steps
    judge=False,      # train a new judge to tell predictions from photos, at several saturations
    brief=False,      # measure only at the network's own saturation, and save no picture
    decode={'': {}},
)

CLASSES = {'mode': dict(how='mode'), 'mean': dict(how='mean')}
CELLS = {'mode': dict(how='mode'), 'annealed': dict(how='annealed'), 'mean': dict(how='mean')}
OWN_L = {'': {}, 'own L': {}}
FULL = dict(model='full_size')
PLAIN = dict(model='fordham_cnn', n=200, steps=250, lr=2e-3, settle=True, tests=['held', 'seen'])
OWN_3 = [16,16,4] # channels of Stanford's three convolutions
PACKS = dict(general='train128', flowers='flowers128/train', cats='cats128/train', landscapes='landscapes64/train', fruit='fruit64/train')

PIX2PIX = dict(model='stanford_cgan', model_kwargs=dict(width=32), lr=1e-3, steps=20_000, judge=True) # half of pix2pix's width


# A small decoder on the frozen features of EfficientNet-Lite0, with ImageNet's weights, at 128 px
BORROWED = dict(model='unet_lite', model_kwargs=dict(pretrained=True, freeze=True, norm=False, widths=(24,48,96)), cached=True,
                codec_kwargs=dict(ab_scale=50), pack='train240', n=8000, size=128, side=128, steps=500, lr=2e-3)
LITE0 = dict(encoder='efficientnet_lite0', pretrained=True, freeze=True)
CATS = dict(BORROWED, model='cats_vgg16', model_kwargs=LITE0, n=500, steps=600, loss='l2', lr=1e-3, tests=['held', 'seen'])
UNIT = 1/50 # one unit of ab


# The factorial design: each factor has a low and a high level. The loss depends on the codec.
LEVELS = dict(
    model=(dict(model='convs', model_kwargs=dict(widths=[16]*3)), {}),
    codec=({}, dict(codec='JointBins', decode={'': dict(how='mean')})),
    loss=({}, {}),
    size=(dict(size=32), {}),
    data=(dict(n=400), {}),
    time=(dict(steps=75), dict(steps=225)),
)
LOSSES = {(0,0): dict(loss='l2'), (0,1): dict(loss='l1'), # by level of codec and loss
          (1,0): dict(loss='ce', codec_kwargs=dict(grid=15, k=1)), (1,1): dict(loss='soft_ce', codec_kwargs=dict(grid=15))}

def half_fraction():
    "Return half of the 64 combinations, those with an even number of high levels, which keeps all pairs of factors separable."
    arms = {}
    for levels in product((0, 1), repeat=len(LEVELS)):
        if sum(levels)%2: continue
        chosen = dict(zip(LEVELS, levels))
        arm = dict(brief=True)
        for factor,level in chosen.items(): arm |= LEVELS[factor][level]
        arms[' '.join(f for f,level in chosen.items() if level) or 'nothing'] = arm | LOSSES[chosen['codec'], chosen['loss']]
    return arms


def fordham(norm, dropout, l2): return dict(PLAIN, model_kwargs=dict(widths=(16,32,64,128), norm=norm, dropout=dropout), l2=l2)

def classes(codec, n): return dict(codec=codec, codec_kwargs=dict(n=n), loss='ce', decode=CLASSES)

EXPERIMENTS = {
    'losses': {name: BORROWED | arm for name,arm in {
        'L1': {},
        'L2': dict(loss='l2'),
        'smooth L1': dict(loss='smooth_l1', loss_kwargs=dict(beta=UNIT)),
        '10 bins': classes('ChannelBins', 10),
        '10 bins, means': classes('bin means', 10), # `unbin()`, second reading
        '30 bins': classes('ChannelBins', 30),
        '50 bins': classes('ChannelBins', 50),
        '10 density bins': classes('density', 10),
        'cells, soft': dict(codec='JointBins', codec_kwargs=dict(grid=10), loss='soft_ce', decode=CELLS),
        'cells, rebalanced': dict(codec='rebalanced', codec_kwargs=dict(grid=10), loss='rebalanced_ce', decode=CELLS),
    }.items()},
    'cats': {name: CATS | arm for name,arm in {
        'nothing': {},
        'BatchNorm': dict(model_kwargs=LITE0 | dict(norm=True), settle=True),
        'dropout': dict(model_kwargs=LITE0 | dict(dropout=.5)),
        'kernel L2': dict(l2=1e-3),
    }.items()},
    'regularization': {
        'nothing': fordham(False, 0., 0.),
        'BatchNorm': fordham(True, 0., 0.),
        'dropout': fordham(False, .3, 0.),
        'kernel L2': fordham(False, 0., 1e-3),
        'BatchNorm + dropout': fordham(True, .3, 0.),
        'BatchNorm + kernel L2': fordham(True, 0., 1e-3),
        'dropout + kernel L2': fordham(False, .3, 1e-3),
        'all three': fordham(True, .3, 1e-3),
    },
    'spaces': {
        'Lab': dict(FULL),
        'RGB': dict(FULL, codec='RGB', decode=OWN_L),
        'YCbCr': dict(FULL, codec='YCbCr'),
    },
    'networks': {
        'narrow, dense head': dict(model='convs', model_kwargs=dict(widths=OWN_3, head='dense'), lr=1e-3),
        'narrow, convolutional head': dict(model='convs', model_kwargs=dict(widths=OWN_3), lr=1e-3),
        '3 convolutions': dict(model='convs', model_kwargs=dict(widths=[16]*3)),
        '9 convolutions': dict(model='convs', model_kwargs=dict(widths=[16]*9)),
        '9 convolutions, time of 3': dict(model='convs', model_kwargs=dict(widths=[16]*9), steps=220),
        'U-Net, skips cut': dict(model='no_skips'),
        'U-Net': {},
    },
    'data': {
        '1 photo': dict(n=1),
        '40 photos': dict(n=40),
        '400 photos': dict(n=400),
        '4000 photos': {},
        '4 epochs of 1000': dict(n=1000, steps=125),
        '16 epochs of 1000': dict(n=1000),
        '32 epochs of 1000': dict(n=1000, steps=1000),
    },
    'critic': {
        'L1 for twice the time': dict(seconds=120, steps=20_000),
        'L1, then L1 x 100 and a critic': dict(seconds=60, steps=20_000, critic=dict(seconds=60, pixel_weight=100.)),
    },
    'pix2pix': {
        'L1 for twice the time': dict(PIX2PIX, seconds=240),
        'L1, then L1 x 100 and a critic': dict(PIX2PIX, seconds=120, critic=dict(seconds=120, pixel_weight=100.)),
    },
    'factors': half_fraction(),
    'domains': {name: dict(pack=pack, n=1500, tests=[*PACKS]) for name,pack in PACKS.items()},
}
SEEDS = dict(factors=2) # three elsewhere
