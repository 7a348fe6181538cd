"""Phases as CUDA graphs: thousands of small kernels started by one call (experimental)."""

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from stylegan_cli.training.engines import (
    Gradients,
    Job,
    Kind,
    accumulate,
    differentiate,
    eager,
    inputs_of,
    kind_of,
    with_tensors,
)
from stylegan_cli.training.inputs import Nets
from stylegan_cli.training.phases import Outcome

WARM_UP = 3
"""Runs before a capture, in which libraries choose kernels and allocate memory."""


@dataclass(kw_only=True)
class Captured:
    """The engine that captures each kind of job once and repeats it.

    Attributes:
        pool: Memory shared by all graphs: one runs at a time, and its results are used before the
            next runs.
    """

    graphs: dict[Kind, "_Graph"] = field(default_factory=dict)
    pool: Any = field(default_factory=torch.cuda.graph_pool_handle)

    def __call__(self, nets: Nets, job: Job) -> Outcome:
        # while a level fades in, or a blur out, every iteration would be a graph of its own
        if nets.G.lod % 1 or nets.blur_sigma:
            return eager(nets, job)
        kind = kind_of(nets, job)
        if kind not in self.graphs:
            # graphs of earlier stages only hold memory
            self.graphs = {k: graph for k, graph in self.graphs.items() if k.lod == kind.lod}
            self.graphs[kind] = _captured(nets, job, self.pool)
        outcome, gradients = self.graphs[kind].replay(job)
        accumulate(job.network, gradients)
        return outcome


@dataclass(frozen=True, kw_only=True)
class _Graph:
    """A captured job, with fixed places for inputs and results."""

    graph: torch.cuda.CUDAGraph
    inputs: list[Tensor]
    outcome: Outcome
    gradients: Gradients

    def replay(self, job: Job) -> tuple[Outcome, Gradients]:
        """Run as `engines.differentiate` does; the next replay overwrites the result."""
        torch._foreach_copy_(self.inputs, inputs_of(job))
        self.graph.replay()
        return self.outcome, self.gradients


def _captured(nets: Nets, job: Job, pool: Any) -> _Graph:
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
    return _Graph(graph=graph, inputs=inputs, outcome=outcome, gradients=gradients)
