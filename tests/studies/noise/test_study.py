from itertools import islice

import h5py
import numpy as np
import pytest
import torch

from stylegan_cli.errors import UsageError
from stylegan_cli.latents.sampling import Sampling
from stylegan_cli.networks.noise import NOISE_MODES, noise_maps
from stylegan_cli.networks.snapshot import load_network
from stylegan_cli.rendering.plan import Address
from stylegan_cli.rendering.recording import Recording
from stylegan_cli.rendering.render import draw_images, render, to_greys
from stylegan_cli.studies.grid import grid
from stylegan_cli.studies.noise.measurements import liveliest
from stylegan_cli.studies.noise.study import NoiseOptions, noise_variation
from tests.tiny import grown

CONST, RANDOM = NOISE_MODES.index("const"), NOISE_MODES.index("random")
FEW = NoiseOptions(draws=3)


def with_strengths(network, strengths):
    """The network with these noise strengths in place of its own."""
    changed = load_network(network.path)
    for layer, strength in zip(changed.G.noise_layers, strengths, strict=True):
        layer.noise_strength.data.fill_(strength)
    return changed


def images(network, plan):
    return {cell.address: cell.pixels for cell in render(network.G, plan, batch_size=5)}


def measured(network, plan, folder, batch_size=None):
    """All arrays of the plan's measurements, `variation/mean` and so on."""
    with Recording(network, plan, folder) as recording:
        list(recording.cells(batch_size))
        list(recording.measurements(batch_size))
    with h5py.File(recording.paths.unfinished) as file:
        return {
            f"{name}/{array}": file[name][array][...]
            for name, measurement in plan.made.measurements.items()
            for array in measurement.arrays
        }


@pytest.fixture(scope="module")
def plan(network):
    return noise_variation(network, [1, 2], FEW)


@pytest.fixture(scope="module")
def arrays(network, plan, tmp_path_factory):
    return measured(network, plan, tmp_path_factory.mktemp("noise"), 4)


def test_without_a_list_there_is_one_for_each_range_of_the_network(plan):
    assert plan.axes["noise"] == ("all", "none", "coarse", "middle")


def test_the_fixed_noise_on_all_inputs_gives_the_seeds_image(network, plan):
    drawn, plain = images(network, plan), images(network, grid(network, [1, 2]))
    for seed in range(2):
        assert np.array_equal(drawn[Address("/", (seed, 0))], plain[Address("/", (seed,))])


def test_noise_on_no_inputs_gives_the_seeds_image_without_noise(network, plan):
    plain = images(network, grid(network, [1, 2], Sampling(noise_mode="none")))
    drawn = images(network, plan)
    for seed in range(2):
        assert np.array_equal(drawn[Address("/", (seed, 1))], plain[Address("/", (seed,))])


@pytest.mark.parametrize(
    ("kind", "text", "inputs"),
    [
        ("stylegan1", "coarse", (0, 1, 2, 3)),
        ("stylegan1", "middle", (4, 5)),
        ("stylegan1", "0-1", (0, 1)),
        ("stylegan2", "coarse", (0, 1, 2)),
        ("stylegan2", "middle", (3, 4)),
        ("stylegan2", "0-1", (0, 1)),
        ("stylegan2", "coarse,3-", (0, 1, 2, 3, 4)),
        ("stylegan2", "none", ()),
    ],
)
def test_a_list_means_these_noise_inputs(growing_networks, kind, text, inputs):
    plan = noise_variation(growing_networks[kind], [1], NoiseOptions(layers=["all", text]))
    modes = plan.codes.noise_modes[0, 1]
    assert tuple(np.flatnonzero(modes == CONST)) == inputs
    assert not np.delete(modes, inputs).any()


def test_draws_get_random_noise_on_the_first_list_with_any(network):
    options = NoiseOptions(draws=2, layers=["none", "middle", "all"])
    modes = noise_variation(network, [1], options).made.series["draws"].noise_modes
    assert (modes == [0, 0, 0, RANDOM, RANDOM]).all()


