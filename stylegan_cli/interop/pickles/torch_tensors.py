"""Tensors of torch in pickles: views of the bytes in the file, checked against what they claim."""

import io
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from stylegan_cli.interop.pickles.limits import Limits, RefusedError
from stylegan_cli.interop.pickles.machine import Table
from stylegan_cli.interop.pickles.torch_storages import STORAGE_NAMES, Storage, read_stream

_STORAGE_LIMITS = Limits(operations=1000, memo=100, depth=8, size=1000)
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
    """Read the storage in the bytes that torch wrote before it wrote zips.

    Raises:
        RefusedError: Not numbers, or fewer than claimed.
    """
    if not isinstance(raw, bytes):
        raise RefusedError("a storage that is not made of bytes")
    stream, buffer = io.BytesIO(raw), memoryview(raw)
    storage = read_stream(stream, buffer, STORAGE_NAMES, _STORAGE_LIMITS)
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


def _size(values: object) -> object:
    return values


TORCH_NAMES: Table = {
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch.storage", "_load_from_bytes"): read_storage,
    ("torch", "Size"): _size,
    ("torch", "device"): _device,
    **{("torch", name): None for name in ("float16", "float32", "float64", "int64", "bool")},
}
"""The names in a plain pickle of tensors."""
