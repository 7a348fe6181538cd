"""Rules of the families: which networks there are in the papers."""

from collections.abc import Iterator, Mapping

from stylegan_cli.recipe.conflicts.conflict import Conflict
from stylegan_cli.recipe.sections import Recipe
from stylegan_cli.recipe.toml import inline

_FIXED: Mapping[str, Mapping[str, object]] = {
    "progan": {"architecture": "progressive", "input": "latent", "styles": False, "noise": False},
    "stylegan1": {"architecture": "progressive"},
    "stylegan2": {"input": "const", "styles": True, "noise": True},
}
"""Keys of G that have one value only in a family."""


def network_conflicts(recipe: Recipe) -> Iterator[Conflict]:
    """What the family does not have, and G and D that do not grow together."""
    family = recipe.generator.family
    for key, only in _FIXED[family].items():
        found = getattr(recipe.generator, key)
        if found != only:
            yield Conflict(
                keys=(f"generator.{key}", "generator.family"),
                words=f"{inline(found)} is not possible in {family}; write {inline(only)} "
                "or choose another generator.family",
            )
    yield from _one_grows(recipe)


def _one_grows(recipe: Recipe) -> Iterator[Conflict]:
    G, D = recipe.generator.architecture, recipe.discriminator.architecture
    if (G == "progressive") == (D == "progressive"):
        return
    remedy = "progressive" if G == "progressive" else "resnet"
    yield Conflict(
        keys=("discriminator.architecture", "generator.architecture", "generator.family"),
        words=f"{inline(D)} does not go with {inline(G)} of the generator, both grow or neither; "
        f"write for example {inline(remedy)}",
    )
