"""The frames of a video, drawn one after another and forgotten."""

from collections.abc import Iterator, Sequence
from itertools import islice, product

import numpy as np
import torch

from stylegan_cli.execution import default_batch_size
from stylegan_cli.networks.generator import Generator
from stylegan_cli.plan import Plan
from stylegan_cli.results.pictures import resize, tile
from stylegan_cli.shapes import Picture, Pixels
from stylegan_cli.studies.between import noise_between, ws_between
from stylegan_cli.studies.interpolation import Image, Video
from stylegan_cli.synthesis import Address, addresses, draw, render


class Drawing:
    """Draws frames of a video; those at keyframes are the keyframes' stills to the bit.

    Args:
        batch_size: Images at once; changes time and memory, and a pixel by 1 at most.
    """

    def __init__(self, G: Generator, video: Video, batch_size: int | None = None) -> None:
        self._G, self._video = G, video
        self._batch_size = batch_size or default_batch_size(G.resolution)
        self._stills = _Stills(G, video.stills, self._batch_size)

    def frames(self, chosen: range) -> Iterator[Picture]:
        """These frames in order, streams side by side; the same range gives the same bits."""
        screen = self._video.screen
        pictures = self._pictures(Image(*pair) for pair in product(chosen, range(screen.streams)))
        while streams := tuple(islice(pictures, screen.streams)):
            yield tile(np.stack([resize(each, screen.side) for each in streams]), screen.cols)

    def _pictures(self, images: Iterator[Image]) -> Iterator[Picture]:
        while batch := tuple(islice(images, self._batch_size)):
            positions = [self._video.still(image) for image in batch]
            moving = [image for image, at in zip(batch, positions, strict=True) if at is None]
            drawn = iter(_draw(self._G, self._video, moving) if moving else ())
            for position in positions:
                yield next(drawn) if position is None else self._stills.picture(position)


class _Stills:
    """The keyframes' pictures, drawn as `render` draws them; only the latest stay in memory."""

    def __init__(self, G: Generator, plan: Plan, batch_size: int) -> None:
        self._G, self._plan, self._batch_size = G, plan, batch_size
        self._latest: dict[tuple[int, ...], Picture] = {}

    def picture(self, position: tuple[int, int]) -> Picture:
        if position not in self._latest:
            self._draw_from(Address("/", position))
        return self._latest[position]

    def _draw_from(self, first: Address) -> None:
        everywhere = addresses(self._plan)
        start = everywhere.index(first)
        skip = frozenset(everywhere) - set(everywhere[start : start + self._batch_size])
        cells = render(self._G, self._plan, batch_size=self._batch_size, skip=skip)
        self._latest = {cell.address.position: cell.pixels for cell in cells}


def _draw(G: Generator, video: Video, images: Sequence[Image]) -> Pixels:
    moments = video.moments(images)
    ws = ws_between(G, video.keyframes, video.route, moments)
    mode = video.stills.noise_mode
    noise = noise_between(G, video.keyframes.main, moments) if mode == "random" else mode
    return draw(G, torch.from_numpy(ws).to(G.mapping.w_avg.device), noise)
