from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from stylegan_cli.figures.layout import MAX_PIXELS, PAPER, Content, Layout, arrange, font, paint
from stylegan_cli.figures.png import tile, write_png
from stylegan_cli.rendering.sheet import Columns, arrange_collage, choose_columns, compose
from stylegan_cli.rendering.store import Table, create_study
from stylegan_cli.sizes import square
from tests.rendering.test_store import TABLES, header


def grid_content(rows, cols, read=None, **options):
    slots = enumerate(np.ndindex(rows, cols))
    images = {slot: partial(read or shade, i) for i, slot in slots}
    return Content(title="", images=images, **options)


def shade(i, side=8, channels=3):
    return np.full((side, side, channels), i, np.uint8)


def block(picture, corner, side):
    x, y = corner
    return picture[y : y + side, x : x + side]


@pytest.mark.parametrize("side", [8, 32, 64, 96, 128, 1024])
def test_images_are_shown_whole_and_at_96_pixels_or_more(side):
    content = grid_content(2, 3, lambda i: shade(i + 1, side))
    layout = Layout(content, square(side))
    assert layout.image.width >= 96
    assert layout.image.width % side == 0
    picture = paint(content, square(side))
    for i, slot in enumerate(np.ndindex(2, 3)):
        assert (block(picture, layout.corner(slot), layout.image.width) == i + 1).all()


def test_an_enlarged_image_repeats_its_pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    content = grid_content(1, 1, lambda _: pixels)
    layout = Layout(content, square(8))
    shown = block(paint(content, square(8)), layout.corner((0, 0)), layout.image.width)
    assert np.array_equal(shown[::12, ::12], pixels)


def test_a_large_sheet_shows_reduced_images():
    layout = Layout(grid_content(20, 20), square(1024))
    width, height = layout.size
    assert layout.image.width < 1024
    assert width * height < 1.2 * MAX_PIXELS


def test_images_do_not_touch():
    layout = Layout(grid_content(2, 2), square(64))
    (x0, y0), (x1, y1) = layout.corner((0, 0)), layout.corner((1, 1))
    assert min(x1 - x0, y1 - y0) > layout.image.width


def test_the_picture_is_wide_enough_for_its_title():
    content = Content(
        title="a title longer than one small image is wide", images={(0, 0): partial(shade, 0)}
    )
    layout = Layout(content, square(8))
    assert layout.size[0] > font(layout.title_text).getlength(content.title)


def test_names_that_do_not_fit_are_left_out():
    narrow = grid_content(60, 60, captions={(0, 0): "4294967295"})
    assert Layout(narrow, square(1024)).text > 0
    assert Layout(grid_content(600, 600, captions={(0, 0): "4294967295"}), square(64)).text == 0


def test_names_too_long_for_their_image_are_shortened_to_their_end():
    content = grid_content(1, 1, captions={(0, 0): "a_very_long_name_of_a_projected_code 17"})
    (_, caption) = arrange(content, square(64)).words
    assert caption.text.startswith("…")
    assert caption.text.endswith("17")
    assert font(caption.size).getlength(caption.text) <= Layout(content, square(64)).image.width


@pytest.mark.parametrize("side", [64, 256, 1024])
def test_text_grows_with_the_images(side):
    layout = Layout(grid_content(2, 2, captions={(0, 0): "7"}), square(side))
    assert layout.text >= layout.image.width / 10


def test_a_band_begins_below_its_heading():
    content = grid_content(4, 1, bands={0: "coarse", 2: "fine"})
    layout = Layout(content, square(96))
    headings = [
        line for line in arrange(content, square(96)).words if line.text in ("coarse", "fine")
    ]
    for heading, row in zip(headings, (0, 2), strict=True):
        assert heading.y + heading.size < layout.corner((row, 0))[1]
    assert headings[1].y > layout.corner((1, 0))[1] + layout.image.width


def test_transparent_images_lie_on_the_paper():
    content = grid_content(1, 1, lambda _: np.zeros((8, 8, 4), np.uint8))
    layout = Layout(content, square(8))
    picture = paint(content, square(8))
    assert (block(picture, layout.corner((0, 0)), layout.image.width) == PAPER).all()


