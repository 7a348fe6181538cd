import numpy as np
import pytest

from stylegan_cli.errors import UsageError
from stylegan_cli.latents.sampling import PLAIN, Sampling
from stylegan_cli.rendering.render import render
from stylegan_cli.studies.grid import GridOptions, grid
from stylegan_cli.studies.noise.variations import NoiseChange, blended


def pixels(network, plan):
    return {cell.address.position: cell.pixels for cell in render(network.G, plan)}


def changed(network, sampling=PLAIN, seeds=(1, 2), **change):
    options = GridOptions(noise=NoiseChange(**change))
    return grid(network, seeds, sampling, options)


def test_scales_zero_and_one_are_no_noise_and_the_noise_itself(network):
    drawn = pixels(network, changed(network, scales=(0.0, 1.0, 2.0)))
    none, fixed = (
        pixels(network, grid(network, [1, 2], Sampling(noise_mode=mode)))
        for mode in ("none", "const")
    )
    for seed in (0, 1):
        np.testing.assert_array_equal(drawn[seed, 0], none[seed,])
        np.testing.assert_array_equal(drawn[seed, 1], fixed[seed,])
        assert not np.array_equal(drawn[seed, 2], drawn[seed, 1])


def test_draws_depend_on_the_image_and_the_number_alone(network):
    one = pixels(network, changed(network, draws=(3, 5)))
    other = pixels(network, changed(network, seeds=(2, 9), draws=(5,)))
    np.testing.assert_array_equal(one[1, 1], other[0, 0])
    assert not np.array_equal(one[1, 0], one[1, 1])


def test_inputs_that_are_not_chosen_keep_their_noise(network):
    plan = changed(network, draws=(0,), layers="0,1")
    maps = plan.codes.own_noise[0, 0].maps
    fixed = [layer.noise_const.numpy() for layer in network.G.noise_layers]
    assert [np.array_equal(a, b) for a, b in zip(maps, fixed, strict=True)] == [
        number > 1 for number in range(len(maps))
    ]


def test_masks_of_ones_and_zeros_are_the_new_and_the_old_noise(network):
    for value, like in ((1.0, changed(network, draws=(0,))), (0.0, None)):
        mask = np.full((16, 16), value, np.float32)
        plan = changed(network, draws=(0,), mask=mask)
        for seed in (0, 1):
            maps = plan.codes.own_noise[seed, 0].maps
            fixed = [layer.noise_const.numpy() for layer in network.G.noise_layers]
            expected = fixed if like is None else like.codes.own_noise[seed, 0].maps
            for a, b in zip(maps, expected, strict=True):
                np.testing.assert_array_equal(a, b)


def test_blended_noise_keeps_its_variance():
    random = np.random.default_rng(0)
    mask = np.linspace(0, 1, 16, dtype=np.float32).repeat(16).reshape(16, 16)
    old, new = random.standard_normal((2, 512, 512), dtype=np.float32)
    assert blended(old, new, mask).var() == pytest.approx(1, abs=0.02)


def test_changes_that_mean_nothing_are_refused(network, growing_networks):
    with pytest.raises(UsageError, match="noise_seeds"):
        changed(network, layers="0")
    with pytest.raises(UsageError, match="noise_mask"):
        changed(network, scales=(1.0,), mask=np.ones((16, 16), np.float32))
    with pytest.raises(UsageError, match="noise_mode"):
        changed(network, Sampling(noise_mode="none"), draws=(0,))
    with pytest.raises(UsageError, match="no noise inputs"):
        changed(growing_networks["progan"], draws=(0,))
