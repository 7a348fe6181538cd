"""One encoded image → an upright 8-bit picture, whatever its format and mode.

Anything a stranger's file can do wrong ends as an `UnusableImageError` with the reason.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from PIL import ExifTags, Image, ImageColor, UnidentifiedImageError

from stylegan_cli.errors import DataError, UsageError
from stylegan_cli.shapes import Picture

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


Fit = Literal["crop", "wide", "fit"]
Filter = Literal["lanczos", "box"]
Size = tuple[int, int]
Box = tuple[int, int, int, int]

RESAMPLING = {"lanczos": Image.Resampling.LANCZOS, "box": Image.Resampling.BOX}
LARGEST = 1024
SMALLEST = 8


@dataclass(frozen=True, kw_only=True)
class Target:
    """What every picture is made into.

    Attributes:
        fit: crop takes the largest centred square; wide the largest centred 4:3 part, between
            two bars; fit the whole picture, between bars.
        background: Colour behind transparent pixels and of the bars, by name or as #rrggbb. The
            bars are transparent where there are 4 channels.
    """

    resolution: int
    channels: int = 3
    fit: Fit = "crop"
    filter: Filter = "lanczos"
    background: str = "white"

    def __post_init__(self) -> None:
        check_resolution(self.resolution)
        if self.fit not in get_args(Fit):
            raise UsageError(f"fit: {self.fit!r} is none of {', '.join(get_args(Fit))}")
        if self.filter not in RESAMPLING:
            raise UsageError(f"filter: {self.filter!r} is none of {', '.join(RESAMPLING)}")
        if self.channels not in (1, 3, 4):
            raise UsageError(f"channels: {self.channels} is none of 1 (grey), 3 (RGB), 4 (RGBA)")
        try:
            ImageColor.getrgb(self.background)
        except ValueError:
            raise UsageError(
                f"background: {self.background!r} is no colour; name one such as white or #ffffff"
            ) from None


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A square picture and whether it had to be enlarged for that."""

    pixels: Picture
    enlarged: bool


def check_resolution(resolution: int) -> None:
    """Raise unless the networks exist at this resolution.

    Raises:
        UsageError: Not a power of two from 8 to 1024.
    """
    if resolution & (resolution - 1) or not SMALLEST <= resolution <= LARGEST:
        raise UsageError(
            f"resolution: {resolution} is no power of two from {SMALLEST} to {LARGEST}; "
            f"take {usual_resolution(resolution, resolution)}"
        )


def usual_resolution(width: int, height: int) -> int:
    """Largest resolution that does not enlarge a picture's smaller side, from 8 to 1024."""
    side = max(1, min(width, height))
    return min(LARGEST, max(SMALLEST, 1 << (side.bit_length() - 1)))


def fit_square(image: Image.Image, target: Target) -> Fitted:
    """The picture as a square of the target's size and channels."""
    box, size = _geometry(image.size, target)
    flat = flatten(image, target.channels, target.background).crop(box)
    inner = flat.resize(size, RESAMPLING[target.filter])
    side = target.resolution
    if size != (side, side):
        inner = _between_bars(inner, target)
    pixels = np.asarray(inner).reshape(side, side, target.channels)
    enlarged = size[0] > box[2] - box[0] or size[1] > box[3] - box[1]
    return Fitted(pixels=pixels, enlarged=enlarged)


def _geometry(size: Size, target: Target) -> tuple[Box, Size]:
    width, height = size
    side = target.resolution
    if target.fit == "crop":
        part = min(width, height)
        return _centred(size, (part, part)), (side, side)
    if target.fit == "wide":
        part_size = (min(width, round(height * 4 / 3)), min(height, max(1, round(width * 3 / 4))))
        return _centred(size, part_size), (side, side * 3 // 4)
    longer = max(size)
    inner = (max(1, round(width * side / longer)), max(1, round(height * side / longer)))
    return (0, 0, width, height), inner


def _centred(size: Size, part: Size) -> Box:
    left, top = (size[0] - part[0]) // 2, (size[1] - part[1]) // 2
    return left, top, left + part[0], top + part[1]


def _between_bars(inner: Image.Image, target: Target) -> Image.Image:
    side = target.resolution
    colour = ImageColor.getcolor(target.background, inner.mode)
    if isinstance(colour, tuple) and len(colour) == 4:
        colour = (*colour[:3], 0)
    square = Image.new(inner.mode, (side, side), colour)
    left, top, _, _ = _centred((side, side), inner.size)
    square.paste(inner, (left, top))
    return square
