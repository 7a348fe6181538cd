"""Values chosen for keys that a recipe leaves "auto"."""

from collections.abc import Mapping

from stylegan_cli import api


def machine(device_name: str) -> "api.Machine":
    """Return this machine, as a recipe is settled for it.

    Raises:
        UsageError: There is no such device.
    """

    has_gpu = api.pick_device(device_name).type == "cuda"
    return api.Machine(processes=api.process_count(), has_gpu=has_gpu)


def lines_of(chosen: Mapping[str, "api.Choice"]) -> list[str]:
    """Return a line for each key, such as `train.batch_size is auto: 32 (why)`."""
    return [f"{key} is auto: {choice.value} ({choice.why})" for key, choice in chosen.items()]
