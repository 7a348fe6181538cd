"""The files of torch from version 1.6 on: a zip of a pickle and of storages, uncompressed."""

import mmap
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath

from stylegan_cli.interop.pickles.limits import Limits, RefusedError, shown
from stylegan_cli.interop.pickles.machine import Table
from stylegan_cli.interop.pickles.reader import run_pickle
from stylegan_cli.interop.pickles.torch_tensors import Storage, storage_id

ZIP_START = b"PK\x03\x04"
_LARGEST_PICKLE = 2**26
_HEADER = struct.Struct("<4s22xHH")
_ENCRYPTED = 1


def read_zip(path: Path, mapped: mmap.mmap, table: Table) -> object:
    """Read a file of this form; numbers stay views of the file.

    Args:
        mapped: The file in memory.
        table: Names its pickle may hold, those of storages among them.

    Raises:
        RefusedError: Another file, or more than the table names; and BadZipFile, ValueError,
            LookupError and similar errors for damage.
    """
    with zipfile.ZipFile(path) as archive:
        members = dict(_members(mapped, archive.infolist()))
    if sum(member.size for member in members.values()) > len(mapped):
        raise RefusedError("overlapping members")
    program = BytesIO(_pickle(members).checked())
    return run_pickle(program, table, Limits(), persistent=_Storages(members).find)


@dataclass(frozen=True, kw_only=True)
class _Member:
    """A file within the zip.

    Attributes:
        header: Offset of its header.
        crc: Checksum of its content.
    """

    mapped: mmap.mmap
    name: str
    header: int
    size: int
    crc: int

    @property
    def place(self) -> int:
        start, name, extra = _HEADER.unpack_from(self.mapped, self.header)
        place: int = self.header + _HEADER.size + name + extra
        if start != ZIP_START or place + self.size > len(self.mapped):
            raise ValueError(f"{shown(self.name)} is not where the zip says")
        return place

    def checked(self) -> memoryview:
        """Return the content after checking its checksum."""
        content = memoryview(self.mapped)[self.place : self.place + self.size]
        if zlib.crc32(content) != self.crc:
            raise ValueError(f"{shown(self.name)} does not match its checksum")
        return content


class _Storages:
    """The storages of a zip by their persistent ids."""

    def __init__(self, members: Mapping[str, _Member]) -> None:
        if "byteorder" in members and bytes(members["byteorder"].checked()) != b"little":
            raise RefusedError("big-endian numbers")
        self.members = members
        self.found: dict[str, Storage] = {}

    def find(self, persistent_id: object) -> Storage:
        claimed = storage_id(persistent_id)
        member = self.members.get(f"data/{claimed.key}")
        if member is None:
            raise RefusedError(f"a missing storage, {shown(claimed.key)}")
        if member.size != claimed.size:
            raise RefusedError(
                f"a storage that claims {claimed.size:,} bytes and has {member.size:,}"
            )
        if claimed.key not in self.found:
            member.checked()
            self.found[claimed.key] = claimed.within(member.mapped, member.place)
        return self.found[claimed.key]


def _members(mapped: mmap.mmap, infos: Sequence[zipfile.ZipInfo]) -> Iterator[tuple[str, _Member]]:
    """Yield members by their names within the one folder of a file of torch."""
    if len({info.filename for info in infos}) < len(infos):
        raise RefusedError("several members with one name")
    root = PurePosixPath(infos[0].filename).parts[:1] if infos else ()
    for info in infos:
        parts = PurePosixPath(info.filename).parts
        if parts[:1] != root or len(parts) < 2 or not {"..", "/"}.isdisjoint(parts):
            raise RefusedError(f"a member at {shown(info.filename)}")
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            raise RefusedError(f"a compressed member, {shown(info.filename)}")
        if info.flag_bits & _ENCRYPTED:
            raise RefusedError(f"an encrypted member, {shown(info.filename)}")
        yield (
            "/".join(parts[1:]),
            _Member(
                mapped=mapped,
                name=info.filename,
                header=info.header_offset,
                size=info.file_size,
                crc=info.CRC,
            ),
        )


def _pickle(members: Mapping[str, _Member]) -> _Member:
    if "constants.pkl" in members or any(name.startswith("code/") for name in members):
        raise RefusedError("a TorchScript program")
    if "data.pkl" not in members:
        raise RefusedError("a zip without data.pkl, so not one of torch's")
    if members["data.pkl"].size > _LARGEST_PICKLE:
        raise RefusedError(f"a pickle of more than {_LARGEST_PICKLE:,} bytes")
    return members["data.pkl"]
