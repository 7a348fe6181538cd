"""Images in rows and columns with their names, at any image size."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from math import ceil, isqrt
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from stylegan_cli.figures.png import to_image
from stylegan_cli.shapes import Picture
from stylegan_cli.sizes import Size

PAPER, INK = (255, 255, 255), (40, 40, 40)

Read = Callable[[], Picture]
"""Gives an image when it is wanted, so that one at a time is in memory."""

Anchor = Literal["la", "ma", "rm", "ms"]
"""Pillow's: which point of the words x and y are, across and then along."""


@dataclass(frozen=True, kw_only=True)
class PlacedImage:
    """An image with its upper left corner and size in pixels."""

    read: Read
    x: int
    y: int
    size: Size


@dataclass(frozen=True, kw_only=True)
class PlacedWords:
    """A line of text of this size in pixels; x and y are the position of its `anchor`."""

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


def paint_page(page: Page) -> Picture:
    """Draw the page as a picture."""
    canvas = Image.new("RGB", page.size, PAPER)
    for placed in page.images:
        image = shrunk(placed.read(), placed.size)
        shown = image.resize((placed.size.width, placed.size.height), Image.Resampling.NEAREST)
        canvas.paste(shown, (placed.x, placed.y), shown if shown.mode == "RGBA" else None)
    draw = ImageDraw.Draw(canvas)
    for line in page.words:
        draw.text((line.x, line.y), line.text, INK, font(line.size), anchor=line.anchor)
    return np.asarray(canvas)


