import pytest
import torch

from stylegan_cli.errors import UsageError
from stylegan_cli.runtime import World
from stylegan_cli.training.acceleration import Conduct, check_conduct, open_engine
from stylegan_cli.training.compiled import Compiled
from stylegan_cli.training.engines import eager
from stylegan_cli.training.loop import train
from tests.tiny import tiny

CPU = torch.device("cpu")


def refused(engine, *overrides, device="cpu", world=None):
    conduct = Conduct(engine=engine)
    with pytest.raises(UsageError) as error:
        check_conduct(conduct, tiny(*overrides), torch.device(device), world or World())
    return str(error.value)


def test_phases_run_step_by_step_or_compiled():
    assert open_engine("eager", torch.float32) is eager
    assert isinstance(open_engine("compiled", torch.bfloat16), Compiled)


@pytest.mark.parametrize(("name", "flag"), [("compiled", "--compile"), ("captured", "--cuda-gr")])
def test_augmentation_has_no_fixed_program(name, flag):
    words = refused(name, "augment.mode=ada", device="cuda")
    assert words.startswith(flag) and "--set augment.mode=none" in words


def test_cuda_graphs_need_cuda():
    assert refused("captured").startswith("--cuda-graphs: the run is on cpu")


def test_cuda_graphs_are_for_one_process():
    assert "several processes" in refused("captured", device="cuda", world=World(size=2))


def test_what_is_refused_leaves_nothing_behind(dataset, tmp_path):
    conduct = Conduct(engine="captured")
    with pytest.raises(UsageError):
        next(train(tiny(), dataset, tmp_path / "run", device=CPU, conduct=conduct))
    assert list(tmp_path.iterdir()) == []
