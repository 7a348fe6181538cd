"""Search spaces for a code: coordinates, and what is drawn of them.

Among them P space, in which W is a ball, Wulff and Torralba 2020.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from stylegan_cli.latents.sampling import broadcast_layers
from stylegan_cli.networks.generator import Generator
from stylegan_cli.networks.styles import Styles, style_deviations
from stylegan_cli.shapes import W1, C, Labels, W, Ws, Z
from stylegan_cli.studies.projection.options import SpaceName

Code = Float[Tensor, "n ..."]
Penalty = Float[Tensor, " n"]

SAMPLES = 10_000
SAMPLES_SEED = 123
SLOPE = 0.2
FLOOR = 1e-3
"""Eigenvalues below this share of the largest are raised to it: nearly flat directions."""

_BATCH = 1000

Lengths = Float64[np.ndarray, " n"]

OFFSETS_WEIGHT = 5.0
"""Of the prior on offsets of styles, beside that on whitened coordinates."""


@dataclass(frozen=True, kw_only=True)
class Whitening:
    """Coordinates v in which the network's own w are standard normal.

    `x = w where w ≥ 0, else w / 0.2` undoes the last leaky ReLU of the mapping network;
    `v = Λ^(−1/2) Uᵀ (x − μ)`. A mapping network without layers has w = x.

    Attributes:
        mean: μ of x, `[w_dim]`.
        basis: U, a direction in each column.
        deviation: Λ^½, along each direction, the flat ones raised.
        slope: Of the leaky ReLU; 1 where there is none.
    """

    mean: Float[Tensor, " w_dim"]
    basis: Float[Tensor, "w_dim w_dim"]
    deviation: Float[Tensor, " w_dim"]
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
    deviation = np.sqrt(np.maximum(values, floor * values.max()))
    mean32, basis, length = (
        torch.from_numpy(np.ascontiguousarray(each, np.float32)).to(device)
        for each in (mean, vectors, deviation)
    )
    return Whitening(mean=mean32, basis=basis, deviation=length, slope=slope)


def distances(whitening: Whitening, w: Float[Tensor, "n w_dim"]) -> Lengths:
    """Return the RMS of each w's whitened coordinates: about 1 for the network's own."""
    lengths: Lengths = whitening.whiten(w).double().square().mean(1).sqrt().cpu().numpy()
    return lengths


def _no_penalty(code: Code) -> Penalty:
    return code.new_zeros(len(code))


@dataclass(frozen=True, kw_only=True)
class Space:
    """A search space.

    Attributes:
        ws: Returns one w per layer of each code.
        coordinates: Returns the code with these ws and offsets, or of this z where z is searched.
        offsets: Returns what is added to the styles of ws.
        penalty: Returns what the loss adds for each code.
        settle: Puts a code back where it belongs after a step.
        spread: Standard deviation of the noise on each coordinate at the start.
        rate: Learning rate of the coordinates.
    """

    ws: Callable[[Code], Ws]
    coordinates: Callable[[Tensor, Styles | None], Code]
    offsets: Callable[[Code], Styles | None] = lambda code: None
    penalty: Callable[[Code], Penalty] = _no_penalty
    settle: Callable[[Code], Code] = lambda code: code
    spread: float | Tensor = 0.05
    rate: float = 0.05


def plain_w(num_ws: int, spread: float, rate: float = 0.1) -> Space:
    """Return plain W, [SG2] app. D; Adam moves all coordinates equally far, flat ones included."""
    return Space(
        ws=lambda code: _per_layer(code, num_ws),
        coordinates=lambda ws, _: ws,
        spread=spread,
        rate=rate,
    )


def whitened_w(whitening: Whitening, num_ws: int, prior: float) -> Space:
    """Return W in whitened coordinates, whose mean square is penalised with the weight `prior`."""
    return Space(
        ws=lambda code: _per_layer(whitening.colour(code), num_ws),
        coordinates=lambda ws, _: whitening.whiten(ws),
        penalty=lambda code: prior * code.square().flatten(1).mean(1),
        spread=0.5,
    )


def whitened_deltas(whitening: Whitening, num_ws: int, prior: float) -> Space:
    """Return a w and, for each layer after the first, its difference from it, whitened.

    What is added per layer is penalised by its length, as in e4e, Tov et al. 2021: a layer that
    gains little keeps the common w.

    Args:
        prior: Weight of the mean squared coordinate of w, and of the mean length of differences.
    """

    def ws(code: Code) -> Ws:
        return whitening.colour(torch.cat([code[:, :1], code[:, :1] + code[:, 1:]], dim=1))

    def coordinates(ws: Ws, _: Styles | None) -> Code:
        v = whitening.whiten(ws)
        return torch.cat([v[:, :1], v[:, 1:] - v[:, :1]], dim=1)

    def penalty(code: Code) -> Penalty:
        lengths = code[:, 1:].norm(dim=2) / sqrt(code.shape[2])
        total: Penalty = prior * (code[:, 0].square().mean(1) + lengths.mean(1))
        return total

    # noise on w alone, so that all layers move together
    spread = torch.cat([torch.full((1, 1), 0.5), torch.zeros(num_ws - 1, 1)])
    return Space(ws=ws, coordinates=coordinates, penalty=penalty, spread=spread)


def sphere(G: Generator, label: C) -> Space:
    """Return Z on its sphere: only directions matter; codes keep the length √z_dim."""

    def ws(code: Z) -> Ws:
        return broadcast_layers(G.mapping(code, label.expand(len(code), -1)), G.num_ws)

    return Space(ws=ws, coordinates=lambda z, _: on_sphere(z), settle=on_sphere)


def on_sphere(z: Z) -> Z:
    """Scale each z to length √z_dim, as Adam's step suits numbers of about 1."""
    length: Z = z * (sqrt(z.shape[1]) / z.norm(dim=1, keepdim=True))
    return length


