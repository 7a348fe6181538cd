"""Images of a prepared data set, which are taken as they are."""

import numpy as np

from stylegan_cli.data.decoding import DEEP_MAX, Levels, Upright, is_deep, reasons
from stylegan_cli.data.entries import Entry, Source, entry_path
from stylegan_cli.data.formats import UnusableImageError
from stylegan_cli.data.levels import seen_levels
from stylegan_cli.data.pictures import MODES, SMALLEST, Target
from stylegan_cli.errors import DataError
from stylegan_cli.shapes import Picture, Stored
from stylegan_cli.sizes import Size

DEEP = "not prepared, pixels have more than 8 bits"


def exactly(image: Upright, target: Target) -> Picture:
    """Return an image that has the target's form."""
    wanted = (target.size.width, target.size.height)
    if is_deep(image.mode):
        raise UnusableImageError(f"{DEEP}; run `sgtool data prepare` on the data")
    if image.size == wanted and image.planes and len(image.planes) == target.channels:
        return np.dstack([np.asarray(plane.whole()) for plane in image.planes])
    if image.size != wanted or image.mode != MODES.get(target.channels):
        raise UnusableImageError(
            f"{image.size[0]}×{image.size[1]} {image.mode}, not {target.size} "
            f"{MODES.get(target.channels, f'{target.channels} channels')}; run "
            "`sgtool data prepare` on the data"
        )
    return np.asarray(image.whole()).reshape(*target.size.shape, target.channels)


def has_halves(source: Source) -> bool:
    """Return whether a source was prepared as float16."""
    return source.prepared.get("store") == "float16"


def own_levels(source: Source) -> Levels | None:
    """Return the levels of numbers that a source was prepared as, None for any other."""
    return (0.0, 255.0) if has_halves(source) else None


def halves(image: Upright, target: Target) -> Stored:
    """Return an image that has the target's form, in float16."""
    planes = image.planes or (image,)
    found = Size(image.size[1], image.size[0])
    if found != target.size or len(planes) != target.channels or image.mode != "F":
        raise UnusableImageError(
            f"{found} {image.mode}, {len(planes)} channels, not {target.size} F, "
            f"{target.channels} channels; run `sgtool data prepare` on the data"
        )
    pixels = np.dstack([np.asarray(plane.whole()) for plane in planes])
    if not (pixels.min() >= 0 and pixels.max() <= 255):
        raise UnusableImageError("damaged: values that are not from 0 to 255")
    return pixels.astype(np.float16)


def check_first(source: Source, entry: Entry, target: Target) -> None:
    """Raise if the first image is not what is wanted, where the remedy is easy to name."""
    try:
        with reasons(), source.open(entry) as image:
            (width, height), mode = image.size, image.mode
            planes = len(image.planes)
            levels = seen_levels(image)
    except UnusableImageError as error:
        raise DataError(f"{entry_path(source, entry)}: {error}") from error
    where = source.name or entry.name
    unprepared = f"run `sgtool data prepare {where} -o prepared.zip` and use that"
    found = Size(height, width)
    if not found.is_possible or found.longer < SMALLEST:
        raise DataError(f"{where}: not prepared, the first image is {found}; {unprepared}")
    if is_deep(mode) and not has_halves(source):
        low, high = levels or (0, DEEP_MAX)
        raise DataError(f"{where}: {DEEP}; {unprepared}, with `levels={low:g},{high:g}`")
    if found != target.size:
        raise DataError(
            f"{where}: images are {found}, the recipe says {target.size}; choose "
            f"`data.resolution={found.value}`"
        )
    channels = planes or {"F": 1, **{mode: count for count, mode in MODES.items()}}.get(mode)
    if channels is None:
        raise DataError(f"{where}: not prepared, the first image has mode {mode}; {unprepared}")
    if channels != target.channels:
        raise DataError(
            f"{where}: images have {channels} channels, the recipe says "
            f"{target.channels}; choose `data.channels={channels}`"
        )
