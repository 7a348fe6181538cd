import numpy as np
import pytest
from PIL import Image

from stylegan_cli.data.dataset import open_dataset
from stylegan_cli.data.pictures import Target
from stylegan_cli.data.prepare import Preparation, prepare
from stylegan_cli.data.sources import content_sha256, open_sources
from stylegan_cli.errors import DataError
from stylegan_cli.metrics.pictures import on_white, stored_data, stored_folder


def write(path, size=(8, 8), mode="RGB", value=100):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value if mode == "L" else (value,) * len(mode)).save(path)


def all_of(stored):
    return np.concatenate(list(stored.batches([range(3), range(3, len(stored))])))


def test_images_come_in_the_order_of_the_data_set(dataset, image_folder):
    stored = stored_data(image_folder, dataset, fit="crop")
    assert np.array_equal(all_of(stored), [dataset.read(i)[0] for i in range(len(dataset))])


def test_mirror_images_stand_behind_all_others(image_folder):
    plain = stored_folder(image_folder)
    both = type(plain)(**{**vars(plain), "mirrored": True})
    assert len(both) == 2 * len(plain)
    assert np.array_equal(all_of(both)[len(plain) :], all_of(plain)[:, :, ::-1])
    assert both.identity != plain.identity


def test_a_folder_gives_its_classes(image_folder):
    stored = stored_folder(image_folder)
    assert sorted(set(stored.classes or ())) == ["a", "b"]


def test_labels_of_a_data_set_name_its_classes(image_folder):
    dataset = open_dataset(image_folder, resolution=16, labels=True)
    stored = stored_data(image_folder, dataset, fit="crop")
    assert stored.classes == ("a",) * 6 + ("b",) * 6


def test_mixed_sizes_name_the_image_and_the_remedy(tmp_path):
    write(tmp_path / "0.png")
    write(tmp_path / "1.png", size=(9, 8))
    stored = stored_folder(tmp_path)
    with pytest.raises(DataError, match=r"1\.png: 9×8, but the first image is 8×8; .*prepare"):
        list(stored.batches([range(2)]))


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="contains no readable images"):
        stored_folder(tmp_path)


@pytest.mark.parametrize("store", [None, "float16"])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_stacks_and_halves_are_seen_as_bytes_by_their_first_channels(tmp_path, channels, store):
    folder = tmp_path / "x"
    folder.mkdir()
    stack = np.random.default_rng(0).random((16, 16, channels), np.float32)
    np.save(folder / "0.npy", stack)
    form = {"resolution": 16, "channels": channels, "levels": (0.0, 1.0), "store": store}
    with open_sources([folder]) as sources:
        list(prepare(sources, Preparation(destination=tmp_path / "x.h5", target=Target(**form))))
    seen = stored_folder(tmp_path / "x.h5").read(0)
    assert seen.shape == (16, 16, 3) and seen.dtype == np.uint8
    assert np.abs(seen - stack[..., :3] * 255.0).max() < 0.7


def test_grey_pictures_of_16_bits_are_scaled_not_clipped(tmp_path):
    values = np.linspace(0, 65_535, 256).astype(np.uint16).reshape(16, 16)
    Image.fromarray(values).save(tmp_path / "a.png")
    seen = stored_folder(tmp_path).read(0)
    assert seen[..., 0].ravel().tolist() == list(range(256))


def test_grey_and_transparent_images_become_rgb(tmp_path):
    write(tmp_path / "0.png", mode="L", value=7)
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "1.png")
    (pixels,) = stored_folder(tmp_path).batches([range(2)])
    assert (pixels[0] == 7).all()
    assert (pixels[1] == 255).all()


def test_white_shines_through_as_far_as_the_image_is_clear():
    pixels = np.array([[[10, 20, 30, 0], [10, 20, 30, 255], [0, 0, 0, 51]]], np.uint8)
    assert on_white(pixels).tolist() == [[[255, 255, 255], [10, 20, 30], [204, 204, 204]]]


def test_content_is_told_by_bytes_and_names(tmp_path):
    write(tmp_path / "a" / "0.png", value=1)
    write(tmp_path / "b" / "0.png", value=1)
    first = content_sha256(tmp_path / "a")
    assert content_sha256(tmp_path / "b") == first
    write(tmp_path / "b" / "0.png", value=2)
    assert content_sha256(tmp_path / "b") != first
    (tmp_path / "a" / "0.png").rename(tmp_path / "a" / "1.png")
    assert content_sha256(tmp_path / "a") != first
