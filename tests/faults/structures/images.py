"""Pictures whose headers claim other sizes, frames, palettes and codings than are there."""

import io
import re
import struct
import zlib
from collections.abc import Callable
from functools import cache
from random import Random
from typing import Any

import numpy as np
from PIL import Image

from tests.faults.structures.binary import number_of, put

Change = Callable[[bytes, Random], bytes]
SIDES = (0, 1, 7, 30_000, 46_341, 65_535, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "F")
OPTIONS: dict[str, tuple[dict[str, Any], ...]] = {
    "jpeg": ({"progressive": True}, {"quality": 90, "subsampling": 0}),
    "webp": ({"lossless": True},),
    "tiff": (
        *({"compression": f"tiff_{name}"} for name in ("lzw", "adobe_deflate", "raw_16")),
        {"big_tiff": True},
    ),
    "ico": ({"bitmap_format": "bmp"},),
    "tga": ({"compression": "tga_rle"},),
}


@cache
def pictures(kind: str) -> tuple[bytes, ...]:
    """Return undamaged pictures of a format, in every mode and form in which Pillow writes it."""
    values = np.random.RandomState(0).randint(0, 256, (24, 32, 3)).astype(np.uint8)
    made = Image.fromarray(values)
    rgb = [made.convert(mode) for mode in MODES]
    deep = [Image.fromarray(values[..., 0].astype(np.uint16))]
    frames: dict[str, Any] = {"save_all": True, "append_images": [made.rotate(90)]}
    tries = [{}, frames, *OPTIONS.get(kind, ())]
    return tuple(
        data for each in tries for image in rgb + deep if (data := _saved(image, kind, each))
    )


def _saved(image: Image.Image, kind: str, options: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    try:
        image.save(buffer, kind, **options)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError):
        return b""
    return buffer.getvalue()


def picture(data: bytes, random: Random, *, kind: str) -> bytes:
    """Return a picture of a format with one to three changes to its structure."""
    data = random.choice(pictures(kind))
    for _ in range(random.choice([1, 1, 2, 3])):
        change: Change = CHANGES.get(kind, _numbers)
        data = change(data, random) if random.random() < 0.85 else _numbers(data, random)
    return data[: random.randrange(len(data))] if random.random() < 0.05 else data


def _numbers(data: bytes, random: Random) -> bytes:
    """Change a number of the first bytes, where all formats have their sizes."""
    changed = bytearray(data)
    form = random.choice(["<I", ">I", "<H", ">H", "B"])
    place = random.randrange(min(len(data), random.choice([32, 64, 200])))
    put(changed, place, form, random.choice([*SIDES, number_of(random, data[place])]))
    return bytes(changed)


def _png(data: bytes, random: Random) -> bytes:
    chunks = []
    at = 8
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4])
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    if not chunks:
        return data
    i = random.randrange(len(chunks))
    kind, content = chunks[i]
    what = random.randrange(7)
    if what < 2:
        head = bytearray(chunks[0][1].ljust(13, b"\0"))
        if random.random() < 0.6:
            put(head, random.choice([0, 4]), ">I", random.choice(SIDES))
        else:
            head[random.randrange(8, 13)] = random.choice([0, 1, 2, 3, 4, 6, 7, 8, 16, 32, 255])
        chunks[0] = (b"IHDR", bytes(head))
    elif what == 2:
        chunks.pop(i)
    elif what == 3:
        chunks.insert(i, random.choice(chunks))
    elif what == 4:
        bomb = zlib.compress(bytes(2**23))
        more = [(b"acTL", struct.pack(">II", random.choice(SIDES), 0)), (b"PLTE",
                                                                         bytes(random.choice([0,
                                                                                              1,
                                                                                              3,
                                                                                              900]))),
                (b"tRNS", bytes(random.choice([0, 1, 6, 900]))), (b"zTXt", b"a\0\0" + bomb),
                (b"iCCP", b"a\0\0" + bomb),
                (b"iTXt", b"a\0\1\0\0\0" + bomb), (b"eXIf", b"MM\0*\0\0\0\x08" + b"\xff" * 40),
                (b"IDAT", bomb),
                (b"fcTL", struct.pack(">IIIIIHHBB", 0, *random.choices(SIDES, k=4), 0, 0, 9,
                                      9)), (b"fdAT", b"\0\0\0\1x"),
                (b"gAMA", b"\0" * 4), (b"pHYs", b"\xff" * 9), (b"\xff\xff\xff\xff", b""),
                (b"tEXt", b"a\0" + b"x" * 2**21)]  # fmt: skip
        chunks.insert(random.choice([1, 1, len(chunks) - 1]), random.choice(more))
    elif what == 5:
        chunks[i] = (
            kind,
            random.choice([b"", content[:-1], content * 2, content[::-1], bytes(99)]),
        )
    else:
        chunks[i] = (random.choice([b"IEND", b"IDAT", b"IHDR", b"abcd"]), content)
    lie = random.randrange(len(chunks)) if random.random() < 0.1 else -1
    return data[:8] + b"".join(
        (random.choice(SIDES) if n == lie else len(each)).to_bytes(4) + name + each
        + zlib.crc32(name + each).to_bytes(4) for n, (name, each) in enumerate(chunks)
    )  # fmt: skip


