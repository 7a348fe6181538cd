import pytest
import torch

from stylegan_cli.training.augment import augment, draw
from stylegan_cli.training.augment.color import band_gains, filter_bank
from tests.ops.derivatives import seeded
from tests.training.augment.percentiles import draws_at

# centre tap and taps right of it, from the specification
ROWS = (
    (0.125, 0.1186523, 0.1054688, 0.0890503, 0.0703125, 0.0510864, 0.0322266, 0.0142822, 0),
    (0.125, 0.0922852, 0.0351562, -0.0245972, -0.0703125, -0.0686646, -0.0478516, -0.0230713, 0),
    (0.25, 0.0703125, -0.140625, -0.0957031, 0, 0.0175781, 0.015625, 0.0087891, 0),
    (0.5, -0.28125, 0, 0.03125, 0, 0, 0, 0, 0),
)


def test_the_filters_are_those_of_the_paper():
    bank = filter_bank()
    assert bank.shape == (4, 43)
    torch.testing.assert_close(bank[:, 21:30], torch.tensor(ROWS).double(), rtol=0, atol=1e-7)
    torch.testing.assert_close(bank, bank.flip(1))


def test_all_bands_together_are_an_impulse():
    impulse = torch.zeros(43, dtype=torch.float64)
    impulse[21] = 1
    torch.testing.assert_close(filter_bank().sum(0), impulse)


def test_gains_leave_the_expected_power_alone():
    gains = band_gains(draw(range(50)), {"filter": 0.5})
    # each band's change is normalised on its own
    one = band_gains(draw(range(1)), {"filter": 0.0})
    torch.testing.assert_close(one, torch.ones(1, 4).double())
    assert 0.9 < gains.log().mean().exp() < 1.1


@pytest.mark.parametrize("side", [4, 8, 64])
def test_a_filtered_constant_is_a_constant(side):
    x = torch.full((1, 3, side, side), 0.5, dtype=torch.float64)
    draws = draws_at(0.9, 1)
    low = band_gains(draws, {"filter": 1.0})[0, 0]
    torch.testing.assert_close(augment(x, draws, {"filter"}, 1.0), low**2 * x)


def test_rows_and_columns_are_filtered_alike():
    x = seeded(0, 1, 3, 24, 24)
    turned = augment(x.mT, draw([3]), {"filter"}, 1.0)
    torch.testing.assert_close(turned, augment(x, draw([3]), {"filter"}, 1.0).mT)
