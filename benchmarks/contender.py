"""What every contender offers: the same named steps, each a call that does the whole step."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import nn

Steps = Mapping[str, Callable[[], None]]

STEPS = ("generate", "Gmain", "Greg", "Dmain", "Dreg", "EMA")

ITERATION: Mapping[str, float] = {"Gmain": 1, "Greg": 1 / 4, "Dmain": 1, "Dreg": 1 / 16, "EMA": 1}
"""How often each step runs in one training iteration, with lazy regularization of [SG2]."""


@dataclass(frozen=True, kw_only=True)
class Contender:
    """Networks ready to be timed.

    Attributes:
        steps: A call for each of STEPS; training steps include backward and optimizer.
        differs: How it differs from configuration F at the channel counts of the case.
        parameters: Trainable numbers of each network.
    """

    name: str
    steps: Steps
    differs: str
    parameters: Mapping[str, int]


class Training(Protocol):
    """Networks in training; each call does one whole step."""

    def generate(self) -> None: ...
    def g_main(self) -> None: ...
    def g_reg(self) -> None: ...
    def d_main(self) -> None: ...
    def d_reg(self) -> None: ...
    def ema(self) -> None: ...


def steps_of(training: Training) -> Steps:
    """Its steps under the names of STEPS."""
    calls = (
        training.generate,
        training.g_main,
        training.g_reg,
        training.d_main,
        training.d_reg,
        training.ema,
    )
    return dict(zip(STEPS, calls, strict=True))


class UnavailableError(Exception):
    """A peer's package is missing or cannot be used; the message says why."""


def play(network: nn.Module, opponent: nn.Module) -> None:
    """Let gradients reach only the network that moves."""
    network.requires_grad_(True)
    opponent.requires_grad_(False)
