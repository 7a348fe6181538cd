import numpy as np
import pytest

from stylegan_cli.errors import UsageError
from stylegan_cli.latents import Sampling
from stylegan_cli.studies.grid import grid


def test_a_grid_has_an_image_for_each_seed_in_order(network):
    plan = grid(network, [9, 3, 4, 5])
    assert plan.codes.shape == (4,)
    assert plan.axes[0].names == ("9", "3", "4", "5")
    assert plan.request["seeds"] == "9,3-5"


def test_psi_zero_gives_the_same_image_for_every_seed(network):
    ws = grid(network, [1, 2], Sampling(psi=0.0)).codes.ws
    assert np.array_equal(ws[0], ws[1])


def test_the_request_names_the_class_by_its_index(network_with_classes):
    assert grid(network_with_classes, [1], Sampling(class_name="owl")).request["class"] == 2


def test_a_class_of_a_network_without_classes_is_refused(network):
    with pytest.raises(UsageError, match="--class 1"):
        grid(network, [1], Sampling(class_name="1"))


def test_a_long_list_of_seeds_is_counted_in_the_title(network):
    assert grid(network, range(0, 100, 2)).sheets == ("50 seeds",)
