"""Animation formats: how each is encoded in parts and joined."""

import os
import re
import shutil
import signal
import struct
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO
from xml.sax.saxutils import escape

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from stylegan_cli.errors import OutputError, UsageError
from stylegan_cli.figures.layout import PAPER
from stylegan_cli.figures.png import to_image
from stylegan_cli.shapes import Picture

QUIETLY = ("-hide_banner", "-nostdin", "-loglevel", "error", "-y")
_ORIGIN_OF_LINE = re.compile(r"^(\[[^\]]* @ 0x[0-9a-f]+\] )+")


@dataclass(frozen=True, kw_only=True)
class Feed:
    """Format of the frames sent to ffmpeg.

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
    """Return the path of imageio-ffmpeg's ffmpeg, or of $IMAGEIO_FFMPEG_EXE.

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
    """Return the version of ffmpeg.

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
    """Yield a function that takes frames of the file at `path`, whole if the block succeeds.

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
        # in a session of its own, as we handle Ctrl-C
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
        "fix that or choose another place"
    )


GIF_HEAD = 13
"""Bytes before the first frame of a GIF without a palette for all frames."""

GIF_FOREVER = b"!\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"
GIF_COMMENT, GIF_END = b"!\xfe", b";"
WEBP_HEAD = 12
WEBP_XMP, WEBP_NO_BLEND = 0x04, 0x02
COPIED_AT_ONCE = 2**20


@dataclass(frozen=True, kw_only=True)
class JoinedParts:
    """Parts of one animation, in order, and the metadata of the whole.

    Attributes:
        loop: Players repeat the video, if the format supports it.
        origin: Its origin.
        wanted: The file the user asked for; opens error messages.
    """

    parts: Sequence[Path]
    fps: float
    loop: bool
    origin: str
    wanted: Path


def join_mp4(whole: JoinedParts, target: Path) -> None:
    """Join MP4s into one, with the origin as its comment.

    Raises:
        OutputError: ffmpeg cannot write it.
    """
    folder = target.parent
    listing, metadata = folder / "parts.ffconcat", folder / "metadata.txt"
    lines = [f"file '{part.name}'\n" for part in whole.parts]
    listing.write_text("ffconcat version 1.0\n" + "".join(lines), encoding="utf-8")
    escaped = re.sub(r"([=;#\\\n])", r"\\\1", whole.origin)
    metadata.write_text(f";FFMETADATA1\ncomment={escaped}\n", encoding="utf-8")
    inputs = ("-f", "concat", "-i", str(listing), "-f", "ffmetadata", "-i", str(metadata))
    kept = ("-map", "0:v", "-map_metadata", "1", "-c", "copy")
    form = ("-movflags", "+faststart", "-f", "mp4")
    run_ffmpeg((*inputs, *kept, *form, str(target)), wanted=whole.wanted)


def join_gif(whole: JoinedParts, target: Path) -> None:
    """Join GIFs whose frames have their own palettes, with the origin as the comment."""
    with target.open("wb") as file:
        for i, part in enumerate(whole.parts):
            with part.open("rb") as source:
                head = source.read(GIF_HEAD)
                if i == 0:
                    file.write(head + (GIF_FOREVER if whole.loop else b""))
                shutil.copyfileobj(source, file, COPIED_AT_ONCE)
            # the part's own trailer
            file.seek(-len(GIF_END), os.SEEK_CUR)
        text = whole.origin.encode()
        blocks = (text[i : i + 255] for i in range(0, len(text), 255))
        comment = b"".join(bytes([len(block)]) + block for block in blocks)
        file.write(GIF_COMMENT + comment + b"\0" + GIF_END)


def join_webp(whole: JoinedParts, target: Path) -> None:
    """Join WebPs into one, with the origin as its XMP metadata.

    Raises:
        OutputError: It would be larger than the format allows.
    """
    with target.open("wb") as file:
        canvas = _first_chunk(whole.parts[0], b"VP8X")
        loops = struct.pack("<IH", 0xFFFFFFFF, 0 if whole.loop else 1)
        file.write(b"RIFF\0\0\0\0WEBP" + _chunk(b"VP8X", _flagged(canvas)))
        file.write(_chunk(b"ANIM", loops))
        for number, frame in enumerate(_webp_frames(whole.parts)):
            file.write(_chunk(b"ANMF", _timed(frame, number, whole.fps)))
        file.write(_chunk(b"XMP ", _XMP.format(escape(whole.origin)).encode()))
        size = file.tell() - 8
        if size >= 2**32:
            raise OutputError(
                f"{whole.wanted}: {size:,} bytes are more than a WebP can hold; write an MP4, "
                "or lower `quality`, `size` or `fps`"
            )
        file.seek(4)
        file.write(struct.pack("<I", size))


_XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/">'
    "<dc:source>{}</dc:source></rdf:Description></rdf:RDF></x:xmpmeta>"
)


def _flagged(canvas: bytes) -> bytes:
    return bytes([canvas[0] | WEBP_XMP]) + canvas[1:]


def _timed(frame: bytes, number: int, fps: float) -> bytes:
    """Return a frame that replaces the one before and lasts until the next is due."""
    milliseconds = round((number + 1) * 1000 / fps) - round(number * 1000 / fps)
    return frame[:12] + struct.pack("<I", milliseconds)[:3] + bytes([WEBP_NO_BLEND]) + frame[16:]


def _webp_frames(parts: Sequence[Path]) -> Iterator[bytes]:
    for part in parts:
        yield from (content for name, content in _chunks(part) if name == b"ANMF")


def _first_chunk(part: Path, name: bytes) -> bytes:
    return next(content for found, content in _chunks(part) if found == name)


def _chunks(part: Path) -> Iterator[tuple[bytes, bytes]]:
    with part.open("rb") as file:
        file.seek(WEBP_HEAD)
        while head := file.read(8):
            name, size = struct.unpack("<4sI", head)
            yield name, file.read(size)
            file.seek(size % 2, os.SEEK_CUR)


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack("<4sI", name, len(content)) + content + b"\0" * (len(content) % 2)


DEFAULT_QUALITY = 80
GIF_MAX_FPS = 50
THREADS = 4
"""The encoder's result depends on their number, so it is the same on every machine."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """An animation format.

    Attributes:
        has_quality: A quality can be chosen.
        has_alpha: Pictures stay transparent; elsewhere they lie on paper.
        arguments: Of ffmpeg for a part, at a quality.
        join: Makes one file of the parts.
    """

    has_quality: bool
    has_alpha: bool
    arguments: Callable[[int], tuple[str, ...]]
    join: Callable[[JoinedParts, Path], None]


def format_of(path: Path) -> Format:
    """Return the format of the suffix.

    Raises:
        UsageError: The suffix is of no known format.
    """
    found = FORMATS.get(path.suffix.lower())
    if found is None:
        raise UsageError(
            f"a video's name ends in {', '.join(FORMATS)}; found {path.suffix or 'no suffix'}",
            parameter="output",
            value=path,
        )
    return found


def prepared(pixels: Picture, kind: Format) -> UInt8[np.ndarray, "height width rgb_or_rgba"]:
    """Return a picture as the encoder takes it: RGB, or RGBA if the format keeps that."""
    if pixels.shape[2] == 4 and not kind.has_alpha:
        image = to_image(pixels)
        paper = Image.new("RGB", image.size, PAPER)
        paper.paste(image, mask=image)
        return np.asarray(paper)
    return np.repeat(pixels, 3, 2) if pixels.shape[2] == 1 else pixels


def _mp4(quality: int) -> tuple[str, ...]:
    # 100 is x264's 11, hardly to be told from the frames; 0 its worst, 51
    rate = f"{51 - 0.4 * quality:g}"
    # without these options players guess the colours' standard from the size of the frames
    colours = "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p"
    said = ("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709")
    return (
        *("-vf", colours, *said),
        *("-c:v", "libx264", "-preset", "medium", "-crf", rate, "-threads", str(THREADS)),
        # frames that are stored in another order than shown spoil the times where parts meet
        *("-bf", "0"),
        *("-f", "mp4"),
    )


def _gif(_: int) -> tuple[str, ...]:
    palettes = (
        "split[frames][same];[same]palettegen=stats_mode=single:reserve_transparent=0[palette];"
        "[frames][palette]paletteuse=new=1:dither=bayer:bayer_scale=4"
    )
    # every frame whole and with its own palette, so that parts can be joined
    kept = ("-gifflags", "0", "-global_palette", "0", "-loop", "-1")
    return ("-filter_complex", palettes, "-c:v", "gif", *kept, "-f", "gif")


def _webp(quality: int) -> tuple[str, ...]:
    return ("-c:v", "libwebp", "-pix_fmt", "bgra", "-quality", str(quality), "-f", "webp")


FORMATS = {
    ".mp4": Format(has_quality=True, has_alpha=False, arguments=_mp4, join=join_mp4),
    ".gif": Format(has_quality=False, has_alpha=False, arguments=_gif, join=join_gif),
    ".webp": Format(has_quality=True, has_alpha=True, arguments=_webp, join=join_webp),
}
