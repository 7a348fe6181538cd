"""Trained networks that training starts from, and the weights that a run takes from them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylegan_cli.errors import NetworkFileError, UsageError
from stylegan_cli.files import similar
from stylegan_cli.networks.header import Header, read_header
from stylegan_cli.networks.snapshot import file_sha256, read_tensors
from stylegan_cli.recipe import Settled, values
from stylegan_cli.recipe.families import meaning_keys
from stylegan_cli.recipe.sections import inline
from stylegan_cli.shipped import network_at
from stylegan_cli.training.run_folder import NETWORKS, newest_network

if TYPE_CHECKING:
    from torch import Tensor

    from stylegan_cli.training.state import TrainingState


@dataclass(frozen=True, kw_only=True)
class Origin(Header):
    """A trained network, whoever wrote its file.

    Attributes:
        tensors: As in network files: `g_ema.*`, and `d.*` if there is a discriminator.
        notes: Remarks on the file for the user, a sentence each.
    """

    path: Path
    sha256: str
    tensors: Mapping[str, "Tensor"]
    notes: tuple[str, ...] = ()

    @property
    def has_discriminator(self) -> bool:
        return any(name.startswith("d.") for name in self.tensors)

    @property
    def grown_to(self) -> int:
        """Return the largest side it has been trained at without fading."""
        return self.recipe.data.size.level >> ceil(self.lod)

    @property
    def facts(self) -> dict[str, Any]:
        """Return facts for runs that start from it, and for their networks."""
        return {
            "network": str(self.path),
            "network_sha256": self.sha256,
            "title": self.recipe.title,
            "kimg": self.kimg,
            "licence": self.licence,
        }


def open_origin(network: str, sha256: str | None = None) -> Origin:
    """Open a network to start from, in a file of ours or of another program.

    Args:
        network: A network file, a run (its newest network) or a name of the package.
        sha256: Of the file, where it is known already.

    Raises:
        NetworkFileError: There is none, it cannot be read, or it has another hash.
        ForeignFileError: Another program's file that cannot or must not be read.
    """
    path, found = _found(Path(network), sha256)
    # after the file was found, as this imports torch
    from stylegan_cli.interop.reading import is_foreign, read_foreign

    foreign = read_foreign(path) if is_foreign(path) else None
    header = foreign or read_header(path)
    known = {each.name: getattr(header, each.name) for each in fields(Header)}
    if foreign:
        data = replace(header.recipe.data, labels=header.c_dim > 0)
        known["recipe"] = replace(header.recipe, data=data)
    return Origin(
        **known,
        path=path,
        sha256=found or file_sha256(path),
        tensors=foreign.tensors if foreign else read_tensors(path),
        notes=foreign.notes if foreign else (),
    )


def _found(network: Path, sha256: str | None) -> tuple[Path, str | None]:
    """Return the file of a network and the hash asked for; of a run the newest, or that one."""
    network = network_at(network)
    path = newest_network(network) if network.is_dir() else network
    if not path.is_file():
        lead = similar(path) or "; training starts from a network file or a run folder"
        raise NetworkFileError(f"{path}: no such file{lead}")
    if sha256 is None or (found := file_sha256(path)) == sha256:
        return path, sha256
    for other in network.glob(NETWORKS):
        if file_sha256(other) == sha256:
            return other, sha256
    raise NetworkFileError(
        f"{path}: init.sha256 is {sha256[:12]}…, but this file's is {found[:12]}…; "
        "name that file, or leave the hash out to start from this one"
    )


Shape = tuple[int, ...]

_SHAPES = (
    "data.resolution",
    "data.channels",
    "data.labels",
    "generator.architecture",
    "generator.input",
    "generator.styles",
    "generator.labels",
    "generator.noise",
    "generator.z_dim",
    "generator.w_dim",
    "generator.mapping_layers",
    "generator.channel_base",
    "generator.channel_max",
    "discriminator.architecture",
    "discriminator.channel_base",
    "discriminator.channel_max",
    "discriminator.labels",
    "discriminator.mapping_layers",
    "discriminator.mbstd_channels",
)
"""Keys that determine the tensors and their shapes."""
_LISTED = 12


@dataclass(frozen=True, kw_only=True)
class Misfit:
    """A tensor that only one of two networks has, or that has another shape there."""

    name: str
    theirs: Shape | None
    ours: Shape | None

    @property
    def words(self) -> str:
        return f"{self.name}: {_size(self.theirs)} there, {_size(self.ours)} here"


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """Weights that a run takes from its origin.

    Attributes:
        taken: Names of tensors as in network files.
        misfits: Tensors not taken: ours start at random, theirs are ignored.
        frozen: Modules that keep their weights.
    """

    origin: Origin
    c_dim: int
    taken: tuple[str, ...]
    misfits: tuple[Misfit, ...]
    frozen: tuple[str, ...]


def plan_transfer(origin: Origin, recipe: Settled, *, c_dim: int) -> Transfer:
    """Match the tensors of the origin with the networks of a recipe.

    Raises:
        NetworkFileError: Some do not fit, and the recipe does not allow that; names them.
        UsageError: Layers are to keep weights that they do not get.
    """
    ours, frozen = _built(recipe, origin, c_dim)
    theirs = {name: tuple(tensor.shape) for name, tensor in origin.tensors.items()}
    misfits = tuple(
        Misfit(name=name, theirs=theirs.get(name), ours=ours.get(name))
        for name in (*ours, *sorted(theirs.keys() - ours.keys()))
        if theirs.get(name) != ours.get(name)
    )
    _check_meaning(origin, recipe)
    if misfits and not recipe.init.allow_partial:
        raise _misfit_error(origin, recipe, misfits, total=len(ours), c_dim=c_dim)
    taken = tuple(name for name, shape in ours.items() if theirs.get(name) == shape)
    _check_frozen(origin, frozen, set(ours) - set(taken))
    return Transfer(origin=origin, c_dim=c_dim, taken=taken, misfits=misfits, frozen=frozen)


def take_over(transfer: Transfer, state: "TrainingState") -> None:
    """Copy the weights to both generators and the discriminator of a state."""
    tensors = transfer.origin.tensors
    for prefix, network in (("g_ema.", state.G), ("g_ema.", state.G_ema), ("d.", state.D)):
        own = network.state_dict()
        for name in transfer.taken:
            if name.startswith(prefix):
                own[name.removeprefix(prefix)].copy_(tensors[name])


def _built(recipe: Settled, origin: Origin, c_dim: int) -> tuple[dict[str, Shape], tuple[str, ...]]:
    """Return the shapes of a recipe's tensors, without D if theirs has none, and frozen parts."""
    import torch

    from stylegan_cli.networks.family import build_discriminator, build_generator
    from stylegan_cli.training.optimizers import frozen_parts

    with torch.device("meta"):
        G = build_generator(recipe, c_dim=c_dim)
        D = build_discriminator(recipe, c_dim=c_dim)
    networks = {"g_ema.": G, "d.": D} if origin.has_discriminator else {"g_ema.": G}
    shapes = {
        f"{prefix}{name}": tuple(tensor.shape)
        for prefix, network in networks.items()
        for name, tensor in network.state_dict().items()
    }
    return shapes, tuple(frozen_parts(recipe.init, G, D))


