"""The interface of every peer: the parts of a training step, combined as ours are."""

from dataclasses import dataclass
from functools import partial
from typing import Protocol

from torch import nn

from stylegan_cli.benchmark.measuring import GENERATE, BenchmarkCase, Contender
from stylegan_cli.training.trial import kinds


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A peer's networks ready to be timed.

    Attributes:
        differs: Differences from configuration F at the channel counts of the case.
        parameters: Number of trainable parameters of each network.
    """

    contender: Contender
    differs: str
    parameters: dict[str, int]


class Training(Protocol):
    """Networks in training; each call runs one whole part."""

    def generate(self) -> None: ...
    def g_main(self) -> None: ...
    def g_reg(self) -> None: ...
    def d_main(self) -> None: ...
    def d_reg(self) -> None: ...
    def ema(self) -> None: ...


def contender_of(training: Training, case: BenchmarkCase) -> Contender:
    """Return the peer's steps under the names of ours."""
    iterations = {name: partial(_iterate, training, name) for name in kinds(case.recipe.loss)}
    steps = {GENERATE: training.generate, **iterations}
    return Contender(steps=steps, warmup=[GENERATE, max(iterations, key=len)])


def _iterate(training: Training, kind: str) -> None:
    training.g_main()
    if "Greg" in kind:
        training.g_reg()
    training.d_main()
    if "Dreg" in kind:
        training.d_reg()
    training.ema()


class UnavailableError(Exception):
    """A peer's package is missing or cannot be used; the message says why."""


def play(network: nn.Module, opponent: nn.Module) -> None:
    """Let gradients reach only the network being updated."""
    network.requires_grad_(True)
    opponent.requires_grad_(False)
