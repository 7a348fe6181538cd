"""Trained networks that training starts from."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylegan_cli.errors import NetworkFileError
from stylegan_cli.files import similar
from stylegan_cli.networks.header import read_header
from stylegan_cli.networks.snapshot import file_sha256, read_tensors
from stylegan_cli.recipe import Settled
from stylegan_cli.shipped import network_at
from stylegan_cli.training.run_folder import NETWORKS, newest_network

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Origin:
    """A trained network, whoever wrote its file.

    Attributes:
        recipe: Describes the tensors' architecture.
        lod: Levels that a growing network still misses.
        tensors: As in network files: `g_ema.*`, and `d.*` if there is a discriminator.
        notes: Remarks on the file for the user, a sentence each.
    """

    path: Path
    sha256: str
    recipe: Settled
    c_dim: int
    kimg: float
    lod: float
    licence: str
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
    facts = foreign or read_header(path)
    recipe = facts.recipe
    if foreign:
        recipe = replace(recipe, data=replace(recipe.data, labels=foreign.c_dim > 0))
    return Origin(
        path=path,
        sha256=found,
        recipe=recipe,
        c_dim=facts.c_dim,
        kimg=facts.kimg,
        lod=facts.lod,
        licence=facts.licence,
        tensors=foreign.tensors if foreign else read_tensors(path),
        notes=foreign.notes if foreign else (),
    )


def _found(network: Path, sha256: str | None) -> tuple[Path, str]:
    """Return the file of a network and its hash; of a run the newest, or that of the hash."""
    network = network_at(network)
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
        f"{path}: init.sha256 is {sha256[:12]}…, but this file's is {found[:12]}…; "
        "name that file, or leave the hash out to start from this one"
    )
