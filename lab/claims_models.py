"""Networks that are only used for the claims, and a judge that learns to tell predictions from photos."""
import torch
import torch.nn.functional as F
from fastai.torch_core import set_seed
from torch import nn

from colorize_nb.color.space import rgb2lab
from colorize_nb.models.compact import UnetCompact
from colorize_nb.models.layers import create_model
from colorize_nb.models.papers.patchgan import PatchCritic
from colorize_nb.models.papers.stanford import stanford_convs


class NoSkips(UnetCompact):
    "The compact U-Net with zeros in its skip connections: `(B,n_in,H,W)` -> `(B,n_out,H/2,W/2)`."
    def forward(self, x):
        sizes = []
        for down in self.downs: sizes.append(x := down(x))
        x = self.context(sizes.pop())
        for up in self.ups: x = up(x, torch.zeros_like(sizes.pop()))
        return self.head(self.drop(x))


class FullSize(nn.Module):
    "The compact U-Net with a head that predicts every pixel: `(B,n_in,H,W)` -> `(B,n_out,H,W)`."
    def __init__(self, n_in, n_out, **kwargs):
        super().__init__()
        self.net, self.shuffle = UnetCompact(n_in, 4*n_out, **kwargs), nn.PixelShuffle(2)

    def forward(self, x): return self.shuffle(self.net(x))


class Convs(nn.Module):
    """Stanford's 5x5 convolutions at half size, with a convolutional or a dense head (a dense one only fits photos of side 2 x `cells`):
    `(B,n_in,H,W)` -> `(B,n_out,H/2,W/2)`."""
    def __init__(self, n_in, n_out, widths, head='conv', cells=32):
        super().__init__()
        self.convs = nn.Sequential(nn.AvgPool2d(2), stanford_convs(n_in, widths))
        if head=='conv': self.head = nn.Conv2d(widths[-1], n_out, 1)
        else:
            dense = nn.Linear(widths[-1]*cells**2, n_out*cells**2)
            self.head = nn.Sequential(nn.Flatten(), dense, nn.Unflatten(1, (n_out, cells, cells)))

    def forward(self, x): return self.head(self.convs(x))


_OWN = dict(no_skips=NoSkips, full_size=FullSize, convs=Convs)

def create(name, n_in, n_out, size, kwargs):
    "Create one of the networks above, or one from the package."
    return _OWN[name](n_in, n_out, **kwargs) if name in _OWN else create_model(name, n_in, n_out, size=size, **kwargs)


# --- the judge

STEPS, BS, RATE = 150, 32, 1e-3


def hues(rgb, n=12):
    "Return the share of the chroma of all pixels in each of `n` equal parts of the hue circle, starting at rose."
    a, b = rgb2lab(rgb)[:,1:].unbind(1)
    angle = torch.atan2(b, a).rad2deg().remainder(360)
    share = torch.bincount((angle*n/360).long().clamp(max=n-1).flatten(), a.hypot(b).flatten(), n)
    return [round(v, 4) for v in (share/share.sum()).tolist()]


def judge_input(rgb):
    "Return lightness and color, with color scaled up four times compared with `ab/128`."
    lab = rgb2lab(rgb)
    return torch.cat([lab[:,:1]/50-1, lab[:,1:]/32], 1)


@torch.no_grad()
def judge_scores(judge, rgb):
    "Return one score per picture; higher means more like a photo."
    return torch.cat([judge(judge_input(b)).mean((1,2,3)) for b in rgb.split(100)])


def auc(real, fake):
    "Return the share of pairs in which the photo scores higher than the prediction; 0.5 is guessing."
    return (real[:,None]>fake).float().mean().item()


def judge_auc(made, photos, made_held, held, seed):
    "Train a new PatchGAN on photos and predictions `(n,3,H,W)`, and return its AUC on held-out ones."
    set_seed(seed)
    judge = PatchCritic(3, width=32, layers=2, norm='spectral')
    opt = torch.optim.Adam(judge.parameters(), lr=RATE, betas=(.5, .999))
    for _ in range(STEPS):
        real, fake = (judge_input(t[torch.randint(len(t), (BS,))]) for t in (photos, made))
        loss = F.softplus(-judge(real)).mean()+F.softplus(judge(fake)).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
    return auc(judge_scores(judge.eval(), held), judge_scores(judge, made_held))
