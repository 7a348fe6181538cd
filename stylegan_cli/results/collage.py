"""A collage: pictures of several sizes without gaps, as in figure 2 of [SG1]."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, product, repeat
from math import ceil, isqrt, log

from stylegan_cli.results.page import Page, Place, PlacedImage, PlacedWords, font, line_height

LARGE, SMALL = 256, 64
"""Sides of the largest images at least, and of the smallest, in pixels."""

LEVELS = 4
MOST_IMAGES, MOST_COLUMNS = 500, 6
ASPECT, SHARE_OF_LARGE = 1.5, 0.45
"""What a page should be like: its width over its height, and the part for the largest images."""

MAX_SIDE = 2**13


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Columns of images, each half as large as those of the level before.

    Attributes:
        rows: Images in a column of level 0; a column of level k holds 2ᵏ times as many.
        levels: Of each column, from the left.
    """

    rows: int
    levels: tuple[int, ...]

    @property
    def capacity(self) -> int:
        return self.rows * sum(1 << level for level in self.levels)

    @property
    def width(self) -> float:
        """In images of level 0."""
        return sum(0.5**level for level in self.levels)


def arrange_collage(places: Sequence[Place], native: int, title: str) -> Page:
    """The images from large to small.

    Args:
        places: At most `MOST_IMAGES`.
        native: Side of the study's images.
    """
    side = native * max(1, ceil(LARGE / native))
    columns = choose_columns(len(places), [k for k in range(LEVELS) if side >> k >= SMALL])
    while max(columns.rows, columns.width) * side > MAX_SIDE and side % 2 == 0:
        side //= 2
    text = max(12, side // 16)
    margin = max(8, side // 32)
    top = 2 * margin + line_height(text)
    images = tuple(
        PlacedImage(place=place, x=margin + x, y=top + y, side=small)
        for place, (x, y, small) in zip(places, _squares(columns, side), strict=False)
    )
    width = max(round(columns.width * side), ceil(font(text).getlength(title)))
    words = PlacedWords(text=title, x=margin, y=margin, size=text, anchor="la")
    size = width + 2 * margin, columns.rows * side + top + margin
    return Page(size=size, images=images, words=(words,))


def choose_columns(count: int, levels: Sequence[int]) -> Columns:
    """Columns for so many images: few empty places, a wide page, many sizes."""
    candidates = (
        Columns(rows=rows, levels=tuple(chain.from_iterable(map(repeat, levels, columns))))
        for rows in range(1, isqrt(count) + 2)
        for columns in product(
            range(1, MOST_COLUMNS + 1), *[range(MOST_COLUMNS + 1)] * len(levels[1:])
        )
    )
    enough = (each for each in candidates if each.capacity >= count)
    return min(enough, key=lambda each: _badness(each, count))


def _badness(columns: Columns, count: int) -> float:
    empty = (columns.capacity - count) / count
    shape = abs(log(columns.width / columns.rows / ASPECT))
    share = abs(log(columns.levels.count(0) / columns.width / SHARE_OF_LARGE))
    return 4 * empty + shape + share - len(set(columns.levels))


def _squares(columns: Columns, side: int) -> Iterator[tuple[int, int, int]]:
    """x, y and side of each place, column by column."""
    x = 0
    for level in columns.levels:
        small = side >> level
        yield from ((x, row * small, small) for row in range(columns.rows << level))
        x += small
