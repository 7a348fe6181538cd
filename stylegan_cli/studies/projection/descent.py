"""The descent: a batch of codes and noise maps, each picture as if it were alone, [SG2] app. D.

Losses are summed over pictures, Adam works on each number by itself, and every picture has random
streams of its own, so a picture's neighbours change nothing but the last digits.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from stylegan_cli.networks.generator import Generator
from stylegan_cli.networks.noise import NoiseInput
from stylegan_cli.networks.styles import moved_styles
from stylegan_cli.shapes import Images
from stylegan_cli.studies.projection.objective import Objective
from stylegan_cli.studies.projection.spaces import Space
from stylegan_cli.studies.projection.states import State

BETAS, EPSILON = (0.9, 0.999), 1e-8
NOISE_RATE, NOISE_PENALTY = 0.1, 1e5
PATIENCE, LEAST_GAIN = 100, 0.01
"""A picture is done once this many steps without noise gain less than this share."""
RISE, DESCENT, NOISY = 0.05, 0.25, 0.75
"""Shares of all steps: the rate rises over the first, falls over the last, noise ends at."""

Steps = Int64[np.ndarray, " n"]
Factors = Float64[np.ndarray, " n"]

Map = Float[Tensor, "n 1 _ _"]

COARSEST = 8
"""Maps are averaged down to this side."""

STOPS = 50
"""Codes on the way that are kept."""

Draw = Callable[[int, int, int, tuple[int, ...]], Tensor]
"""Standard normal numbers: of a picture, for its attempt and step, in a shape."""


@dataclass(frozen=True, kw_only=True)
class Descent:
    """Settings of the search for codes.

    Attributes:
        noise: Noise of the network if no maps are optimised.
        keep_best: The result is the best of the steps without noise on the code, and a picture
            is done as soon as they bring no more; otherwise it is the last one.
    """

    G: Generator
    space: Space
    steps: int
    noise: NoiseInput = "const"
    keep_best: bool = True

    def begin(
        self, picture: Int64[Tensor, " n"], attempt: Int64[Tensor, " n"], values: Sequence[Tensor]
    ) -> State:
        """Return a batch before its first step.

        Args:
            values: The code, then the noise maps if they are to be optimised.
        """
        start = tuple(values)
        zeros = tuple(map(torch.zeros_like, start))
        n, device = len(picture), start[0].device
        return State(
            picture=picture,
            attempt=attempt,
            values=start,
            first=zeros,
            second=zeros,
            best=start,
            best_distance=torch.full((n,), torch.inf, device=device),
            step=torch.zeros(n, dtype=torch.int64),
            pace=torch.ones(n, device=device),
            losses=torch.full((n, self.steps), torch.nan),
            path=start[0][:, None].repeat(1, self._stops, *(1 for _ in start[0].shape[1:])),
        )

    def step(self, state: State, objective: Objective, draw: Draw) -> State:
        """Move the batch one step.

        Args:
            objective: Its rows are those of the state.
        """
        leaves = tuple(value.detach().requires_grad_() for value in state.values)
        noisy = leaves[0] + self._disturbance(state, draw)
        distance = objective.distance(self._images(noisy, leaves[1:]))
        loss = distance + self.space.penalty(noisy)
        if len(leaves) > 1:
            loss = loss + NOISE_PENALTY * correlation_penalty(leaves[1:])
        gradients = torch.autograd.grad(loss.sum(), leaves)
        state = self._record(state, distance.detach())
        return self._adam(state, gradients)

    def distance(self, state: State, objective: Objective) -> Float[Tensor, " n"]:
        """Measure the batch without noise on the code."""
        with torch.no_grad():
            return objective.distance(self._images(state.values[0], state.values[1:]))

    def is_done(self, state: State) -> Tensor:
        """Return which rows need no more steps."""
        return torch.tensor(
            [self._row_done(state, row) for row in range(len(state.step))], dtype=torch.bool
        )

    def conclude(self, state: State, objective: Objective) -> State:
        """Count the last values of a finished batch among the candidates for the best."""
        distance = self.distance(state, objective)
        if not self.keep_best:
            return replace(state, best=state.values, best_distance=distance)
        return self._with_best(state, distance, distance < state.best_distance)

    def _images(self, code: Tensor, maps: Sequence[Tensor]) -> Images:
        with moved_styles(self.G, self.space.offsets(code)) as synthesis:
            images: Images = synthesis(self.space.ws(code), list(maps) or self.noise)
        return images

    def _disturbance(self, state: State, draw: Draw) -> Tensor:
        code, shape = state.values[0], tuple(state.values[0].shape[1:])
        scale = noise_factor(state.step.numpy(), self.steps)
        places = zip(
            state.picture.tolist(), state.attempt.tolist(), state.step.tolist(), strict=True
        )
        rows = [
            draw(*place, shape) * (self.space.spread * float(size)) if size else torch.zeros(shape)
            for place, size in zip(places, scale, strict=True)
        ]
        return torch.stack(rows).to(code.device)

    def _record(self, state: State, distance: Tensor) -> State:
        losses = state.losses.clone()
        losses[torch.arange(len(losses)), state.step] = distance.cpu()
        state = replace(state, losses=losses, path=self._longer_path(state))
        if not self.keep_best:
            return state
        quiet = (state.step >= NOISY * self.steps).to(distance.device)
        return self._with_best(state, distance, quiet & (distance < state.best_distance))

    def _longer_path(self, state: State) -> Tensor:
        """Put the present codes on the path, at their stop and for now at all later ones."""
        stop = (state.step * self._stops // self.steps).to(state.path.device)
        later = torch.arange(self._stops, device=stop.device) >= stop[:, None]
        code = state.values[0]
        later = later.view(*later.shape, *(1 for _ in code.shape[1:]))
        return torch.where(later, code[:, None], state.path)

    @property
    def _stops(self) -> int:
        return min(STOPS, self.steps)

    def _with_best(self, state: State, distance: Tensor, better: Tensor) -> State:
        best = tuple(
            torch.where(better.view(-1, *(1 for _ in value.shape[1:])), value, old)
            for value, old in zip(state.values, state.best, strict=True)
        )
        least = torch.where(better, distance, state.best_distance)
        return replace(state, best=best, best_distance=least)

    def _adam(self, state: State, gradients: Sequence[Tensor]) -> State:
        device = state.values[0].device
        count = (state.step + 1).double()
        factor = torch.from_numpy(rate_factor(state.step.numpy(), self.steps))
        size = (factor / (1 - BETAS[0] ** count)).float().to(device) * state.pace
        root = (1 - BETAS[1] ** count).sqrt().float().to(device)
        values, first, second = [], [], []
        for i, (value, gradient) in enumerate(zip(state.values, gradients, strict=True)):
            rows = (-1, *(1 for _ in value.shape[1:]))
            m = state.first[i].lerp(gradient, 1 - BETAS[0])
            v = state.second[i] * BETAS[1] + (1 - BETAS[1]) * gradient.square()
            rate = NOISE_RATE if i else self.space.rate
            moved = value - rate * size.view(rows) * m / (v.sqrt() / root.view(rows) + EPSILON)
            values.append(standardize(moved) if i else self.space.settle(moved))
            first.append(m)
            second.append(v)
        return replace(
            state,
            values=tuple(values),
            first=tuple(first),
            second=tuple(second),
            step=state.step + 1,
        )

    def _row_done(self, state: State, row: int) -> bool:
        step = int(state.step[row])
        if step >= self.steps:
            return True
        quiet = state.losses[row, int(-(-NOISY * self.steps // 1)) : step]
        if not self.keep_best or len(quiet) <= PATIENCE:
            return False
        earlier, later = quiet[:-PATIENCE].min(), quiet[-PATIENCE:].min()
        return bool(later > (1 - LEAST_GAIN) * earlier)


def rate_factor(step: Steps, steps: int) -> Factors:
    """Return the share of the full rate: a rise from 0, then 1, then half a cosine to 0."""
    t = step / steps
    falling = 0.5 * (1 - np.cos(np.pi * np.minimum(1, (1 - t) / DESCENT)))
    factors: Factors = falling * np.minimum(1, t / RISE)
    return factors


def noise_factor(step: Steps, steps: int) -> Factors:
    """Return the share of the full noise on the code: max(0, 1 − t/0.75)²."""
    factors: Factors = np.maximum(0, 1 - step / steps / NOISY) ** 2
    return factors


def correlation_penalty(maps: Sequence[Map]) -> Float[Tensor, " n"]:
    """Return the squared correlation of maps with themselves, shifted, at every scale.

    Σ over maps, scales and both axes of (mean(v · shift v))². Unlike in the paper, and as in the
    published programs, the averaged maps are not brought back to unit variance. Each row is a
    picture of its own.
    """
    total = torch.zeros(len(maps[0]), device=maps[0].device)
    for level in maps:
        while True:
            for axis in (2, 3):
                total = total + (level * level.roll(1, axis)).mean((1, 2, 3)).square()
            if level.shape[-1] <= COARSEST:
                break
            level = F.avg_pool2d(level, 2)
    return total


def standardize(noise: Map) -> Map:
    """Bring each map to mean 0 and mean square 1."""
    centred = noise - noise.mean((2, 3), keepdim=True)
    scaled: Map = centred * centred.square().mean((2, 3), keepdim=True).rsqrt()
    return scaled
