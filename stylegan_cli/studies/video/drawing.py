"""Frames of a video: its images, several streams side by side."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

from stylegan_cli.figures.png import resize, shown, tile
from stylegan_cli.networks.execution import default_batch_size
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.recipe import dumps
from stylegan_cli.shapes import Picture
from stylegan_cli.studies.video.video import Image, Video


class Drawing:
    """A source of frames; frames at keyframes equal the keyframes' stills bit for bit.

    Attributes:
        request: The options that led here, as JSON holds them.
        recipe: TOML of the network's recipe.
        shape: Height, width and channels of each frame.
    """

    def __init__(self, network: Network, video: Video) -> None:
        self._network, self._video = network, video
        self._size = video.screen.size_of(network.sizes.size)
        cols, rows = video.screen.cols, video.screen.rows
        self._shown = network.recipe.data.shown
        channels = network.sizes.channels if self._shown is None else len(self._shown)
        height, width = rows * self._size.height, cols * self._size.width
        self.shape: tuple[int, int, int] = (height, width, channels)
        self.request: Mapping[str, Any] = video.stills.request
        self.recipe = dumps(network.recipe)
        self.network_sha256 = network.sha256
        self.total, self.fps, self.loop = video.frames, video.motion.fps, video.motion.loop

    def frames(self, chosen: range, batch_size: int | None = None) -> Iterator[Picture]:
        """Draw these frames in order, streams side by side.

        Args:
            chosen: A frame has the same bits whatever others are drawn.
            batch_size: Images at once; changes time and memory, and a pixel by 1 at most.
        """
        from stylegan_cli.studies.video.images import pictures

        screen = self._video.screen
        size = batch_size or default_batch_size(self._network.sizes.size)
        # batches are cut as if from the first frame on: an image keeps its neighbours
        start, stop = chosen.start * screen.streams, chosen.stop * screen.streams
        images = (Image(*divmod(i, screen.streams)) for i in range(start // size * size, stop))
        drawn = islice(pictures(self._network, self._video, images, size), start % size, None)
        while streams := tuple(islice(drawn, screen.streams)):
            yield tile(
                np.stack([resize(shown(each, self._shown), self._size) for each in streams]),
                screen.cols,
            )
