import io
from base64 import b64decode

import numpy as np
import pytest
from PIL import Image

from stylegan_cli.errors import DataError
from stylegan_cli.figures.png import write_png
from stylegan_cli.report.pictures import photo, photo_of_pixels, source_of


def shown(picture):
    return Image.open(io.BytesIO(b64decode(picture.source.partition(",")[2])))


def test_a_picture_is_encoded_as_it_is_where_it_fits():
    pixels = np.full((20, 30, 3), (200, 30, 90), np.uint8)
    picture = photo_of_pixels(pixels, longest=30)
    assert (picture.size, picture.is_reduced) == ((30, 20), False)
    assert np.abs(np.asarray(shown(picture)).astype(int) - pixels).max() < 8


def test_a_larger_picture_is_reduced_and_tells_its_size():
    picture = photo_of_pixels(np.zeros((200, 400, 3), np.uint8), longest=100)
    assert (picture.size, picture.original, picture.is_reduced) == ((100, 50), (400, 200), True)
    assert shown(picture).size == (100, 50)


@pytest.mark.parametrize(("channels", "mode"), [(1, "RGB"), (3, "RGB"), (4, "RGBA")])
def test_grey_and_transparent_pictures_are_shown_too(tmp_path, channels, mode):
    write_png(tmp_path / "a.png", np.full((8, 8, channels), 128, np.uint8))
    assert shown(photo(tmp_path / "a.png", longest=8)).mode == mode


@pytest.mark.parametrize("content", [b"", b"text", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"])
def test_a_damaged_picture_is_refused_by_name(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(DataError, match=r"a.png: not a readable picture \(.+\); left out"):
        photo(tmp_path / "a.png", longest=8)


def test_a_picture_too_large_to_trust_is_refused(tmp_path):
    Image.new("1", (10_000, 9_000)).save(tmp_path / "bomb.png")
    with pytest.raises(DataError, match=r"bomb.png: not a readable picture"):
        photo(tmp_path / "bomb.png", longest=8)


def test_a_picture_tells_where_it_comes_from(tmp_path):
    write_png(tmp_path / "a.png", np.zeros((2, 2, 3), np.uint8), origin="here")
    write_png(tmp_path / "b.png", np.zeros((2, 2, 3), np.uint8))
    assert [source_of(tmp_path / name) for name in ("a.png", "b.png", "c.png")] == [
        "here",
        None,
        None,
    ]
