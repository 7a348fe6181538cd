"""Weights of detectors in one form: safetensors, named by content, shipped or in the cache.

`sgtool weights add` converts each file once; detectors read no other form.
"""

import hashlib
import http
import http.client
import json
import os
import time
import urllib.error
import urllib.request
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

from stylegan_cli import __version__
from stylegan_cli.errors import WeightsError
from stylegan_cli.files import writing, written_whole

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
    """Return the folder of added weights: in $SGTOOL_CACHE, or sgtool in the user's cache."""
    if chosen := os.environ.get("SGTOOL_CACHE"):
        return Path(chosen) / "weights"
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "sgtool" / "weights"


def find_weights(name: str) -> Path | None:
    """Return the file of these weights, shipped or added; None if it is not here."""
    candidates = (place / f"{name}.safetensors" for place in (_shipped_folder(), weights_folder()))
    return next((path for path in candidates if path.is_file()), None)


def is_shipped(path: Path) -> bool:
    """Return whether a file of weights is part of the package."""
    return path.parent == _shipped_folder()


def _shipped_folder() -> Path:
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
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
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


PIECE = 2**20
SECONDS_OF_SILENCE = 30
SLOWEST = 1024
"""Bytes a second over half a minute; a server that sends less has stalled."""


def download(url: str, path: Path, *, at_most: int) -> Iterator[int]:
    """Write what is at a URL to a file; yields the sizes of the pieces as they come.

    A partial file is completed, if the server can send the rest alone.

    Args:
        at_most: Largest size in bytes of the requested file.

    Raises:
        WeightsError: The network or the server fails, or the file is larger.
        OutputError: The place cannot be written.
    """
    there = path.stat().st_size if path.exists() else 0
    with _requested(url, there) as response:
        resumed = response.status == http.HTTPStatus.PARTIAL_CONTENT
        written = there if resumed else 0
        with writing(path), path.open("ab" if resumed else "wb") as file:
            yield written
            for piece in _pieces(url, response):
                written += len(piece)
                if written > at_most:
                    raise WeightsError(
                        f"{url}: more than {at_most:,} bytes; not the file it should be"
                    )
                file.write(piece)
                yield len(piece)


class _StayingSecure(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, hdrs: Any, to: str) -> Any:
        if req.full_url.startswith("https:") and not to.startswith("https:"):
            raise urllib.error.URLError(f"it redirects to {to}, which does not use https")
        return super().redirect_request(req, fp, code, msg, hdrs, to)


@contextmanager
def _failures_in_words(url: str) -> Iterator[None]:
    try:
        yield
    # ValueError: a malformed address or header
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise WeightsError(
            f"{url}: cannot be downloaded ({error}); try again, or download it elsewhere and "
            "give the file to sgtool weights add"
        ) from None


@contextmanager
def _requested(url: str, there: int) -> Iterator[Any]:
    """Yield the answer of the server, of the bytes behind the first ones if it can."""
    headers = {"User-Agent": f"sgtool/{__version__}"}
    opener = urllib.request.build_opener(_StayingSecure)
    with _failures_in_words(url):
        try:
            rest = {"Range": f"bytes={there}-"} if there else {}
            request = urllib.request.Request(url, headers={**headers, **rest})
            response = opener.open(request, timeout=SECONDS_OF_SILENCE)
        except urllib.error.HTTPError as error:
            if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise
            request = urllib.request.Request(url, headers=headers)
            response = opener.open(request, timeout=SECONDS_OF_SILENCE)
    with response:
        yield response


def _pieces(url: str, response: Any) -> Iterator[bytes]:
    received, began, late = 0, time.monotonic(), 0
    with _failures_in_words(url):
        length = response.headers.get("Content-Length")
        promised = None if length is None else int(length)
        while piece := response.read1(PIECE):
            received += len(piece)
            yield piece
            if time.monotonic() - began >= SECONDS_OF_SILENCE:
                if received - late < SLOWEST * SECONDS_OF_SILENCE:
                    raise TimeoutError(f"under {SLOWEST} bytes a second")
                began, late = time.monotonic(), received
    if promised is not None and received != promised:
        raise WeightsError(f"{url}: {received:,} of {promised} bytes arrived; try again to resume")