def _jpeg(data: bytes, random: Random) -> bytes:
    parts, at = [], 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        length = int.from_bytes(data[at + 2 : at + 4])
        parts.append(data[at : at + 2 + length])
        at += 2 + max(2, length)
    parts.append(data[at:])
    i = random.randrange(len(parts))
    frames = [
        n for n, part in enumerate(parts) if part[1:2] in (b"\xc0", b"\xc2") and len(part) > 9
    ]
    what = random.randrange(7)
    if what < 3 and frames:
        frame = bytearray(parts[frames[0]])
        place, form = random.choice(
            [(5, ">H"), (7, ">H"), (4, "B"), (9, "B"), (11, "B"), (1, "B"), (2, ">H")]
        )
        put(
            frame,
            place,
            form,
            random.choice([0, 1, 2, 4, 8, 12, 16, 255, 30_000, 65_535, 0xC1, 0xC3, 0xC9]),
        )
        parts[frames[0]] = bytes(frame)
    elif what == 3:
        parts.pop(i)
    elif what == 4:
        parts.insert(i, random.choice(parts))
    elif what == 5:
        exif = b"Exif\0\0II*\0\x08\0\0\0" + b"\1\0\x12\1\3\0\xff\xff\xff\xff\x06\0\0\0\x08\0\0\0"
        mpf = b"MPF\0II*\0\x08\0\0\0\2\0\1\xb0\4\0\1\0\0\0\xff\xff\xff\xff"
        mpf += b"\2\xb0\7\0\xff\xff\xff\x7f\x10\0\0\0"
        icc = b"ICC_PROFILE\0\1\xff" + b"x" * 90
        added = [(0xE1, exif), (0xE2, mpf), (0xE2, icc), (0xEE, b"Adobe\0d\0\0\0\0\xff"), (0xDD,
                                                                                           b"\xff\xff"),
                 (0xE0, b"JFIF\0"), (0xED, b"Photoshop 3.0\08BIM\4\4\0\0\xff\xff\xff\xff"),
                 (0xFE, b"x" * 60_000)]  # fmt: skip
        mark, content = random.choice(added)
        parts.insert(0, bytes([0xFF, mark]) + (len(content) + 2).to_bytes(2) + content)
    else:
        scan = parts[-1]
        # a progressive picture of very many scans
        end = scan.rfind(b"\xff\xd9")
        parts[-1] = scan[:end] + scan[:end] * random.choice([1, 50, 3000]) + b"\xff\xd9"
    return data[:2] + b"".join(parts)


