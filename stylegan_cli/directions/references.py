"""Directions as they are written: `directions.h5:sefa/0@coarse=2` ⇄ records."""

import re
from dataclasses import dataclass
from pathlib import Path

from stylegan_cli.errors import UsageError
from stylegan_cli.ranges import parse_floats

_WRITTEN = re.compile(
    r"(?P<file>.+?\.(?:h5|hdf5|npy|npz|pt))(?::(?P<name>[^@=]+))?(?:@(?P<layers>[^@=]+))?"
    r"(?:=(?P<factor>[^@=]+))?",
    re.IGNORECASE,
)
EXAMPLE = "write for example directions.h5:sefa/0, directions.h5:sefa/0@coarse or smile.npy=-2"


@dataclass(frozen=True, kw_only=True)
class DirectionPick:
    """A direction in a file, with what is to become of it.

    Attributes:
        name: Of the direction; "" where the file holds one.
        layers: A list of layers as `parse_layers` reads it; None leaves them as they are.
        factor: Its steps at strength 1.
    """

    path: Path
    name: str = ""
    layers: str | None = None
    factor: float | None = None

    @property
    def text(self) -> str:
        """Return the reference as it is typed."""
        name = f":{self.name}" if self.name else ""
        layers = f"@{self.layers}" if self.layers else ""
        factor = "" if self.factor is None else f"={self.factor:g}"
        return f"{self.path}{name}{layers}{factor}"

    @property
    def title(self) -> str:
        """Return the name to write above a picture."""
        layers = f"@{self.layers}" if self.layers else ""
        factor = "" if self.factor is None else f" · {self.factor:g}"
        return f"{self.name or self.path.stem}{layers}{factor}"


def parse_direction(
    text: str, *, layers: str | None = None, parameter: str = "direction"
) -> DirectionPick:
    """Parse FILE:NAME@LAYERS=STEPS, of which only FILE is a must. Nothing is read.

    Args:
        layers: Layers of a direction without LAYERS.

    Raises:
        UsageError: The text is not a reference to a direction.
    """
    match = _WRITTEN.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"not a direction in a file; {EXAMPLE}", parameter=parameter, value=text)
    factor = match["factor"]
    numbers = parse_floats(factor, parameter=parameter) if factor else ()
    if len(numbers) > 1:
        raise UsageError(
            f"give one number of steps after =; {EXAMPLE}", parameter=parameter, value=text
        )
    return DirectionPick(
        path=Path(match["file"]),
        name=(match["name"] or "").strip("/"),
        layers=match["layers"] or layers,
        factor=numbers[0] if numbers else None,
    )
