"""Images in TFRecords, the form in which early releases of these networks kept them.

A folder holds `NAME-r02.tfrecords` to `NAME-r10.tfrecords`, the same images at every size, and
perhaps `NAME-rxx.labels`, a NumPy array. A record is its length, a checksum of that, the payload
and a checksum of that; the payload is a `tf.train.Example` with `shape` [C, H, W] and `data`.
"""

import io
import re
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import accumulate, chain
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
from PIL import Image

from stylegan_cli.data import Entry, Groups, Source, Tally, is_hidden
from stylegan_cli.data.decoding import Upright, check_pixels, decoded
from stylegan_cli.data.formats import UnusableImageError, starts_like_image
from stylegan_cli.data.labels import checked_labels, class_names, labels_by_entry
from stylegan_cli.data.packed import OTHER_SPLITS, of_training
from stylegan_cli.errors import DataError
from stylegan_cli.texts import read_bounded

SUFFIXES = (".tfrecords", ".tfrecord")
MAX_RECORD_BYTES, MAX_LABEL_BYTES = 2**28, 2**32
_LENGTH_BYTES, _CRC_BYTES = 8, 4
_MASK = 0xA282EAD8
_SIZE = re.compile(r"-r(\d+|xx)$")
"""End of a file's name: the logarithm of the size, or `xx` for labels of all sizes."""

Values = dict[str, tuple[list[bytes], list[int]]]
"""Bytes and whole numbers of an example, by key."""


class TfrecordsSource(Source):
    """Images of the largest size in a file or folder of TFRecords, in the order of the records.

    Files of encoded images, whose records do not tell a size, are shards of one set.
    """

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        found = files_in(path) if path.is_dir() else [path]
        training = of_training(found)
        records = [_Records(file) for file in training]
        counts = [_pixel_count(each) for each in records]
        largest = records[counts.index(max(counts))]
        self._records = [largest] if max(counts) else records
        self._ends = list(accumulate(map(len, self._records)))
        self._passed = Groups()
        taken = {each.path for each in self._records}
        for file in found:
            if file not in taken:
                reason = f"not of the set {largest.path.name}"
                self._passed.add(reason if file in training else OTHER_SPLITS, str(file))
        beside = _labels_beside(largest.path) if len(self._records) == 1 else []
        self._labels = _read_labels(beside[0], len(largest)) if beside else None
        self.count, self.classes = self._ends[-1], class_names(self._labels)

    def tally(self) -> Tally:
        return Tally(images=self.count, passed=self._passed.finish())

    def entries(self) -> Iterator[Entry]:
        marks = chain.from_iterable(records.checksums for records in self._records)
        labels = labels_by_entry(self._labels, self.classes)
        for place, (mark, label) in enumerate(zip(marks, labels, strict=False)):
            yield Entry(name=f"{place:08d}", position=place, mark=mark, label=label)

    @contextmanager
    def open(self, entry: Entry) -> Iterator[Upright]:
        example = _example(self._read(entry.position))
        if "shape" in example and "data" in example:
            yield Upright(_unpacked(example))
            return
        stored = _encoded(example)
        if stored is None:
            raise UnusableImageError("a record without an image")
        with decoded(io.BytesIO(stored), "") as image:
            yield image

    def checksum(self, entry: Entry) -> int | None:
        with suppress(UnusableImageError):
            return None if entry.mark else self.digest(entry)
        return 0

    def digest(self, entry: Entry) -> int:
        return entry.mark or zlib.crc32(self._read(entry.position))

    def _read(self, place: int) -> bytes:
        number = bisect_right(self._ends, place)
        records = self._records[number]
        return records.read(place - self._ends[number] + len(records))


def files_in(folder: Path) -> list[Path]:
    """Return the TFRecords in a folder, sorted."""
    return sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in SUFFIXES and file.is_file() and not is_hidden(file.name)
    )


