"""Movies written by the ffmpeg of imageio-ffmpeg."""

import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import chain
from pathlib import Path
from subprocess import CalledProcessError
from tempfile import TemporaryFile
from typing import IO

import numpy as np
from imageio_ffmpeg import count_frames_and_secs, get_ffmpeg_version, write_frames
from jaxtyping import UInt8

from stylegan_cli.errors import OutputError

_ORIGIN_OF_LINE = re.compile(r"^(\[[^\]]* @ 0x[0-9a-f]+\] )+")


class FfmpegError(Exception):
    """A failure of ffmpeg, in its own words."""


def write_movie(
    path: Path,
    frames: Iterator[UInt8[np.ndarray, "_ _ _"]],
    count: int,
    *,
    fps: float,
    codec: str,
    options: list[str],
) -> None:
    """Have ffmpeg write the frames, and count them in what it wrote.

    Raises:
        FfmpegError: It failed, or wrote fewer.
    """
    first = next(frames)
    pixels = {3: ("rgb24", "yuv420p"), 4: ("rgba", "yuva420p")}[first.shape[2]]
    with TemporaryFile() as said:
        with _errors_into(said):
            writer = write_frames(
                f"file:{path}",
                first.shape[1::-1],
                pix_fmt_in=pixels[0],
                pix_fmt_out=pixels[1],
                fps=fps,
                quality=None,
                codec=codec,
                macro_block_size=1,
                ffmpeg_log_level="error",
                output_params=options,
            )
            writer.send(None)
        with suppress(OSError), closing(writer):
            for frame in chain((first,), frames):
                writer.send(np.ascontiguousarray(frame))
        if _frames_in(path) != count:
            raise FfmpegError(_reason(said))


def _frames_in(path: Path) -> int:
    """Return the number of frames that a player finds."""
    try:
        found: int = count_frames_and_secs(f"file:{path}")[0]
    except RuntimeError:
        return 0
    return found


@contextmanager
def _errors_into(file: IO[bytes]) -> Iterator[None]:
    """Give a file as stderr to programs that start in the block."""
    ours = os.dup(2)
    os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(ours, 2)
        os.close(ours)


def _reason(said: IO[bytes]) -> str:
    said.seek(0)
    lines = [line.strip() for line in said.read().decode(errors="replace").splitlines()]
    reason = _ORIGIN_OF_LINE.sub("", next(filter(None, lines), "")).rstrip(".")
    return reason or "it stopped before the last frame"


def check_ffmpeg() -> None:
    """Raise if there is no ffmpeg.

    Raises:
        OutputError: It is missing, or cannot be run.
    """
    try:
        get_ffmpeg_version()
    except (OSError, RuntimeError, CalledProcessError) as error:
        raise OutputError(
            f"ffmpeg: cannot be run ({error}); `pip install imageio-ffmpeg`, or name one in "
            "$IMAGEIO_FFMPEG_EXE"
        ) from None
