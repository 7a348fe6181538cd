"""Networks kept as a difference from another one, as tuned networks are: small files."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from stylegan_cli.errors import NetworkFileError

if TYPE_CHECKING:
    from torch import Tensor

DIFFERENCE_OF = "difference_of"
"""Entry of a network file's metadata that names the network to which its tensors are added."""


def difference(
    tensors: Mapping[str, "Tensor"], base: Mapping[str, "Tensor"]
) -> "dict[str, Tensor]":
    """Return what has changed, in half precision: 11 bits of the change, not of the weight."""
    changed = {name: tensor - base[name].float() for name, tensor in tensors.items()}
    return {name: each.half() for name, each in changed.items() if each.any()}


def added(base: Mapping[str, "Tensor"], change: Mapping[str, "Tensor"]) -> "dict[str, Tensor]":
    """Return the tensors of the base with a difference added to them.

    Raises:
        KeyError: The base lacks one of the tensors.
    """
    moved = {name: base[name].float() + each.float() for name, each in change.items()}
    return {**base, **moved}


def described(base: Path, sha256: str) -> str:
    """Return the entry of the metadata that names the base."""
    return json.dumps({"sha256": sha256, "path": str(base.resolve())})


def find_base(path: Path, entry: str) -> Path:
    """Return the file of the base: where it was, or beside the difference."""
    try:
        named = json.loads(entry)
        sha256, there = str(named["sha256"]), Path(named["path"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NetworkFileError(f"{path}: damaged description of the network (its base)") from None
    try:
        for candidate in _candidates(path, there):
            with candidate.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() == sha256:
                    return candidate
    except OSError as error:
        raise NetworkFileError(f"{path}: its base cannot be read ({error.strerror})") from None
    raise NetworkFileError(
        f"{path}: holds only the difference from {there.name}, which is neither at {there} nor "
        f"beside it; copy that network into {path.parent}"
    )


def _candidates(path: Path, there: Path) -> Iterator[Path]:
    beside = sorted(path.parent.glob("*.safetensors"))
    yield from (each for each in (there, *beside) if each.is_file() and each != path)
