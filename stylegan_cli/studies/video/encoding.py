"""Animation formats: videos by the ffmpeg of imageio-ffmpeg, animated pictures by Pillow.

One frame at a time is in memory.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from subprocess import CalledProcessError
from tempfile import TemporaryFile
from typing import IO, Any
from xml.sax.saxutils import escape

import numpy as np
from imageio_ffmpeg import count_frames_and_secs, get_ffmpeg_version, write_frames
from jaxtyping import UInt8
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from stylegan_cli.errors import OutputError, UsageError
from stylegan_cli.figures.layout import PAPER
from stylegan_cli.figures.png import to_image
from stylegan_cli.files import written_whole
from stylegan_cli.shapes import Picture

DEFAULT_QUALITY = 80
GIF_MAX_FPS = 50
THREADS = 4
"""The encoder's result depends on their number, so it is the same on every machine."""

_ORIGIN_OF_LINE = re.compile(r"^(\[[^\]]* @ 0x[0-9a-f]+\] )+")

_XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/">'
    "<dc:source>{}</dc:source></rdf:Description></rdf:RDF></x:xmpmeta>"
)


@dataclass(frozen=True, kw_only=True)
class Reel:
    """Form of an animation.

    Attributes:
        loop: Players repeat it, if the format supports that.
        quality: 0 to 100, if the format has one.
    """

    frames: int
    fps: float
    loop: bool = True
    quality: int = DEFAULT_QUALITY
    origin: str = ""

    def durations(self, unit: int) -> list[int]:
        """Return the milliseconds of each frame, in whole units that do not drift."""
        ends = [round(i * 1000 / unit / self.fps) * unit for i in range(self.frames + 1)]
        return [b - a for a, b in pairwise(ends)]


@dataclass(frozen=True, kw_only=True)
class Format:
    """An animation format.

    Attributes:
        codec: Of ffmpeg, or None where Pillow writes it.
        has_alpha: Pictures stay transparent; elsewhere they lie on paper.
    """

    name: str
    codec: str | None = None
    has_quality: bool = True
    has_alpha: bool = True
    options: Callable[[Reel], Any]


def format_of(path: Path) -> Format:
    """Return the format of the suffix."""
    found = FORMATS.get(path.suffix.lower())
    if found is None:
        raise UsageError(
            f"a video's name ends in one of {', '.join(FORMATS)}; "
            f"write for example {path.with_suffix('.mp4')}",
            parameter="output",
            value=path,
        )
    return found


def check_format(path: Path, width: int, height: int, fps: float) -> None:
    """Raise a `UsageError` if the format of the suffix cannot hold such frames."""
    kind = format_of(path)
    if kind.name == "mp4" and (width % 2 or height % 2):
        raise UsageError(
            f"frames would be {width}×{height}, and MP4 takes even sizes only; choose an even "
            "`size`, or `output` with another suffix such as .webm",
            parameter="size",
        )
    if kind.name == "gif" and fps > GIF_MAX_FPS:
        raise UsageError(
            f"a GIF shows at most {GIF_MAX_FPS} frames a second; "
            "lower `fps`, or `output` with another suffix such as .mp4",
            parameter="fps",
            value=f"{fps:g}",
        )


def write_animation(path: Path, frame: Callable[[int], Picture], reel: Reel) -> None:
    """Write an animation in the format of the suffix, whole or not at all.

    Args:
        frame: Returns a frame by its number; one at a time is in memory.

    Raises:
        OutputError: It cannot be written, or there is no ffmpeg.
    """
    kind = format_of(path)
    with written_whole(path) as temporary:
        if kind.codec is None:
            pages = _Pages(lambda i: _image(_prepared(frame(i), kind), kind), reel.frames)
            rest = _Pages(lambda i: pages.frame(i + 1), reel.frames - 1)
            options = kind.options(reel)
            try:
                pages.save(temporary, kind.name, save_all=True, append_images=[rest], **options)
            except ValueError as error:  # larger than the format allows
                raise OSError(str(error)) from error
        elif why := _write_movie(temporary, frame, kind, reel):
            raise OutputError(
                f"{path}: ffmpeg cannot write it ({why}); fix that or choose another place"
            )


def check_ffmpeg() -> None:
    """Raise an `OutputError` if there is no ffmpeg, or it cannot be run."""
    try:
        get_ffmpeg_version()
    except (OSError, RuntimeError, CalledProcessError) as error:
        raise OutputError(
            f"ffmpeg: cannot be run ({error}); `pip install imageio-ffmpeg`, or name one in "
            "$IMAGEIO_FFMPEG_EXE"
        ) from None


