"""The shipped recipes: in small they train, in full they have the papers' networks."""

import math

import pytest

from stylegan_cli.recipe import Settled, load, shipped
from stylegan_cli.training.estimate import estimate
from stylegan_cli.training.loop import train
from stylegan_cli.training.schedule import is_growing
from tests.tiny import tiny_run, without_steps

SMALL = (
    "data.resolution=16",
    "generator.z_dim=8",
    "generator.w_dim=8",
    "generator.channel_base=128",
    "generator.channel_max=8",
    "discriminator.mbstd_group_size=2",
    "train.batch_size=4",
    "train.total_kimg=0.008",
    "train.precision=fp32",
    "report.tick_kimg=0.004",
)
TRADITIONAL, GROWN = 23_079_115, 23_087_249
PARAMETERS = {
    "progan": (TRADITIONAL, GROWN),
    "stylegan1-a": (TRADITIONAL, GROWN),
    "stylegan1-b": (TRADITIONAL, GROWN),
    "stylegan1-c": (30_400_651, GROWN),
    "stylegan1-d": (26_214_539, GROWN),
    "stylegan1-e": (26_219_627, GROWN),
    "stylegan1-f": (26_219_627, GROWN),
    "stylegan2-a": (26_219_627, GROWN),
    "stylegan2-b": (24_900_764, GROWN),
    "stylegan2-c": (24_900_764, GROWN),
    "stylegan2-d": (24_900_764, GROWN),
    "stylegan2-e": (24_900_764, 24_038_161),
    "stylegan2-f": (30_370_060, 29_012_513),
}
"""Of G and D at 1024 px, as the papers and the original networks have them."""


def small(name: str) -> Settled:
    """Two steps of a recipe at 16 px; four of a growing one, which fades in after the second."""
    recipe = load(name)
    if recipe.generator.family == "stylegan3":
        return load(name, [*SMALL, "bands.layers=6"])
    if recipe.init.network is not None:
        return load(name, [*SMALL, "init.allow_partial=true"])
    if not is_growing(recipe):
        return load(name, SMALL)
    growth = (
        "growing.initial_resolution=8",
        "growing.training_kimg=0.004",
        "growing.transition_kimg=0.008",
        "growing.batch_size={}",
        "growing.lr={}",
    )
    return load(name, [*SMALL, *growth, "train.total_kimg=0.016"])


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_recipe_trains(name, dataset, tmp_path):
    recipe = small(name)
    first, *ticks = without_steps(train(tiny_run(recipe, dataset, tmp_path / "run")))
    steps = 4 if is_growing(recipe) else 2
    assert [tick.kimg for tick in (first, *ticks)] == [0.004 * step for step in range(steps + 1)]
    assert all(math.isfinite(value) for tick in ticks for value in tick.stats.values())
    if is_growing(recipe):
        assert [tick.stats["lod"] for tick in ticks] == [1.0, 1.0, 0.5, 0.0]


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_networks_have_the_originals_parameters(name):
    # a run that ends at its first resolution: memory is of no interest here
    recipe = load(name, ["data.resolution=1024", "train.total_kimg=1"])
    found = estimate(recipe).parameters
    assert (found["generator"], found["discriminator"]) == PARAMETERS[name]
