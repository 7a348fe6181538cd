import pytest
import torch

from stylegan_cli.runtime import World
from stylegan_cli.sizes import square
from stylegan_cli.training.schedule import stage_at
from stylegan_cli.training.state import Stats, initial_state
from tests.tiny import tiny, tiny_growing

CPU = torch.device("cpu")
GROWN = 40
"""Images after which the tiny growing run is at full resolution."""


def state_of(recipe):
    return initial_state(recipe, c_dim=0, device=CPU, dtype=torch.float32)


def move(state, gradient):
    """One optimizer step of each network, by gradients of one value."""
    for network, optimizer in ((state.G, state.opt_g), (state.D, state.opt_d)):
        for parameter in network.parameters():
            parameter.grad = torch.full_like(parameter, gradient)
        optimizer.step()


def weights(state):
    return [p.detach().clone() for n in (state.G, state.D) for p in n.parameters()]


def test_a_run_starts_small():
    state = state_of(tiny_growing())
    assert {state.G.grown_size, state.G_ema.grown_size} == {square(8)}
    assert state.D.lod == 1.0


def test_all_networks_grow_together():
    recipe = tiny_growing()
    state = state_of(recipe)
    state.enter(stage_at(recipe, 28), recipe)
    assert (state.G.lod, state.D.lod, state.G_ema.lod) == (0.25, 0.25, 0.25)


@pytest.mark.parametrize(("cur_nimg", "same"), [(16, True), (24, False), (GROWN, False)])
def test_optimizers_start_anew_with_other_levels(cur_nimg, same):
    recipe = tiny_growing()
    state = state_of(recipe)
    before = state.opt_g, state.opt_d
    state.enter(stage_at(recipe, cur_nimg), recipe)
    assert ((state.opt_g, state.opt_d) == before) is same


def test_after_a_switch_optimizers_move_weights_as_new_ones_do():
    recipe = tiny_growing()
    old, new = state_of(recipe), state_of(recipe)
    move(old, 1.0)
    new.G.load_state_dict(old.G.state_dict())
    new.D.load_state_dict(old.D.state_dict())
    for state in (old, new):
        state.enter(stage_at(recipe, GROWN), recipe)
        move(state, 2.0)
    assert all(torch.equal(a, b) for a, b in zip(weights(old), weights(new), strict=True))


@pytest.mark.parametrize(("lazy", "lr"), [("true", 0.003 * 2 / 3), ("false", 0.003)])
def test_the_learning_rate_is_that_of_the_stage(lazy, lr):
    recipe = tiny_growing(f"loss.lazy={lazy}", "loss.pl_weight=2.0")
    state = state_of(recipe)
    state.enter(stage_at(recipe, GROWN), recipe)
    assert state.opt_g.param_groups[0]["lr"] == pytest.approx(lr)


def test_each_optimizer_is_that_of_its_network():
    state = state_of(
        tiny("train.lr_g=0.001", "train.lr_d=0.004", "train.beta1=0.5", "train.beta2=0.9")
    )
    # path lengths in every 2nd step, R1 in every 4th
    for optimizer, lr, c in ((state.opt_g, 0.001, 2 / 3), (state.opt_d, 0.004, 4 / 5)):
        group = optimizer.param_groups[0]
        assert group["lr"] == pytest.approx(lr * c)
        assert group["betas"] == pytest.approx((0.5**c, 0.9**c))


def test_a_state_knows_how_far_it_has_grown():
    recipe = tiny_growing()
    grown, loaded = state_of(recipe), state_of(recipe)
    grown.enter(stage_at(recipe, 24), recipe)
    loaded.load_state_dict(grown.state_dict())
    assert (loaded.lod, loaded.D.lod, loaded.G_ema.lod) == (0.5, 0.5, 0.5)


def test_a_state_from_before_networks_grew_still_opens():
    state = state_of(tiny())
    old = {name: value for name, value in state.state_dict().items() if name != "lod"}
    state.load_state_dict(old)
    assert state.lod == 0


def test_means_are_over_all_values_since_the_reset():
    stats = Stats(device=torch.device("cpu"))
    stats.add("loss", torch.tensor([5.0]))
    stats.reset()
    stats.add("loss", torch.tensor([1.0, 2.0]))
    stats.add("loss", torch.tensor(6.0))
    assert stats.means(World()) == {"loss": pytest.approx(3)}
