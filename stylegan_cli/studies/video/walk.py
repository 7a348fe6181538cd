"""Walks of noise: each frame's maps are those of the frame before, a little changed."""

from collections.abc import Iterator, Sequence
from math import exp, sqrt

import torch
from torch import Tensor

from stylegan_cli.networks.noise import noise_maps
from stylegan_cli.runtime import stream_seed
from stylegan_cli.sizes import Size


class NoiseWalk:
    """A stationary AR(1) walk, n[t + 1] = ρ n[t] + a ε, of unit variance in every frame.

    In a loop it is periodic: every frame is the same sum over all ε, so that the frame behind the
    last is the first. It starts at the noise of its seed otherwise.

    Args:
        seed: Of its maps; a frame depends on nothing else.
        memory: Frames after which the correlation has fallen to 1/e.
        frames: Their number.
    """

    def __init__(
        self, sizes: Sequence[Size], seed: int, *, memory: float, frames: int, loop: bool
    ) -> None:
        self._sizes, self._seed, self._frames, self._loop = sizes, seed, frames, loop
        self._rho = exp(-1 / memory)
        self._step = sqrt(1 - self._rho**2)
        if loop:
            # the variance of ε's share, summed over all earlier rounds
            rest = self._rho**frames
            self._step *= (1 - rest) / sqrt(1 - rest**2)

    def maps(self) -> Iterator[list[Tensor]]:
        """Yield the maps of each frame, `[1, 1, height, width]` per noise input."""
        now = self._start()
        for t in range(self._frames):
            yield now
            fresh = self._draw((t + 1) % self._frames)
            now = [self._rho * a + self._step * b for a, b in zip(now, fresh, strict=True)]

    def _start(self) -> list[Tensor]:
        if not self._loop:
            return self._draw(0)
        total = [torch.zeros(1, 1, *size.shape) for size in self._sizes]
        share = self._step / (1 - self._rho**self._frames)
        # backwards from frame 0, whose own ε has the full share
        for back in range(self._frames):
            for a, b in zip(total, self._draw(-back % self._frames), strict=True):
                a += share * self._rho**back * b
        return total

    def _draw(self, t: int) -> list[Tensor]:
        seed = stream_seed(self._seed, "noise walk", t) if t else self._seed
        # on the CPU, whose random numbers are equal on every machine
        return noise_maps(self._sizes, [seed], torch.device("cpu"))
