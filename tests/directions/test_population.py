import numpy as np

from stylegan_cli.directions.population import population


def test_codes_are_drawn_once_for_all_who_ask_for_the_same(network):
    drawn = population(network, 50)
    assert population(network, 50) is drawn
    other = population(network, 50, seed=1)
    assert not np.array_equal(other.w, drawn.w)
    assert np.array_equal(population(network, 50).w, drawn.w)
