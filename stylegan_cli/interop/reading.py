"""Foreign files of networks, each given to the reader of its format."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from stylegan_cli.errors import ForeignFileError
from stylegan_cli.files import similar
from stylegan_cli.interop.foreign import Foreign, loaded
from stylegan_cli.interop.pickles import Limits, UnsupportedError, shown
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
from stylegan_cli.interop.pytorch_releases import (
    PERSISTENCE_NAMES,
    is_pytorch_release,
    read_pytorch_release,
)
from stylegan_cli.interop.rosinality1 import is_rosinality1, read_rosinality1
from stylegan_cli.interop.rosinality2 import is_rosinality2, read_rosinality2
from stylegan_cli.interop.shapes_of_networks import is_bare_network, read_bare_network, tensors_in
from stylegan_cli.interop.tensor_maps import parts_of, unwrapped
from stylegan_cli.interop.tensorflow_networks import TENSORFLOW_NAMES, PickledNetwork
from stylegan_cli.interop.tensorflow_releases import read_tensorflow_release, tensorflow_networks
from stylegan_cli.networks.header import other_content, refuse_exports
from stylegan_cli.networks.snapshot import file_sha256

CHECKPOINT_SUFFIXES = (".pt", ".pth", ".ckpt", ".model", ".safetensors")
_OWN_STATE = {"schema", "cur_nimg"}
_MOST_PARTS = 1000
_SAFETENSORS = ".safetensors"
_PROTOCOLS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
"""First bytes of pickles of protocol 2 and later."""


def is_foreign(path: Path) -> bool:
    """Return True if `read_foreign` would try the file, by its suffix or content."""
    return _reader_of(path) is not None


def _reader_of(path: Path) -> Callable[[Path], Foreign] | None:
    """Return what reads a file; None for files of sgtool and for unknown ones."""
    if path.suffix == _SAFETENSORS:
        return _read_checkpoint if _has_no_description(path) else None
    if path.is_file() and is_torch_file(path):
        with suppress(ForeignFileError):  # its reader reports the error
            root = read_torch_file(path)
            if isinstance(root, dict) and root.keys() >= _OWN_STATE:
                return None
        return _read_checkpoint
    if path.suffix.lower() in PICKLE_SUFFIXES or holds_pickle(path):
        return _read_originals
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return _read_originals if file.read(2) in _PROTOCOLS else None


def _read_checkpoint(path: Path) -> Foreign:
    """Read the networks in a file of torch.save or of safetensors."""
    with refusals_in_words(str(path)):
        if path.suffix == _SAFETENSORS:
            try:
                whole: object = {name: loaded(each) for name, each in load_file(path).items()}
            except (SafetensorError, OSError, RuntimeError) as error:
                raise UnsupportedError(f"damaged safetensors ({error}); copy it again") from None
        else:
            whole = read_torch_file(path)
        return _network_of(whole, str(path))


def _network_of(whole: object, source: str) -> Foreign:
    root, notes = unwrapped(whole)
    if isinstance(root, dict) and is_bare_network(tensors := tensors_in(root)):
        foreign = read_bare_network(root, tensors, source)
        return replace(foreign, notes=(*notes, *foreign.notes))
    for part, place in islice(parts_of(whole), _MOST_PARTS):
        root, notes = unwrapped(part)
        if is_rosinality2(root):
            foreign = read_rosinality2(root, source)
        elif is_rosinality1(root):
            foreign = read_rosinality1(root, source)
        else:
            continue
        where = (f"the network is its {shown(place)}",) if place else ()
        return replace(foreign, notes=(*where, *notes, *foreign.notes))
    found, hint = f"found {type(whole).__name__}", ""
    if isinstance(whole, dict) and whole:
        found = "found " + shown(", ".join(map(_key_in_words, list(whole.items())[:5])))
        hint = "; lucidrains' StyleGAN2 has layers of its own" if "GAN" in whole else ""
    raise UnsupportedError(
        f"contains no network that sgtool knows; {found}{hint}; it knows networks with the names "
        "of NVIDIA's releases, of rosinality's programs and its own"
    )


def _key_in_words(item: tuple[object, object]) -> str:
    key, value = item
    return f"{key} ({next(iter(value))}, …)" if isinstance(value, dict) and value else str(key)


def _has_no_description(path: Path) -> bool:
    try:
        with safe_open(path, framework="numpy") as file:
            return "recipe" not in (file.metadata() or {})
    except (SafetensorError, OSError):
        # the reader of our own networks reports the error
        return False


NAMES: Table = {
    **NUMPY_NAMES,
    **PLAIN_NAMES,
    **TORCH_NAMES,
    **PERSISTENCE_NAMES,
    **TENSORFLOW_NAMES,
}
"""All names that may stand in a network pickle of the originals."""


def _read_originals(path: Path) -> Foreign:
    """Read the networks in a pickle of an original release, also inside a zip."""
    with _read(path) as root:
        if is_pytorch_release(root):
            return read_pytorch_release(root, str(path))
        if networks := tensorflow_networks(root):
            return read_tensorflow_release(networks, str(path))
    raise _other(path, root)


def read_tensorflow_networks(path: Path) -> tuple[PickledNetwork, ...]:
    """Read the networks in a pickle of a TensorFlow release, unconverted."""
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


def read_foreign(path: Path) -> Foreign:
    """Read the networks in another program's file; nothing in it is run.

    Raises:
        ForeignFileError: Missing, of an unknown format, refused, or damaged.
    """
    if not path.is_file():
        missing = f"there is no such file{similar(path)}"
        found = "a folder; name a file in it" if path.is_dir() else missing
        raise ForeignFileError(f"{path}: {found}")
    refuse_exports(path)
    try:
        words = other_content(path)
    except OSError as error:
        words = f"cannot be read ({error.strerror or error})"
    if words:
        raise ForeignFileError(f"{path}: {words}")
    read = _reader_of(path)
    if read is None and path.suffix == _SAFETENSORS:
        raise ForeignFileError(
            f"{path}: is in sgtool's own format already, or damaged; `sgtool info {path}` "
            "shows which"
        )
    if read is None:
        raise ForeignFileError(
            f"{path}: sgtool reads no such format of other programs; "
            f"it reads pickles ({', '.join(PICKLE_SUFFIXES)}), also in a zip, and files of "
            f"torch.save ({', '.join(CHECKPOINT_SUFFIXES)})"
        )
    foreign = read(path)
    origin = {"source": path.name, "source_sha256": file_sha256(path)}
    return replace(foreign, provenance={**origin, **foreign.provenance})
