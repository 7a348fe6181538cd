"""The available metrics; packages add theirs as entry points, or by `register`."""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points

from stylegan_cli.errors import UsageError
from stylegan_cli.metrics.equivariance import EQUIVARIANCE
from stylegan_cli.metrics.fid import FID
from stylegan_cli.metrics.inception_score import INCEPTION_SCORE
from stylegan_cli.metrics.kid import KID
from stylegan_cli.metrics.metric import Metric
from stylegan_cli.metrics.nearest import NEAREST
from stylegan_cli.metrics.ppl import PPL
from stylegan_cli.metrics.precision_recall import PRECISION_RECALL
from stylegan_cli.metrics.separability import SEPARABILITY

GROUP = "stylegan_cli.metrics"
"""Entry points of this group name records of metrics in other packages."""

_METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        FID,
        KID,
        INCEPTION_SCORE,
        PRECISION_RECALL,
        NEAREST,
        PPL,
        SEPARABILITY,
        EQUIVARIANCE,
    )
}


def register(metric: Metric) -> None:
    """Add a metric, or replace the one of its name."""
    _METRICS[metric.name] = metric


def metrics() -> Mapping[str, Metric]:
    """Return all metrics by name, those of other packages last."""
    for name, metric in _of_packages().items():
        _METRICS.setdefault(name, metric)
    return dict(_METRICS)


@cache
def _of_packages() -> dict[str, Metric]:
    found = {}
    for entry in entry_points(group=GROUP):
        try:
            metric = entry.load()
        except Exception as error:  # third-party code may fail in any way
            raise UsageError(
                f"metric {entry.name}: {entry.value} cannot be imported ({error}); fix or "
                "uninstall its package"
            ) from error
        if not isinstance(metric, Metric):
            raise UsageError(f"metric {entry.name}: {entry.value} is not a `Metric`; name one")
        found[entry.name] = metric
    return found
