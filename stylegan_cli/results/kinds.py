"""Whether an array holds z, w, or ws, told by its shape and its name."""

import re
from dataclasses import dataclass
from typing import Literal, get_args

from stylegan_cli.errors import UsageError
from stylegan_cli.results.arrays import StoredArray

Kind = Literal["z", "w", "ws"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, kw_only=True)
class CodeShapes:
    """What a network takes as codes.

    Attributes:
        has_w: There is a w besides z.
    """

    z_dim: int
    w_dim: int
    num_ws: int
    has_w: bool = True

    def __getitem__(self, kind: Kind) -> tuple[int, ...]:
        return {"z": (self.z_dim,), "w": (self.w_dim,), "ws": (self.num_ws, self.w_dim)}[kind]

    def __str__(self) -> str:
        return ", ".join(f"{kind} {list(self[kind])}" for kind in KINDS)


def recognise(
    where: str, name: str, array: StoredArray, shapes: CodeShapes, said: Kind | None
) -> Kind:
    """What an array holds: what was said, or else what its shape and name leave.

    Args:
        where: Opens the error message.

    Raises:
        UsageError: No codes of this network, or they could be several things.
    """
    if array.dtype.kind not in "fiu":
        raise UsageError(f"{where}: {array} holds no numbers, so no codes")
    meant = (said,) if said else _meant_by_name(name)
    fitting = [kind for kind in meant if array.shape[-len(shapes[kind]) :] == shapes[kind]]
    likely = _likely(fitting, shapes, axes=len(array.shape))
    if not likely:
        called = f" as {said}" if said else ""
        raise UsageError(f"{where}: {array} does not fit this network{called}; it takes {shapes}")
    if len(likely) > 1:
        ways = " or ".join(f"FILE:{name}/{kind}" for kind in likely)
        raise UsageError(f"{where}: {array} could be {' or '.join(likely)}; write {ways}")
    return likely[0]


def _meant_by_name(name: str) -> tuple[Kind, ...]:
    words = re.split(r"[^a-z]+", name.lower())
    named = [kind for kind in KINDS if kind in words]
    if len(named) != 1:
        return KINDS
    # many programs say w for one w per layer, too
    return ("w", "ws") if named == ["w"] else (named[0],)


def _likely(fitting: list[Kind], shapes: CodeShapes, *, axes: int) -> list[Kind]:
    """Without readings that nobody means, where there is a better one."""
    if "ws" in fitting and axes > 2:
        return ["ws"]
    silly: set[Kind] = set()
    if shapes.num_ws == 1:
        silly.add("ws")
    if not shapes.has_w:
        silly.add("w")
    return [kind for kind in fitting if kind not in silly] or fitting
