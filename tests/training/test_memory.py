import json
from contextlib import contextmanager
from itertools import count

import pytest
import torch
from safetensors.torch import load_file
from torch.nn.modules.module import register_module_forward_pre_hook

from stylegan_cli.errors import Interrupted, TrainingError
from stylegan_cli.networks.generator import MappingNetwork
from stylegan_cli.networks.stylegan2 import Synthesis
from stylegan_cli.runtime import World
from stylegan_cli.training.events import Begun, News, Ticked
from stylegan_cli.training.iteration import nets_of, train_batch
from stylegan_cli.training.loop import train
from stylegan_cli.training.run_folder import RunFolder
from stylegan_cli.training.schedule import share_of, smaller_batch_per_device, stage_at
from stylegan_cli.training.state import initial_state
from tests.tiny import tiny, tiny_growing, tiny_run, without_steps
from tests.training.test_iteration import reals_of

CPU = torch.device("cpu")
OUT_OF_MEMORY = (
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate"),
    MemoryError(),
)


@contextmanager
def device_that_holds(images, *, of=Synthesis, error=OUT_OF_MEMORY[0]):
    """Every network of this class fails at more images at once, as on a small device."""

    def check(module, inputs):
        if isinstance(module, of) and module.training and len(inputs[0]) > images:
            raise error

    hook = register_module_forward_pre_hook(check)
    try:
        yield
    finally:
        hook.remove()


def steps(recipe, number=3, world=None):
    state = initial_state(recipe, c_dim=0, device=CPU, dtype=torch.float32)
    nets = nets_of(state, recipe, world=world)
    for _ in range(number):
        stage = stage_at(recipe, state.cur_nimg)
        train_batch(state, nets, recipe, stage, reals_of(stage))
    return state


def assert_same_bits(one, other):
    flat = [
        {**state.G_ema.state_dict(), **state.D.state_dict(), **state.tracked()}
        for state in (one, other)
    ]
    assert [
        name for name, tensor in flat[0].items() if not torch.equal(tensor, flat[1][name])
    ] == []


@pytest.mark.parametrize("error", OUT_OF_MEMORY)
def test_a_small_device_trains_the_same_bits_as_if_it_had_been_known(error):
    with device_that_holds(4, error=error):
        small = steps(tiny())
    assert small.batch_per_device == 4
    assert_same_bits(small, steps(tiny("train.batch_per_device=4")))


def test_memory_is_halved_until_it_suffices():
    with device_that_holds(2):
        small = steps(tiny(), number=1)
    assert small.batch_per_device == 2
    assert_same_bits(small, steps(tiny("train.batch_per_device=2"), number=1))


def test_an_update_in_the_middle_of_a_step_is_repeated():
    recipe = tiny("loss.pl_weight=0")
    whole, failures = steps(recipe, number=1), count()

    def fail_once(module, inputs):
        # D's own update comes second: eight fakes and eight reals
        if len(inputs[0]) == 16 and next(failures) == 0:
            raise OUT_OF_MEMORY[0]

    state = initial_state(recipe, c_dim=0, device=CPU, dtype=torch.float32)
    state.D.register_forward_pre_hook(fail_once)
    stage = stage_at(recipe, 0)
    train_batch(state, nets_of(state, recipe), recipe, stage, reals_of(stage))
    assert state.batch_per_device == 4
    for name, moments in state.stats.sums.items():
        torch.testing.assert_close(moments, whole.stats.sums[name], rtol=1e-4, atol=1e-4)


def test_other_errors_stay_what_they_are():
    with (
        device_that_holds(4, error=RuntimeError("a bug")),
        pytest.raises(RuntimeError, match="bug"),
    ):
        steps(tiny(), number=1)


def test_a_device_that_holds_no_image_is_told_in_words():
    with device_that_holds(0), pytest.raises(TrainingError, match=r"with 1 images.*channel_base"):
        steps(tiny(), number=1)


def test_one_of_several_processes_does_not_go_on_by_itself():
    recipe = tiny("train.batch_size=16")
    # before anything that waits for the other processes
    with device_that_holds(4, of=MappingNetwork), pytest.raises(torch.OutOfMemoryError):
        steps(recipe, number=1, world=World(size=2))


def test_what_is_left_divides_the_batch_and_its_groups():
    recipe = tiny("train.batch_size=24")
    share = share_of(recipe, stage_at(recipe, 0), World())
    assert smaller_batch_per_device(recipe, share, World()) == 12


def test_small_images_are_counted_in_images_of_the_full_size():
    recipe = tiny_growing("train.batch_size=32", "train.batch_per_device=4")
    share = share_of(recipe, stage_at(recipe, 0), World())
    assert smaller_batch_per_device(recipe, share, World()) == 2


def test_where_less_than_one_full_image_would_fit_the_width_is_named():
    recipe = tiny_growing("train.batch_size=4", "train.batch_per_device=1")
    share = share_of(recipe, stage_at(recipe, 0), World())
    with pytest.raises(TrainingError, match=r"smaller `generator\.channel_base="):
        smaller_batch_per_device(recipe, share, World())


def run(recipe, dataset, folder, **options):
    return without_steps(train(tiny_run(recipe, dataset, folder), **options))


def test_a_run_says_so_and_remembers(dataset, tmp_path):
    stops = count(1)
    with device_that_holds(4), pytest.raises(Interrupted):
        run(tiny(), dataset, tmp_path / "run", stop=lambda: next(stops) == 3)
    alarm = lines(tmp_path / "run")[0]["alarms"][0]
    assert alarm["name"] == "memory"
    assert "4 images at once, 2 times a step" in alarm["message"]
    run(tiny(), dataset, tmp_path / "run")
    assert [line["batch_per_device"] for line in lines(tmp_path / "run")] == [4, 4, 4, 4]
    names = [alarm["name"] for line in lines(tmp_path / "run") for alarm in line.get("alarms", [])]
    assert names.count("memory") == 1
    run(tiny("train.batch_per_device=4"), dataset, tmp_path / "known")
    assert_same_networks(tmp_path / "run", tmp_path / "known")


def lines(folder):
    return [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]


def assert_same_networks(one, other):
    found, expected = (load_file(sorted(f.glob("network-*"))[-1]) for f in (one, other))
    assert [name for name in expected if not torch.equal(found[name], expected[name])] == []


def test_the_news_come_at_once(dataset, tmp_path):
    with device_that_holds(4):
        ticks = run(tiny("train.total_kimg=0.016"), dataset, tmp_path / "run")
    assert [(type(tick), tick.kimg) for tick in ticks] == [
        (Begun, 0), (News, 0.008), (Ticked, 0.016),
    ]  # fmt: skip
    assert len(ticks[1].alarms) == 1


def test_what_another_process_found_is_taken(dataset, tmp_path):
    run(tiny("train.total_kimg=0.016"), dataset, tmp_path / "run")
    RunFolder(tmp_path / "run").keep_batch_per_device(4)
    run(tiny("train.total_kimg=0.032"), dataset, tmp_path / "run")
    assert [line.get("batch_per_device") for line in lines(tmp_path / "run")] == [None, 4]