def _write_movie(
    path: Path, frame: Callable[[int], Picture], kind: Format, reel: Reel
) -> str | None:
    """Have ffmpeg write the frames, and count them in what it wrote; return why it failed."""
    frames = (_prepared(frame(i), kind) for i in range(reel.frames))
    first = next(frames)
    pixels = {3: ("rgb24", "yuv420p"), 4: ("rgba", "yuva420p")}[first.shape[2]]
    with TemporaryFile() as said:
        with _errors_into(said):
            writer = write_frames(
                f"file:{path}",
                first.shape[1::-1],
                pix_fmt_in=pixels[0],
                pix_fmt_out=pixels[1],
                fps=reel.fps,
                quality=None,
                codec=kind.codec,
                macro_block_size=1,
                ffmpeg_log_level="error",
                output_params=kind.options(reel),
            )
            writer.send(None)
        with suppress(OSError), closing(writer):
            for each in chain((first,), frames):
                writer.send(np.ascontiguousarray(each))
        found = 0
        with suppress(RuntimeError):
            found = count_frames_and_secs(f"file:{path}")[0]
        return None if found == reel.frames else _reason(said)


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


def _prepared(pixels: Picture, kind: Format) -> UInt8[np.ndarray, "height width rgb_or_rgba"]:
    """Return a picture as the encoder takes it: RGB, or RGBA if the format keeps that."""
    if pixels.shape[2] == 4 and not kind.has_alpha:
        image = to_image(pixels)
        paper = Image.new("RGB", image.size, PAPER)
        paper.paste(image, mask=image)
        return np.asarray(paper)
    return np.repeat(pixels, 3, 2) if pixels.shape[2] == 1 else pixels


def _image(pixels: Picture, kind: Format) -> Image.Image:
    image = to_image(pixels)
    # the octree takes milliseconds, Pillow's default a second for a large picture
    return image.quantize(256, Image.Quantize.FASTOCTREE) if kind.name == "gif" else image


class _Pages:
    """Frames behind the face of one Pillow image of many, which loads each as it is wanted."""

    def __init__(self, frame: Callable[[int], Image.Image], count: int) -> None:
        self.frame, self.n_frames, self._now = frame, count, frame(0)

    def seek(self, number: int) -> None:
        if number >= self.n_frames:
            raise EOFError
        self._now = self.frame(number)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._now, name)


def _mp4(reel: Reel) -> list[str]:
    # 100 is x264's 11, almost indistinguishable from the frames; 0 is its worst, 51
    rate = f"{51 - 0.4 * reel.quality:g}"
    return [
        *("-preset", "medium", "-crf", rate, "-movflags", "+faststart", "-f", "mp4"),
        *_described(reel),
    ]


def _webm(reel: Reel) -> list[str]:
    rate = f"{63 - 0.475 * reel.quality:.0f}"
    return [
        *("-crf", rate, "-b:v", "0", "-row-mt", "1", "-fflags", "+bitexact", "-f", "webm"),
        *_described(reel),
    ]


def _described(reel: Reel) -> list[str]:
    # without these options players guess the colours' standard from the size of the frames
    colours = ("-vf", "scale=out_color_matrix=bt709:out_range=tv", "-colorspace", "bt709")
    standard = ("-color_primaries", "bt709", "-color_trc", "bt709", "-threads", str(THREADS))
    return [*colours, *standard, "-metadata", f"comment={reel.origin}"]


def _gif(reel: Reel) -> dict[str, Any]:
    loop = {"loop": 0} if reel.loop else {}
    return {"duration": reel.durations(10), "comment": reel.origin.encode(), **loop}


def _webp(reel: Reel) -> dict[str, Any]:
    return {
        "duration": reel.durations(1),
        "loop": 0 if reel.loop else 1,
        "quality": reel.quality,
        "method": 4,
        "xmp": _XMP.format(escape(reel.origin)).encode(),
    }


def _apng(reel: Reel) -> dict[str, Any]:
    chunks = PngInfo()
    chunks.add_itxt("Source", reel.origin)
    return {"duration": reel.durations(1), "loop": 0 if reel.loop else 1, "pnginfo": chunks}


FORMATS = {
    ".mp4": Format(name="mp4", codec="libx264", has_alpha=False, options=_mp4),
    ".webm": Format(name="webm", codec="libvpx-vp9", options=_webm),
    ".gif": Format(name="gif", has_quality=False, has_alpha=False, options=_gif),
    ".webp": Format(name="webp", options=_webp),
    ".apng": Format(name="png", has_quality=False, options=_apng),
}
