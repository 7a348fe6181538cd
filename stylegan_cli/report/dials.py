"""Studies of directions with a slider; every step is in the page."""

from collections.abc import Iterator, Sequence
from math import ceil

import numpy as np
from jaxtyping import UInt8

from stylegan_cli.figures.png import tile
from stylegan_cli.rendering.store import StudyFile
from stylegan_cli.report.markup import Html, Piece, closing, element, opening, text
from stylegan_cli.report.photo import image_of, photo_of_pixels
from stylegan_cli.shapes import Picture

MOST_DIALS, MOST_SEEDS = 8, 8
SIDE, LONGEST = 160, 1600
"""Smallest side of each image, and largest of all side by side, in pixels."""

STRENGTH = "strength"


def show_dials(file: StudyFile) -> Iterator[Piece]:
    """Show a slider for each of the first directions of a discovery, or one for an edit.

    Empty if the study's columns are not strengths, or images are missing.
    """
    axes = file.header.axes
    if [*axes][1:] != [STRENGTH] or not file.done("/").all():
        return
    strengths = axes[STRENGTH]
    first = next(iter(axes))
    yield opening("div", class_="dials")
    if first == "direction":
        for row, name in enumerate(axes[first][:MOST_DIALS]):
            yield from _dial(name, strengths, [_of_direction(file, row, k) for k in _every(file)])
    else:
        name = file.header.sheets[0]
        yield from _dial(name, strengths, [_of_seeds(file, k) for k in _every(file)])
    yield closing("div")


def _every(file: StudyFile) -> range:
    return range(len(file.header.axes[STRENGTH]))


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
    times = ceil(SIDE / images[0].shape[0])
    row = tile(np.stack(images), len(images))
    large: np.ndarray = row.repeat(times, axis=0).repeat(times, axis=1)
    return large


def _dial(name: str, strengths: Sequence[str], pictures: list[Picture]) -> Iterator[Html]:
    middle = strengths.index("0") if "0" in strengths else len(strengths) // 2
    yield opening("figure", class_="dial")
    yield element("figcaption", text(name))
    for i, (strength, picture) in enumerate(zip(strengths, pictures, strict=True)):
        yield element(
            "div",
            element("span", text(strength), class_="when"),
            image_of(photo_of_pixels(picture, LONGEST), f"{name} at {strength}"),
            class_="frame printed" if i in (0, middle, len(strengths) - 1) else "frame",
            data_strength=strength,
        )
    slider = element(
        "input",
        type="range",
        min=0,
        max=len(strengths) - 1,
        value=middle,
        autocomplete="off",
        aria_label=f"Strength of {name}",
    )
    yield element("p", slider, element("output"), class_="control")
    yield closing("figure")
