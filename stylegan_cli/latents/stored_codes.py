"""Codes in files: the array that holds them, the selected ones, and what is stored beside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from itertools import product, repeat
from math import prod

import numpy as np
from jaxtyping import Float32, Int64

from stylegan_cli.errors import DataError, UsageError
from stylegan_cli.hdf5 import root_attribute
from stylegan_cli.latents.codes import OwnNoise
from stylegan_cli.latents.references import Stored
from stylegan_cli.latents.stored_arrays import (
    KINDS,
    Kind,
    StoredArray,
    code_shapes,
    open_arrays,
    recognise,
)
from stylegan_cli.networks.sizes import Sizes
from stylegan_cli.ranges import MAX_COUNT

Position = tuple[int, ...]
Shapes = Mapping[Kind, tuple[int, ...]]

NOTED = {"z": "z", "w": "w", "ws": "ws (a w for each layer)"}
MAX_VALUES = 2**28
MOST_LISTED = 8


@dataclass(frozen=True, kw_only=True)
class StoredCodes:
    """Codes read from a file.

    Attributes:
        values: `[n, z_dim]`, `[n, w_dim]` or `[n, num_ws, w_dim]`, as `kind` says.
        places: Position of each in the file; empty if the file holds one code.
        note: The array they come from, and their kind.
        labels: Labels given to the mapping network, if the file records them.
        noise_seed: Seed of each image's random noise, if the file records it.
        style_offsets: Offsets added to the styles of each code, if any is not 0.
        own_noise: An `OwnNoise` for each code or None, if the file holds any.
        network_sha256: Hash of the network that the codes were made for, if recorded.
    """

    kind: Kind
    values: Float32[np.ndarray, "n ..."]
    places: tuple[str, ...]
    note: str
    labels: Float32[np.ndarray, "n c_dim"] | None = None
    noise_seed: Int64[np.ndarray, " n"] | None = None
    style_offsets: Float32[np.ndarray, "n style_channels"] | None = None
    own_noise: np.ndarray | None = None
    network_sha256: str | None = None

    @property
    def sha256(self) -> str:
        """Return a hash that is equal for equal codes with equal labels and noise."""
        key = sha256(f"{self.kind} {self.values.shape}".encode())
        for column in (self.values, self.labels, self.noise_seed):
            key.update(b"none" if column is None else column.tobytes())
        if self.style_offsets is not None:
            key.update(self.style_offsets.tobytes())
        for own in () if self.own_noise is None else self.own_noise:
            key.update(b"none" if own is None else own.sha256)
        return key.hexdigest()


def read_codes(stored: Stored, sizes: Sizes) -> StoredCodes:
    """Read the selected codes, in reading order."""
    path, shapes = stored.path, code_shapes(sizes)
    # mix.h5 may be mix/mix.h5, in its study's folder
    within = path.with_suffix("") / path.name
    if not path.exists() and within.is_file():
        path = within
    with open_arrays(path) as arrays:
        name, said = _find_array(stored, arrays, shapes)
        array, where = arrays[name], f"{stored.path}, {name}"
        recorded = root_attribute(path, "network_sha256")
        made_for = recorded if isinstance(recorded, str) else None
        kind = recognise(where, name, array, sizes, said, is_ours=made_for is not None)
        table = array.shape[: len(array.shape) - len(shapes[kind])]
        chosen = _positions(stored, table)
        if len(chosen) * prod(shapes[kind]) > MAX_VALUES:
            raise UsageError(f"{stored.text}: {len(chosen):,} codes are too many at once")
        group = name[: name.rfind("/") + 1]
        beside = partial(_beside, arrays, chosen)
        return StoredCodes(
            kind=kind,
            values=_take(where, array, chosen, np.float32),
            places=tuple(
                "/".join([*stored.names, *map(str, position if prod(table) > 1 else ())])
                for position in chosen
            ),
            note=f"{stored.text}: {len(chosen)} {NOTED[kind]} from its array {name}",
            labels=beside(f"{group}labels", (*table, sizes.c_dim), np.float32),
            noise_seed=beside(f"{group}noise_seed", table, np.int64),
            style_offsets=_style_offsets(
                stored, arrays.get(f"{group}style_offsets"), table, chosen
            ),
            own_noise=_own_noise(arrays, group, table, chosen),
            network_sha256=made_for,
        )


def _style_offsets(
    stored: Stored, array: StoredArray | None, table: Position, chosen: Sequence[Position]
) -> np.ndarray | None:
    """Return the offsets of the codes' styles; None if there are none, or all are 0."""
    if array is None:
        return None
    where = f"{stored.path}, style_offsets"
    if not array.shape or array.shape[:-1] != table or array.dtype.kind != "f":
        raise UsageError(f"{where}: {array} does not fit the codes beside it; write the file again")
    if len(chosen) * array.shape[-1] > MAX_VALUES:
        raise UsageError(f"{stored.text}: {len(chosen):,} codes are too many at once")
    offsets = _take(where, array, chosen, np.float32)
    return offsets if offsets.any() else None


