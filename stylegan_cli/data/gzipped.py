"""A gzip file read from anywhere: unpacked once, then from the nearest of some checkpoints."""

import io
import threading
import zlib
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from stylegan_cli.data import MAX_RATIO, MAX_TINY_BYTES
from stylegan_cli.data.formats import UnusableImageError
from stylegan_cli.data.packed import File
from stylegan_cli.errors import DataError

MAGIC = b"\x1f\x8b"
SPACING = 2**22
CHECKPOINTS = 2048  # of all files together, about 45 KiB each
_PACKED_BLOCK, _BLOCK = 2**14, 2**18
_GZIP = 31  # zlib's word for a gzip file with its checksum


@dataclass(frozen=True, kw_only=True)
class _Checkpoint:
    """A place in the unpacked content, the place in the file, and zlib's state there."""

    place: int
    packed: int
    state: Any

    def after(self, file: Any, at_most: int) -> tuple[bytes, "_Checkpoint"]:
        """Return the next bytes, none at the end, and the place behind them."""
        if self.state.eof:
            return b"", self
        content, state, packed = b"", self.state.copy(), self.packed
        while not content and not state.eof:
            file.seek(packed)
            block = file.read(_PACKED_BLOCK)
            content = state.decompress(block, at_most)
            packed += len(block) - len(state.unused_data if state.eof else state.unconsumed_tail)
            if state.eof:  # gzip files may follow one another, and zeros may follow them
                file.seek(packed)
                if file.read(_PACKED_BLOCK).strip(b"\0"):
                    state = zlib.decompressobj(_GZIP)
            elif not block and not content:
                raise EOFError("it ends too early")
        place = self.place + len(content)
        return content, _Checkpoint(place=place, packed=packed, state=state)


class GzippedFile:
    """The content of a gzip file, as a `File`.

    Args:
        spacing: Packed bytes from one checkpoint to the next.
    """

    def __init__(self, file: File, *, spacing: int = SPACING) -> None:
        self.name, self.stem = file.name, file.stem.removesuffix(".tar")
        self._file = file
        self._lock = threading.Lock()
        # a tar's headers are read ahead of what they describe
        self._recent: deque[_Checkpoint] = deque(maxlen=16)
        self._checkpoints = [_Checkpoint(place=0, packed=0, state=zlib.decompressobj(_GZIP))]
        try:
            self.size = self._survey(spacing)
        except (zlib.error, EOFError) as error:
            raise DataError(f"{self.name}: damaged or cut off ({error}); fetch it again") from None
        except OSError as error:
            raise DataError(f"{self.name}: cannot be read ({error})") from None

    def open(self) -> "_Unpacked":
        return _Unpacked(self)

    def read(self, start: int, length: int) -> bytes:
        with self._lock:
            recent = list(self._recent)
        number = bisect_right(self._checkpoints, start, key=lambda point: point.place)
        known = [self._checkpoints[number - 1], *(each for each in recent if each.place <= start)]
        point = max(known, key=lambda each: each.place)
        found = []
        try:
            with self._file.open() as file:
                while (left := start + length - point.place) > 0:
                    before = start - point.place
                    content, point = point.after(file, min(_BLOCK, before if before > 0 else left))
                    if not content:
                        break
                    if before <= 0:
                        found.append(content)
        except (zlib.error, EOFError) as error:
            raise UnusableImageError(f"damaged since it was opened: {error}") from None
        with self._lock:
            self._recent.append(point)
        return b"".join(found)

    def _survey(self, spacing: int) -> int:
        with self._file.open() as file:
            greatest = max(MAX_TINY_BYTES, MAX_RATIO * file.seek(0, io.SEEK_END))
            point = self._checkpoints[0]
            while True:
                content, point = point.after(file, _BLOCK)
                if not content:
                    return point.place
                if point.place > greatest:
                    raise DataError(
                        f"{self.name}: would unpack to more than {greatest >> 20} MiB, "
                        f"{MAX_RATIO} times its size; no images do"
                    )
                if point.packed - self._checkpoints[-1].packed >= spacing:
                    self._checkpoints.append(point)


class _Unpacked(io.RawIOBase):
    """A reader of the content."""

    def __init__(self, file: GzippedFile) -> None:
        super().__init__()
        self._file = file
        self._place = 0

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        self._place = place + (0, self._place, self._file.size)[whence]
        return self._place

    def tell(self) -> int:
        return self._place

    def read(self, size: int = -1) -> bytes:
        length = self._file.size - self._place if size < 0 else size
        content = self._file.read(self._place, length)
        self._place += len(content)
        return content


def unpacked(files: Sequence[File]) -> Iterator[File]:
    """Return the files, those that are gzip by their first bytes as what they hold."""
    sizes = []
    for file in files:
        with file.open() as opened:
            sizes.append(opened.seek(0, io.SEEK_END) if file.read(0, 2) == MAGIC else 0)
    spacing = max(SPACING, sum(sizes) // CHECKPOINTS)
    for file, size in zip(files, sizes, strict=True):
        yield GzippedFile(file, spacing=spacing) if size else file
