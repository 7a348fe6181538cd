"""Images and names at their places on one picture, whatever the size of the images."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil, isqrt

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from stylegan_cli.results.pictures import to_image
from stylegan_cli.shapes import Picture

MIN_SIDE = 96
"""Smaller images are enlarged, by a whole factor, to at least this many pixels."""

MAX_PIXELS = 2**26
"""Pictures that would be larger show their images reduced, by a whole factor."""

SMALLEST_TEXT, LARGEST_TEXT = 9, 28
PAPER, INK = (236, 236, 236), (40, 40, 40)

Slot = tuple[int, int]
"""Row and column on the sheet, sources included."""

Place = tuple[str, tuple[int, ...]]
"""Table and index of an image in its study."""

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True, kw_only=True)
class Content:
    """What is on a sheet, before anything has a size.

    Attributes:
        captions: Names below single images.
        row_names: Names beside whole rows.
        col_names: Names above whole columns.
        sources: How many of the first rows and columns are sources; they stand apart.
    """

    title: str
    images: Mapping[Slot, Place]
    captions: Mapping[Slot, str] = field(default_factory=dict)
    row_names: Mapping[int, str] = field(default_factory=dict)
    col_names: Mapping[int, str] = field(default_factory=dict)
    sources: tuple[int, int] = (0, 0)

    @property
    def rows(self) -> int:
        return 1 + max(row for row, _ in self.images)

    @property
    def cols(self) -> int:
        return 1 + max(col for _, col in self.images)


class Layout:
    """Sizes and places of everything on a sheet, in pixels.

    Args:
        native: Side of the study's images.
    """

    def __init__(self, content: Content, native: int) -> None:
        room = max(1, isqrt(MAX_PIXELS // (content.rows * content.cols)))
        self.up = max(1, min(ceil(MIN_SIDE / native), room // native))
        self.down = max(1, ceil(native / room))
        self.side = ceil(native / self.down) * self.up
        self.gutter = max(2, self.side // 48)
        text = max(12, min(LARGEST_TEXT, self.side // 8))
        self.title_font = _font(text)
        # names that would not fit above or below an image are left out
        names = (*content.captions.values(), *content.col_names.values())
        self.font = _fitting_font(names, self.side, text)
        line = _line_height(self.font) if self.font else 0
        self.content = content
        self.caption = line if content.captions else 0
        self.margin = 4 * self.gutter
        self.left = self.margin + self._width_of(content.row_names.values())
        title = _line_height(self.title_font) + self.margin // 2
        self.top = self.margin + title + (line if content.col_names else 0)
        right, bottom = self.corner((content.rows - 1, content.cols - 1))
        width = max(right + self.side, self.margin + ceil(self.title_font.getlength(content.title)))
        self.size = width + self.margin, bottom + self.side + self.caption + self.margin

    def corner(self, slot: Slot) -> tuple[int, int]:
        """Upper left corner of the image in a slot: x, y."""
        (row, col), (above, beside) = slot, self.content.sources
        pitch = self.side + self.gutter
        x = self.left + col * pitch + (self.margin if col >= beside > 0 else 0)
        y = self.top + row * (pitch + self.caption) + (self.margin if row >= above > 0 else 0)
        return x, y

    def _width_of(self, names: Iterable[str]) -> int:
        if self.font is None:
            return 0
        return max((ceil(self.font.getlength(name)) + self.margin for name in names), default=0)


def paint(content: Content, native: int, read: Callable[[Place], Picture]) -> Picture:
    """The sheet as a picture; holds one image of the study at a time.

    Args:
        native: Side of the study's images.
        read: Gives an image of the study.
    """
    layout = Layout(content, native)
    canvas = Image.new("RGB", layout.size, PAPER)
    for slot, place in content.images.items():
        image = _shown(read(place), layout)
        canvas.paste(image, layout.corner(slot), image if image.mode == "RGBA" else None)
    _write_names(ImageDraw.Draw(canvas), layout)
    return np.asarray(canvas)


def _shown(pixels: Picture, layout: Layout) -> Image.Image:
    image = to_image(pixels).reduce(layout.down)
    return image.resize((layout.side, layout.side), Image.Resampling.NEAREST)


def _write_names(draw: ImageDraw.ImageDraw, layout: Layout) -> None:
    content, font, half = layout.content, layout.font, layout.side // 2
    draw.text((layout.margin, layout.margin), content.title, INK, layout.title_font)
    if font is None:
        return
    for slot, name in content.captions.items():
        x, y = layout.corner(slot)
        draw.text((x + half, y + layout.side + 2), name, INK, font, anchor="ma")
    for row, name in content.row_names.items():
        x, y = layout.corner((row, 0))
        draw.text((x - layout.margin // 2, y + half), name, INK, font, anchor="rm")
    for col, name in content.col_names.items():
        x, y = layout.corner((0, col))
        draw.text((x + half, y - 6), name, INK, font, anchor="ms")


def _fitting_font(names: Iterable[str], width: int, largest: int) -> Font | None:
    longest = max(names, key=len, default="")
    for size in range(largest, SMALLEST_TEXT - 1, -1):
        font = _font(size)
        if font.getlength(longest) <= width:
            return font
    return None


def _font(size: int) -> Font:
    return ImageFont.load_default(size)


def _line_height(font: Font) -> int:
    return ceil(font.getbbox("Agjy")[3]) + 6