def test_every_draw_has_noise_of_its_own(plan):
    seeds = plan.made.series["draws"].noise_seed
    assert len(np.unique(seeds)) == seeds.size == 6


def test_draws_of_a_seed_depend_on_that_seed_alone(network, plan):
    other = noise_variation(network, [2, 7], NoiseOptions(draws=5))
    assert np.array_equal(
        plan.made.series["draws"].noise_seed[1], other.made.series["draws"].noise_seed[0, :3]
    )


def test_maps_are_those_of_the_draws(network, plan, arrays):
    drawn = images(network, plan)
    draws = np.stack([drawn[Address("draws", (1, i))] for i in range(3)]).astype(float)
    np.testing.assert_allclose(arrays["variation/mean"][1, 0], draws.mean(axis=0), atol=1)
    np.testing.assert_allclose(arrays["variation/std"][1, 0], draws.std(axis=0, ddof=1), atol=1)
    assert arrays["variation/std"][1, 0].max() > 10


def test_without_noise_nothing_varies(arrays):
    assert not arrays["variation/std"][:, 1].any()
    assert not arrays["variance/noise"][1].any()


def test_the_variance_of_styles_without_noise_is_that_of_the_images(arrays):
    plain = arrays["variation/mean"][:, 1].astype(float)
    np.testing.assert_allclose(
        arrays["variance/style"][1], plain.var(axis=0, ddof=1), rtol=1e-4, atol=1e-3
    )


def greys(network, seed, noise):
    ws = torch.from_numpy(grid(network, [seed]).codes.ws)
    return to_greys(draw_images(network.G, ws, noise))[0]


def test_the_contribution_of_a_layer_is_the_difference_its_noise_alone_makes(network, plan, arrays):
    sides, number = network.G.synthesis.noise_sizes, 3
    squares = []
    for i, seed in enumerate((1, 2)):
        plain = greys(network, seed, "none")
        for noise_seed in plan.made.series["draws"].noise_seed[i].tolist():
            maps = noise_maps(sides, [noise_seed], torch.device("cpu"))
            alone = [m if k == number else torch.zeros_like(m) for k, m in enumerate(maps)]
            squares.append(((greys(network, seed, alone) - plain) ** 2).mean())
    assert arrays["layers/rms"][number] == pytest.approx(np.sqrt(np.mean(squares)), rel=1e-4)


def test_layers_tell_their_strength_and_side(network, arrays):
    assert arrays["layers/side"].tolist() == [
        size.height for size in network.G.synthesis.noise_sizes
    ]
    np.testing.assert_allclose(arrays["layers/strength"], 0.3, rtol=1e-6)


def test_a_layer_without_strength_contributes_nothing_and_the_others_do(network, tmp_path):
    partly = with_strengths(network, [0.3, 0, 0.3, 0.3, 0.3])
    rms = measured(partly, noise_variation(partly, [1], FEW), tmp_path)["layers/rms"]
    assert rms[1] == 0
    assert (np.delete(rms, 1) > 0).all()


def test_without_noise_strength_nothing_varies_at_all(network, tmp_path):
    silent = with_strengths(network, [0] * 5)
    plan = noise_variation(silent, [1, 2], FEW)
    arrays = measured(silent, plan, tmp_path, 2)
    for name in ("variation/std", "variance/noise", "contribution/difference", "layers/rms"):
        assert not arrays[name].any()
    assert arrays["variance/style"].any()
    assert "all noise strengths of this network are 0" in plan.made.notes[-1]


def test_a_network_that_uses_its_noise_has_nothing_to_note(plan):
    assert plan.notes == plan.made.notes == ()


def test_the_batch_size_changes_nothing_but_rounding(network, plan, arrays, tmp_path):
    others = measured(network, plan, tmp_path, 1)
    for name in ("variation/mean", "variation/std", "layers/rms"):
        np.testing.assert_allclose(others[name], arrays[name], atol=1e-2)


