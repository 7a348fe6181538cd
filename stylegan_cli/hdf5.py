"""HDF5 files from anywhere, opened so that they reach no other file and claim nothing absurd.

HDF5 can keep an array in another file (external storage, external links, virtual data sets): a
planted file could then read, or overwrite, whatever its user can. Such files are refused before
anything in them is read. Every module that opens an HDF5 file it did not just create does so here.
"""

import json
import mmap
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from math import prod
from pathlib import Path
from typing import Any, Literal

import h5py

from stylegan_cli.errors import DataError, OutputError
from stylegan_cli.files import reach_disk, refuse_devices, system_reason, writing, written_whole
from stylegan_cli.runtime import versions_of

MAX_OBJECTS = 10_000
MAX_DEPTH = 32
MAX_CHUNK_BYTES = 2**30
"""One chunk is unpacked whole, however little of it is wanted."""

MAX_RATIO = 1_100
"""Deflate packs no better than 1,032 to 1, so an array that claims more was never written."""

_KINDS = {
    "b": "booleans",
    "u": "unsigned integers",
    "i": "integers",
    "f": "floating-point numbers",
    "O": "texts",
    "S": "bytes",
}
_SEARCHED_BYTES = 2**27
_OBJECTS_A_HEAP = 2**16
DAMAGE = (OSError, KeyError, RuntimeError, ValueError, TypeError, OverflowError, MemoryError)


def open_hdf5(path: Path, mode: Literal["r", "r+"] = "r") -> h5py.File:
    """Open an HDF5 file that keeps everything it holds in itself.

    Raises:
        DataError: It is not a readable HDF5 file, or refers to other files.
        OutputError: Another process is writing to it.
    """
    try:
        file = h5py.File(refuse_devices(path), mode)
    except BlockingIOError:
        raise OutputError(f"{path}: another process is writing to it; wait for it") from None
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: not a readable HDF5 file ({system_reason(error)}); copy or download it again"
        ) from None
    try:
        with damage_in(path):
            _check_heaps(file)
            _check_objects(file, path)
    except BaseException:
        file.close()
        raise
    return file


@contextmanager
def written_hdf5(path: Path) -> Iterator[h5py.File]:
    """Yield a new HDF5 file, which appears under its name when the block succeeds."""
    with (
        written_whole(path) as temporary,
        writing(path, ValueError, RuntimeError),
        h5py.File(temporary, "w", locking=False) as file,
    ):
        yield file


def root_attribute(path: Path, name: str) -> Any:
    """Return an attribute of the root; None where there is none, or no readable HDF5 file."""
    try:
        with h5py.File(refuse_devices(path), "r") as file:
            _check_heaps(file)
            return file.attrs.get(name)
    except DAMAGE:
        return None


