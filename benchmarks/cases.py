"""What is measured: sizes of networks and batches."""

from collections.abc import Mapping

from stylegan_cli.benchmark.cases import Case, cases
from stylegan_cli.recipe.files import load

STYLEGAN2: Mapping[str, tuple[str, ...]] = {
    "64": ("data.resolution=64", "channel_base=4096", "channel_max=128", "train.batch_size=8"),
    "256": ("data.resolution=256", "channel_base=8192", "channel_max=512", "train.batch_size=4"),
    "256-wide": (
        *("data.resolution=256", "channel_base=16384", "channel_max=512"),
        "train.batch_size=4",
    ),
}
GROWN: Mapping[str, str] = {"stylegan1": "stylegan1-f", "progan": "progan"}
NAMES = (*STYLEGAN2, "small", *GROWN)


def case_named(name: str) -> Case:
    """One of NAMES; networks that grow are taken at their full size, as large as "64"."""
    if name == "small":
        return cases(name, load("stylegan2-small"))[-1]
    recipe = GROWN.get(name, "stylegan2")
    size = STYLEGAN2["64" if name in GROWN else name]
    overrides = [word.replace("channel", "generator.channel") for word in size]
    return cases(name, load(recipe, overrides), batch_size=8 if name in GROWN else None)[-1]


def pl_batch_size(case: Case) -> int:
    """Images that path-length regularization sees."""
    return max(1, case.stage.batch_size // case.recipe.loss.pl_batch_shrink)


def top_channels(case: Case) -> int:
    """Feature maps at full resolution."""
    section = case.recipe.generator
    return min(section.channel_base // case.stage.resolution, section.channel_max)
