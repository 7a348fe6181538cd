"""Functions with derivatives of their own, which can be differentiated again."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

Map = Callable[[Tensor], Tensor]


def apply(function: type[Function], *inputs: Any) -> Tensor:
    """Apply a function, unless `torch.compile` is tracing `autograd.grad` calls.

    With `torch._dynamo.config.trace_autograd_ops` it treats the derivatives of our functions as
    constants, so that second derivatives would be wrong without any warning.
    """
    if torch.compiler.is_compiling() and getattr(torch._dynamo.config, "trace_autograd_ops", False):
        raise RuntimeError(
            "torch.compile with trace_autograd_ops gives wrong second derivatives of sgtool's "
            "operations; compile without it, or a network built with the backend ref"
        )
    y: Tensor = function.apply(*inputs)
    return y


def linear(x: Tensor, forward: Map, adjoint: Map) -> Tensor:
    """Apply a linear map; derivatives of every order are the map and its adjoint."""
    return apply(_Linear, x, forward, adjoint)


class _Linear(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, forward: Map, adjoint: Map) -> Tensor:
        ctx.maps = adjoint, forward
        return forward(x)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None, None]:
        return _Linear.apply(dy, *ctx.maps), None, None
