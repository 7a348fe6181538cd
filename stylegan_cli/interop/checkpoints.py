"""Checkpoints of PyTorch programs, each given to the reader of its program."""

from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from stylegan_cli.errors import ForeignFileError
from stylegan_cli.interop.bare_networks import is_bare_network, read_bare_network, tensors_in
from stylegan_cli.interop.foreign import Foreign, Loaded
from stylegan_cli.interop.limits import shown
from stylegan_cli.interop.lucidrains import is_lucidrains, lucidrains_facts, refuse_lucidrains
from stylegan_cli.interop.pickles import refusals_in_words
from stylegan_cli.interop.rosinality1 import is_rosinality1, read_rosinality1
from stylegan_cli.interop.rosinality2 import is_rosinality2, read_rosinality2
from stylegan_cli.interop.torch_files import is_torch_file, read_torch_file

CHECKPOINT_SUFFIXES = (".pt", ".pth", ".ckpt", ".model", ".safetensors")
_OWN_STATE = {"schema", "cur_nimg"}
_SAFETENSORS = ".safetensors"


def is_checkpoint(path: Path) -> bool:
    """Whether a file is one of torch.save or of safetensors, and none of those sgtool writes."""
    if path.suffix == _SAFETENSORS:
        return _has_no_description(path)
    if not path.is_file() or not is_torch_file(path):
        return False
    try:
        root = read_torch_file(path)
    except ForeignFileError:
        return True
    return not (isinstance(root, dict) and root.keys() >= _OWN_STATE)


def read_checkpoint(path: Path) -> Foreign:
    """The networks in a file of torch.save or of safetensors.

    Raises:
        ForeignFileError: Refused, damaged, or not networks that sgtool has.
    """
    with refusals_in_words(str(path)):
        return _networks(_root(path), str(path))


def _networks(root: object, source: str) -> Foreign:
    if is_rosinality2(root):
        return read_rosinality2(root, source)
    if is_rosinality1(root):
        return read_rosinality1(root, source)
    if is_lucidrains(root):
        raise refuse_lucidrains(source)
    if isinstance(root, dict) and is_bare_network(tensors := tensors_in(root)):
        return read_bare_network(root, tensors, source)
    raise ForeignFileError(f"{source}: tensors, but not of networks sgtool knows; {_found(root)}")


def listed_only(path: Path) -> dict[str, Any] | None:
    """Facts of a checkpoint that can be listed but not converted; None for all others.

    Raises:
        ForeignFileError: Refused or damaged.
    """
    if path.suffix == _SAFETENSORS or not is_torch_file(path):
        return None
    root = read_torch_file(path)
    return lucidrains_facts(root, str(path)) if is_lucidrains(root) else None


def _root(path: Path) -> object:
    if path.suffix != _SAFETENSORS:
        return read_torch_file(path)
    try:
        return {name: Loaded(tensor) for name, tensor in load_file(path).items()}
    except (SafetensorError, OSError) as error:
        raise ForeignFileError(f"{path}: damaged safetensors ({error}); copy it again") from None


def _has_no_description(path: Path) -> bool:
    try:
        with safe_open(path, framework="numpy") as file:
            return "recipe" not in (file.metadata() or {})
    except (SafetensorError, OSError):
        # whoever reads it as a network of ours says what is wrong
        return False


def _found(root: object) -> str:
    if not isinstance(root, dict):
        return f"found {type(root).__name__}"
    return "found " + shown(", ".join(str(key) for key in list(root)[:5]))
