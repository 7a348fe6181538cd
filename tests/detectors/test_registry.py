import numpy as np
import pytest
import torch
from PIL import Image

from stylegan_cli.detectors import (
    default_detector,
    detector_names,
    how_to_get_standard,
    is_standard,
)
from stylegan_cli.detectors.registry import open_detector
from stylegan_cli.detectors.weights import find_weights, write_weights
from stylegan_cli.errors import UsageError, WeightsError
from tests.detectors.made import REFERENCE


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SGTOOL_CACHE", str(tmp_path))


def example(name):
    with Image.open(REFERENCE / "lpips" / f"ex_{name}.png") as image:
        return torch.tensor(np.asarray(image.convert("RGB"))).permute(2, 0, 1)[None]


def test_the_shipped_distance_gives_the_known_answers():
    detector = open_detector("alex", purpose="distance", device="cpu")
    distances = detector.distance(
        example("ref").expand(2, -1, -1, -1), torch.cat([example("p0"), example("p1")])
    )
    assert distances.tolist() == pytest.approx([0.7219, 0.1376], abs=5e-5)


def test_the_shipped_detector_carries_the_hash_of_its_content():
    detectors = [open_detector("alex", purpose=p, device="cpu") for p in ("features", "distance")]
    assert {detector.sha256 for detector in detectors} == {
        "2a496d974282a475bab201071d3cdc046b34538cc6680e8d90f0bcd2dba08345"
    }


def test_the_shipped_features_have_the_promised_size():
    detector = open_detector("alex", purpose="features", device="cpu")
    assert detector.features(example("ref")).shape == (1, detector.feature_dim) == (1, 256)


def test_features_of_an_image_do_not_depend_on_its_batch():
    detector = open_detector("alex", purpose="features", device="cpu")
    both = torch.cat([example("ref"), example("p0")])
    torch.testing.assert_close(detector.features(both)[:1], detector.features(both[:1]))


def test_bytes_and_floats_give_the_same_features():
    detector = open_detector("alex", purpose="features", device="cpu")
    pixels = example("ref")
    assert torch.equal(detector.features(pixels), detector.features(pixels.float()))


def test_grey_images_are_seen_as_grey_in_all_colours():
    detector = open_detector("alex", purpose="features", device="cpu")
    grey = example("ref")[:, :1]
    assert torch.equal(detector.features(grey), detector.features(grey.expand(-1, 3, -1, -1)))


def test_a_detector_computes_in_float32_where_the_caller_does_not():
    detector = open_detector("alex", purpose="distance", device="cpu")
    plain = detector.distance(example("ref"), example("p0"))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(detector.distance(example("ref"), example("p0")), plain)


def test_without_other_weights_the_shipped_detector_is_the_default():
    purposes = ("features", "manifold", "distance")
    assert [default_detector(purpose) for purpose in purposes] == ["alex"] * 3


@pytest.mark.parametrize(
    ("purpose", "standard"),
    [("features", "inception"), ("manifold", "vgg16"), ("distance", "vgg16")],
)
def test_one_detector_is_the_standard(purpose, standard):
    names = detector_names(purpose)
    assert [name for name in names if is_standard(name, purpose)] == [standard] == [names[0]]


def test_missing_weights_end_in_words_with_both_ways_to_get_them():
    with pytest.raises(WeightsError) as caught:
        open_detector("inception", purpose="features", device="cpu")
    message = str(caught.value)
    assert message.startswith("`detector=inception`: ")
    assert "91 MiB" in message
    assert "sgtool weights fetch inception" in message
    assert "sgtool weights add pt_inception-2015-12-05-6726825d.pth" in message


def test_the_standard_detector_is_named_with_the_command_that_gets_it():
    assert how_to_get_standard("features") == (
        "inception (about 91 MiB, Apache-2.0): sgtool weights fetch inception"
    )


def test_a_detector_there_is_not_is_refused_with_those_there_are():
    with pytest.raises(UsageError, match=r"use vgg16, alex$"):
        open_detector("inception", purpose="distance", device="cpu")


def test_weights_of_another_network_are_refused(tmp_path):
    path = tmp_path / "weights" / "mobilenet.safetensors"
    write_weights(path, {"features.0.weight": torch.zeros(2)}, {})
    with pytest.raises(WeightsError, match="do not fit"):
        open_detector("mobilenet", purpose="features", device="cpu")


def test_a_detector_without_classes_says_so():
    detector = open_detector("alex", purpose="features", device="cpu")
    assert not detector.tells_classes
    with pytest.raises(UsageError, match="use inception"):
        detector.probabilities(torch.zeros(1, 256))


def test_the_shipped_weights_are_found():
    assert find_weights("alex").is_file()
