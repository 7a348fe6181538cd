import json

import pytest
import torch

from stylegan_cli.benchmark import Contender, Result, cases, measure
from stylegan_cli.benchmark.summary import document, run_hours, seconds_of, summaries
from tests.tiny import tiny, tiny_growing

CPU = torch.device("cpu")


def result_of(case, kinds, **seconds):
    """A case whose steps take 2 s where nothing else is given."""
    steps = ["generate", *kinds]
    return Result(
        case=case,
        memory_bytes={"fast": 1007},
        notes={"fast": []},
        seconds={"fast": {step: [seconds.get(step, 2.0)] for step in steps}},
    )


TINY_KINDS = ("step", "step+Greg", "step+Greg+Dreg")


@pytest.fixture
def result():
    seconds = {"generate": 4.0, "step": 2.0, "step+Greg": 4.0, "step+Greg+Dreg": 8.0}
    return result_of(cases("tiny", tiny())[0], TINY_KINDS, **seconds)


def test_an_iteration_is_the_mean_of_its_kinds(result):
    assert seconds_of(result, "fast")["iteration"] == 2 / 2 + 4 / 4 + 8 / 4


def test_rates_follow_from_batch_and_time(result):
    found = summaries(result)["fast"]
    assert found.images_per_second == 8 / 4
    assert found.seconds_per_kimg == 4 / 8 * 1000
    assert found.hours == pytest.approx(500 * 0.064 / 3600)
    assert found.memory_bytes == 1007


def test_what_was_not_timed_has_no_summary(result):
    del result.seconds["fast"]["step+Greg"]
    assert summaries(result) == {}
    assert document({}, [result])["results"][0]["contenders"]["fast"]["samples"]


def test_the_hours_of_a_run_are_those_of_all_its_resolutions():
    found = [result_of(case, ("step",)) for case in cases("grown", tiny_growing())]
    ((last, hours),) = run_hours(found)
    assert last.stage.level == 16
    parts = [summaries(each)["fast"].hours for each in found]
    assert hours == {"fast": pytest.approx(sum(parts))}


def test_a_run_that_was_stopped_has_no_hours():
    first, _ = cases("grown", tiny_growing())
    assert list(run_hours([result_of(first, ("step",))])) == []


def test_everything_is_json(result):
    found = json.loads(json.dumps(document({"cpu": "made up"}, [result])))
    (only,) = found["results"]
    assert only["contenders"]["fast"]["seconds_per_kimg"] == 500
    assert only["keys"]["data.resolution"] == 16


def test_contenders_take_turns():
    order = []
    makers = {
        name: lambda name=name: Contender(steps={"x": lambda: order.append(name)}, warmup=["x"])
        for name in ("a", "b")
    }
    result = Result(case=cases("tiny", tiny())[0])
    done = list(measure(result, makers, CPU, rounds=2))
    assert order == ["a", "a", "b", "b", "a", "b", "a", "b"]
    assert len(done) == 2 + 4
    assert {name: len(times["x"]) for name, times in result.seconds.items()} == {"a": 2, "b": 2}


def test_memory_is_what_is_held_and_the_most_a_step_adds():
    x = torch.randn(1000)

    def step():
        (x + 1).sum()
        return x + 2

    made = Contender(steps={"x": step}, held_bytes=lambda: 100, notes=lambda: ["slow"])
    result = Result(case=cases("tiny", tiny())[0])
    list(measure(result, {"plain": lambda: made}, CPU, rounds=1))
    assert 4100 <= result.memory_bytes["plain"] < 8100
    assert result.notes == {"plain": ["slow"]}


def test_what_does_not_fit_into_memory_is_left_out():
    def too_large():
        raise MemoryError

    makers = {
        "large": lambda: Contender(steps={"x": too_large}),
        "small": lambda: Contender(steps={"x": list}),
    }
    result = Result(case=cases("tiny", tiny())[0])
    list(measure(result, makers, CPU, rounds=1))
    assert (list(result.seconds), result.left_out) == (["small"], {"large": "out of memory"})