def _tiff(data: bytes, random: Random) -> bytes:
    order = "<" if data[:2] == b"II" else ">"
    changed = bytearray(data)
    if data[2:4] not in (b"*\0", b"\0*"):
        return _numbers(data, random)
    start = struct.unpack_from(order + "I", data, 4)[0]
    if start + 2 > len(data):
        return data
    count = min(struct.unpack_from(order + "H", data, start)[0], (len(data) - start - 6) // 12)
    if random.random() < 0.1 or count < 1:
        put(
            changed,
            start + 2 + 12 * max(count, 0),
            order + "I",
            random.choice([start, 0, 2**31, 8]),
        )
        return bytes(changed)
    at = start + 2 + 12 * random.randrange(count)
    what = random.randrange(6)
    if what == 0:
        known = (254, 256, 257, 258, 259, 262, 273, 274, 277, 278, 279, 284, 317, 320, 322, 323,
                 324,
                 338, 339, 347, 530, 34665, 34675, 700, 330)  # fmt: skip
        put(changed, at, order + "H", random.choice(known))
    elif what == 1:
        put(changed, at + 2, order + "H", random.choice([0, 1, 2, 3, 4, 5, 7, 11, 12, 13, 16, 255]))
    elif what == 2:
        put(changed, at + 4, order + "I", random.choice([0, 1, 2, 3, 5, 99, *SIDES]))
    else:
        short = struct.unpack_from(order + "H", data, at + 2)[0] == 3
        values = [0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 32, 64, 32_946, 34_712, 50_000, 50_001, *SIDES]
        put(changed, at + 8, order + ("H" if short else "I"), random.choice(values))
    return bytes(changed)


def _gif(data: bytes, random: Random) -> bytes:
    changed = bytearray(data)
    frames = [match.start() for match in re.finditer(rb"\x2c", data[13:])]
    at = 13 + random.choice(frames or [0])
    what = random.randrange(6)
    if what == 0:
        put(changed, random.choice([6, 8]), "<H", random.choice([0, 1, 30_000, 65_535]))
    elif what == 1:
        put(changed, at + random.choice([1, 3, 5, 7]), "<H", random.choice([0, 1, 30_000, 65_535]))
    elif what == 2:
        changed[10] = random.randrange(256)
    elif what == 3:
        put(changed, at + 9, "B", random.randrange(256))
    elif what == 4:
        put(changed, at + 10, "B", random.choice([0, 1, 2, 8, 9, 11, 12, 13, 255]))
    else:
        changed[-1:-1] = data[at:-1] * random.choice([1, 20])
    return bytes(changed)


def _webp(data: bytes, random: Random) -> bytes:
    parts, at = [], 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        parts.append((data[at : at + 4], data[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    if not parts:
        return data
    i = random.randrange(len(parts))
    name, content = parts[i]
    what = random.randrange(6)
    if what == 0:
        wide = bytes([random.randrange(256), 0, 0, 0]) + random.randbytes(6)
        parts.insert(0, (b"VP8X", random.choice([wide, b"\2" + b"\xff" * 9, b"\x10" + bytes(9)])))
    elif what == 1:
        parts[i] = (name, bytes(random.choice([0xFF,
                                               each]) if n < 10 and random.random() < 0.2 else each
                                for n, each in enumerate(content)))  # fmt: skip
    elif what == 2:
        parts.insert(i, random.choice(parts))
    elif what == 3:
        parts.pop(i)
    elif what == 4:
        parts.append(
            (
                random.choice([b"EXIF", b"ICCP", b"XMP ", b"ANIM", b"ANMF"]),
                b"\xff" * random.choice([0, 6, 40]),
            )
        )
    else:
        parts[i] = (random.choice([b"VP8 ", b"VP8L", b"ANMF", b"ALPH"]), content)
    body = b""
    for name, each in parts:
        length = len(each) if random.random() < 0.95 else random.choice(SIDES)
        body += name + length.to_bytes(4, "little") + each + bytes(len(each) % 2)
    size = len(body) + 4 if random.random() < 0.9 else random.choice(SIDES)
    return b"RIFF" + size.to_bytes(4, "little") + b"WEBP" + body


_BMP = (
    (10, "<I"),
    (14, "<I"),
    (18, "<i"),
    (22, "<i"),
    (26, "<H"),
    (28, "<H"),
    (30, "<I"),
    (34, "<I"),
    (46, "<I"),
)


def _bmp(data: bytes, random: Random) -> bytes:
    changed = bytearray(data)
    place, form = random.choice(_BMP)
    numbers = (0, 1, 2, 3, 4, 8, 12, 16, 24, 32, 40, 52, 56, 64, 108, 124, 256, *SIDES)
    put(changed, place, form.upper(), random.choice(numbers))
    return bytes(changed)


def _ppm(data: bytes, random: Random) -> bytes:
    kind, width, height, most = (random.choice(each) for each in (
        [b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"Pf", b"PF", b"Py", b"P0CMYK"],
        *[[b"32", b"24", b"0", b"-1", b"30000", b"4294967295", b"9" * 5000, b"1e3", b""]] * 2,
        [b"255", b"0", b"1", b"65535", b"99999", b"-1.0", b"nan"]))  # fmt: skip
    return (
        kind
        + b"\n"
        + random.choice([b"", b"# " + b"x" * 99_999 + b"\n"])
        + b" ".join([width, height, most])
        + b"\n"
        + data[13:]
    )


CHANGES: dict[str, Change] = {"png": _png, "jpeg": _jpeg, "tiff": _tiff, "gif": _gif,
                              "webp": _webp, "bmp": _bmp,
                              "ppm": _ppm}  # fmt: skip
FORMATS = {
    **{f"a.{kind}": kind for kind in (*CHANGES, "ico", "tga", "avif", "dds", "sgi", "pcx")},
    "a.jp2": "jpeg2000",
}
"""Formats by the names of files."""
