"""The film of an edit: from the lowest strength to the highest and back."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from math import ceil, cos, pi, sqrt
from typing import Any

import numpy as np

from stylegan_cli.directions.references import DirectionPick
from stylegan_cli.errors import UsageError
from stylegan_cli.figures.png import resize, shown, tile
from stylegan_cli.latents.references import Pick
from stylegan_cli.latents.sampling import PLAIN, Sampling
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.recipe import dumps
from stylegan_cli.rendering.plan import Plan, Tables
from stylegan_cli.shapes import Picture
from stylegan_cli.studies.editing.edit import EditOptions, edit, open_editing, pick_codes
from stylegan_cli.studies.video.motion import SMALLEST

FPS, STEPS = 30.0, 60
"""Frames per second, and frames from the lowest strength to the highest."""


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
        request = edit(network, seeds, directions, options, sampling).request
        self._low, self._high = min(request["strengths"]), max(request["strengths"])
        if self._low == self._high:
            raise UsageError(
                "only one strength, and a film leads from one to another; give two",
                parameter="strength",
                value=self._low,
            )
        self._editing = open_editing(network, directions, options, sampling)
        self._picked = pick_codes(network, seeds, sampling)
        self._shown = network.recipe.data.shown
        self._size = network.sizes.size.at_least(SMALLEST)
        count = len(self._picked.names)
        self._cols = ceil(sqrt(count))
        self._rows = ceil(count / self._cols)
        self.shape: tuple[int, int, int] = (
            self._rows * self._size.height,
            self._cols * self._size.width,
            len(self._shown or range(network.sizes.channels)),
        )
        self.recipe, self.network_sha256 = dumps(network.recipe), network.sha256
        self.request: Mapping[str, Any] = {
            **request,
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

        codes = self._editing.moved(self._picked.codes, strength)
        plan = Plan(
            study="edit",
            request={},
            noise_mode=self._editing.sampling.noise_mode,
            axes={"seed": self._picked.names},
            sheets=("",),
            make=partial(Tables, codes=codes),
        )
        blank = np.full((*self._size.shape, self.shape[2]), 255, np.uint8)
        pictures = [blank] * (self._rows * self._cols)
        for cell in render(self._editing.network.G, plan, batch_size=batch_size):
            (place,) = cell.address.position
            pictures[place] = resize(shown(cell.pixels, self._shown), self._size)
        return tile(np.stack(pictures), self._cols)
