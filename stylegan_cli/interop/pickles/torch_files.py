"""Files of torch.save, read without torch.load and without running anything in them."""

import mmap
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BufferedIOBase, BytesIO
from pathlib import Path, PurePosixPath

from stylegan_cli.errors import ForeignFileError
from stylegan_cli.interop.pickles.limits import Limits, RefusedError, RefusedNameError, shown
from stylegan_cli.interop.pickles.machine import Empty, Table
from stylegan_cli.interop.pickles.reader import ZIP_DAMAGES, refusals_in_words, run_pickle
from stylegan_cli.interop.pickles.stand_ins import NUMPY_NAMES, PLAIN_NAMES, ordered_dict
from stylegan_cli.interop.pickles.torch_tensors import (
    STORAGE_NAMES,
    STREAM_START,
    TORCH_NAMES,
    Storage,
    read_stream,
    storage_id,
)

ZIP_START = b"PK\x03\x04"
_LARGEST_PICKLE = 2**26
_HEADER = struct.Struct("<4s22xHH")
_ENCRYPTED = 1
_TAR_MARK, _TAR_PLACE = b"ustar", 257


class Bag:
    """Plain attributes of an object of an unknown class."""

    def __init__(self) -> None:
        self.values: dict[str, object] = {}

    def set_state(self, state: object) -> None:
        """Take the numbers and texts of a dict of attributes, and drop the rest."""
        if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
            raise TypeError("attributes that are not a dict of names")
        self.values = {
            name: value
            for name, value in state.items()
            if isinstance(value, bool | int | float | str | None)
        }


class PlainOrderedDict(dict[object, object]):
    """A dict of torch's without its extra state."""

    def __init__(self, pairs: object = ()) -> None:
        super().__init__(ordered_dict(pairs))

    def set_state(self, state: object) -> None:
        """Drop the state: versions of layers."""


_NAMES: Table = {
    **NUMPY_NAMES,
    **PLAIN_NAMES,
    **TORCH_NAMES,
    **STORAGE_NAMES,
    ("collections", "OrderedDict"): PlainOrderedDict,
    ("argparse", "Namespace"): Empty(Bag),
}


def is_torch_file(path: Path) -> bool:
    """Return whether a file begins like a file of torch, and is no other zip."""
    with path.open("rb") as file:
        start = file.read(_TAR_PLACE + len(_TAR_MARK))
    if start.startswith(ZIP_START):
        return _is_torch_zip(path)
    return start.startswith(STREAM_START) or start[_TAR_PLACE:] == _TAR_MARK


def read_torch_file(path: Path) -> object:
    """Read a file of torch: containers, numbers, texts, and `PickledTensor` for tensors.

    Raises:
        ForeignFileError: Damaged, of another form, or more than plain data and tensors; the
            message names what.
    """
    try:
        with path.open("rb") as file, refusals_in_words(str(path), but=RefusedNameError):
            # the mapping is closed with its last view
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            return _read(path, file, mapped)
    except RefusedNameError as refusal:
        raise ForeignFileError(
            f"{path}: refused, nothing in it was run: {refusal}. If this is a whole model that you "
            "saved with torch.save(model, …), save only its weights in the program that made it: "
            "torch.save(model.state_dict(), 'weights.pt')"
        ) from None
    except (OSError, NotImplementedError, RuntimeError) as error:
        # zipfile raises the latter two for zips that it does not support
        raise ForeignFileError(f"{path}: cannot be read ({error})") from None


def _read(path: Path, file: BufferedIOBase, mapped: mmap.mmap) -> object:
    if mapped[: len(ZIP_START)] == ZIP_START:
        return _read_zip(path, mapped)
    if mapped[: len(STREAM_START)] == STREAM_START:
        return read_stream(file, mapped, _NAMES, Limits())
    raise ForeignFileError(
        f"{path}: not a file of torch.save as PyTorch 0.2 and later write it; "
        "open it with the PyTorch it is from and save it again"
    )


def _is_torch_zip(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/data.pkl") for name in archive.namelist())
    except (*ZIP_DAMAGES, ValueError):
        # truncated: a .zip may be anything, the other suffixes are torch's
        return path.suffix.lower() != ".zip"


def _read_zip(path: Path, mapped: mmap.mmap) -> object:
    """Read a file of version 1.6 and later: a zip of a pickle and of storages, uncompressed."""
    with zipfile.ZipFile(path) as archive:
        members = dict(_members(mapped, archive.infolist()))
    if sum(member.size for member in members.values()) > len(mapped):
        raise RefusedError("overlapping members")
    program = BytesIO(_pickle(members).checked())
    return run_pickle(program, _NAMES, Limits(), persistent=_Storages(members).find)


@dataclass(frozen=True, kw_only=True)
class _Member:
    """A file within the zip."""

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
