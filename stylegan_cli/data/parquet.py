"""Images in parquet, the form of Hugging Face's data sets: a table with a column of images.

An image is bytes, or a record of `bytes` and `path`. The column `label` (or `labels`, `class`) is
the label, with the names of the classes where the file's description has them; other columns of
single values are attributes. Images are read by groups of rows, so a file may be larger than
memory, but not a group.
"""

import json
import re
import threading
import zlib
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate
from typing import Any

from stylegan_cli.data import MAX_FILE_BYTES, MAX_RATIO, MAX_TINY_BYTES
from stylegan_cli.data.formats import SUFFIXES, UnusableImageError, suffix_of
from stylegan_cli.data.label_files import LABEL_COLUMNS
from stylegan_cli.data.packed import EXTRA, OTHER_SPLITS, File, PackedSource, prefixes
from stylegan_cli.errors import DataError

SUFFIX = ".parquet"
_IMAGES = ("image", "img", "images", "jpg", "jpeg", "png", "webp", "picture", "photo")
_SINGLE = re.compile(
    r"(bool|string|large_string|float|double|halffloat)$|u?int|dictionary<values=string"
)
"""Types of columns that become attributes."""
_ROWS = 4096
_GROUP_BYTES, _KEPT_BYTES = 2**30, 2**26


def open_parquet(name: str, files: Sequence[File], *, others: Sequence[str] = ()) -> PackedSource:
    """Open the images of parquet files, in the order of the files and of their rows.

    Args:
        others: Files beside them that are not taken, as they are of another split.
    """
    tables = [_Table(file) for file in files]
    classes = tables[0].names_of(tables[0].label)
    source = PackedSource(name, classes, sampled=False)
    for other in others:
        source.passed.add(OTHER_SPLITS, other)
    for table, prefix in zip(tables, prefixes(files), strict=True):
        table.add_to(source, prefix)
    return source.finish(_Reader(tables).read)


