import numpy as np
import pytest
import torch

from stylegan_cli.errors import MetricError, UsageError
from stylegan_cli.latents.sampling import map_latents
from stylegan_cli.metrics.path_length import (
    EPSILON,
    draw_pairs,
    path_distances,
    perceived,
    step_codes,
    step_images,
)
from stylegan_cli.metrics.ppl import PathOptions, check_paths
from stylegan_cli.networks.snapshot import load_network
from tests.networks.families import small
from tests.tiny import write_network, write_untrained


class Squares:
    """Distance by pixels, which is as quick as it is blind."""

    name, sha256 = "squares", "0" * 64

    def distance(self, a, b):
        return ((a.double() - b.double()) / 255).square().mean((1, 2, 3))


@pytest.fixture(scope="module")
def network32(tmp_path_factory):
    return load_network(
        write_network(tmp_path_factory.mktemp("32") / "net.safetensors", resolution=32)
    )


def distances(network, options, batch_size=4):
    starts = range(0, options.num, batch_size)
    parts = [range(start, min(start + batch_size, options.num)) for start in starts]
    return np.concatenate([path_distances(network, Squares(), options, part) for part in parts])


def test_a_pair_depends_on_the_seed_and_its_number_only(network32):
    options = PathOptions(num=8, seed=3)
    all_pairs, one = draw_pairs(network32, options, range(8)), draw_pairs(network32, options, [5])
    for name in ("z_start", "z_end", "t", "labels", "noise_seed"):
        assert np.array_equal(getattr(all_pairs, name)[5:6], getattr(one, name))
    other = draw_pairs(network32, PathOptions(num=8, seed=4), [5])
    assert not np.array_equal(other.z_start, one.z_start)


def test_steps_at_the_end_begin_at_the_first_code(network32):
    options = PathOptions(sampling="end")
    pairs = draw_pairs(network32, options, range(3))
    ws = step_codes(network32.G, pairs, options)
    first = map_latents(network32.G, pairs.z_start, pairs.labels)
    assert np.array_equal(pairs.t, np.zeros(3))
    assert torch.equal(ws[:3, 0], first)


def test_steps_in_w_are_epsilon_of_the_way(network32):
    options = PathOptions(space="w")
    pairs = draw_pairs(network32, options, range(3))
    ws = step_codes(network32.G, pairs, options)
    start, end = (map_latents(network32.G, z, pairs.labels) for z in (pairs.z_start, pairs.z_end))
    step = (ws[3:] - ws[:3]) / EPSILON
    assert torch.allclose(step, (end - start)[:, None].expand_as(step), atol=0.01)


def test_steps_in_z_go_through_the_mapping_network(network32):
    options = PathOptions(space="z", sampling="end")
    pairs = draw_pairs(network32, options, range(3))
    ws = step_codes(network32.G, pairs, options)
    # the mapping network normalises z, so that its length does not matter
    assert torch.allclose(
        ws[:3, 0], map_latents(network32.G, pairs.z_start, pairs.labels), atol=1e-5
    )
    assert not torch.equal(ws[3:], ws[:3])


def test_truncation_shortens_the_steps_in_w(network32):
    pairs = draw_pairs(network32, PathOptions(), range(3))
    whole, half = (step_codes(network32.G, pairs, PathOptions(psi=psi)) for psi in (1.0, 0.5))
    assert torch.allclose(half[3:] - half[:3], 0.5 * (whole[3:] - whole[:3]), atol=1e-6)


def test_both_ends_have_the_same_noise_and_pairs_have_their_own(network32):
    ws = step_codes(network32.G, draw_pairs(network32, PathOptions(), [0, 1]), PathOptions())
    same = torch.cat([ws[:1]] * 4)
    images = step_images(network32.G, same, [7, 8])
    assert torch.equal(images[0], images[2])
    assert torch.equal(images[1], images[3])
    assert not torch.equal(images[0], images[1])


def test_the_batch_size_changes_the_last_digits_only(network32):
    options = PathOptions(num=7)
    whole, single = (
        distances(network32, options, batch_size=7),
        distances(network32, options, batch_size=1),
    )
    assert len(whole) == len(single) == 7
    assert whole == pytest.approx(single, rel=0.02)


def test_more_pairs_keep_the_first_ones(network32):
    few, many = (distances(network32, PathOptions(num=n), batch_size=2) for n in (2, 4))
    assert np.array_equal(many[:2], few)


def test_classes_are_drawn_for_each_pair_unless_one_is_chosen(network_with_classes):
    drawn = draw_pairs(network_with_classes, PathOptions(), range(40)).labels
    assert drawn.sum(1).tolist() == [1] * 40
    assert (drawn.sum(0) > 5).all()
    chosen = draw_pairs(network_with_classes, PathOptions(class_name="dog"), range(4)).labels
    assert chosen.tolist() == [[0, 1, 0]] * 4


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_images_are_seen_in_bytes_range_whatever_their_channels(channels):
    images = torch.linspace(-1, 1, channels * 64 * 64).reshape(1, channels, 64, 64)
    seen = perceived(images, PathOptions(crop=True))
    assert seen.shape == (1, 1 if channels == 1 else 3, 32, 32)
    assert 0 <= float(seen.min()) < float(seen.max()) <= 255


def test_transparent_images_are_seen_on_white():
    assert perceived(torch.full((1, 4, 32, 32), -1.0), PathOptions()).unique().tolist() == [255]


def test_networks_without_w_have_paths_in_z_alone(tmp_path):
    network = load_network(write_untrained(tmp_path / "net.safetensors", small("progan")))
    with pytest.raises(UsageError, match="`space=w`: this network makes images straight from z"):
        check_paths(network, PathOptions(space="w"))
    with pytest.raises(UsageError, match=r"psi.0\.5"):
        check_paths(network, PathOptions(space="z", psi=0.5))
    assert len(distances(network, PathOptions(space="z", num=3))) == 3


def test_images_too_small_to_compare_are_refused_in_words(network, network32):
    with pytest.raises(UsageError, match=r"16 px are too few .* which needs 32 px"):
        check_paths(network, PathOptions())
    with pytest.raises(UsageError, match=r"16 px after cropping are too few .* take `crop=False`"):
        check_paths(network32, PathOptions(crop=True))
    check_paths(network32, PathOptions())


def test_images_that_are_no_numbers_are_named(tmp_path):
    network = load_network(write_network(tmp_path / "net.safetensors", resolution=32))
    with torch.no_grad():
        network.G.mapping.get_submodule("fc0").bias.fill_(torch.nan)
    with pytest.raises(MetricError, match="pair 0 of seed 2 makes images with NaN"):
        distances(network, PathOptions(num=2, seed=2))
