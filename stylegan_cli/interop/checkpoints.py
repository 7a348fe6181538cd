"""Checkpoints of PyTorch programs, each given to the reader of its program."""

from pathlib import Path

from stylegan_cli.errors import ForeignFileError
from stylegan_cli.interop.foreign import Foreign
from stylegan_cli.interop.limits import shown
from stylegan_cli.interop.rosinality1 import is_rosinality1, read_rosinality1
from stylegan_cli.interop.rosinality2 import is_rosinality2, read_rosinality2
from stylegan_cli.interop.torch_files import is_torch_file, read_torch_file

_OWN_STATE = {"schema", "cur_nimg"}
CHECKPOINT_SUFFIXES = (".pt", ".pth", ".ckpt", ".model")


def is_checkpoint(path: Path) -> bool:
    """Whether a file is one of torch.save, but no training state of ours."""
    if not is_torch_file(path):
        return False
    try:
        root = read_torch_file(path)
    except ForeignFileError:
        return True
    return not (isinstance(root, dict) and root.keys() >= _OWN_STATE)


def read_checkpoint(path: Path) -> Foreign:
    """The networks in a file of torch.save.

    Raises:
        ForeignFileError: Refused, damaged, or not networks that sgtool has.
    """
    root, source = read_torch_file(path), str(path)
    if is_rosinality2(root):
        return read_rosinality2(root, source)
    if is_rosinality1(root):
        return read_rosinality1(root, source)
    raise ForeignFileError(
        f"{path}: a file of torch, but not of networks sgtool knows; {_found(root)}"
    )


def _found(root: object) -> str:
    if not isinstance(root, dict):
        return f"found {type(root).__name__}"
    return "found " + shown(", ".join(str(key) for key in list(root)[:5]))
