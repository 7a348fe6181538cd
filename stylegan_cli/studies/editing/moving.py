"""Codes moved along directions, step by step, and the film of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from math import ceil, cos, pi, sqrt
from typing import Any

import numpy as np

from stylegan_cli.directions.direction import Direction, Move, content_hash, moved_codes
from stylegan_cli.directions.population import Population, population
from stylegan_cli.directions.references import DirectionPick, open_direction
from stylegan_cli.errors import UsageError
from stylegan_cli.figures.png import resize, shown, tile
from stylegan_cli.latents.codes import Codes, join_codes
from stylegan_cli.latents.labels import class_index
from stylegan_cli.latents.lookup import Picked, codes_of_picks
from stylegan_cli.latents.references import Pick
from stylegan_cli.latents.sampling import PLAIN, Sampling, sampling_request
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.ranges import format_ints, layer_groups
from stylegan_cli.recipe import dumps
from stylegan_cli.rendering.plan import Plan, Tables
from stylegan_cli.shapes import Picture
from stylegan_cli.studies.video.motion import SMALLEST

STRENGTHS = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
FPS, STEPS = 30.0, 60
"""Frames per second, and frames from the lowest strength to the highest."""


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


@dataclass(frozen=True, kw_only=True)
class Editing:
    """Codes, and directions to move them along.

    Attributes:
        drawn: Draws codes as the network draws them.
    """

    network: Network
    picked: Picked
    picks: Sequence[DirectionPick]
    directions: tuple[Direction, ...]
    drawn: Callable[[], Population]
    options: EditOptions
    sampling: Sampling

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
        chosen = {
            f"{name} {format_ints(sorted(layers))}": tuple(sorted(layers))
            for name, layers in groups.items()
            if layers
        }
        return chosen if len(chosen) > 1 else {}

    def moved_apart(self, strength: float) -> Codes:
        """Move the codes to a strength in each group of layers alone."""
        still, whole = self.picked.codes, self.moved(strength)
        tables = []
        for layers in self.groups.values():
            chosen = np.isin(np.arange(still.ws.shape[1]), layers)[:, None]
            tables.append(replace(still, ws=np.where(chosen, whole.ws, still.ws), z=None))
        return join_codes(tables, partial(np.stack, axis=1))


def open_editing(
    network: Network,
    seeds: Sequence[Pick],
    directions: Sequence[DirectionPick],
    options: EditOptions,
    sampling: Sampling,
) -> Editing:
    """Open the directions of an edit, and pick its codes."""
    if not directions:
        raise UsageError("nothing to do without any", parameter="direction")
    of_class = class_index(network, sampling.class_name)
    drawn = partial(population, network, class_index=of_class)
    opened = [open_direction(network, pick, drawn, force=options.force) for pick in directions]
    return Editing(
        network=network,
        picked=pick_codes(network, seeds, sampling),
        picks=directions,
        directions=tuple(opened),
        drawn=drawn,
        options=options,
        sampling=sampling,
    )


def pick_codes(network: Network, seeds: Sequence[Pick], sampling: Sampling) -> Picked:
    """Return the codes of seeds, truncated, and of files, as they are."""
    picked = codes_of_picks(network, seeds, sampling)
    if sampling.psi == 1 or all(isinstance(pick, int) for pick in seeds):
        return picked
    plain = replace(sampling, psi=1.0, cutoff=None)
    parts = [
        codes_of_picks(network, [pick], sampling if isinstance(pick, int) else plain)
        for pick in seeds
    ]
    return replace(picked, make=lambda: join_codes([part.codes for part in parts]))


class EditFilm:
    """Footage of an edit, a stream for each seed; implements `Footage`.

    It rests at both ends, and its last frame leads to the first. Codes are moved frame by frame,
    so memory does not grow with the number of frames.

    Args:
        options: Of the edit; the film runs from the lowest of its strengths to the highest.
    """

    loop, fps, total = True, FPS, 2 * STEPS

    def __init__(
        self,
        network: Network,
        seeds: Sequence[Pick],
        directions: Sequence[DirectionPick],
        options: EditOptions,
        sampling: Sampling = PLAIN,
    ) -> None:
        self._editing = open_editing(network, seeds, directions, options, sampling)
        strengths = self._editing.strengths
        self._low, self._high = min(strengths), max(strengths)
        if self._low == self._high:
            raise UsageError(
                "only one strength, and a film leads from one to another; give two",
                parameter="strength",
                value=self._low,
            )
        self._shown = network.recipe.data.shown
        self._size = network.sizes.size.at_least(SMALLEST)
        count = len(self._editing.picked.names)
        self._cols = ceil(sqrt(count))
        self._rows = ceil(count / self._cols)
        self.shape: tuple[int, int, int] = (
            self._rows * self._size.height,
            self._cols * self._size.width,
            len(self._shown or range(network.sizes.channels)),
        )
        self.recipe, self.network_sha256 = dumps(network.recipe), network.sha256
        self.request: Mapping[str, Any] = {
            **self._editing.request,
            "strengths": [self._low, self._high],
            "frames": self.total,
            "fps": FPS,
            "size": self._size.longer,
        }

    def frames(self, chosen: range, batch_size: int | None = None) -> Iterator[Picture]:
        """Draw these frames in order; a frame has the same bits whatever others are drawn."""
        for number in chosen:
            share = (1 - cos(pi * min(number, self.total - number) / STEPS)) / 2
            yield self._draw(self._low + (self._high - self._low) * share, batch_size)

    def _draw(self, strength: float, batch_size: int | None) -> Picture:
        from stylegan_cli.rendering.render import render

        editing = self._editing
        plan = Plan(
            study="edit",
            request={},
            noise_mode=editing.sampling.noise_mode,
            axes={"seed": editing.picked.names},
            sheets=("",),
            make=lambda: Tables(codes=editing.moved(strength)),
        )
        blank = np.full((*self._size.shape, self.shape[2]), 255, np.uint8)
        pictures = [blank] * (self._rows * self._cols)
        for cell in render(editing.network.G, plan, batch_size=batch_size):
            (place,) = cell.address.position
            pictures[place] = resize(shown(cell.pixels, self._shown), self._size)
        return tile(np.stack(pictures), self._cols)
