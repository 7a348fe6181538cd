"""The best of a run's networks, the link to it, and pruning of the others."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from stylegan_cli.files import writing
from stylegan_cli.metrics.metric import Best, Found, Metric
from stylegan_cli.training.run_folder import kimg_of, snapshots


def best_of(metrics: Sequence[Metric], found: Sequence[Found]) -> Best | None:
    """Return the best network by the first metric that orders networks; None without one."""
    for metric in (each for each in metrics if each.better):
        rivals = [each for each in found if each.metric == metric.name and each.network]
        if rivals:
            name = next(iter(rivals[0].values))
            choose = min if metric.better == "smaller" else max
            best = choose(
                (each for each in rivals if name in each.values), key=lambda each: each.values[name]
            )
            assert best.network is not None
            return Best(network=best.network, name=name, value=best.values[name])
    return None


def link_best(best: Best) -> Best:
    """Make a link beside the network, as `best-fd_alex.safetensors`; it replaces an earlier one."""
    link = best.network.with_name(f"best-{best.name}{best.network.suffix}")
    temporary = link.with_name(f".{link.name}.partial")
    with writing(link):
        with suppress(FileNotFoundError):
            temporary.unlink()
        try:
            temporary.symlink_to(best.network.name)
        except (OSError, NotImplementedError):  # on Windows, links need a privilege
            os.link(best.network, temporary)
        temporary.replace(link)
    return replace(best, link=link)


def networks_until(folder: Path, kimg: float) -> list[Path]:
    """Return the networks of a run up to a time, the oldest first."""
    # names contain kimg as integers or with three decimals
    return [path for path in snapshots(folder) if kimg_of(path) <= kimg + 5e-4]


def superfluous(
    networks: Sequence[Path], distances: Mapping[str, float], *, best: int, last: int
) -> list[Path]:
    """Return networks that are neither among the best nor among the newest; never the newest one.

    Args:
        networks: The oldest first.
        distances: Distance by file name; smaller is better.
        best: Number of best networks to keep.
        last: Number of newest networks to keep.
    """
    measured = [path for path in networks if path.name in distances]
    measured.sort(key=lambda path: distances[path.name])
    kept = {*measured[:best], *networks[-max(last, 1) :]}
    return [path for path in networks if path not in kept]


def prune(newest: Path, distances: Mapping[str, float], *, best: int, last: int) -> None:
    """Remove superfluous networks before this one, but none that a `best-*` link names.

    Args:
        distances: As in `superfluous`; so are best and last.
    """
    linked = {link.resolve() for link in newest.parent.glob("best-*") if link.is_symlink()}
    for path in superfluous(
        networks_until(newest.parent, kimg_of(newest)), distances, best=best, last=last
    ):
        if path.resolve() not in linked:
            with writing(path):
                path.unlink()
