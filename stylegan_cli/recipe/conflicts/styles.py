"""Rules of traditional generators, which have no styles."""

from collections.abc import Iterator

from stylegan_cli.recipe.conflicts.conflict import Conflict
from stylegan_cli.recipe.sections import Recipe


def style_conflicts(recipe: Recipe) -> Iterator[Conflict]:
    """What a generator without styles cannot have."""
    if recipe.generator.styles:
        return
    if recipe.generator.input != "latent":
        yield _without_styles("generator.input", "starts from the latent code", '"latent"')
    if recipe.generator.noise:
        yield _without_styles("generator.noise", "has no noise inputs in the papers", "false")
    if recipe.loss.style_mixing_prob > 0:
        yield _without_styles("loss.style_mixing_prob", "has nothing to mix", "0")
    if recipe.loss.pl_weight > 0:
        yield _without_styles("loss.pl_weight", "has no paths from styles to images", "0")


def _without_styles(key: str, fact: str, remedy: str) -> Conflict:
    return Conflict(
        keys=(key, "generator.styles", "generator.family"),
        words=f"a generator without styles {fact}; write {remedy}",
    )
