"""The filming of a video: frames drawn, kept, then encoded; resumable at any point.

    people.mp4    people.mp4.json    people-frames/000000.png, …

While frames are missing, those drawn are kept as a study in a hidden file: `.people.mp4.frames`.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from stylegan_cli.errors import DataError, OutputError, UsageError
from stylegan_cli.figures.png import read_origin, write_png
from stylegan_cli.files import refuse_devices, writing, written_whole
from stylegan_cli.rendering.header import StudyHeader, differing
from stylegan_cli.rendering.store import StudyFile, Table, create_study, open_study
from stylegan_cli.runtime import versions_of
from stylegan_cli.shapes import Picture
from stylegan_cli.studies.video.encoding import (
    DEFAULT_QUALITY,
    Reel,
    check_ffmpeg,
    check_format,
    format_of,
    write_animation,
)
from stylegan_cli.texts import MAX_LINE

DEFAULT_NAME = Path("video.mp4")
_VERSIONS_OF = ("stylegan_cli", "torch", "numpy", "imageio-ffmpeg")


@dataclass(frozen=True, kw_only=True)
class VideoPaths:
    """Paths of all files of one video: itself, and those beside it."""

    file: Path

    @property
    def account(self) -> Path:
        """Return the path of the video's account, as JSON."""
        return self.file.with_name(f"{self.file.name}.json")

    @property
    def frames(self) -> Path:
        """Return the folder of frames."""
        return self.file.with_name(f"{self.file.stem}-frames")

    @property
    def kept(self) -> Path:
        """Return the path of the frames while some are missing."""
        return self.file.with_name(f".{self.file.name}.frames")

    def frame(self, number: int) -> Path:
        return self.frames / f"{number:06d}.png"


@dataclass(frozen=True, kw_only=True)
class Footage:
    """Frames still to be drawn.

    Attributes:
        request: The options that led here, as JSON holds them.
        recipe: TOML of the recipe of what draws them.
        shape: Height, width and channels of each frame.
        loop: The last frame leads to the first.
        draw: Draws these frames in order, so many images at once; a frame has the same bits
            whatever the range.
    """

    request: Mapping[str, Any]
    network_sha256: str
    recipe: str
    shape: tuple[int, int, int]
    total: int
    fps: float
    loop: bool = True
    draw: Callable[[range, int | None], Iterator[Picture]]


