"""Options of a video: tracks, motion and screen; and the paths from one code to the next."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from stylegan_cli.directions.references import DirectionPick
from stylegan_cli.errors import UsageError
from stylegan_cli.latents.references import Pick
from stylegan_cli.latents.sampling import Sampling, check_moves, check_possible
from stylegan_cli.networks.noise import NoiseMode
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.sizes import Size
from stylegan_cli.studies.mixing import check_crossovers

Interp = Literal[
    "lerp-w", "lerp-z", "slerp-z", "slerp-w", "cubic-w", "circle-z", "noise", "direction"
]
"""Interpolated code and its curve."""

Easing = Literal["linear", "smooth", "smoother"]
Vectors = Float[np.ndarray, "..."]
"""Vectors along the last axis; any leading axes."""

Times = Float[np.ndarray, "..."]
"""In a shape that goes with the vectors."""

MAX_FPS = 240
MAX_SECONDS = 3600
"""From one keyframe to the next."""

PARALLEL = 1e-7
"""Sine of an angle from which on two directions are taken for one, or for opposites."""

EASINGS: Mapping[Easing, Callable[[float], float]] = {
    "linear": lambda t: t,
    "smooth": lambda t: t * t * (3 - 2 * t),
    "smoother": lambda t: t * t * t * (t * (6 * t - 15) + 10),
}
"""Share of the way at a share of the time: constant speed, or at rest at both ends."""


@dataclass(frozen=True, kw_only=True)
class Tracks:
    """Content of a video at its keyframes; a single value holds throughout.

    Attributes:
        seeds: Seeds, or codes in files, dealt to the streams in turn: the first keyframe of
            every stream, then the second of every stream, and so on.
        style_seeds: A second track, dealt alike, that the layers from the crossover on follow.
        crossover: First layer that follows the second track, at each keyframe; in between, the
            layers change over one after the other. The middle layer by default.
        classes: Name or index of the class at each keyframe; the first class by default.
        labels: A label at each keyframe instead, as of `Sampling`.
        cutoff: Truncate only layers [0, cutoff); None truncates all.
        translate: Shift of pictures right and down at each keyframe, in image widths.
        rotate: Rotation at each keyframe in degrees, counter-clockwise.
        noise_mode: "random" moves from the noise of one keyframe's seed to that of the next.
        directions: Along which a seed of each stream swings, one after another.
        strength: Steps to either side, times those of each direction.
    """

    seeds: Sequence[Pick]
    style_seeds: Sequence[Pick] = ()
    crossover: Sequence[int] = ()
    psi: Sequence[float] = (1.0,)
    classes: Sequence[str] = ()
    labels: Sequence[str] = ()
    cutoff: int | None = None
    translate: Sequence[tuple[float, ...]] = ((0.0, 0.0),)
    rotate: Sequence[float] = (0.0,)
    noise_mode: NoiseMode = "const"
    directions: Sequence[DirectionPick] = ()
    strength: float = 3.0

    @property
    def ways(self) -> tuple[Sampling, ...]:
        """Return the class or label at each keyframe; one that holds throughout stands alone."""
        if self.classes and self.labels:
            raise UsageError("`class` and `label`: a class is a label; give one of them")
        if self.labels:
            return tuple(Sampling(label=text) for text in self.labels)
        return tuple(Sampling(class_name=name) for name in self.classes or (None,))


def check_tracks(network: Network, tracks: Tracks) -> None:
    """Raise a `UsageError` if the network cannot show these tracks."""
    sizes = network.sizes
    for psi in tracks.psi:
        check_possible(
            network, Sampling(psi=psi, cutoff=tracks.cutoff, noise_mode=tracks.noise_mode)
        )
    check_moves(network, any(map(any, tracks.translate)), any(tracks.rotate))
    if tracks.crossover and not tracks.style_seeds:
        raise UsageError(
            "there is no second track to cross over to; name its seeds with `style_seeds`",
            parameter="crossover",
            value=tracks.crossover[0],
        )
    if tracks.style_seeds and not sizes.has_styles:
        raise UsageError(
            "this network has one code for all layers, so there are no styles to "
            "mix; leave `style_seeds` out",
            parameter="style_seeds",
        )
    check_crossovers(sizes, tracks.crossover)


@dataclass(frozen=True, kw_only=True)
class Motion:
    """Interpolation from one keyframe to the next.

    Attributes:
        interp: Interpolated code and its curve.
        seconds: From one keyframe to the next, rounded to whole frames.
        noise_walk: Seconds after which noise that wanders has mostly changed; None for noise that
            goes from keyframe to keyframe, if it moves at all.
        loop: Go on from the last keyframe to the first; the last frame is the one before that.
    """

    interp: Interp = "lerp-w"
    seconds: float = 2.0
    fps: float = 30.0
    loop: bool = True
    easing: Easing = "linear"
    noise_walk: float | None = None

    def __post_init__(self) -> None:
        for parameter, value, most in (
            ("seconds", self.seconds, MAX_SECONDS),
            ("fps", self.fps, MAX_FPS),
            ("noise_walk", self.noise_walk, inf),
        ):
            if value is not None and not (isfinite(value) and 0 < value <= most):
                wrong = "must be a positive number"
                if most < value < inf:
                    wrong = f"out of range; the valid range is up to {most}"
                raise UsageError(wrong, parameter=parameter, value=f"{value:g}")

    @property
    def request(self) -> dict[str, Any]:
        """Return the times as a video's request holds them."""
        return {name: getattr(self, name) for name in ("seconds", "fps", "loop", "easing")}

    @property
    def segment(self) -> int:
        """Return the number of frames from one keyframe to the next."""
        return max(1, round(self.seconds * self.fps))


