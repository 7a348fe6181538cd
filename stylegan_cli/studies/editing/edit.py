"""Edits: images moved along directions, step by step, and their pictures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from stylegan_cli.directions.direction import Direction
from stylegan_cli.directions.population import Population
from stylegan_cli.directions.references import DirectionPick
from stylegan_cli.figures.charts import Map, diverging, full_scale
from stylegan_cli.figures.layout import Place, in_rows, paint
from stylegan_cli.latents.codes import Codes, join_codes
from stylegan_cli.latents.references import Pick
from stylegan_cli.latents.sampling import PLAIN, Sampling
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.rendering.plan import Measurement, Plan, Tables, measurement
from stylegan_cli.rendering.sheet import called
from stylegan_cli.rendering.store import Arrays, StudyFile, open_study
from stylegan_cli.shapes import Picture
from stylegan_cli.studies.editing.moving import EditOptions, open_editing

FAR = 99.0
"""Percentile of the network's own codes beyond which images are of no face it ever learned."""

SOURCES = "seed_sources"
LAYERS = "layers"
"""The table, and the picture, of edits in some layers alone."""

USUAL = EditOptions()


def edit(
    network: Network,
    seeds: Sequence[Pick],
    directions: Sequence[DirectionPick],
    options: EditOptions = USUAL,
    sampling: Sampling = PLAIN,
) -> Plan:
    """Plan every code at every strength along the sum of directions: seeds × strengths.

    Strength 0 is the image as `grid` draws it. A code in a file is not truncated: it may be that
    of a picture.

    Args:
        seeds: Seeds, or codes in files.
    """
    editing = open_editing(network, seeds, directions, options, sampling)
    picked, strengths = editing.picked, editing.strengths

    def make() -> Tables:
        table = join_codes(list(map(editing.moved, strengths)), partial(np.stack, axis=1))
        apart = {LAYERS: editing.moved_apart(strongest(strengths))} if editing.groups else {}
        return Tables(
            codes=table,
            sources={} if 0 in strengths else {"seed": picked.codes},
            series=apart,
            measurements=_measurements(editing.drawn(), table),
        )

    plan = Plan(
        study="edit",
        request=editing.request,
        noise_mode=sampling.noise_mode,
        axes={"seed": picked.names, "strength": tuple(map(strength_name, strengths))},
        sheets=(" + ".join(pick.title for pick in directions),),
        make=make,
        pictures={"differences": paint_differences}
        | ({LAYERS: paint_layers} if editing.groups else {}),
        notes=(*picked.notes, *_notes(network, editing.directions)),
    )
    spaces = {each.space for each in editing.directions}
    if "s" in spaces or ("z" in spaces and not picked.has_z):
        # whether codes fit directions of z or styles shows only when they move
        _ = plan.made
    return plan


@dataclass(frozen=True, kw_only=True)
class Reach:
    """Distance of the codes of a strength from the mean.

    Attributes:
        percentile: Share of the network's own codes that lie further in: the median over seeds,
            each by the layer furthest out.
    """

    strength: float
    percentile: float

    @property
    def is_far(self) -> bool:
        """Return whether the network itself almost never draws such codes."""
        return self.percentile > FAR


def reaches(path: Path) -> tuple[Reach, ...]:
    """Return how far out each strength of an edit leads."""
    with open_study(path) as file:
        far = file.array("out", "percentile").astype(np.float64)
        strengths = file.header.request["strengths"]
    return tuple(
        Reach(strength=strength, percentile=float(np.median(column)))
        for strength, column in zip(strengths, far.T, strict=True)
    )


def strength_name(strength: float) -> str:
    """Return what a strength is called above its column."""
    return f"{strength:+g}" if strength else "0"


def _measurements(drawn: Population, table: Codes) -> dict[str, Measurement]:
    """Return how far out each code lies: the percentage of the network's own further in."""
    rows = table.ws.reshape(-1, table.ws.shape[-1])
    far = drawn.percentile(rows).reshape(table.ws.shape[:-1]).max(axis=-1)

    def take(_: StudyFile, index: tuple[int, ...], __: int | None) -> Arrays:
        return {"percentile": float(far[index])}

    return {"out": measurement(take, *table.shape, percentile=())}


def _notes(network: Network, directions: Sequence[Direction]) -> list[str]:
    found = [
        f"{each.name}: found in the network that this one was trained from; directions survive that"
        for each in directions
        if each.network_sha256 not in ("", network.sha256)
    ]
    grown = network.sizes.grown_size
    idle = [
        f"{each.name}: has no effect, as the network has grown to {grown.value} px so far"
        for each in directions
        if each.space == "w" and min(each.layers) >= network.sizes.active_ws
    ]
    seen = [
        f"{each.name}: {each.facts['over_noise']:.2g} times as visible at 1 σ as other noise"
        for each in directions
        if "over_noise" in each.facts
    ]
    return found + idle + seen


def still_place(file: StudyFile, seed: int) -> Place:
    """Return where the image of a seed is that nothing moved."""
    if SOURCES in file.tables:
        return SOURCES, (seed,)
    return "/", (seed, file.header.request["strengths"].index(0.0))


def change(file: StudyFile, cell: tuple[int, ...]) -> Map:
    """Return how much brighter each pixel is than without the edit, in grey levels."""
    moved = file.image("/", cell).astype(np.float64)
    still = file.image(*still_place(file, cell[0])).astype(np.float64)
    difference: np.ndarray = (moved - still).mean(axis=2)
    return difference


def paint_differences(file: StudyFile) -> Picture:
    """Paint the difference of every image from the one that nothing moved, on one scale."""
    seeds, strengths = file.header.axes["seed"], file.header.axes["strength"]
    maps = {cell: change(file, cell) for cell in np.ndindex(len(seeds), len(strengths))}
    full = full_scale(maps.values())

    def read(place: Place) -> Picture:
        table, index = place
        return file.image(table, index) if table != "maps" else diverging(maps[index], full)

    title = (
        f"edit · {file.header.sheets[0]} · differences: red brighter, blue darker, "
        f"full colour {full:.3g} grey levels"
    )
    steps = range(len(strengths))
    rows = [(name, [still, *(("maps", (i, k)) for k in steps)]) for i, name, still in _rows(file)]
    return paint(in_rows(title, rows, ["as it is", *strengths], (0, 1)), file.size, read)


def paint_layers(file: StudyFile) -> Picture:
    """Paint the strongest edit in all its layers, and in some of them alone."""
    strengths, groups = (file.header.request[name] for name in ("strengths", "layer_groups"))
    at = strengths.index(strongest(strengths))
    rows = [
        (name, [still, ("/", (i, at)), *((LAYERS, (i, k)) for k in range(len(groups)))])
        for i, name, still in _rows(file)
    ]
    strength = file.header.axes["strength"][at]
    title = f"edit · {file.header.sheets[0]} · strength {strength} in some layers alone"
    content = in_rows(title, rows, ["as it is", "all layers", *groups], (0, 1))
    return paint(content, file.size, lambda place: file.image(*place))


def _rows(file: StudyFile) -> Iterator[tuple[int, str, Place]]:
    """Yield number, name and place of the image of each seed that nothing moved."""
    for i, name in enumerate(file.header.axes["seed"]):
        yield i, called("seed", name), still_place(file, i)


def strongest(strengths: Sequence[float]) -> float:
    """Return the strength furthest from 0; of two that are equally far, the positive one."""
    return max(strengths, key=lambda strength: (abs(strength), strength))
