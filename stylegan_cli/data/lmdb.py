"""Images in LMDB, the form of LSUN: keys in sorted order, each with an encoded image.

Read without the library of that name, which trusts its files: a damaged one ends its process. A
file is pages of one size. Two of them describe the tree and the newer one counts; branches lead to
leaves, whose nodes hold a key and a value, or the first page of a longer value.
"""

import re
import struct
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from stylegan_cli.data import printable
from stylegan_cli.data.formats import MAGIC_BYTES, starts_like_image
from stylegan_cli.data.packed import LocalFile, PackedSource, read_part
from stylegan_cli.errors import DataError

NAME = "data.mdb"
MAGIC = b"\xde\xc0\xef\xbe"
_MAGIC_AT, _VERSION = 16, 1
_PAGE, _META, _NODE = struct.Struct("<QHHHH"), struct.Struct("<IIQQ48sIHHQQQQQQQ"), "<HHHH"
_BRANCH, _LEAF = 1, 2
_LONG, _NO_VALUE = 1, 6
_EMPTY = 2**64 - 1
_SIZED = re.compile(r"(\d+)-\d+")
"""Keys of programs that store the same images at several sizes."""


class _Value(NamedTuple):
    key: str
    start: int
    size: int


def is_lmdb(path: Path) -> bool:
    """Return whether a path is an LMDB: a folder of it, or its file."""
    file = path / NAME if path.is_dir() else path
    if not file.is_file():
        return False
    with file.open("rb") as opened:
        return opened.read(_MAGIC_AT + 4)[_MAGIC_AT:] == MAGIC


def open_lmdb(path: Path) -> PackedSource:
    """Open the images of an LMDB; of several sizes, the largest."""
    file = LocalFile(path / NAME if path.is_dir() else path)
    source = PackedSource(str(path))
    starts, sizes = array("Q"), array("Q")
    with file.open() as opened:
        values = list(_values(opened, file.name))
        largest = _largest(values)
        for value in values:
            opened.seek(value.start)
            if not starts_like_image(opened.read(min(value.size, MAGIC_BYTES))):
                source.passed.add("values that are no image", value.key)
            elif largest and not value.key.startswith(largest):
                source.passed.add(f"smaller than those of {largest.rstrip('-')} px", value.key)
            else:
                source.add(value.key, size=value.size)
                starts.append(value.start)
                sizes.append(value.size)
    return source.finish(lambda place: read_part(file, starts[place], sizes[place]))


def _largest(values: list[_Value]) -> str:
    matches = [match for value in values if (match := _SIZED.fullmatch(value.key))]
    found = {int(match[1]) for match in matches}
    return f"{max(found)}-" if len(found) > 1 and len(matches) >= len(values) - 1 else ""


def _values(file: IO[bytes], where: str) -> Iterator[_Value]:
    """Yield the values of the main database in the order of their keys."""
    end = file.seek(0, 2)
    try:
        page_size, root = _tree(file, where)
        waiting = [] if root == _EMPTY else [root]
        for _ in range(end // page_size):
            if not waiting:
                return
            number = waiting.pop()
            file.seek(number * page_size)
            page = file.read(page_size)
            kind = _PAGE.unpack_from(page)[2]
            if kind & _LEAF:
                yield from _leaf(page, number * page_size, page_size, end)
            elif kind & _BRANCH:
                waiting += [_child(page, place) for place in reversed(_places(page))]
            else:
                raise ValueError(f"page {number} is of kind {kind}")
        if waiting:
            raise ValueError("its tree leads back to itself")
    except (struct.error, ValueError, IndexError, OverflowError, OSError) as error:
        raise DataError(f"{where}: a damaged LMDB ({error}); copy it again") from None


def _tree(file: IO[bytes], where: str) -> tuple[int, int]:
    """Return the size of a page and the number of the root's page."""
    metas = []
    file.seek(_MAGIC_AT)
    first = _META.unpack(file.read(_META.size))
    page_size = int.from_bytes(first[4][:4], "little")
    if not 512 <= page_size <= 2**16 or page_size & (page_size - 1):
        raise ValueError(f"pages of {page_size} bytes")
    for start in (0, page_size):
        file.seek(start + _MAGIC_AT)
        meta = _META.unpack(file.read(_META.size))
        if meta[0].to_bytes(4, "little") == MAGIC:
            metas.append(meta)
    newest = max(metas, key=lambda meta: meta[14])
    version, flags, root = newest[1], newest[6], newest[12]
    if version != _VERSION:
        raise DataError(f"{where}: LMDB of version {version}; version {_VERSION} is read")
    if flags:
        raise DataError(f"{where}: an LMDB of keys with several values each, not of images")
    return page_size, root


def _places(page: bytes) -> list[int]:
    """Return where the nodes of a page begin."""
    count = (_PAGE.unpack_from(page)[3] - _PAGE.size) // 2
    if not 0 <= count <= len(page) // 10:
        raise ValueError(f"{count} nodes on a page of {len(page)} bytes")
    return list(struct.unpack_from(f"<{count}H", page, _PAGE.size))


def _child(page: bytes, place: int) -> int:
    low, high, top, _ = struct.unpack_from(_NODE, page, place)
    return int(low | high << 16 | top << 32)


def _leaf(page: bytes, start: int, page_size: int, end: int) -> Iterator[_Value]:
    for place in _places(page):
        low, high, flags, key_size = struct.unpack_from(_NODE, page, place)
        size = low | high << 16
        value = place + 8 + key_size
        key = page[place + 8 : value]
        if flags & _NO_VALUE:
            continue  # a database of its own
        if flags & _LONG:
            value = struct.unpack_from("<Q", page, value)[0] * page_size + _PAGE.size
        else:
            value += start
        if value + size > end:
            raise ValueError(f"{printable(key.decode('latin-1'))} lies beyond the end of the file")
        yield _Value(key.decode("utf-8", "backslashreplace"), value, size)
