"""How a phase becomes gradients: step by step, or as one program that is made once and repeated."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from stylegan_cli.runtime import upload
from stylegan_cli.training.inputs import Inputs, Nets
from stylegan_cli.training.phases import Outcome

Record = TypeVar("Record")


def tensors_of(record: object) -> list[Tensor]:
    """All tensors in a dataclass, its parts, sequences and mappings, in order; numbers are `[]`."""
    if isinstance(record, Tensor):
        return [record]
    if isinstance(record, int | float):
        return [torch.tensor(record)]
    return [tensor for part in _parts(record) for tensor in tensors_of(part)]


def with_tensors(record: Record, tensors: Sequence[Tensor]) -> Record:
    """The same record with these tensors in the places of its own, and of its numbers."""
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
        name: Of the phase.
        network: Whose gradients are wanted; it alone requires any.
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
"""Of the parameters of a network that require any, in their order; None where one has no part."""


def eager(nets: Nets, job: Job) -> Outcome:
    """The engine that computes step by step."""
    outcome = job.compute(nets, job.inputs)
    (outcome.loss * job.weight).backward()
    return outcome


def differentiate(nets: Nets, job: Job) -> tuple[Outcome, Gradients]:
    """What a job comes to and its gradients, with nothing changed."""
    outcome = job.compute(nets, job.inputs)
    wanted = trained(job.network)
    gradients = torch.autograd.grad(outcome.loss * job.weight, wanted, allow_unused=True)
    return with_tensors(outcome, [tensor.detach() for tensor in tensors_of(outcome)]), gradients


def trained(network: nn.Module) -> list[Tensor]:
    """The parameters that require gradients."""
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


@torch.no_grad()
def accumulate(network: nn.Module, gradients: Gradients) -> None:
    """Add gradients to those the network has, laid out as its parameters are."""
    for parameter, gradient in zip(trained(network), gradients, strict=True):
        if gradient is None:
            continue
        if parameter.grad is None:
            parameter.grad = torch.empty_like(parameter).copy_(gradient)
        else:
            parameter.grad += gradient


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Equal for jobs that one program can do."""

    name: str
    weight: float
    lod: float
    shapes: tuple[torch.Size, ...]


def kind_of(nets: Nets, job: Job) -> Kind:
    """What a job has in common with others."""
    shapes = tuple(tensor.shape for tensor in tensors_of(job.inputs))
    return Kind(name=job.name, weight=job.weight, lod=nets.G.lod, shapes=shapes)


def inputs_of(job: Job) -> list[Tensor]:
    """The tensors and numbers a job takes in, on its network's device."""
    device = next(job.network.parameters()).device
    found = tensors_of(job.inputs)
    return [tensor if tensor.device == device else upload(tensor, device) for tensor in found]
