"""Edits: images moved along directions, step by step, and their pictures."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from stylegan_cli.directions.direction import Direction, Move, content_hash, moved_codes
from stylegan_cli.directions.population import Population, population
from stylegan_cli.directions.references import DirectionPick, open_direction
from stylegan_cli.errors import UsageError
from stylegan_cli.figures.charts import Map, diverging, full_scale
from stylegan_cli.figures.layout import Read, in_rows, paint
from stylegan_cli.latents.codes import Codes, join_codes
from stylegan_cli.latents.labels import class_index
from stylegan_cli.latents.lookup import Picked, codes_of_picks
from stylegan_cli.latents.references import Pick, as_picks
from stylegan_cli.latents.sampling import PLAIN, Sampling, sampling_request
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.ranges import format_ints, layer_groups
from stylegan_cli.rendering.plan import Plan, Tables, measurement
from stylegan_cli.rendering.sheet import called
from stylegan_cli.rendering.store import Arrays, StudyFile, open_study
from stylegan_cli.shapes import Picture

STRENGTHS = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
FAR = 99.0
"""Percentile of the network's own codes beyond which images are of no face it ever learned."""

LAYERS = "layers"
"""The table, and the picture, of edits in some layers alone."""


@dataclass(frozen=True, kw_only=True)
class EditOptions:
    """Options for the steps and limits of an edit.

    Attributes:
        strengths: Steps along directions that have no number of steps of their own, factors of
            those that have. Without any, −3 to 3; or 0 and 1, if all directions have a number.
        absolute: Steps are coordinates, from the mean of the network's samples.
        force: Take directions that were found in another network.
    """

    strengths: Sequence[float] = ()
    absolute: bool = False
    force: bool = False


USUAL = EditOptions()


@dataclass(frozen=True, kw_only=True)
class Editing:
    """Codes, and directions to move them along, opened when they are first needed."""

    network: Network
    seeds: Sequence[Pick]
    picks: Sequence[DirectionPick]
    options: EditOptions = USUAL
    sampling: Sampling = PLAIN

    @cached_property
    def picked(self) -> Picked:
        return pick_codes(self.network, self.seeds, self.sampling)

    @cached_property
    def directions(self) -> tuple[Direction, ...]:
        if not self.picks:
            raise UsageError("nothing to do without any", parameter="direction")
        force = self.options.force
        return tuple(
            open_direction(self.network, pick, self.drawn, force=force) for pick in self.picks
        )

    @property
    def drawn(self) -> Callable[[], Population]:
        """Return a function that draws codes as the network does."""
        # a class that is not there is refused before any file is read
        of_class = class_index(self.network, self.sampling.class_name)
        return partial(population, self.network, class_index=of_class)

    @property
    def strengths(self) -> tuple[float, ...]:
        if self.options.strengths:
            return tuple(dict.fromkeys(self.options.strengths))
        return (0.0, 1.0) if all(pick.factor is not None for pick in self.picks) else STRENGTHS

    @property
    def request(self) -> dict[str, Any]:
        return {
            "seeds": self.picked.request,
            "directions": [pick.text for pick in self.picks],
            "directions_sha256": content_hash(self.directions),
            "strengths": list(self.strengths),
            "absolute": self.options.absolute,
            "layer_groups": list(self.groups),
            **sampling_request(self.network, self.sampling),
        }

    def moved(self, strength: float) -> Codes:
        """Move the codes to a strength."""
        moves = [
            Move(direction, strength * pick.steps)
            for direction, pick in zip(self.directions, self.picks, strict=True)
        ]
        absolute = self.options.absolute
        return moved_codes(self.network, self.picked.codes, moves, self.sampling, absolute=absolute)

    @cached_property
    def groups(self) -> Mapping[str, tuple[int, ...]]:
        """Return the layers that move, coarse, middle and fine ones apart.

        Empty where a direction has no layers, or all of them are of one group.
        """
        if any(each.space != "w" for each in self.directions):
            return {}
        own = {layer for each in self.directions for layer in each.layers}
        sides = self.network.sizes.layer_levels
        groups = {name: own & set(layers) for name, layers in layer_groups(sides).items()}
        sorted_groups = ((name, tuple(sorted(layers))) for name, layers in groups.items() if layers)
        chosen = {f"{name} {format_ints(layers)}": layers for name, layers in sorted_groups}
        return chosen if len(chosen) > 1 else {}

    def moved_apart(self, strength: float) -> Codes:
        """Move the codes to a strength in each group of layers alone."""
        still, whole = self.picked.codes, self.moved(strength)
        tables = []
        for layers in self.groups.values():
            chosen = np.isin(np.arange(still.ws.shape[1]), layers)[:, None]
            tables.append(replace(still, ws=np.where(chosen, whole.ws, still.ws), z=None))
        return join_codes(tables, partial(np.stack, axis=1))


