"""Short steps along random paths, and how far the image moves with each.

Pair i depends on (seed, i) alone: not on its neighbours, the number of processes or an
interruption. The same pairs serve every space, stretch and crop.
"""

import math
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32, Float64, Int64
from torch import Tensor

from stylegan_cli.detectors.resize import on_white
from stylegan_cli.errors import MetricError, UsageError
from stylegan_cli.latents.sampling import (
    Sampling,
    broadcast_layers,
    check_possible,
    class_index,
    map_latents,
    truncate,
)
from stylegan_cli.networks.drawing import default_batch_size
from stylegan_cli.networks.generator import Generator
from stylegan_cli.networks.layers import upscale
from stylegan_cli.networks.noise import noise_maps
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.runtime import World, numpy_stream, stream_seed
from stylegan_cli.shapes import Images, Labels, Ws

EPSILON = 1e-4
TRIMMED = 0.01
"""The share of the smallest distances that does not count, and of the largest."""

PERCEIVED_SIDE = 256
Space = Literal["w", "z"]
Stretch = Literal["full", "end"]
"""Steps begin anywhere on a path, or at its end."""

ShrinkRule = Literal["cropped", "whole"]
"""Which side decides how far images are reduced: what is left of them, or theirs at first."""


@dataclass(frozen=True, kw_only=True)
class PathLength:
    """What became of the distances.

    Attributes:
        ppl: Mean of those that count.
        standard_error: How far it would vary with other pairs.
        low, high: The smallest and the largest that count.
        counted: How many do.
    """

    ppl: float
    standard_error: float
    low: float
    high: float
    counted: int


def lerp(
    start: Float[np.ndarray, "n dim"], end: Float[np.ndarray, "n dim"], t: Float64[np.ndarray, " n"]
) -> Float64[np.ndarray, "n dim"]:
    """The point at t on the straight path: start + t · (end − start)."""
    first = start.astype(np.float64)
    return first + t[:, None] * (end - first)


def slerp(
    start: Float[np.ndarray, "n dim"], end: Float[np.ndarray, "n dim"], t: Float64[np.ndarray, " n"]
) -> Float64[np.ndarray, "n dim"]:
    """The point at t on the great circle between the directions of two codes, of length 1."""
    a, b = _unit(start.astype(np.float64)), _unit(end.astype(np.float64))
    cosine = np.clip((a * b).sum(1, keepdims=True), -1, 1)
    angle = t[:, None] * np.arccos(cosine)
    return _unit(a * np.cos(angle) + _unit(b - cosine * a) * np.sin(angle))


def crop_face(images: Images) -> Float[Tensor, "n channels half half"]:
    """The half of each side where faces of FFHQ are: rows 3/8 to 7/8, columns 2/8 to 6/8."""
    eighth = images.shape[-1] // 8
    return images[:, :, 3 * eighth : 7 * eighth, 2 * eighth : 6 * eighth]


