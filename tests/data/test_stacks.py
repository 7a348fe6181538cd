"""Images of any number of channels: arrays, pages of a TIFF, HDF5."""

import gc
import io
import struct
import sys
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import pytest
from PIL import Image

from stylegan_cli.data.dataset import open_dataset
from stylegan_cli.data.decoding import decoded, stack_of
from stylegan_cli.data.formats import UnusableImageError
from stylegan_cli.data.pictures import Target
from stylegan_cli.data.prepare import Preparation, prepare
from stylegan_cli.data.sheet import sample_sheet
from stylegan_cli.data.sources import open_sources
from stylegan_cli.data.survey import Survey, examine
from stylegan_cli.errors import DataError, UsageError

FIVE = np.random.default_rng(0).integers(0, 256, (4, 20, 24, 5)).astype(np.uint8)


def write(folder, form, stacks=FIVE):
    folder.mkdir()
    for i, stack in enumerate(stacks):
        path = folder / f"{i}.{form}"
        if form == "npy":
            np.save(path, stack)
        else:
            first, *others = [
                Image.fromarray(np.ascontiguousarray(c)) for c in stack.transpose(2, 0, 1)
            ]
            first.save(path, save_all=True, append_images=others)
    return folder


def made(source, destination, **target):
    target = Target(**{"resolution": 16, "channels": 5, **target})
    with open_sources([source]) as sources:
        for _ in prepare(sources, Preparation(destination=destination, target=target)):
            pass
    dataset = open_dataset(destination, resolution=target.resolution, channels=target.channels)
    return np.stack([dataset.read(i)[0] for i in range(len(dataset))])


@pytest.fixture
def from_arrays(tmp_path):
    return made(write(tmp_path / "arrays", "npy"), tmp_path / "arrays.zip")


@pytest.mark.parametrize("suffix", ["zip", "h5"])
def test_pages_of_a_tiff_are_channels_where_so_many_are_wanted(tmp_path, from_arrays, suffix):
    pages = made(write(tmp_path / "pages", "tif"), tmp_path / f"pages.{suffix}")
    assert np.array_equal(pages, from_arrays)


def test_a_page_of_another_size_is_not_decoded(tmp_path):
    path = write(tmp_path / "pages", "tif", FIVE[:1, ..., :1]) / "0.tif"
    small = Image.open(path)
    small.save(path, save_all=True, append_images=[Image.new("L", (40, 40))])
    content = bytearray(path.read_bytes())
    # width and height of the second page, which then needs as much memory as a page may take
    for tag in (256, 257):
        place = content.rindex(struct.pack("<HHII", tag, 4, 1, 40))
        struct.pack_into("<I", content, place + 8, 13_000)
    path.write_bytes(content)
    with decoded(io.BytesIO(content), "0.tif") as image:
        assert image.planes == ()


def test_every_channel_is_fitted_like_a_grey_picture(tmp_path, from_arrays):
    grey = made(write(tmp_path / "x", "npy", FIVE[..., 3:4]), tmp_path / "x.zip", channels=1)
    assert np.array_equal(from_arrays[..., 3:4], grey)


def test_folders_of_a_prepared_zip_are_no_classes(tmp_path, from_arrays):
    with open_sources([tmp_path / "arrays.zip"]) as [source]:
        assert {entry.label for entry in source.entries()} == {None}


def test_stacks_become_rectangles_too(tmp_path):
    wide = made(write(tmp_path / "x", "npy"), tmp_path / "x.h5", resolution="24x16", fit="fit")
    assert wide.shape == (4, 16, 24, 5)


@pytest.mark.parametrize(
    ("dtype", "factor", "levels"),
    [(np.int16, 16, (0.0, 4080.0)), (np.float32, 1 / 255, (0.0, 1.0)), (np.uint16, 257, None)],
)
def test_deep_stacks_are_scaled_by_their_range(tmp_path, dtype, factor, levels):
    deep = (FIVE * np.float64(factor)).astype(dtype)
    with h5py.File(tmp_path / "deep.h5", "w") as file:
        file["images"] = deep
    plain = made(write(tmp_path / "x", "npy"), tmp_path / "x.zip")
    assert np.array_equal(made(tmp_path / "deep.h5", tmp_path / "y.h5", levels=levels), plain)


def test_a_stack_of_three_channels_is_a_picture(tmp_path):
    colours = FIVE[:, :16, :16, :3]
    found = made(write(tmp_path / "x", "npy", colours), tmp_path / "x.zip", channels=3)
    assert np.array_equal(found, colours)


@pytest.mark.parametrize(("form", "channels"), [("npy", 3), ("npy", 7), ("tif", 6)])
def test_other_channels_are_refused_with_their_number(tmp_path, form, channels):
    with pytest.raises(DataError, match="no usable image"):
        made(write(tmp_path / "x", form), tmp_path / "x.zip", channels=channels)


def test_the_recipe_must_name_the_channels(tmp_path, from_arrays):
    with pytest.raises(DataError, match=r"images have 5 channels.*data\.channels=5"):
        open_dataset(tmp_path / "arrays.zip", resolution=16)


