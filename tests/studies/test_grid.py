import numpy as np
import pytest

from stylegan_cli.errors import UsageError
from stylegan_cli.latents.references import parse_picks
from stylegan_cli.latents.sampling import Sampling
from stylegan_cli.studies.grid import GridOptions, grid


def test_a_grid_has_an_image_for_each_seed_in_order(network):
    plan = grid(network, [9, 3, 4, 5])
    assert plan.codes.shape == (4,)
    assert plan.axes["seed"] == ("9", "3", "4", "5")
    assert plan.request["seeds"] == "9,3-5"


def test_psi_zero_gives_the_same_image_for_every_seed(network):
    ws = grid(network, [1, 2], Sampling(psi=0.0)).codes.ws
    assert np.array_equal(ws[0], ws[1])


def test_the_request_names_the_class_by_its_index(network_with_classes):
    assert grid(network_with_classes, [1], Sampling(class_name="owl")).request["class"] == 2


def test_a_class_of_a_network_without_classes_is_refused(network):
    with pytest.raises(UsageError, match="`class=1`"):
        grid(network, [1], Sampling(class_name="1"))


def test_a_long_list_of_seeds_is_counted_in_the_title(network):
    assert grid(network, range(0, 100, 2)).sheets == ("50 seeds",)


def test_several_strengths_are_sheets_of_one_plan(network):
    plan = grid(network, [1, 2], options=GridOptions(psis=(0.5, 1.0)))
    assert plan.sheets == ("psi 0.5", "psi 1")
    for sheet, psi in enumerate((0.5, 1.0)):
        assert np.array_equal(
            plan.codes.ws[sheet], grid(network, [1, 2], Sampling(psi=psi)).codes.ws
        )


def test_one_strength_is_the_same_study_as_that_of_the_sampling(network):
    by_option = grid(network, [1], options=GridOptions(psis=(0.5,)))
    assert by_option.request == grid(network, [1], Sampling(psi=0.5)).request


def test_per_class_has_a_row_for_each_class(network_with_classes):
    plan = grid(network_with_classes, [1, 2], options=GridOptions(per_class=True))
    assert plan.axes["class"] == ("cat", "dog", "owl")
    owls = grid(network_with_classes, [1, 2], Sampling(class_name="owl"))
    assert np.array_equal(plan.codes.ws[2], owls.codes.ws)


@pytest.mark.parametrize(
    ("sampling", "options", "words"),
    [
        (Sampling(class_name="cat"), GridOptions(per_class=True), "`per_class` and `class`"),
        (Sampling(), GridOptions(per_class=True, collage=True), "`per_class` and `collage`"),
    ],
)
def test_options_that_exclude_each_other_are_refused(
    network_with_classes, sampling, options, words
):
    with pytest.raises(UsageError, match=words):
        grid(network_with_classes, [1], sampling, options)


def test_ws_have_no_rows_of_classes(network_with_classes, tmp_path):
    np.save(tmp_path / "ws.npy", grid(network_with_classes, [1]).codes.ws)
    picks = parse_picks(f"1,{tmp_path}/ws.npy")
    with pytest.raises(UsageError, match="`per_class`: w and ws have a class in them"):
        grid(network_with_classes, picks, options=GridOptions(per_class=True))


def test_a_collage_of_too_many_images_is_refused(network):
    with pytest.raises(UsageError, match="`collage`: 501 images; choose at most 500"):
        grid(network, range(501), options=GridOptions(collage=True))


@pytest.mark.parametrize("psi", [0.5, -1.0])
def test_every_strength_must_be_possible(growing_networks, psi):
    with pytest.raises(UsageError, match="has no w to truncate"):
        grid(growing_networks["progan"], [1], options=GridOptions(psis=(1.0, psi)))
