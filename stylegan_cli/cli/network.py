"""The network and the machine that a command works with."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from stylegan_cli import api
from stylegan_cli.cli import console
from stylegan_cli.errors import NetworkFileError

if TYPE_CHECKING:
    import torch

    from stylegan_cli.cli.options import NetworkFlags

RUNS = Path("runs")
SNAPSHOTS = "network-*.safetensors"


def execution_of(flags: "NetworkFlags") -> "api.Execution":
    """Return how to compute images; print a note if that takes time at first."""
    if flags.compile:
        console.note("--compile: the first batch takes a minute or more")
    return api.Execution(
        precision=flags.precision,
        backend=flags.backend,
        compile=flags.compile,
        batch_size=flags.batch,
    )


def open_network(chosen: Path | None, flags: "NetworkFlags") -> "api.Network":
    """Open the chosen or the newest network for drawing, and print which one it is.

    Its weights are read when they are first needed; an unknown device or backend fails then.

    Args:
        chosen: As for `find_network`.
    """
    path = find_network(chosen)
    network = open_drawing(path, flags)
    whole, grown = network.sizes.size, network.sizes.grown_size
    size = str(whole) if whole == grown else f"{whole} (grown to {grown})"
    place = "in the package" if path == api.shipped_network(path.stem) else path
    console.note(f"network {place}: {network.recipe.title}, {size}, {network.kimg:g} kimg")
    return network


def open_drawing(path: Path, flags: "NetworkFlags") -> "api.Network":
    """Open a network file as `open_network` does, but print nothing."""

    def device() -> "torch.device":
        place = api.pick_device(flags.device)
        if place.type == "cpu":
            api.keep_freed_memory()
        api.repeatable(place, api.pick_dtype(network.precision, place))
        return place

    network = api.open_for_drawing(path, device, execution_of(flags))
    return network


def find_network(chosen: Path | None) -> Path:
    """Return the file of the chosen network.

    Args:
        chosen: A network file, a run folder (its newest network), an address, or the name of a
            network of the package; None means $SGTOOL_NETWORK, else the newest network of the
            newest run under ./runs, else portraits-64.
    """
    if chosen is not None:
        chosen = local(chosen)
        return api.newest_network(chosen) if chosen.is_dir() else chosen
    usual = os.environ.get("SGTOOL_NETWORK")
    if not usual:
        return _newest_network() or api.shipped_network()
    try:
        return find_network(Path(usual))
    except NetworkFileError as error:
        raise NetworkFileError(f"$SGTOOL_NETWORK: {error}") from None


def local(chosen: Path) -> Path:
    """Return the path of a network given by path, name or address, fetched if need be."""
    address = api.address_of(chosen)
    if address is None:
        return api.network_at(chosen)
    steps = console.track(
        api.fetch_network(address),
        label=f"{address}, bytes",
        total=None,
        count=lambda step: step if isinstance(step, int) else 0,
    )
    *_, found = steps
    assert isinstance(found, api.Fetched)
    console.note(f"{address}: {found.note or found.path}")
    return found.path


def _newest_network() -> Path | None:
    """Return the newest snapshot of the newest run under ./runs, if there is one."""
    snapshots = list(RUNS.glob(f"*/{SNAPSHOTS}"))
    if not snapshots:
        return None
    newest_run = max(snapshots, key=lambda path: path.stat().st_mtime).parent
    return find_network(newest_run)


def machine(device_name: str) -> "api.Machine":
    """Return this machine, as a recipe is settled for it."""
    has_gpu = api.pick_device(device_name).type == "cuda"
    return api.Machine(processes=api.process_count(), has_gpu=has_gpu)


@contextmanager
def any_network(source: Path) -> "Iterator[tuple[api.Network, Sequence[str]]]":
    """Yield any network, with its discriminator if it has one, and notes about it."""
    source = local(source)
    if not source.is_file() or not api.is_foreign(source):
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
