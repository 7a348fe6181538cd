"""A decoded picture of any shape and mode → one of 8 bits and a size of networks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from PIL import Image, ImageColor

from stylegan_cli.data.decoding import Box, Extent, Levels, Upright, is_deep
from stylegan_cli.data.formats import UnusableImageError
from stylegan_cli.data.levels import eight_bit, scaled
from stylegan_cli.errors import UsageError
from stylegan_cli.shapes import Picture, Stored
from stylegan_cli.sizes import LARGEST, MOST_CHANNELS, Size, parse_size, problem_of, square

Fit = Literal["crop", "wide", "fit"]
Filter = Literal["lanczos", "box"]

MODES = {1: "L", 3: "RGB", 4: "RGBA"}
RESAMPLING = {"lanczos": Image.Resampling.LANCZOS, "box": Image.Resampling.BOX}
SMALLEST = 8


@dataclass(frozen=True, kw_only=True)
class Target:
    """Form that every picture is given.

    Attributes:
        resolution: Side of squares, or "WIDTHxHEIGHT".
        fit: crop takes the largest centred part of that shape; wide, for squares, the largest
            centred 4:3 part, between two bars; fit the whole picture, between bars.
        background: Colour behind transparent pixels and of the bars, by name or as #rrggbb. The
            bars are transparent where there are 4 channels.
        levels: Values that become black and white in pixels of more than 8 bits; None is the full
            range of 16 bits.
        store: float16 keeps what lies between two bytes: black is 0 and white 255, as in bytes,
            which None stands for.
    """

    resolution: int | str
    channels: int = 3
    fit: Fit = "crop"
    filter: Filter = "lanczos"
    background: str = "white"
    levels: Levels | None = None
    store: Literal["float16"] | None = None

    def __post_init__(self) -> None:
        size = check_resolution(self.resolution)
        # the same request for the same squares, however they were asked for
        object.__setattr__(self, "resolution", size.value)
        if self.fit == "wide" and not size.is_square:
            raise UsageError(
                f"makes squares only, not {size}; choose crop or fit", parameter="fit", value="wide"
            )
        for name, choices in (("fit", get_args(Fit)), ("filter", get_args(Filter))):
            if (value := getattr(self, name)) not in choices:
                raise UsageError(f"choose {', '.join(choices)}", parameter=name, value=value)
        if not 1 <= self.channels <= MOST_CHANNELS:
            raise UsageError(
                f"choose 1 (grey), 3 (RGB), 4 (RGBA), or up to {MOST_CHANNELS} of stacks",
                parameter="channels",
                value=self.channels,
            )
        if self.levels is not None and not -np.inf < self.levels[0] < self.levels[1] < np.inf:
            low, high = self.levels
            raise UsageError(
                "give a lower and a higher number, such as 0,4095",
                parameter="levels",
                value=f"{low:g},{high:g}",
            )
        try:
            ImageColor.getrgb(self.background)
        except ValueError:
            raise UsageError(
                "not a colour; name one such as white or #ffffff",
                parameter="background",
                value=self.background,
            ) from None

    @property
    def size(self) -> Size:
        """Return the resolution as a size."""
        return parse_size(self.resolution) or square(0)


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A picture of the wanted size, and whether it had to be enlarged for that."""

    pixels: Stored
    enlarged: bool


def check_resolution(resolution: int | str) -> Size:
    """Return the size that a resolution means.

    Raises:
        UsageError: Networks cannot have it.
    """
    size = parse_size(resolution)
    problem = 'no size; write a side such as 256, or "WIDTHxHEIGHT"'
    if size is not None and size.is_possible and size.longer >= SMALLEST:
        return size
    if size is not None and size.is_square:
        nearest = usual_resolution(size)
        problem = f"not a power of two from {SMALLEST} to {LARGEST}; choose {nearest}"
    elif size is not None:
        problem = problem_of(size)
    raise UsageError(problem, parameter="resolution", value=resolution)


def usual_resolution(size: Size) -> int:
    """Return the largest square that does not enlarge the shorter side, from 8 to 1024 px."""
    side = max(1, size.shorter)
    return min(LARGEST, max(SMALLEST, 1 << (side.bit_length() - 1)))


def is_stack(image: Upright, target: Target) -> bool:
    """Return whether the planes of an image are its channels, not the frames of a picture."""
    return bool(image.planes) and not (image.frames and target.channels in MODES)


def check_channels(image: Upright, target: Target) -> None:
    """Raise unless the image can have as many channels."""
    if is_stack(image, target):
        if len(image.planes) != target.channels:
            raise UnusableImageError(
                f"{len(image.planes)} channels, not {target.channels}; choose "
                f"`channels={len(image.planes)}`"
            )
    elif target.channels not in MODES:
        raise UnusableImageError(
            f"a picture, not {target.channels} channels; they come from .npy, HDF5 or the pages "
            "of a TIFF"
        )


def seen_planes(image: Upright, preview: Sequence[int] | None = None) -> tuple[Upright, ...]:
    """Return what one looks at: the picture, or three channels of a stack, of two the first.

    Args:
        preview: Numbers of the three, the first ones if not given.

    Raises:
        UsageError: They are not channels of a stack.
    """
    planes = image.stack
    if preview is None:
        return planes[: 3 if len(planes) > 2 else 1] or (image,)
    if len(preview) == 3 and set(preview) <= set(range(len(planes))):
        return tuple(planes[number] for number in preview)
    form = f"have {len(planes)} channels" if planes else "are pictures"
    raise UsageError(
        f"the images {form}; choose three of the channels of a stack, counted from 0",
        parameter="preview",
        value=",".join(map(str, preview)),
    )


