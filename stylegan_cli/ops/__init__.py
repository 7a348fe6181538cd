"""Operations in several forms; a network takes one of them when it is built.

`reference` is the definition, `fast` its quick form in plain PyTorch, and "triton" is `fast` with
kernels of our own on a GPU.
"""

import os
from importlib.util import find_spec
from types import ModuleType
from typing import Literal, get_args

from stylegan_cli.errors import UsageError

BackendName = Literal["auto", "ref", "eager", "triton"]
BACKENDS: tuple[BackendName, ...] = get_args(BackendName)


def pick_backend(name: BackendName = "auto") -> ModuleType:
    """The module with the operations; "auto" obeys $SGTOOL_BACKEND, else is "eager".

    "auto" stays away from "triton" until that has been measured on a GPU.

    Raises:
        UsageError: There is no backend of that name, or it cannot run on this machine.
    """
    chosen, said = str(name), f"backend {name}"
    if name == "auto":
        chosen = os.environ.get("SGTOOL_BACKEND", "auto")
        said = f"SGTOOL_BACKEND={chosen}"
    if chosen == "ref":
        from stylegan_cli.ops import reference

        return reference
    if chosen in ("auto", "eager"):
        from stylegan_cli.ops import fast

        return fast
    if chosen == "triton":
        return _triton_form(said)
    raise UsageError(f"{said}: no such backend; use one of {', '.join(BACKENDS)}")


def _triton_form(said: str) -> ModuleType:
    import torch

    if find_spec("triton") is None:
        raise UsageError(
            f"{said}: the package triton is not installed; pip install triton, or eager"
        )
    if not torch.cuda.is_available() and os.environ.get("TRITON_INTERPRET") != "1":
        raise UsageError(f"{said}: needs a CUDA device, and there is none here; use eager")
    from stylegan_cli.ops.triton import backend as fast_triton

    return fast_triton
