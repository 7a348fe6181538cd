"""Files of pickles opened for reading, as they are or inside a zip."""

import lzma
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path
from typing import cast

from stylegan_cli.errors import ForeignFileError
from stylegan_cli.interop.limits import Limits, RefusedError, shown
from stylegan_cli.interop.pickles import refusals_in_words

PICKLE_SUFFIXES = (".pkl", ".pickle")
ZIP_DAMAGES = (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, lzma.LZMAError)
"""What zipfile raises, beside ValueError, of zips that are damaged or locked, or that it lacks."""
_SMALL, _MOST_RATIO = 2**26, 20


@contextmanager
def opened_pickle(path: Path, limits: Limits) -> Iterator[BufferedIOBase]:
    """The pickle in a file: the file itself, or the only pickle in a zip.

    Raises:
        ForeignFileError: There is none, it cannot be read, or is larger than the limits allow.
    """
    try:
        with refusals_in_words(str(path)), path.open("rb") as file:
            if not zipfile.is_zipfile(file):
                _check_size(path.stat().st_size, limits)
                file.seek(0)
                yield file
                return
            with zipfile.ZipFile(file) as archive:
                member = _only_pickle(path, archive)
                _check_size(member.file_size, limits)
                if member.file_size > max(_SMALL, _MOST_RATIO * member.compress_size):
                    raise RefusedError(f"{member.file_size:,} bytes packed as no weights can be")
                with archive.open(member) as inner:
                    yield cast(BufferedIOBase, inner)
    except ZIP_DAMAGES as error:
        words = getattr(error, "strerror", None) or shown(str(error))
        raise ForeignFileError(f"{path}: cannot be read ({words})") from None


def holds_pickle(path: Path) -> bool:
    """Whether a file is a zip with a pickle in it; those of torch do not count."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = _pickles(archive)
    except (*ZIP_DAMAGES, ValueError):
        return False
    return bool(members) and not any(m.filename.endswith("/data.pkl") for m in members)


def _pickles(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    return [m for m in archive.infolist() if m.filename.lower().endswith(PICKLE_SUFFIXES)]


def _only_pickle(path: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = _pickles(archive)
    if len(members) != 1:
        raise ForeignFileError(
            f"{path}: a zip with {len(members)} pickles in it; unpack it and name one"
        )
    return members[0]


def _check_size(size: int, limits: Limits) -> None:
    if size > limits.file_bytes:
        raise RefusedError(f"{size:,} bytes, more than {limits.file_bytes:,}")