def _check_meaning(origin: Origin, recipe: Settled) -> None:
    keys = ("generator.family", "generator.mapping_lr_multiplier", *meaning_keys())
    differing = _settings(origin, recipe, keys)
    if differing:
        raise NetworkFileError(
            f"{origin.path}: another kind of network, whose weights would mean something else "
            f"here; add {' '.join(differing)}"
        )


def _check_frozen(origin: Origin, frozen: tuple[str, ...], random: set[str]) -> None:
    if any(part.startswith("d.") for part in frozen) and not origin.has_discriminator:
        raise UsageError(
            f"init.freeze_d: {origin.path} has no discriminator with layers to freeze; leave it out"
        )
    for part in frozen:
        started = sorted(name for name in random if name.startswith(f"{part}."))
        if started:
            raise UsageError(
                f"init: {part} is to keep its weights, but {started[0]} starts at random; freeze "
                "nothing, or start from a network that has it"
            )


def _misfit_error(
    origin: Origin, recipe: Settled, misfits: tuple[Misfit, ...], *, total: int, c_dim: int
) -> NetworkFileError:
    lines = [f"  {misfit.words}" for misfit in misfits[:_LISTED]]
    if len(misfits) > _LISTED:
        lines.append(f"  and {len(misfits) - _LISTED} more")
    settings = " ".join(_settings(origin, recipe, _SHAPES))
    if origin.c_dim != c_dim:
        lines.append(f"labels: {origin.c_dim} numbers there, {c_dim} here")
        # other labels need other layers, whatever the recipe says
        settings = ""
    same = f"add {settings} for the same network, or " if settings else "add "
    return NetworkFileError(
        "\n".join(
            [
                f"{origin.path}: {len(misfits)} tensors do not fit the recipe's {total}:",
                *lines,
                f"{same}`allow_partial` to start what does not fit at random",
            ]
        )
    )


def _settings(origin: Origin, recipe: Settled, keys: tuple[str, ...]) -> list[str]:
    """Return assignments that give the recipe the values of the origin."""
    theirs, ours = values(origin.recipe), values(recipe)
    return [
        f"`{key}={inline(theirs[key])}`"
        for key in keys
        if theirs[key] != ours[key] and not (_follows(key, theirs) and _follows(key, ours))
    ]


def _follows(key: str, known: Mapping[str, object]) -> bool:
    """Return whether a key of D has the value of G's key, which it follows if not given."""
    section, _, name = key.partition(".")
    same = known.get(f"generator.{name}") == known[key]
    return section == "discriminator" and name.startswith("channel_") and same


def _size(shape: Shape | None) -> str:
    if shape is None:
        return "nothing"
    return "×".join(map(str, shape)) or "a number"
