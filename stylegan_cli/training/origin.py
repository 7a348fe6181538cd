"""The network that training starts from, and what of a recipe follows from it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any

from torch import Tensor

from stylegan_cli.errors import NetworkFileError
from stylegan_cli.files import similar
from stylegan_cli.interop.reading import is_foreign, read_foreign
from stylegan_cli.networks.snapshot import file_sha256, read_header
from stylegan_cli.recipe import InitSection, Settled, load
from stylegan_cli.recipe.automatic import resolve
from stylegan_cli.shipped import of_package_by_name
from stylegan_cli.training.run_folder import NETWORKS, RunFolder, newest_network
from stylegan_cli.training.schedule import is_growing


@dataclass(frozen=True, kw_only=True)
class Origin:
    """A trained network, whoever wrote its file.

    Attributes:
        recipe: Resolved; its architecture is that of the tensors.
        lod: Levels that a growing network still misses.
        tensors: As in network files: `g_ema.*`, and `d.*` where there is a discriminator.
        notes: What a user should know of the file, a sentence each.
    """

    path: Path
    sha256: str
    recipe: Settled
    c_dim: int
    kimg: float
    lod: float
    licence: str
    tensors: Mapping[str, Tensor]
    notes: tuple[str, ...] = ()

    @property
    def has_discriminator(self) -> bool:
        return any(name.startswith("d.") for name in self.tensors)

    @property
    def grown_to(self) -> int:
        """Side of the largest images that it has been trained at without fading."""
        return self.recipe.data.resolution >> ceil(self.lod)

    @property
    def facts(self) -> dict[str, Any]:
        """What runs that start from it, and their networks, remember of it."""
        return {
            "network": str(self.path),
            "network_sha256": self.sha256,
            "title": self.recipe.title,
            "kimg": self.kimg,
            "licence": self.licence,
        }


def open_origin(init: InitSection) -> Origin:
    """The network that a recipe names, in a file of ours or of another program.

    Raises:
        NetworkFileError: There is none, it cannot be read, or it is not the one of the hash.
        ForeignFileError: Another program's file that cannot or must not be read.
    """
    assert init.network is not None
    path, sha256 = _found(Path(init.network), init.sha256)
    return _foreign(path, sha256) if is_foreign(path) else _ours(path, sha256)


def with_origin(recipe: Settled, origin: Origin) -> Settled:
    """The recipe with the hash of its origin; growing networks go on where the origin stands.

    Those start at the resolution that the origin has grown to, if the recipe's is smaller.
    """
    started = replace(recipe, init=replace(recipe.init, sha256=origin.sha256))
    return _grown(started, origin.grown_to) if is_growing(recipe) else started


def as_begun(recipe: Settled, folder: RunFolder) -> Settled:
    """The recipe with what followed from its origin when the run in the folder began.

    Of another run in the folder, nothing is taken over.
    """
    begun = load(folder.recipe)
    if begun.init.network != recipe.init.network:
        return recipe
    sha256 = recipe.init.sha256 or begun.init.sha256
    same = replace(recipe, init=replace(recipe.init, sha256=sha256))
    return _grown(same, begun.growing.initial_resolution) if is_growing(recipe) else same


def _ours(path: Path, sha256: str) -> Origin:
    from safetensors.torch import load_file

    header = read_header(path)
    return Origin(
        path=path,
        sha256=sha256,
        recipe=resolve(header.recipe),
        c_dim=header.c_dim,
        kimg=header.kimg,
        lod=header.lod,
        licence=header.licence,
        tensors=load_file(path),
    )


def _foreign(path: Path, sha256: str) -> Origin:
    foreign = read_foreign(path)
    labelled = replace(foreign.recipe.data, labels=foreign.c_dim > 0)
    return Origin(
        path=path,
        sha256=sha256,
        recipe=resolve(replace(foreign.recipe, data=labelled)),
        c_dim=foreign.c_dim,
        kimg=foreign.kimg,
        lod=foreign.lod,
        licence=foreign.licence,
        tensors=foreign.tensors,
        notes=foreign.notes,
    )


def _grown(recipe: Settled, side: int) -> Settled:
    first = max(recipe.growing.initial_resolution, min(side, recipe.data.resolution))
    return replace(recipe, growing=replace(recipe.growing, initial_resolution=first))


def _found(network: Path, sha256: str | None) -> tuple[Path, str]:
    """The file of a network and its hash; in a run, the newest unless the hash tells which."""
    network = of_package_by_name(network)
    path = newest_network(network) if network.is_dir() else network
    if not path.is_file():
        lead = similar(path) or "; training starts from a network file or a run folder"
        raise NetworkFileError(f"{path}: no such file{lead}")
    found = file_sha256(path)
    if sha256 in (None, found):
        return path, found
    for other in network.glob(NETWORKS):
        if file_sha256(other) == sha256:
            return other, sha256
    raise NetworkFileError(
        f"{path}: not the network of init.sha256, {sha256[:12]}…, but {found[:12]}…; "
        "give that file, or leave the hash out to start from this one"
    )
