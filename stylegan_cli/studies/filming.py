"""A video on its way into a file: drawn, encoded part by part, joined; resumable anywhere."""

from collections.abc import Iterator
from pathlib import Path

from stylegan_cli.checkpoint import Network
from stylegan_cli.errors import UsageError
from stylegan_cli.recipe import dumps
from stylegan_cli.results.film import Film, VideoPaths
from stylegan_cli.results.formats import DEFAULT_QUALITY, format_of
from stylegan_cli.results.header import Header
from stylegan_cli.results.video import open_video
from stylegan_cli.shapes import Picture
from stylegan_cli.studies.frames import Drawing
from stylegan_cli.studies.interpolation import Video

DEFAULT_NAME = Path("video.mp4")


class Filming:
    """The frames of a video, made and kept in a file; the same again goes on or is done.

    Attributes:
        paths: Where everything is, or will be.
        header: Study, request and network.
        total: Frames of the video.

    Args:
        path: The file; its suffix chooses MP4, GIF or WebP.
        quality: 0 to 100; 80 if not given.
        keep_frames: Also write each frame as a PNG into a folder beside the video.
        overwrite: Start anew, whatever is there.

    Raises:
        UsageError: The format cannot hold such a video, or knows no quality.
        OutputError: Another video is there, or the place cannot be written.
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
        """How many frames are still to be drawn."""
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
        """Put the video together, after all frames are drawn.

        Raises:
            OutputError: The place cannot be written.
        """
        self._file.finish()


def default_video(network: Network, video: Video, quality: int | None = None) -> Path:
    """Where a video goes if nobody says: the same request, the same file."""
    header = _film(network, video, DEFAULT_NAME, quality, False).header
    return Path("results") / f"video-{header.fingerprint[:8]}" / DEFAULT_NAME


def _film(
    network: Network, video: Video, path: Path, quality: int | None, keep_frames: bool
) -> Film:
    kind, screen = format_of(path), video.screen
    if quality is not None and not kind.has_quality:
        raise UsageError(f"--quality {quality}: a GIF has no quality to choose; leave it out")
    chosen = DEFAULT_QUALITY if quality is None else quality
    if not 0 <= chosen <= 100:
        raise UsageError(f"--quality {chosen}: out of range; the valid range is 0-100")
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
