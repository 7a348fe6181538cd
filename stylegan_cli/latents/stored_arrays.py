"""The named arrays of an .h5, .npz, .npy or .pt file, read without running it, and their kinds."""

import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Literal, get_args

import h5py
import numpy as np
from numpy.lib import format as npy

from stylegan_cli.errors import DataError, UsageError
from stylegan_cli.files import similar, system_reason
from stylegan_cli.hdf5 import open_hdf5, sure_to_be_stored
from stylegan_cli.networks.sizes import Sizes

Kind = Literal["z", "w", "ws"]
KINDS: tuple[Kind, ...] = get_args(Kind)
HDF5_SUFFIXES = (".h5", ".hdf5")
TORCH_SUFFIXES = (".pt", ".pth")
Opener = Callable[[], AbstractContextManager[Any]]
"""Opens a stream of bytes: typing.IO does not know those of zip files."""

MAX_BYTES = 2**31
"""Larger NumPy arrays are not read: they must fit into memory whole."""

MAX_PARTS = 10_000
"""A torch file with more tensors, dicts and lists is not searched for codes."""

MAX_LAYERS = 18
"""Layers of the largest StyleGAN and StyleGAN2, of 1024 px."""

_HEADER_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_DAMAGE = (
    OSError,
    EOFError,
    KeyError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True, kw_only=True)
