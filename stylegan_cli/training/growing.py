"""The schedule of progressive growing: what a run is at after how many images, [PG] section 2."""

import math
from dataclasses import dataclass

from stylegan_cli.recipe import GrowingSection, Recipe


@dataclass(frozen=True, kw_only=True)
class Stage:
    """How large the networks are, and how they are trained there.

    Attributes:
        lod: Levels still missing; fractional while one fades in.
        resolution: Current side of the images.
        from_kimg: When this resolution begins to fade in; 0 for the first.
    """

    lod: float
    resolution: int
    from_kimg: float
    batch_size: int
    lr_g: float
    lr_d: float

    @property
    def levels(self) -> int:
        """Whole levels missing."""
        return math.floor(self.lod)

    @property
    def key(self) -> tuple[int, int]:
        """Which levels take part; optimizers start anew where it changes."""
        return level_key(self.lod)


def level_key(lod: float) -> tuple[int, int]:
    """Levels missing from the newest of the levels that take part, and from the one below."""
    return math.floor(lod), math.ceil(lod)


def is_growing(recipe: Recipe) -> bool:
    """Whether the networks of a run grow."""
    return recipe.generator.architecture == "progressive"


def stage_at(recipe: Recipe, cur_nimg: int) -> Stage:
    """Where a run is after so many images."""
    return _stage(recipe, _schedule(recipe).lod(cur_nimg))


def stages(recipe: Recipe) -> tuple[Stage, ...]:
    """The resolutions a run comes to, in order, each when it has faded in."""
    levels = range(_schedule(recipe).levels, -1, -1)
    first, *later = (_stage(recipe, float(level)) for level in levels)
    return (first, *(stage for stage in later if stage.from_kimg < recipe.train.total_kimg))


@dataclass(frozen=True, kw_only=True)
class _Schedule:
    """Levels missing at the start, and images that each is trained and the next fades in.

    Whole images: in fractions of thousands a phase would not begin where the last one ends.
    """

    levels: int
    training: int
    transition: int

    @property
    def length(self) -> int:
        return self.training + self.transition

    def lod(self, cur_nimg: int) -> float:
        """Levels missing after so many images."""
        if not self.levels:
            return 0.0
        phase, passed = divmod(cur_nimg, self.length)
        fading = max(passed - self.training, 0)
        faded = fading / self.transition if fading else 0.0
        return max(self.levels - phase - faded, 0.0)

    def fades_in_from(self, level: int) -> int:
        """Images shown before a level begins to fade in; 0 for the first."""
        return max((self.levels - level) * self.length - self.transition, 0)


def _schedule(recipe: Recipe) -> _Schedule:
    growing = recipe.growing
    training, transition = (
        round(kimg * 1000) for kimg in (growing.training_kimg, growing.transition_kimg)
    )
    levels = recipe.data.resolution.bit_length() - growing.initial_resolution.bit_length()
    grows = is_growing(recipe) and training + transition > 0
    return _Schedule(levels=levels if grows else 0, training=training, transition=transition)


def _stage(recipe: Recipe, lod: float) -> Stage:
    level, train = math.floor(lod), recipe.train
    resolution = recipe.data.resolution >> level
    tables = recipe.growing if is_growing(recipe) else GrowingSection()
    lr = tables.lr.get(str(resolution))
    return Stage(
        lod=lod,
        resolution=resolution,
        from_kimg=_schedule(recipe).fades_in_from(level) / 1000,
        batch_size=tables.batch_size.get(str(resolution), train.batch_size),
        lr_g=lr or train.lr_g,
        lr_d=lr or train.lr_d,
    )
