"""Run folders as `sgtool train` leaves them, made up."""

import json
from pathlib import Path

import numpy as np

from stylegan_cli.figures.png import write_png
from stylegan_cli.recipe import dumps
from stylegan_cli.report import write_page
from stylegan_cli.report.inputs import Report, read_run
from tests.tiny import tiny


def tick(kimg, **numbers):
    """A line of `stats.jsonl`."""
    usual = {"loss_g": 2.0, "loss_d": 0.5, "sec_per_kimg": 3.0, "seconds": 3.0 * kimg}
    return {"cur_nimg": 1000.0 * kimg, "kimg": float(kimg), **usual, **numbers}


def shade(value, side=8):
    return np.full((side, 2 * side, 3), value, np.uint8)


def write_run(folder, *overrides, ticks=(), fakes=(0, 10, 20, 30), side=8) -> Path:
    """A run with reals, fakes that grow brighter, and these ticks."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.toml").write_text(dumps(tiny(*overrides)), encoding="utf-8")
    lines = ticks or [tick(10), tick(20), tick(30)]
    (folder / "stats.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    write_png(folder / "reals.png", shade(255, side))
    for kimg in fakes:
        write_png(folder / f"fakes-{kimg:06d}.png", shade(kimg % 256, side))
    return folder


def page_of(folder, *, most=40, runs=None, studies=()):
    """The page about the run in a folder, or these runs, and the problems it tells."""
    shown = (read_run(folder, "a"),) if runs is None else tuple(runs)
    report = Report(inputs=("x",), runs=shown, studies=tuple(studies))
    path = folder / "page-of-the-test.html"
    steps = list(write_page(report, path, most_fakes=most, overwrite=True))
    return path.read_text(encoding="utf-8"), [problem for problem in steps if problem]
