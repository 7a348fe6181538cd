"""A training run as a report reads it: everything but the recipe may be missing."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylegan_cli.errors import RecipeError
from stylegan_cli.recipe import Settled, load
from stylegan_cli.report.chart import colour_class
from stylegan_cli.report.history import METRICS, STATS, History, read_history, read_lines
from stylegan_cli.report.markup import Html, element, text

RECIPE = "recipe.toml"


@dataclass(frozen=True, kw_only=True)
class Fakes:
    """A picture of the network's images after some thousand images of training."""

    kimg: float
    path: Path


@dataclass(frozen=True, kw_only=True)
class Run:
    """The contents of a run's folder.

    Attributes:
        name: Unique among the runs of the report.
        recipe: None if it cannot be read.
        recipe_text: Text of the recipe's file.
        metrics: The lines of `metrics.jsonl`, unchecked.
        network: Facts about the newest network, if there is one.
        problems: Messages about unreadable files.
    """

    name: str
    folder: Path
    recipe: Settled | None
    recipe_text: str
    history: History
    fakes: tuple[Fakes, ...]
    metrics: tuple[Mapping[str, Any], ...]
    network: Mapping[str, Any]
    problems: tuple[str, ...]

    @property
    def reals(self) -> Path:
        """Return the path of the picture of real images."""
        return self.folder / "reals.png"


def read_run(
    folder: Path, name: str, network: Mapping[str, Any], problems: tuple[str, ...] = ()
) -> Run:
    """Read everything a report shows of a run except its pictures.

    Args:
        network: Facts about the newest network.
        problems: Problems found before.
    """
    recipe, recipe_problems = _read_recipe(folder / RECIPE)
    history, history_problems = read_history(folder / STATS)
    metrics, metrics_problems = read_lines(folder / METRICS)
    return Run(
        name=name,
        folder=folder,
        recipe=recipe,
        recipe_text=(folder / RECIPE).read_text(encoding="utf-8", errors="replace"),
        history=history,
        fakes=_find_fakes(folder),
        metrics=tuple(metrics),
        network=network,
        problems=(*problems, *recipe_problems, *history_problems, *metrics_problems),
    )


def run_names(runs: Sequence[Run]) -> dict[str, Html]:
    """Return the displayed name of each run; of several, in the colour of its curves."""
    if len(runs) == 1:
        return {runs[0].name: text(runs[0].name)}
    return {
        run.name: element("span", text(run.name), class_=f"run {colour_class(place)}")
        for place, run in enumerate(runs)
    }


def _read_recipe(path: Path) -> tuple[Settled | None, tuple[str, ...]]:
    try:
        return load(path), ()
    except RecipeError as error:
        return None, tuple(str(error).splitlines())


def _find_fakes(folder: Path) -> tuple[Fakes, ...]:
    found = [
        Fakes(kimg=float(named[1]), path=path)
        for path in folder.glob("fakes-*.png")
        if (named := re.fullmatch(r"fakes-(\d{1,9}(?:\.\d{3})?)\.png", path.name))
    ]
    return tuple(sorted(found, key=lambda fakes: (fakes.kimg, fakes.path)))
