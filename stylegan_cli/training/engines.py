"""Engines, which turn a phase into gradients: step by step, or as CUDA graphs (experimental)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from stylegan_cli.runtime import upload
from stylegan_cli.training.inputs import Inputs, Nets
from stylegan_cli.training.phases import Outcome

Record = TypeVar("Record")
WARM_UP = 3
"""Runs before a capture, in which libraries choose kernels and allocate memory."""


def tensors_of(record: object) -> list[Tensor]:
    """Return all tensors of a record and its parts, in order; numbers become tensors `[]`."""
    if isinstance(record, Tensor):
        return [record]
    if isinstance(record, int | float):
        return [torch.tensor(record)]
    return [tensor for part in _parts(record) for tensor in tensors_of(part)]


def with_tensors(record: Record, tensors: Sequence[Tensor]) -> Record:
    """Return the record with these tensors in place of its own tensors and numbers."""
    rebuilt: Record = _rebuilt(record, iter(tensors))
    return rebuilt


def _parts(record: object) -> list[object]:
    if is_dataclass(record):
        return [getattr(record, field.name) for field in fields(record)]
    if isinstance(record, Mapping):
        return list(record.values())
    return list(record) if isinstance(record, list | tuple) else []


def _rebuilt(record: Any, tensors: Iterator[Tensor]) -> Any:
    if isinstance(record, Tensor | int | float):
        return next(tensors)
    if is_dataclass(record) and not isinstance(record, type):
        names = [field.name for field in fields(record)]
        parts = {name: _rebuilt(getattr(record, name), tensors) for name in names}
        return replace(record, **parts)
    if isinstance(record, Mapping):
        return {name: _rebuilt(part, tensors) for name, part in record.items()}
    if isinstance(record, list | tuple):
        return [_rebuilt(part, tensors) for part in record]
    return record


@dataclass(frozen=True, kw_only=True)
class Job:
    """One phase over one round of samples.

    Attributes:
        network: The network to differentiate; it alone requires gradients.
        weight: Share of this round in the loss.
    """

    name: str
    compute: Callable[[Nets, Any], Outcome]
    inputs: Inputs
    network: nn.Module
    weight: float


Engine = Callable[[Nets, Job], Outcome]
"""Adds the gradients of a job's loss, times its weight, to those of its network."""

Gradients = Sequence[Tensor | None]
"""Gradients of the parameters that require them, in order; None for one the loss ignores."""


def eager(nets: Nets, job: Job) -> Outcome:
    """Compute step by step."""
    outcome = job.compute(nets, job.inputs)
    (outcome.loss * job.weight).backward()
    return outcome


def differentiate(nets: Nets, job: Job) -> tuple[Outcome, Gradients]:
    """Return outcome and gradients of a job; nothing is changed."""
    outcome = job.compute(nets, job.inputs)
    wanted = trained(job.network)
    gradients = torch.autograd.grad(outcome.loss * job.weight, wanted, allow_unused=True)
    return with_tensors(outcome, [tensor.detach() for tensor in tensors_of(outcome)]), gradients


def trained(network: nn.Module) -> list[Tensor]:
    """Return the parameters that require gradients."""
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


@torch.no_grad()
def accumulate(network: nn.Module, gradients: Gradients) -> None:
    """Add gradients to those of the network, in the memory layout of its parameters."""
    for parameter, gradient in zip(trained(network), gradients, strict=True):
        if gradient is None:
            continue
        if parameter.grad is None:
            parameter.grad = torch.empty_like(parameter).copy_(gradient)
        else:
            parameter.grad += gradient


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A key that is equal for jobs that one program can do."""

    name: str
    weight: float
    lod: float
    shapes: tuple[torch.Size, ...]


def kind_of(nets: Nets, job: Job) -> Kind:
    """Return the kind of a job."""
    shapes = tuple(tensor.shape for tensor in tensors_of(job.inputs))
    return Kind(name=job.name, weight=job.weight, lod=nets.G.lod, shapes=shapes)


def inputs_of(job: Job) -> list[Tensor]:
    """Return the tensors and numbers of a job's inputs, on its network's device."""
    device = next(job.network.parameters()).device
    found = tensors_of(job.inputs)
    return [tensor if tensor.device == device else upload(tensor, device) for tensor in found]


@dataclass(kw_only=True)
class Captured:
    """The engine that captures each kind of job once, as a CUDA graph, and repeats it.

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
