"""Directions in an HDF5 file, readable with nothing but h5py.

    /sefa/0/vector      float32 [num_ws, w_dim] in W, [z_dim] in z
    /smile/0/channel    int64, with /smile/0/value float32: style channels
    /sefa               attributes: request (JSON), network_sha256, versions (JSON), created_utc

Attributes of a direction: space, method, sigma, mean_coordinate, network_sha256, and its facts.
"""

import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from stylegan_cli.directions.direction import Direction, Fact
from stylegan_cli.errors import DataError, OutputError, UsageError, meant
from stylegan_cli.files import similar, writing, written_whole
from stylegan_cli.hdf5 import (
    damage_in,
    json_attribute,
    note_origin,
    open_hdf5,
    root_attribute,
    stored_array,
)
from stylegan_cli.ranges import format_ints

SCHEMA = 1
MAX_VALUES = 2**26
"""Numbers of a vector; more are of no network."""

MAX_DIRECTIONS = 10_000
_OWN = ("space", "method", "sigma", "mean_coordinate", "network_sha256")


@dataclass(frozen=True, kw_only=True)
class Discovery:
    """Directions that were found together.

    Attributes:
        group: Their group in the file; each one's name begins with it.
        request: The request that found them, as JSON.
        make: Finds them; a discovery that exists already is recognized without.
    """

    group: str
    request: Mapping[str, Any]
    network_sha256: str
    make: Callable[[], Iterable[Direction]]

    @cached_property
    def directions(self) -> tuple[Direction, ...]:
        """Return the directions, found when they are first needed."""
        return tuple(self.make())


def write_discovery(path: Path, found: Discovery, *, overwrite: bool = False) -> None:
    """Add a discovery to a file, made where it is missing; whole or not at all.

    Args:
        overwrite: Replace what the file holds under this name, and a file of another network.

    Raises:
        OutputError: The path holds something else or cannot be written.
    """
    if path.exists():
        check_discovery(path, found, overwrite=overwrite)
    with written_whole(path) as temporary, writing(path, ValueError, RuntimeError):
        if is_directions(path):
            with open_hdf5(path) as there:
                same = there.attrs.get("network_sha256") == found.network_sha256
            if same:
                shutil.copyfile(path, temporary)
        with h5py.File(temporary, "a", locking=False) as file:
            file.attrs["schema"], file.attrs["network_sha256"] = SCHEMA, found.network_sha256
            file.attrs["directions"] = True
            _write(file.require_group(found.group), found)


def check_discovery(path: Path, found: Discovery, *, overwrite: bool = False) -> bool:
    """Return whether a file already holds this discovery.

    Raises:
        OutputError: It holds another under this name, or is of another network or kind.
    """
    if not path.exists():
        return False
    if not is_directions(path):
        raise OutputError(f"{path}: holds no directions; choose another file")
    if overwrite:
        return False
    with open_hdf5(path) as file:
        if file.attrs.get("network_sha256") != found.network_sha256:
            raise OutputError(
                f"{path}: holds directions of another network; choose another file or `overwrite`"
            )
        if found.group not in file or _only_leads_to_others(file[found.group]):
            return False
        there = json_attribute(file[found.group], "request", None)
    if there != json.loads(json.dumps(found.request)):
        raise OutputError(
            f"{path}: {found.group} was found with other options; choose another file, another "
            "`name`, or `overwrite`"
        )
    return True


def is_directions(path: Path) -> bool:
    """Return whether this is an HDF5 file marked as a file of directions."""
    return root_attribute(path, "directions") is not None


def read_directions(path: Path, name: str = "") -> tuple[Direction, ...]:
    """Return the direction of this name, or all those in the group of this name.

    Raises:
        DataError: The file is missing, damaged, or holds no directions.
        UsageError: It holds none of this name.
    """
    if not path.is_file():
        raise DataError(f"{path}: there is no such file{similar(path)}")
    with open_hdf5(path) as file, damage_in(path):
        if not file.attrs.get("directions", False):
            raise DataError(f"{path}: holds no directions; `sgtool discover` makes such files")
        names = _names(file)
        group = f"{name}/" if name else ""
        chosen = [each for each in names if each == name or each.startswith(group)]
        if not chosen:
            hint = meant(name, names)
            raise UsageError(f"{path}:{name}: no such direction; it holds {_listed(names)}{hint}")
        return tuple(_read(file, each) for each in chosen)


