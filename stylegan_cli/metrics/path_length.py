"""Short steps along random paths, and how far the image moves with each.

Pair i depends on (seed, i) alone: not on its neighbours, the number of processes or an
interruption. The same pairs serve every space, stretch and crop.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32, Float64, Int64
from torch import Tensor

from stylegan_cli.detectors.trunks import on_white
from stylegan_cli.errors import MetricError
from stylegan_cli.latents.labels import class_index, usual_label
from stylegan_cli.latents.sampling import broadcast_layers, map_latents, truncate
from stylegan_cli.metrics.ppl import PathOptions, shrink_factor
from stylegan_cli.networks.generator import Generator
from stylegan_cli.networks.noise import noise_maps
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.rendering.render import draw_images
from stylegan_cli.runtime import numpy_stream, stream_seed
from stylegan_cli.shapes import Images, Labels, Ws
from stylegan_cli.sizes import Size

EPSILON = 1e-4
TRIMMED = 0.01
"""Share of the smallest distances, and of the largest, that is not counted."""


@dataclass(frozen=True, kw_only=True)
class PathLength:
    """The statistics of perceptual distances."""

    ppl: float
    standard_error: float
    low: float
    high: float
    counted: int


def lerp(
    start: Float[np.ndarray, "n dim"], end: Float[np.ndarray, "n dim"], t: Float64[np.ndarray, " n"]
) -> Float64[np.ndarray, "n dim"]:
    """Return the point at t on the straight path: start + t · (end − start)."""
    first = start.astype(np.float64)
    return first + t[:, None] * (end - first)


def slerp(
    start: Float[np.ndarray, "n dim"], end: Float[np.ndarray, "n dim"], t: Float64[np.ndarray, " n"]
) -> Float64[np.ndarray, "n dim"]:
    """Return the point at t on the great circle between two directions, of length 1."""
    a, b = _unit(start.astype(np.float64)), _unit(end.astype(np.float64))
    cosine = np.clip((a * b).sum(1, keepdims=True), -1, 1)
    angle = t[:, None] * np.arccos(cosine)
    return _unit(a * np.cos(angle) + _unit(b - cosine * a) * np.sin(angle))


def crop_face(images: Images) -> Float[Tensor, "n channels half_height half_width"]:
    """Return the half of each side where faces of FFHQ are: rows 3/8 to 7/8, columns 2/8 to 6/8."""
    down, across = (side // 8 for side in images.shape[2:])
    return images[:, :, 3 * down : 7 * down, 2 * across : 6 * across]


def shrink(images: Images, factor: int) -> Float[Tensor, "n channels less_height less_width"]:
    """Return means of factor × factor pixels."""
    return F.avg_pool2d(images, factor) if factor > 1 else images


def path_length(distances: Float[np.ndarray, " n"]) -> PathLength:
    """Return the mean of the distances from the 1st to the 99th percentile, both included.

    Args:
        distances: Divided by ε² already; at least two.
    """
    d = np.sort(distances.astype(np.float64))
    last = len(d) - 1
    low, high = d[math.floor(TRIMMED * last)], d[math.ceil((1 - TRIMMED) * last)]
    counted = d[(low <= d) & (d <= high)]
    return PathLength(
        ppl=float(counted.mean()),
        standard_error=float(counted.std(ddof=1)) / math.sqrt(len(counted)),
        low=float(low),
        high=float(high),
        counted=len(counted),
    )


def _unit(vectors: Float64[np.ndarray, "n dim"]) -> Float64[np.ndarray, "n dim"]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    # parallel codes span no circle; the path is then a single point
    unit: Float64[np.ndarray, "n dim"] = vectors / np.maximum(lengths, np.finfo(np.float64).tiny)
    return unit


@runtime_checkable
class PerceptualDistance(Protocol):
    """A measure of how different images in [0, 255] look, with its name and weights' hash."""

    @property
    def name(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    def distance(self, a: Tensor, b: Tensor) -> Tensor: ...


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Two codes each, and the place between them where the step begins."""

    z_start: Float32[np.ndarray, "n z_dim"]
    z_end: Float32[np.ndarray, "n z_dim"]
    t: Float64[np.ndarray, " n"]
    labels: Labels
    noise_seed: Int64[np.ndarray, " n"]


def draw_pairs(network: Network, options: PathOptions, pairs: Sequence[int]) -> Pairs:
    """Draw the pairs of these numbers."""
    G, drawn = network.G, [numpy_stream(options.seed, "path", i) for i in pairs]
    z = np.stack([stream.standard_normal((2, G.z_dim)) for stream in drawn]).astype(np.float32)
    t = np.array([stream.random() for stream in drawn])
    labels = np.zeros((len(drawn), network.c_dim), np.float32)
    if network.c_dim:
        chosen = class_index(network, options.class_name)
        for label, stream in zip(labels, drawn, strict=True):
            any_class = int(stream.integers(network.c_dim))
            label[:] = usual_label(network, any_class if options.class_name is None else chosen)
    return Pairs(
        z_start=z[:, 0],
        z_end=z[:, 1],
        t=t if options.sampling == "full" else np.zeros(len(t)),
        labels=labels,
        noise_seed=np.array([stream_seed(options.seed, "path noise", i) for i in pairs], np.int64),
    )


def step_codes(G: Generator, pairs: Pairs, options: PathOptions) -> Ws:
    """Return `[2n, num_ws, w_dim]`: the starts of the steps, then their ends."""
    both = np.concatenate([pairs.t, pairs.t + EPSILON])
    labels = _twice(pairs.labels)
    if options.space == "z":
        z = slerp(_twice(pairs.z_start), _twice(pairs.z_end), both).astype(np.float32)
        w = map_latents(G, z, labels)
    else:
        ends = map_latents(G, np.concatenate([pairs.z_start, pairs.z_end]), labels)
        start, end = ends.cpu().numpy().reshape(2, len(pairs.t), -1)
        path = lerp(_twice(start), _twice(end), both).astype(np.float32)
        w = torch.from_numpy(path).to(ends.device)
    return truncate(broadcast_layers(w, G.num_ws), G.mapping.w_avg, options.psi)


def step_images(G: Generator, ws: Ws, noise_seed: Sequence[int]) -> Images:
    """Draw the images of both ends of every step in one batch; both have the same random noise."""
    noise: Any = "none"
    if G.has_noise:
        maps = noise_maps(G.synthesis.noise_sizes, noise_seed, torch.device("cpu"))
        noise = [torch.cat([layer, layer]).to(ws.device) for layer in maps]
    return draw_images(G, ws, noise)


def perceived(images: Images, options: PathOptions) -> Tensor:
    """Return what is compared: cropped and reduced, in [0, 255], neither clipped nor rounded."""
    factor = shrink_factor(Size(*images.shape[2:]), crop=options.crop, rule=options.rule)
    seen = shrink(crop_face(images) if options.crop else images, factor)
    return (on_white(seen) + 1) * 127.5


def path_distances(
    network: Network, detector: PerceptualDistance, options: PathOptions, pairs: range
) -> Float32[np.ndarray, " n"]:
    """Measure the distances of pairs, over ε²."""
    G, drawn = network.G, draw_pairs(network, options, pairs)
    with torch.no_grad():
        ws = step_codes(G, drawn, options)
        images = step_images(G, ws, drawn.noise_seed.tolist())
        if network.recipe.data.shown is not None:
            images = images[:, list(network.recipe.data.shown)]
        images = perceived(images, options)
        distances = detector.distance(*images.chunk(2)) / EPSILON**2
    values = distances.float().cpu().numpy()
    if not np.isfinite(values).all():
        bad = pairs[int(np.flatnonzero(~np.isfinite(values))[0])]
        raise MetricError(
            f"{network.path}: pair {bad} of seed {options.seed} makes images with NaN or infinite "
            "values; the training of this network failed, take an earlier snapshot"
        )
    return values


def _twice(values: np.ndarray) -> np.ndarray:
    return np.concatenate([values, values])
