"""Rules of layers that keep their weights."""

from collections.abc import Iterator

from stylegan_cli.recipe.conflicts.conflict import Conflict
from stylegan_cli.recipe.sections import Recipe


def freezing_conflicts(recipe: Recipe) -> Iterator[Conflict]:
    """More layers of D than can keep their weights; its last block always learns."""
    blocks = recipe.data.resolution.bit_length() - 3
    architecture = recipe.discriminator.architecture
    reading = blocks if architecture in ("skip", "progressive") else 1
    layers = blocks * (3 if architecture == "resnet" else 2) + reading
    if recipe.init.freeze_d > layers:
        yield Conflict(
            keys=("init.freeze_d", "data.resolution", "discriminator.architecture"),
            words=f"{recipe.init.freeze_d}, but D has {layers} layers before its last block; "
            "write at most those",
        )