@dataclass(frozen=True, kw_only=True)
class Screen:
    """Arrangement of the streams of a video in its frames.

    Attributes:
        side: Longer side of each stream's pictures in pixels; as the network draws them by
            default.
    """

    cols: int = 1
    rows: int = 1
    side: int | None = None

    def __post_init__(self) -> None:
        if self.cols < 1 or self.rows < 1:
            raise UsageError(f"`grid={self.cols}x{self.rows}`: must be at least 1x1")
        if self.side is not None and self.side < 1:
            raise UsageError("must be at least 1 pixel", parameter="size", value=self.side)

    @property
    def streams(self) -> int:
        return self.cols * self.rows

    def size_of(self, native: Size) -> Size:
        """Return the size at which each stream's pictures are shown."""
        return native if self.side is None else native.with_longer(self.side)


STEADY = Motion()
ONE_PICTURE = Screen()


def lerp(a: Vectors, b: Vectors, t: Times) -> Vectors:
    """Interpolate on the straight line from a to b; both ends bit-identical."""
    line: Vectors = (1 - t) * a + t * b
    return line


def slerp(a: Vectors, b: Vectors, t: Times) -> Vectors:
    """Interpolate on the arc from a to b at constant angular speed and linear squared norm.

    Normal vectors so keep their variance all the way. Between opposites, which any great circle
    joins, the arc bends towards the axis that they are furthest from.
    """
    length_a, length_b = _norm(a), _norm(b)
    towards_a, towards_b = _divide(a, length_a), _divide(b, length_b)
    cosine = (towards_a * towards_b).sum(-1, keepdims=True)
    across = towards_b - cosine * towards_a
    sine = _norm(across)
    across = np.where(sine > PARALLEL, _divide(across, sine), _perpendicular(towards_a))
    angle = t * np.arctan2(sine, cosine)
    length = np.sqrt(lerp(length_a**2, length_b**2, t))
    arc = length * (np.cos(angle) * towards_a + np.sin(angle) * across)
    # from or to zero there is no direction to turn
    return np.where((length_a > 0) & (length_b > 0), arc, lerp(a, b, t))


def cubic(before: Vectors, a: Vectors, b: Vectors, after: Vectors, t: Times) -> Vectors:
    """Interpolate on the Catmull-Rom spline, with slopes that average the adjacent lines."""
    slope_a, slope_b = (b - before) / 2, (after - a) / 2
    spline: Vectors = (
        (1 + 2 * t) * (1 - t) ** 2 * a
        + t * (1 - t) ** 2 * slope_a
        + t**2 * (3 - 2 * t) * b
        + t**2 * (t - 1) * slope_b
    )
    return spline


def _norm(vectors: Vectors) -> Vectors:
    lengths: Vectors = np.linalg.norm(vectors.astype(np.float64), axis=-1, keepdims=True)
    return lengths


def _divide(vectors: Vectors, lengths: Vectors) -> Vectors:
    quotient: Vectors = vectors / np.where(lengths > 0, lengths, 1)
    return quotient


def _perpendicular(directions: Vectors) -> Vectors:
    """Return a unit vector perpendicular to each unit vector."""
    axis = np.abs(directions).argmin(-1)[..., None]
    basis = (np.arange(directions.shape[-1]) == axis).astype(np.float64)
    across = basis - (basis * directions).sum(-1, keepdims=True) * directions
    return _divide(across, _norm(across))
