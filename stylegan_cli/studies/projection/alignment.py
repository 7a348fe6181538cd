"""Faces aligned like the network's training faces by four points, and pasted back.

The usual crop: the eyes and the corners of the mouth give a turned square around the face.
"""

import csv
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path, PurePath

import numpy as np
from jaxtyping import Float64
from PIL import Image, ImageFilter

from stylegan_cli.data.formats import UnusableImageError
from stylegan_cli.errors import DataError
from stylegan_cli.shapes import Picture
from stylegan_cli.texts import read_bounded, text_of

Points = Float64[np.ndarray, "4 2"]
"""Left and right eye, left and right corner of the mouth, as the viewer sees them: x, y."""
Quad = Float64[np.ndarray, "4 2"]
"""Corners of the turned square: top left, bottom left, bottom right, top right."""

MARGIN, BLUR, FEATHER = 0.3, 0.02, 0.05
"""Shares of the square's side."""
OVERSAMPLING = 4
COLUMNS = 9
MOST_BYTES, FARTHEST = 2**24, 1e12
"""Of a list of points: its size, and no place is so far off, in pixels."""
MOST_SIDES = 4
"""The square is at most so many times as wide as its picture: more is nothing but border."""


def face_quad(points: Points) -> Quad:
    """Return the square around a face.

    Raises:
        UnusableImageError: The points are no face: two coincide, or left is right.
    """
    if min(np.hypot(*(a - b)) for a, b in combinations(points, 2)) < 1:
        raise UnusableImageError("two of its points coincide; each is a place of its own")
    eyes, mouth = points[:2].mean(0), points[2:].mean(0)
    across, down = points[1] - points[0], mouth - eyes
    if across[0] * down[1] <= across[1] * down[0]:
        raise UnusableImageError(
            "its points are mirrored; left is what you see on the left, and eyes come before the "
            "mouth"
        )
    x = across - _rotated(down)
    x *= max(2 * np.hypot(*across), 1.8 * np.hypot(*down)) / np.hypot(*x)
    y = _rotated(x)
    centre = eyes + 0.1 * down
    return np.stack([centre - x - y, centre - x + y, centre + x + y, centre + x - y])


def read_points(path: Path) -> Mapping[str, Points]:
    """Read points by the picture's file name, from lines `name,x,y,x,y,x,y,x,y`.

    Semicolons and tabs separate as well as commas. A heading without numbers is skipped.

    Raises:
        DataError: The file is missing, or a line is not such a list.
    """
    found: dict[str, Points] = {}
    for number, row in enumerate(_rows(path), 1):
        values = [_number(cell) for cell in row[1:]]
        if not any(row) or (number == 1 and not np.isfinite(values).any()):
            continue
        if len(values) != COLUMNS - 1 or not (np.abs(values) < FARTHEST).all():
            raise DataError(
                f"{path}, line {number}: not a name and 8 numbers; write name, then x and y of "
                "the left eye, the right eye, the left and the right corner of the mouth"
            )
        name = PurePath(row[0]).name
        if name in found:
            raise DataError(f"{path}, line {number}: {name} has points already; remove one line")
        found[name] = np.array(values).reshape(4, 2)
    if not found:
        raise DataError(f"{path}: holds no points; write a line for each picture")
    return found


def _rows(path: Path) -> list[list[str]]:
    """Return the cells of each line, without blanks around them and empty ones at its end."""
    try:
        lines = text_of(read_bounded(path, MOST_BYTES)).splitlines()
        separator = max(",;\t", key=next(filter(None, lines), "").count)
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=separator)]
    except (UnicodeDecodeError, csv.Error):
        raise DataError(f"{path}: not a CSV file in UTF-8") from None
    for row in rows:
        while row and not row[-1]:
            del row[-1]
    return rows


def _number(cell: str) -> float:
    """Return a number, whose decimals a comma may begin; NaN for anything else."""
    try:
        return float(cell.replace(",", "."))
    except ValueError:
        return float("nan")


def align(image: Image.Image, quad: Quad, side: int) -> Image.Image:
    """Cut the turned square out of a picture; beyond its edges, mirror and blur it.

    Args:
        image: As RGB or RGBA.

    Raises:
        UnusableImageError: The square lies outside the picture, or is far larger.
    """
    if not _side(quad) <= MOST_SIDES * max(image.size):
        raise UnusableImageError(
            f"its points are too far apart for a picture of {image.width}×{image.height}; they "
            "count its pixels"
        )
    image, quad = _shrunk(image, quad, side)
    image, quad = _cropped(image, quad)
    image, quad = _padded(image, quad)
    size = OVERSAMPLING * side
    corners = tuple(float(value) for value in (quad + 0.5).flatten())
    turned = image.transform((size, size), Image.Transform.QUAD, corners, Image.Resampling.BILINEAR)
    return turned.resize((side, side), Image.Resampling.LANCZOS)


