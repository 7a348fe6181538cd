"""Facts of runs and studies, in rows and words."""

import json
from collections.abc import Iterator, Mapping, Sequence
from math import ceil, isnan
from pathlib import PurePath
from typing import Any

from stylegan_cli.recipe import Settled, loads, values
from stylegan_cli.recipe.sections import inline
from stylegan_cli.rendering.store import open_study
from stylegan_cli.report.inputs import ReadRun, Study

Row = tuple[str, Sequence[object]]
"""Name of a fact, and a value for each thing; None for no value."""

MEASURES = "measures"
"""Group of numbers in a study's file, one of each kind for each of its pictures."""

LONGEST_NAME = 200
CONDITIONS = (
    *("case", "kimg", "psi", "class", "num_fake", "num_real", "num", "seed", "repeat"),
    *("detector", "protocol", "data", "created_utc"),
)
"""Settings shown beside results, if a line has them."""


def overview(runs: Sequence[ReadRun]) -> list[Row]:
    """Return the facts of runs side by side."""
    facts = [_facts(run) for run in runs]
    names = dict.fromkeys(name for each in facts for name in each)
    return [(name, [each.get(name) for each in facts]) for name in names]


def turned(heads: Sequence[str], rows: Sequence[Row]) -> tuple[list[str], list[Row]]:
    """Return heads and rows of a table whose rows and columns change places."""
    columns = zip(*(values for _, values in rows), strict=True)
    return [name for name, _ in rows], list(zip(heads, columns, strict=True))


def origins(runs: Sequence[ReadRun], studies: Sequence[Study]) -> Iterator[tuple[str, list[Row]]]:
    """Yield files, hashes, versions and dates of each run and study."""
    for run in runs:
        facts = {words(name): value for name, value in flatten(run.network)}
        yield run.name, _column({"folder": str(run.folder), **facts})
    for study in studies:
        facts = {
            "file": str(study.path),
            "network sha256": study.header.network_sha256,
            **{f"versions.{name}": version for name, version in study.versions.items()},
            "created utc": study.created_utc,
        }
        yield study.name, _column(facts)


def request(study: Study, runs: Sequence[ReadRun]) -> str:
    """Return the request of a study and the network that drew it, on a line."""
    said = [
        f"{words(key)} {value_in_words(value)}"
        for key, value in flatten(study.header.request)
        if value is not None and str(value).strip(", ")
    ]
    sha256 = study.header.network_sha256
    drawn_by = f"network {sha256[:12]}…"
    for run in runs:
        if run.network and run.network["sha256"] == sha256:
            drawn_by = f"{run.network['file']} of {run.name}"
    return " · ".join([*said, drawn_by])


def measures(study: Study) -> Iterator[tuple[Sequence[str], list[Row]]]:
    """Yield names and rows of what was measured of each picture, if the study measures them."""
    with open_study(study.path) as file:
        axes = [*file.header.axes.values()]
        if MEASURES not in file.measurements or len(axes) != 1:
            return
        (pictures,) = axes
        rows: list[Row] = []
        for name in file.names(MEASURES):
            found = file.array(MEASURES, name)
            if found.shape != (len(pictures),) or found.dtype.kind not in "biuf":
                continue
            rows.append((words(name), [None if isnan(x) else float(x) for x in found]))
        yield pictures, rows


def conditions(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the settings that lines of `metrics.jsonl` have, and the network if not of one run."""
    folders = {PurePath(str(line["network"])).parent for line in lines if line.get("network")}
    keys = (*(("network",) if len(folders) > 1 else ()), *CONDITIONS)
    return [key for key in keys if any(line.get(key) not in (None, "") for line in lines)]


def results(line: Mapping[str, Any]) -> str:
    """Return the results, as in `fd_alex 3.73 ± 0.02`; without results, the line's numbers."""
    found = line.get("results")
    if not isinstance(found, Mapping):
        found = {name: value for name, value in line.items() if isinstance(value, float)}
    spread = line.get("sd")
    spread = spread if isinstance(spread, Mapping) else {}
    return ", ".join(
        f"{name} {value_in_words(value)}"
        + (f" ± {value_in_words(spread[name])}" if name in spread else "")
        for name, value in found.items()
    )


def json_lines(lines: Sequence[Mapping[str, Any]]) -> str:
    """Return the lines as their file has them."""
    return "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)


def differences(recipes: Sequence[Settled]) -> dict[str, list[str]]:
    """Return every key that is not the same default in all recipes: its values, and the default.

    Keys in which the recipes differ from each other come first.
    """
    own = [values(recipe) for recipe in recipes]
    standard = [
        values(loads(f'generator.family = "{recipe.generator.family}"')) for recipe in recipes
    ]
    rows = {
        key: _row([each[key] for each in own], [each[key] for each in standard])
        for key in own[0]
        if any(each[key] != standard[0][key] for each in (*own, *standard))
    }
    return dict(sorted(rows.items(), key=lambda row: len(set(row[1][:-1])) == 1))


def flatten(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Flatten facts: inner ones by dotted names, lists in words."""
    for key, value in facts.items():
        # a strange file may repeat a name of megabytes in thousands of rows
        name = (prefix + key)[:LONGEST_NAME]
        if isinstance(value, Mapping):
            yield from flatten(value, f"{name}.")
        elif isinstance(value, list | tuple):
            yield name, ", ".join(map(str, value))
        else:
            yield name, value


def words(name: str) -> str:
    """Return a key in words."""
    return name.replace("_", " ")


def value_in_words(value: object) -> str:
    """Return a value in words: numbers without needless digits, nothing for None."""
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def duration(seconds: float) -> str:
    """Format hours and minutes, or minutes and seconds."""
    minutes, rest = divmod(ceil(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes else f"{rest} s"
    return f"{minutes // 60:,} h {minutes % 60} min"


def _column(facts: Mapping[str, object]) -> list[Row]:
    return [(name, [value]) for name, value in facts.items()]


def _facts(run: ReadRun) -> dict[str, object]:
    last, recipe = run.history.last, run.recipe
    facts: dict[str, object] = {}
    if recipe is not None:
        architecture = f"{recipe.generator.family}, {recipe.generator.architecture}"
        facts |= {"recipe": recipe.title, "network": architecture}
        facts |= {"resolution": _resolution(run, recipe), "data": recipe.data.path}
    facts |= {"images": run.network.get("images"), "shown": _progress(run)}
    if "seconds" in last:
        facts["time"] = duration(last["seconds"])
        facts["time per kimg"] = f"{last['seconds'] / (last['kimg'] or 1):.3g} s"
    return facts


def _resolution(run: ReadRun, recipe: Settled) -> str:
    full = recipe.data.size
    grown = full.with_longer(int(run.history.last.get("resolution", full.longer)))
    said = f"{full.value} px"
    return said if grown == full else f"{said}, grown to {grown.value} px"


def _progress(run: ReadRun) -> str | None:
    kimg = run.history.last.get("kimg")
    if kimg is None:
        return None
    if run.recipe is None:
        return f"{kimg:,g} kimg"
    total = run.recipe.train.total_kimg
    return f"{kimg:,g} of {total:,g} kimg" if kimg < total else f"{kimg:,g} kimg, finished"


def _row(found: Sequence[object], defaults: Sequence[object]) -> list[str]:
    written = {_written(default) for default in defaults}
    default = written.pop() if len(written) == 1 else "by family"
    return [*map(_written, found), default]


def _written(value: object) -> str:
    if value is None:
        return "not set"
    return value if isinstance(value, str) else inline(value)
