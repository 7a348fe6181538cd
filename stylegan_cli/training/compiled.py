"""Programs for phases: compiled, or captured as CUDA graphs; both experimental.

Loss and gradients are compiled as one: differentiating a compiled network from outside is slower
than not compiling, and with custom derivatives some ways of doing so silently give wrong gradients;
so each program's first gradients are compared with those of the eager phase.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.fx.experimental.proxy_tensor import make_fx

from stylegan_cli.runtime import is_out_of_memory
from stylegan_cli.training.engines import (
    Fixed,
    Gradients,
    Job,
    Program,
    differentiate,
    inputs_of,
    tensors_of,
    trained,
    with_tensors,
)
from stylegan_cli.training.inputs import Nets
from stylegan_cli.training.phases import Outcome

MAIN_PHASES = ("g", "d")
TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 0.1}
"""Largest difference from the eager gradients, relative to their norm; errors are near 1."""

WARM_UP = 3
"""Runs before a capture, in which libraries choose kernels and allocate memory."""
Traced = Callable[[list[Tensor], list[Tensor]], list[Any]]


def compile_traced(traced: torch.fx.GraphModule) -> Traced:
    """Compile a traced program for exactly these shapes."""
    compiled: Traced = torch.compile(traced, dynamic=False)
    return compiled


def compiled(
    dtype: torch.dtype, make: Callable[[torch.fx.GraphModule], Traced] = compile_traced
) -> Fixed:
    """Return the engine that compiles main phases and checks their gradients.

    Args:
        dtype: Type of the activations.
    """

    def prepare(nets: Nets, job: Job) -> Program | str:
        try:
            program = _traced(nets, job, make)
            found = program(nets, job)[1]
        # a compiler can fail in any way
        except Exception as error:
            if is_out_of_memory(error):
                raise
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            return f"phase {job.name} cannot be compiled and runs step by step: {reason}"
        difference = relative_difference(found, differentiate(nets, job)[1])
        if difference <= TOLERANCE[dtype]:
            return program
        return f"phase {job.name} runs step by step: compiled, gradients differ by {difference:.0%}"

    return Fixed(prepare=prepare, phases=MAIN_PHASES)


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

    run = make(make_fx(program)(_weights(nets), inputs_of(job)))

    def differentiated(nets: Nets, job: Job) -> tuple[Outcome, Gradients]:
        found = run(_weights(nets), inputs_of(job))
        count = len(trained(job.network))
        return with_tensors(outcomes[0], found[count:]), found[:count]

    return differentiated


def _weights(nets: Nets) -> list[Tensor]:
    modules = (nets.G, nets.D)
    parameters = [weight.detach() for module in modules for weight in module.parameters()]
    return [*parameters, *(buffer for module in modules for buffer in module.buffers())]


def captured() -> Fixed:
    """Return the engine that captures each kind of job as a CUDA graph, and repeats it."""
    # shared by all graphs: one runs at a time, and its results are used before the next runs
    return Fixed(prepare=partial(_captured, pool=torch.cuda.graph_pool_handle()))


def _captured(nets: Nets, job: Job, pool: Any) -> Program:
    inputs = [tensor.clone() for tensor in inputs_of(job)]
    device = inputs[0].device
    static = replace(job, inputs=with_tensors(job.inputs, inputs))
    stream = torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            differentiate(nets, static)
    torch.cuda.current_stream(device).wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, pool=pool):
        outcome, gradients = differentiate(nets, static)

    def replayed(_: Nets, job: Job) -> tuple[Outcome, Gradients]:
        # the next replay overwrites the result
        torch._foreach_copy_(inputs, inputs_of(job))
        graph.replay()
        return outcome, gradients

    return replayed
