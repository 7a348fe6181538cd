"""Phases traced as whole programs; what machine code makes of those is left to slow tests."""

import pytest
import torch

from stylegan_cli.errors import TrainingError
from stylegan_cli.runtime import World
from stylegan_cli.training.engines import compiled, eager, relative_difference
from stylegan_cli.training.iteration import nets_of, train_batch
from stylegan_cli.training.schedule import stage_at
from stylegan_cli.training.state import initial_state
from tests.tiny import STYLEGAN3, tiny, tiny_growing
from tests.training.test_iteration import reals_of

CPU = torch.device("cpu")


def small(*overrides):
    """Networks that are traced in a second."""
    return tiny("data.resolution=8", "train.batch_size=4", *overrides)


RECIPES = {
    "stylegan2": small("loss.pl_weight=0.0"),
    "penalties in the main phases, in rounds": small(
        "loss.lazy=false", "train.batch_per_device=2", "discriminator.mbstd_group_size=2"
    ),
    "stylegan3": small(*STYLEGAN3, "bands.layers=4"),
    "growing, wasserstein": tiny_growing("loss.r1_gamma=0.0", family="progan"),
}


def trained(recipe, engine, iterations=2, dtype=torch.float32):
    state = initial_state(recipe, c_dim=0, device=CPU, dtype=dtype)
    nets, stage = nets_of(state, recipe), stage_at(recipe, 0)
    for _ in range(iterations):
        train_batch(state, nets, recipe, stage, reals_of(stage), engine)
    return state


def traced_only(**options):
    return compiled(torch.float32, make=lambda traced: traced, **options)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_traced_phase_trains_as_the_phase_does(recipe):
    engine = traced_only()
    found, expected = trained(recipe, engine), trained(recipe, eager)
    assert engine.news == [] and None not in engine.programs.values()
    for name in ("G", "D", "G_ema"):
        networks = (getattr(state, name).state_dict() for state in (found, expected))
        torch.testing.assert_close(*networks, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(found.stats.sums, expected.stats.sums, rtol=1e-3, atol=1e-3)


def test_one_program_serves_every_crossover_and_regularizers_have_none():
    engine = traced_only()
    trained(small("loss.pl_interval=1", "loss.r1_interval=1"), engine, iterations=4)
    assert sorted(kind.name for kind in engine.programs) == ["d", "g"]


def test_phases_of_a_level_that_fades_in_are_not_compiled():
    recipe, engine = tiny_growing(), traced_only()
    state = initial_state(recipe, c_dim=0, device=CPU, dtype=torch.float32)
    state.cur_nimg = 28
    stage = stage_at(recipe, 28)
    train_batch(state, nets_of(state, recipe), recipe, stage, reals_of(stage), engine)
    assert stage.lod == 0.25 and engine.programs == {}


def test_a_program_with_wrong_gradients_is_not_used():
    def wrong(traced):
        def run(weights, inputs):
            return [None if t is None else 1.1 * t for t in traced(weights, inputs)]

        return run

    engine = compiled(torch.float32, make=wrong)
    found, expected = trained(small(), engine, 1), trained(small(), eager, 1)
    assert set(engine.programs.values()) == {None}
    assert engine.take_news()[0] == ("phase g runs step by step: compiled, gradients differ by 10%")
    assert engine.take_news() == []
    for a, b in zip(found.G.parameters(), expected.G.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_compiler_that_fails_is_told_in_words():
    def fails(traced):
        raise RuntimeError("no C++ compiler\nand a long account of it")

    engine = compiled(torch.float32, make=fails)
    trained(small(), engine, 1)
    assert engine.take_news()[0] == (
        "phase g cannot be compiled and runs step by step: no C++ compiler"
    )


def test_memory_that_does_not_suffice_is_no_fault_of_the_compiler():
    def fails(traced):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    engine = compiled(torch.float32, make=fails)
    with pytest.raises(TrainingError, match="out of memory with 1 images"):
        trained(small("train.batch_size=1"), engine, 1)
    assert engine.news == []


def test_gradients_that_are_missing_or_no_numbers_are_infinitely_wrong():
    one = torch.ones(3)
    assert relative_difference([one, one], [one, one]) == 0
    assert relative_difference([one, None], [one, one]) == float("inf")
    assert relative_difference([one * float("nan")], [one]) == float("inf")


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning"
)  # PyTorch's compiler uses what it deprecates
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_compiled_phases_train_as_the_phases_do(dtype):
    recipe, engine = small(), compiled(dtype)
    found, expected = trained(recipe, engine, 2, dtype), trained(recipe, eager, 2, dtype)
    assert engine.news == [] and None not in engine.programs.values()
    sums = (state.stats.means(World()) for state in (found, expected))
    torch.testing.assert_close(*sums, rtol=0.1 if dtype == torch.bfloat16 else 1e-3, atol=1e-2)
