"""The statistics that a run writes line by line, readable however the run ended."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylegan_cli.errors import DataError
from stylegan_cli.texts import read_lines

Point = tuple[float, float]
"""kimg and a value."""

STATS, METRICS = "stats.jsonl", "metrics.jsonl"

LARGEST = 1e30
"""Larger numbers are left out: no chart could show them beside others."""


@dataclass(frozen=True, kw_only=True)
class History:
    """The measurements of a run over time.

    Attributes:
        ticks: Numbers by name, ordered by "kimg", which each has.
        alarms: Problems that the run reported, and their kimg.
    """

    ticks: tuple[Mapping[str, float], ...]
    alarms: tuple[tuple[float, str], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Return names of all measurements, in order of appearance."""
        return tuple(dict.fromkeys(name for tick in self.ticks for name in tick))

    @property
    def last(self) -> Mapping[str, float]:
        """Return the newest tick; empty before the first."""
        return self.ticks[-1] if self.ticks else {}

    def series(self, name: str) -> tuple[Point, ...]:
        """Return the values of one number, by kimg."""
        return tuple((tick["kimg"], tick[name]) for tick in self.ticks if name in tick)

    def switches(self) -> tuple[tuple[float, int], ...]:
        """Return kimg and new resolution of each tick at which a growing network grew."""
        sizes = self.series("resolution")
        return tuple(
            (kimg, int(size))
            for (kimg, size), (_, before) in zip(sizes[1:], sizes, strict=False)
            if size != before
        )


def read_history(path: Path) -> tuple[History, list[str]]:
    """Read the statistics of a run, and report problems with their file."""
    lines, problems = lines_of(path)
    by_kimg = {tick["kimg"]: tick for tick in map(_tick, lines) if "kimg" in tick}
    ticks = tuple(by_kimg[kimg] for kimg in sorted(by_kimg))
    alarms = tuple(alarm for line in lines for alarm in _alarms(line))
    return History(ticks=ticks, alarms=alarms), problems


def lines_of(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Read the JSON objects in a file with one a line, and report problems with the file."""
    try:
        good, damaged = read_lines(path)
    except DataError as error:
        return [], [str(error)]
    count = len(good) + damaged
    problem = f"{path}: {damaged} of {count} lines are not JSON objects and are left out"
    return good, [problem] if damaged else []


def _tick(line: Mapping[str, Any]) -> dict[str, float]:
    tick = dict(_numbers(line))
    if "kimg" not in tick and "cur_nimg" in tick:
        tick["kimg"] = tick["cur_nimg"] / 1000
    return tick


def _alarms(line: Mapping[str, Any]) -> Iterator[tuple[float, str]]:
    alarms, kimg = line.get("alarms"), _tick(line).get("kimg")
    if kimg is None or not isinstance(alarms, list):
        return
    for alarm in alarms:
        if isinstance(alarm, dict):
            yield kimg, f"{alarm.get('name')}: {alarm.get('message')}"


def _numbers(line: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, value in line.items():
        if type(value) in (int, float) and abs(value) < LARGEST:  # False for NaN
            yield name, float(value)
