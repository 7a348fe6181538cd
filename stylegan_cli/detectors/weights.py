"""Weights of detectors in one form: safetensors, named by content, shipped or in the cache.

`sgtool weights add` converts each file once; detectors read no other form.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from stylegan_cli.errors import WeightsError
from stylegan_cli.files import cache_folder, writing, written_whole

METADATA = "sgtool"


@dataclass(frozen=True, kw_only=True)
class Weights:
    """The tensors of one detector.

    Attributes:
        sha256: Hash of names, types, shapes and values, independent of the original file.
        origin: File they came from, its SHA-256 and its licence.
    """

    tensors: Mapping[str, Tensor]
    sha256: str
    origin: Mapping[str, str]


def weights_folder() -> Path:
    """Return the folder of added weights."""
    return cache_folder() / "weights"


def find_weights(name: str) -> Path | None:
    """Return the file of these weights, shipped or added; None if it is not here."""
    candidates = (place / f"{name}.safetensors" for place in (shipped_folder(), weights_folder()))
    return next((path for path in candidates if path.is_file()), None)


def is_shipped(path: Path) -> bool:
    """Return whether a file of weights is part of the package."""
    return path.parent == shipped_folder()


def shipped_folder() -> Path:
    """Return the folder of the weights in the package."""
    return Path(str(files("stylegan_cli.detectors"))) / "shipped"


def is_published(path: Path) -> bool:
    """Return whether these are the authors' weights, not others that the user trusted.

    Raises:
        WeightsError: The file is damaged.
    """
    with _opened(path) as file:
        return _metadata(path, file).get("published") != "no"


def read_weights(path: Path) -> Weights:
    """Read weights, checked against the hash of their content in the file.

    Raises:
        WeightsError: The file is damaged.
    """
    with _opened(path) as file:
        metadata = _metadata(path, file)
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    promised, found = metadata.pop("sha256", "nothing"), content_sha256(tensors)
    if promised != found:
        raise WeightsError(
            f"{path}: its content hash is {found}, its header says {promised}; {_REMEDY}"
        )
    return Weights(tensors=tensors, sha256=found, origin=metadata)


def _metadata(path: Path, file: Any) -> dict[str, str]:
    try:
        return dict(json.loads((file.metadata() or {})[METADATA]))
    except (KeyError, TypeError, ValueError):
        raise WeightsError(f"{path}: has no description of its content; {_REMEDY}") from None


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: cannot be read ({error}); {_REMEDY}") from None


_REMEDY = "remove it and add the weights again: sgtool weights add FILE"


def write_weights(path: Path, tensors: Mapping[str, Tensor], origin: Mapping[str, str]) -> str:
    """Write weights in the form detectors read; returns the hash of their content.

    Raises:
        OutputError: The place cannot be written.
    """
    own = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    sha256 = content_sha256(own)
    with written_whole(path) as temporary, writing(path, SafetensorError):
        # one entry only: safetensors writes several in random order
        metadata = {METADATA: json.dumps({**origin, "sha256": sha256})}
        temporary.write_bytes(save(own, metadata))
    return sha256


def content_sha256(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of names, types, shapes and values of tensors, in order of names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        dtype = str(tensor.dtype).removeprefix("torch.")
        digest.update(f"{name} {dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
