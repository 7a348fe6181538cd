"""Directions as you write them, `directions.h5:sefa/0@coarse=2`, and the files they are in.

Besides our own, those of other programs, without running anything in them: `.npy` of InterFaceGAN,
`.npz` of GANSpace, `.pt` of rosinality's SeFa and of e4e.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from stylegan_cli.directions.direction import Direction, Space, in_all_layers
from stylegan_cli.directions.file import MAX_VALUES, read_directions
from stylegan_cli.directions.population import Population
from stylegan_cli.errors import DataError, UsageError
from stylegan_cli.files import written_whole
from stylegan_cli.latents.stored_arrays import open_arrays
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.ranges import parse_floats, parse_layers

HDF5_SUFFIXES = (".h5", ".hdf5")
_WRITTEN = re.compile(
    r"(?P<file>.+?\.(?:h5|hdf5|npy|npz|pt))(?::(?P<name>[^@=]+))?(?:@(?P<layers>[^@=]+))?"
    r"(?:=(?P<factor>[^@=]+))?",
    re.IGNORECASE,
)
EXAMPLE = "write for example directions.h5:sefa/0, directions.h5:sefa/0@coarse or smile.npy=-2"


@dataclass(frozen=True, kw_only=True)
class DirectionPick:
    """A direction in a file, with what is to become of it.

    Attributes:
        name: Of the direction; "" where the file holds one.
        layers: A list of layers as `parse_layers` reads it; None leaves them as they are.
        factor: Its steps at strength 1, if they were given.
        has_own_layers: The reference itself names them.
    """

    path: Path
    name: str = ""
    layers: str | None = None
    factor: float | None = None
    has_own_layers: bool = True

    @property
    def steps(self) -> float:
        """Return the steps at strength 1."""
        return 1.0 if self.factor is None else self.factor

    @property
    def text(self) -> str:
        """Return the reference as it is typed."""
        name = f":{self.name}" if self.name else ""
        layers = f"@{self.layers}" if self.layers else ""
        factor = "" if self.factor is None else f"={self.factor:g}"
        return f"{self.path}{name}{layers}{factor}"

    @property
    def title(self) -> str:
        """Return the name to write above a picture."""
        layers = f"@{self.layers}" if self.layers else ""
        factor = "" if self.factor is None else f" · {self.factor:g}"
        return f"{self.name or self.path.stem}{layers}{factor}"


def parse_direction(
    text: str, *, layers: str | None = None, parameter: str = "direction"
) -> DirectionPick:
    """Parse FILE:NAME@LAYERS=STEPS, of which only FILE is a must. Nothing is read.

    Args:
        layers: Layers of a direction without LAYERS.

    Raises:
        UsageError: The text is not a reference to a direction.
    """
    match = _WRITTEN.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"not a direction in a file; {EXAMPLE}", parameter=parameter, value=text)
    factor = match["factor"]
    numbers = parse_floats(factor, parameter=parameter) if factor else ()
    if len(numbers) > 1:
        raise UsageError(
            f"give one number of steps after =; {EXAMPLE}", parameter=parameter, value=text
        )
    return DirectionPick(
        path=Path(match["file"]),
        name=(match["name"] or "").strip("/"),
        layers=match["layers"] or layers,
        factor=numbers[0] if numbers else None,
        has_own_layers=bool(match["layers"]) or layers is None,
    )


def open_direction(
    network: Network,
    pick: DirectionPick,
    drawn: Callable[[], Population],
    *,
    force: bool = False,
) -> Direction:
    """Open the direction of a file, ready for a network.

    Args:
        drawn: Draws codes of the network: steps along another program's directions are measured
            by them.
        force: Take a direction that was found in another network.

    Raises:
        DataError: The file is missing, damaged, or could run code.
        UsageError: It holds no such direction, or one of another network.
    """
    if pick.path.suffix.lower() in HDF5_SUFFIXES:
        direction = _only(pick)
        _check_network(network, pick, direction, force=force)
    else:
        direction = _foreign(network, pick, drawn)
    if pick.layers is None:
        return direction
    sides = network.sizes.layer_levels
    try:
        layers = parse_layers(pick.layers, sides)
    except UsageError as error:
        if not pick.has_own_layers:
            raise
        raise UsageError(error.problem, parameter="direction", value=pick.text) from None
    return direction.at_layers(layers)


def export_direction(path: Path, pick: DirectionPick) -> None:
    """Write a direction of a file as InterFaceGAN does: its vector, of length 1, as `[1, dim]`.

    Of a direction whose layers differ, `[num_ws, w_dim]`.

    Raises:
        DataError: The file is missing or damaged.
        UsageError: It holds no such direction, or one of style channels; the path is not a .npy.
        OutputError: The path cannot be written.
    """
    if path.suffix.lower() != ".npy":
        raise UsageError(f"{path}: a direction is written as a .npy file; name one so")
    direction = _only(pick)
    if direction.space == "s":
        raise UsageError(
            f"{pick.text}: a style channel, {direction.facts.get('channel', '')}, which is no "
            "vector; other programs take its number"
        )
    rows = np.atleast_2d(direction.vector)
    moving = rows[rows.any(axis=1)]
    shared = bool((moving == moving[0]).all())
    with written_whole(path) as temporary, temporary.open("wb") as file:
        np.save(file, moving[:1] if shared else rows, allow_pickle=False)


def _only(pick: DirectionPick) -> Direction:
    """Return the direction of one of our files."""
    found = read_directions(pick.path, pick.name)
    if len(found) > 1:
        names = ", ".join(each.name for each in found[:8])
        raise UsageError(f"{pick.text}: which direction? it holds {names}; add one after a colon")
    return found[0]


def _check_network(
    network: Network, pick: DirectionPick, direction: Direction, *, force: bool
) -> None:
    sizes = network.sizes
    shape = {"w": (sizes.num_ws, sizes.w_dim), "z": (sizes.z_dim,)}.get(direction.space)
    if shape is not None and direction.vector.shape != shape:
        raise UsageError(
            f"{pick.text}: a direction of shape {list(direction.vector.shape)}, this network takes "
            f"{list(shape)}; find directions in it with `sgtool discover sefa`"
        )
    # directions survive fine-tuning
    if force or direction.network_sha256 in ("", network.sha256, network.recipe.init.sha256):
        return
    raise UsageError(
        f"{pick.text}: was found in another network, where its meaning differs; find it again "
        "with `sgtool discover sefa`, or `force` it"
    )


def _foreign(network: Network, pick: DirectionPick, drawn: Callable[[], Population]) -> Direction:
    sizes = network.sizes
    rows, space = _rows(pick, network)
    unit = rows / np.linalg.norm(rows, axis=-1, keepdims=True).max()
    if space == "z":
        vector = unit[0]
    elif len(unit) == 1:
        vector = in_all_layers(unit[0], range(sizes.num_ws), sizes.num_ws)
    else:
        vector = unit
    found = Direction(
        name=pick.name or pick.path.stem,
        space=space,
        vector=vector.astype(np.float32),
        sigma=1.0,
        method=f"read from {pick.path.name}",
        network_sha256="",
    )
    sigma, mean = drawn().spread(found.unit)
    return replace(found, sigma=sigma, mean_coordinate=mean)


def _rows(pick: DirectionPick, network: Network) -> tuple[Float[np.ndarray, "rows dim"], Space]:
    """Return the chosen direction, one row or one for each layer, and the space it is in."""
    sizes = network.sizes
    name, space = pick.name, "w" if sizes.has_w else "z"
    if name == "z" or name.endswith("/z"):
        name, space = name.removesuffix("z").rstrip("/"), "z"
    dim = sizes.w_dim if space == "w" else sizes.z_dim
    table = _chosen(pick, name)
    rows = table.reshape(-1, table.shape[-1]) if table.ndim > 2 else np.atleast_2d(table)
    if rows.shape[1] != dim or len(rows) not in (1, sizes.num_ws):
        raise UsageError(
            f"{pick.text}: an array of shape {list(table.shape)} is no direction of this network, "
            f"which takes [{dim}] or [{sizes.num_ws}, {dim}]; choose one of several with :NUMBER"
        )
    if not np.isfinite(rows).all() or not rows.any():
        raise DataError(
            f"{pick.path}: holds NaN, infinite or only zero values; make the file again"
        )
    return rows.astype(np.float64), "w" if space == "w" else "z"


def _chosen(pick: DirectionPick, name: str) -> np.ndarray:
    """Return the array of the direction: the numbered row where there are several."""
    with open_arrays(pick.path) as found:
        arrays = {
            key: np.asarray(array.read())
            for key, array in found.items()
            if array.dtype.kind in "fiu" and np.prod(array.shape) <= MAX_VALUES and array.shape
        }
    if name and not name.isdecimal() and name in arrays:
        return arrays[name]
    if "lat_comp" in arrays:
        table = arrays["lat_comp"]
    elif "eigvec" in arrays:
        table = arrays["eigvec"].T
    elif len(arrays) == 1:
        table = next(iter(arrays.values()))
    else:
        raise UsageError(
            f"{pick.text}: which array? it holds {', '.join(arrays)}; add one after a colon"
        )
    if not name:
        several = len(table) > 1 and ("lat_comp" in arrays or "eigvec" in arrays)
        return table[0] if several else table
    if not name.isdecimal() or not int(name) < len(table):
        raise UsageError(f"{pick.text}: no such direction; the valid range is 0-{len(table) - 1}")
    return np.asarray(table[int(name)])
