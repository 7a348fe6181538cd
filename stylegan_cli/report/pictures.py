"""Pictures in the page: fakes over time, dials and sheets; reduced, and written as text."""

import io
import warnings
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from stylegan_cli.data.decoding import Extent
from stylegan_cli.errors import DataError
from stylegan_cli.figures.png import tile, to_image
from stylegan_cli.files import refuse_devices
from stylegan_cli.rendering.header import StudyPaths
from stylegan_cli.rendering.sheet import compose
from stylegan_cli.rendering.store import StudyFile, open_study
from stylegan_cli.report.inputs import ReadRun, Study
from stylegan_cli.shapes import Picture

LONGEST, LONGEST_FAKES = 1600, 1024
"""Longest side of a composed picture, and of a picture of fakes or reals, in pixels."""

MOST_DIALS, MOST_SEEDS = 8, 8
T = TypeVar("T")
SMALLEST = 160
"""Smallest side of each image of a dial, in pixels."""

STRENGTH = "strength"
QUALITY = 85
"""Quality of WebP: a page holds seven times as many pictures as with PNG."""


@dataclass(frozen=True, kw_only=True)
class Photo:
    """A picture in the page.

    Attributes:
        source: Value of an image's `src`.
        original: Size of the original picture.
    """

    source: str
    size: Extent
    original: Extent

    @property
    def is_reduced(self) -> bool:
        return self.original != self.size


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A picture with its name, or the problem with it.

    Attributes:
        value: Position on the slider, if there is one.
        is_printed: Paper shows it too.
    """

    name: str
    photo: Photo | None = None
    value: str = ""
    is_printed: bool = False
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class Dial:
    """A picture with a slider.

    Attributes:
        middle: Position of the slider at first.
    """

    name: str
    count: int
    middle: int
    frames: Iterator[Shown]


def fakes(run: ReadRun, most: int) -> Iterator[Shown]:
    """Yield the run's fakes, at most this many, from the first to the last."""
    chosen = thin(run.fakes, most)
    for place, (kimg, path) in enumerate(chosen):
        shown = _shown(f"{kimg:,.10g} kimg", partial(photo, path, LONGEST_FAKES))
        printed = place in (0, len(chosen) // 2, len(chosen) - 1)
        yield replace(shown, value=f"{kimg:.10g}", is_printed=printed)


def reals(run: ReadRun) -> Iterator[Shown]:
    """Yield the picture of the run's real images, if there is one."""
    path = run.folder / "reals.png"
    if path.exists():
        yield _shown("reals", partial(photo, path, LONGEST_FAKES))


def sheets(study: Study) -> Iterator[Shown]:
    """Yield the composed pictures of a study."""
    paths = StudyPaths(folder=study.path.parent, header=study.header)
    for sheet, (name, path) in enumerate(zip(study.header.sheets, paths.sheets, strict=True)):
        yield _shown(name, partial(_composed, study, path, sheet))
    for name, path in zip(study.header.pictures, paths.pictures, strict=True):
        yield _shown(name, partial(photo, path, LONGEST))


def dials(study: Study) -> Iterator[Dial]:
    """Yield a dial for each of the first directions of a discovery, or one for an edit.

    Nothing if the study's columns are not strengths, or images are missing.
    """
    axes = study.header.axes
    if [*axes][1:] != [STRENGTH]:
        return
    with open_study(study.path) as file:
        if not file.done("/").all():
            return
        first = next(iter(axes))
        if first == "direction":
            for row, name in enumerate(axes[first][:MOST_DIALS]):
                yield _dial(name, axes[STRENGTH], partial(_of_direction, file, row))
        else:
            yield _dial(study.header.sheets[0], axes[STRENGTH], partial(_of_seeds, file))


def thin(fakes: Sequence[T], most: int) -> list[T]:
    """Return the fakes; if there are too many, some spread evenly from the first to the last."""
    if len(fakes) <= most:
        return list(fakes)
    if most == 1:
        return [fakes[-1]]
    return [fakes[round(i * (len(fakes) - 1) / (most - 1))] for i in range(most)]


def photo(path: Path, longest: int) -> Photo:
    """Read a picture from a file, reduced if a side is longer.

    Raises:
        DataError: It is damaged or not a picture.
    """
    try:
        with warnings.catch_warnings():
            # the warning about pictures so large that they may be an attack
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(refuse_devices(path), formats=("PNG",)) as image:
                return photo_of(image, longest)
    except Exception as error:  # Pillow's decoders raise almost anything on damaged files
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: not a readable picture ({reason}); left out") from error


def source_of(path: Path) -> str | None:
    """Return the origin that a PNG records."""
    try:
        with Image.open(refuse_devices(path), formats=("PNG",)) as image:
            source = image.info.get("Source")
    except Exception:  # `photo` reports the error
        return None
    return str(source) if source is not None else None


def photo_of(image: Image.Image, longest: int) -> Photo:
    """Encode a picture, reduced if a side is longer."""
    original = image.size
    shown = image.convert("RGBA" if image.has_transparency_data else "RGB")
    shown.thumbnail((longest, longest), Image.Resampling.LANCZOS, reducing_gap=3)
    buffer = io.BytesIO()
    shown.save(buffer, "WEBP", quality=QUALITY)
    source = f"data:image/webp;base64,{b64encode(buffer.getvalue()).decode('ascii')}"
    return Photo(source=source, size=shown.size, original=original)


def _shown(name: str, take: Callable[[], Photo]) -> Shown:
    try:
        return Shown(name=name, photo=take())
    except DataError as error:
        return Shown(name=name, problem=str(error))


def _composed(study: Study, path: Path, sheet: int) -> Photo:
    """Return the picture beside the file if it is this study's; else compose it again."""
    if source_of(path) == study.header.origin:
        return photo(path, LONGEST)
    with open_study(study.path) as file:
        return photo_of(to_image(compose(file, sheet)), LONGEST)


def _dial(name: str, strengths: Sequence[str], picture: Callable[[int], Picture]) -> Dial:
    middle = strengths.index("0") if "0" in strengths else len(strengths) // 2
    frames = (
        Shown(
            name=strength,
            photo=photo_of(to_image(picture(i)), LONGEST),
            value=strength,
            is_printed=i in (0, middle, len(strengths) - 1),
        )
        for i, strength in enumerate(strengths)
    )
    return Dial(name=name, count=len(strengths), middle=middle, frames=frames)


def _of_direction(file: StudyFile, row: int, strength: int) -> Picture:
    """Draw a direction at one strength, on the mean of W and on seeds."""
    if len(file.header.sheets) == 1:
        return _side_by_side([file.image("/", (row, strength))])
    sheets = range(min(len(file.header.sheets), MOST_SEEDS))
    return _side_by_side([file.image("/", (sheet, row, strength)) for sheet in sheets])


def _of_seeds(file: StudyFile, strength: int) -> Picture:
    rows = range(min(file.done("/").shape[0], MOST_SEEDS))
    return _side_by_side([file.image("/", (row, strength)) for row in rows])


def _side_by_side(
    images: list[Picture],
) -> UInt8[np.ndarray, "row_height row_width channels"]:
    times = ceil(SMALLEST / images[0].shape[0])
    row = tile(np.stack(images), len(images))
    large: np.ndarray = row.repeat(times, axis=0).repeat(times, axis=1)
    return large
