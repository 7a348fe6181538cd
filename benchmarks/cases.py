"""What is measured: sizes of networks and batches."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.contender import STEPS
from stylegan_cli.recipe import Recipe
from stylegan_cli.recipe.files import load


@dataclass(frozen=True, kw_only=True)
class Case:
    """One size at which all contenders meet.

    Attributes:
        rounds: How often everything is timed, unless the command line says otherwise.
        warmup: Steps done once before, not counted.
    """

    name: str
    recipe: Recipe
    rounds: int
    warmup: Sequence[str]

    @property
    def resolution(self) -> int:
        return self.recipe.data.resolution

    @property
    def batch_size(self) -> int:
        return self.recipe.train.batch_size

    @property
    def pl_batch_size(self) -> int:
        """Images that path-length regularization sees."""
        return max(1, self.batch_size // self.recipe.loss.pl_batch_shrink)

    @property
    def top_channels(self) -> int:
        """Feature maps at full resolution."""
        return min(self.recipe.generator.channel_base // self.resolution, self.channel_max)

    @property
    def channel_max(self) -> int:
        return self.recipe.generator.channel_max


def cases(resolution: int) -> list[Case]:
    """The cases of a resolution: 64 has two, 256 one.

    At 256 px a training step takes seconds, beside which its first run is hardly slower than
    the next, and a median of three drops one slow sample: only generation is warmed up.
    """
    if resolution == 64:
        return [
            _case(
                "64 px", "stylegan2", 64, rounds=5, warmup=STEPS, base=4096, maximum=128, batch=8
            ),
            Case(name="stylegan2-small", recipe=load("stylegan2-small"), rounds=5, warmup=STEPS),
        ]
    return [
        _case(
            "256 px",
            "stylegan2",
            256,
            rounds=3,
            warmup=STEPS[:1],
            base=16_384,
            maximum=512,
            batch=4,
        )
    ]


def thin(resolution: int) -> Case:
    """Thin networks at 64 or 256 px: what augmentation adds weighs more than beside wide ones."""
    sizes = {64: (4096, 128, 8), 256: (8192, 512, 4)}
    base, maximum, batch = sizes[resolution]
    return _case(
        f"{resolution} px, thin",
        "stylegan2",
        resolution,
        rounds=7,
        warmup=STEPS,
        base=base,
        maximum=maximum,
        batch=batch,
    )


def _case(
    name: str,
    recipe: str,
    resolution: int,
    *,
    rounds: int,
    warmup: Sequence[str],
    base: int,
    maximum: int,
    batch: int,
) -> Case:
    overrides = [
        f"data.resolution={resolution}",
        f"generator.channel_base={base}",
        f"generator.channel_max={maximum}",
        f"train.batch_size={batch}",
    ]
    return Case(name=name, recipe=load(recipe, overrides), rounds=rounds, warmup=warmup)
