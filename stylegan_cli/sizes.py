"""Sizes of images: rectangles that networks build from a small grid by doubling it; channels."""

import re
from dataclasses import dataclass
from functools import cache
from itertools import product
from math import ceil, log

LARGEST = 1024
LEVELS = tuple(4 << k for k in range(9))
"""Names of the levels of networks: sides of the squares there, 4 to 1024."""

PICTURE_CHANNELS, MOST_CHANNELS = (1, 3, 4), 32
"""Grey, RGB and RGBA, which picture files hold; images of up to 32 others are stacks."""

_TEXT = re.compile(r"(\d{1,5})(?:[xX×](\d{1,5}))?")


@dataclass(frozen=True)
class Size:
    """Height and width of images or feature maps, in pixels."""

    height: int
    width: int

    def __str__(self) -> str:
        return f"{self.width}×{self.height}"

    @property
    def is_square(self) -> bool:
        return self.height == self.width

    @property
    def shape(self) -> tuple[int, int]:
        """Return height and width, the order of arrays."""
        return self.height, self.width

    @property
    def shorter(self) -> int:
        return min(self.shape)

    @property
    def longer(self) -> int:
        return max(self.shape)

    @property
    def area(self) -> int:
        return self.height * self.width

    @property
    def value(self) -> int | str:
        """Return the size as recipes, files and messages have it: a side, or "WIDTHxHEIGHT"."""
        return self.height if self.is_square else f"{self.width}x{self.height}"

    @property
    def is_possible(self) -> bool:
        """Return whether networks can have it."""
        return self.longer <= LARGEST and _doublings(self) is not None

    @property
    def level(self) -> int:
        """Return the level of networks with this size: the side of the square there.

        A network of as many levels as that for squares of 64 px has level 64, whatever its shape.
        """
        doublings = _doublings(self)
        assert doublings is not None, f"{self} is not possible"
        return 4 << doublings

    @property
    def levels(self) -> tuple[int, ...]:
        """Return all levels up to this one."""
        return tuple(level for level in LEVELS if level <= self.level)

    @property
    def base(self) -> "Size":
        """Return the grid from which networks start: 4×4 for squares."""
        return self.at(4)

    def at(self, level: int) -> "Size":
        """Return the size at a level of these networks."""
        factor = self.level // level
        return Size(self.height // factor, self.width // factor)

    def __rshift__(self, levels: int) -> "Size":
        """Halve both sides so many times."""
        return Size(self.height >> levels, self.width >> levels)

    def times(self, factor: int) -> "Size":
        """Return the size with sides so many times as long."""
        return Size(self.height * factor, self.width * factor)

    def at_least(self, side: int) -> "Size":
        """Return the smallest multiple of this size whose longer side has so many pixels."""
        return self.times(max(1, ceil(side / self.longer)))

    def over(self, divisor: int) -> "Size":
        """Return the size with sides divided, rounded up."""
        return Size(-(-self.height // divisor), -(-self.width // divisor))

    def with_longer(self, side: int) -> "Size":
        """Return a size of this shape whose longer side has so many pixels."""
        return Size(*(max(1, round(side * each / self.longer)) for each in self.shape))


def square(side: int) -> Size:
    """Return the size of a square."""
    return Size(side, side)


def parse_size(value: int | str) -> Size | None:
    """Return the size that a side or a text "WIDTHxHEIGHT" means; None if it means none."""
    if isinstance(value, int):
        return square(value)
    found = _TEXT.fullmatch(value.strip())
    return Size(int(found[2] or found[1]), int(found[1])) if found else None


def nearest_sizes(size: Size, count: int = 2) -> list[Size]:
    """Return the possible sizes that are nearest to one, the best first; squares only for squares.

    Nearness counts factors: twice a side is as far away as half of it.
    """
    wanted = max(size.height, 1), max(size.width, 1)

    def distance(other: Size) -> float:
        return sum(abs(log(a / b)) for a, b in zip(other.shape, wanted, strict=True))

    alike = (each for each in _possible() if each.is_square == size.is_square)
    return sorted(alike, key=distance)[:count]


def problem_of(size: Size) -> str:
    """Say what makes a size impossible, and name the nearest possible ones."""
    near, other = (each.value for each in nearest_sizes(size))
    if size.is_square:
        return f"not a power of two from 4 to {LARGEST}; write for example {near}"
    return (
        f"both sides must be 2 to 8 times the same power of two, up to {LARGEST}; the nearest "
        f'are "{near}" and "{other}"'
    )


@cache
def _possible() -> tuple[Size, ...]:
    every = (
        Size(height << doublings, width << doublings)
        for doublings, height, width in product(range(9), range(2, 9), range(2, 9))
    )
    return tuple(dict.fromkeys(size for size in every if size.is_possible))


def _doublings(size: Size) -> int | None:
    """Return how often the base grid of networks is doubled; None if there is no such grid.

    It is 4×4 for squares, otherwise the smallest with sides of 2 to 8, one of them at least 3.
    """
    for doublings in range(8, -1, -1):
        grid = size >> doublings
        if grid.height << doublings != size.height or grid.width << doublings != size.width:
            continue
        if grid.shorter < 2 or grid.longer < 3:
            continue
        fits = grid.shape == (4, 4) if size.is_square else grid.longer <= 8
        return doublings if fits else None
    return None
