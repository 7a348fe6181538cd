"""The kinds of animation files: how each is encoded in parts and put together."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from stylegan_cli.errors import UsageError
from stylegan_cli.results.joining import Whole, join_gif, join_mp4, join_webp
from stylegan_cli.results.page import PAPER
from stylegan_cli.results.pictures import to_image
from stylegan_cli.shapes import Picture

DEFAULT_QUALITY = 80
GIF_MAX_FPS = 50
THREADS = 4
"""The encoder's result depends on their number, so it is the same on every machine."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """A kind of animation file.

    Attributes:
        has_quality: A quality can be chosen.
        has_alpha: Pictures stay transparent; elsewhere they lie on paper.
        arguments: Of ffmpeg for a part, at a quality.
        join: Makes one file of the parts.
    """

    has_quality: bool
    has_alpha: bool
    arguments: Callable[[int], tuple[str, ...]]
    join: Callable[[Whole, Path], None]


def format_of(path: Path) -> Format:
    """The kind of file that the suffix asks for.

    Raises:
        UsageError: None of ours.
    """
    found = FORMATS.get(path.suffix.lower())
    if found is None:
        raise UsageError(
            f"--output {path}: a video's name ends in {', '.join(FORMATS)}; "
            f"found {path.suffix or 'no suffix'}"
        )
    return found


def prepared(pixels: Picture, kind: Format) -> UInt8[np.ndarray, "height width rgb_or_rgba"]:
    """A picture as the encoder takes it: RGB, or RGBA where the format keeps that."""
    if pixels.shape[2] == 4 and not kind.has_alpha:
        image = to_image(pixels)
        paper = Image.new("RGB", image.size, PAPER)
        paper.paste(image, mask=image)
        return np.asarray(paper)
    return np.repeat(pixels, 3, 2) if pixels.shape[2] == 1 else pixels


def _mp4(quality: int) -> tuple[str, ...]:
    # 100 is x264's 11, hardly to be told from the frames; 0 its worst, 51
    rate = f"{51 - 0.4 * quality:g}"
    # without these words players guess the colours' standard from the size of the frames
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