@pytest.mark.parametrize(
    "array",
    [np.zeros((4, 4, 33), np.uint8), np.zeros((2, 2, 2, 2)), np.zeros((4, 4, 2), complex)],
    ids=["too many channels", "too many axes", "complex"],
)
def test_other_arrays_are_no_images(array):
    file = io.BytesIO()
    np.save(file, array)
    file.seek(0)
    with pytest.raises(UnusableImageError), decoded(file, "x.npy"):
        pass


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((3, 16, 16), "channels seem to come first"),
        ((2, 8, 8, 3), "several images"),
        ((9, 1), "needed are"),
    ],
)
def test_arrays_of_another_order_are_told_apart(shape, words):
    with pytest.raises(UnusableImageError, match=words):
        stack_of(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(
    ("channels", "dtype", "levels"),
    [(3, np.float32, "0,1"), (5, np.float16, "0,1"), (5, np.uint16, "0,65535")],
)
def test_more_than_8_bits_are_no_prepared_data_set(tmp_path, channels, dtype, levels):
    with h5py.File(tmp_path / "deep.h5", "w") as file:
        file["images"] = (FIVE[:, :16, :16, :channels] / 255 * float(levels[2:])).astype(dtype)
    with pytest.raises(DataError, match=f"more than 8 bits; run .*`levels={levels}`"):
        open_dataset(tmp_path / "deep.h5", resolution=16, channels=channels)


@pytest.mark.parametrize(
    ("factor", "levels"), [(1 / 255, "0,1"), (2 / 255, "0,2"), (1, "0,255"), (-1 / 255, "-1,1")]
)
def test_usual_levels_of_floats_are_named(tmp_path, factor, levels):
    stacks = FIVE * np.float32(factor)
    stacks[:, 0, 0], stacks[:, 0, 1] = 0, 255 * factor
    [remark] = surveyed(write(tmp_path / "x", "npy", stacks)).remarks
    assert f"`levels={levels}`" in remark


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_reported(tmp_path, value):
    stacks = FIVE.astype(np.float32)
    stacks[0, 3, 3, 4] = value
    folder = write(tmp_path / "x", "npy", stacks)
    report = surveyed(folder)
    assert [broken["reason"] for broken in report.broken] == [
        "pixels that are not numbers (NaN or infinite)"
    ]
    assert sheet_of(folder).shape


def test_an_array_of_objects_or_too_large_is_never_read():
    for header, side in (("'|O'", 100_000), ("'<f8'", 100_000), ("'|u1'", -1)):
        described = f"{{'descr': {header}, 'fortran_order': False, 'shape': ({side}, 100000), }}"
        text = described.encode()
        text = text.ljust(118 - 1) + b"\n"
        file = io.BytesIO(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text)
        with pytest.raises(UnusableImageError, match="is no image"), decoded(file, "x.npy"):
            pass


def surveyed(path):
    survey = Survey()
    with open_sources([path]) as [source]:
        for image in examine(source):
            survey.add(image)
        return survey.report(source)


def sheet_of(path, preview=None):
    with open_sources([path]) as [source]:
        return sample_sheet(source, preview=preview)


def test_a_sheet_shows_the_channels_of_the_preview(tmp_path):
    colours = np.broadcast_to(np.uint8([0, 50, 100, 150, 200]), (4, 16, 16, 5))
    folder = write(tmp_path / "x", "npy", colours)
    assert sheet_of(folder)[3, 3].tolist() == [0, 50, 100]
    assert sheet_of(folder, (4, 2, 2))[3, 3].tolist() == [200, 100, 100]


@pytest.mark.parametrize("preview", [(0, 1), (0, 1, 5)])
def test_a_preview_is_three_channels_of_the_stack(tmp_path, preview):
    with pytest.raises(UsageError, match=r"`preview=0,1.*have 5 channels"):
        sheet_of(write(tmp_path / "x", "npy"), preview)


def test_pictures_have_no_preview(tmp_path):
    with pytest.raises(UsageError, match="are pictures"):
        sheet_of(write(tmp_path / "x", "npy", FIVE[..., :3]), (0, 1, 2))


def test_stacks_are_copies_where_all_channels_are(tmp_path):
    nearly = FIVE[[0, 1, 1, 0]].copy()
    nearly[2, 0, 0, 4] ^= 1
    exact = surveyed(write(tmp_path / "x", "npy", nearly)).exact_duplicates
    assert (exact.count, exact.examples) == (1, [["0.npy", "3.npy"]])


def test_of_stacks_every_channel_is_averaged_as_stored(tmp_path):
    deep = FIVE.astype(np.float32) / 8 - 5
    report = surveyed(write(tmp_path / "x", "npy", deep))
    np.testing.assert_allclose(report.mean, deep.mean((0, 1, 2)), atol=0.01)
    np.testing.assert_allclose(report.std, deep.std((0, 1, 2)), atol=0.01)
    assert report.channels == {"5": 4} and not report.broken


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_floats_are_looked_at_and_their_levels_named(tmp_path, channels):
    stacks = FIVE[..., :channels].astype(np.float32)
    stacks[0, 0, 0, 0], stacks[0, 0, 1, 0] = -40, 900
    folder = write(tmp_path / "x", "npy", stacks)
    report = surveyed(folder)
    assert (report.images, len(report.mean)) == (4, channels)
    assert any("`levels=-40,900`" in remark for remark in report.remarks)
    assert 0 < sheet_of(folder).mean() < 255


class Cycle:
    """Garbage whose collection lets other threads run."""

    def __init__(self):
        self.itself = self

    def __del__(self):
        sum(range(200))


def test_arrays_are_read_in_many_threads_at_once():
    """CPython's `ast`, by which NumPy reads headers, fails where another thread comes between."""
    buffer = io.BytesIO()
    np.save(buffer, FIVE[0])

    def read(depth):
        if depth % 20:
            return read(depth - 1)
        Cycle()
        with decoded(io.BytesIO(buffer.getvalue()), "x.npy") as image:
            return image.size

    interval, thresholds = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(1e-6)
    gc.set_threshold(5)
    try:
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(read, range(400))) == {(24, 20)}
    finally:
        sys.setswitchinterval(interval)
        gc.set_threshold(*thresholds)
