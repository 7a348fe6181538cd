"""First and second derivatives of an operation, and how far two of them are apart."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def seeded(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def derivatives(operation: Callable[..., Tensor], inputs: Sequence[Tensor]) -> list[Tensor]:
    """Result, gradients of all inputs, and gradients of a penalty of those gradients."""
    leaves = [x.clone().requires_grad_() for x in inputs]
    y = operation(*leaves)
    cotangent = seeded(99, *y.shape).to(y.dtype)
    first = torch.autograd.grad((y * (cotangent + y)).sum(), leaves, create_graph=True)
    penalty = torch.stack([gradient.square().sum() for gradient in first]).sum()
    second = torch.autograd.grad(penalty, leaves)
    return [tensor.detach() for tensor in (y, *first, *second)]


def relative_error(got: Tensor, expected: Tensor, floor: float = 0.0) -> float:
    """Norm of the difference over norm of what is expected, or over floor if that is more."""
    assert got.shape == expected.shape
    scale = max(expected.double().norm().item(), floor)
    assert scale > 0
    return (got.double() - expected.double()).norm().item() / scale
