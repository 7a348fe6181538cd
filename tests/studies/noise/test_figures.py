import numpy as np
import pytest

from stylegan_cli.figures.charts import full_scale, shade
from stylegan_cli.studies.noise.figures import scale


def test_a_map_is_black_at_zero_and_white_from_its_white_level_on():
    values = np.array([[0.0, 1.0, 2.0, 9.0]])
    assert shade(values, 2.0)[:, :, 0].tolist() == [[0, 128, 255, 255]]


def test_a_map_of_zeros_is_black_and_said_to_be():
    nothing = np.zeros((4, 4))
    white = full_scale([nothing])
    assert white == 0
    assert not shade(nothing, white).any()
    assert scale(white) == "std. dev.: 0 everywhere"


def test_a_few_bright_pixels_do_not_leave_the_rest_dark():
    values = np.ones((32, 32))
    values[0, 0] = 1000
    assert full_scale([values]) == pytest.approx(1)


def test_a_map_with_a_few_bright_pixels_and_nothing_else_shows_them():
    values = np.zeros((32, 32))
    values[0, 0] = 7
    assert full_scale([values]) == 7


def test_the_liveliest_map_gives_the_white_level_of_all():
    assert full_scale([np.ones((2, 2)), np.full((2, 2), 3.0)]) == 3
