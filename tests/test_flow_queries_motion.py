"Flow matching, color queries, reference photos, and motion between frames, each compared with a value worked out by hand."
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from colorize_nb.color.codecs import LabAB
from colorize_nb.color.space import lab2rgb, rgb2lab
from colorize_nb.core.photo import bundled_photos, open_photo, to_image, to_tensor
from colorize_nb.infer.exemplar import match_features, match_lightness
from colorize_nb.infer.motion import find_motion, follow_motion, propagate_keyframe
from colorize_nb.models.layers import create_model
from colorize_nb.models.queries import QueryDecoder
from colorize_nb.train.flow import FlowMatching, diversity, sample_flow


class Velocity(torch.nn.Module):
    "Return the time as the velocity everywhere."
    def forward(self, x, z, t): return t[:,None,None,None].expand_as(z)


@pytest.mark.parametrize('n', [1, 4, 10])
def test_eulers_method_takes_the_given_number_of_steps(n):
    z = sample_flow(Velocity(), None, torch.ones(2, 2, 3, 3), n)
    assert torch.allclose(z, torch.full_like(z, 1+(n-1)/(2*n)), atol=1e-6) # the sum of i/n over the steps, divided by n


def flow_batch(y, **options):
    "Return `(z_t, t)` and the target that the callback derives from `y`."
    torch.manual_seed(0)
    flow = FlowMatching(**options)
    flow.learn = SimpleNamespace(xb=(y[:,:1],), yb=(y,), dls=SimpleNamespace(codec=LabAB()))
    flow.before_batch()
    return *flow.learn.xb[1:], flow.learn.yb[0]


def test_flow_matching_puts_a_batch_on_the_line_from_noise_to_the_target():
    y = torch.full((4000, 2, 2, 2), 3.)
    z, t, velocity = flow_batch(y)
    t4 = t[:,None,None,None]
    assert torch.allclose(z+(1-t4)*velocity, y, atol=1e-5) # following the velocity from z_t for the remaining time leads to y
    noise = y-velocity
    assert abs(noise.mean().item())<.05 and abs(noise.std().item()-1)<.05


def test_middle_concentrates_the_times():
    def spread(middle): return flow_batch(torch.zeros(20000, 2, 1, 1), middle=middle)[1].std().item()
    assert spread(None)==pytest.approx(12**-.5, abs=.01) # uniform
    assert spread(.5)<spread(1.)<spread(None)


def test_grid_sets_the_resolution_of_the_color():
    y = torch.arange(16.).view(1, 1, 4, 4).expand(1, 2, -1, -1)
    z, t, velocity = flow_batch(y, grid=(2, 2))
    assert z.shape==velocity.shape==(1, 2, 2, 2)
    end = z+(1-t[:,None,None,None])*velocity
    assert torch.allclose(end[0,0], torch.tensor([[2.5, 4.5], [10.5, 12.5]]), atol=1e-5) # means of 2 x 2 colors


def test_diversity_is_the_distance_between_two_samples():
    samples = torch.stack([torch.zeros(1, 2, 4, 4), torch.tensor([3., 4.]).view(1, 2, 1, 1).expand(1, 2, 4, 4)])
    assert diversity(samples).tolist()==[5.]
    with pytest.raises(ValueError, match='at least two'): diversity(samples[:1])


