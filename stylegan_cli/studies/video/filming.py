"""The filming of a video: drawn, encoded part by part, joined; resumable at any point."""

from collections.abc import Iterator, Sequence
from itertools import islice, product
from pathlib import Path

import numpy as np
import torch

from stylegan_cli.errors import UsageError
from stylegan_cli.figures.png import resize, tile
from stylegan_cli.networks.execution import default_batch_size
from stylegan_cli.networks.generator import Generator
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.recipe import dumps
from stylegan_cli.rendering.header import Header
from stylegan_cli.rendering.plan import Address, Plan
from stylegan_cli.rendering.render import draw, render
from stylegan_cli.shapes import Picture, Pixels
from stylegan_cli.studies.video.encoding import DEFAULT_QUALITY, format_of
from stylegan_cli.studies.video.file import Film, VideoPaths, open_video
from stylegan_cli.studies.video.video import (
    Image,
    Video,
    motions_between,
    noise_between,
    ws_between,
)


class Drawing:
    """A source of frames; frames at keyframes equal the keyframes' stills bit for bit.

    Args:
        batch_size: Images at once; changes time and memory, and a pixel by 1 at most.
    """

    def __init__(self, G: Generator, video: Video, batch_size: int | None = None) -> None:
        self._G, self._video = G, video
        self._batch_size = batch_size or default_batch_size(G.resolution)
        self._stills = _Stills(G, video.stills, self._batch_size)

    def frames(self, chosen: range) -> Iterator[Picture]:
        """Yield these frames in order, streams side by side; the same range gives the same bits."""
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
        everywhere = self._plan.addresses
        start = everywhere.index(first)
        skip = frozenset(everywhere) - set(everywhere[start : start + self._batch_size])
        cells = render(self._G, self._plan, batch_size=self._batch_size, skip=skip)
        self._latest = {cell.address.position: cell.pixels for cell in cells}


def _draw(G: Generator, video: Video, images: Sequence[Image]) -> Pixels:
    moments, device = video.moments(images), G.mapping.w_avg.device
    noise = noise_between(G, video.keyframes.main, moments, video.stills.noise_mode)
    motions = motions_between(video.keyframes, moments)
    where = None if motions is None else torch.from_numpy(motions).to(device)
    if video.swing is None:
        ws = ws_between(G, video.keyframes, video.route, moments)
        return draw(G, torch.from_numpy(ws).to(device), noise, where)
    codes = video.swung(moments)
    offsets = codes.style_offsets
    moved = None if offsets is None else torch.from_numpy(offsets).to(device)
    return draw(G, torch.from_numpy(codes.ws).to(device), noise, where, moved)


DEFAULT_NAME = Path("video.mp4")


class Filming:
    """The frames of a video in a file; the same request resumes or is done.

    Attributes:
        paths: Paths of all files.
        header: Study, request and network.
        total: Frames of the video.

    Args:
        path: The file; its suffix chooses MP4, GIF or WebP.
        quality: 0 to 100; 80 by default.
        keep_frames: Also write each frame as a PNG into a folder beside the video.
        overwrite: Replace whatever exists.

    Raises:
        UsageError: The format cannot hold such a video, or knows no quality.
        OutputError: The path holds another video or cannot be written.
    """

    def __init__(
        self,
        network: Network,
        video: Video,
        path: Path,
        *,
        quality: int | None = None,
        keep_frames: bool = False,
        overwrite: bool = False,
    ) -> None:
        self._network, self._video = network, video
        film = _film(network, video, path, quality, keep_frames)
        self._file = open_video(path, film, overwrite=overwrite)
        self.paths: VideoPaths = self._file.paths
        self.header = film.header
        self.total = film.frames

    @property
    def missing(self) -> int:
        """Return how many frames are still to be drawn."""
        return sum(len(self._file.film.parts[i]) for i in self._file.missing())

    def frames(self, batch_size: int | None = None) -> Iterator[Picture]:
        """Draw the missing frames; a part is kept once all its frames were taken.

        Raises:
            OutputError: The disk is full, or ffmpeg is missing or fails.
        """
        drawing = Drawing(self._network.G, self._video, batch_size)
        for part in self._file.missing():
            numbers = self._file.film.parts[part]
            with self._file.part(part) as take:
                for i, frame in zip(numbers, drawing.frames(numbers), strict=True):
                    take(i, frame)
                    yield frame

    def finish(self) -> None:
        """Assemble the video, after all frames are drawn.

        Raises:
            OutputError: The path cannot be written.
        """
        self._file.finish()


def default_video(network: Network, video: Video, quality: int | None = None) -> Path:
    """Return the default path of a video: the same for the same request."""
    header = _film(network, video, DEFAULT_NAME, quality, False).header
    return Path("results") / f"video-{header.fingerprint[:8]}" / DEFAULT_NAME


def _film(
    network: Network, video: Video, path: Path, quality: int | None, keep_frames: bool
) -> Film:
    kind, screen = format_of(path), video.screen
    if quality is not None and not kind.has_quality:
        raise UsageError(
            "a GIF has no quality to choose; leave it out", parameter="quality", value=quality
        )
    chosen = DEFAULT_QUALITY if quality is None else quality
    if not 0 <= chosen <= 100:
        raise UsageError(
            "out of range; the valid range is 0-100", parameter="quality", value=chosen
        )
    side = screen.side or network.G.resolution
    plan, written = video.stills, {"format": path.suffix.lower().lstrip(".")}
    header = Header(
        study=plan.study,
        request={**plan.request, **written, **({"quality": chosen} if kind.has_quality else {})},
        axes={axis.name: axis.names for axis in plan.axes},
        sheets=plan.sheets,
        recipe=dumps(network.recipe),
        network_sha256=network.sha256,
    )
    return Film(
        header=header,
        width=screen.cols * side,
        height=screen.rows * side,
        channels=network.G.channels,
        frames=video.frames,
        fps=video.motion.fps,
        loop=video.motion.loop,
        quality=chosen,
        keep_frames=keep_frames,
    )
