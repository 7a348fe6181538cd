"""Foreign files of networks, each given to the reader of its format."""

from collections.abc import Callable
from pathlib import Path

from stylegan_cli.errors import ForeignFileError
from stylegan_cli.interop.containers import PICKLE_SUFFIXES, holds_pickle
from stylegan_cli.interop.foreign import Foreign
from stylegan_cli.interop.originals import read_originals

_READERS: dict[str, Callable[[Path], Foreign]] = dict.fromkeys(PICKLE_SUFFIXES, read_originals)
"""Which reader takes the files of a suffix."""


def is_foreign(path: Path) -> bool:
    """Whether a file is one that `read_foreign` would try, by its suffix or as a zip of it."""
    return path.suffix.lower() in _READERS or holds_pickle(path)


def read_foreign(path: Path) -> Foreign:
    """The networks in another program's file; nothing in it is run.

    Raises:
        ForeignFileError: No such file, of no format that is known, refused, or damaged.
    """
    if not path.is_file():
        raise ForeignFileError(f"{path}: there is no such file")
    if not is_foreign(path):
        raise ForeignFileError(
            f"{path}: of no format of another program that sgtool reads; "
            f"those are {', '.join(_READERS)}, also in a zip"
        )
    return _READERS.get(path.suffix.lower(), read_originals)(path)
