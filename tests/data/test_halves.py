"""Data sets of float16: more than 8 bits a channel."""

from contextlib import closing

import h5py
import numpy as np
import pytest
from PIL import Image

from stylegan_cli.data.dataset import open_dataset
from stylegan_cli.data.loader import read_at
from stylegan_cli.data.pictures import Target
from stylegan_cli.data.prepare import Preparation, account, is_prepared, prepare
from stylegan_cli.data.sheet import sample_sheet
from stylegan_cli.data.sources import open_source, open_sources
from stylegan_cli.data.survey import Survey, examine
from stylegan_cli.errors import DataError
from stylegan_cli.metrics.pictures import stored_data
from stylegan_cli.sizes import Size
from tests.data.pictures import blocks, folder_of

SUFFIXES = [".zip", ".h5"]


@pytest.fixture
def deep(tmp_path):
    """Stacks of five channels, 0 to 1, most of whose values lie between two bytes."""
    folder = tmp_path / "deep"
    folder.mkdir()
    random = np.random.default_rng(0)
    for i in range(6):
        np.save(folder / f"{i}.npy", random.random((16, 24, 5), np.float32))
    return folder


def request_of(destination, **target):
    usual = {"resolution": "24x16", "channels": 5, "levels": (0.0, 1.0), "store": "float16"}
    return Preparation(destination=destination, target=Target(**{**usual, **target}))


def made(source, destination, **target):
    with open_sources([source]) as sources:
        for _ in prepare(sources, request_of(destination, **target)):
            pass
    return destination


def opened(path, resolution="24x16", channels=5, **options):
    return open_dataset(path, resolution=resolution, channels=channels, **options)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_values_between_two_bytes_are_kept(deep, tmp_path, suffix):
    dataset = opened(made(deep, tmp_path / f"x{suffix}"))
    pixels = np.stack([dataset.read(i)[0] for i in range(6)])
    source = np.stack([np.load(path) for path in sorted(deep.iterdir())])
    assert pixels.dtype == np.float16
    np.testing.assert_allclose(pixels.astype(float) / 255, source, rtol=2**-10)


@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("target", [{}, {"fit": "fit", "resolution": 16}, {"resolution": 8}])
def test_rounded_they_are_the_bytes(deep, tmp_path, channels, target):
    folder = tmp_path / "folder"
    folder.mkdir()
    for i in range(3):
        middle = np.load(deep / f"{i}.npy")[..., :channels] * 0.4 + 0.3  # where nothing is clipped
        np.save(folder / f"{i}.npy", middle)
    form = {"channels": channels, "background": "#102030", **target}
    fine, coarse = (
        opened(
            made(folder, tmp_path / f"{store}.h5", store=store, **form),
            target.get("resolution", "24x16"),
            channels,
        )
        for store in ("float16", None)
    )
    for i in range(3):
        ours, bytes_ = (each.read(i)[0] for each in (fine, coarse))
        assert bytes_.dtype == np.uint8
        assert np.abs(ours.astype(float) - bytes_).max() < 2  # bytes are rounded at every step


def test_pictures_of_8_bits_gain_what_resizing_leaves_between_bytes(tmp_path):
    folder = folder_of(tmp_path / "f", {"a.png": blocks(0, 48, 48, "P")})
    path = made(folder, tmp_path / "x.zip", resolution=16, channels=3, levels=None)
    pixels = opened(path, 16, 3).read(0)[0].astype(float)
    whole = made(folder, tmp_path / "y.zip", resolution=16, channels=3, levels=None, store=None)
    assert np.abs(pixels - opened(whole, 16, 3).read(0)[0]).mean() < 1
    assert (pixels != pixels.round()).any() and pixels.min() >= 0 and pixels.max() <= 255


def test_rgba_is_left_out_with_the_reason(tmp_path):
    folder = folder_of(tmp_path / "f", {"a.png": blocks(0, 16, 16, "RGBA")})
    with pytest.raises(DataError, match=r"stored in bytes; leave `store` out"):
        made(folder, tmp_path / "x.zip", resolution=16, channels=4)


