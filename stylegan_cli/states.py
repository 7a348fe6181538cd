"""Training states on disk: atomic, versioned; reading never runs code."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stylegan_cli.checkpoint import SCHEMA, check_schema
from stylegan_cli.errors import NetworkFileError
from stylegan_cli.files import reach_disk, writing, written_whole


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write a training state; the one before stays until this one is whole.

    Args:
        state: Tensors, numbers, strings, and lists and dicts of them.

    Raises:
        OutputError: The place cannot be written.
    """
    import torch

    with written_whole(path) as temporary, writing(path, RuntimeError):
        torch.save({"schema": SCHEMA, **state}, temporary)
        reach_disk(temporary)


def load_state(path: Path) -> dict[str, Any]:
    """Read a training state.

    Raises:
        NetworkFileError: Damaged, or not a training state of this version.
    """
    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise NetworkFileError(f"{path}: cannot be read ({error.strerror or error})") from None
    except Exception as error:  # torch has no common class for damaged files
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise NetworkFileError(
            f"{path}: damaged training state ({reason}); remove it and start again with --overwrite"
        ) from None
    if not isinstance(state, dict) or "schema" not in state:
        raise NetworkFileError(f"{path}: not a training state; found {type(state).__name__}")
    check_schema(path, state["schema"])
    return state
