"""One stored image, decoded once, turned upright and read in bands of rows.

Anything a stranger's file can do wrong ends as an `UnusableImageError` with the reason.
"""

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from io import BufferedIOBase
from math import prod
from typing import Any

import numpy as np
from PIL import ExifTags, Image

from stylegan_cli.data.formats import (
    ARRAY_SUFFIX,
    MAX_DECODED_BYTES,
    UnusableImageError,
    decoding_cost,
    open_header,
)
from stylegan_cli.errors import UsageError
from stylegan_cli.sizes import MOST_CHANNELS, PICTURE_CHANNELS

Extent = tuple[int, int]
"""Width and height, in Pillow's order."""
Box = tuple[int, int, int, int]
Levels = tuple[float, float]
DEEP_MAX = 65_535
"""White in images of 16 bits."""

BAND_PIXELS = 2**16
_ONE_PICTURE = {"MPO", "ICO", "ICNS", "PSD"}
"""Formats whose further frames are other forms of the same picture."""

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientations other than 1, which is upright."""

_SWAPS_AXES, _FROM_THE_RIGHT, _FROM_THE_BOTTOM = {5, 6, 7, 8}, {2, 3, 7, 8}, {3, 4, 6, 7}


class Upright:
    """A decoded image, turned upright part by part.

    Attributes:
        size: Width and height when upright.
        format: Pillow's name of the file's format; empty for arrays.
        frames: More than one in the file; this is the first.
    """

    def __init__(
        self,
        image: Image.Image,
        orientation: int = 1,
        *,
        frames: bool = False,
        planes: Callable[[], Sequence[Image.Image]] | None = None,
    ) -> None:
        """Take the image; `planes` returns all channels of a stack, one by one."""
        self._image, self._read_planes = image, planes
        self._orientation = orientation
        width, height = image.size
        self.size = (height, width) if orientation in _SWAPS_AXES else (width, height)
        self.format = image.format or ""
        self.frames = frames

    @property
    def mode(self) -> str:
        """Return Pillow's mode of the stored image."""
        return self._image.mode

    @cached_property
    def planes(self) -> tuple["Upright", ...]:
        """Return the channels of a stack, each a grey image; none for pictures.

        Where a data set is to have that many channels, the frames of a file count as channels.
        """
        read = () if self._read_planes is None else self._read_planes()
        return tuple(Upright(plane, self._orientation) for plane in read)

    @property
    def stack(self) -> tuple["Upright", ...]:
        """Return the channels of an array; none for pictures, even of several frames."""
        return () if self.frames else self.planes

    @property
    def channels(self) -> int:
        """Return 1 for grey, 3 for colour, 4 with transparency, or a stack's number of planes."""
        if self.stack:
            return len(self.stack)
        if self._image.has_transparency_data:
            return 4
        return 1 if self.mode == "1" or self.mode[0] in "LIF" else 3

    @cached_property
    def deep_range(self) -> Levels | None:
        """Return the least and greatest value of pixels of more than 8 bits; None for others."""
        if not is_deep(self.mode):
            return None
        bands = (band for plane in self.stack or (self,) for band in plane.bands())
        ranges = [(values.min(), values.max()) for values in map(np.asarray, bands)]
        # NumPy's, of which NaN is the least and the greatest
        return float(np.min(ranges)), float(np.max(ranges))

    def whole(self) -> Image.Image:
        """Return all of it as one Pillow image."""
        turn = TURNS.get(self._orientation)
        return self._image if turn is None else self._image.transpose(turn)

    def bands(self, box: Box | None = None) -> Iterator[Image.Image]:
        """Yield the rows of the image, or of a part of it, some at a time."""
        left, top, right, bottom = box or (0, 0, *self.size)
        rows = max(1, BAND_PIXELS // (right - left))
        for start in range(top, bottom, rows):
            yield self._part((left, start, right, min(bottom, start + rows)))

    def _part(self, box: Box) -> Image.Image:
        """The part that lies at this place when upright."""
        left, top, right, bottom = box
        if self._orientation in _SWAPS_AXES:
            left, top, right, bottom = top, left, bottom, right
        width, height = self._image.size
        if self._orientation in _FROM_THE_RIGHT:
            left, right = width - right, width - left
        if self._orientation in _FROM_THE_BOTTOM:
            top, bottom = height - bottom, height - top
        part = self._image.crop((left, top, right, bottom))
        turn = TURNS.get(self._orientation)
        return part if turn is None else part.transpose(turn)


def is_deep(mode: str) -> bool:
    """Return whether pixels of this mode of Pillow have more than 8 bits a channel."""
    return mode[0] in "IF"


@contextmanager
def reasons() -> Iterator[None]:
    """Turn whatever goes wrong with one image into the reason it is unusable."""
    try:
        yield
    except (UnusableImageError, UsageError):
        raise
    except Exception as error:  # Pillow's decoders raise almost anything on hostile bytes
        words = str(error).splitlines()[:1]
        raise UnusableImageError(": ".join(["damaged", type(error).__name__, *words])) from error


@contextmanager
def decoded(file: BufferedIOBase, name: str) -> Generator[Upright, None, None]:
    """Decode the first frame of a stored image, for as long as the block runs.

    Threads wait for each other where their images together would exceed `MAX_DECODED_BYTES`.
    """
    if name.lower().endswith(ARRAY_SUFFIX):
        shape, in_columns, dtype = _array_header(file)
        with _room.taken(prod(shape) * dtype.itemsize):
            content = file.read(prod(shape) * dtype.itemsize)
            array = np.frombuffer(content, dtype).reshape(shape, order="F" if in_columns else "C")
            yield stack_of(array)
        return
    with open_header(file, name) as image, _room.taken(decoding_cost(image)):
        frames = _has_frames(image)
        image.load()
        pages = partial(_pages, image) if frames and image.format == "TIFF" else None
        yield Upright(image, _orientation(image), frames=frames, planes=pages)


def stack_of(pixels: np.ndarray) -> Upright:
    """Return an array `[height, width]` or `[height, width, channels]` as an image."""
    if pixels.ndim == 4:
        raise UnusableImageError(
            f"an array {list(pixels.shape)} of several images; store them in an .h5 file, in "
            "Python by h5py.File('x.h5', 'w')['images'] = array"
        )
    if pixels.ndim == 2 and 1 not in pixels.shape:  # else labels or numbers, as of an .npz
        pixels = pixels[:, :, None]
    if pixels.ndim != 3 or not pixels.size or pixels.dtype.kind not in "uif":
        raise UnusableImageError(
            f"{pixels.dtype} {list(pixels.shape)}; needed are numbers [height, width, channels]"
        )
    height, _, channels = pixels.shape
    if height in PICTURE_CHANNELS and channels not in PICTURE_CHANNELS:
        raise UnusableImageError(
            f"an array {list(pixels.shape)}, whose channels seem to come first; store it as "
            "[height, width, channels]"
        )
    if channels > MOST_CHANNELS:
        raise UnusableImageError(f"{channels} channels, {MOST_CHANNELS} at most are possible")
    if pixels.dtype == np.uint8 and channels in PICTURE_CHANNELS:
        return Upright(Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels))
    first = _plane(pixels[:, :, 0])
    if channels == 1:
        return Upright(first)
    return Upright(first, planes=lambda: [_plane(pixels[:, :, i]) for i in range(channels)])


