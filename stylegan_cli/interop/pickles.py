"""Pickles read by an interpreter of our own that builds plain data and nothing else.

A pickle is a program. Of its instructions only those that build numbers, strings and containers
are followed; a name in it stands for what the caller's table says, by exact match, and for
nothing else. Extension codes and out-of-band buffers are refused, and so are persistent ids where
the caller does not say what they stand for.
"""

import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedIOBase, BytesIO

from stylegan_cli.errors import ForeignFileError
from stylegan_cli.interop.limits import Limits, RefusedError, check_nesting, shown
from stylegan_cli.interop.machine import Machine, Table


def read_pickle(
    data: bytes | BufferedIOBase, table: Table, *, source: str, limits: Limits | None = None
) -> object:
    """The plain data a pickle describes.

    Args:
        data: The pickle, or a file at its beginning; what comes after it is not read.
        source: File name for messages.

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
    """The plain data of the pickle at the file's position, which moves behind it.

    Args:
        persistent: What a persistent id stands for; without it there must be none.

    Raises:
        RefusedError: As `read_pickle`; and ValueError, LookupError and their like for damages.
    """
    root = Machine(table, limits, persistent).run(file)
    check_nesting(root, limits)
    return root


@contextmanager
def refusals_in_words(source: str) -> Iterator[None]:
    """Turn what may go wrong in a block that looks at a pickle into ForeignFileError."""
    try:
        yield
    except RefusedError as refusal:
        raise ForeignFileError(
            f"{source}: refused, nothing in it was run: {refusal}; get the file from its authors"
        ) from None
    except _DAMAGES as error:
        raise ForeignFileError(
            f"{source}: a damaged or cut pickle, or none ({shown(str(error))}); "
            "copy or download it again"
        ) from None


_DAMAGES = (
    *(ValueError, TypeError, LookupError, OverflowError, EOFError, struct.error),
    # a text may claim any length
    *(zipfile.BadZipFile, zlib.error, MemoryError),
)
