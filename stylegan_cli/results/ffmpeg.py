"""The ffmpeg program: frames in, a file out; what it says against that, in words."""

import re
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from stylegan_cli.errors import OutputError
from stylegan_cli.shapes import Picture

QUIETLY = ("-hide_banner", "-nostdin", "-loglevel", "error", "-y")
_ORIGIN_OF_LINE = re.compile(r"^(\[[^\]]* @ 0x[0-9a-f]+\] )+")


@dataclass(frozen=True, kw_only=True)
class Feed:
    """What frames look like on their way into ffmpeg.

    Attributes:
        pixels: ffmpeg's name for the bytes, "rgb24" or "rgba".
    """

    width: int
    height: int
    fps: float
    pixels: str

    @property
    def arguments(self) -> tuple[str, ...]:
        size = f"{self.width}x{self.height}"
        form = ("-f", "rawvideo", "-pix_fmt", self.pixels, "-video_size", size)
        return (*form, "-framerate", f"{self.fps:.6g}", "-i", "-")


def ffmpeg_program() -> str:
    """Path of the ffmpeg that comes with imageio-ffmpeg, or of $IMAGEIO_FFMPEG_EXE.

    Raises:
        OutputError: There is none.
    """
    try:
        from imageio_ffmpeg import get_ffmpeg_exe

        program: str = get_ffmpeg_exe()
    except (ImportError, RuntimeError) as error:
        raise OutputError(
            f"ffmpeg: not found ({error}); `pip install imageio-ffmpeg`, or name one in "
            "$IMAGEIO_FFMPEG_EXE"
        ) from None
    return program


def ffmpeg_version() -> str:
    """Which ffmpeg there is.

    Raises:
        OutputError: There is none, or it cannot be run.
    """
    with TemporaryFile() as said:
        process = _start([ffmpeg_program(), "-version"], stdout=said)
        process.wait()
        said.seek(0)
        return said.readline().decode(errors="replace").strip()


@contextmanager
def encoding(
    path: Path, feed: Feed, arguments: Sequence[str], *, wanted: Path
) -> Iterator[Callable[[Picture], None]]:
    """A function that takes frames of the file at `path`, which is whole when the block ends well.

    Args:
        arguments: Of ffmpeg, between the frames and the path.
        wanted: The file the user asked for; opens the error message.

    Raises:
        OutputError: There is no ffmpeg, or it cannot write there.
    """
    command = [ffmpeg_program(), *QUIETLY, *feed.arguments, *arguments, str(path)]
    with TemporaryFile() as said:
        process = _start(command, stdin=subprocess.PIPE, stderr=said)
        assert process.stdin is not None
        try:
            yield lambda frame: _put(process, frame, said, wanted)
            process.stdin.close()
            if process.wait():
                raise _failure(process, said, wanted)
        finally:
            process.kill()
            with suppress(BrokenPipeError):
                process.stdin.close()
            process.wait()


def run_ffmpeg(arguments: Sequence[str], *, wanted: Path) -> None:
    """Run ffmpeg to its end.

    Raises:
        OutputError: There is no ffmpeg, or it failed.
    """
    with TemporaryFile() as said:
        process = _start([ffmpeg_program(), *QUIETLY, *arguments], stderr=said)
        if process.wait():
            raise _failure(process, said, wanted)


def _start(
    command: Sequence[str],
    *,
    stdin: int = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    stderr: int | IO[bytes] = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    try:
        # in a session of its own: Ctrl-C is ours to deal with
        return subprocess.Popen(
            command, stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=True
        )
    except OSError as error:
        raise OutputError(
            f"{command[0]}: cannot be run ({error.strerror}); `pip install imageio-ffmpeg`, or "
            "name another ffmpeg in $IMAGEIO_FFMPEG_EXE"
        ) from None


def _put(process: subprocess.Popen[bytes], frame: Picture, said: IO[bytes], wanted: Path) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(frame.tobytes())
    except BrokenPipeError:
        process.wait()
        raise _failure(process, said, wanted) from None


def _failure(process: subprocess.Popen[bytes], said: IO[bytes], wanted: Path) -> OutputError:
    said.seek(0)
    lines = [line.strip() for line in said.read().decode(errors="replace").splitlines()]
    reason = _ORIGIN_OF_LINE.sub("", next(filter(None, lines), "")).rstrip(".")
    if not reason and process.returncode < 0:
        reason = f"stopped by {signal.Signals(-process.returncode).name}"
    return OutputError(
        f"{wanted}: ffmpeg cannot write it ({reason or f'exit code {process.returncode}'}); "
        "mend that or choose another place"
    )