def test_prepared_again_they_are_what_they_were(deep, tmp_path):
    first = made(deep, tmp_path / "x.zip")
    again = opened(made(first, tmp_path / "y.h5", levels=None))
    with open_sources([first]) as sources, closing(open_source(tmp_path / "y.h5")) as other:
        assert account(sources, other).remarks == []
    coarse = opened(made(first, tmp_path / "z.h5", levels=None, store=None)).read(0)[0]
    pixels = opened(first).read(0)[0]
    np.testing.assert_array_equal(again.read(0)[0], pixels)
    np.testing.assert_array_equal(coarse, np.rint(pixels))


@pytest.mark.parametrize("store", ["float16", None])
def test_levels_that_change_nothing_are_reported(deep, tmp_path, store):
    of_bytes = folder_of(tmp_path / "f", {"a.png": blocks(0, 24, 16)})
    for source, remarks in ((of_bytes, 1), (deep, 0), (made(deep, tmp_path / "fine.h5"), 0)):
        channels = 3 if source is of_bytes else 5
        path = made(source, tmp_path / f"{remarks}.zip", store=store, channels=channels)
        with open_sources([source]) as sources, closing(open_source(path)) as other:
            found = account(sources, other).remarks
        assert [each.partition(":")[0] for each in found] == ["`levels` change nothing"] * remarks
        path.unlink()


def test_another_form_of_storage_is_another_request(deep, tmp_path):
    path = made(deep, tmp_path / "x.zip")
    with open_sources([deep]) as sources:
        assert is_prepared(sources, request_of(path))
        assert not is_prepared(sources, request_of(path, store=None))


def test_smaller_levels_are_means_that_nobody_rounds(deep, tmp_path):
    dataset = opened(made(deep, tmp_path / "x.h5"))
    small = read_at(dataset, 0, Size(8, 12))[0]
    whole = dataset.read(0)[0].astype(np.float64)
    means = whole.reshape(8, 2, 12, 2, 5).mean((1, 3))
    np.testing.assert_allclose(small, means, rtol=2**-10)
    assert small.dtype == np.float16


@pytest.mark.parametrize(("form", "words"), [((24, 5), "24x16"), (("24x16", 3), "channels=5")])
def test_another_form_than_the_recipes_is_refused_with_the_remedy(deep, tmp_path, form, words):
    path = made(deep, tmp_path / "x.zip")
    with pytest.raises(DataError, match=words):
        opened(path, *({24: 32}.get(each, each) for each in form))


def test_what_looks_at_them_sees_bytes(deep, tmp_path):
    path = made(deep, tmp_path / "x.zip")
    stored = stored_data(path, opened(path), fit="crop", channels=(0, 2, 4))
    seen = stored.read(1)
    assert seen.dtype == np.uint8
    np.testing.assert_array_equal(seen, np.rint(opened(path).read(1)[0])[..., [0, 2, 4]])
    with closing(open_source(path)) as source:
        survey = Survey()
        for image in examine(source):
            survey.add(image)
        report = survey.report(source)
        assert report.channels == {"5": 6} and report.remarks == []
        assert 100 < np.mean(report.mean) < 155
        assert sample_sheet(source, preview=(4, 3, 2)).dtype == np.uint8


def test_values_beyond_white_are_damage(deep, tmp_path):
    path = made(deep, tmp_path / "x.h5")
    with h5py.File(path, "r+") as file:
        file["images"][2, 3, 3, 1] = np.nan
    with pytest.raises(DataError, match=r"00000002.*not from 0 to 255"):
        opened(path).read(2)


def test_grey_pictures_of_16_bits_keep_them(tmp_path):
    folder = tmp_path / "f"
    folder.mkdir()
    values = np.random.default_rng(0).integers(0, 65_536, (16, 16)).astype(np.uint16)
    Image.fromarray(values).save(folder / "a.png")
    path = made(folder, tmp_path / "x.zip", resolution=16, channels=1, levels=None)
    pixels = opened(path, 16, 1).read(0)[0][..., 0]
    np.testing.assert_allclose(pixels, values / 65_535 * 255, rtol=2**-11)
