from contextlib import closing

import numpy as np
import pytest
from PIL import Image

from stylegan_cli.data.sheet import sample_sheet, write_sheet
from stylegan_cli.data.sources import open_source
from stylegan_cli.data.survey import Survey, examine
from stylegan_cli.errors import OutputError
from tests.data.pictures import blocks, folder_of


def surveyed(path, workers=2):
    survey = Survey()
    with closing(open_source(path)) as source:
        for image in examine(source, workers=workers):
            survey.add(image)
        return survey.report(source)


@pytest.fixture
def zoo(tmp_path):
    files = {
        "cat/1.png": blocks(1, 32, 32),
        "cat/2.png": b"text",
        "cat/3.png": blocks(1, 32, 32),
        "dog/4.png": blocks(2, 16, 32, "L"),
        "dog/5.png": blocks(3, 32, 32, "RGBA"),
        "dog/6.png": blocks(1, 64, 64).crop((0, 0, 32, 32)),
        "notes.txt": b"",
    }
    return folder_of(tmp_path / "zoo", files)


def test_everything_is_counted(zoo):
    report = surveyed(zoo)
    assert report.images == 5 and report.ignored == 1
    assert report.broken == [
        {"name": "cat/2.png", "reason": "not an image in a format that is read"}
    ]
    assert report.sizes == {"32×32": 4, "16×32": 1}
    assert report.channels == {"1": 1, "3": 3, "4": 1}
    assert report.labels == {"cat": 2, "dog": 3} and report.unlabelled == 0
    assert report.prepared == {}


def test_copies_are_named(zoo):
    exact = surveyed(zoo).exact_duplicates
    assert (exact.count, exact.examples) == (1, [["cat/1.png", "cat/3.png"]])


def test_mean_and_std_are_those_of_the_pixels(tmp_path):
    pixels = np.stack([np.asarray(blocks(seed, 16, 16)) for seed in range(6)])
    folder_of(tmp_path, {f"{n}.png": Image.fromarray(image) for n, image in enumerate(pixels)})
    report = surveyed(tmp_path)
    np.testing.assert_allclose(report.mean, pixels.mean((0, 1, 2)), atol=0.01)
    np.testing.assert_allclose(report.std, pixels.std((0, 1, 2)), atol=0.01)


def test_the_report_does_not_depend_on_workers(zoo):
    assert surveyed(zoo, workers=1) == surveyed(zoo, workers=5)


def test_nothing_usable_is_reported_not_raised(tmp_path):
    report = surveyed(folder_of(tmp_path, {"a.png": b""}))
    assert (report.images, len(report.broken), report.mean) == (0, 1, [0.0, 0.0, 0.0])


def test_a_sheet_shows_every_image_once(tmp_path):
    colours = ["red", "lime", "blue", "black", "yellow"]
    files = {f"{n}.png": Image.new("RGB", (16, 16), name) for n, name in enumerate(colours)}
    with closing(open_source(folder_of(tmp_path, files))) as source:
        sheet = sample_sheet(source, count=9)
    assert sheet.shape == (32, 48, 3)
    cells = sheet[8::16, 8::16].reshape(-1, 3).tolist()
    assert cells == [[255, 0, 0], [0, 255, 0], [0, 0, 255], [0, 0, 0], [255, 255, 0], [255] * 3]


def test_a_seed_draws_the_same_sheet_again(tmp_path):
    folder_of(tmp_path, {f"{n}.png": blocks(n, 8, 8) for n in range(20)})
    with closing(open_source(tmp_path)) as source:
        first, again, other = (sample_sheet(source, count=4, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_broken_images_stay_white_on_the_sheet(zoo):
    with closing(open_source(zoo)) as source:
        sheet = sample_sheet(source, count=6)
    assert sheet.shape == (64, 96, 3)
    assert (sheet[-32:, -32:] == 255).all()


def test_a_sheet_is_not_written_over_another(tmp_path):
    sheet = np.zeros((8, 8, 3), np.uint8)
    write_sheet(sheet, tmp_path / "x.png")
    write_sheet(sheet, tmp_path / "x.png")
    with pytest.raises(OutputError, match="`overwrite`"):
        write_sheet(sheet + 1, tmp_path / "x.png")
    write_sheet(sheet + 1, tmp_path / "x.png", overwrite=True)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((300, 300), "use the one value 300 of 0 to 65535, which are taken for black to white"),
        ((0, 4000), "`levels=0,4095` makes 4095 white"),
    ],
)
def test_dark_images_of_16_bits_say_their_range_and_what_was_assumed(values, words, tmp_path):
    files = {
        f"{value}-{n}.png": Image.fromarray(np.full((16, 16), value, np.uint16))
        for n, value in enumerate(values)
    }
    (remark,) = surveyed(folder_of(tmp_path / "deep", files)).remarks
    assert words in remark
