"""What operations with derivatives of their own cannot be part of."""

import torch


def refuse_traced_autograd() -> None:
    """Fail where `torch.compile` is tracing `autograd.grad` calls.

    With `torch._dynamo.config.trace_autograd_ops` it takes the derivatives that we give for
    constants, and second derivatives come out wrong without a word.

    Raises:
        RuntimeError: That is so here and now.
    """
    if torch.compiler.is_compiling() and getattr(torch._dynamo.config, "trace_autograd_ops", False):
        raise RuntimeError(
            "torch.compile with trace_autograd_ops gives wrong second derivatives of sgtool's "
            "operations; compile without it, or a network built with the backend ref"
        )
