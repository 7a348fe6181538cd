"""Every form in which the Pillow installed can write one small picture."""

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import ExifTags, Image

from tests.data.pictures import quadrants

Image.init()
SIZE = (24, 16)
MODES = (
    *("1", "L", "P", "RGB", "RGBA", "LA", "PA", "CMYK", "YCbCr", "LAB", "HSV", "I", "I;16", "F"),
    *("I;16B", "RGBX", "RGBa", "La"),
)
OPTIONS: dict[str, tuple[dict[str, object], ...]] = {
    "TIFF": (
        {},
        *({"compression": name} for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits")),
        *({"compression": name} for name in ("jpeg", "group4", "lzma", "zstd", "webp")),
        {"big_tiff": True},
    ),
    "PNG": ({}, {"bits": 1}, {"bits": 2}, {"bits": 4}, {"transparency": 0}),
    "JPEG": ({"quality": 95}, {"quality": 95, "progressive": True}, {"subsampling": 2}),
    "WEBP": ({}, {"lossless": True}),
    "GIF": ({}, {"transparency": 0}, {"interlace": 1}),
    "AVIF": ({}, {"subsampling": "4:4:4"}),
    "JPEG2000": ({}, {"irreversible": True}, {"no_jp2": True}),
    "TGA": ({}, {"compression": "tga_rle"}, {"orientation": 1}),
    "SGI": ({}, {"bpc": 2}),
    "DDS": ({}, {"pixel_format": "DXT1"}, {"pixel_format": "DXT5"}),
    "BMP": ({},),
    "ICO": ({}, {"bitmap_format": "bmp"}),
    "BLP": ({}, {"blp_version": "BLP1"}),
}
TURNED = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF")


@dataclass(frozen=True, kw_only=True)
class Form:
    """One file of the picture; `content` is the same in every run."""

    name: str
    kind: str
    content: bytes


def picture(mode: str, size: tuple[int, int] = SIZE) -> Image.Image:
    """Four quarters of different colours, a disc of transparency where a mode has alpha."""
    colours = quadrants(*size)
    if mode in ("I", "I;16", "I;16B", "F"):
        grey = np.asarray(colours.convert("L")).astype(np.float64)
        if mode == "F":
            return Image.fromarray((grey / 255).astype(np.float32))
        deep = (grey * 257).astype({"I": np.int32, "I;16": "<u2", "I;16B": ">u2"}[mode])
        return Image.fromarray(deep)
    if mode in ("RGBA", "LA", "PA", "RGBa", "La"):
        alpha = Image.radial_gradient("L").resize(size)
        colours.putalpha(alpha)
        return colours.convert("P").convert("PA") if mode == "PA" else colours.convert(mode)
    if mode == "LAB":
        lab = np.asarray(colours).copy()
        return Image.frombytes("LAB", size, lab.tobytes())
    return colours.convert(mode)


def forms() -> Iterator[Form]:
    """Each format, mode, and option that can be written, then each orientation of EXIF."""
    for kind in sorted(Image.SAVE):
        for mode in MODES:
            for options in OPTIONS.get(kind, ({},)):
                words = [f"{key}-{value}" for key, value in options.items()]
                yield from _form("-".join([kind, mode, *words]), kind, mode, options)
    for kind in TURNED:
        for mode in ("RGB", "L", "RGBA", "I;16"):
            for orientation in range(2, 9):
                exif = Image.Exif()
                exif[ExifTags.Base.Orientation] = orientation
                yield from _form(f"{kind}-{mode}-turn-{orientation}", kind, mode, {"exif": exif})


def _form(name: str, kind: str, mode: str, options: dict[str, object]) -> Iterator[Form]:
    buffer = io.BytesIO()
    try:
        picture(mode).save(buffer, kind, **options)
    except Exception:  # Pillow cannot write this combination
        return
    suffix = next((s for s, k in Image.EXTENSION.items() if k == kind), f".{kind.lower()}")
    safe = name.replace(";", "_").replace(":", "").replace(" ", "")
    yield Form(name=f"{safe}{suffix}", kind=kind, content=buffer.getvalue())
