"""The film of a training: the same seeds at every snapshot of a run, cross-faded."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from stylegan_cli.errors import UsageError
from stylegan_cli.figures.layout import INK, PAPER, font, line_height
from stylegan_cli.figures.png import resize, shown, tile, to_image
from stylegan_cli.latents.references import Pick
from stylegan_cli.latents.sampling import Sampling
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.recipe import dumps
from stylegan_cli.shapes import Picture
from stylegan_cli.studies.grid import grid
from stylegan_cli.studies.video.motion import EASINGS, SMALLEST, Motion, Screen


class TrainingFilm:
    """Footage of a run; implements `Footage`.

    Each snapshot leads to the next one, and the last stays; below the pictures stands the kimg.

    Args:
        snapshots: Network files of the run, the oldest first.
        open_network: Opens one of them for drawing; its weights are let go after its picture.
        seeds: One for each picture of a frame.
        motion: Time from one snapshot to the next, and the easing.
    """

    def __init__(
        self,
        snapshots: Sequence[Path],
        open_network: Callable[[Path], Network],
        seeds: Sequence[Pick],
        sampling: Sampling,
        motion: Motion,
        screen: Screen,
    ) -> None:
        if len(snapshots) < 2:
            raise UsageError(
                "a film leads from one snapshot to the next, and there is "
                f"{'only one' if snapshots else 'none'} here; name a run, train on, or lower "
                "`report.snapshot_ticks`",
                parameter="run",
            )
        if len(seeds) != screen.streams:
            raise UsageError(
                f"{len(seeds)} codes for {screen.streams} pictures; give as many", parameter="seeds"
            )
        self._snapshots, self._open_network, self._seeds = snapshots, open_network, seeds
        self._sampling, self._motion, self._screen = sampling, motion, screen
        networks = [open_network(path) for path in snapshots]
        self._kimg = [network.kimg for network in networks]
        last = networks[-1]
        native = last.sizes.size
        self._size = screen.size_of(native.at_least(SMALLEST))
        width, height = self._size.width * screen.cols, self._size.height * screen.rows
        self._text = max(14, height // 24)
        # an even strip keeps an even height even
        strip = (line_height(self._text) + 1) // 2 * 2
        self.shape: tuple[int, int, int] = (height + strip, width, 3)
        self.total = len(networks) * motion.segment
        self.fps, self.loop = motion.fps, motion.loop
        self.recipe = dumps(last.recipe)
        self.network_sha256 = sha256("".join(n.sha256 for n in networks).encode()).hexdigest()
        self.request: Mapping[str, Any] = {
            **grid(last, seeds, sampling).request,
            "snapshots": self._kimg,
            **motion.request,
            "grid": f"{screen.cols}x{screen.rows}",
            "size": self._size.longer,
        }
        self._latest = lru_cache(2)(self._draw)

    def frames(self, chosen: range, batch_size: int | None = None) -> Iterator[Picture]:
        """Draw these frames in order, two snapshots in memory at a time."""
        ease, segment = EASINGS[self._motion.easing], self._motion.segment
        for number in chosen:
            k, step = divmod(number, segment)
            share = ease(step / segment)
            following = min(k + 1, len(self._kimg) - 1)
            picture = self._latest(k, batch_size)
            if step and following > k:
                other = self._latest(following, batch_size)
                picture = np.rint((1 - share) * picture + share * other).astype(np.uint8)
            kimg = (1 - share) * self._kimg[k] + share * self._kimg[following]
            words = f"{kimg:,.0f} kimg" if self._kimg[-1] >= 10 else f"{kimg:.2f} kimg"
            yield self._labelled(picture, words)

    def _draw(self, number: int, batch_size: int | None) -> Picture:
        from stylegan_cli.rendering.render import render

        network = self._open_network(self._snapshots[number])
        plan = grid(network, self._seeds, self._sampling)
        drawn = render(network.G, plan, batch_size=batch_size)
        cells = sorted(drawn, key=lambda cell: cell.address.position)
        channels = network.recipe.data.shown
        pictures = [self._enlarged(shown(cell.pixels, channels)) for cell in cells]
        return tile(np.stack(pictures), self._screen.cols)

    def _enlarged(self, pixels: Picture) -> UInt8[np.ndarray, "_ _ 3"]:
        image = to_image(pixels)
        factor = max(1, self._size.longer // max(image.size))
        large = np.asarray(image.convert("RGB")).repeat(factor, axis=0).repeat(factor, axis=1)
        return resize(large, self._size)

    def _labelled(self, pixels: Picture, words: str) -> UInt8[np.ndarray, "_ _ 3"]:
        height, width, _ = self.shape
        canvas = Image.new("RGB", (width, height), PAPER)
        canvas.paste(to_image(pixels))
        place = (self._text // 2, (height + pixels.shape[0]) / 2)
        ImageDraw.Draw(canvas).text(place, words, INK, font(self._text), anchor="lm")
        return np.asarray(canvas)
