"""Simulate scans of old photographs: film that sees colors differently, fading, exposure, blur, grain, and scratches."""
import torch
import torch.nn.functional as F

from colorize_nb.color.space import rgb2lab

PANCHROMATIC = (.299, .587, .114) # weights of red, green, and blue
ORTHOCHROMATIC = (.03, .60, .37) # almost blind to red
BLUE_SENSITIVE = (0., .15, .85) # the oldest plates


def _uniform(n, low, high, like):
    "Return `n` random numbers as `(n,1,1,1)`."
    return torch.empty(n, 1, 1, 1, device=like.device).uniform_(low, high)


def film_lightness(
    rgb, # `(B,3,H,W)` sRGB in [0,1]
    weights, # Sensitivity to red, green, and blue: `(3,)` or `(B,3)`
): # `(B,1,H,W)`, 0 to 100
    "Return the lightness that film with these sensitivities records."
    weights = torch.as_tensor(weights, device=rgb.device).reshape(-1, 3, 1, 1)
    return rgb2lab((rgb*weights).sum(1, keepdim=True).expand_as(rgb))[:,:1]


def _random_film(rgb):
    "Return the lightness that a random mixture of the three kinds of film records, for each photo."
    kinds = torch.tensor([PANCHROMATIC, ORTHOCHROMATIC, BLUE_SENSITIVE], device=rgb.device)
    share = torch.distributions.Dirichlet(torch.tensor([1., .7, .4])).sample([len(rgb)]).to(rgb.device)
    return film_lightness(rgb, share@kinds)


def _blur(L, sigma):
    "Blur each photo with a Gaussian of its own width, in pixels; `sigma` is `(B,1,1,1)`."
    steps = torch.arange(-3, 4, device=L.device)
    kernel = (-(steps/sigma.flatten(1))**2/2).exp()
    kernel = kernel/kernel.sum(1, keepdim=True)
    one = F.pad(L.transpose(0, 1), (3, 3, 3, 3), mode='replicate')
    one = F.conv2d(one, kernel[:,None,None,:], groups=len(L))
    return F.conv2d(one, kernel[:,None,:,None], groups=len(L)).transpose(0, 1)


def _scratch(L):
    "Draw a few nearly vertical lines and some dust on one photo `(1,H,W)`, in place."
    h, w = L.shape[-2:]
    rows = torch.arange(h, device=L.device)
    for _ in range(int(torch.randint(0, 4, ()))):
        drift = (torch.rand(())-.5)*.2
        columns = (torch.rand(())*w+drift*rows).long().clamp(0, w-1)
        L[0,rows,columns] += 25+35*torch.rand(())
    spots = torch.rand(h, w, device=L.device)<2e-4
    L += 40*F.max_pool2d(spots.float()[None], 3, 1, 1)


def simulate_scan(
    rgb, # `(B,3,H,W)` sRGB in [0,1]
): # `(B,1,H,W)`, 0 to 100
    "Return the lightness of randomly aged black-and-white photographs of these scenes."
    n = len(rgb)
    L = _random_film(rgb)
    L = 100*(L/100).clamp(0, 1)**_uniform(n, -.3, .3, L).exp() # exposure
    L = _blur(L, _uniform(n, .2, 1.2, L))
    black, white = _uniform(n, 0, 18, L), _uniform(n, 80, 100, L)
    L = black+L/100*(white-black) # fading
    L = L+torch.randn_like(L)*_uniform(n, 0, 5, L) # grain
    for photo in L:
        if torch.rand(())<.5: _scratch(photo)
    return L.clamp(0, 100)