@pytest.mark.parametrize("stop_after", [1, 14])
def test_measuring_goes_on_where_it_stopped(network, plan, arrays, tmp_path, stop_after):
    with Recording(network, plan, tmp_path) as recording:
        list(recording.cells(4))
        list(islice(recording.measurements(4), stop_after))
    resumed = measured(network, plan, tmp_path, 4)
    assert all(np.array_equal(resumed[name], arrays[name]) for name in arrays)


def test_the_part_to_enlarge_is_where_the_variance_is_largest():
    std = np.ones((16, 16, 3), np.float32)
    std[9:13, 2:6] = 3
    assert liveliest(std, 4) == (2, 9, 4)


def test_where_nothing_varies_the_middle_is_enlarged():
    assert liveliest(np.zeros((16, 16, 3), np.float32), 4) == (6, 6, 4)


def test_a_chosen_part_is_enlarged_of_every_seed(network, tmp_path):
    plan = noise_variation(network, [1, 2], NoiseOptions(draws=2, crop=(10, 0, 6)))
    assert measured(network, plan, tmp_path)["crops/window"].tolist() == [[10, 0, 6]] * 2


def test_one_seed_alone_makes_no_picture_of_variances(network, plan):
    assert tuple(plan.pictures) == ("draws", "maps", "layers", "variance")
    assert tuple(noise_variation(network, [1], FEW).pictures) == ("draws", "maps", "layers")


def test_a_network_half_grown_is_measured_as_far_as_it_has_grown(growing_networks, tmp_path):
    network = grown(growing_networks["stylegan1"].path, 1.0)
    arrays = measured(network, noise_variation(network, [1], FEW), tmp_path)
    assert arrays["layers/side"].tolist() == [4, 4, 8, 8]
    assert arrays["variation/std"].shape[2:] == (16, 16, 3)


@pytest.mark.parametrize("kind", ["progan", "traditional"])
def test_a_network_without_noise_inputs_says_so(growing_networks, kind):
    with pytest.raises(UsageError, match=r"no noise inputs.*draw single images"):
        noise_variation(growing_networks[kind], [1])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"draws": 1}, "`draws=1`: a variance needs at least 2"),
        ({"crop": (10, 0, 7)}, "`crop=10,0,7`: reaches beyond the images, which are 16×16"),
        ({"crop": (0, 0, 0)}, "`crop=0,0,0`"),
        ({"layers": ["none"]}, "`layers=none`: nothing is left to draw"),
        ({"layers": ["5"]}, "`layers=5`: 5 is out of range; the valid range is 0-4"),
        ({"layers": ["fine"]}, "`layers=fine`: this network has no layers from 64 px"),
    ],
    ids=str,
)
def test_what_the_study_cannot_do_is_refused(network, options, words):
    with pytest.raises(UsageError, match=words):
        noise_variation(network, [1], NoiseOptions(**options))


def test_another_noise_mode_is_refused(network):
    with pytest.raises(UsageError, match="`noise_mode=random`"):
        noise_variation(network, [1], sampling=Sampling(noise_mode="random"))


def test_components_of_all_draws_hold_all_of_their_variance(network, tmp_path):
    loud = with_strengths(network, [0.5] * len(network.G.noise_layers))
    plan = noise_variation(loud, [0], NoiseOptions(draws=4, components=3))
    found = measured(loud, plan, tmp_path)
    np.testing.assert_allclose(found["components/share"].sum(axis=1), 1, atol=1e-5)
    variance = (found["components/component"][0].astype(np.float64) ** 2).sum(axis=0) * 4 / 3
    np.testing.assert_allclose(variance, found["variation/std"][0, 0] ** 2, atol=0.05)
    with pytest.raises(UsageError, match="1-3"):
        noise_variation(network, [0], NoiseOptions(draws=4, components=4))
