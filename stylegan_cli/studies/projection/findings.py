"""Projected pictures judged and shown: measures, remarks, the sheet, videos of the search."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import inf, log10
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float64, Int64, UInt8
from torch import Tensor

from stylegan_cli.figures.layout import in_rows, paint
from stylegan_cli.latents.codes import Codes
from stylegan_cli.networks.generator import Generator
from stylegan_cli.rendering.render import to_images
from stylegan_cli.shapes import Picture
from stylegan_cli.sizes import Size
from stylegan_cli.studies.projection.states import Measures, Record
from stylegan_cli.studies.video.encoding import Reel, write_animation

FAR_PERCENTILE = 99.9
DETAIL_IN_NOISE = 1.5, 0.02
FAR_OFF = 3.0
UNTRAINED = 0.3
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
WINDOW, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2
PLAIN_BELOW = 32
"""Smaller pictures are compared at one scale."""

COLUMNS = ("target", "start", "result", "plain", "difference")
TITLES = {"plain": "network's noise", "difference": "difference x4"}
MEASURED = {"start": "_start", "result": "", "plain": "_plain"}
GAIN = 4
TABLES = {"target": "targets", "start": "starts", "result": "/", "plain": "plain"}
FPS, MOVING, RESTING = 25.0, 75, 25
"""Frames a second, those of the way, and those at its end."""
QUALITY = 90
SMALLEST_HALF = 256
"""Side of each half at least, in pixels."""


def grown_images(G: Generator, pixels: Picture) -> Tensor:
    """Return a picture of full-grown size as the images that a network draws by now."""
    step = G.size.height // G.grown_size.height
    image = torch.from_numpy(np.ascontiguousarray(pixels[::step, ::step]))
    return to_images(image[None].to(G.mapping.w_avg.device))


def lpips_name(detector: str) -> str:
    """Return the name of the perceptual distance through a detector."""
    return f"lpips_{detector}"


def remarks(
    found: Mapping[str, Measures], checks: Sequence[Measures], lpips: str
) -> Iterator[tuple[str, str]]:
    """Describe what is out of the ordinary about a picture, by its name, or about all.

    Args:
        found: Measures of each picture.
        checks: Those of the network's own images, projected alike.
    """
    for name, measures in found.items():
        yield from ((name, text) for text in _remarks_on_one(measures, checks, lpips))
    own = float(np.mean([check[lpips] for check in checks])) if checks else 0.0
    if own > UNTRAINED:
        yield (
            "",
            f"the network's own images project with {lpips} {own:.2f}: it is not trained well "
            "enough to represent them",
        )


def _remarks_on_one(measures: Measures, checks: Sequence[Measures], lpips: str) -> Iterator[str]:
    far = measures.get("w_percentile", 0.0)
    if far > FAR_PERCENTILE:
        yield (
            f"its code is farther out than {far:.4g} % of the network's own codes, so mixing and "
            "editing may go astray; a larger `prior` keeps it nearer"
        )
    factor, more = DETAIL_IN_NOISE
    plain, own = measures[f"{lpips}_plain"], measures[lpips]
    if plain > factor * own + more:
        yield (
            f"detail is in the noise maps ({lpips} {own:.3f}, {plain:.3f} with the network's "
            "own noise); edits that move things will not move it"
        )
    worst = max((check[lpips] for check in checks), default=inf)
    if own > FAR_OFF * worst and own > more:
        yield (
            f"far from anything this network draws ({lpips} {own:.3f}, its own images "
            f"{worst:.3f} at most); perhaps of another kind, or not aligned like its training data"
        )


def psnr(a: Picture, b: Picture) -> float:
    """Return the peak signal-to-noise ratio in dB: −10 · log10 of the MSE on [0, 1]."""
    error = float(np.square((a.astype(np.float64) - b) / 255).mean())
    return -10 * log10(error) if error else inf


def scale_count(side: int) -> int:
    """Return at how many scales pictures of this shorter side are compared."""
    if side < PLAIN_BELOW:
        return 1
    return min(len(SCALE_WEIGHTS), (side // WINDOW).bit_length())


def ms_ssim(a: Picture, b: Picture) -> float:
    """Return the structural similarity at several scales, Wang et al. 2003.

    As many of the five scales as keep the side at 11 px; below 32 px only the first, which is
    plain SSIM.
    """
    left, right = (_unit(each) for each in (a, b))
    scales = scale_count(min(a.shape[:2]))
    weights = np.array(SCALE_WEIGHTS[:scales]) / sum(SCALE_WEIGHTS[:scales])
    total = 1.0
    for number, weight in enumerate(weights):
        structure, luminance = _similarity(left, right)
        value = structure * luminance if number == scales - 1 else structure
        total *= max(float(value.mean()), 0.0) ** float(weight)
        left, right = F.avg_pool2d(left, 2), F.avg_pool2d(right, 2)
    return total


def _unit(pixels: Picture) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[:, None].double() / 255


def _similarity(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return maps of contrast and structure, and of luminance."""
    mean_a, mean_b = _blur(a), _blur(b)
    var_a, var_b = _blur(a * a) - mean_a**2, _blur(b * b) - mean_b**2
    covariance = _blur(a * b) - mean_a * mean_b
    structure = (2 * covariance + C2) / (var_a + var_b + C2)
    luminance = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    return structure, luminance


