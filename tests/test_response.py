"Film response: which light each kind of film records, and how the exposures of a plate are balanced."
import pytest
import torch

from colorize_nb.color.response import FILMS, balance_exposures, film_response

def photo(*rgb): return torch.tensor(rgb, dtype=torch.float32).view(1, 3, 1, 1)

def test_white_stays_white_and_black_stays_black():
    for film in FILMS:
        for v in (0., 1.): assert torch.allclose(film_response(photo(v, v, v), film), photo(v, v, v), atol=1e-5)

def test_each_film_records_its_light():
    "A third of the light is 0.6125 in sRGB, and half of the light is 0.7354 (IEC 61966-2-1)."
    expected = {'panchromatic': (.6125, .6125, .6125), 'orthochromatic': (0, .7354, .7354), 'blue-sensitive': (0, 0, 1)}
    colors = photo(1, 0, 0), photo(0, 1, 0), photo(0, 0, 1)
    red = colors[0]
    for film,values in expected.items():
        assert [film_response(c, film)[0,0,0,0].item() for c in colors]==pytest.approx(values, abs=1e-3), film
    assert film_response(red, (2, 1, 1))[0,0,0,0].item()==pytest.approx(.7354, abs=1e-3)

@pytest.mark.parametrize('film', ['kodachrome', (1, 1), (0, 0, 0), (-1, 1, 1)])
def test_unknown_film_raises_an_error(film):
    with pytest.raises(ValueError, match='film is'): film_response(photo(1, 1, 1), film)

def test_balancing_stretches_each_exposure():
    ramp = torch.linspace(0, 1, 101).view(1, 1, 1, -1)
    plate = torch.cat([.2+.5*ramp, .1+.1*ramp, .6*ramp], 1)
    out = balance_exposures(plate, cut=0)
    assert torch.allclose(out, ramp.expand(-1, 3, -1, -1), atol=1e-4)
    assert (balance_exposures(plate, cut=.1)==0).float().mean()==pytest.approx(.1, abs=.02)
    assert torch.equal(balance_exposures(plate[0]), balance_exposures(plate)[0])
    with pytest.raises(ValueError, match='cut is'): balance_exposures(plate, cut=.5)
