"""An interpreter of pickles that builds plain data and nothing else.

A pickle is a program. Of its instructions only those that build numbers, strings and containers
are followed; a name in it stands for what the caller's table says, by exact match, and for
nothing else. Extension codes and out-of-band buffers are refused, and so are persistent ids where
the caller does not say what they stand for.
"""

import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedIOBase, BytesIO
from pathlib import Path
from typing import cast

from stylegan_cli.errors import ForeignFileError
from stylegan_cli.interop.pickles import (
    Limits,
    RefusedError,
    UnsupportedError,
    check_nesting,
    shown,
)
from stylegan_cli.interop.pickles.machine import PickleMachine, Table


def read_pickle(
    data: bytes | BufferedIOBase, table: Table, *, source: str, limits: Limits | None = None
) -> object:
    """Read a pickle as plain data.

    Args:
        data: The pickle, or a file at its beginning; nothing after it is read.

    Raises:
        ForeignFileError: A name outside the table, an instruction that plain data does not need,
            more than the limits allow, or a damaged file.
    """
    bounds = limits or Limits()
    with refusals_in_words(source):
        if isinstance(data, bytes) and len(data) > bounds.file_bytes:
            raise RefusedError(f"{len(data):,} bytes, more than {bounds.file_bytes:,}")
        file = BytesIO(data) if isinstance(data, bytes) else data
        return run_pickle(file, table, bounds)


def run_pickle(
    file: BufferedIOBase,
    table: Table,
    limits: Limits,
    persistent: Callable[[object], object] | None = None,
) -> object:
    """Read the pickle at the file's position, and leave the file behind it.

    Args:
        persistent: Resolves persistent ids; without it there must be none.

    Raises:
        RefusedError: As `read_pickle`; and ValueError, LookupError and similar errors for damage.
    """
    root = PickleMachine(table, limits, persistent).run(file)
    check_nesting(root, limits)
    return root


@contextmanager
def refusals_in_words(source: str, *, but: type[RefusedError] | tuple[()] = ()) -> Iterator[None]:
    """Turn errors in a block that reads a pickle into ForeignFileError."""
    try:
        yield
    except but:
        raise
    except RefusedError as refusal:
        raise ForeignFileError(
            f"{source}: refused, nothing in it was run: {refusal}; get the file from its authors"
        ) from None
    except UnsupportedError as error:
        raise ForeignFileError(f"{source}: {error}") from None
    except _DAMAGES as error:
        raise ForeignFileError(
            f"{source}: not a pickle, or a damaged or truncated one ({shown(str(error))}); "
            "copy or download it again"
        ) from None


_DAMAGES = (
    *(ValueError, TypeError, LookupError, OverflowError, EOFError, struct.error),
    # a text may claim any length
    *(zipfile.BadZipFile, zlib.error, MemoryError),
)


PICKLE_SUFFIXES = (".pkl", ".pickle")
ZIP_DAMAGES = (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, lzma.LZMAError)
"""Errors of zipfile, besides ValueError, for damaged, encrypted or unsupported zips."""
_SMALL, _MOST_RATIO = 2**26, 20


@contextmanager
def opened_pickle(path: Path, limits: Limits) -> Iterator[BufferedIOBase]:
    """Open the pickle in a file: the file itself, or the only pickle in a zip."""
    try:
        with refusals_in_words(str(path)), path.open("rb") as file:
            if not zipfile.is_zipfile(file):
                _check_size(path.stat().st_size, limits)
                file.seek(0)
                yield file
                return
            with zipfile.ZipFile(file) as archive:
                members = _pickles(archive)
                if len(members) != 1:
                    raise UnsupportedError(
                        f"a zip with {len(members)} pickles in it; unpack it and choose one"
                    )
                member = members[0]
                _check_size(member.file_size, limits)
                if member.file_size > max(_SMALL, _MOST_RATIO * member.compress_size):
                    raise RefusedError(
                        f"{member.file_size:,} bytes compressed more than weights can be"
                    )
                with archive.open(member) as inner:
                    yield cast(BufferedIOBase, inner)
    except ZIP_DAMAGES as error:
        words = getattr(error, "strerror", None) or shown(str(error))
        raise ForeignFileError(f"{path}: cannot be read ({words})") from None


def holds_pickle(path: Path) -> bool:
    """Return whether a file is a zip with a pickle in it; zips of torch do not count."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = _pickles(archive)
    except (*ZIP_DAMAGES, ValueError):
        return False
    return bool(members) and not any(m.filename.endswith("/data.pkl") for m in members)


def _pickles(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    return [m for m in archive.infolist() if m.filename.lower().endswith(PICKLE_SUFFIXES)]


def _check_size(size: int, limits: Limits) -> None:
    if size > limits.file_bytes:
        raise RefusedError(f"{size:,} bytes, more than {limits.file_bytes:,}")
