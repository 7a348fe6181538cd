import numpy as np
import pytest
from PIL import Image

from stylegan_cli.data.decoding import Upright
from stylegan_cli.data.pictures import Target, fit_picture, usual_resolution
from stylegan_cli.errors import UsageError
from stylegan_cli.sizes import Size
from tests.data.pictures import blocks, quadrants


def square_of(image: Image.Image, target: Target):
    return fit_picture(Upright(image), target)


def test_a_square_of_the_wanted_size_is_untouched():
    image = blocks()
    fitted = square_of(image, Target(resolution=32))
    np.testing.assert_array_equal(fitted.pixels, np.asarray(image))
    assert not fitted.enlarged


def test_crop_takes_the_centre():
    pixels = np.zeros((16, 48, 3), np.uint8)
    pixels[:, 16:32] = 200
    assert (square_of(Image.fromarray(pixels), Target(resolution=16)).pixels == 200).all()


def test_fit_shows_all_of_the_picture_between_bars():
    pixels = square_of(
        Image.new("RGB", (64, 32), "red"), Target(resolution=32, fit="fit", background="blue")
    ).pixels
    assert (pixels[8:24] == [255, 0, 0]).all()
    assert (pixels[:8] == [0, 0, 255]).all() and (pixels[24:] == [0, 0, 255]).all()


def test_wide_is_four_to_three_between_bars():
    pixels = square_of(
        Image.new("RGB", (400, 100), "red"), Target(resolution=32, fit="wide", background="black")
    ).pixels
    assert (pixels[4:28] == [255, 0, 0]).all()
    assert (pixels[:4] == 0).all() and (pixels[28:] == 0).all()


def test_wide_cuts_tall_pictures_too():
    tall = np.zeros((100, 40, 3), np.uint8)
    tall[35:65] = 255
    pixels = square_of(Image.fromarray(tall), Target(resolution=16, fit="wide")).pixels
    assert (pixels == 255).all()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_channels_are_the_last_axis(channels):
    fitted = square_of(quadrants(), Target(resolution=8, channels=channels))
    assert fitted.pixels.shape == (8, 8, channels)


def test_bars_of_four_channels_are_transparent():
    pixels = square_of(
        Image.new("RGB", (16, 8), "red"), Target(resolution=16, channels=4, fit="fit")
    ).pixels
    assert pixels[0, 0].tolist() == [255, 255, 255, 0]
    assert pixels[8, 8].tolist() == [255, 0, 0, 255]


def test_box_is_the_mean():
    image = blocks(width=32, height=32)
    means = np.asarray(image).reshape(8, 4, 8, 4, 3).mean((1, 3))
    pixels = square_of(image, Target(resolution=8, filter="box")).pixels
    assert np.abs(pixels - means).max() <= 1


def test_transparent_colours_do_not_bleed_when_shrunk():
    pixels = np.zeros((16, 16, 4), np.uint8)
    pixels[:, ::2] = [255, 0, 0, 255]
    pixels[:, 1::2] = [0, 255, 0, 0]
    shrunk = square_of(Image.fromarray(pixels), Target(resolution=8, channels=4)).pixels
    assert (shrunk[..., 1] <= 1).all()


@pytest.mark.parametrize("fit", ["crop", "wide", "fit"])
@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (7, 5)])
def test_any_shape_becomes_a_square(fit, size):
    fitted = square_of(Image.new("RGB", size, "red"), Target(resolution=8, fit=fit))
    assert fitted.pixels.shape == (8, 8, 3)


def test_smaller_pictures_are_enlarged_and_say_so():
    assert square_of(Image.new("RGB", (7, 90)), Target(resolution=8)).enlarged
    assert not square_of(Image.new("RGB", (8, 90)), Target(resolution=8)).enlarged


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"resolution": 100}, "power of two"),
        ({"resolution": 4}, "power of two"),
        ({"resolution": 2048}, "power of two"),
        ({"channels": 33}, "channels"),
        ({"background": "blurple"}, "blurple"),
    ],
)
def test_impossible_targets_are_refused(change, word):
    with pytest.raises(UsageError, match=word):
        Target(**{"resolution": 8, **change})


def test_usual_resolution_never_enlarges_within_its_range():
    assert [usual_resolution(Size(side, side + 9)) for side in (1, 8, 100, 256, 5000)] == [
        8,
        8,
        64,
        256,
        1024,
    ]
