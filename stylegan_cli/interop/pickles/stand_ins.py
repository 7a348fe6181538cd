"""NumPy arrays in pickles: the few types that hold numbers, their bytes checked against them."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stylegan_cli.interop.pickles import RefusedError, plain_key, shown
from stylegan_cli.interop.pickles.machine import Empty, Named, Table

_TYPES: Mapping[str, np.dtype[Any]] = {
    kind + size: np.dtype(kind + size)
    for kind, sizes in (("b", "1"), ("u", "1248"), ("i", "1248"), ("f", "248"))
    for size in sizes
}
_MAX_AXES = 32


class PickledType:
    """A NumPy type in a pickle: its code, then its byte order as state."""

    def __init__(self, code: object, align: object = False, copy: object = True) -> None:
        if not isinstance(code, str) or code not in _TYPES:
            # a value that is not a string may be endless to print
            named = repr(code) if isinstance(code, str) else type(code).__name__
            raise RefusedError(f"an array of type {shown(named)}")
        self.dtype = _TYPES[code]

    def set_state(self, state: object) -> None:
        """Take the byte order; other state belongs to types that are refused."""
        plain = (None, None, None, -1, -1, 0)
        if not isinstance(state, tuple) or state[:1] + state[2:] != (3, *plain):
            raise RefusedError("a structured array type")
        if state[1] not in ("<", ">", "|"):
            raise RefusedError("an unknown byte order")
        self.dtype = self.dtype.newbyteorder(state[1])


class PickledArray:
    """An array in a pickle.

    Attributes:
        array: A view of the bytes in the file, in their order; not writable.
    """

    def __init__(self, array: np.ndarray[Any, np.dtype[Any]]) -> None:
        self.array = array

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.array.shape)

    def tensor(self) -> Tensor:
        return torch.from_numpy(self.array.astype(self.array.dtype.newbyteorder("="), order="C"))

    def item(self) -> float | int | bool | None:
        """Return a single number as one of Python's; None for several."""
        return self.array.item() if self.array.size == 1 else None

    def set_state(self, state: object) -> None:
        """Take (1, shape, type, Fortran order, bytes)."""
        if not isinstance(state, tuple) or len(state) != 5 or state[0] != 1:
            raise RefusedError("an array whose state is not NumPy's")
        _, shape, kind, fortran, raw = state
        # Python 2 used str for bytes as well
        data = raw.encode("latin-1") if isinstance(raw, str) else raw
        self.array = _view(data, kind, shape, "F" if fortran else "C")


def _empty(kind: object, shape: object, code: object) -> PickledArray:
    """Return an array that gets its state later."""
    if not isinstance(kind, Named) or kind.name != "numpy.ndarray":
        raise RefusedError("an array of a class other than numpy.ndarray")
    return PickledArray(np.empty(0, np.float32))


def _scalar(kind: object, raw: object) -> PickledArray:
    """Return a number of a NumPy type: an array without axes."""
    data = raw.encode("latin-1") if isinstance(raw, str) else raw
    return PickledArray(_view(data, kind, (), "C"))


def _from_buffer(raw: object, kind: object, shape: object, order: object) -> PickledArray:
    """Return an array as protocol 5 writes it."""
    return PickledArray(_view(raw, kind, shape, "F" if order == "F" else "C"))


def _view(raw: object, kind: object, shape: object, order: Any) -> np.ndarray[Any, np.dtype[Any]]:
    if not isinstance(kind, PickledType) or not isinstance(raw, bytes | bytearray):
        raise RefusedError("an array whose state is not NumPy's")
    sizes = _checked_shape(shape, kind.dtype.itemsize, len(raw))
    return np.frombuffer(raw, kind.dtype).reshape(sizes, order=order)


def _checked_shape(shape: object, itemsize: int, found: int) -> tuple[int, ...]:
    if not isinstance(shape, tuple) or len(shape) > _MAX_AXES:
        raise RefusedError("an array shape that is not a short tuple of sizes")
    if not all(type(size) is int and 0 <= size < 2**40 for size in shape):
        raise RefusedError("an array shape that is not a short tuple of sizes")
    claimed = math.prod(shape) * itemsize
    if claimed != found:
        raise RefusedError(f"an array that claims {claimed:,} bytes and has {found:,}")
    return shape


def number(value: object) -> object:
    """Return a number of NumPy as one of Python's; anything else as it is."""
    return value.item() if isinstance(value, PickledArray) else value


def named(value: object) -> dict[str, Any]:
    """Return the entries of a dict whose keys are texts; none of anything else."""
    entries = value.items() if isinstance(value, dict) else ()
    return {name: each for name, each in entries if isinstance(name, str)}


NUMPY_NAMES: Table = {
    ("numpy", "ndarray"): None,
    ("numpy", "dtype"): PickledType,
    **{
        (f"numpy.{core}.{module}", name): build
        for core in ("core", "_core")
        for module, name, build in (
            ("multiarray", "_reconstruct", _empty),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _from_buffer),
        )
    },
}
"""The names in a pickle of NumPy arrays, by NumPy 1 or 2."""


class Options(dict[str, object]):
    """A dict with options; its class in the file also had them as attributes."""

    def set_state(self, state: object) -> None:
        """Take attributes, of which there are none in a file of the originals."""
        if state:
            raise RefusedError("a state for a dict of options")


def ordered_dict(pairs: object = ()) -> dict[object, object]:
    """Return a dict of pairs."""
    # Python 2 passes the entries at once, later versions add them afterwards
    if not isinstance(pairs, list | tuple):
        raise RefusedError("a dict that is not made of pairs")
    return {plain_key(key): value for key, value in pairs}


def _set(members: object = ()) -> set[object]:
    if not isinstance(members, list | tuple):
        raise RefusedError("a set that is not made of a list")
    return set(map(plain_key, members))


def _encode(text: object, encoding: object = "latin1") -> bytes:
    """Return the bytes that protocols 0 to 2 write as text: one character per byte."""
    if not isinstance(text, str) or encoding != "latin1":
        raise RefusedError("a string in an encoding other than latin1")
    return text.encode("latin-1")


def _created(kind: object, base: object, state: object) -> object:
    """Create an object as protocols 0 and 1 do: its state follows later."""
    if not isinstance(kind, Named) or not isinstance(kind.build, Empty):
        raise RefusedError(f"a new {kind.name if isinstance(kind, Named) else type(kind).__name__}")
    made = kind.build.build()
    if isinstance(made, dict) and isinstance(state, dict):
        made.update(state)
    elif state is not None:
        raise RefusedError(f"a new {kind.name} with a base")
    return made


PLAIN_NAMES: Table = {
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): ordered_dict,
    ("builtins", "set"): _set,
    ("__builtin__", "set"): _set,
    ("builtins", "object"): None,
    ("__builtin__", "object"): None,
    ("builtins", "dict"): None,
    ("__builtin__", "dict"): None,
    ("copyreg", "_reconstructor"): _created,
    ("copy_reg", "_reconstructor"): _created,
    ("dnnlib.util", "EasyDict"): Empty(Options),
}
"""The names for containers, bytes and empty objects, by Python 2 or 3."""