def describe_directions(path: Path) -> dict[str, Any]:
    """Describe what a file of directions holds, ready for JSON."""
    described = {}
    for each in read_directions(path):
        facts = {key: fact for key, fact in each.facts.items() if not isinstance(fact, tuple)}
        own = {"space": each.space, "method": each.method, "sigma": each.sigma}
        described[each.name] = own | facts
    return {"directions": described}


def _only_leads_to_others(place: object) -> bool:
    """Return whether this is `/channels` of `/channels/beard`, and no discovery itself."""
    return isinstance(place, h5py.Group) and not {"request", "space"} & place.attrs.keys()


def _write(group: h5py.Group, found: Discovery) -> None:
    for name in [name for name, each in group.items() if "space" in each.attrs]:
        del group[name]
    group.attrs["request"] = json.dumps(found.request)
    group.attrs["network_sha256"] = found.network_sha256
    note_origin(group)
    for each in found.directions:
        place = group.create_group(each.name.removeprefix(f"{found.group}/"))
        if each.space == "s":
            moved = np.flatnonzero(each.vector)
            place["channel"], place["value"] = moved, each.vector[moved]
            place.attrs["channels"] = len(each.vector)
        else:
            place["vector"] = each.vector
        own = {name: getattr(each, name) for name in _OWN}
        place.attrs.update(own | dict(each.facts))


def _names(file: h5py.File) -> list[str]:
    found: list[str] = []

    def take(name: str, item: object) -> None:
        if isinstance(item, h5py.Group) and "space" in item.attrs:
            found.append(name)

    file.visititems(take)
    if len(found) > MAX_DIRECTIONS:
        raise ValueError(f"{len(found)} directions are more than {MAX_DIRECTIONS}")
    return sorted(found, key=_in_order)


def _in_order(name: str) -> tuple[tuple[bool, int, str], ...]:
    """Return a sort key that orders numbers in names as numbers."""
    return tuple(
        (part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in name.split("/")
    )


def _listed(names: Sequence[str]) -> str:
    """List the names, with numbered directions of a group as a range."""
    groups: dict[str, list[str]] = {}
    for name in names:
        group, _, last = name.rpartition("/")
        groups.setdefault(group, []).append(last)
    listed = []
    for group, parts in groups.items():
        numbered = len(parts) > 1 and all(part.isdecimal() for part in parts)
        ends = [format_ints(map(int, parts))] if numbered else parts
        listed += [f"{group}/{end}".lstrip("/") for end in ends]
    return ", ".join(listed) or "none"


def _read(file: h5py.File, name: str) -> Direction:
    group, said = file[name], dict(file[name].attrs)
    space = str(said["space"])
    if space not in ("w", "z", "s"):
        raise ValueError(f"{name}: a space {space!r} is unknown")
    sigma, mean = float(said["sigma"]), float(said.get("mean_coordinate", 0.0))
    if not np.isfinite((sigma, mean)).all():
        raise ValueError(f"{name}: a step is {sigma}, from {mean}; both must be finite")
    return Direction(
        name=name,
        space=space,  # type: ignore[arg-type]  # checked above
        vector=_vector(group, said, name),
        sigma=sigma,
        mean_coordinate=mean,
        method=str(said["method"]),
        network_sha256=str(said.get("network_sha256", "")),
        facts={key: _fact(value) for key, value in said.items() if key not in (*_OWN, "channels")},
    )


def _vector(group: h5py.Group, said: Mapping[str, Any], name: str) -> np.ndarray:
    if said["space"] == "s":
        count = int(said["channels"])
        channel = stored_array(group, "channel", kinds="iu", ranks=(1,))
        value = stored_array(group, "value", kinds="f", ranks=(1,))
        if not 0 < count <= MAX_VALUES or channel.shape != value.shape:
            raise ValueError(f"{name}: {count} style channels are more than a network has")
        vector = np.zeros(count, np.float32)
        vector[channel[...]] = value[...]
    else:
        ranks = (2,) if said["space"] == "w" else (1,)
        stored = stored_array(group, "vector", kinds="f", ranks=ranks)
        if not 0 < stored.size <= MAX_VALUES:
            raise ValueError(f"{name}: a vector of shape {stored.shape} is no direction")
        vector = stored[...].astype(np.float32)
    if not np.isfinite(vector).all() or not vector.any():
        raise ValueError(f"{name}: holds NaN, infinite or only zero values")
    return vector


def _fact(value: Any) -> Fact:
    if isinstance(value, np.ndarray):
        return tuple(map(float, value.ravel().tolist()))
    return value.item() if isinstance(value, np.generic) else str(value)
