"""The effects of discovered directions, ranked and added to their file."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from stylegan_cli.directions.direction import Direction, Fact
from stylegan_cli.directions.file import Discovery
from stylegan_cli.ranges import format_ints
from stylegan_cli.rendering.store import StudyFile, open_study

CONTROL = "random direction"


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
    layers: str
    shift: float | None = None
    flips: float | None = None
    dependency: float | None = None

    @property
    def score(self) -> float:
        return self.lpips_per_sigma * max(self.consistency, 0.0)


def standings(path: Path) -> tuple[Standing, ...]:
    """Rank the directions of a study and the median of those drawn by chance, best first."""
    with open_study(path) as file:
        found = [_standing(file, i, name) for i, name in enumerate(file.header.axes["direction"])]
        control = _control(file)
    return tuple(sorted([*found, control], key=lambda each: -each.score))


def with_measures(found: Discovery, path: Path) -> Discovery:
    """Add to a discovery what its study found out about each direction."""
    with open_study(path) as file:
        told = [_told(file, i, each) for i, each in enumerate(found.directions)]
    return replace(found, directions=tuple(told))


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


def _control(file: StudyFile) -> Standing:
    changed = float(np.median(file.array("control", "lpips_per_sigma")))
    return Standing(
        name=CONTROL,
        lpips_per_sigma=changed,
        consistency=float(np.median(file.array("control", "consistency"))),
        over_noise=_over_noise(file, changed),
        layers="",
    )


def _over_noise(file: StudyFile, changed: float) -> float | None:
    floor = float(file.array("noise_floor", "lpips", (0,)))
    return changed / floor if floor > 0 else None


def _told(file: StudyFile, i: int, direction: Direction) -> Direction:
    numbers = ("lpips_per_sigma", "asymmetry", "consistency", "linearity", "identity")
    measures: dict[str, Fact] = {name: float(file.array("effect", name, (i,))) for name in numbers}
    measures["lpips"] = tuple(map(float, file.array("effect", "lpips", (i,))))
    measures["layer_share"] = tuple(map(float, file.array("effect", "layer_share", (i,))))
    standing = _standing(file, i, direction.name)
    measures["suggested_layers"] = standing.layers
    told = {
        "over_noise": standing.over_noise,
        "attribute_shift": standing.shift,
        "flips": standing.flips,
        "dependency": standing.dependency,
    }
    measures |= {name: value for name, value in told.items() if value is not None}
    return replace(direction, facts={**direction.facts, **measures})
