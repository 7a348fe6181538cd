"""Images in tar files: WebDataset's shards, and folders packed as they are.

A sample is a run of files that differ only behind the first dot of their names: `0001.jpg` with
`0001.cls` or `0001.json`. Nothing is unpacked to disk, no link is followed, and pickles are passed
over like any other file that is no image.
"""

import json
import re
import tarfile
from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from math import isfinite
from typing import Any, cast

from stylegan_cli.data import Groups, folder_class, is_image, is_unsafe, role_of
from stylegan_cli.data.formats import MAGIC_BYTES
from stylegan_cli.data.gzipped import unpacked
from stylegan_cli.data.label_files import LABEL_COLUMNS
from stylegan_cli.data.packed import File, PackedSource, prefixes, read_part
from stylegan_cli.errors import DataError

SUFFIXES = (".tar", ".tar.gz", ".tgz")
MAX_HEADER_BYTES = MAX_LABEL_BYTES = 2**20
_LABELS = (".cls", ".json")
_PARTS = re.compile(r"\{(\d+)\.\.(\d+)\}")
MAX_SHARDS = 100_000


def expanded(pattern: str) -> list[str]:
    """Return the names that a pattern such as `train-{000..127}.tar` stands for."""
    match = _PARTS.search(pattern)
    if match is None:
        return [pattern]
    first, last = int(match[1]), int(match[2])
    if last < first:
        raise DataError(f"{pattern}: from {first} to {last}; write the lower number first")
    if last - first >= MAX_SHARDS:
        raise DataError(f"{pattern}: more than {MAX_SHARDS} files; name fewer")
    numbers = (str(number).zfill(len(match[1])) for number in range(first, last + 1))
    return [pattern[: match.start()] + number + pattern[match.end() :] for number in numbers]


def open_shards(name: str, files: Sequence[File], *, near: bool = True) -> PackedSource:
    """Open the images of tar files, in the order of the files and of their members.

    Args:
        near: The files are on disk.
    """
    files = list(unpacked(files)) if near else files
    source = PackedSource(name, sampled=near)
    shards, starts, sizes = array("L"), array("Q"), array("Q")
    for number, (file, prefix) in enumerate(zip(files, prefixes(files), strict=True)):
        with file.open() as opened:
            for image, label, attributes in _samples(opened, file.name, source.passed):
                source.add(
                    prefix + image.name,
                    size=image.size,
                    mark=image.chksum,
                    label=label,
                    attributes=attributes,
                )
                shards.append(number)
                starts.append(image.offset_data)
                sizes.append(image.size)
    return source.finish(lambda place: read_part(files[shards[place]], starts[place], sizes[place]))


class _Bounded:
    """A file of which no header of a tar can claim much."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MAX_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {size} bytes")
        content: bytes = self._file.read(size)
        return content


def _members(file: Any, where: str) -> Iterator[tarfile.TarInfo]:
    end = file.seek(0, 2)
    file.seek(0)
    try:
        with tarfile.open(fileobj=cast("Any", _Bounded(file)), mode="r:") as tar:
            before = -1
            while (member := tar.next()) is not None:
                if member.offset <= before or member.offset_data + member.size > end:
                    raise tarfile.ReadError(f"{member.name} extends beyond the end of the file")
                before = member.offset
                vars(tar)["members"].clear()  # of a shard with a million files
                yield member
            file.seek(tar.offset)
            if file.read(tarfile.BLOCKSIZE).strip(b"\0"):
                raise tarfile.ReadError(f"no header at byte {tar.offset}")
    except (tarfile.TarError, ValueError, IndexError, OverflowError, RecursionError) as error:
        reason = str(error) or type(error).__name__
        raise DataError(
            f"{where}: cut off, packed or not a tar ({reason}); unpack it, or fetch it again"
        ) from None
    except OSError as error:
        raise DataError(f"{where}: cannot be read ({error})") from None


def _samples(
    file: Any, where: str, passed: Groups
) -> Iterator[tuple[tarfile.TarInfo, Any, Mapping[str, str]]]:
    """Yield the images of a tar file with their labels and attributes."""
    regular = (member for member in _members(file, where) if _is_plain(member, passed))
    for _, group in groupby(regular, key=lambda member: _split(member.name)[0]):
        members = list(group)
        images = [member for member in members if _is_image(file, member, passed)]
        first = [member for member in images if "." not in _split(member.name)[1]][:1]
        label, attributes = _labelling(file, members, where)
        for image in first or images:
            yield image, folder_class(image.name) if label is None else label, attributes
        for image in images[1:] if first else ():
            passed.add("further images of a sample", image.name)


def _is_plain(member: tarfile.TarInfo, passed: Groups) -> bool:
    if member.isdir():
        return False
    if not member.isreg() or member.issparse():
        passed.add("links and other special files", member.name)
        return False
    if is_unsafe(member.name.replace("\\", "/")):
        passed.add("names that lead outside the tar file", member.name)
        return False
    member.name = re.sub(r"^(\./+)+", "", member.name)
    return True


def _split(name: str) -> tuple[str, str]:
    """Return the name of a sample, and what its file is in it."""
    folder, slash, last = name.rpartition("/")
    stem, _, part = last.partition(".")
    return folder + slash + stem, part.lower()


def _is_image(file: Any, member: tarfile.TarInfo, passed: Groups) -> bool:
    if is_image(member.name):
        return True
    if member.name.lower().endswith(_LABELS):
        return False
    problem, other = role_of(member.name, lambda: _content(file, member, MAGIC_BYTES))
    reason = other or problem
    if reason:
        passed.add(reason, member.name)
    return reason is None


def _content(file: Any, member: tarfile.TarInfo, at_most: int) -> bytes:
    file.seek(member.offset_data)
    content: bytes = file.read(min(member.size, at_most))
    return content


def _labelling(
    file: Any, members: Sequence[tarfile.TarInfo], where: str
) -> tuple[Any, Mapping[str, str]]:
    """Return the label of a sample and its attributes."""
    label, attributes = None, {}
    for member in members:
        if not member.name.lower().endswith(_LABELS):
            continue
        if member.size > MAX_LABEL_BYTES:
            raise DataError(f"{where}/{member.name}: {member.size} bytes, no label has so many")
        content = _content(file, member, MAX_LABEL_BYTES)
        if member.name.lower().endswith(".cls"):
            label = _scalar(content.decode("utf-8", "replace").strip())
            continue
        try:
            described = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{where}/{member.name}: not JSON ({error}); repair it") from None
        known = described if isinstance(described, dict) else {"label": described}
        if label is None:
            label = next((known[key] for key in LABEL_COLUMNS if key in known), None)
        attributes = {
            str(key): str(value)
            for key, value in known.items()
            if key not in LABEL_COLUMNS and isinstance(value, str | int | float)
        }
    return label, attributes


def _scalar(text: str) -> int | float | str:
    if text.isdecimal():
        return int(text[:100])  # Python takes no more than 4,300 digits, and no class has so many
    try:
        number = float(text)
    except ValueError:
        return text
    return number if isfinite(number) else text
