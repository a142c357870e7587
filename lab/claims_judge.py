"What a critic may add beside saturation: other hues, or pictures that a judge cannot tell from photos."
import torch
import torch.nn.functional as F
from fastai.torch_core import set_seed

from colorize_nb.color.space import rgb2lab
from colorize_nb.models.papers.patchgan import PatchCritic

STEPS, BS, RATE = 150, 32, 1e-3


def hues(rgb, n=12):
    "Share of the chroma of all pixels that each twelfth of the circle of hues has, from rose on."
    a, b = rgb2lab(rgb)[:,1:].unbind(1)
    angle = torch.atan2(b, a).rad2deg().remainder(360)
    share = torch.bincount((angle*n/360).long().clamp(max=n-1).flatten(), a.hypot(b).flatten(), n)
    return [round(v, 4) for v in (share/share.sum()).tolist()]


def pair(rgb):
    "What a judge sees: lightness and, four times larger than `ab/128`, color."
    lab = rgb2lab(rgb)
    return torch.cat([lab[:,:1]/50-1, lab[:,1:]/32], 1)


@torch.no_grad()
def verdicts(judge, rgb):
    "One number per photo: the larger, the more it looks like a photo to the judge."
    return torch.cat([judge(pair(b)).mean((1,2,3)) for b in rgb.split(100)])


def auc(real, fake):
    "Share of all pairs of a photo and a prediction in which the photo gets the larger verdict; 0.5 is guessing."
    return (real[:,None]>fake).float().mean().item()


def judged(made, photos, made_held, held, seed):
    "A PatchGAN trained afresh on photos and predictions `(n,3,H,W)`, asked about others: the area under its ROC curve."
    set_seed(seed)
    judge = PatchCritic(3, width=32, layers=2, norm='spectral')
    opt = torch.optim.Adam(judge.parameters(), lr=RATE, betas=(.5, .999))
    for _ in range(STEPS):
        real, fake = (pair(t[torch.randint(len(t), (BS,))]) for t in (photos, made))
        loss = F.softplus(-judge(real)).mean()+F.softplus(judge(fake)).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
    return auc(verdicts(judge.eval(), held), verdicts(judge, made_held))
