"""An iteration must not wait for the device: nothing computed there decides what comes next."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from stylegan_cli.training.iteration import nets_of, train_batch
from stylegan_cli.training.schedule import stage_at
from stylegan_cli.training.state import initial_state
from tests.tiny import tiny, tiny_growing
from tests.training.test_iteration import reals_of

CPU = torch.device("cpu")
aten = torch.ops.aten
WAITING = {
    # .item(), float(), bool() and if
    aten._local_scalar_dense,
    aten.equal,
    # results whose size depends on values, and indices that come from a list
    aten.index,
    aten.index_put_,
    aten.masked_select,
    aten.nonzero,
    aten.repeat_interleave,
    aten.unique_dim,
}


class NoWaiting(TorchDispatchMode):
    """Refuses operations for which a GPU's results must be there."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert func.overloadpacket not in WAITING, func
        return func(*args, **(kwargs or {}))


RECIPES = {
    "stylegan2": tiny(),
    "without lazy penalties": tiny("loss.lazy=false"),
    "in rounds": tiny("train.batch_per_device=4"),
    "growing": tiny_growing(),
    "wasserstein": tiny_growing("loss.r1_gamma=0.0", family="progan"),
}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_no_iteration_waits_for_the_device(recipe):
    state = initial_state(recipe, c_dim=0, device=CPU, dtype=torch.float32)
    nets, stage = nets_of(state, recipe), stage_at(recipe, 0)
    with NoWaiting():
        for _ in range(2):
            train_batch(state, nets, recipe, stage, reals_of(stage))


@pytest.mark.parametrize("wait", [torch.Tensor.item, bool, lambda x: torch.ones(3)[[int(x)]]])
def test_waiting_is_noticed(wait):
    with pytest.raises(AssertionError), NoWaiting():
        wait(torch.ones(()))
