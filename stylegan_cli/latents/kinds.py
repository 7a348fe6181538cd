"""The kind of codes in an array: z, w or a w per layer, as its name and shape tell."""

import re
from dataclasses import dataclass
from math import prod
from typing import Literal, get_args

from stylegan_cli.errors import UsageError
from stylegan_cli.latents.stored_arrays import StoredArray

Kind = Literal["z", "w", "ws"]
KINDS: tuple[Kind, ...] = get_args(Kind)
NOTED = {"z": "z", "w": "w", "ws": "ws (a w for each layer)"}


@dataclass(frozen=True, kw_only=True)
class CodeShapes:
    """Shapes of the codes that a network takes.

    Attributes:
        has_w: The network has a w besides z.
    """

    z_dim: int
    w_dim: int
    num_ws: int
    has_w: bool = True

    def __getitem__(self, kind: Kind) -> tuple[int, ...]:
        return {"z": (self.z_dim,), "w": (self.w_dim,), "ws": (self.num_ws, self.w_dim)}[kind]

    def __str__(self) -> str:
        return ", ".join(f"{kind} {list(self[kind])}" for kind in KINDS)


MAX_LAYERS = 18
"""Layers of the largest StyleGAN and StyleGAN2, of 1024 px."""


def recognise(
    where: str,
    name: str,
    array: StoredArray,
    shapes: CodeShapes,
    said: Kind | None,
    *,
    is_ours: bool = False,
) -> Kind:
    """Return the kind of codes in an array: the stated one, or the one its name and shape leave.

    Args:
        where: Opens the error message.
        is_ours: sgtool wrote the array, which always calls a w per layer ws.

    Raises:
        UsageError: The array does not fit this network, or fits in several ways.
    """
    if array.dtype.kind not in "fiu":
        raise UsageError(f"{where}: {array} holds no numbers, so no codes")
    meant = (said,) if said else _kinds_by_name(name)
    fitting = [kind for kind in meant if array.shape[-len(shapes[kind]) :] == shapes[kind]]
    likely = _likely(fitting, shapes, axes=len(array.shape))
    layered = "" if said or is_ours or "w" not in meant else _other_layers(array.shape, shapes)
    if layered and "ws" not in fitting:
        ways = "".join(
            f"; write FILE:{name}/{kind} to read each row as a {kind}" for kind in likely
        )
        raise UsageError(f"{where}: {array} looks like {layered}{ways}")
    if not likely:
        called = f" as {said}" if said else ""
        raise UsageError(f"{where}: {array} does not fit this network{called}; it takes {shapes}")
    if len(likely) > 1:
        ways = " or ".join(f"FILE:{name}/{kind}" for kind in likely)
        raise UsageError(f"{where}: {array} could be {' or '.join(likely)}; write {ways}")
    return likely[0]


def _other_layers(shape: tuple[int, ...], shapes: CodeShapes) -> str:
    """Describe a w per layer for another number of layers; empty if the shape suggests none."""
    *table, layers, width = (1, 1, *shape)
    if width != shapes.w_dim or layers == shapes.num_ws or prod(shape[:-1]) == 1:
        return ""
    of_a_network = layers % 2 == 0 and 8 <= layers <= MAX_LAYERS
    if len(shape) < 3 and not of_a_network:
        return ""
    count = prod(table)
    codes = "one code" if count == 1 else f"{count:,} codes"
    origin = f" (as in StyleGAN2 of {2 ** (layers // 2 + 1)} px)" if of_a_network else ""
    return f"{codes} of {layers:,} layers{origin}, but this network has {shapes.num_ws}"


def _kinds_by_name(name: str) -> tuple[Kind, ...]:
    words = re.split(r"[^a-z]+", name.lower())
    named = [kind for kind in KINDS if kind in words]
    if len(named) != 1:
        return KINDS
    # many programs call one w per layer w, too
    return ("w", "ws") if named == ["w"] else (named[0],)


def _likely(fitting: list[Kind], shapes: CodeShapes, *, axes: int) -> list[Kind]:
    """Drop readings that this network makes pointless if another one remains."""
    if "ws" in fitting and axes > 2:
        return ["ws"]
    pointless: set[Kind] = set()
    if shapes.num_ws == 1:
        pointless.add("ws")
    if not shapes.has_w:
        pointless.add("w")
    return [kind for kind in fitting if kind not in pointless] or fitting
