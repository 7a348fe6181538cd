"""Pixels of more than 8 bits: the range that becomes black to white."""

import numpy as np
import numpy.typing as npt
from PIL import Image

from stylegan_cli.data import Source
from stylegan_cli.data.decoding import DEEP_MAX, Levels, Upright, is_deep
from stylegan_cli.data.formats import UnusableImageError


def seen_levels(image: Upright) -> Levels | None:
    """Return the range to look at values by, where there is no agreed one."""
    if image.deep_range is None or _has_agreed_range(image.mode, image.deep_range):
        return None
    low, high = image.deep_range
    if not np.isfinite(high - low):
        raise UnusableImageError("pixels that are not numbers (NaN or infinite)")
    return usual_levels(image.deep_range)


def usual_levels(found: Levels) -> Levels:
    """Return 0 to 1, −1 to 1 or 0 to 255 if values fill most of it, otherwise their own range."""
    low, high = found
    for bottom, top in ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)):
        if bottom <= low and high <= top and 2 * (high - low) >= top - bottom:
            return bottom, top
    return low, high if high > low else low + 1


def has_halves(source: Source) -> bool:
    """Return whether a source was prepared as float16."""
    return source.prepared.get("store") == "float16"


def own_levels(source: Source) -> Levels | None:
    """Return the levels of numbers that a source was prepared as, None for any other."""
    return (0.0, 255.0) if has_halves(source) else None


def eight_bit(image: Image.Image, levels: Levels | None) -> Image.Image:
    """Return a picture of 8 bits a channel, made by its levels if it has more."""
    if not is_deep(image.mode):
        return image
    if levels is not None:
        return Image.fromarray(np.rint(scaled(image, levels)).astype(np.uint8))
    _check_agreed_range(image)
    values = np.asarray(image).astype(np.int64)
    return Image.fromarray(((values * 255 + 32_767) // DEEP_MAX).astype(np.uint8))


def scaled(image: Image.Image, levels: Levels | None) -> npt.NDArray[np.float64]:
    """Return values of more than 8 bits as numbers from 0 to 255, not rounded."""
    if levels is None:
        _check_agreed_range(image)
    low, high = levels or (0, DEEP_MAX)
    values = np.asarray(image).astype(np.float64)
    found = ((values - low) * 255 / (high - low)).clip(0, 255)
    if np.isnan(found).any():
        raise UnusableImageError("pixels that are not numbers (NaN)")
    return found


def _check_agreed_range(image: Image.Image) -> None:
    if image.mode == "F":
        raise UnusableImageError(
            "floating-point pixels have no agreed range; give their `levels=0,1`"
        )
    values = np.asarray(image)
    if not _has_agreed_range(image.mode, (float(values.min()), float(values.max()))):
        raise UnusableImageError("32-bit pixels beyond 16 bits; give their `levels=0,100000`")


def _has_agreed_range(mode: str, found: Levels) -> bool:
    return mode != "F" and found[0] >= 0 and found[1] <= DEEP_MAX
