"""Files of torch.save, read without torch.load and without running anything in them."""

import mmap
import zipfile
from io import BufferedIOBase
from pathlib import Path

from stylegan_cli.errors import ForeignFileError
from stylegan_cli.interop.pickles.limits import Limits, RefusedNameError
from stylegan_cli.interop.pickles.machine import Empty, Table
from stylegan_cli.interop.pickles.reader import ZIP_DAMAGES, refusals_in_words
from stylegan_cli.interop.pickles.stand_ins import NUMPY_NAMES, PLAIN_NAMES, ordered_dict
from stylegan_cli.interop.pickles.torch_tensors import (
    STORAGE_NAMES,
    STREAM_START,
    TORCH_NAMES,
    read_stream,
)
from stylegan_cli.interop.pickles.torch_zip import ZIP_START, read_zip

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
        return read_zip(path, mapped, _NAMES)
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
