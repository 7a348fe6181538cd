import re
import zlib
from functools import partial

import numpy as np
import pytest

from stylegan_cli.figures.layout import Page, PlacedImage, PlacedWords
from stylegan_cli.rendering.pdf import write_pdf
from stylegan_cli.sizes import square


def page(read):
    return Page(
        size=(300, 200),
        images=(
            PlacedImage(read=partial(read, 0), x=10, y=30, size=square(96)),
            PlacedImage(read=partial(read, 1), x=110, y=30, size=square(16)),
        ),
        words=(PlacedWords(text="seed 7 · psi −0.5", x=10, y=5, size=12, anchor="la"),),
    )


def pixels(i):
    return np.random.RandomState(i).randint(0, 256, (32, 32, 3)).astype(np.uint8)


@pytest.fixture
def pdf(tmp_path):
    write_pdf(tmp_path / "page.pdf", page(pixels), origin='{"study": "grid"}')
    return (tmp_path / "page.pdf").read_bytes()


def test_the_page_has_the_shape_of_the_picture(pdf):
    (box,) = re.findall(rb"/MediaBox \[([^]]+)\]", pdf)
    _, _, width, height = map(float, box.split())
    assert width / height == pytest.approx(300 / 200)


def test_images_keep_their_pixels_unless_they_are_shown_smaller(pdf):
    sizes = re.findall(rb"/Width (\d+)", pdf)
    assert sorted(map(int, sizes)) == [16, 32]


def test_words_are_text_in_an_embedded_font(pdf):
    assert b"/FontFile2" in pdf
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    contents = b"".join(_inflated(stream) for stream in streams)
    assert re.search(rb"\bT[jJ]\b", contents)


def _inflated(stream):
    try:
        return zlib.decompress(stream)
    except zlib.error:
        return b""


def test_the_page_says_where_it_comes_from(pdf):
    assert b'{"study": "grid"}' in pdf


def test_the_same_page_is_the_same_file(pdf, tmp_path):
    write_pdf(tmp_path / "again.pdf", page(pixels), origin='{"study": "grid"}')
    assert (tmp_path / "again.pdf").read_bytes() == pdf


def test_grey_and_transparent_images_can_be_shown(tmp_path):
    for channels in (1, 4):
        path = tmp_path / f"{channels}.pdf"
        blank = np.zeros((32, 32, channels), np.uint8)
        write_pdf(path, page(lambda _, blank=blank: blank), origin="{}")
        assert path.stat().st_size > 0
