import numpy as np
import pytest

from stylegan_cli.errors import UsageError
from stylegan_cli.studies.discovery.finding import (
    component_layer,
    find_components,
    find_sefa,
)
from stylegan_cli.studies.discovery.findings import without_repeats
from tests.directions.vectors import worst_cosine


def test_sefa_moves_the_layers_whose_weights_count(network):
    found = find_sefa(network, layers=("all", "coarse"), count=3)
    assert [each.name for each in found.directions] == [
        *(f"sefa/{i}" for i in range(3)),
        *(f"sefa/coarse/{i}" for i in range(3)),
    ]
    assert found.directions[0].layers == tuple(range(network.G.num_ws))
    assert found.directions[3].layers == (0, 1, 2, 3)
    assert found.directions[0].facts["share"] >= found.directions[1].facts["share"]


def test_steps_are_standard_deviations_of_what_the_network_draws(network):
    found = find_components(network, samples=4000, count=2)
    first, second = found.directions
    assert first.sigma > second.sigma > 0
    low, high = first.facts["safe_range"]
    assert low <= 0 <= high


def test_components_of_activations_move_the_activations(network):
    found = find_components(network, samples=600, layer="b4", count=3)
    assert all(each.space == "w" and each.sigma > 0 for each in found.directions)


@pytest.mark.parametrize("kind", ["progan", "traditional", "stylegan1", "stylegan2"])
def test_every_family_has_directions(growing_networks, kind):
    network = growing_networks[kind]
    for found in (find_sefa(network, count=2), find_components(network, samples=200, count=2)):
        space = "w" if network.G.has_w else "z"
        assert [each.space for each in found.directions] == [space] * 2
        assert all(each.sigma > 0 for each in found.directions)


def test_components_do_not_tell_classes_apart(network_with_classes):
    one = find_components(network_with_classes, samples=600, count=2, class_index=1)
    assert one.request["class"] == 1
    assert len(find_components(network_with_classes, samples=600, count=2).directions) == 2


def test_a_repeated_direction_says_which_one_it_repeats(network):
    found = without_repeats(network, find_sefa(network, layers=("all", "0-5"), count=1))
    same = worst_cosine(*(each.unit for each in found.directions)) > 1 - 1e-6
    assert same and found.directions[1].facts["repeats"] == "sefa/0"


@pytest.mark.parametrize("layer", ["b128", "b4.nothing"])
def test_layers_that_are_not_there_are_refused(network, layer):
    with pytest.raises(UsageError, match="no such layer"):
        _ = find_components(network, samples=100, layer=layer).directions


def test_spaces_are_w_or_a_layer():
    assert component_layer("w") is None
    assert component_layer("activations:b8.conv0") == "b8.conv0"
    with pytest.raises(UsageError, match="space"):
        component_layer("s")


def test_directions_are_the_same_every_time(network):
    one, other = (find_components(network, samples=500, count=2) for _ in range(2))
    np.testing.assert_array_equal(one.directions[1].vector, other.directions[1].vector)


def test_steps_of_one_class_are_its_own(network_with_classes):
    one, all_of_them = (
        find_sefa(network_with_classes, count=1, class_index=index).directions[0]
        for index in (1, None)
    )
    np.testing.assert_array_equal(one.vector, all_of_them.vector)
    assert one.mean_coordinate != all_of_them.mean_coordinate
