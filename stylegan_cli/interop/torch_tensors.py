"""Tensors of torch in pickles: views of the bytes in the file, checked against what they claim."""

import io
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stylegan_cli.interop.limits import Limits, RefusedError
from stylegan_cli.interop.pickles import Named, Table, run_pickle

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_STORAGES: Mapping[str, tuple[str, torch.dtype]] = {
    "Half": ("<f2", torch.float16),
    # NumPy has no bfloat16; its bits are carried as integers
    "BFloat16": ("<i2", torch.bfloat16),
    "Float": ("<f4", torch.float32),
    "Double": ("<f8", torch.float64),
    "Char": ("<i1", torch.int8),
    "Short": ("<i2", torch.int16),
    "Int": ("<i4", torch.int32),
    "Long": ("<i8", torch.int64),
    "Byte": ("<u1", torch.uint8),
    "Bool": ("?", torch.bool),
}
_STORAGE_NAMES: Table = {("torch", f"{name}Storage"): None for name in _STORAGES}
_STORAGE_LIMITS = Limits(operations=1000, memo=100, depth=8, size=1000)
_MAX_AXES = 16


@dataclass(frozen=True)
class Storage:
    """Numbers in a row, and what type they have."""

    values: np.ndarray[Any, np.dtype[Any]]
    dtype: torch.dtype


@dataclass(frozen=True)
class PickledTensor:
    """A tensor in a pickle: a view of a storage, in elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def tensor(self) -> Tensor:
        """A contiguous copy of the numbers."""
        values = self.storage.values[self.offset :]
        steps = tuple(step * values.itemsize for step in self.stride)
        view = np.lib.stride_tricks.as_strided(values, self.shape, steps, writeable=False)
        copy = torch.from_numpy(view.astype(values.dtype.newbyteorder("="), order="C"))
        return copy.view(torch.bfloat16) if self.storage.dtype == torch.bfloat16 else copy


def read_storage(raw: object) -> Storage:
    """The storage in the bytes that torch wrote for it before it wrote zips.

    Raises:
        RefusedError: Anything else than numbers, or fewer than claimed.
    """
    if not isinstance(raw, bytes):
        raise RefusedError("a storage that is not made of bytes")
    file = io.BytesIO(raw)
    if _next(file) != _MAGIC or _next(file) != _PROTOCOL:
        raise RefusedError("a storage that torch did not write")
    system = _next(file)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise RefusedError("a storage with its largest bytes first")
    described = _next(file)
    if not isinstance(described, _Described) or _next(file) != [described.key]:
        raise RefusedError("a storage that torch did not write")
    return _values(raw, file.tell(), described)


@dataclass(frozen=True)
class _Described:
    kind: str
    key: str
    count: int


def _described(persistent_id: object) -> _Described:
    """The storage of a persistent id: ("storage", class, key, place, count, view)."""
    if not isinstance(persistent_id, tuple) or len(persistent_id) not in (5, 6):
        raise RefusedError("a storage that torch did not write")
    tag, kind, key, _, count, *view = persistent_id
    if tag != "storage" or not isinstance(kind, Named) or not isinstance(key, str) or any(view):
        raise RefusedError("a storage that torch did not write")
    if type(count) is not int or count < 0:
        raise RefusedError("a storage without a count")
    name = kind.name.removeprefix("torch.").removesuffix("Storage")
    return _Described(kind=name, key=key, count=count)


def _next(file: io.BytesIO) -> object:
    return run_pickle(file, _STORAGE_NAMES, _STORAGE_LIMITS, persistent=_described)


def _values(raw: bytes, start: int, described: _Described) -> Storage:
    code, dtype = _STORAGES[described.kind]
    (count,) = struct.unpack_from("<q", raw, start)
    claimed, found = count * np.dtype(code).itemsize, len(raw) - start - 8
    if count != described.count or claimed != found:
        raise RefusedError(f"a storage that claims {claimed:,} bytes and has {found:,}")
    return Storage(np.frombuffer(raw, code, offset=start + 8), dtype)


def _tensor(storage: object, offset: object, shape: object, stride: object, *_: object) -> object:
    if not isinstance(storage, Storage):
        raise RefusedError("a tensor without a storage")
    sizes, steps, place = _numbers(shape), _numbers(stride), _numbers((offset,))[0]
    if len(sizes) != len(steps):
        raise RefusedError("a tensor with other axes than steps")
    there: int = len(storage.values) - place
    claimed: int = math.prod(sizes)
    last = sum((size - 1) * step for size, step in zip(sizes, steps, strict=True))
    if claimed > max(there, 0) or (claimed and last >= there):
        raise RefusedError(f"a tensor that claims {claimed:,} numbers of {there:,}")
    return PickledTensor(storage, place, sizes, steps)


def _numbers(values: object) -> tuple[int, ...]:
    if not isinstance(values, tuple) or len(values) > _MAX_AXES:
        raise RefusedError("a tensor shape that is not a few sizes")
    if not all(type(value) is int and 0 <= value < 2**40 for value in values):
        raise RefusedError("a tensor shape that is not a few sizes")
    return values


def _parameter(tensor: object, *_: object) -> PickledTensor:
    if not isinstance(tensor, PickledTensor):
        raise RefusedError("a parameter that is no tensor")
    return tensor


def _size(values: object) -> object:
    return values


TORCH_NAMES: Table = {
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch.storage", "_load_from_bytes"): read_storage,
    ("torch", "Size"): _size,
    ("torch", "device"): lambda *place: ":".join(map(str, place)),
}
"""The names in a plain pickle of tensors."""
