import pytest
import torch

from stylegan_cli.errors import UsageError
from stylegan_cli.runtime import World
from stylegan_cli.training.compiled import Compiled
from stylegan_cli.training.conduct import open_engine
from stylegan_cli.training.engines import eager
from tests.tiny import tiny

CPU = torch.device("cpu")


def opened(name, *overrides, device="cpu", world=None):
    place = torch.device(device), torch.float32, world or World()
    return open_engine(name, tiny(*overrides), *place)


def test_phases_run_step_by_step_or_compiled():
    assert opened("eager") is eager
    assert isinstance(opened("compiled"), Compiled)


@pytest.mark.parametrize(("name", "flag"), [("compiled", "--compile"), ("captured", "--cuda-gr")])
def test_augmentation_has_no_fixed_program(name, flag):
    with pytest.raises(UsageError, match=rf"{flag}.*augment\.mode=none"):
        opened(name, "augment.mode=ada", device="cuda")


def test_cuda_graphs_need_cuda():
    with pytest.raises(UsageError, match="--cuda-graphs: the run is on cpu"):
        opened("captured")


def test_cuda_graphs_are_for_one_process():
    with pytest.raises(UsageError, match="several processes"):
        opened("captured", device="cuda", world=World(size=2))
