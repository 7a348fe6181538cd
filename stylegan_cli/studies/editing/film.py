"""The film of an edit: from the lowest strength to the highest and back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from math import ceil, cos, pi, sqrt
from typing import Any

import numpy as np

from stylegan_cli.directions.references import DirectionPick
from stylegan_cli.errors import UsageError
from stylegan_cli.figures.png import resize, shown, tile
from stylegan_cli.latents.codes import each_column
from stylegan_cli.latents.references import Pick
from stylegan_cli.latents.sampling import PLAIN, Sampling
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.recipe import dumps
from stylegan_cli.rendering.plan import Axis, Plan, Tables
from stylegan_cli.shapes import Picture
from stylegan_cli.studies.editing.edit import EditOptions, edit

FPS, STEPS = 30.0, 60
"""Frames per second, and frames from the lowest strength to the highest."""

SMALLEST = 128
"""Smaller pictures are enlarged, by a whole factor, to at least this many pixels."""


class EditFilm:
    """Footage of an edit, a stream for each seed; implements `Footage`.

    It rests at both ends, and its last frame leads to the first.

    Args:
        options: Of the edit; the film runs from the lowest of its strengths to the highest.

    Raises:
        UsageError: The edit is impossible, or has one strength only.
        DataError: A file is missing or damaged.
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
        low, high = min(options.strengths), max(options.strengths)
        if low == high:
            raise UsageError(
                "only one strength, and a film leads from one to another; give two",
                parameter="strength",
                value=low,
            )
        between = [low + (high - low) * (1 - cos(pi * i / STEPS)) / 2 for i in range(STEPS + 1)]
        between[-1] = high
        self._G, self._shown = network.G, network.recipe.data.shown
        self._plan = edit(network, seeds, directions, replace(options, strengths=between), sampling)
        count = len(self._plan.axes[0].names)
        self._cols = ceil(sqrt(count))
        native = network.sizes.size
        self._size = native.times(max(1, ceil(SMALLEST / native.longer)))
        channels = network.sizes.channels if self._shown is None else len(self._shown)
        height, width = self._size.shape
        self.shape: tuple[int, int, int] = (
            height * ceil(count / self._cols),
            width * self._cols,
            channels,
        )
        self.recipe, self.network_sha256 = dumps(network.recipe), network.sha256
        self.request: Mapping[str, Any] = {
            **self._plan.request,
            "strengths": [low, high],
            "frames": self.total,
            "fps": FPS,
            "size": self._size.longer,
        }
        self._latest = lru_cache(1)(self._draw)

    def frames(self, chosen: range, batch_size: int | None = None) -> Iterator[Picture]:
        """Draw these frames in order; a frame has the same bits whatever others are drawn."""
        for number in chosen:
            yield self._latest(min(number, self.total - number), batch_size)

    def _draw(self, step: int, batch_size: int | None) -> Picture:
        from stylegan_cli.rendering.render import render

        cells = sorted(
            render(self._G, _at(self._plan, step), batch_size=batch_size),
            key=lambda cell: cell.address.position,
        )
        pictures = [resize(shown(cell.pixels, self._shown), self._size) for cell in cells]
        height, width, channels = self.shape
        blank = np.full((*self._size.shape, channels), 255, np.uint8)
        missing = height * width // self._size.area - len(pictures)
        return tile(np.stack([*pictures, *[blank] * missing]), self._cols)


def _at(plan: Plan, step: int) -> Plan:
    """Return the images of a plan at one of its strengths."""
    seeds, strengths = plan.axes
    codes = each_column(plan.codes, lambda values: values[:, step : step + 1])
    return replace(
        plan,
        axes=(seeds, Axis(name=strengths.name, names=strengths.names[step : step + 1])),
        make=lambda: Tables(codes=codes),
    )
