import pytest
import torch

from stylegan_cli.training.data import Batch
from stylegan_cli.training.engines import captured, eager
from stylegan_cli.training.iteration import nets_of, train_batch
from stylegan_cli.training.schedule import stage_at
from stylegan_cli.training.state import initial_state
from tests.tiny import tiny
from tests.training.test_iteration import reals_of


def trained(engine, device):
    recipe = tiny("train.batch_per_device=4")
    state = initial_state(recipe, c_dim=0, device=device, dtype=torch.float32)
    nets = nets_of(state, recipe)
    stage = stage_at(recipe, 0)
    reals = reals_of(stage)
    batch = Batch(pixels=reals.pixels.to(device), labels=reals.labels.to(device))
    for _ in range(6):
        train_batch(state, nets, recipe, stage, batch, engine)
    return state


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_captured_phases_train_as_the_phases_do():
    device = torch.device("cuda")
    engine = captured()
    found, expected = trained(engine, device), trained(eager, device)
    assert {kind.name for kind in engine.programs} == {"g", "g_reg", "d", "d_reg"}
    for name in ("G", "D", "G_ema"):
        networks = (getattr(state, name).state_dict() for state in (found, expected))
        torch.testing.assert_close(*networks, rtol=1e-2, atol=1e-3)
