import numpy as np
import pytest

from stylegan_cli.studies.discovery.measuring import mean_cosine, suggested_layers


def test_equal_changes_are_consistent_and_random_ones_are_not():
    random = np.random.default_rng(0)
    same = np.tile(random.normal(size=64), (8, 1))
    assert mean_cosine(same) == pytest.approx(1)
    assert abs(mean_cosine(random.normal(size=(32, 1024)))) < 0.02


@pytest.mark.parametrize(
    ("shares", "layers"),
    [([0.1, 0.5, 0.35, 0.05], (1, 2)), ([0.9, 0.1], (0, 0)), ([0.25] * 4, (0, 3))],
)
def test_the_fewest_neighbours_that_carry_most_are_suggested(shares, layers):
    assert suggested_layers(np.array(shares)) == layers
