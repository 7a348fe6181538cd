import numpy as np
import pytest

from stylegan_cli.errors import UsageError
from stylegan_cli.latents.sampling import Sampling
from stylegan_cli.rendering.plan import Address
from stylegan_cli.rendering.render import render
from stylegan_cli.studies.grid import grid
from stylegan_cli.studies.truncation import PSIS, truncation

WITH_W = ["traditional", "stylegan1", "stylegan2"]


def images(network, plan):
    return {cell.address: cell.pixels for cell in render(network.G, plan, batch_size=5)}


@pytest.mark.parametrize("kind", WITH_W)
def test_psi_zero_gives_one_image_for_all_seeds_and_it_is_the_mean(growing_networks, kind):
    network = growing_networks[kind]
    drawn = images(network, truncation(network, [1, 2, 3], [1.0, 0.0], mean=True))
    for row in range(3):
        assert np.array_equal(drawn[Address("/", (row, 1))], drawn[Address("mean", ())])
    assert not np.array_equal(drawn[Address("/", (0, 0))], drawn[Address("mean", ())])


@pytest.mark.parametrize("kind", WITH_W)
@pytest.mark.parametrize("noise_mode", ["const", "random"])
def test_psi_one_gives_the_untruncated_image_to_the_bit(growing_networks, kind, noise_mode):
    network = growing_networks[kind]
    sampling = Sampling(noise_mode=noise_mode if network.G.has_noise else "const")
    swept = truncation(network, [1, 2], [0.5, 1.0], sampling=sampling)
    plain = grid(network, [1, 2], sampling)
    assert np.array_equal(swept.codes.ws[:, 1], plain.codes.ws)
    assert np.array_equal(swept.codes.noise_seed[:, 1], plain.codes.noise_seed)
    # one at a time: another batch changes the last bits
    drawn, alone = (
        {cell.address: cell.pixels for cell in render(network.G, plan, batch_size=1)}
        for plan in (swept, plain)
    )
    for row in range(2):
        assert np.array_equal(drawn[Address("/", (row, 1))], alone[Address("/", (row,))])


def test_rows_are_seeds_and_columns_strengths(network):
    plan = truncation(network, [5, 6], [1.0, 0.7, -0.5])
    assert list(plan.axes) == ["seed", "psi"]
    assert list(plan.axes.values()) == [("5", "6"), ("1", "0.7", "-0.5")]
    assert np.array_equal(plan.codes.ws[:, 1], grid(network, [5, 6], Sampling(psi=0.7)).codes.ws)


def test_the_papers_strengths_are_the_usual_ones(network):
    assert truncation(network, [0]).codes.shape == (1, len(PSIS))


def test_a_cutoff_leaves_the_layers_from_it_on(network):
    plan = truncation(network, [5], [1.0, 0.0], sampling=Sampling(cutoff=2))
    assert np.array_equal(plan.codes.ws[0, 0, 2:], plan.codes.ws[0, 1, 2:])
    assert not np.array_equal(plan.codes.ws[0, 0, :2], plan.codes.ws[0, 1, :2])


def test_a_strength_given_twice_is_drawn_once(network):
    assert truncation(network, [5], [1.0, 0.0, 1.0]).axes["psi"] == ("1", "0")


def test_nearly_equal_strengths_have_names_of_their_own(network):
    names = truncation(network, [5], [0.1, 0.1000000001]).axes["psi"]
    assert len(set(names)) == 2


def test_a_network_without_w_says_so(growing_networks):
    with pytest.raises(UsageError, match=r"no w to truncate; draw single images"):
        truncation(growing_networks["progan"], [1])
