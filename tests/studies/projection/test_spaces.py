import numpy as np
import pytest
import torch

from stylegan_cli.studies.projection.spaces import (
    distances,
    statistics,
    whitening_from,
    whitening_of,
)
from tests.studies.projection.vectors import load

VECTORS = load()
CODES = torch.from_numpy(VECTORS["pnorm/w"])
MOMENTS = (VECTORS["pnorm/mean"], VECTORS["pnorm/cov"])
W_DIM = CODES.shape[1]
UNLABELLED = np.zeros((1, 0), np.float32)


def test_distances_in_p_space_are_the_reference_ones():
    plain = W_DIM * distances(whitening_from(*MOMENTS, floor=0.0), CODES) ** 2
    np.testing.assert_allclose(plain, VECTORS["pnorm/squared"], rtol=1e-3)
    floored = W_DIM * distances(whitening_from(*MOMENTS), CODES) ** 2
    np.testing.assert_allclose(floored, VECTORS["pnorm/squared_floored"], rtol=1e-3)


def test_p_coordinates_lead_there_and_back():
    whitening = whitening_from(*MOMENTS)
    back = whitening.colour(whitening.whiten(CODES))
    torch.testing.assert_close(back, CODES, rtol=1e-5, atol=1e-5)


def test_samples_lie_at_a_distance_of_one():
    w = torch.randn(2000, 6, generator=torch.Generator().manual_seed(0))
    assert abs((distances(whitening_of(w), w) ** 2).mean() - 1) < 0.05


def test_percentiles_say_how_many_samples_lie_farther_in(network):
    found = statistics(network.G, UNLABELLED)
    assert found.percentile(0.0) == 0
    assert found.percentile(np.inf) == 100
    assert found.percentile(float(np.median(found.distances))) == pytest.approx(50, abs=0.1)
