"""Animations in parts become one file, frame data copied as it is."""

import os
import re
import shutil
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from stylegan_cli.errors import OutputError
from stylegan_cli.results.ffmpeg import run_ffmpeg

GIF_HEAD = 13
"""Bytes before the first frame of a GIF without a palette for all frames."""

GIF_FOREVER = b"!\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"
GIF_COMMENT, GIF_END = b"!\xfe", b";"
WEBP_HEAD = 12
WEBP_XMP, WEBP_NO_BLEND = 0x04, 0x02
COPIED_AT_ONCE = 2**20


@dataclass(frozen=True, kw_only=True)
class Whole:
    """Parts of one animation, in order, and what the whole is to say of itself.

    Attributes:
        loop: Whether players start again at the end, where the format can say so.
        origin: Where it comes from.
        wanted: The file the user asked for; opens error messages.
    """

    parts: Sequence[Path]
    fps: float
    loop: bool
    origin: str
    wanted: Path


def join_mp4(whole: Whole, target: Path) -> None:
    """One MP4 of MP4s, with the origin as its comment.

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


def join_gif(whole: Whole, target: Path) -> None:
    """One GIF of GIFs whose frames have palettes of their own, with the origin as its comment."""
    with target.open("wb") as file:
        for i, part in enumerate(whole.parts):
            with part.open("rb") as source:
                head = source.read(GIF_HEAD)
                if i == 0:
                    file.write(head + (GIF_FOREVER if whole.loop else b""))
                shutil.copyfileobj(source, file, COPIED_AT_ONCE)
            # the part's own end mark
            file.seek(-len(GIF_END), os.SEEK_CUR)
        text = whole.origin.encode()
        blocks = (text[i : i + 255] for i in range(0, len(text), 255))
        comment = b"".join(bytes([len(block)]) + block for block in blocks)
        file.write(GIF_COMMENT + comment + b"\0" + GIF_END)


def join_webp(whole: Whole, target: Path) -> None:
    """One WebP of WebPs, with the origin as its XMP metadata.

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
                "or lower --quality, --size or --fps"
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
    """A frame that replaces the one before, shown until the next is due."""
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
