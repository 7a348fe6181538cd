import threading
from itertools import count, islice

import numpy as np
import pytest
import torch

from stylegan_cli.errors import UsageError
from stylegan_cli.runtime import (
    World,
    numpy_stream,
    ordered_map,
    pick_device,
    pick_dtype,
    stream_seed,
    torch_stream,
    world,
)

PURPOSES = [(), ("init", "G"), ("init", "D"), ("epoch", 0), ("epoch", 1), ("mirror", 0)]
CPU = torch.device("cpu")


def test_streams_are_the_same_in_every_version():
    # a change here changes every network trained again from its recipe
    assert stream_seed(0, "init", "G") == 587_778_598_636_864_129
    assert stream_seed(1, "epoch", 3) == 205_720_997_227_830_028


def test_seeds_have_63_bits():
    seeds = [stream_seed(seed, "bits") for seed in range(200)]
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert max(seeds) > 2**62


def test_seeds_differ_between_purposes_and_runs():
    seeds = {stream_seed(seed, *purpose) for seed in range(20) for purpose in PURPOSES}
    assert len(seeds) == 20 * len(PURPOSES)


def test_streams_repeat():
    for stream in (numpy_stream, torch_stream):
        assert numbers(stream, 5, "z", 1) == numbers(stream, 5, "z", 1)


def numbers(stream, *purpose):
    if stream is numpy_stream:
        return numpy_stream(*purpose).standard_normal(8).tolist()
    return torch.randn(8, generator=torch_stream(*purpose)).tolist()


def test_streams_are_unrelated():
    streams = [(0, *purpose) for purpose in PURPOSES] + [(1,), (2,)]
    drawn = np.stack([numpy_stream(*stream).standard_normal(4000) for stream in streams])
    apart = np.corrcoef(drawn) - np.eye(len(streams))
    assert np.abs(apart).max() < 0.08  # 5 standard errors


def test_streams_leave_the_global_ones_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    torch.randn(8, generator=torch_stream(0, "z"))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_automatic_device_is_a_gpu_where_there_is_one():
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert pick_device("auto").type == expected
    assert pick_device("cpu") == CPU


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "meta", "cpu:x", ""])
def test_a_device_that_is_not_there_is_refused_in_words(name):
    with pytest.raises(UsageError) as error:
        pick_device(name)
    words = str(error.value)
    assert words.startswith(f"`device={name}`: not usable here (")
    assert words.endswith("; use auto, cpu or cuda")
    assert "\n" not in words


def test_a_word_that_names_no_device_is_not_answered_with_all_of_torchs():
    with pytest.raises(UsageError) as error:
        pick_device("gpu")
    assert str(error.value) == (
        "`device=gpu`: not usable here (no such device); use auto, cpu or cuda"
    )


def test_a_precision_that_is_asked_for_is_taken():
    assert pick_dtype("fp32", CPU) == torch.float32
    assert pick_dtype("bf16", CPU) == torch.bfloat16
    assert pick_dtype("auto", CPU) in {torch.float32, torch.bfloat16}


def test_a_process_alone_is_a_world(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with world(CPU) as alone:
        assert alone == World(rank=0, size=1)
        assert alone.is_first


def test_a_process_alone_agrees_with_itself():
    alone = World()
    tensor = torch.tensor([1.0, 2.0])
    assert alone.mean_(tensor) is tensor
    assert tensor.tolist() == [1.0, 2.0]
    assert alone.any(True)
    assert not alone.any(False)
    alone.barrier()
    assert alone.gather("mine") == ["mine"]


def test_results_come_in_order():
    assert list(ordered_map(lambda x: x * x, range(100), workers=4, ahead=10)) == [
        x * x for x in range(100)
    ]


def test_an_endless_stream_is_taken_a_bounded_number_ahead():
    taken = []
    results = ordered_map(lambda x: x, (taken.append(n) or n for n in count()), workers=2, ahead=5)
    assert list(islice(results, 3)) == [0, 1, 2]
    results.close()
    assert len(taken) <= 3 + 5


def test_an_error_reaches_the_caller_in_its_place():
    results = ordered_map(lambda x: 1 // (3 - x), range(9), workers=2, ahead=4)
    assert list(islice(results, 3)) == [0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_no_threads_are_left_behind():
    before = threading.active_count()
    results = ordered_map(lambda x: x, count(), workers=4, ahead=8)
    next(results)
    results.close()
    assert threading.active_count() == before