@contextmanager
def damage_in(path: Path) -> Iterator[None]:
    """Turn what h5py raises for a damaged file into a `DataError` that names it."""
    try:
        yield
    except DAMAGE as error:
        reason = (system_reason(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path}: damaged ({reason}); make or download it again") from None


def stored_array(group: h5py.Group, name: str, *, kinds: str, ranks: Collection[int]) -> Any:
    """Return the data set of this name once its form and its size in the file are checked.

    Args:
        kinds: NumPy's letters for the allowed types, such as "u" or "iuf"; O is text.

    Raises:
        DataError: It is missing, has another form, or claims more than the file stores.
    """
    path = group.file.filename
    item = group.get(name)
    if not isinstance(item, h5py.Dataset):
        found = f"{name} is a group" if item is not None else f"found {sorted(group)[:10]}"
        raise DataError(f"{path}: no dataset {name}; {found}")
    if item.shape is None or item.dtype.kind not in kinds or len(item.shape) not in ranks:
        types = " or ".join(_KINDS[kind] for kind in kinds)
        axes = " or ".join(map(str, ranks))
        raise DataError(
            f"{path}: {name} is {describe_form(item)}; needed are {types} in {axes} axes"
        )
    return sure_to_be_stored(item)


def sure_to_be_stored(item: h5py.Dataset) -> h5py.Dataset:
    """Return an array after comparing what it claims with what the file stores."""
    path = item.file.filename
    claimed = prod(item.shape) * item.dtype.itemsize
    chunk = prod(item.chunks or ()) * item.dtype.itemsize
    if item.chunks and chunk > MAX_CHUNK_BYTES:
        raise DataError(
            f"{path}: {item.name} is stored in chunks of {chunk:,} bytes, {MAX_CHUNK_BYTES:,} "
            "at most are read; store it with one chunk an image"
        )
    stored = item.id.get_storage_size()
    packed = item.id.get_create_plist().get_nfilters() > 0
    if claimed > stored * (MAX_RATIO if packed else 1):
        raise DataError(
            f"{path}: {item.name} claims {describe_form(item)}, {claimed:,} bytes, but only "
            f"{stored:,} are stored; make or download it again"
        )
    return item


def note_origin(item: h5py.HLObject) -> None:
    """Write versions of the programs and the time into attributes of a new file or group."""
    item.attrs["versions"] = json.dumps(versions_of("stylegan_cli", "torch", "numpy", "h5py"))
    item.attrs["created_utc"] = datetime.now(UTC).isoformat(timespec="seconds")


def reserved() -> Any:
    """Return the layout of an array whose space is allocated as it is created.

    Later writes then change nothing in the file's own structure: a killed process leaves it
    readable, and a full disk fails at once.
    """
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    return layout


SECONDS_TO_LOSE = 1.0


class Claims:
    """The flags `done`, set only when their cells are on the disk.

    So a loss of power leaves no flag without its cell; a killed process repeats the last second.
    """

    def __init__(self, file: h5py.File) -> None:
        self._file = file
        self._waiting: list[tuple[str, Any]] = []
        self._settled = time.monotonic()

    def add(self, flags: str, place: Any) -> None:
        """Note that the cells at a place of a data set of flags are written."""
        self._waiting.append((flags, place))
        if time.monotonic() > self._settled + SECONDS_TO_LOSE:
            self.settle()

    def settle(self) -> None:
        """Set the flags of all cells so far."""
        if not self._waiting:
            return
        self._file.flush()
        reach_disk(Path(self._file.filename))
        for flags, place in self._waiting:
            self._file[flags][place] = True
        self._file.flush()
        self._waiting.clear()
        self._settled = time.monotonic()


def describe_form(item: h5py.Dataset) -> str:
    """Describe type and shape, as in `uint8 [12, 64, 64, 3]`."""
    return f"{item.dtype} {'without values' if item.shape is None else list(item.shape)}"


def text_attribute(item: h5py.HLObject, key: str) -> str:
    """Return a text attribute."""
    value = item.attrs[key]
    if not isinstance(value, str):
        path = item.file.filename
        raise DataError(f"{path}: {key} is no text; make or download it again")
    return value


def json_attribute(item: h5py.HLObject, key: str, otherwise: Any) -> Any:
    """Return the JSON in a text attribute; `otherwise` where none can be read."""
    try:
        return json.loads(item.attrs[key])
    except (*DAMAGE, RecursionError):
        return otherwise


def _check_heaps(file: h5py.File) -> None:
    """Raise ValueError for a heap of texts that HDF5 2.0 would read for ever.

    It steps over an object of a heap by its size, and stays where free space has none. Looks for
    heaps near the beginning and the end of the file, where descriptions are.
    """
    _, bytes_of_size = file.id.get_create_plist().get_sizes()
    with (
        Path(file.filename).open("rb") as raw,
        mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        middle = max(_SEARCHED_BYTES, len(data) - _SEARCHED_BYTES)
        for start, stop in ((0, _SEARCHED_BYTES), (middle, len(data))):
            place = data.find(b"GCOL\x01\0\0\0", start, stop)
            while place >= 0:
                if not _ends(data, place, bytes_of_size):
                    raise ValueError(f"the heap at byte {place} has objects without a size")
                place = data.find(b"GCOL\x01\0\0\0", place + 8, stop)


def _ends(heap: mmap.mmap, place: int, bytes_of_size: int) -> bool:
    """Return whether stepping from object to object comes to the end of a heap."""

    def size_at(position: int) -> int:
        return int.from_bytes(heap[position : position + bytes_of_size], "little")

    end = min(place + size_at(place + 8), len(heap))
    place += 16
    for _ in range(_OBJECTS_A_HEAP):
        if place + 16 > end:
            return True
        size = size_at(place + 8)
        # number 0 is free space, whose size includes its description
        is_free = heap[place : place + 2] == b"\0\0"
        place += size if is_free else 16 + -(-size // 8) * 8
        if is_free and not size:
            return False
    return False


def _check_objects(file: h5py.File, path: Path) -> None:
    """Look at every link and object, following none that leaves the file."""
    waiting: list[tuple[h5py.Group, int]] = [(file, 0)]
    seen: set[int] = set()
    while waiting:
        group, depth = waiting.pop()
        for name in group:
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                raise DataError(f"{path}: refused, {name} is a link to another file")
            if not isinstance(link, h5py.HardLink):
                continue
            item = group[name]
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                continue
            seen.add(address)
            if len(seen) > MAX_OBJECTS or depth > MAX_DEPTH:
                raise DataError(
                    f"{path}: refused, holds more than {MAX_OBJECTS:,} objects or "
                    f"{MAX_DEPTH} levels of groups"
                )
            if isinstance(item, h5py.Group):
                waiting.append((item, depth + 1))
            elif isinstance(item, h5py.Dataset):
                layout = item.id.get_create_plist()
                if layout.get_external_count() or layout.get_layout() == h5py.h5d.VIRTUAL:
                    raise DataError(
                        f"{path}: refused, {item.name} keeps its values in another file"
                    )
