import pytest
import torch

from stylegan_cli.errors import UsageError
from stylegan_cli.runtime import World
from stylegan_cli.training.acceleration import Acceleration, check_acceleration, open_engine
from stylegan_cli.training.engines import Fixed, eager
from stylegan_cli.training.loop import train
from tests.tiny import tiny, tiny_run

CPU = torch.device("cpu")


def refused(engine, *overrides, device="cpu", world=None):
    acceleration = Acceleration(engine=engine)
    with pytest.raises(UsageError) as error:
        check_acceleration(acceleration, tiny(*overrides), torch.device(device), world or World())
    return str(error.value)


def test_phases_run_step_by_step_or_compiled():
    assert open_engine("eager", torch.float32) is eager
    assert isinstance(open_engine("compiled", torch.bfloat16), Fixed)


@pytest.mark.parametrize(
    ("name", "parameter"), [("compiled", "`compile`"), ("captured", "`cuda_graphs`")]
)
def test_augmentation_has_no_fixed_program(name, parameter):
    words = refused(name, "augment.mode=ada", device="cuda")
    assert words.startswith(parameter) and "`augment.mode=none`" in words


def test_cuda_graphs_need_cuda():
    assert refused("captured").startswith("`cuda_graphs`: needs a CUDA GPU")


def test_cuda_graphs_are_for_one_process():
    assert "one process only" in refused("captured", device="cuda", world=World(size=2))


def test_what_is_refused_leaves_nothing_behind(dataset, tmp_path):
    acceleration = Acceleration(engine="captured")
    with pytest.raises(UsageError):
        next(train(tiny_run(tiny(), dataset, tmp_path / "run", acceleration=acceleration)))
    assert list(tmp_path.iterdir()) == []
