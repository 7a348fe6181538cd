from dataclasses import replace

import numpy as np
import pytest
import torch

from stylegan_cli.data.dataset import open_dataset
from stylegan_cli.errors import DataError, UsageError
from stylegan_cli.latents.sampling import Sampling, map_latents
from stylegan_cli.metrics.metric import Conclusion, Remark
from stylegan_cli.metrics.separability import separability_series
from stylegan_cli.metrics.separability.classifier import (
    Classifier,
    ClassifierOptions,
    ClassifierPanel,
    Description,
    build_classifier,
)
from stylegan_cli.metrics.separability.separability import (
    Faces,
    check_faces,
    draw_faces,
    judge,
    labels_of,
    spaces_of,
    w_of_faces,
    z_of_faces,
)
from stylegan_cli.networks.snapshot import load_network
from stylegan_cli.rendering.render import render, to_pixels
from stylegan_cli.studies.grid import grid
from tests.tiny import write_network


@pytest.fixture(scope="module")
def panel():
    description = Description(
        names=("hat", "beard"),
        side=16,
        channels=3,
        data="made up",
        options=ClassifierOptions(finest_features=4),
        accuracy=(0.9, 0.8),
        majority=(0.5, 0.5),
    )
    classifier = Classifier(description=description, network=build_classifier(description).eval())
    return ClassifierPanel(classifiers=(classifier,), sha256=("0" * 64,))


@pytest.fixture
def faces(network, dataset):
    return Faces(network=network, dataset=dataset, num=8, seed=3)


def concluded(faces, panel, spaces=("w", "z"), protocol=None):
    """What the series of separability amounts to, its conclusion last."""
    series = separability_series(faces, panel, spaces, protocol)
    return series, list(series.conclude(series.measure(range(faces.num))))


def test_the_images_are_those_that_grid_draws_from_the_same_seeds(faces, network):
    seeds = [3_000_002, 3_000_003]
    drawn = [
        cell.pixels
        for cell in render(network.G, grid(network, seeds, Sampling(noise_mode="random")))
    ]
    ours = to_pixels(draw_faces(faces, range(2, 4)))
    assert np.abs(ours.astype(int) - np.stack(drawn)).max() <= 1


def test_codes_are_those_of_the_images(faces, network):
    z = z_of_faces(faces)
    w = map_latents(network.G, z, labels_of(faces, range(8)))
    assert np.allclose(w_of_faces(faces), w.numpy(), atol=1e-5)


def test_judgements_do_not_depend_on_what_was_there(faces, panel):
    whole = judge(faces, panel, range(8))
    assert np.allclose(judge(faces, panel, range(2, 4)), whole[2:4], rtol=1e-4, atol=1e-5)


def test_labels_are_those_of_images_of_the_data_set(tmp_path, image_folder):
    labelled = open_dataset(image_folder, resolution=16, labels=True)
    path = write_network(tmp_path / "network.safetensors", classes=("a", "b"))
    faces = Faces(network=load_network(path), dataset=labelled, num=40, seed=0)
    found = labels_of(faces, range(40))
    assert found.sum(1).tolist() == [1] * 40
    assert (found.sum(0) > 10).all()
    assert np.array_equal(labels_of(faces, range(7, 9)), found[7:9])


@pytest.mark.parametrize("there", [True, False])
def test_labels_that_the_network_does_not_take_are_refused(
    network_with_classes, dataset, panel, there
):
    given = dataset if there else None
    with pytest.raises(DataError, match=r"labels of 0 numbers, .* takes 3"):
        check_faces(Faces(network=network_with_classes, dataset=given, num=4, seed=0), panel)


@pytest.mark.parametrize(
    "change", [{"side": 32}, {"channels": 1}, {"side": "16x8"}, {"side": "12x16"}]
)
def test_classifiers_of_other_images_are_refused(faces, panel, change):
    (classifier,) = panel.classifiers
    other = replace(classifier, description=replace(classifier.description, **change))
    with pytest.raises(UsageError, match="`classifier`: that of hat looks at images of"):
        check_faces(faces, replace(panel, classifiers=(other,)))


def test_a_network_without_labels_needs_no_data(network, panel, faces):
    alone = replace(faces, dataset=None)
    check_faces(alone, panel)
    first, again = (judge(each, panel, range(8)) for each in (faces, alone))
    assert np.array_equal(first, again)


def test_protocols_have_their_names_and_leave_the_codes_as_they_are(faces, panel):
    series, (*_, conclusion) = concluded(faces, panel, ("z",), "stylegan1")
    assert list(conclusion.values) == ["ls_trained_z"]
    assert "unscaled" in series.request["svm"]
    with pytest.raises(UsageError, match="`protocol=ada`: does not define separability"):
        separability_series(faces, panel, ("z",), "ada")


def test_spaces_are_those_the_network_has(network, growing_networks):
    assert spaces_of(network) == ("w", "z")
    assert spaces_of(growing_networks["progan"]) == ("z",)


def test_scores_are_two_to_the_sums_of_their_spaces(faces, panel):
    _, (*_, conclusion) = concluded(faces, panel)
    assert isinstance(conclusion, Conclusion)
    attributes = conclusion.facts["attributes"]
    assert [(each["name"], each["space"]) for each in attributes] == [
        ("hat", "w"),
        ("beard", "w"),
        ("hat", "z"),
        ("beard", "z"),
    ]
    bits = sum(each["entropy"] for each in attributes[:2])
    assert conclusion.values["separability_trained_w"] == pytest.approx(2**bits)
    assert conclusion.arrays["entropy_w"].sum() == bits


def test_an_attribute_that_never_varies_is_reported(faces, panel):
    (classifier,) = panel.classifiers
    with torch.no_grad():
        before = classifier.network.b4.out.bias.clone()
        classifier.network.b4.out.bias[0] = 1e6
    _, (*events, conclusion) = concluded(faces, panel, ("z",))
    classifier.network.b4.out.bias.data.copy_(before)
    told = "\n".join(event.text for event in events if isinstance(event, Remark))
    assert conclusion.facts["attributes"][0]["entropy"] == 0
    assert "hat: all of the 4 images that count, so there is nothing to separate" in told
    assert "4 codes that count are few for the 8 dimensions of z" in told


def test_networks_without_w_and_seeds_beyond_the_last_are_refused(
    growing_networks, network, dataset, panel
):
    progan = Faces(network=growing_networks["progan"], dataset=dataset, num=4, seed=0)
    with pytest.raises(UsageError, match="`space=w`: this network makes images straight from z"):
        separability_series(progan, panel, ("w", "z"))
    beyond = Faces(network=network, dataset=dataset, num=4, seed=5000)
    with pytest.raises(UsageError, match="`seed=5000`: out of range for 4 images"):
        separability_series(beyond, panel, ("w", "z"))