class _Table:
    """One file: what its columns are, and where its groups of rows end."""

    def __init__(self, file: File) -> None:
        self.file = file
        with _in_words(file.name), file.open() as opened:
            size = opened.seek(0, 2)
            parquet = _opened(opened, file.name)
            described, schema = parquet.metadata, parquet.schema_arrow
            groups = [described.row_group(group) for group in range(described.num_row_groups)]
            self.count = described.num_rows
            self.ends = list(accumulate(group.num_rows for group in groups))
            largest = max((group.total_byte_size for group in groups), default=0)
            self._sizes = Counter[str]()
            for group in groups:
                for column in map(group.column, range(group.num_columns)):
                    known = self._sizes[column.path_in_schema]
                    self._sizes[column.path_in_schema] = max(known, column.total_uncompressed_size)
            self._room = max(MAX_TINY_BYTES, MAX_RATIO * size)
            self._marks = [zlib.crc32(repr(group.to_dict()).encode()) for group in groups]
        # an image is never smaller than a byte
        if self.count > size or any(group.num_rows < 0 for group in groups):
            raise DataError(f"{file.name}: claims {self.count} rows in {size} bytes; damaged")
        if largest > _GROUP_BYTES:
            raise DataError(
                f"{file.name}: {largest >> 20} MiB in one group of rows, which is read whole; "
                "write it again with groups of 100 rows, as pyarrow does with row_group_size=100"
            )
        self._features = _features(schema.metadata or {})
        self._kinds = {field.name: str(field.type) for field in schema}
        self._image: str = self._image_column()
        self.label = next((name for name in LABEL_COLUMNS if name in self._kinds), None)

    @property
    def _pixels(self) -> str:
        """Name of the column of encoded images."""
        return f"{self._image}.bytes" if self._is_record(self._image) else self._image

    def names_of(self, column: str | None) -> Sequence[str]:
        """Return the names of the classes whose numbers are in a column; nothing for others."""
        names = self._features.get(column or "", {}).get("names")
        return [str(name) for name in names] if isinstance(names, list) else []

    def column(self, group: int) -> Any:
        """Return the encoded images of a group of rows."""
        from pyarrow import chunked_array

        with _in_words(self.file.name), self.file.open() as opened:
            batches = self._batches(opened, [self._pixels], _GROUP_BYTES, row_groups=[group])
            return chunked_array([batch.column(0) for batch in batches])

    def add_to(self, source: PackedSource, prefix: str) -> None:
        """Append all rows to a source, without reading an image."""
        paths = [f"{self._image}.path"] if ", path" in self._kinds[self._image] else []
        own = [self.label] if self.label else []
        attributes = {
            name: self.names_of(name)
            for name, kind in self._kinds.items()
            if name not in {self._image, *own} and _SINGLE.match(kind)
        }
        columns = [*paths, *own, *attributes]
        with _in_words(self.file.name), self.file.open() as opened:
            for place, row in enumerate(self._rows(opened, columns)):
                suffix = suffix_of(str((row[self._image] or {}).get("path"))) if paths else ""
                label = row[self.label] if self.label else None
                if isinstance(label, int) and label < 0:
                    label = None  # what Hugging Face writes for no label
                source.add(
                    f"{prefix}{place:08d}{suffix if suffix in SUFFIXES else ''}",
                    size=0,
                    mark=self._marks[bisect_right(self.ends, place)],
                    label=[label] if isinstance(label, float) else label,
                    attributes=_attributes(row, attributes),
                )

    def _rows(self, opened: Any, columns: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        if not columns:
            yield from ({} for _ in range(self.count))
            return
        for batch in self._batches(opened, columns, self._room):
            yield from batch.to_pylist()

    def _batches(
        self, opened: Any, columns: Sequence[str], room: int, **options: Any
    ) -> Iterator[Any]:
        """Yield rows, so few at once that no value which all of them share takes much memory."""
        largest = max(self._sizes[column] for column in columns)
        rows = min(_ROWS, max(1, _GROUP_BYTES // max(1, largest)))
        parquet = _opened(opened, self.file.name)
        for batch in parquet.iter_batches(rows, columns=columns, **options):
            room -= batch.nbytes
            if room < 0:
                raise DataError(
                    f"{self.file.name}: unpacks to far more than it holds; no images do"
                )
            yield batch

    def _image_column(self) -> str:
        described = [name for name, about in self._features.items() if about["_type"] == "Image"]
        records = [name for name in self._kinds if self._is_record(name)]
        bare = [name for name, kind in self._kinds.items() if kind in ("binary", "large_binary")]
        named = [name for name in bare if name.lower() in _IMAGES]
        for name in (*described, *records, *named, *(bare if len(bare) == 1 else ())):
            if name in self._kinds:
                return str(name)
        columns = ", ".join(f"{name} ({kind[:40]})" for name, kind in self._kinds.items())
        raise DataError(
            f"{self.file.name}: no column of images; there are {columns[:400]}; paths and "
            "addresses are not followed, so fetch the images and give their folder"
        )

    def _is_record(self, name: str) -> bool:
        return self._kinds[name].startswith(("struct<bytes: ", "struct<path: string, bytes: "))


class _Reader:
    """Reader of the images of some tables by their place in all of them.

    Parquet is unpacked by groups of rows; those read last are kept, so that places in order cost
    one pass.
    """

    def __init__(self, tables: Sequence[_Table]) -> None:
        self._tables = tables
        self._ends = list(accumulate(table.count for table in tables))
        self._lock = threading.Lock()
        self._kept: deque[tuple[range, Any]] = deque()

    def read(self, place: int) -> bytes:
        """Return the encoded image at a place; safe in several threads."""
        try:
            with self._lock:
                places, column = self._group(place)
            value = column[place - places.start].as_py()
        except DataError as error:
            raise UnusableImageError(str(error)) from None
        found = value["bytes"] if isinstance(value, dict) else value
        if not isinstance(found, bytes):
            raise UnusableImageError("no image in its row, or only the path of one")
        if len(found) > MAX_FILE_BYTES:
            raise UnusableImageError(f"larger than {MAX_FILE_BYTES >> 20} MiB")
        return found

    def _group(self, place: int) -> tuple[range, Any]:
        """Return the group of rows that a place lies in, and the places of them all."""
        known = next((kept for kept in self._kept if place in kept[0]), None)
        if known:
            return known
        number = bisect_right(self._ends, place)
        table = self._tables[number]
        before = self._ends[number] - table.count
        group = bisect_right(table.ends, place - before)
        places = range(before + (table.ends[group - 1] if group else 0), before + table.ends[group])
        while self._kept and sum(c.nbytes for _, c in self._kept) > _KEPT_BYTES:
            self._kept.popleft()
        column = table.column(group)
        if len(column) != len(places):
            raise DataError(f"damaged: {len(column)} of {len(places)} rows are there")
        self._kept.append((places, column))
        return places, column


def _opened(file: Any, where: str) -> Any:
    try:
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise DataError(f"{where}: parquet needs the package pyarrow; {EXTRA}") from None
    return ParquetFile(file, pre_buffer=False)


@contextmanager
def _in_words(where: str) -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except (OSError, ValueError, TypeError, LookupError, MemoryError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0][:200] or type(error).__name__
        raise DataError(f"{where}: not readable parquet ({reason}); fetch it again") from None


def _features(described: Mapping[bytes, bytes]) -> dict[str, dict[str, Any]]:
    """Return what Hugging Face's library wrote of each column."""
    try:
        features = json.loads(described.get(b"huggingface", b"{}"))["info"]["features"]
        return {
            str(name): about
            for name, about in features.items()
            if isinstance(about, dict) and "_type" in about
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _attributes(row: Mapping[str, Any], names: Mapping[str, Sequence[str]]) -> dict[str, str]:
    found = {}
    for key, known in names.items():
        value = row[key]
        if value is not None:
            is_class = isinstance(value, int) and 0 <= value < len(known)
            found[key] = known[value] if is_class else str(value)
    return found
