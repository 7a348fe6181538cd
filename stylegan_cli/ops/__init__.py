"""Operations in several forms, called backends; a network is built with one of them.

`reference` defines the operations, `fast` computes them quickly in plain PyTorch, and the
experimental `triton` is `fast` with kernels of our own on a GPU.
"""

import os
from importlib.util import find_spec
from types import ModuleType
from typing import Literal, get_args

from stylegan_cli.errors import UsageError

BackendName = Literal["auto", "ref", "eager", "triton"]
BACKENDS: tuple[BackendName, ...] = get_args(BackendName)


def pick_backend(name: BackendName = "auto") -> ModuleType:
    """Return the module with the operations; "auto" is $SGTOOL_BACKEND, or else "eager".

    "triton" is experimental, so "auto" never chooses it by itself.

    Raises:
        UsageError: No backend has that name, or it cannot run on this machine.
    """
    if name == "auto":
        chosen = os.environ.get("SGTOOL_BACKEND", "eager")
        asked = f"$SGTOOL_BACKEND={chosen}"
    else:
        chosen, asked = str(name), f"`backend={name}`"
    if chosen == "ref":
        from stylegan_cli.ops import reference

        return reference
    if chosen in ("auto", "eager"):
        from stylegan_cli.ops import fast

        return fast
    if chosen != "triton":
        raise UsageError(f"{asked}: no such backend; use one of {', '.join(BACKENDS)}")
    import torch

    if find_spec("triton") is None:
        raise UsageError(f"{asked}: the package triton is not installed; install it, or use eager")
    if not torch.cuda.is_available() and os.environ.get("TRITON_INTERPRET") != "1":
        raise UsageError(f"{asked}: needs a CUDA device, and there is none here; use eager")
    from stylegan_cli.ops import triton

    return triton
