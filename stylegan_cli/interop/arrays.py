"""NumPy arrays in pickles: the few types that hold numbers, their bytes checked against them."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from stylegan_cli.interop.limits import RefusedError
from stylegan_cli.interop.pickles import Named, Table

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
            raise RefusedError(f"an array of type {code!r}")
        self.dtype = _TYPES[code]

    def set_state(self, state: object) -> None:
        """Take the byte order; anything else in the state belongs to types that are refused."""
        plain = (None, None, None, -1, -1, 0)
        if not isinstance(state, tuple) or state[:1] + state[2:] != (3, *plain):
            raise RefusedError("a structured array type")
        if state[1] not in ("<", ">", "|"):
            raise RefusedError(f"the byte order {state[1]!r}")
        self.dtype = self.dtype.newbyteorder(state[1])


class PickledArray:
    """An array in a pickle, empty until it is given its state."""

    def __init__(self, kind: object, shape: object, code: object) -> None:
        if not isinstance(kind, Named) or kind.name != "numpy.ndarray":
            raise RefusedError("an array of another class than numpy.ndarray")
        self.array = np.empty(0, np.float32)

    def set_state(self, state: object) -> None:
        """Take (1, shape, type, Fortran order, bytes)."""
        if not isinstance(state, tuple) or len(state) != 5:
            raise RefusedError("an array whose state is not that of NumPy's")
        version, shape, kind, fortran, raw = state
        if version != 1 or not isinstance(kind, PickledType) or not isinstance(raw, bytes):
            raise RefusedError("an array whose state is not that of NumPy's")
        _check_shape(shape, kind.dtype.itemsize, len(raw))
        flat = np.frombuffer(raw, kind.dtype).astype(kind.dtype.newbyteorder("="))
        self.array = flat.reshape(shape, order="F" if fortran else "C")


def _check_shape(shape: object, itemsize: int, found: int) -> None:
    sizes = shape if isinstance(shape, tuple) and len(shape) <= _MAX_AXES else (None,)
    if not all(type(size) is int and size >= 0 for size in sizes):
        raise RefusedError("an array shape that is not a few sizes")
    claimed = math.prod(sizes) * itemsize
    if claimed != found:
        raise RefusedError(f"an array that claims {claimed:,} bytes and has {found:,}")


NUMPY_NAMES: Table = {
    ("numpy", "ndarray"): None,
    ("numpy", "dtype"): PickledType,
    ("numpy.core.multiarray", "_reconstruct"): PickledArray,
    ("numpy._core.multiarray", "_reconstruct"): PickledArray,
}
"""The names in a pickle of NumPy arrays, by NumPy 1 or 2."""
