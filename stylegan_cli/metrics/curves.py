"""Values along psi or along a run, as a picture."""

import json
from collections.abc import Sequence
from pathlib import Path

from stylegan_cli.figures.charts import Curve, Panel, line_chart
from stylegan_cli.figures.png import write_png
from stylegan_cli.metrics.evaluation import Result
from stylegan_cli.metrics.features import key_of

TITLES = {"fid": "Fréchet distance", "kid": "kernel distance", "is": "Inception Score"}
X_AXES = {"snapshot": ("kimg", "training, thousands of images"), "psi": ("psi", "psi")}


def curves(results: Sequence[Result], along: str) -> tuple[Panel, ...]:
    """A panel for each metric; a value's deviation over repeats is its band.

    Args:
        along: "snapshot" or "psi".
    """
    fact, x = X_AXES[along]
    panels = []
    for metric in dict.fromkeys(result.metric for result in results):
        found = sorted(
            (result for result in results if result.metric == metric),
            key=lambda result: float(result.case.facts[fact]),
        )
        # how far subsets differ is not a value of the network
        names = [name for name in found[0].values if "_sd" not in name]
        panels.append(
            Panel(
                x=x,
                y=TITLES.get(metric, "share"),
                curves=tuple(_curve(found, name, fact) for name in names),
            )
        )
    return tuple(panels)


def draw_curves(results: Sequence[Result], along: str, folder: Path) -> Path:
    """Write the picture; its name tells what was measured, so other requests keep theirs.

    Raises:
        OutputError: The folder cannot be written.
    """
    path = folder / f"{file_stem(results)}-{along}.png"
    write_png(path, line_chart(curves(results, along)), origin=origin(results))
    return path


def file_stem(results: Sequence[Result]) -> str:
    """A name for files that show these results, by metrics and a hash of what was measured."""
    metrics = "-".join(dict.fromkeys(result.metric for result in results))
    return f"{metrics}-{key_of({'origin': origin(results)})[:8]}"


def origin(results: Sequence[Result]) -> str:
    """Where results come from, as JSON."""
    cases = {
        result.case.name: [dict(result.case.facts), len(result.case.fakes[0])] for result in results
    }
    names = sorted({name for result in results for name in result.values})
    return json.dumps({"values": names, "cases": cases}, sort_keys=True)


def _curve(results: Sequence[Result], name: str, fact: str) -> Curve:
    return Curve(
        name=name,
        x=tuple(float(result.case.facts[fact]) for result in results),
        y=tuple(result.values[name] for result in results),
        spread=tuple(result.sd.get(name, 0.0) for result in results),
    )
