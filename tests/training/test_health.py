import json

import numpy as np
import pytest
import torch
from PIL import Image

from stylegan_cli.data.dataset import open_dataset
from stylegan_cli.networks.family import build_generator
from stylegan_cli.sizes import square
from stylegan_cli.training.health import Probe, spread
from stylegan_cli.training.loop import train
from tests.tiny import tiny, tiny_growing, tiny_run
from tests.training.test_memory import assert_same_networks

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def shades(tmp_path_factory):
    """Ten images of one colour each, far from each other."""
    folder = tmp_path_factory.mktemp("shades")
    for i, colour in enumerate(np.random.default_rng(0).integers(0, 256, (10, 3)).tolist()):
        Image.new("RGB", (16, 16), tuple(colour)).save(folder / f"{i}.png")
    return open_dataset(folder, resolution=16)


class Album(torch.nn.Module):
    """Makes images of a list, whatever the codes."""

    def __init__(self, images):
        super().__init__()
        self.images = images

    def forward(self, ws, noise):
        return self.images[torch.arange(len(ws)) % len(self.images)]


def measured(dataset, images=None, recipe=None):
    recipe = recipe or tiny("health.every_ticks=1")
    G = build_generator(recipe, c_dim=dataset.c_dim).eval().requires_grad_(False)
    if images is not None:
        G.synthesis.forward = Album(images).forward
    probe = Probe(recipe, dataset, CPU)
    return probe.measure(G)


def images_of(dataset):
    pixels = np.stack([dataset.read(i)[0] for i in range(len(dataset))])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1


def test_training_images_themselves_are_as_various_and_copies(shades):
    found = measured(shades, images_of(shades))
    assert found["diversity"] == pytest.approx(1, abs=0.1)
    assert found["nearest_ratio"] == pytest.approx(0, abs=1e-3)


def test_of_more_channels_those_of_the_preview_count(tmp_path):
    random = np.random.default_rng(0)
    for i in range(4):
        np.save(tmp_path / f"{i}.npy", random.integers(0, 256, (16, 16, 5), np.uint8))
    images = open_dataset(tmp_path, resolution=16, channels=5)
    copies = images_of(images)
    copies[:, :2] = 0
    five = ("health.every_ticks=1", "data.channels=5")
    seen = measured(images, copies, tiny(*five, "data.preview=[4,3,2]"))
    assert seen["nearest_ratio"] == pytest.approx(0, abs=1e-3)
    assert measured(images, copies, tiny(*five))["nearest_ratio"] > 0.1


def test_diversity_is_not_measured_by_a_single_training_image(shades):
    assert "diversity" not in measured(shades.part(1, seed=0))


def test_one_image_for_every_code_has_no_variety(shades):
    found = measured(shades, images_of(shades)[:1])
    assert found["diversity"] == pytest.approx(0, abs=1e-4)


def test_images_unlike_all_others_are_no_copies(shades):
    noise = torch.rand(16, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert measured(shades, noise)["nearest_ratio"] > 1


def test_mirror_images_count_as_training_images_where_they_are(tmp_path):
    sides = np.zeros((4, 16, 16, 3), np.uint8)
    for i, image in enumerate(sides):
        image[:, :4] = 60 * i + 60
        Image.fromarray(image).save(tmp_path / f"{i}.png")
    dataset = open_dataset(tmp_path, resolution=16)
    mirrored = images_of(dataset).flip(3)
    ratios = [
        measured(dataset, mirrored, tiny("health.every_ticks=1", f"data.mirror={mirror}"))
        for mirror in ("false", "true")
    ]
    assert ratios[0]["nearest_ratio"] > 1
    assert ratios[1]["nearest_ratio"] == pytest.approx(0, abs=1e-3)


def test_copies_are_only_looked_for_among_all_images(tmp_path):
    for i in range(20):
        Image.new("L", (16, 16), 10 * i).save(tmp_path / f"{i:02}.png")
    dataset = open_dataset(tmp_path, resolution=16, channels=1)
    for total_kimg, is_told in ((0.064, False), (2.0, True)):
        recipe = tiny("health.every_ticks=1", "data.channels=1", f"train.total_kimg={total_kimg}")
        assert ("nearest_ratio" in measured(dataset, recipe=recipe)) == is_told


@pytest.mark.parametrize("channels", [1, 4])
def test_grey_and_clear_images_are_looked_at(tmp_path, channels):
    mode = {1: "L", 4: "RGBA"}[channels]
    for i in range(3):
        Image.new(mode, (16, 16), 80 * i if channels == 1 else (80 * i, 9, 9, 200)).save(
            tmp_path / f"{i}.png"
        )
    dataset = open_dataset(tmp_path, resolution=16, channels=channels)
    recipe = tiny("health.every_ticks=1", f"data.channels={channels}")
    assert measured(dataset, recipe=recipe)["diversity"] >= 0


def test_a_growing_network_is_compared_at_its_size(shades):
    recipe = tiny_growing("health.every_ticks=1")
    G = build_generator(recipe, c_dim=0).eval()
    probe = Probe(recipe, shades, CPU)
    for lod, side in ((1.0, 8), (0.5, 16), (0.0, 16)):
        G.lod = lod
        assert probe.measure(G)["diversity"] > 0
        assert list(probe.yardsticks) == [square(side)]


def test_w_that_never_varies_is_dead():
    w = torch.randn(256, 8, generator=torch.Generator().manual_seed(0))
    assert spread(w) == {"w_spread": pytest.approx(1, abs=0.05), "w_dead": 0}
    w[:, :2] = 3
    assert spread(w)["w_dead"] == 0.25
    assert spread(torch.ones(256, 8)) == {"w_spread": 0, "w_dead": 1}


def test_health_changes_no_bit_of_the_weights(dataset, tmp_path):
    for name, every in (("with", 2), ("without", 0)):
        recipe = tiny(f"health.every_ticks={every}", "train.total_kimg=0.032")
        list(train(tiny_run(recipe, dataset, tmp_path / name)))
    assert_same_networks(tmp_path / "with", tmp_path / "without")
    lines = (tmp_path / "with" / "stats.jsonl").read_text().splitlines()
    first, last = map(json.loads, lines)
    looked_at = {"diversity", "w_spread", "w_dead"}
    assert looked_at & set(first) == set()
    assert looked_at | {"r_t", "score_real", "score_fake"} <= set(last)