def paste_back(image: Image.Image, quad: Quad, pixels: Picture) -> Image.Image:
    """Paste an aligned picture back into its original, feathered at the edge."""
    side = len(pixels)
    patch = Image.fromarray(np.broadcast_to(pixels[..., :3], (side, side, 3)))
    # output (x, y) takes patch (a·x + b·y + c, d·x + e·y + f): the inverse of the square's axes
    axes = np.stack([quad[3] - quad[0], quad[1] - quad[0]], axis=1)
    inverse = side * np.linalg.inv(axes)
    offset = -inverse @ quad[0]
    matrix = (*inverse[0], offset[0], *inverse[1], offset[1])
    below = image.convert("RGB")
    feather = max(1, round(FEATHER * side))
    alpha = Image.fromarray(_feathered(side, feather))
    placed, weight = (
        each.transform(below.size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)
        for each in (patch, alpha)
    )
    return Image.composite(placed, below, weight)


def _rotated(vector: np.ndarray) -> np.ndarray:
    return np.array([-vector[1], vector[0]])


def _side(quad: Quad) -> float:
    return float(np.hypot(*(quad[3] - quad[0])))


def _shrunk(image: Image.Image, quad: Quad, side: int) -> tuple[Image.Image, Quad]:
    factor = int(_side(quad) / side / 2)
    if factor <= 1:
        return image, quad
    size = (max(1, round(image.width / factor)), max(1, round(image.height / factor)))
    scale = np.array([size[0] / image.width, size[1] / image.height])
    return image.resize(size, Image.Resampling.LANCZOS), quad * scale


def _cropped(image: Image.Image, quad: Quad) -> tuple[Image.Image, Quad]:
    """Cut away all but the neighbourhood of the square."""
    border = max(round(_side(quad) * 0.1), 3)
    low = np.maximum(np.floor(quad.min(0)).astype(int) - border, 0)
    high = np.minimum(np.ceil(quad.max(0)).astype(int) + border, image.size)
    if (low >= high).any():
        raise UnusableImageError(
            "its points lie outside the picture; they count pixels from its top left"
        )
    return image.crop((int(low[0]), int(low[1]), int(high[0]), int(high[1]))), quad - low


def _padded(image: Image.Image, quad: Quad) -> tuple[Image.Image, Quad]:
    """Add a mirrored border, fading into blur and one colour, where the square needs it."""
    size = np.array(image.size)
    over = np.maximum(np.concatenate([-quad.min(0), quad.max(0) - size]), 0)
    if not over.any():
        return image, quad
    pad = np.maximum(np.ceil(over).astype(int) + 3, round(_side(quad) * MARGIN))
    left, top, right, bottom = map(int, pad)
    mirrored = np.pad(np.asarray(image), ((top, bottom), (left, right), (0, 0)), mode="reflect")
    height, width = mirrored.shape[:2]
    depth = np.maximum(
        _depth(width, left, right)[None, :, None], _depth(height, top, bottom)[:, None, None]
    )
    blur = ImageFilter.GaussianBlur(_side(quad) * BLUR)
    blurred = np.asarray(Image.fromarray(mirrored).filter(blur))
    blended = mirrored + (blurred - mirrored.astype(float)) * np.minimum(3 * depth, 1)
    blended += (np.median(blended, axis=(0, 1)) - blended) * depth
    return Image.fromarray(blended.round().clip(0, 255).astype(np.uint8)), quad + pad[:2]


def _depth(length: int, before: int, after: int) -> np.ndarray:
    """Return how deep in the border each place is: 0 in the picture, 1 at the outer edge."""
    place = np.arange(length)
    first, last = before, length - 1 - after
    return np.maximum(np.maximum((first - place) / before, (place - last) / after), 0)


def _feathered(side: int, feather: int) -> np.ndarray:
    """Return weights from 0 at the edge of a square to 255 inside."""
    edge = np.minimum(np.arange(side), np.arange(side)[::-1])
    weight = np.clip((edge + 0.5) / feather, 0, 1)
    return (255 * np.minimum.outer(weight, weight)).round().astype(np.uint8)
