"""Which of a run's networks is the best, and a link to it."""

import os
from collections.abc import Sequence
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