@pytest.mark.parametrize('n', [5, 12])
def test_the_decoder_returns_one_map_per_query(n):
    features = [torch.rand(2, c, 64//s, 64//s) for c,s in ((24, 4), (40, 8), (112, 16), (320, 32))]
    decoder = QueryDecoder([24, 40, 112, 320], n_queries=n).eval()
    assert decoder(features).shape==(2, n, 16, 16)
    queries, attention = decoder.attend(features)
    assert queries.shape[1]==n and [a.shape[-2:] for a in attention]==[(2, 2), (4, 4), (8, 8)] # from coarse to fine
    assert all(torch.allclose(a.flatten(2).sum(-1), torch.ones(2, n), atol=1e-5) for a in attention)


def test_every_position_can_change_the_color_of_every_other():
    net = create_model('unet_queries', n_in=1, n_out=2).eval().double() # an untrained network changes colors by about 1e-8
    x = torch.rand(1, 1, 64, 64, dtype=torch.float64)
    other = x.clone()
    other[...,48:,48:] = 1-other[...,48:,48:]
    with torch.no_grad(): change = (net(x)-net(other)).abs()
    assert net(x).shape==(1, 2, 16, 16) and (change[...,:2,:2]>1e-12).all()


def test_colors_are_matched_by_lightness_rank():
    ramp = np.linspace(0, 255, 64).astype(np.uint8)
    reference = np.zeros((8, 64, 3), np.uint8)
    reference[...,:2] = ramp[None,:,None] # the lighter, the more yellow
    ab = match_lightness(Image.fromarray(np.tile(ramp//2+60, (8, 1))).convert('RGB'), Image.fromarray(reference), .03)
    true = rgb2lab(to_tensor(Image.fromarray(reference)))[0,1:]
    assert ab.shape==(1, 2, 8, 64) and (ab[0]-true)[:,:,4:-4].abs().max()<8
    wide = match_lightness(Image.fromarray(np.tile(ramp, (8, 1))).convert('RGB'), Image.fromarray(reference), 1.)
    assert ab[0,1,0,0]<3 and wide[0,1,0,0]>10 # only black, then the mean of the darker half


def grid_encoder(x):
    "Return a constant feature map, and one with the position of each cell."
    h, w = x.shape[-2]//8, x.shape[-1]//8
    g = torch.stack(torch.meshgrid(torch.linspace(-1, 1, h), torch.linspace(-1, 1, w), indexing='ij'))
    return [torch.ones(len(x), 1, h, w), torch.cat([g, g**2, g.prod(0, keepdim=True), 1+0*g[:1]]).expand(len(x), -1, -1, -1)]


def test_colors_are_matched_by_features():
    photo = open_photo(bundled_photos('all')['coast']).resize((64, 64))
    ab, similarity = match_features(photo.convert('L'), photo, grid_encoder, 64, 1e-4, (1,))
    cells = torch.nn.functional.adaptive_avg_pool2d(rgb2lab(to_tensor(photo))[:,1:], 8)
    assert ab.shape==(1, 2, 8, 8) and similarity.min()>.999
    assert torch.allclose(ab, cells, atol=.5) # each cell matches itself
    flat, _ = match_features(photo.convert('L'), photo, grid_encoder, 64, 1e4, (1,))
    assert torch.allclose(flat, cells.mean((2, 3), keepdim=True).expand_as(flat), atol=.05) # at a high temperature, all cells get the mean


def shifted(n):
    "Return two 64 x 64 crops of a photo. The second one is shifted by `n` pixels to the right."
    photo = open_photo(bundled_photos()['chelsea'])
    return [photo.crop((x, 80, x+64, 144)) for x in (190, 190+n)]


def lightness(img): return rgb2lab(to_tensor(img))[:,:1]


def test_motion_matches_a_known_shift():
    before, now = shifted(3)
    motion = find_motion(lightness(now), lightness(before))
    assert abs(motion[0].median().item())<.5 and motion[1,:,:56].median().item()==pytest.approx(3, abs=.5)
    moved = follow_motion(lightness(before), torch.stack([torch.zeros(64, 64), torch.full((64, 64), 3.)]))
    assert torch.allclose(moved[...,:60], lightness(now)[...,:60], atol=1e-3)


def test_colors_of_a_keyframe_follow_the_motion():
    before, now = shifted(2)
    first, second = propagate_keyframe([f.convert('L').convert('RGB') for f in (before, now)], before)
    true, gray = (rgb2lab(to_tensor(i))[:,1:,:,:56] for i in (now, now.convert('L').convert('RGB')))
    error = (rgb2lab(to_tensor(second))[:,1:,:,:56]-true).norm(dim=1).mean()
    assert error<.5*(gray-true).norm(dim=1).mean()
    cut = list(propagate_keyframe([f.convert('L').convert('RGB') for f in (before, now)], before, cut=0.))[1]
    assert rgb2lab(to_tensor(cut))[:,1:].norm(dim=1).mean()<3 # after a cut, the colors start from gray


@pytest.mark.parametrize('sigma', [5., 10., 20.])
def test_colors_fade_where_the_lightness_changes(sigma):
    "Where a square gets lighter by 10, the share of the moved color is exp(-(10/sigma)^2/2). The rest is gray."
    def flat(L, ab): return torch.cat([L, torch.tensor(ab).view(1, 2, 1, 1).expand(1, 2, 64, 64)], 1)
    before, now = torch.full((1, 1, 64, 64), 55.), torch.full((1, 1, 64, 64), 55.)
    now[...,22:42,22:42] = 65.
    keyframe, frame = to_image(lab2rgb(flat(before, [30., 20.]))), to_image(lab2rgb(flat(now, [0., 0.])))
    second = list(propagate_keyframe([keyframe, frame], keyframe, sigma=sigma))[1]
    chroma = rgb2lab(to_tensor(second))[0,1:].norm(dim=0)/1300**.5
    assert chroma[32,32].item()==pytest.approx(np.exp(-.5*(10/sigma)**2), abs=.03) and chroma[4,4].item()==pytest.approx(1, abs=.03)
