"""What images there are, told by their bytes: the key under which results of them are kept."""

import hashlib
from contextlib import closing
from pathlib import Path

from stylegan_cli.data.archives import ZipSource
from stylegan_cli.data.entries import Source
from stylegan_cli.data.folders import FolderSource, ListSource
from stylegan_cli.data.sources import open_source
from stylegan_cli.errors import DataError


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
