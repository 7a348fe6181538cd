"""Which of a run's networks stay when not all are kept."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from stylegan_cli.files import writing

NETWORKS = "network-*.safetensors"


def networks_until(last: Path) -> list[Path]:
    """Networks beside this one up to it, the oldest first."""
    return sorted(path for path in last.parent.glob(NETWORKS) if path.name <= last.name)


def superfluous(
    networks: Sequence[Path], distances: Mapping[str, float], *, best: int, last: int
) -> list[Path]:
    """Networks that are neither among the best nor among the newest; never the newest one.

    Args:
        networks: The oldest first.
        distances: By name of the file, the smaller the better.
        best: How many of the best stay.
        last: How many of the newest stay.
    """
    measured = [path for path in networks if path.name in distances]
    measured.sort(key=lambda path: distances[path.name])
    kept = {*measured[:best], *networks[-max(last, 1) :]}
    return [path for path in networks if path not in kept]


def prune(newest: Path, distances: Mapping[str, float], *, best: int, last: int) -> None:
    """Remove superfluous networks before this one, but none that a `best-*` link names.

    Args:
        distances: As in `superfluous`, as are best and last.

    Raises:
        OutputError: The folder cannot be written.
    """
    linked = {link.resolve() for link in newest.parent.glob("best-*") if link.is_symlink()}
    for path in superfluous(networks_until(newest), distances, best=best, last=last):
        if path.resolve() not in linked:
            with writing(path):
                path.unlink()