class _Records:
    """Places, lengths and checksums of the records of a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.starts, self.lengths, self.checksums = array("q"), array("q"), array("L")
        with path.open("rb") as file:
            end = file.seek(0, io.SEEK_END)
            start = 0
            while start < end:
                file.seek(start)
                head = file.read(_LENGTH_BYTES + _CRC_BYTES)
                length = int.from_bytes(head[:_LENGTH_BYTES], "little")
                start += _LENGTH_BYTES + _CRC_BYTES
                # zeros, as at the end of a file that was cut off, would be empty records
                whole = 0 < length <= end - start - _CRC_BYTES
                if not whole or not _is_sound(head[:8], _u32(head[8:])):
                    raise DataError(
                        f"{path}: no whole record at byte {start}; cut off, packed or damaged: "
                        "copy it again, unpacked"
                    )
                file.seek(start + length)
                self.starts.append(start)
                self.lengths.append(length)
                self.checksums.append(_u32(file.read(_CRC_BYTES)))
                start += length + _CRC_BYTES
        if not self.starts:
            raise DataError(f"{path}: holds no records; copy it again")

    def __len__(self) -> int:
        return len(self.starts)

    def read(self, place: int) -> bytes:
        if self.lengths[place] > MAX_RECORD_BYTES:
            raise UnusableImageError(f"a record larger than {MAX_RECORD_BYTES >> 20} MiB")
        with self.path.open("rb") as file:
            file.seek(self.starts[place])
            payload = file.read(self.lengths[place])
        if not _is_sound(payload, self.checksums[place]):
            raise UnusableImageError("damaged: its checksum does not match")
        return payload


def _pixel_count(records: _Records) -> int:
    try:
        example = _example(records.read(0))
    except UnusableImageError as error:
        raise DataError(f"{records.path}: {error}") from None
    if "shape" not in example and _encoded(example) is None:
        raise DataError(
            f"{records.path}: records without images, they hold {sorted(example)[:8]}; needed are "
            "shape and data, or encoded images"
        )
    return int(np.prod(example.get("shape", ([], [0]))[1], dtype=object))


def _encoded(example: Values) -> bytes | None:
    values = (value for texts, _ in example.values() for value in texts)
    return next((value for value in values if starts_like_image(value)), None)


def _unpacked(example: Values) -> Image.Image:
    shape, data = example["shape"][1], b"".join(example["data"][0][:1])
    if len(shape) != 3 or shape[0] not in (1, 3) or min(shape) < 1:
        raise UnusableImageError(f"pixels of shape {shape}, not [1 or 3, height, width]")
    channels, height, width = shape
    check_pixels(width, height, channels)
    if len(data) != channels * height * width:
        raise UnusableImageError(f"damaged: {len(data)} bytes of pixels for the shape {shape}")
    pixels = np.frombuffer(data, np.uint8).reshape(shape).transpose(1, 2, 0)
    return Image.fromarray(pixels[:, :, 0] if channels == 1 else np.ascontiguousarray(pixels))


def _labels_beside(path: Path) -> list[Path]:
    """Return the files of labels of a set."""
    name = _SIZE.sub("", path.stem)
    beside = (file for file in path.parent.iterdir() if file.suffix == ".labels")
    return sorted(file for file in beside if _SIZE.sub("", file.stem) == name)


def _read_labels(path: Path, images: int) -> Any:
    try:
        stored = np.load(io.BytesIO(read_bounded(path, MAX_LABEL_BYTES)), allow_pickle=False)
    except (ValueError, EOFError, MemoryError) as error:
        raise DataError(f"{path}: damaged labels ({error}); copy them again") from None
    if not isinstance(stored, np.ndarray) or stored.shape[:1] != (images,):
        raise DataError(f"{path}: not the labels of {images} images; put the right ones there")
    one_hot = stored.ndim == 2 and bool(((stored == 0) | (stored == 1)).all())
    if one_hot and bool((stored.sum(1) == 1).all()):
        stored = stored.argmax(1)
    return checked_labels(stored, str(path))


def _example(payload: bytes) -> Values:
    """The values of a `tf.train.Example` by key."""
    found: Values = {}
    try:
        for features in _parts(payload, 1):
            for entry in _parts(features, 1):
                key = b"".join(_parts(entry, 1)).decode("utf-8", "replace")
                feature = b"".join(_parts(entry, 2))
                texts = [text for part in _parts(feature, 1) for text in _parts(part, 1)]
                numbers = [number for part in _parts(feature, 3) for number in _integers(part)]
                found[key] = (texts, numbers)
    except (IndexError, ValueError):
        raise UnusableImageError("damaged: not a tf.train.Example") from None
    return found


def _parts(message: bytes, wanted: int) -> Iterator[bytes]:
    """Yield the contents of the fields of this number in a protobuf message."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        start, kind = place, tag & 7
        if kind == 2:
            size, start = _varint(message, place)
            place = start + size
        elif kind == 0:
            _, place = _varint(message, place)
        elif kind in (1, 5):
            place += 8 if kind == 1 else 4
        else:
            raise ValueError("a field of an unknown kind")
        if place > len(message):
            raise ValueError("a field that extends beyond its message")
        if tag >> 3 == wanted and kind in (0, 2):
            yield message[start:place]


def _integers(part: bytes) -> Iterator[int]:
    for value in _parts(part, 1):
        place = 0
        while place < len(value):
            number, place = _varint(value, place)
            yield number


def _varint(message: bytes, place: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 70, 7):
        byte = message[place]
        place += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, place
    raise ValueError("a number that does not end")


def _u32(content: bytes) -> int:
    return int.from_bytes(content, "little")


def _is_sound(content: bytes, checksum: int) -> bool:
    """Return whether a masked checksum is that of the content; some writers leave it at 0."""
    crc = google_crc32c.value(content)
    return checksum in (0, (((crc >> 15) | (crc << 17)) + _MASK) & 0xFFFFFFFF)
