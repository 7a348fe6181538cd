"""What "auto" in a recipe comes to on this machine."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stylegan_cli.recipe import Choice, Settled


def settle(
    source: str, overrides: Sequence[str], *, device_name: str, run: Path | None
) -> tuple["Settled", Mapping[str, "Choice"]]:
    """The recipe for this machine, and what its keys that are "auto" came to.

    Args:
        run: A folder; where it holds a run already, the keys stay what they came to in it.

    Raises:
        RecipeError: The recipe, or that of the run, cannot be used.
        UsageError: There is no such device.
    """
    from stylegan_cli.recipe import Machine, choices, load, values

    if not choices(source, overrides):
        return load(source, overrides), {}
    from stylegan_cli import api
    from stylegan_cli.runtime import process_count

    begun = run / "recipe.toml" if run else None
    machine = Machine(
        processes=process_count(),
        has_gpu=api.pick_device(device_name).type == "cuda",
        settled=values(load(begun)) if begun and begun.exists() else {},
    )
    chosen = choices(source, overrides, machine=machine)
    return load(source, overrides, machine=machine), chosen


def lines_of(chosen: Mapping[str, "Choice"]) -> list[str]:
    """A line for each key, as `train.batch_size is auto: 32 (why)`."""
    return [f"{key} is auto: {choice.value} ({choice.why})" for key, choice in chosen.items()]
