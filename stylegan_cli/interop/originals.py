"""Network pickles of the original releases, of TensorFlow and PyTorch."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stylegan_cli.errors import ForeignFileError
from stylegan_cli.interop.arrays import NUMPY_NAMES
from stylegan_cli.interop.containers import opened_pickle
from stylegan_cli.interop.foreign import Foreign
from stylegan_cli.interop.limits import Limits
from stylegan_cli.interop.machine import Table
from stylegan_cli.interop.persistent_modules import PERSISTENCE_NAMES
from stylegan_cli.interop.pickles import read_pickle
from stylegan_cli.interop.plain_objects import PLAIN_NAMES
from stylegan_cli.interop.pytorch_releases import is_pytorch_release, read_pytorch_release
from stylegan_cli.interop.tensorflow_networks import TENSORFLOW_NAMES, PickledNetwork
from stylegan_cli.interop.tensorflow_releases import read_tensorflow_release, tensorflow_networks
from stylegan_cli.interop.torch_tensors import TORCH_NAMES

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
