"""Images lying on disk: a folder searched recursively, or a list of files."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from stylegan_cli.data import dataset_json
from stylegan_cli.data.entries import (
    MAX_FILE_BYTES,
    Entry,
    Tally,
    folder_class,
    is_hidden,
    is_image,
)
from stylegan_cli.data.pictures import UnusableImageError, decode

Identity = tuple[int, int]


class FolderSource:
    """Images of a folder and its sub-folders, in the order of their sorted relative paths."""

    def __init__(self, root: Path) -> None:
        self.name = str(root)
        self._root = root
        described = root / dataset_json.NAME
        self._index = (
            dataset_json.parse(described.read_bytes(), str(described))
            if described.is_file()
            else None
        )
        self.classes = self._index.classes if self._index else ()
        self.prepared: Mapping[str, Any] = self._index.prepared if self._index else {}

    def tally(self) -> Tally:
        files = images = 0
        for entry in _walk(self._root, "", ()):
            files += 1
            images += _is_wanted(entry)
        described = self._index is not None
        return Tally(images=images, ignored=files - images - described)

    def entries(self) -> Iterator[Entry]:
        found = (entry for entry in _walk(self._root, "", ()) if _is_wanted(entry))
        return self._index.annotate(found) if self._index else found

    def open(self, entry: Entry) -> Image.Image:
        return _open_file(self._root / entry.name, entry)

    def close(self) -> None: ...


class ListSource:
    """Files named one by one, in the order given."""

    classes: tuple[str, ...] = ()

    def __init__(self, name: str, paths: Sequence[Path]) -> None:
        self.name = name
        self.prepared: Mapping[str, Any] = {}
        self._paths = paths

    def tally(self) -> Tally:
        return Tally(images=len(self._paths))

    def entries(self) -> Iterator[Entry]:
        for position, path in enumerate(self._paths):
            yield Entry(name=path.as_posix(), position=position)

    def open(self, entry: Entry) -> Image.Image:
        return _open_file(self._paths[entry.position], entry)

    def close(self) -> None: ...


def _is_wanted(entry: Entry) -> bool:
    return entry.problem is not None or (is_image(entry.name) and not is_hidden(entry.name))


def _walk(folder: Path, prefix: str, above: tuple[Identity, ...]) -> Iterator[Entry]:
    """Every file below a folder; folders that cannot be searched are entries with a problem."""
    try:
        status = folder.stat()
        identity = (status.st_dev, status.st_ino)
        if identity in above:
            yield Entry(name=prefix, problem="a link back to a folder above it")
            return
        with os.scandir(folder) as listing:
            # a folder's files sort as "folder/…", which is not where its bare name sorts
            children = sorted(
                child.name + "/" * (child.is_dir() and not is_hidden(child.name))
                for child in listing
            )
    except OSError as error:
        yield Entry(name=prefix or str(folder), problem=f"cannot be searched: {error.strerror}")
        return
    for child in children:
        if child.endswith("/"):
            yield from _walk(folder / child, prefix + child, (*above, identity))
        else:
            yield _file_entry(folder / child, prefix + child)


def _file_entry(path: Path, name: str) -> Entry:
    try:
        size = path.stat().st_size
    except OSError:
        size = 0  # opening it will tell
    return Entry(name=name, mark=size, label=folder_class(name))


def _open_file(path: Path, entry: Entry) -> Image.Image:
    if entry.problem:
        raise UnusableImageError(entry.problem)
    try:
        if path.exists() and not path.is_file():  # reading a pipe would never end
            raise UnusableImageError("not a regular file")
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise UnusableImageError(f"cannot be read: {error.strerror}") from None
    if len(data) > MAX_FILE_BYTES:
        raise UnusableImageError(f"larger than {MAX_FILE_BYTES >> 20} MiB")
    return decode(data)