def pick_codes(network: Network, seeds: Sequence[Pick], sampling: Sampling) -> Picked:
    """Return the codes of seeds, truncated, and of files, as they are."""
    seeds = as_picks(seeds)
    picked = codes_of_picks(network, seeds, sampling)
    if sampling.psi == 1 or all(isinstance(pick, int) for pick in seeds):
        return picked
    plain = replace(sampling, psi=1.0, cutoff=None)
    parts = [
        codes_of_picks(network, [pick], sampling if isinstance(pick, int) else plain)
        for pick in seeds
    ]
    return replace(picked, make=lambda: join_codes([part.codes for part in parts]))


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
    editing = Editing(
        network=network, seeds=seeds, picks=directions, options=options, sampling=sampling
    )
    picked, strengths = editing.picked, editing.strengths

    def make() -> Tables:
        table = join_codes(list(map(editing.moved, strengths)), partial(np.stack, axis=1))
        rows = table.ws.reshape(-1, table.ws.shape[-1])
        # the percentage of the network's own codes that lie further in
        far = editing.drawn().percentile(rows).reshape(table.ws.shape[:-1]).max(axis=-1)

        def take(_: StudyFile, index: tuple[int, ...], __: int | None) -> Arrays:
            return {"percentile": float(far[index])}

        return Tables(
            codes=table,
            sources={} if 0 in strengths else {"seed": picked.codes},
            series={LAYERS: editing.moved_apart(strongest(strengths))} if editing.groups else {},
            measurements={"out": measurement(take, *table.shape, percentile=())},
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


def _notes(network: Network, directions: Sequence[Direction]) -> Iterator[str]:
    grown = network.sizes.grown_size.value
    for each in directions:
        if each.network_sha256 not in ("", network.sha256):
            yield (
                f"{each.name}: found in the network that this one was trained from; "
                "directions survive that"
            )
        if each.space == "w" and min(each.layers) >= network.sizes.active_ws:
            yield f"{each.name}: has no effect, as the network has grown to {grown} px so far"
        if "over_noise" in each.facts:
            seen = each.facts["over_noise"]
            yield f"{each.name}: {seen:.2g} times as visible at 1 σ as other noise"


def paint_differences(file: StudyFile) -> Picture:
    """Paint the difference of every image from the one that nothing moved, on one scale."""
    strengths = file.header.axes["strength"]
    maps: dict[tuple[int, ...], Map] = {
        (i, k): (file.image("/", (i, k)).astype(np.float64) - still()).mean(axis=2)
        for i, _, still in _rows(file)
        for k in range(len(strengths))
    }
    full = full_scale(maps.values())
    title = (
        f"edit · {file.header.sheets[0]} · differences: red brighter, blue darker, "
        f"full colour {full:.3g} grey levels"
    )
    rows: list[tuple[str, list[Read]]] = [
        (name, [still, *(partial(diverging, maps[cell], full) for cell in maps if cell[0] == i)])
        for i, name, still in _rows(file)
    ]
    return paint(in_rows(title, rows, ["as it is", *strengths], (0, 1)), file.size)


def paint_layers(file: StudyFile) -> Picture:
    """Paint the strongest edit in all its layers, and in some of them alone."""
    strengths, groups = (file.header.request[name] for name in ("strengths", "layer_groups"))
    names = file.header.axes["strength"]
    at = strengths.index(strongest(strengths))
    places = [("/", at), *((LAYERS, k) for k in range(len(groups)))]
    rows: list[tuple[str, list[Read]]] = [
        (name, [still, *(partial(file.image, table, (i, k)) for table, k in places)])
        for i, name, still in _rows(file)
    ]
    title = f"edit · {file.header.sheets[0]} · strength {names[at]} in some layers alone"
    content = in_rows(title, rows, ["as it is", "all layers", *groups], (0, 1))
    return paint(content, file.size)


def _rows(file: StudyFile) -> Iterator[tuple[int, str, Read]]:
    """Yield number, name and image of each seed that nothing moved."""
    strengths, sources = file.header.request["strengths"], "seed_sources"
    for i, name in enumerate(file.header.axes["seed"]):
        still = (sources, (i,)) if sources in file.tables else ("/", (i, strengths.index(0.0)))
        yield i, called("seed", name), partial(file.image, *still)


def strongest(strengths: Sequence[float]) -> float:
    """Return the strength furthest from 0; of two that are equally far, the positive one."""
    return max(strengths, key=lambda strength: (abs(strength), strength))
