"""Files that appear under their name only when they are whole, why one cannot, or is not there."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path

from stylegan_cli.errors import OutputError

_HDF5_REASON = re.compile(r"error message = '([^']+)'")


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` to write to, renamed to it when the block ends well.

    Raises:
        OutputError: The place cannot be written, or is full.
    """
    temporary = path.with_name(f".{path.name}.partial")
    try:
        with writing(path):
            yield temporary
            temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def reach_disk(path: Path) -> None:
    """Wait until a file is on the disk, so that a loss of power cannot leave an empty name."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


@contextmanager
def writing(path: Path, *failures: type[Exception]) -> Iterator[None]:
    """Turn what the system says against writing `path` into words.

    Args:
        failures: What else than OSError says so; HDF5 also takes ValueError and RuntimeError.

    Raises:
        OutputError: The place cannot be written, or is full.
    """
    caught: tuple[type[Exception], ...] = (OSError, *failures)
    try:
        yield
    except caught as error:
        raise OutputError(
            f"{path}: cannot be written ({system_reason(error)}); mend that or choose another place"
        ) from error


def system_reason(error: Exception) -> str:
    """What the system said, without HDF5's account of where it was."""
    found = _HDF5_REASON.search(str(error))
    if found:
        return found[1]
    return (isinstance(error, OSError) and error.strerror) or str(error)


def similar(path: Path) -> str:
    """Words that lead from a path where nothing is to one spelt much like it, if there is one."""
    there = path.parent
    while not there.is_dir():
        if there == there.parent:
            return ""
        there = there.parent
    wrong, *rest = path.relative_to(there).parts
    names = [entry.name for entry in there.iterdir()]
    whole_name = next((name for name in names if name.startswith(f"{wrong} ")), None)
    if whole_name:
        return f"; a name with blanks needs quotes: '{there / whole_name}'"
    found = get_close_matches(wrong, names, n=1)
    if not found:
        return ""
    whole = (there / found[0]).joinpath(*rest)
    return f"; did you mean {whole if whole.exists() else there / found[0]}?"
