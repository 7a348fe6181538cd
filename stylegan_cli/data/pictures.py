"""One encoded image → an upright 8-bit picture, whatever its format and mode.

Anything a stranger's file can do wrong ends as an `UnusableImageError` with the reason.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from stylegan_cli.errors import DataError

SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".tif", ".tiff", ".gif"}
)
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
Image.init()  # else Pillow knows WebP and TIFF only after a first failure, and not in threads
MAX_PIXELS = 89_478_485  # what Pillow calls a bomb: 256 MiB of RGB
TOO_LARGE = f"more than {MAX_PIXELS:,} pixels"
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class UnusableImageError(DataError):
    """An image that has to be left out; the message is the reason."""


@contextmanager
def reasons() -> Iterator[None]:
    """Turn whatever goes wrong with one image into the reason it is unusable."""
    try:
        yield
    except UnusableImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UnusableImageError(TOO_LARGE) from None
    except UnidentifiedImageError:
        raise UnusableImageError("not an image in a format that is read") from None
    except Exception as error:  # Pillow's decoders raise almost anything on hostile bytes
        words = str(error).splitlines()[:1]
        raise UnusableImageError(": ".join(["damaged", type(error).__name__, *words])) from error


def decode(data: bytes) -> Image.Image:
    """The first frame of an encoded image, turned upright."""
    if not data:
        raise UnusableImageError("empty file")
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        check_pixels(*image.size)
        image.load()
        return _upright(image)


def check_pixels(width: int, height: int) -> None:
    """Raise where decoding would take more memory than an image deserves."""
    if width * height > MAX_PIXELS:
        raise UnusableImageError(TOO_LARGE)


def flatten(image: Image.Image, channels: int, background: str) -> Image.Image:
    """The picture as L, RGB or RGBA; without an alpha channel it lies on the background."""
    image = _eight_bit(image)
    if channels == 4 or not image.has_transparency_data:
        return image.convert(MODES[channels])
    below = Image.new("RGBA", image.size, background)
    return Image.alpha_composite(below, image.convert("RGBA")).convert(MODES[channels])


def _upright(image: Image.Image) -> Image.Image:
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged EXIF, sound pixels
        return image
    turn = TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def _eight_bit(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise UnusableImageError("floating-point pixels have no agreed range; save as 8 or 16 bit")
    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65_535:
        raise UnusableImageError("32-bit pixels beyond 16 bits; save as 8 or 16 bit")
    return Image.fromarray(((values * 255 + 32_767) // 65_535).astype(np.uint8))
