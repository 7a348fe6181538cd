"""A video on disk: encoded in parts, each whole or absent, which are joined at the end.

    people.mp4    people.mp4.json    people-frames/000000.png, …

While frames are missing the parts are in a hidden folder: `.people.mp4.parts`.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from stylegan_cli.errors import UsageError
from stylegan_cli.files import writing
from stylegan_cli.results.ffmpeg import Feed, encoding, ffmpeg_version
from stylegan_cli.results.film import (
    Film,
    VideoPaths,
    account_of,
    read_account,
    refuse_others,
    write_account,
)
from stylegan_cli.results.formats import GIF_MAX_FPS, Format, format_of, prepared
from stylegan_cli.results.joining import Whole
from stylegan_cli.results.pictures import write_png
from stylegan_cli.shapes import Picture


class VideoFile:
    """A video as far as it is on disk; `open_video` makes one."""

    def __init__(self, paths: VideoPaths, film: Film, kind: Format) -> None:
        self.paths, self.film, self._kind = paths, film, kind

    @property
    def is_finished(self) -> bool:
        return self.paths.file.exists()

    def missing(self) -> list[int]:
        """The parts that frames are still to be drawn for."""
        return [i for i in range(len(self.film.parts)) if not self._is_there(i)]

    @contextmanager
    def part(self, number: int) -> Iterator[Callable[[int, Picture], None]]:
        """A function that takes the frames of a part by number; the part is kept if all go well.

        Raises:
            OutputError: The place cannot be written, or there is no ffmpeg.
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
        """Join the parts, after all frames were taken; say beside the video where it comes from.

        Raises:
            OutputError: The place cannot be written.
        """
        if not self.is_finished:
            self._join()
        if self.paths.parts.exists():
            shutil.rmtree(self.paths.parts)

    def _join(self) -> None:
        paths, film = self.paths, self.film
        parts = [paths.part(i) for i in range(len(film.parts))]
        whole = Whole(
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
        """A temporary path among the parts, of this process alone, renamed in the end.

        The ffmpeg of a process that was killed may write on for a moment.
        """
        temporary = self.paths.parts / f".{path.name}.{os.getpid()}.partial"
        with writing(self.paths.file):
            try:
                yield temporary
                temporary.replace(path)
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
    """The video of this name: finished, as far as it came, or new.

    Args:
        overwrite: Start anew, whatever is there.

    Raises:
        UsageError: The format cannot hold such a video.
        OutputError: Another video is there, or the place cannot be written.
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
            f"--size: frames would be {size}, and MP4 takes even sizes only; choose an even "
            "--size, or -o with .gif or .webp"
        )
    if suffix == ".gif" and film.fps > GIF_MAX_FPS:
        raise UsageError(
            f"--fps {film.fps:g}: a GIF shows at most {GIF_MAX_FPS} frames a second; "
            "lower --fps, or -o with .mp4 or .webp"
        )


def _open_parts(paths: VideoPaths, film: Film) -> None:
    """Make the folder of parts; those of another ffmpeg could not be joined with new ones."""
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