def shrink_factor(resolution: int, *, crop: bool, rule: ShrinkRule = "cropped") -> int:
    """By how much images are reduced before they are compared, to 256 px; never enlarged.

    Args:
        resolution: Of the whole images.
        rule: "whole" reduces cropped images as far as whole ones, as [ADA]'s PyTorch release.
    """
    side = resolution // 2 if crop and rule == "cropped" else resolution
    return max(1, side // PERCEIVED_SIDE)


def shrink(images: Images, factor: int) -> Float[Tensor, "n channels less less"]:
    """Means of factor × factor pixels."""
    return F.avg_pool2d(images, factor) if factor > 1 else images


def path_length(distances: Float[np.ndarray, " n"]) -> PathLength:
    """Mean of the distances from the 1st to the 99th percentile, both included.

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
    # parallel codes span no circle: the path then stays where it is
    unit: Float64[np.ndarray, "n dim"] = vectors / np.maximum(lengths, np.finfo(np.float64).tiny)
    return unit


_NO_PPL = "networks this small have no path length"
SMALLEST_SIDE = 32
"""Below this the perceptual networks have no layers left to compare."""


@dataclass(frozen=True, kw_only=True)
class PathOptions:
    """Which path length is measured.

    Attributes:
        crop: Compare only where faces of FFHQ are.
        rule: How far images are reduced; see `shrink_factor`.
        num: Pairs of codes, a step between each.
        psi: Truncation strength; the papers' figures have none, 1.
        class_name: Name or index of the class; None draws one for each pair.
    """

    space: Space = "w"
    sampling: Stretch = "full"
    crop: bool = False
    rule: ShrinkRule = "cropped"
    num: int = 10_000
    psi: float = 1.0
    class_name: str | None = None
    seed: int = 0


@runtime_checkable
class PerceptualDistance(Protocol):
    """What tells how different images in [0, 255] look; its name and its weights' hash."""

    @property
    def name(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    def distance(self, a: Tensor, b: Tensor) -> Tensor: ...


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Two codes each, and where between them the step begins."""

    z_start: Float32[np.ndarray, "n z_dim"]
    z_end: Float32[np.ndarray, "n z_dim"]
    t: Float64[np.ndarray, " n"]
    labels: Labels
    noise_seed: Int64[np.ndarray, " n"]


@dataclass(frozen=True, kw_only=True)
class Span:
    """Distances, over ε², of the pairs from `start` on."""

    start: int
    distances: Float32[np.ndarray, " n"]


def check_paths(network: Network, options: PathOptions) -> None:
    """Refuse what the network has no means for.

    Raises:
        UsageError: No w to walk in or to truncate, no such class, or images too small to compare.
    """
    G = network.G
    if options.space == "w" and not G.has_w:
        raise UsageError(
            "--space w: this network makes images straight from z and has no w; take --space z"
        )
    check_possible(G, Sampling(psi=options.psi))
    # refuses what is no strength, before anything is made
    truncate(broadcast_layers(G.mapping.w_avg[None], G.num_ws), G.mapping.w_avg, options.psi)
    class_index(network.classes, network.c_dim, options.class_name)
    side = G.resolution // 2 if options.crop else G.resolution
    side //= shrink_factor(G.resolution, crop=options.crop, rule=options.rule)
    if side < SMALLEST_SIDE:
        advice = "take --no-crop" if options.crop and G.resolution >= SMALLEST_SIDE else _NO_PPL
        raise UsageError(
            f"{network.path}: {side} px{' after cropping' if options.crop else ''} are too few for "
            f"a perceptual distance, which needs {SMALLEST_SIDE} px; {advice}"
        )


def draw_pairs(network: Network, options: PathOptions, pairs: Sequence[int]) -> Pairs:
    """The pairs of these numbers."""
    G, drawn = network.G, [numpy_stream(options.seed, "path", i) for i in pairs]
    z = np.stack([stream.standard_normal((2, G.z_dim)) for stream in drawn]).astype(np.float32)
    t = np.array([stream.random() for stream in drawn])
    labels = np.zeros((len(drawn), network.c_dim), np.float32)
    if network.c_dim:
        chosen = class_index(network.classes, network.c_dim, options.class_name)
        for label, stream in zip(labels, drawn, strict=True):
            any_class = int(stream.integers(network.c_dim))
            label[any_class if options.class_name is None else chosen] = 1
    return Pairs(
        z_start=z[:, 0],
        z_end=z[:, 1],
        t=t if options.sampling == "full" else np.zeros(len(t)),
        labels=labels,
        noise_seed=np.array([stream_seed(options.seed, "path noise", i) for i in pairs], np.int64),
    )


def step_codes(G: Generator, pairs: Pairs, options: PathOptions) -> Ws:
    """`[2n, num_ws, w_dim]`: where the steps begin, then where they end."""
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
    """The images of both ends of every step in one batch; both have the same random noise."""
    noise: Any = "none"
    if G.has_noise:
        maps = noise_maps(G.synthesis.noise_resolutions, noise_seed, torch.device("cpu"))
        noise = [torch.cat([layer, layer]).to(ws.device) for layer in maps]
    return upscale(G.synthesis(ws, noise), G.resolution)


def perceived(images: Images, options: PathOptions) -> Tensor:
    """What is compared: cropped and reduced as asked, in [0, 255], neither clipped nor rounded."""
    factor = shrink_factor(images.shape[-1], crop=options.crop, rule=options.rule)
    seen = shrink(crop_face(images) if options.crop else images, factor)
    return (on_white(seen) + 1) * 127.5


def path_distances(
    network: Network,
    detector: PerceptualDistance,
    options: PathOptions,
    *,
    batch_size: int | None = None,
    world: World | None = None,
    skip: Container[int] = frozenset(),
) -> Iterator[Span]:
    """The distances of all pairs, over ε²; every process yields all of them.

    Args:
        batch_size: Pairs at once; changes time, memory and the last digits.
        world: The processes that share the work.
        skip: Pairs that are there already; the others come out the same as without it.

    Raises:
        MetricError: The network makes images that are not numbers.
    """
    world = world or World()
    size = batch_size or max(1, default_batch_size(network.G.resolution) // 2)
    starts = [
        start
        for start in range(0, options.num, size)
        if not _all_there(start, size, skip, options.num)
    ]
    for first in range(0, len(starts), world.size):
        mine = starts[first + world.rank : first + world.rank + 1]
        spans = [
            _measure(network, detector, options, range(s, min(s + size, options.num))) for s in mine
        ]
        for gathered in world.gather(spans):
            yield from gathered


def _measure(
    network: Network, detector: PerceptualDistance, options: PathOptions, pairs: range
) -> Span:
    G, drawn = network.G, draw_pairs(network, options, pairs)
    with torch.no_grad():
        ws = step_codes(G, drawn, options)
        images = perceived(step_images(G, ws, drawn.noise_seed.tolist()), options)
        distances = detector.distance(*images.chunk(2)) / EPSILON**2
    values = distances.float().cpu().numpy()
    if not np.isfinite(values).all():
        bad = pairs[int(np.flatnonzero(~np.isfinite(values))[0])]
        raise MetricError(
            f"{network.path}: pair {bad} of seed {options.seed} gives images that are no numbers "
            "(NaN or infinite); the training of this network failed, take an earlier snapshot"
        )
    return Span(start=pairs.start, distances=values)


def _all_there(start: int, size: int, skip: Container[int], num: int) -> bool:
    return all(pair in skip for pair in range(start, min(start + size, num)))


def _twice(values: np.ndarray) -> np.ndarray:
    return np.concatenate([values, values])
