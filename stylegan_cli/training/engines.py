"""Engines, which turn a phase into gradients: step by step, or by programs made once.

Programs are experimental: compiled, or captured as CUDA graphs. Loss and gradients are compiled as
one: differentiating a compiled network from outside is slower than not compiling, and with custom
derivatives some ways of doing so silently give wrong gradients; so each program's first gradients
are compared with those of the eager phase.
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.fx.experimental.proxy_tensor import make_fx

from stylegan_cli.runtime import is_out_of_memory, upload
from stylegan_cli.training.inputs import Inputs, Nets
from stylegan_cli.training.phases import Outcome

Record = TypeVar("Record")


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


Program = Callable[[Nets, Job], tuple[Outcome, Gradients]]
"""A form of `differentiate` for jobs of one kind."""


@dataclass(kw_only=True)
class Fixed:
    """The engine that prepares a program for each kind of job once, and runs that.

    Attributes:
        prepare: Returns a program, or words why there is none.
        phases: Names of those that are prepared; None prepares all.
        programs: By the kind of job; None for jobs that are done step by step after all.
        news: Those words, since they were last taken.
    """

    prepare: Callable[[Nets, Job], Program | str]
    phases: Collection[str] | None = None
    programs: dict[Kind, Program | None] = field(default_factory=dict)
    news: list[str] = field(default_factory=list)

    def __call__(self, nets: Nets, job: Job) -> Outcome:
        # while a level fades in, or a blur out, every iteration would be a program of its own
        left_out = self.phases is not None and job.name not in self.phases
        if left_out or nets.G.lod % 1 or nets.blur_sigma:
            return eager(nets, job)
        kind = kind_of(nets, job)
        if kind not in self.programs:
            # programs of earlier stages only hold memory
            self.programs = {k: each for k, each in self.programs.items() if k.lod == kind.lod}
            program = self.prepare(nets, job)
            if isinstance(program, str):
                self.news.append(program)
            self.programs[kind] = None if isinstance(program, str) else program
        run = self.programs[kind]
        if run is None:
            return eager(nets, job)
        outcome, gradients = run(nets, job)
        accumulate(job.network, gradients)
        return outcome

    def take_news(self) -> list[str]:
        taken, self.news = self.news, []
        return taken


MAIN_PHASES = ("g", "d")
TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 0.1}
"""Largest difference from the eager gradients, relative to their norm; errors are near 1."""
WARM_UP = 3
"""Runs before a capture, in which libraries choose kernels and allocate memory."""
Traced = Callable[[list[Tensor], list[Tensor]], list[Any]]
Compiler = Callable[[torch.fx.GraphModule], Traced]
compile_exactly = partial(torch.compile, dynamic=False)


def compiled(dtype: torch.dtype, make: Compiler = compile_exactly) -> Fixed:
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


def _traced(nets: Nets, job: Job, make: Compiler) -> Program:
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
