import numpy as np
import pytest
from PIL import Image

from stylegan_cli.data.formats import UnusableImageError
from stylegan_cli.errors import DataError
from stylegan_cli.studies.projection.alignment import align, face_quad, paste_back, read_points
from stylegan_cli.studies.projection.pictures import Album, Framing
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


FACE = np.array([[222.0, 188.0], [307.0, 186.0], [232.0, 280.0], [308.0, 280.0]])


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        (FACE[[1, 0, 3, 2]], "mirrored"),
        (FACE[[2, 3, 0, 1]], "mirrored"),
        (FACE[[0, 0, 2, 3]], "coincide"),
        (FACE[[0, 0, 0, 0]], "coincide"),
        (FACE[:1] + 1e-3 * (FACE - FACE[:1]), "coincide"),
    ],
)
def test_points_that_are_no_face_are_refused(points, reason):
    with pytest.raises(UnusableImageError, match=reason):
        face_quad(points)


@pytest.mark.parametrize("scale", [1e2, 1e6])
def test_points_far_apart_take_neither_memory_nor_time(scale):
    with pytest.raises(UnusableImageError, match="too far apart"):
        align(gradient(), face_quad(FACE * scale), 64)


def test_points_beside_the_picture_are_refused():
    with pytest.raises(UnusableImageError, match="outside"):
        align(gradient(), face_quad(FACE + 5000), 64)


LINE = "me.jpg,1,2,3,4,5,6,7,8"


@pytest.mark.parametrize(
    "text",
    [
        LINE,
        f"name,a,b,c,d,e,f,g,h\n{LINE}\n",
        f"\ufeff{LINE}\r\n",
        f"# by hand\n\n{LINE.replace(',', ', ')},,\n",
        f"faces/{LINE}",
        LINE.replace(",", ";"),
        LINE.replace(",", "\t"),
        "name;x\nme.jpg;1,0;2,0;3;4;5;6;7;8",
    ],
)
def test_points_are_read_by_the_name_of_the_picture(tmp_path, text):
    file = tmp_path / "points.csv"
    file.write_bytes(text.encode())
    np.testing.assert_array_equal(read_points(file)["me.jpg"], [[1, 2], [3, 4], [5, 6], [7, 8]])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"{LINE}\nyou.jpg,1,2\n", "line 2: not a name and 8 numbers"),
        ("me.jpg,1,2,3,4,5,6,7", "line 1: not a name and 8 numbers"),
        (f"{LINE},9", "line 1: not a name"),
        (LINE.replace("1", "nan"), "line 1: not a name"),
        (LINE.replace("1", "1e300"), "line 1: not a name"),
        (f"{LINE}\n{LINE}", "line 2: me.jpg has points already"),
        ("name,x,y\n", "holds no points"),
        ("", "holds no points"),
    ],
)
def test_a_list_without_points_is_refused_by_its_line(tmp_path, text, reason):
    file = tmp_path / "points.csv"
    file.write_text(text)
    with pytest.raises(DataError, match=reason):
        read_points(file)


@pytest.mark.parametrize("mode", ["RGBA", "I;16"])
def test_faces_of_any_picture_are_seen_as_it_is(tmp_path, network, mode):
    side = 80
    if mode == "RGBA":  # black hidden behind full transparency
        pixels = np.zeros((side, side, 4), np.uint8)
        pixels[20:60, 20:60] = (90, 120, 30, 255)
    else:
        pixels = np.full((side, side), 30_000, np.uint16)
    Image.fromarray(pixels).save(tmp_path / "face.png")
    (tmp_path / "points.csv").write_text("face.png,30,30,50,30,33,50,47,50")
    framing = Framing(points=tmp_path / "points.csv", background="red")
    (subject,) = Album(network, [tmp_path / "face.png"], framing).subjects
    corner = subject.load()[0, 0]
    wanted = (255, 0, 0) if mode == "RGBA" else (117, 117, 117)
    assert np.abs(corner.astype(int) - wanted).max() <= 2
    np.testing.assert_array_equal(np.asarray(subject.original())[0, 0], wanted)
