"""Encoded images packed in large files: an index in memory, content read by its place."""

import hashlib
import io
import zlib
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from os.path import commonprefix
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from stylegan_cli.data import MAX_FILE_BYTES, Entry, Groups, Source, Tally
from stylegan_cli.data.decoding import Upright, decoded
from stylegan_cli.data.formats import UnusableImageError
from stylegan_cli.data.labels import label_table, normal_name
from stylegan_cli.errors import DataError

OTHER_SPLITS = "other splits than train"
EXTRA = "pip install '.[data]'"
BLOCK = 2**22
"""Bytes that are fetched at once from an address."""


class PackedSource(Source):
    """Images of a few large files, in the order in which they lie there.

    They are added one by one; `finish` ends that.

    Args:
        name: The files, for messages.
        classes: Names of the classes by number, as far as they are known.
        sampled: Whether content is near enough to be read for a fingerprint.

    Attributes:
        passed: What the files hold besides.
    """

    def __init__(self, name: str, classes: Sequence[Any] = (), *, sampled: bool = True) -> None:
        self.name = name
        self.passed = Groups()
        self._known, self._sampled = classes, sampled
        self._names: list[str] = []
        self._marks = array("Q")
        self._labels: dict[int, Any] = {}
        self._attributes: dict[int, Mapping[str, str]] = {}
        self._too_large: set[int] = set()

    def add(
        self,
        name: str,
        *,
        size: int,
        mark: int = 0,
        label: Any = None,
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        """Append an image, with a label as `label_table` takes it."""
        place = len(self._names)
        if size > MAX_FILE_BYTES:
            self._too_large.add(place)
        if label is not None:
            self._labels[place] = label
        if attributes:
            self._attributes[place] = attributes
        self._names.append(name)
        self._marks.append(zlib.crc32(repr((size, mark)).encode()))

    def finish(self, stored: Callable[[int], bytes]) -> "PackedSource":
        """Return the source, whose encoded images this function reads by their places."""
        # a name may come twice
        keys = {place: f"{normal_name(self._names[place])} ({place})" for place in self._labels}
        rows = ((keys[place], label) for place, label in self._labels.items())
        table = label_table(rows, self.name, self._known)
        self.classes, self.label_names = table.classes, table.label_names
        self._labels = {place: table.labels.get(key) for place, key in keys.items()}
        self._stored = stored
        return self

    def tally(self) -> Tally:
        return Tally(images=len(self._names), passed=self.passed.finish())

    def entries(self) -> Iterator[Entry]:
        too_large = f"larger than {MAX_FILE_BYTES >> 20} MiB"
        for place, name in enumerate(self._names):
            yield Entry(
                name=name,
                position=place,
                mark=self._marks[place],
                label=self._labels.get(place),
                attributes=self._attributes.get(place, {}),
                problem=too_large if place in self._too_large else None,
            )

    def open(self, entry: Entry) -> AbstractContextManager[Upright]:
        return decoded(io.BytesIO(self.content(entry)), entry.name)

    def content(self, entry: Entry) -> bytes:
        """Return the encoded image."""
        if entry.problem:
            raise UnusableImageError(entry.problem)
        return self._stored(entry.position)

    def digest(self, entry: Entry) -> str:
        return hashlib.sha256(b"" if entry.problem else self.content(entry)).hexdigest()

    def checksum(self, entry: Entry) -> int | None:
        if not self._sampled:
            return None
        with suppress(UnusableImageError):
            return zlib.crc32(self.content(entry))
        return 0


@runtime_checkable
class File(Protocol):
    """A file of images on disk or at an address."""

    @property
    def name(self) -> str: ...
    @property
    def stem(self) -> str: ...
    def open(self) -> Any:
        """Open it for reading and seeking."""

    def read(self, start: int, length: int) -> bytes:
        """Return some of its bytes; safe in several threads."""


def of_training(files: Sequence[Path]) -> Sequence[Path]:
    """Return the files whose names are of a training split, or else of no other; or else all."""
    train = [file for file in files if file.name.startswith("train")]
    return train or [f for f in files if not f.name.startswith(("validation-", "test-"))] or files


class LocalFile:
    """A file on disk."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise DataError(f"{path}: there is no such file")
        self.name = str(path)
        self.stem = path.stem
        self._path = path

    def open(self) -> Any:
        return self._path.open("rb")

    def read(self, start: int, length: int) -> bytes:
        with self._path.open("rb") as file:
            file.seek(start)
            return file.read(length)


class RemoteFile:
    """A file at an address that fsspec knows, read piece by piece and never kept."""

    def __init__(self, address: str) -> None:
        try:
            from fsspec.core import url_to_fs

            self._files, self._path = url_to_fs(address)
        except ImportError as error:
            raise DataError(f"{address}: {error}; {EXTRA} reads http(s) addresses") from None
        except Exception as error:
            raise DataError(f"{address}: cannot be reached ({_words(error)})") from None
        self.name = address
        self.stem = Path(self._path).stem

    def open(self) -> Any:
        try:
            file = self._files.open(self._path, "rb", block_size=BLOCK, cache_type="readahead")
        except Exception as error:  # each protocol has its own
            raise DataError(f"{self.name}: cannot be opened ({_words(error)})") from None
        if not file.seekable():
            raise DataError(f"{self.name}: its server sends only whole files; fetch it first")
        return file

    def read(self, start: int, length: int) -> bytes:
        try:
            content: bytes = self._files.cat_file(self._path, start=start, end=start + length)
        except Exception as error:
            raise UnusableImageError(f"cannot be fetched: {_words(error)}") from None
        if len(content) > length:
            raise UnusableImageError("its server sends only whole files; fetch it first")
        return content


def prefixes(files: Sequence[File]) -> list[str]:
    """Return what stands before the names of the images of each file, to tell them apart."""
    stems = [f"{file.stem}/" for file in files]
    if len(files) == 1:
        return [""]
    if len(set(stems)) == len(stems):
        return stems
    common = commonprefix([file.name for file in files]).rpartition("/")  # noqa: RUF071 - of addresses too
    return [f"{file.name[len(common[0] + common[1]) :]}/" for file in files]


def read_part(file: File, start: int, length: int) -> bytes:
    """Return some bytes of a file."""
    try:
        content = file.read(start, length)
    except OSError as error:
        raise UnusableImageError(f"cannot be read: {error.strerror or error}") from None
    if len(content) != length:
        raise UnusableImageError(f"damaged: {len(content)} of {length} bytes are there")
    return content


def _words(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
