"""Files that appear only when complete, and messages about missing or unwritable ones."""

import errno
import os
import platform
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path

from stylegan_cli.errors import OutputError

_HDF5_REASON = re.compile(r"error message = '([^']+)'")


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a new file beside `path` to write to, and rename it when the block succeeds.

    The file then survives a kill or a power failure. Its folder is created if missing.

    Raises:
        OutputError: The file cannot be written, another process is writing it, or the disk is full.
    """
    temporary = path.with_name(f".{path.name}.partial")
    with writing(path):
        if not path.parent.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
        held = _create(temporary, path)
    try:
        with writing(path):
            yield temporary
            put_in_place(temporary, path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if held is not None:
            os.close(held)


def _create(temporary: Path, path: Path) -> int | None:
    """Create an empty file and hold it; None on Windows, where open files cannot be renamed.

    A file that a killed process left there is removed, one that another process holds is not.
    """
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
    if os.name == "nt":
        temporary.unlink(missing_ok=True)
        os.close(os.open(temporary, flags, 0o666))
        return None
    with ExitStack() as open_files, suppress(FileExistsError):
        is_free = True
        if temporary.is_symlink():  # must not be followed
            temporary.unlink()
        elif temporary.is_file():
            left = os.open(temporary, os.O_RDONLY | os.O_NOFOLLOW)
            open_files.callback(os.close, left)
            if is_free := locked(left) and _is_at(left, temporary):
                temporary.unlink()
        if is_free:
            held = os.open(temporary, flags, 0o666)
            if locked(held) and _is_at(held, temporary):
                return held
            os.close(held)
    raise OutputError(
        f"{path}: another process is writing it; wait for it, stop it, or choose another place"
    )


def put_in_place(temporary: Path, path: Path) -> None:
    """Rename a whole file to its final name once it is on the disk."""
    reach_disk(temporary)
    temporary.replace(path)
    reach_disk(path.parent)


def reach_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    if path.is_dir() and os.name == "nt":  # Windows cannot open folders
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def append_line(path: Path, line: str) -> None:
    """Append a line to a file, created if missing, and wait until it is on the disk.

    Args:
        line: Text without a line break.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - 1))
            # a partial line left by a killed process must not merge with this one
            start = b"" if file.read(1) in (b"", b"\n") else b"\n"
            file.write(start + line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        if not size:
            reach_disk(path.parent)


def refuse_devices(path: Path) -> Path:
    """Return a path; raise OSError for a pipe, socket or device, as reading it may never end."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OSError(errno.EINVAL, "a pipe or device, not a file", str(path))
    return path


def refuse_same(path: Path, source: Path | str) -> None:
    """Raise an OutputError where a file would replace the one that it is made from."""
    with suppress(OSError, ValueError):
        if path.samefile(source):
            raise OutputError(f"{path}: the result would replace its source; name another file")


@contextmanager
def writing(path: Path, *failures: type[Exception]) -> Iterator[None]:
    """Turn the system's errors on writing `path` into OutputError.

    Args:
        failures: Exceptions besides OSError; HDF5 also raises ValueError and RuntimeError.
    """
    caught: tuple[type[Exception], ...] = (OSError, *failures)
    try:
        yield
    except caught as error:
        reason = f"{path}: cannot be written ({system_reason(error)}); fix that or"
        if isinstance(error, NotADirectoryError | FileExistsError):
            files = (place for place in (path, *path.parents) if place.is_file())
            reason = f"{next(files, path)}: a file, where a folder is needed;"
        raise OutputError(f"{reason} {_way_out(path)}") from error


def _way_out(path: Path) -> str:
    """Advise how to write elsewhere."""
    try:
        is_cached = path.is_relative_to(cache_folder())
    except OutputError:
        is_cached = False
    return "set SGTOOL_CACHE to another folder" if is_cached else "choose another place"


def cache_folder() -> Path:
    """Return the folder of things made once: $SGTOOL_CACHE, or sgtool in the user's cache.

    Raises:
        OutputError: Nobody knows where that is.
    """
    if chosen := os.environ.get("SGTOOL_CACHE"):
        return Path(chosen)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sgtool"
    except RuntimeError:
        raise OutputError("you have no home folder here; set SGTOOL_CACHE to a folder") from None


def system_reason(error: Exception) -> str:
    """Return the system's message, without HDF5's source positions."""
    found = _HDF5_REASON.search(str(error))
    if found:
        return found[1]
    # torch fails once more when it closes what it could not write
    for each in (error, error.__context__):
        if isinstance(each, OSError) and each.strerror:
            return each.strerror
    return str(error)


def similar(path: Path) -> str:
    """Suggest a path that is spelled much like one where there is no file."""
    if path.is_symlink() and not path.exists():
        return f"; it is a link to {path.readlink()}, which is not there"
    if path.exists():
        return "; it is a folder" if path.is_dir() else "; it is a device"
    folder = path.with_suffix("")
    beside = folder.iterdir() if folder.is_dir() else ()
    inside = [each for each in beside if each.suffix == path.suffix]
    if len(inside) == 1:  # a study's file has the name of the study, not of its folder
        return f"; did you mean {inside[0]}?"
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


@contextmanager
def one_writer(folder: Path, work: str) -> Iterator[None]:
    """Hold a folder, so that one process at a time writes into it.

    The kernel releases the lock when the process ends. Where there are no such locks, on Windows
    and some network disks, nothing is held.

    Args:
        work: The work that holds it, such as "training here", for the message to others.

    Raises:
        OutputError: Another process holds it; names the process.
    """
    path = folder / LOCK
    with writing(folder):
        held = _claim(path, work)
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()
        os.close(held)


LOCK = ".lock"


def _claim(path: Path, work: str) -> int:
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    while True:
        descriptor = os.open(path, flags, 0o666)
        if not locked(descriptor):
            text = os.pread(descriptor, 200, 0).decode("utf-8", "replace")
            holder = "".join(filter(str.isprintable, text)) or "another process"
            os.close(descriptor)
            raise OutputError(
                f"{path.parent}: {holder} is {work}; wait for it, stop it, or choose another folder"
            )
        if _is_at(descriptor, path):
            with suppress(OSError):  # on a full disk, the holder has no name
                os.ftruncate(descriptor, 0)
                os.write(descriptor, f"process {os.getpid()} on {platform.node()}".encode())
            return descriptor
        # the previous holder removed it in between
        os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat(follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        return False


def locked(descriptor: int) -> bool:
    """Lock an open file; False if another process holds it, True where there are no locks."""
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        return True
    return True
