import numpy as np
import pytest

from stylegan_cli.directions.components import first_maps, sefa
from stylegan_cli.networks.drawing import prepare
from tests.directions.vectors import reference, reference_generator, worst_cosine

CASES = sorted(
    {
        key.rsplit("/", 1)[0]
        for key in reference()
        if key.endswith("/layers") and key.startswith("sefa")
    }
)


@pytest.mark.parametrize("case", CASES)
def test_directions_equal_the_reference(case):
    maps = first_maps(reference_generator(case.split("/")[1]))
    found = sefa([maps[i] for i in reference()[f"{case}/layers"]])
    expected = reference()[f"{case}/vectors"]
    np.testing.assert_allclose(found.values, reference()[f"{case}/values"], rtol=1e-5)
    np.testing.assert_allclose(found.vectors, expected, atol=1e-5)
    assert worst_cosine(found.vectors, expected) >= 1 - 1e-5


def test_every_w_has_a_map():
    for name in ("sg2_g_skip_64", "sg1_32", "progan_32", "sg2_g_resnet_32", "sg2tf_configd_32"):
        G = reference_generator(name)
        maps = first_maps(G)
        assert list(maps) == list(range(G.num_ws))
        assert {len(each) for each in maps.values()} == {G.w_dim}


def test_values_sum_up_to_the_columns():
    maps = first_maps(reference_generator("sg2_g_skip_64"))
    columns = sum(each.shape[1] for each in maps.values())
    assert np.isclose(sefa(maps.values()).values.sum(), columns)


def test_gains_and_the_order_of_channels_change_nothing():
    maps = first_maps(reference_generator("sg1_32"))
    order = np.random.default_rng(0).permutation(maps[0].shape[1])
    changed = {**maps, 0: 7 * maps[0][:, order]}
    found, plain = (sefa(each.values()).vectors for each in (changed, maps))
    np.testing.assert_allclose(found, plain, atol=1e-9)


def test_a_prepared_network_has_the_same_directions():
    for name in ("sg2_g_skip_64", "sg1_32", "progan_32"):
        G = reference_generator(name)
        plain, prepared = (sefa(first_maps(each).values()) for each in (G, prepare(G)))
        assert worst_cosine(plain.vectors, prepared.vectors) > 1 - 1e-9
