"""Main phases as compiled programs: loss and gradients traced as one, then `torch.compile`.

Compiling a network and differentiating it from outside is slower than not compiling, and with
custom derivatives some ways of doing so silently give wrong gradients; so each program's first
gradients are compared with those of the eager phase.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.fx.experimental.proxy_tensor import make_fx

from stylegan_cli.runtime import is_out_of_memory
from stylegan_cli.training.engines import (
    Gradients,
    Job,
    Kind,
    accumulate,
    differentiate,
    eager,
    inputs_of,
    kind_of,
    tensors_of,
    trained,
    with_tensors,
)
from stylegan_cli.training.inputs import Nets
from stylegan_cli.training.phases import Outcome

MAIN_PHASES = ("g", "d")
TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 0.1}
"""Largest difference from the eager gradients, relative to their norm; errors are near 1."""

Traced = Callable[[list[Tensor], list[Tensor]], list[Any]]


def compile_traced(traced: torch.fx.GraphModule) -> Traced:
    """Compile a traced program for exactly these shapes."""
    compiled: Traced = torch.compile(traced, dynamic=False)
    return compiled


@dataclass(frozen=True, kw_only=True)
class Program:
    """A job of one kind as a function of tensors.

    Attributes:
        run: Maps weights and inputs to gradients, followed by the tensors of the outcome.
        outcome: An outcome of the same form.
    """

    run: Traced
    outcome: Outcome

    def __call__(self, nets: Nets, job: Job) -> tuple[Outcome, Gradients]:
        found = self.run(_weights(nets), inputs_of(job))
        count = len(trained(job.network))
        return with_tensors(self.outcome, found[count:]), found[:count]


@dataclass(kw_only=True)
class Compiled:
    """The engine that compiles main phases and checks their gradients.

    Attributes:
        programs: By the kind of job; None for jobs that are done step by step after all.
        news: Messages about phases that could not be compiled.
    """

    dtype: torch.dtype
    make: Callable[[torch.fx.GraphModule], Traced] = compile_traced
    programs: dict[Kind, Program | None] = field(default_factory=dict)
    news: list[str] = field(default_factory=list)

    def __call__(self, nets: Nets, job: Job) -> Outcome:
        # while a level fades in, or a blur out, every iteration would be a program of its own
        if job.name not in MAIN_PHASES or nets.G.lod % 1 or nets.blur_sigma:
            return eager(nets, job)
        kind = kind_of(nets, job)
        if kind not in self.programs:
            self.programs[kind] = self._prepared(nets, job)
        program = self.programs[kind]
        if program is None:
            return eager(nets, job)
        outcome, gradients = program(nets, job)
        accumulate(job.network, gradients)
        return outcome

    def take_news(self) -> list[str]:
        taken, self.news = self.news, []
        return taken

    def _prepared(self, nets: Nets, job: Job) -> Program | None:
        try:
            program = _traced(nets, job, self.make)
            found = program(nets, job)[1]
        # a compiler can fail in any way
        except Exception as error:
            if is_out_of_memory(error):
                raise
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            self.news.append(f"phase {job.name} cannot be compiled and runs step by step: {reason}")
            return None
        difference = relative_difference(found, differentiate(nets, job)[1])
        if difference <= TOLERANCE[self.dtype]:
            return program
        self.news.append(
            f"phase {job.name} runs step by step: compiled, gradients differ by {difference:.0%}"
        )
        return None


def relative_difference(found: Gradients, expected: Gradients) -> float:
    """Return the norm of the difference of all gradients over that of the expected ones."""
    pairs = list(zip(found, expected, strict=True))
    if any((a is None) != (b is None) for a, b in pairs):
        return float("inf")
    both = [(a.double(), b.double()) for a, b in pairs if a is not None and b is not None]
    difference = torch.stack([(a - b).square().sum() for a, b in both]).sum()
    ratio = (difference / torch.stack([b.square().sum() for _, b in both]).sum()).sqrt().item()
    return ratio if math.isfinite(ratio) else float("inf")


class _Players(nn.Module):
    """Both networks as one module, so that the weights of both can be passed in."""

    def __init__(self, nets: Nets) -> None:
        super().__init__()
        self.G, self.D = nets.G, nets.D

    def forward(self, nets: Nets, job: Job) -> tuple[Outcome, Gradients]:
        return differentiate(nets, job)


def _traced(nets: Nets, job: Job, make: Callable[[torch.fx.GraphModule], Traced]) -> Program:
    players, outcomes = _Players(nets), list[Outcome]()
    names = [name for name, _ in (*players.named_parameters(), *players.named_buffers())]
    wanted = {name for name, weight in players.named_parameters() if weight.requires_grad}

    def program(weights: list[Tensor], inputs: list[Tensor]) -> list[Tensor | None]:
        given = {
            name: weight.detach().requires_grad_(name in wanted)
            for name, weight in zip(names, weights, strict=True)
        }
        inside = replace(job, inputs=with_tensors(job.inputs, inputs))
        outcome, gradients = functional_call(players, given, (nets, inside))
        outcomes.append(outcome)
        return [*gradients, *tensors_of(outcome)]

    traced = make_fx(program)(_weights(nets), inputs_of(job))
    return Program(run=make(traced), outcome=outcomes[0])


def _weights(nets: Nets) -> list[Tensor]:
    modules = (nets.G, nets.D)
    parameters = [weight.detach() for module in modules for weight in module.parameters()]
    return [*parameters, *(buffer for module in modules for buffer in module.buffers())]
