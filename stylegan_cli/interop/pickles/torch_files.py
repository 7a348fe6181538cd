"""Files of torch.save, read without torch.load and without running anything in them."""

import mmap
import struct
import zipfile
import zlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path, PurePosixPath

from stylegan_cli.errors import ForeignFileError
from stylegan_cli.interop.pickles import (
    STREAM_START,
    ZIP_START,
    Limits,
    RefusedError,
    RefusedNameError,
    shown,
)
from stylegan_cli.interop.pickles.machine import Empty, Table
from stylegan_cli.interop.pickles.reader import ZIP_DAMAGES, refusals_in_words, run_pickle
from stylegan_cli.interop.pickles.stand_ins import NUMPY_NAMES, PLAIN_NAMES, ordered_dict
from stylegan_cli.interop.pickles.torch_tensors import (
    STORAGE_NAMES,
    TORCH_NAMES,
    Storage,
    read_stream,
    storage_id,
)

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
            if mapped[: len(ZIP_START)] == ZIP_START:
                with zipfile.ZipFile(path) as archive:
                    members = _Archive(mapped, archive.infolist())
                return run_pickle(members.pickle(), _NAMES, Limits(), persistent=members.storage)
            if mapped[: len(STREAM_START)] == STREAM_START:
                return read_stream(file, mapped, _NAMES, Limits())
        raise ForeignFileError(
            f"{path}: not a file of torch.save as PyTorch 0.2 and later write it; "
            "open it with the PyTorch it is from and save it again"
        )
    except RefusedNameError as refusal:
        raise ForeignFileError(
            f"{path}: refused, nothing in it was run: {refusal}. If this is a whole model that you "
            "saved with torch.save(model, …), save only its weights in the program that made it: "
            "torch.save(model.state_dict(), 'weights.pt')"
        ) from None
    except (OSError, NotImplementedError, RuntimeError) as error:
        # zipfile raises the latter two for zips that it does not support
        raise ForeignFileError(f"{path}: cannot be read ({error})") from None


def _is_torch_zip(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/data.pkl") for name in archive.namelist())
    except (*ZIP_DAMAGES, ValueError):
        # truncated: a .zip may be anything, the other suffixes are torch's
        return path.suffix.lower() != ".zip"


class _Archive:
    """The members of a file of torch since version 1.6: uncompressed, in one folder of a zip."""

    def __init__(self, mapped: mmap.mmap, infos: Sequence[zipfile.ZipInfo]) -> None:
        if len({info.filename for info in infos}) < len(infos):
            raise RefusedError("several members with one name")
        self.mapped = mapped
        self.members = {"/".join(_inner_path(info, infos[0])): info for info in infos}
        if sum(info.file_size for info in infos) > len(mapped):
            raise RefusedError("overlapping members")
        if "byteorder" in self.members and bytes(self.checked("byteorder")) != b"little":
            raise RefusedError("big-endian numbers")
        self.storages: dict[str, Storage] = {}

    def place(self, name: str) -> int:
        """Return where the content of a member begins in the file."""
        info = self.members[name]
        start, name_size, extra = _HEADER.unpack_from(self.mapped, info.header_offset)
        place: int = info.header_offset + _HEADER.size + name_size + extra
        if start != ZIP_START or place + info.file_size > len(self.mapped):
            raise ValueError(f"{shown(info.filename)} is not where the zip says")
        return place

    def checked(self, name: str) -> memoryview:
        """Return the content of a member after checking its checksum."""
        info, place = self.members[name], self.place(name)
        content = memoryview(self.mapped)[place : place + info.file_size]
        if zlib.crc32(content) != info.CRC:
            raise ValueError(f"{shown(info.filename)} does not match its checksum")
        return content

    def pickle(self) -> BytesIO:
        if "constants.pkl" in self.members or any(n.startswith("code/") for n in self.members):
            raise RefusedError("a TorchScript program")
        if "data.pkl" not in self.members:
            raise RefusedError("a zip without data.pkl, so not one of torch's")
        if self.members["data.pkl"].file_size > _LARGEST_PICKLE:
            raise RefusedError(f"a pickle of more than {_LARGEST_PICKLE:,} bytes")
        return BytesIO(self.checked("data.pkl"))

    def storage(self, persistent_id: object) -> Storage:
        claimed = storage_id(persistent_id)
        name = f"data/{claimed.key}"
        if name not in self.members:
            raise RefusedError(f"a missing storage, {shown(claimed.key)}")
        size = self.members[name].file_size
        if size != claimed.size:
            raise RefusedError(f"a storage that claims {claimed.size:,} bytes and has {size:,}")
        if name not in self.storages:
            self.checked(name)
            self.storages[name] = claimed.within(self.mapped, self.place(name))
        return self.storages[name]


def _inner_path(info: zipfile.ZipInfo, first: zipfile.ZipInfo) -> tuple[str, ...]:
    """Return the path of a member within the one folder that all lie in."""
    parts = PurePosixPath(info.filename).parts
    is_inside = parts[:1] == PurePosixPath(first.filename).parts[:1]
    if not is_inside or len(parts) < 2 or not {"..", "/"}.isdisjoint(parts):
        raise RefusedError(f"a member at {shown(info.filename)}")
    if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
        raise RefusedError(f"a compressed member, {shown(info.filename)}")
    if info.flag_bits & _ENCRYPTED:
        raise RefusedError(f"an encrypted member, {shown(info.filename)}")
    return parts[1:]
