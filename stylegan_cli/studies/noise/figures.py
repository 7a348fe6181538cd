"""Findings of a study of noise, in numbers and pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw

from stylegan_cli.figures.charts import Map, bar_chart, diverging, full_scale, shade
from stylegan_cli.figures.layout import Content, Read, Slot, paint
from stylegan_cli.figures.png import to_image
from stylegan_cli.rendering.sheet import called
from stylegan_cli.rendering.store import StudyFile
from stylegan_cli.shapes import Picture

HARDLY = 0.01
"""Share of the variance of images below which the effect of noise is invisible."""

PARTS_A_LINE = 9
FRAME = (235, 64, 52)

Cells = dict[Slot, tuple[Read, str]]
"""The images on a sheet, each with its caption."""


@dataclass(frozen=True, kw_only=True)
class LayerNoise:
    """Effect of one noise input on images.

    Attributes:
        side: The longer one of its map, in pixels.
        strength: Learned scale of the noise; the root mean square over channels.
        rms: Root mean square difference in grey levels of images with noise here alone from those
            without any.
    """

    input: int
    side: int
    strength: float
    rms: float


@dataclass(frozen=True, kw_only=True)
class NoiseShare:
    """Variance of images by cause when a list of noise inputs gets noise.

    Attributes:
        noise: Name of the list.
        style_variance: Between seeds, in squared grey levels, over all pixels and channels; None
            if there was but one seed.
        noise_variance: Between draws of the noise, in the same unit.
    """

    noise: str
    style_variance: float | None
    noise_variance: float

    @property
    def share(self) -> float | None:
        """Return the share of noise in the whole variance; None if unknown or without variance."""
        if self.style_variance is None:
            return None
        # an unbiased estimate of a variance near 0 can fall below
        whole = max(self.style_variance, 0) + self.noise_variance
        return self.noise_variance / whole if whole else None


@dataclass(frozen=True, kw_only=True)
class NoiseFindings:
    layers: tuple[LayerNoise, ...]
    shares: tuple[NoiseShare, ...]

    @property
    def verdict(self) -> str | None:
        """Return a sentence if noise hardly matters; None if it matters or cannot be compared."""
        known = [each.share for each in self.shares if each.share is not None]
        if not known or max(known) >= HARDLY:
            return None
        return (
            f"noise hardly matters: {100 * max(known):.2g} % of the variance, style does the rest"
        )


def noise_findings(file: StudyFile) -> NoiseFindings:
    """Return the numbers of a finished study of noise."""

    def numbers(group: str, name: str) -> list[float]:
        cells = range(len(file.done(group)))
        return [float(file.array(group, name, (i,)).mean(dtype="float64")) for i in cells]

    sides, strengths, rms = (numbers("layers", name) for name in ("side", "strength", "rms"))
    styles, noises = (numbers("variance", cause) for cause in ("style", "noise"))
    names, several = file.header.axes["noise"], len(file.header.axes["seed"]) > 1
    layers = (
        LayerNoise(input=i, side=int(sides[i]), strength=strengths[i], rms=rms[i])
        for i in range(len(rms))
    )
    shares = (
        NoiseShare(noise=name, style_variance=style if several else None, noise_variance=noise)
        for name, style, noise in zip(names, styles, noises, strict=True)
    )
    return NoiseFindings(layers=tuple(layers), shares=tuple(shares))


def noisy_lists(file: StudyFile) -> list[int]:
    """Return positions of the lists of noise inputs that hold any."""
    return [i for i, name in enumerate(file.header.axes["noise"]) if name != "none"]


def std_map(file: StudyFile, seed: int, chosen: int) -> Map:
    """Return the standard deviation of a seed's pixels over a list's draws; channels pooled."""
    return _together(file.array("variation", "std", (seed, chosen)) ** 2)


def scale(white: float) -> str:
    """Describe the grey levels of a map in words."""
    shown = f"white is {white:.3g} grey levels and above" if white else "0 everywhere"
    return f"std. dev.: {shown}"


def paint_maps(file: StudyFile) -> Picture:
    """Draw each seed's mean image and pixel variation, with noise on each list of inputs.

    Below, over all seeds: what varies from seed to seed, and what varies with the noise.
    """
    seeds, names = len(file.header.axes["seed"]), file.header.axes["noise"]
    lists = noisy_lists(file)
    white = full_scale(std_map(file, seed, i) for seed in range(seeds) for i in lists)
    styles = _cause_map(file, "style", lists[0])
    white_of_styles = full_scale([styles])
    title, cells = f"noise · {scale(white)}", Cells()
    for seed in range(seeds):
        cells[seed, 0] = partial(_mean, file, seed, lists[0]), "mean"
        for col, i in enumerate(lists, 1):
            cells[seed, col] = partial(_std, file, seed, i, white), f"noise {names[i]}"
    if seeds > 1:
        title += f" (of styles: {white_of_styles:.3g})"
        cells[seeds, 0] = partial(shade, styles, white_of_styles), "styles"
        for col, i in enumerate(lists, 1):
            noise = _cause_map(file, "noise", i)
            cells[seeds, col] = partial(shade, noise, white), f"noise {names[i]}"
    return _paint(file, title, cells, row_names={**_seed_names(file), seeds: "all seeds"})


def _paint(
    file: StudyFile,
    title: str,
    cells: Cells,
    *,
    row_names: Mapping[int, str] | None = None,
    sources: tuple[int, int] = (0, 0),
) -> Picture:
    content = Content(
        title=title,
        images={slot: read for slot, (read, _) in cells.items()},
        captions={slot: caption for slot, (_, caption) in cells.items() if caption},
        row_names=row_names or {},
        sources=sources,
    )
    return paint(content, file.size)


def _mean(file: StudyFile, seed: int, chosen: int) -> Picture:
    return np.round(file.array("variation", "mean", (seed, chosen))).astype(np.uint8)


def _std(file: StudyFile, seed: int, chosen: int, white: float) -> Picture:
    return shade(std_map(file, seed, chosen), white)


def _seed_names(file: StudyFile) -> dict[int, str]:
    return {i: called("seed", name) for i, name in enumerate(file.header.axes["seed"])}


def _cause_map(file: StudyFile, cause: str, chosen: int) -> Map:
    """Return the standard deviation over all seeds caused by styles or by noise."""
    return _together(np.nan_to_num(file.array("variance", cause, (chosen,))).clip(0))


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

    def note(each: NoiseShare) -> str:
        if each.share is None:
            return "no variance"
        styles = max(each.style_variance or 0, 0) ** 0.5
        return f"{100 * each.share:.3g} %\nσ {each.noise_variance**0.5:.3g} / {styles:.3g}"

    return bar_chart(
        [100 * (each.share or 0.0) for each in shares],
        [each.noise for each in shares],
        [note(each) for each in shares],
        x=f"layers with noise (σ: noise / styles, in grey levels){verdict}",
        y="noise's share of the variance (%)",
    )


def paint_components(file: StudyFile) -> Picture:
    """Draw each seed's mean image and the principal components of its draws, on one scale."""
    seeds, first = range(len(file.header.axes["seed"])), noisy_lists(file)[0]
    maps = {
        (seed, k): component.mean(axis=2)
        for seed in seeds
        for k, component in enumerate(file.array("components", "component", (seed,)))
    }
    full, shares = full_scale(maps.values()), file.array("components", "share")
    cells: Cells = {(seed, 0): (partial(_mean, file, seed, first), "") for seed in seeds}
    for (seed, k), values in maps.items():
        cells[seed, 1 + k] = partial(diverging, values, full), f"{100 * shares[seed, k]:.2g} %"
    title = f"noise · components of the draws at 1 std. dev., full colour {full:.3g} grey levels"
    return _paint(file, title, cells, row_names=_seed_names(file), sources=(0, 1))


