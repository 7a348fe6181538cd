"""Values chosen for keys that a recipe leaves "auto"."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stylegan_cli.recipe import Choice, Machine


def machine(device_name: str) -> "Machine":
    """Return this machine, as a recipe is settled for it.

    Raises:
        UsageError: There is no such device.
    """
    from stylegan_cli import api
    from stylegan_cli.recipe import Machine
    from stylegan_cli.runtime import process_count

    has_gpu = api.pick_device(device_name).type == "cuda"
    return Machine(processes=process_count(), has_gpu=has_gpu)


def lines_of(chosen: Mapping[str, "Choice"]) -> list[str]:
    """Return a line for each key, such as `train.batch_size is auto: 32 (why)`."""
    return [f"{key} is auto: {choice.value} ({choice.why})" for key, choice in chosen.items()]
