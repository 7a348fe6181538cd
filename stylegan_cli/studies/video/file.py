"""A video on disk: encoded in parts, each whole or absent, that are joined at the end.

    people.mp4    people.mp4.json    people-frames/000000.png, …

While frames are missing the parts are in a hidden folder: `.people.mp4.parts`.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from stylegan_cli.errors import OutputError, UsageError
from stylegan_cli.figures.png import read_origin, write_png
from stylegan_cli.files import put_in_place, writing, written_whole
from stylegan_cli.rendering.header import Header, differing
from stylegan_cli.shapes import Picture
from stylegan_cli.studies.video.encoding import (
    GIF_MAX_FPS,
    Feed,
    Format,
    JoinedParts,
    encoding,
    ffmpeg_version,
    format_of,
    prepared,
)

FRAMES_A_PART = 120
_VERSIONS_OF = ("stylegan_cli", "torch", "numpy", "imageio-ffmpeg")


@dataclass(frozen=True, kw_only=True)
class VideoPaths:
    """Paths of all files of one video.

    Attributes:
        file: The video itself.
    """

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
    def parts(self) -> Path:
        """Return the folder of parts while frames are missing."""
        return self.file.with_name(f".{self.file.name}.parts")

    @property
    def record(self) -> Path:
        """Return the path of the record of the parts."""
        return self.parts / "video.json"

    def frame(self, number: int) -> Path:
        return self.frames / f"{number:06d}.png"

    def part(self, number: int) -> Path:
        return self.parts / f"{number:06d}{self.file.suffix.lower()}"


@dataclass(frozen=True, kw_only=True)
class Film:
    """Description of a video, without its pictures.

    Attributes:
        header: Study, request and network; the request holds format and quality too.
        frames: Number of frames.
        channels: Of the frames.
        loop: Players repeat the video, if the format supports it.
        keep_frames: Write each frame as a PNG too.
    """

    header: Header
    width: int
    height: int
    channels: int
    frames: int
    fps: float
    loop: bool
    quality: int
    keep_frames: bool = False

    @property
    def parts(self) -> tuple[range, ...]:
        """Return the frames of each part."""
        starts = range(0, self.frames, FRAMES_A_PART)
        return tuple(range(i, min(i + FRAMES_A_PART, self.frames)) for i in starts)


def account_of(film: Film) -> dict[str, Any]:
    """Describe the origin and form of a video, ready for JSON."""
    header = film.header
    return {
        "study": header.study,
        "request": dict(header.request),
        "network_sha256": header.network_sha256,
        "frames": film.frames,
        "width": film.width,
        "height": film.height,
        "recipe": header.recipe,
        "versions": {name: version(name) for name in _VERSIONS_OF},
        "created_utc": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def is_video(path: Path) -> bool:
    """Return whether an account of a video stands beside this file."""
    account = VideoPaths(file=path).account
    try:
        return account.is_file() and read_account(account).get("study") == "video"
    except OutputError:
        return False


def describe_video(path: Path) -> dict[str, Any]:
    """Describe the content and origin of a video, ready for JSON."""
    account = read_account(VideoPaths(file=path).account)
    account.pop("recipe", None)
    return {**account, "bytes": path.stat().st_size}


def read_account(account: Path) -> dict[str, Any]:
    """Read the account beside a video.

    Raises:
        OutputError: The file is of another kind.
    """
    try:
        found = json.loads(account.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise OutputError(
            f"{account}: not what sgtool writes beside a video; "
            "choose another `output` or add `overwrite`"
        )
    return found


def write_account(path: Path, account: Mapping[str, Any]) -> None:
    """Write an account, whole or not at all.

    Raises:
        OutputError: It cannot be written.
    """
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(account, indent=2) + "\n", encoding="utf-8")


def refuse_others(paths: VideoPaths, film: Film) -> None:
    """Raise if the existing files, finished or not, belong to another video.

    Raises:
        OutputError: It is another video.
    """
    if paths.file.exists() and not paths.account.exists():
        raise OutputError(
            f"{paths.file}: exists already, and no {paths.account.name} describes it; "
            "choose another `output` or add `overwrite`"
        )
    for account in (paths.account, paths.record):
        if account.exists():
            found = read_account(account)
            claims = {
                "study": found.get("study"),
                **found.get("request", {}),
                "network_sha256": found.get("network_sha256"),
            }
            _refuse_other(paths.file, film.header, claims)
    if film.keep_frames and paths.frame(0).exists():
        _refuse_other(paths.frames, film.header, json.loads(read_origin(paths.frame(0)) or "{}"))


def _refuse_other(place: Path, header: Header, found: Mapping[str, Any]) -> None:
    differences = differing(json.loads(header.origin), found)
    if differences:
        raise OutputError(
            f"{place}: holds another video ({'; '.join(differences)}); "
            "choose another `output` or add `overwrite`"
        )


class VideoFile:
    """The stored part of a video; `open_video` makes one."""

    def __init__(self, paths: VideoPaths, film: Film, kind: Format) -> None:
        self.paths, self.film, self._kind = paths, film, kind

    @property
    def is_finished(self) -> bool:
        return self.paths.file.exists()

    def missing(self) -> list[int]:
        """Return the parts whose frames are still to be drawn."""
        return [i for i in range(len(self.film.parts)) if not self._is_there(i)]

    @contextmanager
    def part(self, number: int) -> Iterator[Callable[[int, Picture], None]]:
        """Yield a function that takes the frames of a part by number; the part is kept on success.

        Raises:
            OutputError: The path cannot be written, or there is no ffmpeg.
        """
        with ExitStack() as stack:
            put = None
            if not self._is_encoded(number):
                put = stack.enter_context(self._encoded(number))

            def take(i: int, frame: Picture) -> None:
                if self.film.keep_frames:
                    self._write_frame(i, frame)
                if put is not None:
                    put(prepared(frame, self._kind))

            yield take

    def finish(self) -> None:
        """Join the parts after all frames, and write the account beside the video.

        Raises:
            OutputError: The path cannot be written.
        """
        if not self.is_finished:
            self._join()
        if self.paths.parts.exists():
            shutil.rmtree(self.paths.parts)

    def _join(self) -> None:
        paths, film = self.paths, self.film
        parts = [paths.part(i) for i in range(len(film.parts))]
        whole = JoinedParts(
            parts=parts, fps=film.fps, loop=film.loop, origin=film.header.origin, wanted=paths.file
        )
        write_account(paths.account, account_of(film))
        with self._replacing(paths.file) as temporary:
            self._kind.join(whole, temporary)

    @contextmanager
    def _encoded(self, number: int) -> Iterator[Callable[[Picture], None]]:
        film, kind = self.film, self._kind
        pixels = "rgba" if kind.has_alpha and film.channels == 4 else "rgb24"
        feed = Feed(width=film.width, height=film.height, fps=film.fps, pixels=pixels)
        with (
            self._replacing(self.paths.part(number)) as temporary,
            encoding(temporary, feed, kind.arguments(film.quality), wanted=self.paths.file) as put,
        ):
            yield put

    @contextmanager
    def _replacing(self, path: Path) -> Iterator[Path]:
        """Yield a temporary path for this process, renamed on success.

        The ffmpeg of a process that was killed may write on for a moment.
        """
        temporary = self.paths.parts / f".{path.name}.{os.getpid()}.partial"
        with writing(self.paths.file):
            try:
                yield temporary
                put_in_place(temporary, path)
            finally:
                temporary.unlink(missing_ok=True)

    def _is_there(self, number: int) -> bool:
        if not self._is_encoded(number):
            return False
        frames = self.film.parts[number]
        return not self.film.keep_frames or all(self.paths.frame(i).exists() for i in frames)

    def _is_encoded(self, number: int) -> bool:
        return self.is_finished or self.paths.part(number).exists()

    def _write_frame(self, number: int, frame: Picture) -> None:
        path = self.paths.frame(number)
        if not path.exists():
            write_png(path, frame, origin=self.film.header.origin)


def open_video(path: Path, film: Film, *, overwrite: bool = False) -> VideoFile:
    """Open the video of this name: finished, unfinished or new.

    Args:
        overwrite: Replace whatever exists.

    Raises:
        UsageError: The format cannot hold such a video.
        OutputError: The path holds another video or cannot be written.
    """
    kind = format_of(path)
    _check_fits(path, film)
    paths = VideoPaths(file=path)
    with writing(path):
        if overwrite:
            _clear(paths)
        refuse_others(paths, film)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _open_parts(paths, film)
    return VideoFile(paths, film, kind)


def _check_fits(path: Path, film: Film) -> None:
    size = f"{film.width}×{film.height}"
    suffix = path.suffix.lower()
    if suffix == ".mp4" and (film.width % 2 or film.height % 2):
        raise UsageError(
            f"frames would be {size}, and MP4 takes even sizes only; choose an even "
            "`size`, or `output` with .gif or .webp",
            parameter="size",
        )
    if suffix == ".gif" and film.fps > GIF_MAX_FPS:
        raise UsageError(
            f"a GIF shows at most {GIF_MAX_FPS} frames a second; "
            "lower `fps`, or `output` with .mp4 or .webp",
            parameter="fps",
            value=f"{film.fps:g}",
        )


def _open_parts(paths: VideoPaths, film: Film) -> None:
    """Make the folder of parts; remove those of another ffmpeg, which cannot be joined."""
    account = account_of(film) | {"ffmpeg": ffmpeg_version()}
    if paths.record.exists() and read_account(paths.record).get("ffmpeg") != account["ffmpeg"]:
        shutil.rmtree(paths.parts)
    paths.parts.mkdir(exist_ok=True)
    if not paths.record.exists():
        write_account(paths.record, account)


def _clear(paths: VideoPaths) -> None:
    """Remove the video with its parts and frames, and nothing else."""
    for path in (paths.file, paths.account, *paths.frames.glob("[0-9]*.png")):
        path.unlink(missing_ok=True)
    if paths.parts.exists():
        shutil.rmtree(paths.parts)
