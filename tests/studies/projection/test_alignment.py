import numpy as np
import pytest
from PIL import Image

from stylegan_cli.errors import DataError
from stylegan_cli.studies.projection.alignment import align, face_quad, paste_back, read_points
from tests.studies.projection.vectors import load

VECTORS = load()
UPRIGHT = np.array([[40.0, 30.0], [40.0, 90.0], [100.0, 90.0], [100.0, 30.0]])


def gradient(side: int = 160) -> Image.Image:
    y, x = np.mgrid[:side, :side]
    return Image.fromarray(np.stack([x, y, (x + y) / 2], axis=2).astype(np.uint8))


def test_the_square_around_a_face_is_the_published_one():
    for points, quad in zip(VECTORS["align/points"], VECTORS["align/quad"], strict=True):
        np.testing.assert_allclose(face_quad(points), quad, rtol=1e-9)


def test_an_upright_square_is_a_plain_crop():
    turned = np.asarray(align(gradient(), UPRIGHT, 60)).astype(int)
    plain = np.asarray(gradient())[30:90, 40:100]
    assert np.abs(turned - plain)[2:-2, 2:-2].max() <= 1


def test_a_square_beyond_the_picture_is_filled():
    turned = np.asarray(align(gradient(), UPRIGHT - 60, 64))
    assert turned.shape == (64, 64, 3)
    assert turned[:8, :8].std() < 30


def test_what_was_cut_out_goes_back_where_it_was():
    quad = face_quad(np.array([[60.0, 60.0], [100.0, 70.0], [60.0, 95.0], [90.0, 102.0]]))
    back = paste_back(gradient(), quad, np.asarray(align(gradient(), quad, 120)))
    difference = np.abs(np.asarray(back).astype(int) - np.asarray(gradient()))
    assert difference.mean() < 1.5
    assert difference[70:95, 65:95].max() <= 6


def test_points_are_read_by_the_name_of_the_picture(tmp_path):
    file = tmp_path / "points.csv"
    file.write_text("name,a,b,c,d,e,f,g,h\nme.jpg,1,2,3,4,5,6,7,8\n")
    np.testing.assert_array_equal(read_points(file)["me.jpg"], [[1, 2], [3, 4], [5, 6], [7, 8]])


def test_a_line_that_is_no_points_is_named(tmp_path):
    file = tmp_path / "points.csv"
    file.write_text("me.jpg,1,2,3,4,5,6,7,8\nyou.jpg,1,2\n")
    with pytest.raises(DataError, match="line 2"):
        read_points(file)
