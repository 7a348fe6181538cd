"""Small images with known content, as files of every kind."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from stylegan_cli.data import Entry, Source
from stylegan_cli.data.decoding import decoded


def blocks(seed: int = 0, width: int = 32, height: int = 32, mode: str = "RGB") -> Image.Image:
    """A picture of 8-pixel blocks in random colours."""
    colours = np.random.default_rng(seed).integers(0, 256, (-(-height // 8), -(-width // 8), 3))
    pixels = np.kron(colours, np.ones((8, 8, 1)))[:height, :width]
    return Image.fromarray(pixels.astype(np.uint8)).convert(mode)


def quadrants(width: int = 32, height: int = 32) -> Image.Image:
    """Red, green, blue and black quarters, in reading order: every turn of it is another."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2, 0] = 255
    pixels[: height // 2, width // 2 :, 1] = 255
    pixels[height // 2 :, : width // 2, 2] = 255
    return Image.fromarray(pixels)


def encoded(image: Image.Image, kind: str = "png", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def decode(data: bytes, name: str = "") -> Image.Image:
    """The upright picture in an encoded image."""
    with decoded(io.BytesIO(data), name) as image:
        return image.whole()


def image_of(source: Source, entry: Entry) -> Image.Image:
    """The upright picture of an entry."""
    with source.open(entry) as image:
        return image.whole()


def folder_of(root: Path, files: Mapping[str, bytes | Image.Image]) -> Path:
    """A folder with these files in it; images become what their suffix says."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            content.save(path)
    return root


def zip_of(path: Path, files: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return path
