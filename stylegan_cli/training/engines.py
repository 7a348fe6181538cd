"""Engines, which turn a phase into gradients: step by step, or by programs made once."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from stylegan_cli.runtime import upload
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
