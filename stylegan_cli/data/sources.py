"""Paths as typed → sources of images."""

import hashlib
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from itertools import groupby
from pathlib import Path

from stylegan_cli.data.archives import ZipSource
from stylegan_cli.data.entries import HDF5_SUFFIXES, Source, is_image
from stylegan_cli.data.folders import FolderSource, ListSource
from stylegan_cli.data.idx import IdxSource, is_idx
from stylegan_cli.errors import DataError
from stylegan_cli.files import similar

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
LIST_SUFFIXES = {".txt", ".lst"}


def open_source(path: Path) -> Source:
    """The images at a path: a folder, zip, HDF5 or idx file, list of files or single image.

    Raises:
        DataError: Nothing there, or nothing that holds images.
    """
    if path.is_dir():
        return FolderSource(path)
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder{similar(path)}")
    if not path.is_file():
        raise DataError(f"{path}: neither a file nor a folder")
    if is_image(path.name):
        return ListSource("", [path])
    if path.suffix.lower() in LIST_SUFFIXES:
        return ListSource(str(path), list(_listed(path)))
    if _is_hdf5(path):
        from stylegan_cli.data.hdf5 import Hdf5Source

        return Hdf5Source(path)
    if is_idx(path):
        return IdxSource(path)
    if path.suffix.lower() == ".zip" or zipfile.is_zipfile(path):
        return ZipSource(path)
    raise DataError(
        f"{path}: not a source of images; give a folder, a .zip, a .h5, an idx file, images, "
        "or a .txt that lists images, one path a line"
    )


@contextmanager
def open_sources(paths: Sequence[Path]) -> Iterator[list[Source]]:
    """Sources in the order given, open in the block; neighbouring image files are one of them."""
    with ExitStack() as stack:
        yield [stack.enter_context(closing(source)) for source in _opened(paths)]


def _opened(paths: Sequence[Path]) -> Iterator[Source]:
    for single, group in groupby(paths, key=lambda path: is_image(path.name) and path.is_file()):
        if single:
            yield ListSource("", list(group))
        else:
            yield from map(open_source, group)


def _is_hdf5(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(HDF5_MAGIC)) == HDF5_MAGIC or path.suffix.lower() in HDF5_SUFFIXES


def _listed(path: Path) -> Iterator[Path]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise DataError(f"{path}: not a text file; list one path a line, in UTF-8") from None
    for line in lines:
        if line.strip():
            yield path.parent / line.strip()


def content_sha256(path: Path) -> str:
    """Equal only for equal names and bytes of all images at a path.

    Every file of a folder is read; of a zip the checksums in its directory are enough.

    Raises:
        DataError: Nothing usable there, or a file cannot be read.
    """
    digest = hashlib.sha256()
    with closing(open_source(path)) as source:
        if isinstance(source, FolderSource | ListSource):
            root = path if isinstance(source, FolderSource) else Path()
            for entry in source.entries():
                digest.update(repr((entry.name, _sha256(root / entry.name))).encode())
        elif isinstance(source, ZipSource):
            _add_checksums(digest, source)
        else:
            digest.update(_sha256(path).encode())
    return digest.hexdigest()


def _add_checksums(digest: "hashlib._Hash", source: Source) -> None:
    for entry in source.entries():
        digest.update(repr((entry.name, entry.mark)).encode("utf-8", "surrogateescape"))


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
