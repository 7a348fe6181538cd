from itertools import pairwise

import numpy as np
import pytest

from stylegan_cli.rendering.sheet import Columns, arrange_collage, choose_columns
from stylegan_cli.sizes import square


def collage(count, native):
    return arrange_collage([("/", (i,)) for i in range(count)], square(native), "grid")


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