def _plane(values: np.ndarray) -> Image.Image:
    if values.dtype.kind == "f":
        with np.errstate(over="ignore"):
            return Image.fromarray(values.astype(np.float32))
    if values.dtype.itemsize > 4 or values.dtype == np.uint32:
        values = values.clip(-(2**31), 2**31 - 1)
    is_8_bit = values.dtype == np.uint8
    return Image.fromarray(np.ascontiguousarray(values if is_8_bit else values.astype(np.int32)))


def _array_header(file: BufferedIOBase) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read the header of a `.npy` file, of an array that is no larger than an image may be."""
    version = np.lib.format.read_magic(file)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read is None:
        raise UnusableImageError("an array of a version of NumPy's format that is not read")
    with _one_header:
        shape, in_columns, dtype = read(file)
    size = prod(shape) * dtype.itemsize
    if dtype.hasobject or min(shape, default=0) < 0 or size > MAX_DECODED_BYTES:
        raise UnusableImageError(f"an array {list(shape)} of {dtype} is no image")
    return shape, in_columns, dtype


def _pages(image: Image.Image) -> list[Image.Image]:
    """Return the pages of a file as channels; none unless all are grey and of one size."""
    count = int(getattr(image, "n_frames", 1))
    if count > MOST_CHANNELS:
        return []
    check_pixels(*image.size, 4 * count)
    size, pages = image.size, list[Image.Image]()
    for number in range(count):
        image.seek(number)
        # a page of another size may be of any size
        if image.size != size or image.mode[0] not in "LIF":
            break
        pages.append(image.copy())
    image.seek(0)
    return pages if len(pages) == count else []


def check_pixels(width: int, height: int, bytes_each: int) -> None:
    """Raise where unpacked pixels would take more memory than an image deserves."""
    if width * height * bytes_each > MAX_DECODED_BYTES:
        raise UnusableImageError(f"{width}×{height} pixels are too many to read")


_one_header = threading.Lock()
"""NumPy reads headers by CPython's `ast`, which fails in several threads at once."""


class _Room:
    """Memory for decoded images, shared by all threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._used = 0
        self._freed = threading.Condition()

    @contextmanager
    def taken(self, cost: int) -> Iterator[None]:
        with self._freed:
            self._freed.wait_for(lambda: not self._used or self._used + cost <= self._size)
            self._used += cost
        try:
            yield
        finally:
            with self._freed:
                self._used -= cost
                self._freed.notify_all()


_room = _Room(MAX_DECODED_BYTES)


def _has_frames(image: Image.Image) -> bool:
    if image.format in _ONE_PICTURE:
        return False
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # a damaged second frame does no harm to the first
        return False


def _orientation(image: Image.Image) -> int:
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged EXIF, sound pixels
        return 1
    return orientation if orientation in TURNS else 1
