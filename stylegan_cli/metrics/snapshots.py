"""Which of a run's networks is the best, and a link to it."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from stylegan_cli.files import writing
from stylegan_cli.metrics.evaluation import Result
from stylegan_cli.metrics.protocol import Metric

BETTER = {"fid": min, "kid": min, "is": max}
"""Metrics that order networks by their first value; precision and recall only do so together."""


@dataclass(frozen=True, kw_only=True)
class Best:
    """The best network by one value."""

    network: Path
    name: str
    value: float


def best_of(results: Sequence[Result]) -> Best | None:
    """The best case by the first metric that orders networks; None without such a metric."""
    metric: Metric | None = next((each.metric for each in results if each.metric in BETTER), None)
    if metric is None:
        return None
    rivals = [result for result in results if result.metric == metric]
    name = next(iter(rivals[0].values))
    best = BETTER[metric](rivals, key=lambda result: result.values[name])
    return Best(network=Path(best.case.facts["network"]), name=name, value=best.values[name])


def link_best(best: Best) -> Path:
    """A link beside the network, such as `best-fd_alex.safetensors`; it replaces an earlier one.

    Raises:
        OutputError: The folder cannot be written.
    """
    link = best.network.with_name(f"best-{best.name}{best.network.suffix}")
    temporary = link.with_name(f".{link.name}.partial")
    with writing(link):
        with suppress(FileNotFoundError):
            temporary.unlink()
        try:
            temporary.symlink_to(best.network.name)
        except (OSError, NotImplementedError):  # where links need a privilege, on Windows
            os.link(best.network, temporary)
        temporary.replace(link)
    return link


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
