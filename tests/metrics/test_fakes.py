from pathlib import Path

import numpy as np
import pytest
import torch

from stylegan_cli.errors import NetworkFileError, UsageError
from stylegan_cli.latents.sampling import Sampling
from stylegan_cli.metrics.cases import network_case
from stylegan_cli.metrics.fakes import DrawnPictures, draw_fakes, seeds_of
from stylegan_cli.metrics.features import Workplace
from stylegan_cli.metrics.metric import Request
from stylegan_cli.metrics.pictures import StoredPictures
from stylegan_cli.metrics.protocol import OURS
from stylegan_cli.networks.execution import Execution
from stylegan_cli.networks.snapshot import load_network
from stylegan_cli.rendering.render import render
from stylegan_cli.sizes import square
from stylegan_cli.studies.grid import grid


def fakes_of(network, **changes):
    usual = {
        "file": network.path,
        "sha256": network.sha256,
        "size": network.G.size,
        "count": 6,
        "seed": 2,
        "device": torch.device("cpu"),
        "sampling": Sampling(noise_mode="random"),
    }
    return DrawnPictures(**{**usual, **changes})


def draw(fakes, *parts):
    return np.concatenate(list(fakes.batches(parts or [range(len(fakes))])))


def test_they_are_the_images_that_grid_draws_from_their_seeds(network):
    sampling = Sampling(noise_mode="random", psi=0.7)
    found = draw(fakes_of(network, sampling=sampling))
    seeds = list(range(2_000_000, 2_000_006))
    drawn = [cell.pixels for cell in render(network.G, grid(network, seeds, sampling))]
    assert np.abs(found.astype(int) - np.array(drawn)).max() <= 1


def test_an_image_does_not_depend_on_its_batch(network):
    fakes = fakes_of(network)
    whole, parts = draw(fakes), draw(fakes, range(1), range(1, 6))
    assert np.abs(whole.astype(int) - parts).max() <= 1


def test_equal_codes_are_still_as_many_images(network):
    sampling = Sampling(psi=0.0)
    found = draw(fakes_of(network, sampling=sampling))
    assert (found == found[0]).all()


def labelled(count, label):
    def read(_):
        raise AssertionError("only labels are asked for")

    return StoredPictures(
        name="", size=square(8), count=count, read=read, sha256="data", how="", label=label
    )


def test_labels_are_those_of_images_of_the_data_set(network_with_classes):
    class_1 = labelled(9, lambda _: np.eye(3, dtype=np.float32)[1])
    drawn = draw(fakes_of(network_with_classes, labels=class_1))
    chosen = draw(
        fakes_of(network_with_classes, sampling=Sampling(noise_mode="random", class_name="dog"))
    )
    assert np.array_equal(drawn, chosen)


def test_labels_occur_as_often_as_in_the_data_set(network_with_classes):
    asked = []

    def label(index):
        asked.append(index)
        return np.eye(3, dtype=np.float32)[index % 3]

    draw(fakes_of(network_with_classes, labels=labelled(4, label), count=40))
    assert set(asked) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    "change", [{"seed": 3}, {"sampling": Sampling(psi=0.5, noise_mode="random")}, {"sha256": "x"}]
)
def test_other_images_have_another_identity(network, change):
    assert fakes_of(network, **change).identity != fakes_of(network).identity


@pytest.mark.parametrize(("seed", "count"), [(4295, 1), (4294, 967_297), (0, 1_000_001)])
def test_seeds_that_numpy_has_not_are_refused(seed, count):
    with pytest.raises(UsageError, match=rf"`seed={seed}`: out of range for {count} images"):
        seeds_of(seed, range(count))


def test_the_last_seeds_there_are_can_be_used():
    assert seeds_of(4294, range(967_296))[-1] == 2**32 - 1


def test_images_that_are_no_numbers_are_told_with_their_network(network):
    broken = load_network(network.path)
    with torch.no_grad():
        next(broken.G.synthesis.parameters()).fill_(float("nan"))
    with pytest.raises(NetworkFileError, match=r"000012\.safetensors: .* NaN or infinite"):
        draw_fakes(broken, fakes_of(network), range(2))


def test_fakes_in_bf16_have_features_of_their_own_and_those_in_float32_the_usual(network):
    identities = {}
    for precision in ("auto", "fp32", "bf16"):
        place = Workplace(folder=Path(), execution=Execution(precision=precision))
        case = network_case(network.path, None, Request(num=2), OURS, place)
        identities[precision] = case.fakes[0].identity
        assert case.facts.get("precision") == identities[precision].get("precision")
    assert identities["auto"] == identities["fp32"]
    assert "precision" not in identities["fp32"]
    assert identities["bf16"] == {**identities["fp32"], "precision": "bf16"}


def test_fakes_are_drawn_in_the_precision_asked_for(network):
    whole = draw(fakes_of(network))
    half = draw(fakes_of(network, execution=Execution(precision="bf16")))
    assert 0 < np.abs(whole.astype(int) - half).max() <= 16
