"""How a phase becomes gradients: step by step, or as one program that is made once and repeated."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from stylegan_cli.runtime import upload
from stylegan_cli.training.flat import tensors_of, with_tensors
from stylegan_cli.training.inputs import Inputs
from stylegan_cli.training.nets import Nets
from stylegan_cli.training.phases import Outcome


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
