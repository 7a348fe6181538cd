"""Variation of each pixel in a study of noise, as numbers and pictures."""

from collections.abc import Iterable, Iterator, Sequence
from math import ceil

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw

from stylegan_cli.figures.charts import bar_chart, diverging, full_scale
from stylegan_cli.figures.layout import Content, Place, Slot, paint
from stylegan_cli.figures.png import to_image
from stylegan_cli.rendering.store import StudyFile
from stylegan_cli.shapes import Picture
from stylegan_cli.studies.noise.findings import NoiseShare, noise_findings

SHADED = 0.995
"""Share of a map's pixels within the scale; a few outliers would leave the rest dark."""

Map = Float[np.ndarray, "height width"]


def noisy_lists(file: StudyFile) -> list[int]:
    """Return positions of the lists of noise inputs that hold any."""
    return [i for i, name in enumerate(file.header.axes["noise"]) if name != "none"]


def std_map(file: StudyFile, seed: int, chosen: int) -> Map:
    """Return the standard deviation of a seed's pixels over a list's draws; channels pooled."""
    return _together(file.array("variation", "std", (seed, chosen)) ** 2)


def white_level(maps: Iterable[Map]) -> float:
    """Return the value shown as white: a percentile of the strongest map."""
    return max(float(np.quantile(each, SHADED)) or float(each.max()) for each in maps)


def shade(values: Map, white: float) -> Picture:
    """Draw a map in grey: black at 0, white at `white` and above."""
    share = (values / (white or 1)).clip(0, 1)
    grey: np.ndarray = np.round(255 * share).astype(np.uint8)
    return grey[:, :, None]


def scale(white: float) -> str:
    """Describe the grey levels of a map in words."""
    if not white:
        return "std. dev.: 0 everywhere"
    return f"std. dev.: white is {white:.3g} grey levels and above"


def paint_maps(file: StudyFile) -> Picture:
    """Draw each seed's mean image and pixel variation, with noise on each list of inputs.

    Below, over all seeds: what varies from seed to seed, and what varies with the noise.
    """
    seeds, lists = file.header.axes["seed"], noisy_lists(file)
    white = white_level(std_map(file, seed, i) for seed in range(len(seeds)) for i in lists)
    styles = _cause_map(file, "style", lists[0])
    white_of_styles = white_level([styles])

    def read(place: Place) -> Picture:
        what, index = place
        if what == "mean":
            return np.round(file.array("variation", "mean", index)).astype(np.uint8)
        if what == "styles":
            return shade(styles, white_of_styles)
        varying = std_map(file, *index) if what == "std" else _cause_map(file, "noise", *index)
        return shade(varying, white)

    several = len(seeds) > 1
    title = f"noise · {scale(white)}"
    content = Content(
        title=f"{title} (of styles: {white_of_styles:.3g})" if several else title,
        images=_places(len(seeds), lists),
        captions=_captions(len(seeds), [file.header.axes["noise"][i] for i in lists]),
        row_names={**{i: f"seed {name}" for i, name in enumerate(seeds)}, len(seeds): "all seeds"},
    )
    return paint(content, file.size, read)


def _places(seeds: int, lists: list[int]) -> dict[Slot, Place]:
    places: dict[Slot, Place] = {}
    for seed in range(seeds):
        places[seed, 0] = ("mean", (seed, lists[0]))
        places |= {(seed, 1 + col): ("std", (seed, chosen)) for col, chosen in enumerate(lists)}
    if seeds > 1:
        places[seeds, 0] = ("styles", ())
        places |= {(seeds, 1 + col): ("noise", (chosen,)) for col, chosen in enumerate(lists)}
    return places


def _captions(seeds: int, names: list[str]) -> dict[Slot, str]:
    rows = seeds + (seeds > 1)
    captions = {
        (row, 1 + col): f"noise {name}" for row in range(rows) for col, name in enumerate(names)
    }
    return {**captions, **{(row, 0): "mean" if row < seeds else "styles" for row in range(rows)}}


def _cause_map(file: StudyFile, cause: str, chosen: int) -> Map:
    """Return the standard deviation over all seeds caused by styles or by noise."""
    variance = np.nan_to_num(file.array("variance", cause, (chosen,)))
    return _together(variance.clip(0))


