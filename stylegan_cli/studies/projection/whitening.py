"""Statistics of W, and coordinates in which it is a ball: P space, Wulff and Torralba 2020."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from stylegan_cli.networks.generator import Generator
from stylegan_cli.networks.styles import style_deviations
from stylegan_cli.shapes import W1, Labels, W

SAMPLES = 10_000
SAMPLES_SEED = 123
SLOPE = 0.2
FLOOR = 1e-3
"""Eigenvalues below this share of the largest are raised to it: nearly flat directions."""

_BATCH = 1000

Lengths = Float64[np.ndarray, " n"]


@dataclass(frozen=True, kw_only=True)
class Whitening:
    """Coordinates v in which the network's own w are standard normal.

    `x = w where w ≥ 0, else w / 0.2` undoes the last leaky ReLU of the mapping network;
    `v = Λ^(−1/2) Uᵀ (x − μ)`. A mapping network without layers has w = x.

    Attributes:
        mean: μ of x, `[w_dim]`.
        basis: U, a direction in each column.
        deviation: Λ^½, along each direction, the flat ones raised.
        raised: Number of directions raised.
        slope: Of the leaky ReLU; 1 where there is none.
    """

    mean: Float[Tensor, " w_dim"]
    basis: Float[Tensor, "w_dim w_dim"]
    deviation: Float[Tensor, " w_dim"]
    raised: int = 0
    slope: float = SLOPE

    def whiten(self, w: Float[Tensor, "*rows w_dim"]) -> Float[Tensor, "*rows w_dim"]:
        """Return the coordinates v of w."""
        x = torch.where(w >= 0, w, w / self.slope)
        v: Tensor = ((x - self.mean) @ self.basis) / self.deviation
        return v

    def colour(self, v: Float[Tensor, "*rows w_dim"]) -> Float[Tensor, "*rows w_dim"]:
        """Return the w of coordinates v."""
        x = self.mean + (v * self.deviation) @ self.basis.T
        return torch.where(x >= 0, x, x * self.slope)


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """The w that a network draws, of one class: 10,000 of them.

    Attributes:
        w_mean: ŵ.
        w_std: σ_w: root of the mean squared distance to ŵ, over all dimensions; one number.
        style_std: σ of each style channel; none without styles.
        distances: Distance of each sample in whitened coordinates, sorted; 1 on average.
    """

    w_mean: W1
    w_std: float
    whitening: Whitening
    style_std: Float[Tensor, " style_channels"]
    distances: Lengths

    def percentile(self, distance: float) -> float:
        """Return the share of samples that lie no farther out, in percent."""
        below = np.searchsorted(self.distances, distance, side="right")
        return 100 * float(below) / len(self.distances)


def statistics(G: Generator, label: Labels) -> Statistics:
    """Measure W from 10,000 z of `RandomState(123)`, drawn in one call.

    Args:
        label: `[1, c_dim]`.
    """
    device = G.mapping.w_avg.device
    z = torch.from_numpy(np.random.RandomState(SAMPLES_SEED).randn(SAMPLES, G.z_dim))
    c = torch.from_numpy(label).to(device).expand(_BATCH, -1)
    with torch.no_grad():
        w = torch.cat([G.mapping(part.float().to(device), c) for part in z.split(_BATCH)])
        style_std = style_deviations(G, w)
    mean = w.mean(0)
    whitening = whitening_of(w, SLOPE if G.mapping.layers else 1.0)
    return Statistics(
        w_mean=mean,
        w_std=float((w - mean).square().sum(1).mean().sqrt()),
        whitening=whitening,
        style_std=style_std,
        distances=np.sort(distances(whitening, w)),
    )


def whitening_of(w: W, slope: float = SLOPE) -> Whitening:
    """Return the whitening of samples."""
    samples = w.double().cpu().numpy()
    x = np.where(samples >= 0, samples, samples / slope)
    return whitening_from(x.mean(0), np.cov(x.T, bias=True), device=w.device, slope=slope)


def whitening_from(
    mean: Float64[np.ndarray, " w_dim"],
    covariance: Float64[np.ndarray, "w_dim w_dim"],
    *,
    device: torch.device | str = "cpu",
    floor: float = FLOOR,
    slope: float = SLOPE,
) -> Whitening:
    """Return the whitening of x with this mean and covariance."""
    values, vectors = np.linalg.eigh(covariance)
    least = floor * values.max()
    deviation = np.sqrt(np.maximum(values, least))
    mean32, basis, length = (
        torch.from_numpy(np.ascontiguousarray(each, np.float32)).to(device)
        for each in (mean, vectors, deviation)
    )
    raised = int((values < least).sum())
    return Whitening(mean=mean32, basis=basis, deviation=length, raised=raised, slope=slope)


def distances(whitening: Whitening, w: Float[Tensor, "n w_dim"]) -> Lengths:
    """Return the RMS of each w's whitened coordinates: about 1 for the network's own."""
    lengths: Lengths = whitening.whiten(w).double().square().mean(1).sqrt().cpu().numpy()
    return lengths
