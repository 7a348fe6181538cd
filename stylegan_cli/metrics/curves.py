"""Values along psi or along a run, as a picture."""

import json
from collections.abc import Sequence
from pathlib import Path

from stylegan_cli.figures.charts import Curve, Panel, line_chart
from stylegan_cli.figures.png import write_png
from stylegan_cli.metrics.features import key_of
from stylegan_cli.metrics.metric import Found, Metric, OnFeatures

X_AXES = {"snapshot": ("kimg", "training, thousands of images"), "psi": ("psi", "psi")}
_RESULTS = ("results", "sd", "runs")


def curves(metrics: Sequence[Metric], found: Sequence[Found], along: str) -> tuple[Panel, ...]:
    """Make a panel for each metric; the deviation of a value over repeats is its band.

    Args:
        along: "snapshot" or "psi".
    """
    fact, x = X_AXES[along]
    panels = []
    for metric in metrics:
        assert isinstance(metric.work, OnFeatures)
        own = [each for each in found if each.metric == metric.name]
        own.sort(key=lambda each: float(each.records[0][fact]))
        # the deviation of subsets does not describe the network
        names = [name for name in own[0].values if "_sd" not in name]
        lines = tuple(_curve(own, name, fact) for name in names)
        panels.append(Panel(x=x, y=metric.work.title, curves=lines))
    return tuple(panels)


def draw_curves(
    metrics: Sequence[Metric], found: Sequence[Found], along: str, folder: Path
) -> Path:
    """Write the picture under a name of its own for what was measured.

    Raises:
        OutputError: The folder cannot be written.
    """
    path = folder / f"{file_stem(found)}-{along}.png"
    write_png(path, line_chart(curves(metrics, found, along)), origin=origin(found))
    return path


def file_stem(found: Sequence[Found]) -> str:
    """Return a name for files that show these results: metrics and a hash of what was measured."""
    metrics = "-".join(dict.fromkeys(each.metric for each in found))
    return f"{metrics}-{key_of({'origin': origin(found)})[:8]}"


def origin(found: Sequence[Found]) -> str:
    """Return where results come from, as JSON."""
    measured = [
        {key: value for key, value in record.items() if key not in _RESULTS}
        for each in found
        for record in each.records
    ]
    return json.dumps(measured, sort_keys=True)


def _curve(found: Sequence[Found], name: str, fact: str) -> Curve:
    return Curve(
        name=name,
        x=tuple(float(each.records[0][fact]) for each in found),
        y=tuple(each.values[name] for each in found),
        spread=tuple(each.spread.get(name, 0.0) for each in found),
    )
