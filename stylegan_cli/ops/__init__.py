"""Operations in two forms, `reference` and `fast`; a network takes one of them when it is built."""

import os
from types import ModuleType
from typing import Literal, cast

from stylegan_cli.errors import UsageError
from stylegan_cli.ops import fast, reference

BackendName = Literal["auto", "ref", "eager"]
BACKENDS = {"auto": fast, "eager": fast, "ref": reference}


def pick_backend(name: BackendName = "auto") -> ModuleType:
    """The module with the operations; "auto" obeys $SGTOOL_BACKEND, else is the fast form.

    Raises:
        UsageError: $SGTOOL_BACKEND names no backend.
    """
    chosen = cast(BackendName, os.environ.get("SGTOOL_BACKEND", "auto") if name == "auto" else name)
    if chosen not in BACKENDS:
        raise UsageError(f"SGTOOL_BACKEND={chosen}: no such backend; use {', '.join(BACKENDS)}")
    return BACKENDS[chosen]
