"""Tensors of torch in pickles: views of the bytes in the file, checked against what they claim.

The numbers of tensors are in storages, which a pickle names by persistent ids. Before version 1.6 a
file of torch was a sequence of pickles, then the storages that they name.
"""

import io
import math
import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from io import SEEK_CUR, BufferedIOBase
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stylegan_cli.interop.pickles import Limits, RefusedError
from stylegan_cli.interop.pickles.machine import Named, Table
from stylegan_cli.interop.pickles.reader import run_pickle

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_STORAGE_TYPES: Mapping[str, tuple[str, torch.dtype]] = {
    "torch.HalfStorage": ("<f2", torch.float16),
    # NumPy has no bfloat16; its bits are kept as integers
    "torch.BFloat16Storage": ("<i2", torch.bfloat16),
    "torch.FloatStorage": ("<f4", torch.float32),
    "torch.DoubleStorage": ("<f8", torch.float64),
    "torch.CharStorage": ("<i1", torch.int8),
    "torch.ShortStorage": ("<i2", torch.int16),
    "torch.IntStorage": ("<i4", torch.int32),
    "torch.LongStorage": ("<i8", torch.int64),
    "torch.ByteStorage": ("<u1", torch.uint8),
    "torch.BoolStorage": ("?", torch.bool),
}
_FEW = Limits(operations=1000, memo=100, depth=8, size=1000)

STORAGE_NAMES: Table = {("torch", name.removeprefix("torch.")): None for name in _STORAGE_TYPES}
"""The names of storages in pickles, mere markers."""


@dataclass
class Storage:
    """A sequence of numbers, and their type; all 0 until the file is read that far."""

    values: np.ndarray[Any, np.dtype[Any]]
    dtype: torch.dtype


@dataclass(frozen=True)
class StorageId:
    """A pickle's reference to a storage outside it.

    Attributes:
        kind: Its class, such as "torch.FloatStorage".
    """

    kind: str
    key: str
    count: int

    @property
    def size(self) -> int:
        return self.count * np.dtype(_STORAGE_TYPES[self.kind][0]).itemsize

    def within(self, buffer: mmap.mmap | memoryview, place: int) -> Storage:
        """Return the storage that starts at a place in a file: a view of its bytes."""
        code, dtype = _STORAGE_TYPES[self.kind]
        found = len(buffer) - place
        if self.size > found:
            raise RefusedError(f"a storage that claims {self.size:,} bytes and has {found:,}")
        return Storage(np.frombuffer(buffer, code, self.count, place if self.count else 0), dtype)

    def unread(self) -> Storage:
        """Return a storage of as many zeros, which takes no memory."""
        code, dtype = _STORAGE_TYPES[self.kind]
        return Storage(np.broadcast_to(np.zeros((), code), (self.count,)), dtype)


def storage_id(persistent_id: object) -> StorageId:
    """Return the storage of a persistent id ("storage", class, key, device, count, view)."""
    if not isinstance(persistent_id, tuple) or len(persistent_id) not in (5, 6):
        raise RefusedError("a persistent id that names no storage")
    tag, kind, key, _, count, *view = persistent_id
    if tag != "storage" or not isinstance(kind, Named) or not isinstance(key, str) or any(view):
        raise RefusedError("a persistent id that names no storage")
    if kind.name not in _STORAGE_TYPES or type(count) is not int or not 0 <= count < 2**60:
        raise RefusedError("a storage without a type or a size")
    return StorageId(kind=kind.name, key=key, count=count)


def read_stream(
    stream: BufferedIOBase, buffer: mmap.mmap | memoryview, table: Table, limits: Limits
) -> object:
    """Read a file of torch before version 1.6; numbers stay views of the file.

    Args:
        table: Names its pickle may hold, those of storages among them.

    Raises:
        RefusedError: Another file, or more than the table names; and ValueError, LookupError and
            similar errors for damage.
    """
    magic, protocol, system = (run_pickle(stream, {}, _FEW) for _ in range(3))
    if magic != _MAGIC or protocol != _PROTOCOL or not isinstance(system, dict):
        raise RefusedError("a file that torch did not write")
    if system.get("little_endian") is not True:
        raise RefusedError("big-endian numbers")
    claimed: dict[str, tuple[StorageId, Storage]] = {}

    def claim(persistent_id: object) -> Storage:
        found = storage_id(persistent_id)
        first, storage = claimed.setdefault(found.key, (found, found.unread()))
        if first != found:
            raise RefusedError("contradictory claims about one storage")
        return storage

    root = run_pickle(stream, table, limits, persistent=claim)
    # the storages come last
    _fill(claimed, stream, buffer)
    return root


