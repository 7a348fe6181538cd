"""Paths as typed → sources of images."""

import hashlib
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from itertools import groupby
from pathlib import Path

from stylegan_cli.data import tfrecords
from stylegan_cli.data.archives import ZipSource
from stylegan_cli.data.entries import HDF5_SUFFIXES, Entry, Source, is_image
from stylegan_cli.data.folders import FolderSource, ListSource
from stylegan_cli.data.formats import MAGIC_BYTES, starts_like_image
from stylegan_cli.data.idx import IdxSource, is_idx
from stylegan_cli.errors import DataError
from stylegan_cli.files import similar

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
LIST_SUFFIXES = {".txt", ".lst"}
SAMPLED = 4096


def open_source(path: Path) -> Source:
    """Open the images at a path: a folder, zip, HDF5 or idx file, list of files or single image.

    Raises:
        DataError: Nothing there, or nothing that holds images.
    """
    if path.is_dir():
        return _open_folder(path)
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder{similar(path)}")
    if not path.is_file():
        raise DataError(f"{path}: neither a file nor a folder")
    if _is_single(path):
        return ListSource("", [path])
    if path.suffix.lower() in tfrecords.SUFFIXES:
        return tfrecords.TfrecordsSource(path)
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
        f"{path}: not a source of images; give a folder, a .zip, a .h5, an idx or .tfrecords file, "
        "images, or a .txt that lists images, one path a line; unpack other archives first"
    )


@contextmanager
def open_sources(paths: Sequence[Path]) -> Iterator[list[Source]]:
    """Open sources in the order given; image files named one after another are one of them."""
    with ExitStack() as stack:
        yield [stack.enter_context(closing(source)) for source in _opened(paths)]


def _opened(paths: Sequence[Path]) -> Iterator[Source]:
    for single, group in groupby(paths, key=_is_single):
        if single:
            yield ListSource("", list(group))
        else:
            yield from map(open_source, group)


def _is_single(path: Path) -> bool:
    """Return whether a path is that of one image, by its name or else by its first bytes."""
    if not path.is_file():
        return False
    if is_image(path.name):
        return True
    with path.open("rb") as file:
        return starts_like_image(file.read(MAGIC_BYTES))


def _open_folder(path: Path) -> Source:
    folder = FolderSource(path)
    records = any(child.suffix in tfrecords.SUFFIXES for child in path.iterdir())
    if records and next(folder.entries(), None) is None:
        return tfrecords.TfrecordsSource(path)
    return folder


def _is_hdf5(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(HDF5_MAGIC)) == HDF5_MAGIC or path.suffix.lower() in HDF5_SUFFIXES


def _listed(path: Path) -> Iterator[Path]:
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise DataError(f"{path}: not a text file; list one path a line, in UTF-8") from None
    for line in lines:
        if name := line.strip():
            listed = path.parent / name
            windows = path.parent / name.replace("\\", "/")
            yield windows if "\\" in name and not listed.exists() else listed


def content_sha256(path: Path) -> str:
    """Return a hash that is equal only for equal names and bytes of all images at a path.

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
        elif isinstance(source, ZipSource | tfrecords.TfrecordsSource):
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


def fingerprint(source: Source, entries: Sequence[Entry], *, labels: bool) -> str:
    """Return a hash of names, labels, and sizes or checksums, and of the content of a sample.

    Where the source keeps no checksums, those of up to `SAMPLED` images are taken.
    """
    digest = hashlib.sha256()
    for entry in entries:
        label = entry.label if labels else None
        digest.update(repr((entry.name, entry.mark, label)).encode("utf-8", "surrogateescape"))
    step = max(1, -(-len(entries) // SAMPLED))
    checksums = (source.checksum(entry) for entry in entries[::step])
    digest.update(b"".join(repr(crc).encode() for crc in checksums if crc is not None))
    return digest.hexdigest()
