import gzip

import numpy as np
import pytest

from stylegan_cli.data.idx import IdxSource
from stylegan_cli.data.pictures import Target
from stylegan_cli.data.prepare import Preparation, prepare
from stylegan_cli.data.sources import open_source
from stylegan_cli.errors import DataError
from tests.data.pictures import image_of

PIXELS = np.random.RandomState(0).randint(0, 256, (3, 28, 28)).astype(np.uint8)


def idx_bytes(array):
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def write(path, array):
    content = idx_bytes(array)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.fixture(params=["train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"])
def images(request, tmp_path):
    return write(tmp_path / request.param, PIXELS)


def pixels_of(source):
    return [np.asarray(image_of(source, entry)) for entry in source.entries()]


def test_images_of_28_pixels_stand_in_a_border_of_2(images):
    shown = np.stack(pixels_of(open_source(images)))
    assert (shown[:, 2:-2, 2:-2] == PIXELS).all()
    assert shown.shape == (3, 32, 32)
    assert shown.sum() == PIXELS.sum()


def test_images_of_another_size_stay_as_they_are(tmp_path):
    other = PIXELS[:, :10, :16]
    shown = pixels_of(open_source(write(tmp_path / "train-images-idx3-ubyte", other)))
    assert (np.stack(shown) == other).all()


@pytest.mark.parametrize("name", ["train-labels-idx1-ubyte", "train-labels-idx1-ubyte.gz"])
def test_class_numbers_lie_beside_the_images(images, name):
    write(images.with_name(name), np.array([2, 0, 1], np.uint8))
    source = open_source(images)
    assert source.classes == ("0", "1", "2")
    assert [entry.label for entry in source.entries()] == ["2", "0", "1"]


def test_without_a_file_of_labels_there_are_none(images):
    assert [entry.label for entry in open_source(images).entries()] == [None] * 3


def test_prepared_classes_keep_their_numbers(images, tmp_path):
    write(images.with_name("train-labels-idx1-ubyte"), np.array([10, 2, 0], np.uint8))
    request = Preparation(destination=tmp_path / "d.zip", target=Target(resolution=32, channels=1))
    list(prepare([open_source(images)], request))
    made = open_source(tmp_path / "d.zip")
    assert made.classes == tuple(str(number) for number in range(11))
    assert [entry.label for entry in made.entries()] == ["10", "2", "0"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (idx_bytes(PIXELS)[:-1], "declared"),
        (idx_bytes(PIXELS) + b"x", "declared"),
        (idx_bytes(PIXELS)[:7], "declared"),
        (gzip.compress(idx_bytes(PIXELS))[:-20], "damaged"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "more than is read"),
        (b"\0\0\x08\x03" + bytes(12), "declared"),
        (idx_bytes(PIXELS[0, 0]), "not an idx file of images"),
    ],
)
def test_what_is_no_sound_idx_file_is_refused_in_words(tmp_path, content, words):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words):
        open_source(path)


def test_labels_of_other_images_are_refused(images):
    write(images.with_name("train-labels-idx1-ubyte"), np.zeros(4, np.uint8))
    with pytest.raises(DataError, match="4 labels for 3 images"):
        IdxSource(images)


def test_a_packed_copy_of_the_images_is_no_file_of_labels(tmp_path):
    write(tmp_path / "digits", PIXELS)
    write(tmp_path / "digits.gz", PIXELS)
    assert [IdxSource(tmp_path / name).classes for name in ("digits", "digits.gz")] == [(), ()]
