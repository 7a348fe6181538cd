"""Runs with their progress, and the provenance of everything on the page."""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil

from stylegan_cli.recipe import Settled
from stylegan_cli.report.markup import Html, element, text
from stylegan_cli.report.run import Run, run_names
from stylegan_cli.report.study import Study
from stylegan_cli.report.table import facts_table, flatten, words


def overview(runs: Sequence[Run]) -> Html:
    """Show the runs side by side in a few lines."""
    facts = [_facts(run) for run in runs]
    names = dict.fromkeys(name for each in facts for name in each)
    rows = {name: [each.get(name) for each in facts] for name in names}
    return facts_table(list(run_names(runs).values()), rows)


def provenance(runs: Sequence[Run], studies: Sequence[Study]) -> Iterator[Html]:
    """Show files, hashes, versions and dates of runs and studies."""
    facts = {run.name: _origin_of_run(run) for run in runs}
    facts |= {study.name: _origin_of_study(study) for study in studies}
    yield element("div", *(_card(name, each) for name, each in facts.items()), class_="cards")


def duration(seconds: float) -> str:
    """Format hours and minutes, or minutes and seconds."""
    minutes, rest = divmod(ceil(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes else f"{rest} s"
    return f"{minutes // 60:,} h {minutes % 60} min"


def _card(name: str, facts: Mapping[str, object]) -> Html:
    table = facts_table([], {fact: [value] for fact, value in facts.items()})
    return element("div", element("h3", text(name)), table)


def _facts(run: Run) -> dict[str, object]:
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


def _resolution(run: Run, recipe: Settled) -> str:
    full = recipe.data.size
    grown = full.with_longer(int(run.history.last.get("resolution", full.longer)))
    words = f"{full.value} px"
    return words if grown == full else f"{words}, grown to {grown.value} px"


def _progress(run: Run) -> str | None:
    kimg = run.history.last.get("kimg")
    if kimg is None:
        return None
    if run.recipe is None:
        return f"{kimg:,g} kimg"
    total = run.recipe.train.total_kimg
    return f"{kimg:,g} of {total:,g} kimg" if kimg < total else f"{kimg:,g} kimg, finished"


def _origin_of_run(run: Run) -> dict[str, object]:
    facts = {words(name): value for name, value in flatten(run.network)}
    return {"folder": str(run.folder), **facts}


def _origin_of_study(study: Study) -> dict[str, object]:
    return {
        "file": str(study.path),
        "network sha256": study.header.network_sha256,
        **{f"versions.{name}": version for name, version in study.versions.items()},
        "created utc": study.created_utc,
    }
