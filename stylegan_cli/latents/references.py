"""References to images: seeds, and codes in files; `0-3,proj.npz,grid.h5:4` ⇄ tuples."""

import operator
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import cast

from stylegan_cli.errors import UsageError
from stylegan_cli.ranges import format_ints, parse_ints

_FILE = re.compile(r"(.+?\.(?:h5|hdf5|npz|npy|pt|pth))(?::(.+))?", re.IGNORECASE)
SUFFIXES = ".h5, .hdf5, .npz, .npy, .pt, .pth"
_POSITIONS = re.compile(r"-?\d{1,18}|\d{1,18}-\d{0,18}|all", re.ASCII)
EXAMPLE = "write for example 0-15, grid.h5:4, mix.h5:row_sources/0-2 or projected.npz"


@dataclass(frozen=True, kw_only=True)
class Stored:
    """Codes in a file: one, several or a whole table of them.

    Attributes:
        names: Groups and the array to look in, and `z`, `w` or `ws` where it must be said how
            to read it.
        index: One part per axis of the table: `4`, `-1` for the last, `0-3`, `8-` or `all`.
    """

    path: Path
    names: tuple[str, ...] = ()
    index: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Return the reference as it is typed."""
        chosen = "/".join((*self.names, *self.index))
        return f"{self.path}:{chosen}" if chosen else str(self.path)


Pick = int | Stored
"""A seed, or codes in a file."""


def parse_picks(text: str, *, parameter: str = "seeds") -> tuple[Pick, ...]:
    """Parse a list of seeds and codes in files, such as `0-3,proj.npz,grid.h5:4`, in order.

    Nothing is read. A file ends in .h5, .hdf5, .npz, .npy, .pt or .pth; what to take of it follows
    behind a colon, names before indexes: `mix.h5:1/0-2`, `mix.h5:row_sources/-1`,
    `codes.npz:smiles/w/3`.

    Args:
        parameter: Name of the argument, for the error message.
    """
    picks: list[Pick] = []
    for is_file, parts in groupby(text.split(","), key=lambda part: any(map(str.isalpha, part))):
        if is_file:
            picks += (_parse_stored(part.strip(), parameter) for part in parts)
        else:
            picks += parse_ints(",".join(parts), parameter=parameter)
    return tuple(picks)


def as_picks(given: object) -> tuple[Pick, ...]:
    """Return picks that a program gave, integers of NumPy as Python's.

    Raises:
        UsageError: They are something else, such as a text.
    """
    try:
        return tuple(
            pick if isinstance(pick, Stored) else operator.index(pick)
            for pick in cast("Iterable[Pick]", given)
        )
    except TypeError:
        raise UsageError(
            f"{given!r}: neither a sequence of seeds nor one of codes in files; "
            "parse_picks reads a text such as '0-3,grid.h5:4'"
        ) from None


def format_picks(picks: Iterable[Pick]) -> str:
    """Return the shortest list that `parse_picks` reads as these picks."""
    runs = groupby(picks, key=lambda pick: isinstance(pick, int))
    return ",".join(_format_run(tuple(run)) for _, run in runs)


def _parse_stored(part: str, parameter: str) -> Stored:
    match = _FILE.fullmatch(part)
    if match is None:
        studies = list(Path(part).glob("*.h5")) if Path(part).is_dir() else []
        if len(studies) == 1:
            raise UsageError(
                f"a folder; name the file in it, {studies[0]}", parameter=parameter, value=part
            )
        raise UsageError(
            f"neither seeds nor a file of codes ({SUFFIXES}); {EXAMPLE}",
            parameter=parameter,
            value=part,
        )
    chosen = match[2].split("/") if match[2] else []
    index = [word for word in chosen if _POSITIONS.fullmatch(word)]
    names = chosen[: len(chosen) - len(index)]
    if chosen != [*names, *index] or not all(names):
        raise UsageError(
            f"{match[2]} is not names and then indexes, with / between; {EXAMPLE}",
            parameter=parameter,
            value=part,
        )
    return Stored(path=Path(match[1]), names=tuple(names), index=tuple(index))


def _format_run(run: tuple[Pick, ...]) -> str:
    seeds = [pick for pick in run if isinstance(pick, int)]
    return format_ints(seeds) or ",".join(pick.text for pick in run if isinstance(pick, Stored))
