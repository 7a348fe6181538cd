import numpy as np
import pytest
from PIL import Image

from stylegan_cli.data.decoding import reasons
from stylegan_cli.data.formats import UnusableImageError
from stylegan_cli.data.pictures import flatten
from tests.data.pictures import blocks, decode, encoded, quadrants

TURNED = {
    1: lambda pixels: pixels,
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.transpose(1, 0, 2),
    6: lambda pixels: np.rot90(pixels, 1),
    7: lambda pixels: pixels[::-1, ::-1].transpose(1, 0, 2),
    8: lambda pixels: np.rot90(pixels, -1),
}


def rgb(image: Image.Image, background: str = "white") -> np.ndarray:
    return np.asarray(flatten(image, 3, background)).astype(int)


@pytest.mark.parametrize("kind", ["png", "bmp", "tiff", "gif", "webp"])
def test_lossless_formats_give_the_same_pixels(kind):
    original = quadrants()
    options = {"lossless": True} if kind == "webp" else {}
    np.testing.assert_array_equal(rgb(decode(encoded(original, kind, **options))), rgb(original))


def test_jpeg_gives_nearly_the_same_pixels():
    original = quadrants()
    stored = encoded(original, "jpeg", quality=95, subsampling=0)
    assert np.abs(rgb(decode(stored)) - rgb(original)).mean() < 3


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(kind, orientation):
    upright = np.asarray(quadrants(32, 48))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"png": {}, "webp": {"lossless": True}, "tiff": {}, "jpeg": {"quality": 95}}[kind]
    turned = Image.fromarray(np.ascontiguousarray(TURNED[orientation](upright)))
    seen = decode(encoded(turned, kind, exif=exif, **options))
    assert seen.size == (32, 48)
    assert np.abs(rgb(seen) - upright).mean() < 5


def test_damaged_exif_leaves_the_picture_as_it_is():
    stored = encoded(quadrants(), "jpeg", exif=b"Exif\0\0nonsense")
    assert decode(stored).size == (32, 32)


def test_first_frame_of_an_animation_is_taken():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    stored = encoded(frames[0], "gif", save_all=True, append_images=frames[1:])
    assert rgb(decode(stored))[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "YCbCr", "LA", "RGBA", "PA"])
def test_every_mode_becomes_rgb(mode):
    grey = Image.fromarray(np.kron([[0, 255], [255, 0]], np.ones((8, 8))).astype(np.uint8))
    expected = rgb(grey)
    image = grey.convert("P").convert("PA") if mode == "PA" else grey.convert(mode)
    assert np.abs(rgb(image) - expected).max() <= 2


def test_cmyk_jpeg_keeps_its_colours():
    stored = encoded(quadrants().convert("CMYK"), "jpeg", quality=100, subsampling=0)
    assert np.abs(rgb(decode(stored)) - rgb(quadrants())).mean() < 3


@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_sixteen_bits_are_scaled_not_cut(kind):
    values = np.array([[0, 256, 32_768, 65_535]], np.uint16).repeat(2, 0)
    seen = rgb(decode(encoded(Image.fromarray(values), kind)))
    assert seen[0, :, 0].tolist() == [0, 1, 128, 255]


def test_pixels_beyond_sixteen_bits_are_refused():
    with pytest.raises(UnusableImageError, match="beyond 16 bits"):
        rgb(Image.fromarray(np.array([[70_000]], np.int32)))


def test_floating_point_pixels_are_refused():
    with pytest.raises(UnusableImageError, match="no agreed range"):
        rgb(Image.fromarray(np.array([[0.5]], np.float32)))


def test_alpha_is_composited_on_the_background():
    half = Image.new("RGBA", (2, 2), (255, 0, 0, 128))
    assert rgb(half, "white")[0, 0].tolist() == [255, 127, 127]
    assert rgb(half, "black")[0, 0].tolist() == [128, 0, 0]
    assert rgb(half, "#0000ff")[0, 0].tolist() == [128, 0, 127]


def test_transparent_colour_of_a_palette_shows_the_background():
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putdata([0, 1])
    seen = rgb(decode(encoded(image, "png", transparency=0)), "#0000ff")
    assert seen[0].tolist() == [[0, 0, 255], [0, 255, 0]]


def test_transparent_grey_and_rgb_show_the_background():
    grey = decode(encoded(Image.new("L", (1, 1), 7), "png", transparency=7))
    colour = decode(encoded(Image.new("RGB", (1, 1), (1, 2, 3)), "png", transparency=(1, 2, 3)))
    assert rgb(grey, "red")[0, 0].tolist() == rgb(colour, "red")[0, 0].tolist() == [255, 0, 0]


def test_four_channels_keep_alpha():
    half = Image.new("RGBA", (1, 1), (10, 20, 30, 40))
    assert np.asarray(flatten(half, 4, "white"))[0, 0].tolist() == [10, 20, 30, 40]
    assert np.asarray(flatten(Image.new("L", (1, 1), 9), 4, "white")).tolist() == [[[9, 9, 9, 255]]]


def reason(data: bytes) -> str:
    with pytest.raises(UnusableImageError) as caught, reasons():
        decode(data)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "tiff", "bmp"])
def test_truncated_files_are_damaged(kind):
    stored = encoded(blocks(width=64, height=64), kind)
    assert "damaged" in reason(stored[: len(stored) // 2])


def test_reasons_of_what_is_no_image():
    assert reason(b"") == "empty file"
    assert reason(b"hello, I am text") == "not an image in a format that is read"


def test_too_many_pixels_are_refused_before_decoding(monkeypatch):
    monkeypatch.setattr("stylegan_cli.data.formats.MAX_DECODED_BYTES", 4 * 32 * 32 - 1)
    assert "32×32 pixels of PNG are too many" in reason(encoded(quadrants()))


def test_pillows_bound_on_pixels_gives_way_to_ours(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    np.testing.assert_array_equal(rgb(decode(encoded(quadrants()))), rgb(quadrants()))