def _find_array(
    stored: Stored, arrays: Mapping[str, StoredArray], shapes: Shapes
) -> tuple[str, Kind | None]:
    """Return the name of the array that holds the codes, and their stated kind."""
    *outer, last = stored.names or ("",)
    ways: list[tuple[str, Kind | None]] = [("/".join(stored.names), None)]
    ways += (("/".join(outer), kind) for kind in KINDS if kind == last)
    for name, said in ways:
        if name in arrays:
            return name, said
        prefix = f"{name}/" if name else ""
        inside = {found: arrays[found] for found in arrays if found.startswith(prefix)}
        if inside:
            return _only_codes(stored, prefix, inside, shapes), said
    codes = _fitting(arrays, shapes)
    holds = f"whose codes are {_list(codes)}" if codes else f"which holds {_list(arrays)}"
    raise UsageError(f"{stored.text}: no {'/'.join(stored.names)} in this file, {holds}")


def _only_codes(
    stored: Stored, prefix: str, inside: Mapping[str, StoredArray], shapes: Shapes
) -> str:
    """Return the array of codes in a group: the one with a known name, else the only one."""
    # what an image is made of comes first: ws may be truncated and mixed already
    for known in reversed(KINDS):
        if prefix + known in inside:
            return prefix + known
    possible = _fitting(inside, shapes) or inside
    if len(possible) == 1:
        return next(iter(possible))
    raise UsageError(
        f"{stored.text}: which array holds the codes? found {_list(possible)}; "
        f"write {stored.path}:NAME with one of these names"
    )


def _fitting(arrays: Mapping[str, StoredArray], shapes: Shapes) -> dict[str, StoredArray]:
    """Return the arrays of real numbers whose last axes are those of a code."""
    return {
        name: array
        for name, array in arrays.items()
        if array.dtype.kind == "f"
        and any(array.shape[-len(shape) :] == shape for shape in shapes.values())
    }


def _list(arrays: Mapping[str, StoredArray]) -> str:
    listed = [f"{name}: {array}" for name, array in arrays.items()]
    more = f" and {len(listed) - MOST_LISTED} more" if len(listed) > MOST_LISTED else ""
    return "; ".join(listed[:MOST_LISTED]) + more


def _positions(stored: Stored, table: tuple[int, ...]) -> list[Position]:
    """Return the positions in the table of codes that the index selects, in reading order."""
    missing = len(table) - len(stored.index)
    if missing < 0:
        axes = "×".join(map(str, table)) or "a single code"
        raise UsageError(f"{stored.text}: {len(stored.index)} indexes, but the file holds {axes}")
    chosen = [
        _along(stored.text, part, length)
        for part, length in zip((*stored.index, *repeat("all", missing)), table, strict=True)
    ]
    count = prod(map(len, chosen))
    if not count:
        raise UsageError(f"{stored.text}: holds no codes; choose another file")
    if count > MAX_COUNT:
        raise UsageError(f"{stored.text}: {count:,} codes; choose 1 to {MAX_COUNT:,}")
    return list(product(*chosen))


def _along(text: str, part: str, length: int) -> range:
    if part == "all":
        return range(length)
    if part.startswith("-"):
        first = last = length + int(part)
    else:
        start, dash, end = part.partition("-")
        first = int(start)
        last = int(end) if end else length - 1 if dash else first
    if not 0 <= first <= last < length:
        raise UsageError(f"{text}: {part} is out of range; the valid range is 0-{length - 1}")
    return range(first, last + 1)


def _take(
    where: str, array: StoredArray, chosen: Sequence[Position], dtype: type[np.generic]
) -> np.ndarray:
    values = array.read()
    with np.errstate(over="ignore"):
        taken = np.stack([np.asarray(values[position]).astype(dtype) for position in chosen])
    if not np.isfinite(taken).all():
        raise DataError(f"{where}: holds NaN or infinite values; write the file again")
    return taken


def _beside(
    arrays: Mapping[str, StoredArray],
    chosen: Sequence[Position],
    name: str,
    shape: tuple[int, ...],
    dtype: type[np.generic],
) -> np.ndarray | None:
    """Return what an array of this name holds for the codes, if its shape and type fit."""
    array = arrays.get(name)
    if array is None or array.shape != shape or not np.can_cast(array.dtype, dtype, "same_kind"):
        return None
    return _take(name, array, chosen, dtype)


def _own_noise(
    arrays: Mapping[str, StoredArray], group: str, table: Position, chosen: Sequence[Position]
) -> np.ndarray | None:
    """Return the noise maps stored beside the codes, one set or None per code."""
    maps = [arrays[name] for name in sorted(arrays) if name.startswith(f"{group}noise/")]
    if not maps or any(len(each.shape) != 3 or each.dtype.kind != "f" for each in maps):
        return None
    index = _beside(arrays, chosen, f"{group}noise_index", table, np.int64)
    if index is None and maps[0].shape[:1] != table:
        return None
    sets = [each[0] for each in chosen] if index is None else index.tolist()
    count = min(each.shape[0] for each in maps)
    if any(not -1 <= number < count for number in sets):
        raise DataError(f"noise_index: refers to missing noise maps; there are {count}")
    found: dict[int, OwnNoise | None] = {-1: None}
    for number in sets:
        if number not in found:
            places = [(number,)]
            parts = (_take(f"{group}noise", each, places, np.float16)[0] for each in maps)
            found[number] = OwnNoise(maps=tuple(parts))
    own = np.empty(len(sets), object)
    own[:] = [found[number] for number in sets]
    return own