class Filming:
    """The frames of a video in a file; the same request resumes or is done.

    Attributes:
        damage: Reason why earlier work on this video could not be resumed, if any.

    Args:
        path: The file; its suffix chooses the format.
        quality: 0 to 100; 80 by default.
        keep_frames: Also write each frame as a PNG into a folder beside the video.

    Raises:
        UsageError: The format cannot hold such a video, or knows no quality.
        OutputError: The path holds another video or cannot be written; there is no ffmpeg.
    """

    def __init__(
        self,
        footage: Footage,
        path: Path,
        *,
        quality: int | None = None,
        keep_frames: bool = False,
        overwrite: bool = False,
    ) -> None:
        self._footage, self._keep_frames = footage, keep_frames
        self.header = _header(footage, path, quality)
        self.paths, self.total = VideoPaths(file=path), footage.total
        self.damage: str | None = None
        height, width, _ = footage.shape
        check_format(path, width, height, footage.fps)
        self._reel = Reel(
            frames=footage.total,
            fps=footage.fps,
            loop=footage.loop,
            quality=self.header.request.get("quality", DEFAULT_QUALITY),
            origin=self.header.origin,
        )
        self._kept = self._open(overwrite)

    def __enter__(self) -> "Filming":
        return self

    def __exit__(self, *_: object) -> None:
        if self._kept is not None:
            self._kept.close()

    @property
    def missing(self) -> int:
        """Return how many frames are still to be drawn."""
        return 0 if self._kept is None else int((~self._kept.done()).sum())

    def frames(self, batch_size: int | None = None) -> Iterator[Picture]:
        """Draw the missing frames; each is kept before it is yielded."""
        chosen = range(self.total - self.missing, self.total)
        if self._kept is not None and chosen:
            for i, frame in zip(chosen, self._footage.draw(chosen, batch_size), strict=True):
                self._kept.write("/", (i,), frame)
                yield frame

    def finish(self) -> None:
        """Encode the video after all frames, and write the account beside it."""
        kept, paths = self._kept, self.paths
        if kept is None:
            return
        for i in range(self.total if self._keep_frames else 0):
            if not paths.frame(i).exists():
                write_png(paths.frame(i), kept.image("/", (i,)), origin=self.header.origin)
        if not paths.file.exists():
            with written_whole(paths.account) as temporary:
                account = json.dumps(self._account(), indent=2)
                temporary.write_text(account + "\n", encoding="utf-8")
            write_animation(paths.file, lambda i: kept.image("/", (i,)), self._reel)
        kept.close()
        paths.kept.unlink()
        self._kept = None

    def _open(self, overwrite: bool) -> StudyFile | None:
        """Return the file of kept frames, or None where none are wanted any more."""
        paths = self.paths
        with writing(paths.file):
            if overwrite:
                own = (paths.file, paths.account, paths.kept, *paths.frames.glob("[0-9]*.png"))
                for path in own:
                    path.unlink(missing_ok=True)
            self._refuse_others()
            wanted = range(self.total if self._keep_frames else 0)
            if paths.file.exists() and all(paths.frame(i).exists() for i in wanted):
                paths.kept.unlink(missing_ok=True)
                return None
            if format_of(paths.file).codec is not None:
                check_ffmpeg()
        if paths.kept.exists():
            try:
                return open_study(paths.kept, write=True)
            except DataError as error:
                self.damage = str(error)
                paths.kept.unlink()
        images = {"images": (self._footage.shape, np.uint8)}
        table = Table(shape=(self.total,), arrays=images)
        return create_study(paths.kept, self.header, {"/": table})

    def _refuse_others(self) -> None:
        """Raise if an existing file, whole or not, belongs to another video."""
        paths, mine = self.paths, json.loads(self.header.origin)
        if paths.file.exists() and not paths.account.exists():
            raise OutputError(
                f"{paths.file}: exists already, and no {paths.account.name} describes it; "
                "choose another `output` or add `overwrite`"
            )
        for place, found in _origins(paths, self._keep_frames):
            differences = differing(mine, found)
            if differences:
                raise OutputError(
                    f"{place}: holds another video ({'; '.join(differences)}); "
                    "choose another `output` or add `overwrite`"
                )

    def _account(self) -> dict[str, Any]:
        height, width, _ = self._footage.shape
        return {
            "study": self.header.study,
            "request": dict(self.header.request),
            "network_sha256": self.header.network_sha256,
            "frames": self.total,
            "width": width,
            "height": height,
            "recipe": self.header.recipe,
            "versions": versions_of(*_VERSIONS_OF),
            "created_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        }


def default_video(footage: Footage, quality: int | None = None) -> Path:
    """Return the default path of a video: the same for the same request."""
    fingerprint = _header(footage, DEFAULT_NAME, quality).fingerprint
    return Path("results") / f"video-{fingerprint[:8]}" / DEFAULT_NAME


def _header(footage: Footage, path: Path, quality: int | None) -> StudyHeader:
    kind = format_of(path)
    written: dict[str, Any] = {"format": path.suffix.lower().lstrip(".")}
    if kind.has_quality:
        written["quality"] = DEFAULT_QUALITY if quality is None else quality
        if not 0 <= written["quality"] <= 100:
            raise UsageError(
                "out of range; the valid range is 0-100", parameter="quality", value=quality
            )
    elif quality is not None:
        raise UsageError(
            "GIF and APNG have no quality to choose; leave it out",
            parameter="quality",
            value=quality,
        )
    return StudyHeader(
        study="video",
        request={**footage.request, **written},
        axes={"frame": tuple(map(str, range(footage.total)))},
        sheets=("frames",),
        recipe=footage.recipe,
        network_sha256=footage.network_sha256,
    )


def _origins(paths: VideoPaths, keep_frames: bool) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield the origin of each file that exists: study, request and network."""
    if paths.account.exists():
        found = read_account(paths.account)
        sha = found.get("network_sha256")
        yield paths.file, {"study": found.get("study"), **found["request"], "network_sha256": sha}
    if paths.kept.exists():
        with suppress(DataError), open_study(paths.kept) as kept:
            yield paths.file, json.loads(kept.header.origin)
    if keep_frames and paths.frame(0).exists():
        yield paths.frames, _parsed(read_origin(paths.frame(0)))


def is_video(path: Path) -> bool:
    """Return whether an account of a video stands beside this file."""
    # the folder you are in has no name, so nothing can stand beside it
    if not path.name:
        return False
    account = VideoPaths(file=path).account
    try:
        return account.is_file() and read_account(account).get("study") == "video"
    except OutputError:
        return False


def read_account(account: Path) -> dict[str, Any]:
    """Read the account beside a video; raise an `OutputError` if the file is another one."""
    with refuse_devices(account).open(encoding="utf-8", errors="replace") as file:
        found = _parsed(file.read(16 * MAX_LINE))
    if not isinstance(found.get("request"), dict):
        raise OutputError(
            f"{account}: not what sgtool writes beside a video; "
            "choose another `output` or add `overwrite`"
        )
    return found


def _parsed(text: str | None) -> dict[str, Any]:
    """Return the object that JSON holds, an empty one if it holds anything else."""
    try:
        found = json.loads(text or "")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def describe_video(path: Path) -> dict[str, Any]:
    """Describe the content and origin of a video, ready for JSON."""
    account = read_account(VideoPaths(file=path).account)
    account.pop("recipe", None)
    return {**account, "bytes": path.stat().st_size}
