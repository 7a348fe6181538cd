"""Foreign files of networks, each given to the reader of its format."""

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeGuard

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from stylegan_cli.errors import ForeignFileError
from stylegan_cli.files import similar
from stylegan_cli.interop.bare_networks import is_bare_network, read_bare_network, tensors_in
from stylegan_cli.interop.foreign import Foreign, Loaded
from stylegan_cli.interop.persistent_modules import PERSISTENCE_NAMES
from stylegan_cli.interop.pickles.limits import Limits, shown, shown_value
from stylegan_cli.interop.pickles.machine import Table
from stylegan_cli.interop.pickles.reader import (
    PICKLE_SUFFIXES,
    holds_pickle,
    opened_pickle,
    read_pickle,
    refusals_in_words,
)
from stylegan_cli.interop.pickles.stand_ins import NUMPY_NAMES, PLAIN_NAMES
from stylegan_cli.interop.pickles.torch_files import is_torch_file, read_torch_file
from stylegan_cli.interop.pickles.torch_tensors import TORCH_NAMES
from stylegan_cli.interop.pytorch_releases import is_pytorch_release, read_pytorch_release
from stylegan_cli.interop.rosinality1 import is_rosinality1, read_rosinality1
from stylegan_cli.interop.rosinality2 import is_rosinality2, read_rosinality2
from stylegan_cli.interop.tensor_maps import StateDict, state_dict
from stylegan_cli.interop.tensorflow_networks import TENSORFLOW_NAMES, PickledNetwork
from stylegan_cli.interop.tensorflow_releases import read_tensorflow_release, tensorflow_networks
from stylegan_cli.networks.snapshot import file_sha256, refuse_exports

_MARK = re.compile(r"GE?\.blocks\.\d+\.to_rgb\.conv\.weight")
_NETWORKS: Mapping[str, str | tuple[str, ...]] = {
    "mapping": "S.",
    "generator": "G.",
    "averaged": ("SE.", "GE."),
    "discriminator": "D.",
}
REASON = (
    "a network of lucidrains' StyleGAN2, which sgtool only lists: its layers are not StyleGAN2's "
    "(no equalized weights, one style a block, bilinear doubling, other noise), so no network here "
    "makes its images"
)


def is_lucidrains(root: object) -> TypeGuard[Mapping[str, object]]:
    """Whether a file holds a checkpoint of this program."""
    state = root.get("GAN") if isinstance(root, dict) else None
    return isinstance(state, dict) and any(
        isinstance(name, str) and _MARK.fullmatch(name) for name in state
    )


def lucidrains_facts(root: Mapping[str, object], source: str) -> dict[str, Any]:
    """What a checkpoint holds, ready for JSON.

    Raises:
        ForeignFileError: Its networks are no state dict.
    """
    state = state_dict(root["GAN"], "GAN", source)
    blocks = _count(state, r"G\.blocks\.\d+\.to_rgb\.conv\.weight")
    rgb, first = state.get("G.blocks.0.to_rgb.conv.weight"), state.get("S.net.0.weight")
    return {
        "format": "lucidrains-stylegan2",
        "family": "lucidrains",
        "resolution": 2 ** (blocks + 1),
        "channels": rgb.shape[0] if rgb and rgb.shape else None,
        "z_dim": first.shape[-1] if first and first.shape else None,
        "mapping_layers": _count(state, r"S\.net\.\d+\.weight"),
        "attention_layers": _count(state, r"G\.attns\.\d+\..*weight"),
        "version": shown_value(root.get("version", "unknown")),
        "parameters": {
            name: sum(math.prod(each.shape) for key, each in state.items() if key.startswith(start))
            for name, start in _NETWORKS.items()
        },
        "notes": [REASON],
    }


def refuse_lucidrains(source: str) -> ForeignFileError:
    """The error of a conversion of such a checkpoint."""
    return ForeignFileError(f"{source}: {REASON}; `sgtool info` tells what is in the file")


