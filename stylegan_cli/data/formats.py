"""Image formats: which are read, what each costs to decode, and names for those that are not."""

import re
import struct
from io import BufferedIOBase
from pathlib import PurePosixPath
from typing import IO, cast

from PIL import Image, ImageFile

from stylegan_cli.errors import DataError

Image.init()  # otherwise Pillow loads its plugins after a first failure, which threads do not see


def why_unread(kind: str) -> str:
    """Return the reason for leaving out a picture of a kind that is not read."""
    remedy = "export its frames" if kind == "a video" else "save it"
    return f"{kind} is not read here; {remedy} as PNG or JPEG"


_REFUSED = {
    "EPS",  # Pillow runs Ghostscript on it
    "FITS",  # its packed form unpacks without a bound
    *("WMF", "BUFR", "GRIB", "HDF5", "MPEG"),  # Pillow knows their size at most
}
READ = frozenset(Image.OPEN) - _REFUSED
"""Pillow's names of the formats that are read."""

_BY_SUFFIX = {**Image.registered_extensions(), ".spi": "SPIDER", ".spider": "SPIDER"}
ARRAY_SUFFIX = ".npy"
SUFFIXES = frozenset(suffix for suffix, name in _BY_SUFFIX.items() if name in READ | {"MPO"}) | {
    ARRAY_SUFFIX
}
_RAW = "a camera's raw file"
_NOT_READ = {
    **{suffix: name for suffix, name in _BY_SUFFIX.items() if suffix not in SUFFIXES},
    **dict.fromkeys((".heic", ".heif", ".hif"), "HEIC"),
    **dict.fromkeys((".avif", ".avifs"), "AVIF"),
    **dict.fromkeys((".jp2", ".j2k", ".jpx"), "JPEG 2000"),
    **dict.fromkeys((".cr2", ".cr3", ".nef", ".arw", ".dng", ".raf", ".orf", ".rw2"), _RAW),
    **dict.fromkeys((".mp4", ".mov", ".avi", ".mkv", ".webm"), "a video"),
    ".jxl": "JPEG XL",
    ".webp": "WebP",
    ".svg": "SVG",
    ".pdf": "PDF",
    ".psb": "PSB",
    ".exr": "OpenEXR",
    ".hdr": "Radiance HDR",
    ".xcf": "XCF",
    ".ai": "PDF",
}
_MAGIC = re.compile(
    rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|GIF8[79]a|RIFF....WEBP|II[*+]\0|MM\0[*+]|BM....\0\0\0\0"
    rb"|....ftyp(avif|avis|heic|heix|mif1)|\0\0\0\x0cj[P ]|\xff\x4f\xff\x51|\xff\x0a|\0\0\0\x0cJXL "
    rb"|8BPS|qoif|DDS |P[1-6]\s",
    re.DOTALL,
)
_FOREIGN = {
    rb"....ftyp(hei|hev|mif1|msf1)": why_unread("HEIC"),
    rb"\xff\x0a|\0\0\0\x0cJXL ": why_unread("JPEG XL"),
    rb"%!PS|\xc5\xd0\xd3\xc6": why_unread("EPS"),
    rb"%PDF": why_unread("PDF"),
    rb"\s*<(\?xml|svg)": why_unread("SVG"),
    rb"\s*<(!doctype|html)": "a web page, not an image; download it again",
    rb"version https://git-lfs": "a pointer of Git LFS; fetch the image with git lfs pull",
}
"""Reasons for content that is recognized but not read, by its first bytes."""

MAGIC_BYTES = 48

MAX_DECODED_BYTES = 2**30
"""An image that takes more while it is decoded is left out."""

_BYTES_PER_PIXEL = {
    # decoders that hold a second copy of the picture
    **dict.fromkeys(("WEBP", "AVIF", "GIF", "PSD"), 12),
    **dict.fromkeys(("JPEG2000", "ICNS"), 24),
    # decoders written in Python, so slow that few pixels are enough
    **dict.fromkeys(("QOI", "XPM", "DDS", "BLP", "FTEX"), 128),
}
_USUAL_BYTES_PER_PIXEL, _PROGRESSIVE_BYTES_PER_PIXEL = 4, 12


class UnusableImageError(DataError):
    """An image that has to be left out, and why: what opens, converts or checks one raises it."""


def suffix_of(name: str) -> str:
    """Return the suffix of a path within a source, in lower case."""
    return PurePosixPath(name).suffix.lower()


def unread_kind(name: str) -> str | None:
    """Return the name of a picture format that is not read, by its suffix; None for others."""
    suffix = suffix_of(name)
    return None if suffix in SUFFIXES else _NOT_READ.get(suffix)


def starts_like_image(prefix: bytes) -> bool:
    """Return whether the first bytes of a file are those of an image, whatever its name."""
    return _MAGIC.match(prefix) is not None


def open_header(file: BufferedIOBase, name: str) -> ImageFile.ImageFile:
    """Read an image's header; Pillow's own bound on pixels gives way to `decoding_cost`.

    Args:
        name: Tells formats apart that have no mark of their own, such as TGA.
    """
    prefix = file.read(MAGIC_BYTES)
    if not prefix:
        raise UnusableImageError("empty file")
    named = _BY_SUFFIX.get(suffix_of(name))
    for kind in sorted(READ, key=lambda kind: kind != named):
        factory, accept = Image.OPEN[kind]
        accepted = accept(prefix) if accept else kind == named
        if not accepted or isinstance(accepted, str):  # text says which part of Pillow is missing
            continue
        file.seek(0)
        try:
            return factory(
                cast("IO[bytes]", file), ""
            )  # a name would make Pillow open it by itself
        except (SyntaxError, IndexError, TypeError, struct.error):
            continue  # as Pillow itself does: another format may claim the same first bytes
    for pattern, reason in _FOREIGN.items():
        if re.match(pattern, prefix, re.DOTALL | re.IGNORECASE):
            raise UnusableImageError(reason)
    raise UnusableImageError("not an image in a format that is read")


def decoding_cost(image: ImageFile.ImageFile) -> int:
    """Return roughly how many bytes decoding takes; raise if they are too many."""
    width, height = image.size
    usual = _PROGRESSIVE_BYTES_PER_PIXEL if "progressive" in image.info else _USUAL_BYTES_PER_PIXEL
    per_pixel = _BYTES_PER_PIXEL.get(image.format or "", usual)
    cost = width * height * per_pixel
    if cost > MAX_DECODED_BYTES:
        raise UnusableImageError(
            f"{width}×{height} pixels of {image.format} are too many, {image.format} is read up "
            f"to {MAX_DECODED_BYTES // per_pixel // 10**6} megapixels; make it smaller"
        )
    return cost
