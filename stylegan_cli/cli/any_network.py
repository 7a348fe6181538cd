"""Networks to convert: files of ours, runs, and other programs' files."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from stylegan_cli.cli.network import find_network
from stylegan_cli.shipped import of_package_by_name

if TYPE_CHECKING:
    from stylegan_cli.checkpoint import Network


@contextmanager
def any_network(source: Path) -> "Iterator[tuple[Network, Sequence[str]]]":
    """The network, with its discriminator where there is one, and what should be known of it.

    Raises:
        SgtoolError: There is none, or it cannot be read.
    """
    from stylegan_cli import api

    source = of_package_by_name(source)
    if source.is_dir() or not api.is_foreign(source):
        path = find_network(source)
        yield api.load_network(path, discriminator=api.has_discriminator(path)), ()
        return
    foreign = api.read_foreign(source)
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{source.stem}.safetensors"
        api.save_foreign(foreign, path)
        network = api.load_network(path, discriminator=foreign.has_discriminator)
        # messages name the file that was given
        yield replace(network, path=source), foreign.notes
