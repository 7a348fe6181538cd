import numpy as np
import pytest

from stylegan_cli.errors import UsageError
from stylegan_cli.latents.sampling import Sampling
from stylegan_cli.rendering.plan import Address
from stylegan_cli.rendering.render import render
from stylegan_cli.studies.mixing import mix
from tests.tiny import grown

NOISE_MODES = ("const", "random", "none")


def images(network, plan):
    return {cell.address: cell.pixels for cell in render(network.G, plan, batch_size=5)}


def row_image(drawn, row):
    return drawn[Address("row_sources", (row,))]


def col_image(drawn, col):
    return drawn[Address("col_sources", (col,))]


@pytest.mark.parametrize("noise_mode", NOISE_MODES)
def test_crossover_zero_gives_the_columns_image_to_the_bit(network, noise_mode):
    sampling = Sampling(noise_mode=noise_mode)
    drawn = images(network, mix(network, [1, 2], [3, 4, 5], crossover=[0], sampling=sampling))
    for row, col in np.ndindex(2, 3):
        assert np.array_equal(drawn[Address("/", (row, col))], col_image(drawn, col))


@pytest.mark.parametrize("noise_mode", NOISE_MODES)
def test_crossover_num_ws_gives_the_rows_image_to_the_bit(network, noise_mode):
    sampling, last = Sampling(noise_mode=noise_mode), [network.G.num_ws]
    drawn = images(network, mix(network, [1, 2], [3, 4, 5], crossover=last, sampling=sampling))
    for row, col in np.ndindex(2, 3):
        assert np.array_equal(drawn[Address("/", (row, col))], row_image(drawn, row))


@pytest.mark.parametrize("noise_mode", NOISE_MODES)
def test_equal_seeds_give_that_seeds_image(network, noise_mode):
    sampling, everywhere = Sampling(noise_mode=noise_mode), range(network.G.num_ws + 1)
    plan = mix(network, [1, 2], [2, 1], crossover=everywhere, sampling=sampling)
    drawn = images(network, plan)
    for sheet in everywhere:
        assert np.array_equal(drawn[Address("/", (sheet, 0, 1))], row_image(drawn, 0))
        assert np.array_equal(drawn[Address("/", (sheet, 1, 0))], row_image(drawn, 1))


def test_rows_give_the_layers_before_the_crossover(network):
    plan = mix(network, [1, 2], [3], crossover=[2])
    rows, cols = plan.made.sources["row"].ws, plan.made.sources["col"].ws
    assert np.array_equal(plan.codes.ws[:, 0, :2], rows[:, :2])
    assert np.array_equal(plan.codes.ws[1, 0, 2:], cols[0, 2:])


def test_layers_from_a_crossover_on_are_that_crossover(network):
    by_layers = mix(network, [1, 2], [3], layers=["4-"])
    assert np.array_equal(by_layers.codes.ws, mix(network, [1, 2], [3], crossover=[4]).codes.ws)


def test_truncation_and_mixing_commute(network):
    mixed = mix(network, [1], [2], crossover=[3], sampling=Sampling(psi=0.5, cutoff=4))
    plain = mix(network, [1], [2], crossover=[3])
    w_avg = network.G.mapping.w_avg.numpy()
    expected = plain.codes.ws.copy()
    expected[:, :, :4] = w_avg + 0.5 * (expected[:, :, :4] - w_avg)
    np.testing.assert_allclose(mixed.codes.ws, expected, rtol=1e-5, atol=1e-6)


def test_several_crossovers_are_sheets_of_one_plan(network):
    plan = mix(network, [1, 2], [3], crossover=[0, 3, 3])
    assert plan.sheets == ("crossover 0", "crossover 3")
    assert plan.codes.shape == (2, 2, 1)


def test_several_lists_of_layers_are_sheets_of_one_plan(network):
    plan = mix(network, [1, 2], [3], layers=["coarse", "4-"])
    assert plan.sheets == ("coarse layers 0-3", "layers 4,5")


def test_the_middle_layer_is_the_usual_crossover(network):
    assert mix(network, [1], [2]).sheets == (f"crossover {network.G.num_ws // 2}",)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"crossover": [7]}, "`crossover=7`: out of range; the valid range is 0-6"),
        ({"crossover": [-1]}, "`crossover=-1`: out of range"),
        ({"layers": ["0-6"]}, "`layers=0-6`: 6 is out of range; the valid range is 0-5"),
        ({"layers": ["fine"]}, "`layers=fine`: this network has no layers from 64 px"),
        ({"crossover": [1], "layers": ["all"]}, "give one of them"),
    ],
    ids=str,
)
def test_layers_the_network_does_not_have_are_refused(network, options, words):
    with pytest.raises(UsageError, match=words):
        mix(network, [1], [2], **options)


@pytest.mark.parametrize("kind", ["progan", "traditional"])
def test_a_network_without_styles_says_so(growing_networks, kind):
    with pytest.raises(UsageError, match=r"one code for all layers.*draw single images"):
        mix(growing_networks[kind], [1], [2])


@pytest.mark.parametrize("kind", ["stylegan1", "stylegan2"])
def test_every_family_with_styles_mixes(growing_networks, kind):
    network = growing_networks[kind]
    drawn = images(network, mix(network, [1, 2], [3], crossover=[0, 3, network.G.num_ws]))
    for row in range(2):
        assert np.array_equal(drawn[Address("/", (0, row, 0))], col_image(drawn, 0))
        assert np.array_equal(drawn[Address("/", (2, row, 0))], row_image(drawn, row))
        mixed = drawn[Address("/", (1, row, 0))]
        assert not np.array_equal(mixed, row_image(drawn, row))
        assert not np.array_equal(mixed, col_image(drawn, 0))


@pytest.fixture
def half_grown(growing_networks):
    return grown(growing_networks["stylegan1"].path, 1.0)


def test_the_crossover_nobody_chose_is_the_middle_of_the_layers_in_use(half_grown):
    assert mix(half_grown, [1], [2]).sheets == ("crossover 2",)


def test_layers_that_are_not_in_use_yet_are_told(half_grown):
    (note,) = mix(half_grown, [1], [2], crossover=[2, 4]).notes
    assert "crossover 4: has no effect" in note
    assert "grown to 8 px so far and uses layers 0-3" in note
