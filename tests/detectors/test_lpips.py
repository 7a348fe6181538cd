import pytest
import torch

from stylegan_cli.detectors.registry import open_detector
from stylegan_cli.errors import DataError


@pytest.fixture(scope="module")
def detector():
    return open_detector("alex", purpose="distance", device="cpu")


@pytest.fixture(scope="module")
def images():
    random = torch.Generator().manual_seed(0)
    return torch.rand(4, 3, 40, 36, generator=random) * 255


def test_an_image_is_at_no_distance_from_itself(detector, images):
    assert detector.distance(images, images).tolist() == [0] * 4


def test_distances_are_symmetric(detector, images):
    forth, back = (
        detector.distance(a, b) for a, b in ((images, images * 0.5), (images * 0.5, images))
    )
    torch.testing.assert_close(forth, back)


def test_embeddings_are_as_far_apart_as_their_images(detector, images):
    others = images.flip(3)
    squares = (detector.embed(images) - detector.embed(others)).square().sum(1)
    torch.testing.assert_close(squares, detector.distance(images, others), rtol=1e-4, atol=1e-6)


def test_a_distance_does_not_depend_on_the_batch(detector, images):
    alone = torch.cat([detector.distance(a[None], a[None] / 2) for a in images])
    torch.testing.assert_close(alone, detector.distance(images, images / 2))


def test_small_images_are_refused_with_the_smallest_size(detector):
    with pytest.raises(DataError, match=r"images of 31×64 .* 32×32 and more"):
        detector.distance(torch.zeros(1, 3, 64, 31), torch.zeros(1, 3, 64, 31))


def test_images_with_alpha_are_refused(detector):
    with pytest.raises(DataError, match="4 channels"):
        detector.embed(torch.zeros(1, 4, 32, 32))
