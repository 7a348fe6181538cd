"""What checkpoints of PyTorch programs share: tensors by name, arguments, facts of ours."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

from stylegan_cli.errors import ForeignFileError
from stylegan_cli.interop.foreign import Stored
from stylegan_cli.interop.licences import UNSTATED
from stylegan_cli.interop.limits import MOST_TENSORS, shown
from stylegan_cli.interop.torch_files import Bag

StateDict = Mapping[str, Stored]
"""Tensors by name."""
SGTOOL = "sgtool"
_LONGEST = 1000
"""Where checkpoints that sgtool wrote say where they came from."""


def state_dict(value: object, name: str, source: str) -> StateDict:
    """The value as tensors by name.

    Args:
        name: What it is called in the file, for messages.

    Raises:
        ForeignFileError: It is anything else.
    """
    if not isinstance(value, dict):
        raise ForeignFileError(f"{source}: {name or 'it'} is no state dict")
    if len(value) > MOST_TENSORS:
        raise ForeignFileError(
            f"{source}: {name or 'it'} holds {len(value):,} tensors, more than {MOST_TENSORS:,}"
        )
    for key, tensor in value.items():
        if not isinstance(key, str) or not isinstance(tensor, Stored):
            raise ForeignFileError(
                f"{source}: {shown(f'{name} {key}'.strip())} is no tensor, as all in a state dict"
            )
    return value


def origin(root: Mapping[str, object]) -> dict[str, Any]:
    """Licence, kimg and provenance for `Foreign`: as sgtool noted them, or what others tell."""
    facts = _plain(root.get(SGTOOL))
    noted = facts if isinstance(facts, dict) else {}
    licence, kimg, provenance = (noted.get(key) for key in ("licence", "kimg", "provenance"))
    bag = root.get("args")
    arguments = {"args": _plain(bag.values)} if isinstance(bag, Bag) else {}
    return {
        "licence": licence if isinstance(licence, str) else UNSTATED,
        "kimg": float(kimg) if isinstance(kimg, int | float) and isfinite(kimg) else 0.0,
        "provenance": {**(provenance if isinstance(provenance, dict) else {}), **arguments},
    }


def _plain(value: object) -> Any:
    """The value as JSON can hold it; None for what it cannot."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items() if isinstance(name, str)}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, str):
        return value[:_LONGEST]
    return (
        value if isinstance(value, int) or (isinstance(value, float) and isfinite(value)) else None
    )
