"""Edits: images moved along directions, step by step."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from stylegan_cli.directions.direction import Direction, Move, content_hash, moved_codes
from stylegan_cli.directions.population import Population, population
from stylegan_cli.directions.references import DirectionPick, open_direction
from stylegan_cli.errors import UsageError
from stylegan_cli.latents.codes import Codes, join_codes
from stylegan_cli.latents.lookup import Picked, codes_of_picks
from stylegan_cli.latents.references import Pick
from stylegan_cli.latents.sampling import PLAIN, Sampling, class_index, sampling_request
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.ranges import format_ints, layer_groups
from stylegan_cli.rendering.plan import Measurement, Plan, Tables
from stylegan_cli.rendering.store import Arrays, StudyFile, open_study
from stylegan_cli.studies.editing.figures import (
    LAYERS,
    paint_differences,
    paint_layers,
    strongest,
)

STRENGTHS = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
FAR = 99.0
"""Percentile of the network's own codes beyond which images are of no face it ever learned."""


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
    editing = open_editing(network, directions, options, sampling)
    picked = pick_codes(network, seeds, sampling)
    strengths = _strengths(directions, options)
    groups = editing.groups()

    def make() -> Tables:
        codes = picked.codes
        tables = [editing.moved(codes, strength) for strength in strengths]
        table = join_codes(tables, partial(np.stack, axis=1))
        return Tables(
            codes=table,
            sources={} if 0 in strengths else {"seed": codes},
            series={LAYERS: editing.moved_apart(codes, strongest(strengths))} if groups else {},
            measurements=_measurements(editing.drawn(), table),
        )

    plan = Plan(
        study="edit",
        request={
            "seeds": picked.request,
            "directions": [pick.text for pick in directions],
            "directions_sha256": content_hash(editing.directions),
            "strengths": list(strengths),
            "absolute": options.absolute,
            "layer_groups": list(groups),
            **sampling_request(network, sampling),
        },
        noise_mode=sampling.noise_mode,
        axes={"seed": picked.names, "strength": tuple(map(strength_name, strengths))},
        sheets=(" + ".join(pick.title for pick in directions),),
        make=make,
        pictures={"differences": paint_differences} | ({LAYERS: paint_layers} if groups else {}),
        notes=(*picked.notes, *_notes(network, editing.directions)),
    )
    spaces = {each.space for each in editing.directions}
    if "s" in spaces or ("z" in spaces and not picked.has_z):
        # only moving them tells whether codes fit directions of z or styles
        _ = plan.made
    return plan


@dataclass(frozen=True, kw_only=True)
class Editing:
    """Directions, and how codes move along them.

    Attributes:
        drawn: Draws codes as the network draws them.
        factors: Steps along each direction at strength 1.
    """

    network: Network
    drawn: Callable[[], Population]
    directions: tuple[Direction, ...]
    factors: tuple[float, ...]
    sampling: Sampling
    absolute: bool = False

    def moved(self, codes: Codes, strength: float) -> Codes:
        """Move codes to a strength."""
        moves = [
            Move(direction, strength * factor)
            for direction, factor in zip(self.directions, self.factors, strict=True)
        ]
        return moved_codes(self.network, codes, moves, self.sampling, absolute=self.absolute)

    def groups(self) -> Mapping[str, tuple[int, ...]]:
        """Return the layers that move, coarse, middle and fine ones apart.

        Empty where a direction has no layers, or all of them are of one group.
        """
        if any(each.space != "w" for each in self.directions):
            return {}
        own = {layer for each in self.directions for layer in each.layers}
        sides = self.network.sizes.layer_levels
        groups = {name: own & set(layers) for name, layers in layer_groups(sides).items()}
        chosen = {
            f"{name} {format_ints(sorted(layers))}": tuple(sorted(layers))
            for name, layers in groups.items()
            if layers
        }
        return chosen if len(chosen) > 1 else {}

    def moved_apart(self, codes: Codes, strength: float) -> Codes:
        """Move codes to a strength in each group of layers alone."""
        whole = self.moved(codes, strength)
        tables = [
            replace(codes, ws=_only(layers, whole.ws, codes.ws), z=None)
            for layers in self.groups().values()
        ]
        return join_codes(tables, partial(np.stack, axis=1))


def open_editing(
    network: Network,
    directions: Sequence[DirectionPick],
    options: EditOptions,
    sampling: Sampling,
) -> Editing:
    """Open the directions of an edit; raises as `edit` does."""
    if not directions:
        raise UsageError("nothing to do without any", parameter="direction")
    of_class = class_index(network, sampling.class_name)
    drawn = partial(population, network, class_index=of_class)
    opened = [open_direction(network, pick, drawn, force=options.force) for pick in directions]
    return Editing(
        network=network,
        drawn=drawn,
        directions=tuple(opened),
        factors=tuple(1.0 if pick.factor is None else pick.factor for pick in directions),
        sampling=sampling,
        absolute=options.absolute,
    )


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
        """Return whether the network itself hardly ever draws such codes."""
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


def pick_codes(network: Network, seeds: Sequence[Pick], sampling: Sampling) -> Picked:
    """Return the codes of seeds, truncated, and of files, as they are."""
    picked = codes_of_picks(network, seeds, sampling)
    if sampling.psi == 1 or all(isinstance(pick, int) for pick in seeds):
        return picked
    plain = replace(sampling, psi=1.0, cutoff=None)
    parts = [
        codes_of_picks(network, [pick], sampling if isinstance(pick, int) else plain).codes
        for pick in seeds
    ]
    return replace(picked, make=lambda: join_codes(parts))


def strength_name(strength: float) -> str:
    """Return what a strength is called above its column."""
    return f"{strength:+g}" if strength else "0"


def _only(layers: Sequence[int], moved: np.ndarray, still: np.ndarray) -> np.ndarray:
    chosen = np.isin(np.arange(still.shape[1]), layers)[:, None]
    return np.where(chosen, moved, still)


def _strengths(directions: Sequence[DirectionPick], options: EditOptions) -> tuple[float, ...]:
    if options.strengths:
        return tuple(dict.fromkeys(options.strengths))
    return (0.0, 1.0) if all(pick.factor is not None for pick in directions) else STRENGTHS


def _measurements(drawn: Population, table: Codes) -> dict[str, Measurement]:
    """Return how far out each code lies: the percentage of the network's own further in."""
    rows = table.ws.reshape(-1, table.ws.shape[-1])
    far = drawn.percentile(rows).reshape(table.ws.shape[:-1]).max(axis=-1)

    def take(_: StudyFile, index: tuple[int, ...], __: int | None) -> Arrays:
        return {"percentile": float(far[index])}

    return {"out": Measurement(shape=table.shape, arrays={"percentile": ()}, take=take)}


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
