"""What torch's compilers make of our operations, as JSON; a program of its own.

In the process of the tests, Dynamo would trace the type checks around every function.
"""

import json
import sys
import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from stylegan_cli.ops import fir
from stylegan_cli.ops.autograd import conv2d, conv2d_up
from tests.ops.derivatives import relative_error, seeded

OPERATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "conv2d": lambda x, weight: conv2d(x, weight),
    "conv2d_up": lambda x, weight: conv2d_up(x, weight.transpose(0, 1)),
    "blur": lambda x, weight: fir.blur(torch.conv2d(x, weight), 1),
    "upsample": lambda x, weight: fir.upsample(torch.conv2d(x, weight)),
    "downsample": lambda x, weight: fir.downsample(torch.conv2d(x, weight)),
}


def gradient(operation: Callable[..., Tensor], x: Tensor, weight: Tensor) -> Tensor:
    return torch.autograd.grad(operation(x, weight).square().sum(), weight)[0]


def penalty_gradient(operation: Callable[..., Tensor], x: Tensor, weight: Tensor) -> Tensor:
    x = x.detach().requires_grad_()
    (inner,) = torch.autograd.grad(operation(x, weight).square().sum(), x, create_graph=True)
    return torch.autograd.grad(inner.square().sum(), weight)[0]


def compiled_error(operation: Callable[..., Tensor], x: Tensor, weight: Tensor) -> float:
    """How far the first gradient of a compiled operation is from the plain one."""
    compiled = torch.compile(operation, backend="aot_eager")
    return relative_error(gradient(compiled, x, weight), gradient(operation, x, weight))


def refusal(call: Callable[[], Tensor]) -> str:
    """What is said when it fails; nothing if it does not."""
    try:
        call()
    except Exception as error:
        return str(error)
    return ""


def traced(operation: Callable[..., Tensor]) -> dict[str, float | str]:
    x, weight = seeded(0, 2, 3, 6, 6), seeded(1, 4, 3, 3, 3).requires_grad_()
    whole = torch.compile(penalty_gradient, backend="aot_eager", fullgraph=True)
    with torch._dynamo.config.patch(trace_autograd_ops=True):
        said = refusal(lambda: whole(operation, x, weight))
    loss = torch.func.grad(lambda weight: operation(x, weight).square().sum())
    return {
        "compiled error": compiled_error(operation, x, weight),
        "gradients traced": said,
        "functional": refusal(lambda: loss(weight.detach())),
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.stdout.write(
        json.dumps({name: traced(operation) for name, operation in OPERATIONS.items()})
    )
