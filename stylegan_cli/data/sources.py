"""Paths as typed → sources of images."""

import hashlib
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from itertools import groupby
from pathlib import Path

from stylegan_cli.data import (
    HDF5_SUFFIXES,
    Entry,
    Source,
    is_hidden,
    is_image,
    parquet,
    shards,
    tfrecords,
)
from stylegan_cli.data.archives import ZipSource
from stylegan_cli.data.folders import FolderSource, ListSource, kind_of_ours, sha256_of
from stylegan_cli.data.formats import MAGIC_BYTES, UnusableImageError, starts_like_image
from stylegan_cli.data.idx import IdxSource, is_idx
from stylegan_cli.data.label_files import as_text
from stylegan_cli.data.lmdb import is_lmdb, open_lmdb
from stylegan_cli.data.packed import File, LocalFile, RemoteFile, of_training
from stylegan_cli.data.relabelled import labelled
from stylegan_cli.data.shards import expanded
from stylegan_cli.errors import DataError
from stylegan_cli.files import similar
from stylegan_cli.texts import read_bounded

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
LIST_SUFFIXES = {".txt", ".lst"}
PACKED = (*shards.SUFFIXES, parquet.SUFFIX)
SAMPLED = 4096


def open_source(path: Path | str) -> Source:
    """Open the images at a path: a folder, an archive, a file of many images, a list, an image.

    Args:
        path: On disk, or an address of .tar shards or .parquet; `{000..127}` stands for numbers.

    Raises:
        DataError: Nothing there, nothing that holds images, or damage.
    """
    if names_many(str(path)):
        return _open_pattern(str(path))
    path = Path(path)
    if is_lmdb(path):
        return open_lmdb(path)
    if path.is_dir():
        return _open_folder(path)
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder{similar(path)}")
    if not path.is_file():
        raise DataError(f"{path}: neither a file nor a folder")
    return _open_file(path)


def names_many(path: str) -> bool:
    """Return whether a path is an address, or has numbers such as `{000..127}`."""
    return "://" in path or ("{" in path and not Path(path).exists())


def _open_file(path: Path) -> Source:
    suffix = path.suffix.lower()
    if _is_single(path):
        return ListSource("", [path])
    if suffix in tfrecords.SUFFIXES:
        return tfrecords.TfrecordsSource(path)
    if path.name.lower().endswith(PACKED):
        return _open_packed(str(path), [LocalFile(path)])
    if suffix in LIST_SUFFIXES:
        return ListSource(str(path), list(_listed(path)))
    if _is_hdf5(path):
        from stylegan_cli.data.hdf5 import Hdf5Source

        return Hdf5Source(path)
    if is_idx(path):
        return IdxSource(path)
    if suffix == ".zip" or zipfile.is_zipfile(path):
        return _with_own_labels(ZipSource(path))
    raise DataError(
        f"{path}: not a source of images; give a folder, a .zip, .h5, .tar, .tar.gz, .parquet, "
        ".tfrecords or idx file, an LMDB, images, or a .txt that lists images, one path a line; "
        "unpack other archives first, such as .tar.zst"
    )


def _open_pattern(text: str) -> Source:
    names = expanded(text)
    if not text.lower().endswith(PACKED):
        raise DataError(
            f"{text}: only .tar and .parquet are read at an address or by {{first..last}}; fetch "
            "other files first"
        )
    near = "://" not in text
    files = [LocalFile(Path(name)) if near else RemoteFile(name) for name in names]
    return _open_packed(text, files, near=near)


def _open_packed(
    name: str, files: Sequence[File], *, near: bool = True, others: Sequence[str] = ()
) -> Source:
    if files[0].name.lower().endswith(shards.SUFFIXES):
        return shards.open_shards(name, files, near=near)
    return parquet.open_parquet(name, files, others=others)


@contextmanager
def open_sources(paths: Sequence[Path | str]) -> Iterator[list[Source]]:
    """Open sources in the order given; image files named one after another are one of them."""
    with ExitStack() as stack:
        yield [stack.enter_context(closing(source)) for source in _opened(paths)]


def _opened(paths: Sequence[Path | str]) -> Iterator[Source]:
    for single, group in groupby(paths, key=lambda path: _is_single(Path(path))):
        if single:
            yield ListSource("", list(map(Path, group)))
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
    """Open a folder of images, or of files that hold many; of a study, the images it drew."""
    ours = kind_of_ours(path, [child.name + "/" * child.is_dir() for child in path.glob("*")])
    if ours == "run":
        raise DataError(
            f"{path}: the folder of a run, whose pictures are sheets of many images; give the "
            f"images it was trained on, or draw some: `sgtool grid` with `network={path}`"
        )
    path = path / "images" if ours else path
    folder = FolderSource(path)
    if next(folder.entries(), None) is not None:
        return _with_own_labels(folder)
    if tfrecords.files_in(path):
        return tfrecords.TfrecordsSource(path)
    packed = [file for file in sorted(path.rglob("*")) if file.name.lower().endswith(PACKED)]
    files = [f for f in packed if f.is_file() and not is_hidden(f.relative_to(path).as_posix())]
    for suffix in PACKED:
        if found := [file for file in files if file.name.lower().endswith(suffix)]:
            train = of_training(found)
            others = [str(file) for file in found if file not in train]
            return _open_packed(str(path), list(map(LocalFile, train)), others=others)
    return _with_own_labels(folder)


def _with_own_labels(source: FolderSource | ZipSource) -> Source:
    return source if source.table is None else labelled(source, source.table)


def _is_hdf5(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(HDF5_MAGIC)) == HDF5_MAGIC or path.suffix.lower() in HDF5_SUFFIXES


def _listed(path: Path) -> Iterator[Path]:
    for line in as_text(read_bounded(path), str(path)).split("\n"):
        if name := line.strip().strip('"'):  # Windows copies paths in quotes
            listed = path.parent / name
            windows = path.parent / name.replace("\\", "/")
            yield windows if "\\" in name and not listed.exists() else listed


def content_sha256(path: Path | str) -> str:
    """Return a hash that is equal only for equal names and bytes of all images at a path.

    Every file of a folder is read; of a zip the checksums in its directory are enough.

    Raises:
        DataError: Nothing usable there.
    """
    digest = hashlib.sha256()
    with closing(open_source(path)) as source:
        for entry in source.entries():
            content: object = ""
            with suppress(UnusableImageError):  # left out where images are read
                content = source.digest(entry)
            if content is None:
                digest.update(sha256_of(Path(path)).encode())
                break
            digest.update(repr((entry.name, content)).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


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