def test_grey_images_stay_grey():
    content = grid_content(1, 1, lambda _: shade(77, channels=1))
    layout = Layout(content, square(8))
    picture = paint(content, square(8))
    assert (block(picture, layout.corner((0, 0)), layout.image.width) == 77).all()


@pytest.fixture
def matrix(tmp_path):
    """A study of 2 × 3 images of shades 10·row + col, sources of shades 100 and 200 up."""
    with create_study(tmp_path / "mix.h5", header(), TABLES) as study:
        for row, col in np.ndindex(2, 3):
            study.write("/", (row, col), shade(10 * row + col))
        for row in range(2):
            study.write("row_sources", (row,), shade(100 + row))
        for col in range(3):
            study.write("col_sources", (col,), shade(200 + col))
        yield study


def test_a_matrix_shows_rows_at_the_left_and_columns_above(matrix):
    picture = compose(matrix, 0)
    flat = (picture == picture[:, :, :1]).all(axis=2)
    found = {int(value) for value in np.unique(picture[flat][:, 0])}
    assert found >= {0, 1, 2, 10, 11, 12, 100, 101, 200, 201, 202}

    def centre(value):
        places = np.argwhere(flat & (picture[:, :, 0] == value))
        return places.mean(axis=0)

    for row in range(2):
        assert centre(100 + row)[1] < centre(10 * row)[1]
        assert abs(centre(100 + row)[0] - centre(10 * row)[0]) < 8
    for col in range(3):
        assert centre(200 + col)[0] < centre(col)[0]


@pytest.mark.parametrize(
    ("count", "shape"), [(1, (1, 1)), (2, (1, 2)), (7, (2, 4)), (8, (2, 4)), (16, (4, 4))]
)
def test_a_grid_is_near_square_with_few_empty_places(tmp_path, count, shape):
    names = tuple(map(str, range(count)))
    study_header = header(study="grid", axes={"seed": names}, sheets=("seeds",))
    table = Table(shape=(count,), arrays={"images": ((8, 8, 3), np.uint8)})
    with create_study(tmp_path / "grid.h5", study_header, {"/": table}) as study:
        height, width, _ = compose(study, 0).shape
    layout = Layout(grid_content(*shape, captions={(0, 0): "0"}), square(8))
    assert (height - layout.size[1], width >= layout.size[0]) == (0, True)


def test_tiles_are_in_reading_order():
    table = tile(np.stack([shade(i, side=2) for i in range(3)]), 2)
    assert table[::2, ::2, 0].tolist() == [[0, 1], [2, 0]]


def test_a_png_says_where_it_comes_from(tmp_path):
    write_png(tmp_path / "deep" / "a.png", shade(3), origin='{"study": "grid"}')
    with Image.open(tmp_path / "deep" / "a.png") as image:
        assert image.info["Source"] == '{"study": "grid"}'
        assert image.getpixel((0, 0)) == (3, 3, 3)


def collage(count, native):
    return arrange_collage([partial(shade, 0)] * count, square(native), "grid")


@pytest.mark.parametrize("count", [1, 2, 7, 16, 70, 500])
def test_there_is_a_place_for_every_image_and_few_are_empty(count):
    capacity = choose_columns(count, range(4)).capacity
    assert count <= capacity <= 1.1 * count


def test_columns_hold_more_images_the_smaller_they_are():
    columns = Columns(rows=3, levels=(0, 1, 2, 2))
    assert columns.capacity == 3 * (1 + 2 + 4 + 4)
    assert columns.width == 2


@pytest.mark.parametrize("native", [8, 64, 96, 1024])
def test_images_of_several_sizes_cover_the_page_without_overlap(native):
    page = collage(70, native)
    width, height = page.size
    covered = np.zeros((height, width), int)
    for image in page.images:
        covered[image.y : image.y + image.size.height, image.x : image.x + image.size.width] += 1
    assert covered.max() == 1
    assert len({image.size.width for image in page.images}) >= 3
    assert covered.sum() == sum(image.size.area for image in page.images)


def test_the_first_images_are_the_largest():
    sides = [image.size.width for image in collage(70, 64).images]
    assert sides == sorted(sides, reverse=True)


def test_sizes_are_halves_of_each_other():
    sides = sorted({image.size.width for image in collage(70, 64).images})
    assert all(large == 2 * small for small, large in pairwise(sides))
