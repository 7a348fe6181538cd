"""The draws of a study of noise, enlarged where they differ most."""

from collections.abc import Iterator, Sequence
from math import ceil

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from stylegan_cli.results.layout import Content, Slot, paint
from stylegan_cli.results.noise_maps import noisy_lists, scale, shade, std_map, white_level
from stylegan_cli.results.page import Place
from stylegan_cli.results.pictures import to_image
from stylegan_cli.results.store import StudyFile
from stylegan_cli.shapes import Picture

PARTS_A_LINE = 9
FRAME = (235, 64, 52)

Crop = tuple[int, int, int]


def paint_draws(file: StudyFile) -> Picture:
    """For each seed, [SG1] figure 4: image, standard deviation, and a part of every draw."""
    seeds, chosen = file.header.axes["seed"], noisy_lists(file)[0]
    draws = file.done("draws").shape[1]
    white = white_level(std_map(file, seed, chosen) for seed in range(len(seeds)))

    def read(place: Place) -> Picture:
        what, (seed, *draw) = place
        crop = _crop(file, seed)
        if what == "std":
            return _framed(shade(std_map(file, seed, chosen), white), crop)
        fixed = file.image("/", (seed, chosen))
        if what == "whole":
            return _framed(fixed, crop)
        return _enlarged(file.image("draws", (seed, *draw)) if draw else fixed, crop)

    cells = list(_cells(seeds, draws))
    content = Content(
        title=f"noise {file.header.axes['noise'][chosen]} · {draws} draws · {scale(white)}",
        images={slot: place for slot, place, _ in cells},
        captions={slot: caption for slot, _, caption in cells},
        sources=(0, 1),
    )
    return paint(content, file.resolution, read)


def _cells(seeds: Sequence[str], draws: int) -> Iterator[tuple[Slot, Place, str]]:
    """Slot, image and name of everything on the sheet; each seed takes some lines."""
    lines = max(2, ceil((1 + draws) / PARTS_A_LINE))
    columns = ceil((1 + draws) / lines)
    for seed, name in enumerate(seeds):
        top = seed * lines
        yield (top, 0), ("whole", (seed,)), f"seed {name}"
        yield (top + 1, 0), ("std", (seed,)), "std. dev."
        yield (top, 1), ("part", (seed,)), "fixed"
        for draw in range(draws):
            row, col = divmod(1 + draw, columns)
            yield (top + row, 1 + col), ("part", (seed, draw)), f"draw {draw}"


def _crop(file: StudyFile, seed: int) -> Crop:
    x, y, size = map(int, file.array("crops", "window", (seed,)))
    return x, y, size


def _framed(pixels: Picture, crop: Crop) -> UInt8[np.ndarray, "height width coloured"]:
    """The picture, in colours, with a frame around the part that is shown enlarged."""
    x, y, size = crop
    image = to_image(pixels).convert("RGBA" if pixels.shape[2] == 4 else "RGB")
    width = max(1, len(pixels) // 128)
    ImageDraw.Draw(image).rectangle((x, y, x + size - 1, y + size - 1), outline=FRAME, width=width)
    return np.asarray(image)


def _enlarged(pixels: Picture, crop: Crop) -> Picture:
    """The part, as large as the whole picture."""
    x, y, size = crop
    part = to_image(pixels).crop((x, y, x + size, y + size))
    enlarged = np.asarray(part.resize((len(pixels), len(pixels)), Image.Resampling.NEAREST))
    return enlarged.reshape(len(pixels), len(pixels), -1)