def with_offsets(
    space: Space, G: Generator, sigma: Float[Tensor, " style_channels"], prior: float
) -> Space:
    """Return a space of one w per layer with an offset for each style channel beside them.

    Args:
        sigma: Unit of each offset.
        prior: Weight of the mean squared offset.
    """
    count = len(sigma)

    def layers(code: Code) -> Code:
        return code[:, :-count].reshape(-1, G.num_ws, G.w_dim)

    def coordinates(ws: Ws, offsets: Styles | None) -> Code:
        inner = space.coordinates(ws, None).flatten(1)
        beside = inner.new_zeros(len(ws), count) if offsets is None else offsets / sigma
        return torch.cat([inner, beside.expand(len(ws), -1)], dim=1)

    def penalty(code: Code) -> Penalty:
        return space.penalty(layers(code)) + prior * code[:, -count:].square().mean(1)

    return replace(
        space,
        ws=lambda code: space.ws(layers(code)),
        coordinates=coordinates,
        offsets=lambda code: code[:, -count:] * sigma,
        penalty=penalty,
        # noise on ws alone, so that channels move only where they are needed
        spread=torch.cat([torch.ones(G.num_ws * G.w_dim) * space.spread, torch.zeros(count)]),
    )


def make_space(
    name: SpaceName, G: Generator, label: C, found: Statistics | None, prior: float
) -> Space:
    """Return the space of that name.

    Args:
        label: `[1, c_dim]`, of the class.
        found: Statistics of W; None is enough for z.
        prior: 0 searches W as it is, without whitening.
    """
    if name == "noise":  # the code stays where it began
        return plain_w(G.num_ws, spread=0.0, rate=0.0)
    if name == "z":
        return sphere(G, label)
    assert found is not None
    if name == "w-delta":
        return whitened_deltas(found.whitening, G.num_ws, prior)
    if prior == 0:
        space = plain_w(G.num_ws, spread=0.05 * found.w_std)
    else:
        space = whitened_w(found.whitening, G.num_ws, prior)
    if name == "w":
        return replace(space, coordinates=lambda ws, _: space.coordinates(ws.mean(1), None))
    return with_offsets(space, G, found.style_std, OFFSETS_WEIGHT * prior) if name == "s" else space


def _per_layer(code: Tensor, num_ws: int) -> Tensor:
    return code if code.ndim == 3 else broadcast_layers(code, num_ws)