def _count(state: StateDict, pattern: str) -> int:
    return sum(re.fullmatch(pattern, name) is not None for name in state)


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


NAMES: Table = {
    **NUMPY_NAMES,
    **PLAIN_NAMES,
    **TORCH_NAMES,
    **PERSISTENCE_NAMES,
    **TENSORFLOW_NAMES,
}
"""All names that may stand in a network pickle of the originals."""


def read_originals(path: Path) -> Foreign:
    """The networks in a pickle of an original release, also inside a zip.

    Raises:
        ForeignFileError: Refused, damaged, or not networks that sgtool has.
    """
    with _read(path) as root:
        if is_pytorch_release(root):
            return read_pytorch_release(root, str(path))
        if networks := tensorflow_networks(root):
            return read_tensorflow_release(networks, str(path))
    raise _other(path, root)


def read_tensorflow_networks(path: Path) -> tuple[PickledNetwork, ...]:
    """The networks in a pickle of a TensorFlow release, as they stand there.

    Raises:
        ForeignFileError: Refused, damaged, or not a pickle of networks.
    """
    with _read(path) as root:
        networks = tensorflow_networks(root)
    if not networks:
        raise _other(path, root)
    return networks


@contextmanager
def _read(path: Path) -> Iterator[object]:
    limits = Limits()
    with opened_pickle(path, limits) as file:
        yield read_pickle(file, NAMES, source=str(path), limits=limits)


def _other(path: Path, root: object) -> ForeignFileError:
    return ForeignFileError(
        f"{path}: a pickle, but not of networks of an original release; found {type(root).__name__}"
    )


def is_foreign(path: Path) -> bool:
    """Whether a file is one that `read_foreign` would try, by its suffix or by what is in it."""
    return path.suffix.lower() in PICKLE_SUFFIXES or is_checkpoint(path) or holds_pickle(path)


def read_foreign(path: Path) -> Foreign:
    """The networks in another program's file; nothing in it is run.

    Raises:
        ForeignFileError: No such file, of no format that is known, refused, or damaged.
    """
    if not path.is_file():
        missing = f"there is no such file{similar(path)}"
        found = "a folder; name a file in it" if path.is_dir() else missing
        raise ForeignFileError(f"{path}: {found}")
    refuse_exports(path)
    _refuse_other_things(path)
    if not is_foreign(path) and path.suffix == ".safetensors":
        raise ForeignFileError(
            f"{path}: has the format of sgtool already, or is damaged; `sgtool info {path}` tells"
        )
    if not is_foreign(path):
        raise ForeignFileError(
            f"{path}: of no format of another program that sgtool reads; "
            f"those are pickles ({', '.join(PICKLE_SUFFIXES)}), also in a zip, and files of "
            f"torch.save ({', '.join(CHECKPOINT_SUFFIXES)})"
        )
    foreign = read_checkpoint(path) if is_checkpoint(path) else read_originals(path)
    origin = {"source": path.name, "source_sha256": file_sha256(path)}
    return replace(foreign, provenance={**origin, **foreign.provenance})


def _refuse_other_things(path: Path) -> None:
    """Say of a file that nobody means what it is, whatever its name."""
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError as error:
        raise ForeignFileError(f"{path}: cannot be read ({error.strerror or error})") from None
    if not start:
        raise ForeignFileError(f"{path}: damaged or cut: it is empty; copy or download it again")
    for beginning, words in _OTHER_THINGS.items():
        if start.lstrip().lower().startswith(beginning):
            raise ForeignFileError(f"{path}: {words}")


_IMAGE = "an image, not a network, whatever its name says"
_PAGE = "a page of the web, not a network; download the file itself"
_OTHER_THINGS = {
    b"\xff\xd8\xff": _IMAGE,
    b"\x89png": _IMAGE,
    b"gif8": _IMAGE,
    b"<!doctype": _PAGE,
    b"<html": _PAGE,
    b"version https://git-lfs": "a pointer of Git LFS, not the network; run git lfs pull",
}
"""What downloads and wrong names bring, by how it begins, in lower case."""
