"Networks that only the claims need: a part taken out, or a head in place of another."
import torch
from torch import nn

from colorize_nb.models.compact import UnetCompact
from colorize_nb.models.papers.stanford import stanford_convs
from colorize_nb.models.layers import create_model


class NoSkips(UnetCompact):
    "The compact U-Net with zeros in place of what its skips carry: `(B,n_in,H,W)` -> `(B,n_out,H/2,W/2)`."
    def forward(self, x):
        sizes = []
        for down in self.downs: sizes.append(x := down(x))
        x = self.context(sizes.pop())
        for up in self.ups: x = up(x, torch.zeros_like(sizes.pop()))
        return self.head(self.drop(x))


class FullSize(nn.Module):
    "The compact U-Net with four times the channels in its head, laid out as pixels: `(B,n_in,H,W)` -> `(B,n_out,H,W)`."
    def __init__(self, n_in, n_out, **kwargs):
        super().__init__()
        self.net, self.shuffle = UnetCompact(n_in, 4*n_out, **kwargs), nn.PixelShuffle(2)

    def forward(self, x): return self.shuffle(self.net(x))


class Convs(nn.Module):
    """Stanford's 5x5 convolutions at half size and a head, convolutional or dense (of one size, twice `cells`):
    `(B,n_in,H,W)` -> `(B,n_out,H/2,W/2)`."""
    def __init__(self, n_in, n_out, widths, head='conv', cells=32):
        super().__init__()
        self.convs = nn.Sequential(nn.AvgPool2d(2), stanford_convs(n_in, widths))
        if head=='conv': self.head = nn.Conv2d(widths[-1], n_out, 1)
        else:
            dense = nn.Linear(widths[-1]*cells**2, n_out*cells**2)
            self.head = nn.Sequential(nn.Flatten(), dense, nn.Unflatten(1, (n_out, cells, cells)))

    def forward(self, x): return self.head(self.convs(x))


OWN = dict(no_skips=NoSkips, full_size=FullSize, convs=Convs)

def network(name, n_in, n_out, size, kwargs):
    "One of these, or one that the library knows."
    return OWN[name](n_in, n_out, **kwargs) if name in OWN else create_model(name, n_in, n_out, size=size, **kwargs)
