"""Search spaces for a code: coordinates, and the ws that belong to them.

Each has a `rate` of learning for its coordinates and a `spread`, the standard deviation of the
noise on each at the start; `penalty` is what the loss adds for each code, `settle` puts a code
back where it belongs after a step.
"""

from dataclasses import dataclass
from math import sqrt

import torch
from jaxtyping import Float
from torch import Tensor

from stylegan_cli.latents.sampling import broadcast_layers
from stylegan_cli.networks.generator import Generator, MappingNetwork
from stylegan_cli.shapes import C, Ws, Z
from stylegan_cli.studies.projection.options import SpaceName
from stylegan_cli.studies.projection.whitening import Statistics, Whitening

Code = Float[Tensor, "n ..."]
Penalty = Float[Tensor, " n"]


@dataclass(frozen=True, kw_only=True)
class PlainW:
    """Plain W, [SG2] appendix D; Adam moves all coordinates equally far, flat ones included."""

    num_ws: int
    spread: float
    rate: float = 0.1

    def ws(self, code: Code) -> Ws:
        """Return one w per layer."""
        return _per_layer(code, self.num_ws)

    def penalty(self, code: Code) -> Penalty:
        """Return the penalty added to the loss for each code."""
        return code.new_zeros(len(code))

    def settle(self, code: Code) -> Code:
        """Return the code after a step."""
        return code


@dataclass(frozen=True, kw_only=True)
class WhitenedW:
    """W in whitened coordinates, with a penalty on distance from the network's own codes.

    Attributes:
        prior: Weight of the mean squared coordinate.
    """

    whitening: Whitening
    num_ws: int
    prior: float
    spread: float = 0.5
    rate: float = 0.05

    def ws(self, code: Code) -> Ws:
        """Return one w per layer."""
        return _per_layer(self.whitening.colour(code), self.num_ws)

    def penalty(self, code: Code) -> Penalty:
        """Return the penalty added to the loss for each code."""
        return self.prior * code.square().flatten(1).mean(1)

    def settle(self, code: Code) -> Code:
        """Return the code after a step."""
        return code


@dataclass(frozen=True, kw_only=True)
class WhitenedDeltas:
    """A w and, for each layer after the first, its difference from it, in whitened coordinates.

    What is added per layer is penalised by its length, as in e4e, Tov et al. 2021: a layer that
    gains little keeps the common w.

    Attributes:
        prior: Weight of the mean squared coordinate of w, and of the mean length of differences.
    """

    whitening: Whitening
    num_ws: int
    prior: float
    rate: float = 0.05

    @property
    def spread(self) -> Tensor:
        """Return the noise on each row: on w alone, so that all layers move together."""
        rows = torch.zeros(self.num_ws, 1)
        rows[0] = 0.5
        return rows

    def ws(self, code: Code) -> Ws:
        """Return one w per layer."""
        common, deltas = code[:, :1], code[:, 1:]
        return self.whitening.colour(torch.cat([common, common + deltas], dim=1))

    def penalty(self, code: Code) -> Penalty:
        """Return the penalty added to the loss for each code."""
        lengths = code[:, 1:].norm(dim=2) / sqrt(code.shape[2])
        total: Penalty = self.prior * (code[:, 0].square().mean(1) + lengths.mean(1))
        return total

    def settle(self, code: Code) -> Code:
        """Return the code after a step."""
        return code


@dataclass(frozen=True, kw_only=True)
class Sphere:
    """Z on its sphere: only directions matter; codes keep the length √z_dim."""

    mapping: MappingNetwork
    num_ws: int
    label: C
    spread: float = 0.05
    rate: float = 0.05

    def ws(self, code: Code) -> Ws:
        """Return one w per layer."""
        return broadcast_layers(self.mapping(code, self.label.expand(len(code), -1)), self.num_ws)

    def penalty(self, code: Code) -> Penalty:
        """Return the penalty added to the loss for each code."""
        return code.new_zeros(len(code))

    def settle(self, code: Code) -> Code:
        """Return the code after a step, scaled back to its length."""
        return on_sphere(code)


Space = PlainW | WhitenedW | WhitenedDeltas | Sphere


def on_sphere(z: Z) -> Z:
    """Scale each z to length √z_dim, as Adam's step suits numbers of about 1."""
    length: Z = z * (sqrt(z.shape[1]) / z.norm(dim=1, keepdim=True))
    return length


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
        return PlainW(num_ws=G.num_ws, spread=0.0, rate=0.0)
    if name == "z":
        return Sphere(mapping=G.mapping, num_ws=G.num_ws, label=label)
    assert found is not None
    if prior == 0:
        return PlainW(num_ws=G.num_ws, spread=0.05 * found.w_std)
    if name == "w-delta":
        return WhitenedDeltas(whitening=found.whitening, num_ws=G.num_ws, prior=prior)
    return WhitenedW(whitening=found.whitening, num_ws=G.num_ws, prior=prior)


def coordinates(name: SpaceName, space: Space, ws: Ws) -> Code:
    """Return the coordinates of codes of W: one for all layers in w, else one for each."""
    chosen = ws.mean(1) if name == "w" else ws
    if isinstance(space, WhitenedDeltas):
        v = space.whitening.whiten(ws)
        return torch.cat([v[:, :1], v[:, 1:] - v[:, :1]], dim=1)
    return space.whitening.whiten(chosen) if isinstance(space, WhitenedW) else chosen


def _per_layer(code: Tensor, num_ws: int) -> Tensor:
    return code if code.ndim == 3 else broadcast_layers(code, num_ws)