class StoredArray:
    """An array in a file.

    Attributes:
        read: Returns something that indexes like an array; from NumPy's formats, the array itself.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Callable[[], Any]

    def __str__(self) -> str:
        return f"{self.dtype} [{', '.join(map(str, self.shape))}]"


@contextmanager
def open_arrays(path: Path) -> Iterator[Mapping[str, StoredArray]]:
    """Open the arrays of a file by name: `row_sources/ws` in a group, the stem of a .npy.

    Raises:
        DataError: There is no such file, it is damaged, or could run code.
    """
    if not path.is_file():
        raise DataError(f"{path}: there is no such file{similar(path)}")
    try:
        if path.suffix.lower() in HDF5_SUFFIXES:
            with open_hdf5(path) as file:
                yield _hdf5_arrays(file)
        elif path.suffix.lower() in TORCH_SUFFIXES:
            found = _read_torch(path)
            yield dict(_torch_arrays("" if isinstance(found, dict) else path.stem, found))
        elif path.suffix.lower() == ".npz":
            with zipfile.ZipFile(path) as archive:
                yield _npz_arrays(archive)
        else:
            yield {path.stem: _npy_array(lambda: path.open("rb"))}
    except _DAMAGE as error:
        raise DataError(f"{path}: cannot be read: {_reason(error)}") from None


def describe_arrays(path: Path) -> dict[str, Any]:
    """Return shape and type of every array of a file, ready for JSON."""
    with open_arrays(path) as arrays:
        return {
            "arrays": {name: str(array) for name, array in arrays.items()},
            "bytes": path.stat().st_size,
        }


def _hdf5_arrays(file: h5py.File) -> dict[str, StoredArray]:
    found: dict[str, StoredArray] = {}

    def add(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and item.shape is not None:
            found[name] = StoredArray(
                shape=item.shape, dtype=item.dtype, read=lambda: sure_to_be_stored(item)
            )

    file.visititems(add)
    return found


def _npz_arrays(archive: zipfile.ZipFile) -> dict[str, StoredArray]:
    members = [name for name in archive.namelist() if name.endswith(".npy")]
    if not members:
        raise ValueError("no arrays in it")
    return {name[:-4]: _npy_array(_member(archive, name)) for name in members}


def _read_torch(path: Path) -> object:
    import torch

    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES >> 30} GiB; store the codes as HDF5")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # its reader raises almost anything on hostile bytes
        raise ValueError("damaged, or more than tensors in dicts and lists") from None


def _torch_arrays(name: str, item: object) -> Iterator[tuple[str, StoredArray]]:
    """Yield every tensor in dicts and lists, named by the keys that lead to it."""
    import torch

    waiting = [(name, item)]
    for _ in range(MAX_PARTS):
        if not waiting:
            return
        name, item = waiting.pop()
        if isinstance(item, torch.Tensor):
            yield name, _tensor(name, item)
        elif isinstance(item, dict | list | tuple):
            parts = item.items() if isinstance(item, dict) else enumerate(item)
            waiting += [(f"{name}/{key}" if name else str(key), part) for key, part in parts]
    raise ValueError(f"more than {MAX_PARTS:,} parts; store the codes alone")


def _tensor(name: str, tensor: Any) -> StoredArray:
    if tensor.is_sparse or tensor.is_quantized or tensor.is_meta or tensor.is_complex():
        raise ValueError(f"{name} is not a plain tensor of real numbers")
    # a view can claim any size, and numpy has no bfloat16
    if tensor.numel() * 4 > MAX_BYTES:
        raise ValueError(f"{name} is larger than {MAX_BYTES >> 30} GiB; store the codes as HDF5")
    array = tensor.detach().float().numpy() if tensor.is_floating_point() else tensor.numpy()
    return StoredArray(shape=array.shape, dtype=array.dtype, read=lambda: array)


def _member(archive: zipfile.ZipFile, name: str) -> Opener:
    return lambda: archive.open(name)


def _npy_array(open_file: Opener) -> StoredArray:
    with open_file() as file:
        shape, dtype = _npy_header(file)
    return StoredArray(shape=shape, dtype=dtype, read=lambda: _read_npy(open_file))


def _npy_header(file: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = npy.read_magic(file)
    if version not in _HEADER_READERS:
        raise ValueError(f"version {version[0]}.{version[1]} of the format holds no numbers")
    try:
        shape, _, dtype = _HEADER_READERS[version](file)
    except Exception as error:  # the header is parsed like Python, whose errors come through
        raise ValueError(f"damaged header ({_reason(error)})") from None
    if min(shape, default=0) < 0:
        raise ValueError(f"no array has the shape {list(shape)}")
    # what the header claims is allocated before the values are looked at
    if prod(shape) * dtype.itemsize > MAX_BYTES:
        raise ValueError(
            f"an array of {dtype} {list(shape)} is larger than {MAX_BYTES >> 30} GiB; "
            "store it as HDF5"
        )
    return shape, dtype


def _read_npy(open_file: Opener) -> np.ndarray:
    with open_file() as file:
        array: np.ndarray = npy.read_array(file, allow_pickle=False)
    return array


def _reason(error: Exception) -> str:
    return system_reason(error).splitlines()[0] if str(error) else type(error).__name__


def code_shapes(sizes: Sizes) -> dict[Kind, tuple[int, ...]]:
    """Return the shape of each kind of code that a network takes."""
    return {"z": (sizes.z_dim,), "w": (sizes.w_dim,), "ws": (sizes.num_ws, sizes.w_dim)}


def recognise(
    where: str,
    name: str,
    array: StoredArray,
    sizes: Sizes,
    said: Kind | None,
    *,
    is_ours: bool = False,
) -> Kind:
    """Return the kind of codes in an array: the stated one, or the one its name and shape leave.

    Args:
        where: Opens the error message.
        is_ours: sgtool wrote the array, which always calls a w per layer ws.
    """
    if array.dtype.kind not in "fiu":
        raise UsageError(f"{where}: {array} holds no numbers, so no codes")
    meant = (said,) if said else _kinds_by_name(name)
    shapes = code_shapes(sizes)
    fitting = [kind for kind in meant if array.shape[-len(shapes[kind]) :] == shapes[kind]]
    likely = _likely(fitting, sizes, axes=len(array.shape))
    layered = "" if said or is_ours or "w" not in meant else _other_layers(array.shape, sizes)
    if layered and "ws" not in fitting:
        ways = "".join(
            f"; write FILE:{name}/{kind} to read each row as a {kind}" for kind in likely
        )
        raise UsageError(f"{where}: {array} looks like {layered}{ways}")
    if not likely:
        called = f" as {said}" if said else ""
        taken = ", ".join(f"{kind} {list(shape)}" for kind, shape in shapes.items())
        raise UsageError(f"{where}: {array} does not fit this network{called}; it takes {taken}")
    if len(likely) > 1:
        ways = " or ".join(f"FILE:{name}/{kind}" for kind in likely)
        raise UsageError(f"{where}: {array} could be {' or '.join(likely)}; write {ways}")
    return likely[0]


def _other_layers(shape: tuple[int, ...], sizes: Sizes) -> str:
    """Describe a w per layer for another number of layers; empty if the shape suggests none."""
    *table, layers, width = (1, 1, *shape)
    if width != sizes.w_dim or layers == sizes.num_ws or prod(shape[:-1]) == 1:
        return ""
    of_a_network = layers % 2 == 0 and 8 <= layers <= MAX_LAYERS
    if len(shape) < 3 and not of_a_network:
        return ""
    count = prod(table)
    codes = "one code" if count == 1 else f"{count:,} codes"
    origin = f" (as in StyleGAN2 of {2 ** (layers // 2 + 1)} px)" if of_a_network else ""
    return f"{codes} of {layers:,} layers{origin}, but this network has {sizes.num_ws}"


def _kinds_by_name(name: str) -> tuple[Kind, ...]:
    words = re.split(r"[^a-z]+", name.lower())
    named = [kind for kind in KINDS if kind in words]
    if len(named) != 1:
        return KINDS
    # many programs call one w per layer w, too
    return ("w", "ws") if named == ["w"] else (named[0],)


def _likely(fitting: list[Kind], sizes: Sizes, *, axes: int) -> list[Kind]:
    """Drop readings that this network makes pointless if another one remains."""
    if "ws" in fitting and axes > 2:
        return ["ws"]
    pointless: set[Kind] = set()
    if sizes.num_ws == 1:
        pointless.add("ws")
    if not sizes.has_w:
        pointless.add("w")
    return [kind for kind in fitting if kind not in pointless] or fitting