def paint_draws(file: StudyFile) -> Picture:
    """Draw, for each seed, image, standard deviation and a part of every draw, [SG1] figure 4."""
    seeds, chosen = _seed_names(file), noisy_lists(file)[0]
    draws = file.done("draws").shape[1]
    white = full_scale(std_map(file, seed, chosen) for seed in seeds)
    # each seed takes some lines
    lines = max(2, ceil((1 + draws) / PARTS_A_LINE))
    columns, cells = ceil((1 + draws) / lines), Cells()
    for seed, name in seeds.items():
        crop = file.array("crops", "window", (seed,)).astype(int).tolist()
        fixed = partial(file.image, "/", (seed, chosen))
        std = partial(_std, file, seed, chosen, white)
        cells[seed * lines, 0] = partial(_framed, fixed, crop), name
        cells[seed * lines + 1, 0] = partial(_framed, std, crop), "std. dev."
        parts = {"fixed": fixed}
        parts |= {f"draw {i}": partial(file.image, "draws", (seed, i)) for i in range(draws)}
        for number, (caption, read) in enumerate(parts.items()):
            row, col = divmod(number, columns)
            cells[seed * lines + row, 1 + col] = partial(_enlarged, read, crop), caption
    title = f"noise {file.header.axes['noise'][chosen]} · {draws} draws · {scale(white)}"
    return _paint(file, title, cells, sources=(0, 1))


def _framed(read: Read, crop: Sequence[int]) -> UInt8[np.ndarray, "height width coloured"]:
    """Return the picture in colour with a frame around the enlarged part."""
    (x, y, size), pixels = crop, read()
    image = to_image(pixels).convert("RGBA" if pixels.shape[2] == 4 else "RGB")
    width = max(1, len(pixels) // 128)
    ImageDraw.Draw(image).rectangle((x, y, x + size - 1, y + size - 1), outline=FRAME, width=width)
    return np.asarray(image)


def _enlarged(read: Read, crop: Sequence[int]) -> UInt8[np.ndarray, "height width _"]:
    """Enlarge the part as far as it fits into the whole picture, in its middle."""
    (x, y, size), pixels = crop, read()
    height, width = pixels.shape[:2]
    side = min(height, width)
    part = to_image(pixels).crop((x, y, x + size, y + size))
    large = np.asarray(part.resize((side, side), Image.Resampling.NEAREST)).reshape(side, side, -1)
    page = np.full((height, width, large.shape[2]), 255, np.uint8)
    top, left = (height - side) // 2, (width - side) // 2
    page[top : top + side, left : left + side] = large
    return page