def flatten(
    image: Image.Image, channels: int, background: str, levels: Levels | None = None
) -> Image.Image:
    """Return the picture as L, RGB or RGBA; without alpha it lies on the background."""
    image = eight_bit(image, levels)
    if channels == 4 or not image.has_transparency_data:
        return image.convert(MODES[channels])
    below = Image.new("RGBA", image.size, background)
    return Image.alpha_composite(below, image.convert("RGBA")).convert(MODES[channels])


def resize(
    bands: Iterator[Image.Image], source: Extent, size: Extent, resample: Image.Resampling
) -> Image.Image:
    """Resize a picture that comes in bands of rows; the pixels are those of resizing it whole.

    Pillow resizes rows first and columns after, with 8 bits between, so bands can go through the
    first step one by one.

    Args:
        source: Width and height of all bands together.
    """
    narrow: Image.Image | None = None
    top, mode = 0, ""
    for band in bands:
        mode = band.mode
        # colours weigh by their alpha, as in Pillow's own resize
        rows = (band.convert("RGBa") if mode == "RGBA" else band).resize(
            (size[0], band.height), resample
        )
        narrow = narrow or Image.new(rows.mode, (size[0], source[1]))
        narrow.paste(rows, (0, top))
        top += band.height
    assert narrow is not None, "a picture has rows"
    return narrow.resize(size, resample).convert(mode)


def fit_picture(image: Upright, target: Target) -> Fitted:
    """Return the picture in the target's size and channels."""
    check_channels(image, target)
    if is_stack(image, target):
        grey = replace(target, channels=1)
        planes = [fit_picture(plane, grey) for plane in image.planes]
        pixels = np.concatenate([plane.pixels for plane in planes], axis=2)
        return Fitted(pixels=pixels, enlarged=planes[0].enlarged)
    if target.store and target.channels == 4:
        raise UnusableImageError("RGBA pictures are stored in bytes; leave `store` out")
    box, size = _geometry(image.size, target)
    part = (box[2] - box[0], box[3] - box[1])
    # fractions of bytes are fitted channel by channel
    channels = range(target.channels) if target.store else (None,)
    whole = [_fitted(image, box, size, target, channel) for channel in channels]
    pixels = np.dstack([np.asarray(each) for each in whole])
    if target.store == "float16":  # the filter overshoots
        pixels = pixels.clip(0, 255).astype(np.float16)
    return Fitted(pixels=pixels, enlarged=size[0] > part[0] or size[1] > part[1])


def to_bytes(pixels: Stored) -> Picture:
    """Return a picture of a data set as bytes, for those who look at it."""
    return pixels if pixels.dtype == np.uint8 else np.rint(pixels).astype(np.uint8)


def _fitted(
    image: Upright, box: Box, size: Extent, target: Target, channel: int | None
) -> Image.Image:
    """Return the part of a picture, or of one of its channels in floating point, between bars."""
    bands = (
        flatten(band, target.channels, target.background, target.levels)
        if channel is None
        else _fine(band, target, channel)
        for band in image.bands(box)
    )
    part = (box[2] - box[0], box[3] - box[1])
    inner = resize(bands, part, size, RESAMPLING[target.filter])
    whole = (target.size.width, target.size.height)
    if size == whole:
        return inner
    colour = ImageColor.getcolor(target.background, MODES[target.channels])
    if target.channels == 4 and isinstance(colour, tuple):
        colour = (*colour[:3], 0)
    if channel is not None and isinstance(colour, tuple):
        colour = colour[channel]
    page = Image.new(inner.mode, whole, colour)
    page.paste(inner, _centred(whole, size)[:2])
    return page


def _geometry(size: Extent, target: Target) -> tuple[Box, Extent]:
    width, height = size
    across, down = target.size.width, target.size.height
    if target.fit == "crop":
        return _centred(size, _part(size, across, down)), (across, down)
    if target.fit == "wide":
        return _centred(size, _part(size, 4, 3)), (across, down * 3 // 4)
    inner = (across, max(1, round(height * across / width)))
    if width * down < height * across:
        inner = (max(1, round(width * down / height)), down)
    return (0, 0, width, height), inner


def _part(size: Extent, across: int, down: int) -> Extent:
    """Return the largest part of the shape across : down."""
    width, height = size
    return (
        min(width, max(1, round(height * across / down))),
        min(height, max(1, round(width * down / across))),
    )


def _centred(size: Extent, part: Extent) -> Box:
    left, top = (size[0] - part[0]) // 2, (size[1] - part[1]) // 2
    return left, top, left + part[0], top + part[1]


def _fine(image: Image.Image, target: Target, channel: int) -> Image.Image:
    """Return a channel in floating point, black 0 and white 255."""
    if not is_deep(image.mode):
        flat = flatten(image, target.channels, target.background)
        return flat.getchannel(channel).convert("F")
    return Image.fromarray(scaled(image, target.levels).astype(np.float32))