def _fill(
    claimed: Mapping[str, tuple[StorageId, Storage]],
    stream: BufferedIOBase,
    buffer: mmap.mmap | memoryview,
) -> None:
    keys = run_pickle(stream, {}, Limits())
    if not isinstance(keys, list) or sorted(map(str, keys)) != sorted(claimed):
        raise RefusedError("storages that are not the tensors'")
    for found, storage in (claimed[str(key)] for key in keys):
        (count,) = struct.unpack("<q", stream.read(8))
        if count != found.count:
            raise RefusedError(f"a storage of {found.count:,} numbers that has {count:,}")
        storage.values = found.within(buffer, stream.tell()).values
        stream.seek(found.size, SEEK_CUR)
    if stream.read(1):
        raise RefusedError("data after the last storage")


_MAX_AXES = 16


@dataclass(frozen=True)
class PickledTensor:
    """A tensor in a pickle: a view of a storage, in elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def tensor(self) -> Tensor:
        """Return a contiguous copy of the numbers."""
        values = self.storage.values[self.offset :]
        steps = tuple(step * values.itemsize for step in self.stride)
        view = np.lib.stride_tricks.as_strided(values, self.shape, steps, writeable=False)
        copy = torch.from_numpy(view.astype(values.dtype.newbyteorder("="), order="C"))
        return copy.view(torch.bfloat16) if self.storage.dtype == torch.bfloat16 else copy


def read_storage(raw: object) -> Storage:
    """Read the storage in the bytes that torch wrote before it wrote zips."""
    if not isinstance(raw, bytes):
        raise RefusedError("a storage that is not made of bytes")
    stream, buffer = io.BytesIO(raw), memoryview(raw)
    storage = read_stream(stream, buffer, STORAGE_NAMES, _FEW)
    if not isinstance(storage, Storage):
        raise RefusedError("bytes of a storage that hold something else")
    return storage


def _tensor(storage: object, offset: object, shape: object, stride: object, *_: object) -> object:
    if not isinstance(storage, Storage):
        raise RefusedError("a tensor without a storage")
    sizes, steps, place = _numbers(shape), _numbers(stride), _numbers((offset,))[0]
    if len(sizes) != len(steps):
        raise RefusedError("a tensor with unequal numbers of axes and strides")
    there: int = len(storage.values) - place
    claimed: int = math.prod(sizes)
    last = sum((size - 1) * step for size, step in zip(sizes, steps, strict=True))
    if claimed > max(there, 0) or (claimed and last >= there):
        raise RefusedError(f"a tensor that claims {claimed:,} numbers of {there:,}")
    return PickledTensor(storage, place, sizes, steps)


def _numbers(values: object) -> tuple[int, ...]:
    if not isinstance(values, tuple) or len(values) > _MAX_AXES:
        raise RefusedError("a tensor shape that is not a short tuple of sizes")
    if not all(type(value) is int and 0 <= value < 2**40 for value in values):
        raise RefusedError("a tensor shape that is not a short tuple of sizes")
    return values


def _parameter(tensor: object, *_: object) -> PickledTensor:
    if not isinstance(tensor, PickledTensor):
        raise RefusedError("a parameter that is not a tensor")
    return tensor


def _device(kind: object, _: object = None) -> str:
    if not isinstance(kind, str):
        raise RefusedError("a device without a name")
    return kind


TORCH_NAMES: Table = {
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch.storage", "_load_from_bytes"): read_storage,
    ("torch", "Size"): lambda sizes: sizes,
    ("torch", "device"): _device,
    **{("torch", name): None for name in ("float16", "float32", "float64", "int64", "bool")},
}
"""The names in a plain pickle of tensors."""
