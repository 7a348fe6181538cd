"""A page: images and words at their places, before it becomes a picture or a PDF."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import ceil
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from stylegan_cli.results.pictures import to_image
from stylegan_cli.shapes import Picture

PAPER, INK = (255, 255, 255), (40, 40, 40)

Place = tuple[str, tuple[int, ...]]
"""Table and index of an image in its study."""

Read = Callable[[Place], Picture]
"""Gives an image of a study."""

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Anchor = Literal["la", "ma", "rm", "ms"]
"""Pillow's: which point of the words x and y are, across and then along."""


@dataclass(frozen=True, kw_only=True)
class PlacedImage:
    """An image of the study, its upper left corner and its side in pixels."""

    place: Place
    x: int
    y: int
    side: int


@dataclass(frozen=True, kw_only=True)
class PlacedWords:
    """A line of text of this size in pixels; `anchor` is the point of it that x and y are."""

    text: str
    x: int
    y: int
    size: int
    anchor: Anchor


@dataclass(frozen=True, kw_only=True)
class Page:
    """Everything on a composed picture.

    Attributes:
        size: Width and height in pixels.
    """

    size: tuple[int, int]
    images: tuple[PlacedImage, ...]
    words: tuple[PlacedWords, ...]


def paint_page(page: Page, read: Read) -> Picture:
    """The page as a picture; holds one image of the study at a time."""
    canvas = Image.new("RGB", page.size, PAPER)
    for placed in page.images:
        image = shrunk(read(placed.place), placed.side)
        shown = image.resize((placed.side, placed.side), Image.Resampling.NEAREST)
        canvas.paste(shown, (placed.x, placed.y), shown if shown.mode == "RGBA" else None)
    draw = ImageDraw.Draw(canvas)
    for line in page.words:
        draw.text((line.x, line.y), line.text, INK, font(line.size), anchor=line.anchor)
    return np.asarray(canvas)


def shrunk(pixels: Picture, side: int) -> Image.Image:
    """The image, made smaller by averaging where it is larger than this side."""
    image = to_image(pixels)
    return image.resize((side, side), Image.Resampling.BOX) if image.width > side else image


@cache
def font(size: int) -> Font:
    """The font of all composed pictures."""
    return ImageFont.load_default(size)


def line_height(size: int) -> int:
    """Height of a line of text with some air, in pixels."""
    return ceil(font(size).getbbox("Agjy")[3]) + max(6, size // 4)