def _together(variance: Float[np.ndarray, "height width channels"]) -> Map:
    root: np.ndarray = np.sqrt(variance.mean(axis=2))
    return root


def paint_layers(file: StudyFile) -> Picture:
    """Draw a bar for each noise input: how much its noise alone changes images."""
    layers = noise_findings(file).layers
    return bar_chart(
        [layer.rms for layer in layers],
        [f"{layer.input}\n{layer.side} px" for layer in layers],
        [f"{layer.rms:.3g}" for layer in layers],
        x="noise input, and side of its noise map",
        y="RMS difference (grey levels)",
    )


def paint_variance(file: StudyFile) -> Picture:
    """Draw a bar for each list of inputs: the share of noise in the variance of images."""
    found = noise_findings(file)
    shares = [each for each in found.shares if each.noise != "none"]
    verdict = "" if found.verdict is None else f"\n{found.verdict}"
    return bar_chart(
        [100 * (each.share or 0.0) for each in shares],
        [each.noise for each in shares],
        [_note(each) for each in shares],
        x=f"layers with noise (σ: noise / styles, in grey levels){verdict}",
        y="noise's share of the variance (%)",
    )


def _note(share: NoiseShare) -> str:
    if share.share is None:
        return "no variance"
    styles = max(share.style_variance or 0, 0) ** 0.5
    return f"{100 * share.share:.3g} %\nσ {share.noise_variance**0.5:.3g} / {styles:.3g}"


def paint_components(file: StudyFile) -> Picture:
    """Draw each seed's mean image and the principal components of its draws, on one scale."""
    seeds, first = file.header.axes["seed"], noisy_lists(file)[0]
    maps = {
        (seed, k): component.mean(axis=2)
        for seed in range(len(seeds))
        for k, component in enumerate(file.array("components", "component", (seed,)))
    }
    full = full_scale(maps.values())

    def read(place: Place) -> Picture:
        what, (seed, *k) = place
        if what == "mean":
            return np.round(file.array("variation", "mean", (seed, first))).astype(np.uint8)
        return diverging(maps[seed, k[0]], full)

    shares = file.array("components", "share")
    content = Content(
        title=f"noise · components of the draws at 1 std. dev., full colour {full:.3g} grey levels",
        images={(seed, 0): ("mean", (seed,)) for seed in range(len(seeds))}
        | {(seed, 1 + k): ("component", (seed, k)) for seed, k in maps},
        captions={(seed, 1 + k): f"{100 * shares[seed, k]:.2g} %" for seed, k in maps},
        row_names={i: f"seed {name}" for i, name in enumerate(seeds)},
        sources=(0, 1),
    )
    return paint(content, file.size, read)


PARTS_A_LINE = 9
FRAME = (235, 64, 52)

Crop = tuple[int, int, int]


def paint_draws(file: StudyFile) -> Picture:
    """Draw, for each seed, image, standard deviation and a part of every draw, [SG1] figure 4."""
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
    return paint(content, file.size, read)


def _cells(seeds: Sequence[str], draws: int) -> Iterator[tuple[Slot, Place, str]]:
    """Yield slot, image and name of everything on the sheet; each seed takes some lines."""
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
    """Return the picture in colour with a frame around the enlarged part."""
    x, y, size = crop
    image = to_image(pixels).convert("RGBA" if pixels.shape[2] == 4 else "RGB")
    width = max(1, len(pixels) // 128)
    ImageDraw.Draw(image).rectangle((x, y, x + size - 1, y + size - 1), outline=FRAME, width=width)
    return np.asarray(image)


def _enlarged(pixels: Picture, crop: Crop) -> UInt8[np.ndarray, "height width _"]:
    """Enlarge the part as far as it fits into the whole picture, in its middle."""
    x, y, size = crop
    height, width = pixels.shape[:2]
    side = min(height, width)
    part = to_image(pixels).crop((x, y, x + size, y + size))
    large = np.asarray(part.resize((side, side), Image.Resampling.NEAREST)).reshape(side, side, -1)
    page = np.full((height, width, large.shape[2]), 255, np.uint8)
    top, left = (height - side) // 2, (width - side) // 2
    page[top : top + side, left : left + side] = large
    return page
