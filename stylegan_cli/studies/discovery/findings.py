"""Discovered directions beside one another: ranked, compared, and without those that repeat."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from stylegan_cli.directions.direction import Direction, Fact
from stylegan_cli.directions.file import Discovery, read_directions
from stylegan_cli.directions.population import Population, population
from stylegan_cli.directions.references import HDF5_SUFFIXES, DirectionPick, open_direction
from stylegan_cli.errors import SgtoolError, UsageError
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.ranges import format_ints
from stylegan_cli.rendering.store import StudyFile, open_study
from stylegan_cli.studies.discovery.measuring import NUMBERS

CONTROL = "random direction"
DUPLICATE = 0.8
"""Cosine, in whitened W, from which on two directions are taken for one."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A direction among the others, in the order of `score`.

    Attributes:
        score: Size of the change, times its consistency over the seeds.
        over_noise: Size of the change, as a multiple of that of another draw of noise.
        layers: The fewest neighbouring ones that carry 80 % of the change.
        shift: Of the attribute it was found for, at one step, in standard deviations.
        flips: Share of the images without the attribute that have it three steps on.
        dependency: Shift of the other attributes, as a share of this one's shift.
    """

    name: str
    lpips_per_sigma: float
    consistency: float
    over_noise: float | None
    layers: str = ""
    shift: float | None = None
    flips: float | None = None
    dependency: float | None = None

    @property
    def score(self) -> float:
        return self.lpips_per_sigma * max(self.consistency, 0.0)


def standings(found: Discovery, path: Path) -> tuple[Discovery, tuple[Standing, ...]]:
    """Add to a discovery what its study found out about each direction, and rank them, best first.

    The median of the random directions is ranked with them.
    """
    with open_study(path) as file:
        ranked = [_standing(file, i, each.name) for i, each in enumerate(found.directions)]
        told = [
            replace(each, facts={**each.facts, **_facts(file, i, ranked[i])})
            for i, each in enumerate(found.directions)
        ]
        changed, alike = (
            float(np.median(file.array("control", name)))
            for name in ("lpips_per_sigma", "consistency")
        )
        over = _over_noise(file, changed)
    control = Standing(name=CONTROL, lpips_per_sigma=changed, consistency=alike, over_noise=over)
    ranked = sorted([*ranked, control], key=lambda each: -each.score)
    return replace(found, make=lambda: told), tuple(ranked)


def _standing(file: StudyFile, i: int, name: str) -> Standing:
    first, last = file.array("effect", "suggested", (i,)).astype(int).tolist()
    changed = float(file.array("effect", "lpips_per_sigma", (i,)))
    return Standing(
        name=name,
        lpips_per_sigma=changed,
        consistency=float(file.array("effect", "consistency", (i,))),
        over_noise=_over_noise(file, changed),
        layers=format_ints(range(first, last + 1)) if first >= 0 else "",
        **_on_attributes(file, i),
    )


def _on_attributes(file: StudyFile, i: int) -> dict[str, float | None]:
    """Return a direction's effect on the attribute it was found for, and on the others."""
    request = file.header.request
    names, wanted = request["judged"], request["found_for"][i]
    if wanted not in names:
        return {}
    own = names.index(wanted)
    shift = file.array("attributes", "shift", (i,)).astype(np.float64)
    others = np.abs(np.delete(shift, own))
    flips = float(file.array("attributes", "flips", (i,))[own])
    return {
        "shift": float(shift[own]),
        # nothing flips where every image has the attribute, or where scores have no sign
        "flips": None if np.isnan(flips) else flips,
        "dependency": float(others.mean() / max(abs(shift[own]), 1e-12)) if len(others) else 0.0,
    }


def _over_noise(file: StudyFile, changed: float) -> float | None:
    floor = float(file.array("noise_floor", "lpips", (0,)))
    return changed / floor if floor > 0 else None


def _facts(file: StudyFile, i: int, standing: Standing) -> dict[str, Fact]:
    measures: dict[str, Fact | None] = {
        **{name: float(file.array("effect", name, (i,))) for name in NUMBERS},
        "lpips": tuple(map(float, file.array("effect", "lpips", (i,)))),
        "layer_share": tuple(map(float, file.array("effect", "layer_share", (i,)))),
        "suggested_layers": standing.layers,
        "over_noise": standing.over_noise,
        "attribute_shift": standing.shift,
        "flips": standing.flips,
        "dependency": standing.dependency,
    }
    return {name: value for name, value in measures.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Cosines of directions in whitened codes, which vary equally in all directions."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cosines: Float64[np.ndarray, "rows columns"]


def compare_directions(network: Network, one: DirectionPick, other: DirectionPick) -> Comparison:
    """Compare each direction of a file, or of a group in it, with each of another."""
    drawn = partial(population, network)
    rows, columns = (_all(network, pick, drawn) for pick in (one, other))
    spaces = {each.space for each in (*rows, *columns)}
    if len(spaces) > 1 or spaces == {"s"}:
        raise UsageError(
            f"directions in {' and '.join(sorted(spaces))}; only those of one space, w or z, "
            "can be compared"
        )
    a, b = (np.stack([_white(drawn(), each) for each in side]) for side in (rows, columns))
    return Comparison(
        rows=tuple(each.name for each in rows),
        columns=tuple(each.name for each in columns),
        cosines=a @ b.T,
    )


def _all(
    network: Network, pick: DirectionPick, drawn: Callable[[], Population]
) -> Sequence[Direction]:
    if pick.path.suffix.lower() in HDF5_SUFFIXES:
        return read_directions(pick.path, pick.name)
    return (open_direction(network, pick, drawn),)


def _white(drawn: Population, direction: Direction) -> Float64[np.ndarray, " dim"]:
    vector = direction.unit
    if direction.space == "w":
        vector = drawn.whitened(vector)
    return np.asarray(vector / np.linalg.norm(vector))


def without_repeats(network: Network, found: Discovery) -> Discovery:
    """Report each direction of W that repeats an earlier one with that one's name."""
    drawn = population(network)
    seen: list[tuple[str, Float64[np.ndarray, " dim"]]] = []
    told = []
    for each in found.directions:
        if each.space == "w":
            white = _white(drawn, each)
            like = next((name for name, other in seen if abs(white @ other) > DUPLICATE), None)
            if like is None:
                seen.append((each.name, white))
            else:
                each = replace(each, facts={**each.facts, "repeats": like})
        told.append(each)
    return replace(found, make=lambda: told)


def kept_discovery(found: Discovery, path: Path, folder: Path) -> Discovery | None:
    """Return a discovery as its file and its finished study hold it; None if one lacks it."""
    study = folder / f"{study_name(found)}.h5"
    if not study.is_file():
        return None
    with suppress(SgtoolError), open_study(study) as file:
        kept = {each.name: each for each in read_directions(path, found.group)}
        directions = [kept[name] for name in file.header.axes["direction"] if name in kept]
        if len(directions) == len(file.header.axes["direction"]):
            return replace(found, make=lambda: directions)
    return None


def study_name(found: Discovery) -> str:
    """Return the name of the study of a discovery."""
    return f"discover-{found.request['method']}"
