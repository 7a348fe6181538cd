"""Which network a command works with, and on which device."""

from pathlib import Path
from typing import TYPE_CHECKING

from stylegan_cli.cli import console
from stylegan_cli.errors import NetworkFileError

if TYPE_CHECKING:
    from stylegan_cli.checkpoint import Network

RUNS = Path("runs")
SNAPSHOTS = "network-*.safetensors"


def open_network(chosen: Path | None, device: str) -> "Network":
    """The chosen network, or the newest one here; says on stderr which one it is.

    Args:
        chosen: A network file or a run folder; None looks under ./runs.

    Raises:
        NetworkFileError: There is none, or it cannot be read.
        UsageError: There is no such device.
    """
    from stylegan_cli.checkpoint import load_network
    from stylegan_cli.runtime import pick_device, repeatable

    path, place = find_network(chosen), pick_device(device)
    network = load_network(path, place)
    repeatable(place, network.G.mapping.w_avg.dtype)
    side, grown = network.G.resolution, network.G.side
    size = f"{side}×{side}" if side == grown else f"{side}×{side} (grown to {grown}×{grown})"
    console.note(f"network {path}: {network.recipe.title}, {size}, {network.kimg:g} kimg")
    return network


def find_network(chosen: Path | None) -> Path:
    """The file of the chosen network: of a run, its newest; of nothing, the newest run's newest.

    Raises:
        NetworkFileError: There is none.
    """
    if chosen is None:
        return newest_network()
    from stylegan_cli.training.run_folder import newest_network as newest_network_of

    return newest_network_of(chosen) if chosen.is_dir() else chosen


def newest_network() -> Path:
    """The newest snapshot of the newest run under ./runs.

    Raises:
        NetworkFileError: There is none.
    """
    snapshots = list(RUNS.glob(f"*/{SNAPSHOTS}"))
    if not snapshots:
        raise NetworkFileError(
            "no network: none given, and no run under ./runs has made one; "
            "name one with --network or $SGTOOL_NETWORK, or train one with `sgtool train`"
        )
    newest_run = max(snapshots, key=lambda path: path.stat().st_mtime).parent
    return find_network(newest_run)