def shrunk(pixels: Picture, size: Size) -> Image.Image:
    """Average an image down to this size if it is larger."""
    image = to_image(pixels)
    if image.width <= size.width:
        return image
    return image.resize((size.width, size.height), Image.Resampling.BOX)


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Return the font of all composed pictures, DejaVu Sans: that of charts, PDFs and reports."""
    # found without importing matplotlib, which brings it along
    package = find_spec("matplotlib")
    assert package is not None and package.origin is not None, "it is a dependency"
    place = Path(package.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(place, size, layout_engine=ImageFont.Layout.BASIC)


def line_height(size: int) -> int:
    """Return the height of a line of text with its spacing, in pixels."""
    return ceil(font(size).getbbox("Agjy")[3]) + max(6, size // 4)


MIN_SIDE = 96
"""Smaller images are enlarged, by a whole factor, to at least this many pixels."""

MAX_PIXELS = 2**26
"""Pictures that would be larger show their images reduced, by a whole factor."""

SMALLEST_TEXT, USUAL_TEXT, TEXTS_A_SIDE = 9, 12, 9
"""Text grows with the images, to stay readable when the whole picture is scaled to a page."""

SHORTEST_NAME = "…123"
"""Images that are narrower than this are not named."""

Slot = tuple[int, int]
"""Row and column on the sheet, sources included."""


@dataclass(frozen=True, kw_only=True)
class Content:
    """Content of a sheet, before its layout.

    Attributes:
        captions: Names below single images.
        row_names: Names beside whole rows.
        col_names: Names above whole columns.
        bands: Headings above rows; each begins a part of the sheet.
        sources: Number of leading rows and columns that are sources, set apart.
    """

    title: str
    images: Mapping[Slot, Read]
    captions: Mapping[Slot, str] = field(default_factory=dict)
    row_names: Mapping[int, str] = field(default_factory=dict)
    col_names: Mapping[int, str] = field(default_factory=dict)
    bands: Mapping[int, str] = field(default_factory=dict)
    sources: tuple[int, int] = (0, 0)

    @property
    def rows(self) -> int:
        return 1 + max(row for row, _ in self.images)

    @property
    def cols(self) -> int:
        return 1 + max(col for _, col in self.images)


def in_rows(
    title: str,
    rows: Sequence[tuple[str, Sequence[Read]]],
    columns: Sequence[str],
    sources: tuple[int, int] = (0, 0),
) -> Content:
    """Return a sheet of rows of images, each with its name, below the names of the columns."""
    return Content(
        title=title,
        images={
            (row, col): read for row, (_, each) in enumerate(rows) for col, read in enumerate(each)
        },
        row_names={row: name for row, (name, _) in enumerate(rows)},
        col_names=dict(enumerate(columns)),
        sources=sources,
    )


class Layout:
    """Sizes and places of everything on a sheet, in pixels.

    Attributes:
        text: Size of the names of images; 0 where they have no room.
        title_text: Size of the title and the headings.

    Args:
        native: Size of the study's images.
    """

    def __init__(self, content: Content, native: Size) -> None:
        self.content = content
        room = max(1, isqrt(MAX_PIXELS // (content.rows * content.cols)))
        longer = native.longer
        up = max(1, min(ceil(MIN_SIDE / longer), room // longer))
        self.image = native.over(max(1, ceil(longer / room))).times(up)
        self.gutter = max(2, self.image.longer // 48)
        self.margin = 4 * self.gutter
        usual = max(USUAL_TEXT, self.image.longer // TEXTS_A_SIDE)
        names = (*content.captions.values(), *content.col_names.values())
        self.text = _fitting_size(
            names, self.image.width, usual, max(SMALLEST_TEXT, usual * 2 // 3)
        )
        if font(self.text).getlength(SHORTEST_NAME) > self.image.width:
            self.text = 0
        line = line_height(self.text) if self.text else 0
        self.caption = line if content.captions else 0
        self.left = self.margin + self._width_of(content.row_names.values())
        across = self._x(content.cols - 1) + self.image.width - self.margin
        self.title_text = _fitting_size([content.title], across, usual, USUAL_TEXT)
        self.heading = line_height(self.title_text) + self.margin
        self.top = self.heading + (line if content.col_names else 0)

    @property
    def size(self) -> tuple[int, int]:
        """Return width and height of the whole sheet."""
        right, bottom = self.corner((self.content.rows - 1, self.content.cols - 1))
        title = self.margin + ceil(font(self.title_text).getlength(self.content.title))
        width = max(right + self.image.width, title)
        return width + self.margin, bottom + self.image.height + self.caption + self.margin

    def corner(self, slot: Slot) -> tuple[int, int]:
        """Return the upper left corner of the image in a slot: x, y."""
        row, col = slot
        return self._x(col), self._y(row)

    def _x(self, col: int) -> int:
        beside = self.content.sources[1]
        apart = self.margin if col >= beside > 0 else 0
        return self.left + col * (self.image.width + self.gutter) + apart

    def _y(self, row: int) -> int:
        above, bands = self.content.sources[0], self.content.bands
        apart = self.margin if row >= above > 0 else 0
        headings = self.heading * sum(first <= row for first in bands)
        return self.top + row * (self.image.height + self.gutter + self.caption) + apart + headings

    def _width_of(self, names: Iterable[str]) -> int:
        if not self.text:
            return 0
        return max(
            (ceil(font(self.text).getlength(name)) + self.margin for name in names), default=0
        )


def paint(content: Content, native: Size) -> Picture:
    """Draw the sheet as a picture; arguments as of `arrange`."""
    return paint_page(arrange(content, native))


def arrange(content: Content, native: Size) -> Page:
    """Place everything on the sheet.

    Args:
        native: Size of the study's images.
    """
    layout = Layout(content, native)
    corners = {slot: layout.corner(slot) for slot in content.images}
    images = (
        PlacedImage(read=read, x=corners[slot][0], y=corners[slot][1], size=layout.image)
        for slot, read in content.images.items()
    )
    return Page(size=layout.size, images=tuple(images), words=tuple(_words(layout)))


def _words(layout: Layout) -> Iterator[PlacedWords]:
    content, margin, title = layout.content, layout.margin, layout.title_text
    yield PlacedWords(text=content.title, x=margin, y=margin, size=title, anchor="la")
    for row, name in content.bands.items():
        x, y = layout.corner((row, 0))
        top = y - layout.heading + margin
        yield PlacedWords(text=name, x=x, y=top, size=title, anchor="la")
    if layout.text:
        yield from _names(layout)


def _names(layout: Layout) -> Iterator[PlacedWords]:
    content, size, image = layout.content, layout.text, layout.image
    air = max(2, layout.gutter)
    for slot, name in content.captions.items():
        x, y = layout.corner(slot)
        text = _shortened(name, size, image.width)
        middle, below = x + image.width // 2, y + image.height + air // 2
        yield PlacedWords(text=text, x=middle, y=below, size=size, anchor="ma")
    for row, name in content.row_names.items():
        x, y = layout.corner((row, 0))
        yield PlacedWords(
            text=name,
            x=x - layout.margin // 2,
            y=y + image.height // 2,
            size=size,
            anchor="rm",
        )
    for col, name in content.col_names.items():
        x, y = layout.corner((0, col))
        text = _shortened(name, size, image.width)
        middle = x + image.width // 2
        yield PlacedWords(text=text, x=middle, y=y - 2 * air, size=size, anchor="ms")


def _fitting_size(names: Iterable[str], width: int, largest: int, smallest: int) -> int:
    """Return the size at which the names fit, or the smallest."""
    longest = max(names, key=len, default="")
    sizes = range(largest, smallest, -1)
    return next((size for size in sizes if font(size).getlength(longest) <= width), smallest)


def _shortened(name: str, size: int, width: int) -> str:
    """Shorten a name to its end if it does not fit: names differ there."""
    ends = (f"…{name[cut:]}" for cut in range(1, len(name)))
    return next((text for text in (name, *ends) if font(size).getlength(text) <= width), "")