def _blur(x: Tensor) -> Tensor:
    taps = torch.from_numpy(_taps(min(WINDOW, *x.shape[-2:])))
    return F.conv2d(F.conv2d(x, taps.view(1, 1, 1, -1)), taps.view(1, 1, -1, 1))


def _taps(length: int) -> Float64[np.ndarray, " length"]:
    place = np.arange(length) - (length - 1) / 2
    bell = np.exp(-(place**2) / (2 * SIGMA**2))
    taps: np.ndarray = bell / bell.sum()
    return taps


def paint_sheet(records: Sequence[Record], lpips: str) -> Picture:
    """Paint the sheet.

    Args:
        lpips: Name of the perceptual distance among the measures.
    """
    names = [name for name in COLUMNS if name != "plain" or records[0].codes.own_noise is not None]
    rows = [(each.name, [partial(_image, each, name) for name in names]) for each in records]
    title = f"projected · {len(records)} pictures"
    content = in_rows(title, rows, [TITLES.get(name, name) for name in names])
    captions = {}
    # measures are read from the file each time
    measured = [each.measures for each in records]
    for row, col in content.images:
        measures, name = measured[row], names[col]
        if name == "difference":
            captions[row, col] = f"{measures['psnr']:.1f} dB"
        elif name != "target":
            captions[row, col] = f"{measures[lpips + MEASURED[name]]:.3f}"
    size = Size(*records[0].cells["/"]["images"].shape[:2])
    return paint(replace(content, captions=captions), size)


def _image(record: Record, name: str) -> Picture:
    if name != "difference":
        image: Picture = np.asarray(record.cells[TABLES[name]]["images"])
        return image
    result, target = (_image(record, each)[..., :3].astype(int) for each in ("result", "target"))
    difference: Picture = np.minimum(GAIN * np.abs(result - target), 255).astype(np.uint8)
    return difference


def write_film(path: Path, record: Record, draw: Callable[[Codes], Picture]) -> None:
    """Write the video of a picture; frames are spaced by how much the image changes.

    Raises:
        OutputError: It cannot be written, or there is no ffmpeg.
    """
    cells, codes = record.cells["/"], record.codes
    offsets = cells.get("style_trajectory", [None] * len(cells["trajectory"]))
    way = [
        replace(codes, ws=ws[None], style_offsets=None if beside is None else beside[None])
        for ws, beside in zip(cells["trajectory"], offsets, strict=True)
    ]
    images = [*map(draw, way), cells["images"]]
    target = record.cells["targets"]["images"]
    stops = frame_stops(images)
    reel = Reel(frames=len(stops), fps=FPS, quality=QUALITY)
    write_animation(path, lambda i: _halves(target, images[stops[i]]), reel)


def frame_stops(images: Sequence[Picture]) -> Int64[np.ndarray, " frames"]:
    """Return which image each frame shows: equal changes from frame to frame, then the last."""
    way = np.concatenate([[0.0], np.cumsum(_changes(images))])
    wanted = np.linspace(0, way[-1], MOVING)
    stops = np.searchsorted(way, wanted, side="right") - 1
    return np.concatenate([stops, np.full(RESTING, len(images) - 1)])


def _changes(images: Sequence[Picture]) -> Float64[np.ndarray, " steps"]:
    """Return the mean difference of each image from the one before."""
    pixels = np.stack(images).astype(np.float64)
    changes: np.ndarray = np.abs(np.diff(pixels, axis=0)).mean((1, 2, 3))
    return changes


def _halves(target: Picture, image: Picture) -> UInt8[np.ndarray, "_ _ channels"]:
    both = np.concatenate([target, image], axis=1)
    factor = -(-SMALLEST_HALF // len(image))
    enlarged: np.ndarray = both.repeat(factor, axis=0).repeat(factor, axis=1)
    return enlarged
