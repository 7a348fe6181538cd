import json

import pytest
import torch

from stylegan_cli.training.acceleration import WARM_UP, Acceleration, Tracer
from stylegan_cli.training.loop import train
from tests.tiny import tiny, tiny_run, without_steps

CPU = torch.device("cpu")


def traced(folder, count, iterations):
    tracer = Tracer(count=count, folder=folder / "profile", device=CPU)
    taken = []
    for number in range(iterations):
        with tracer.iteration():
            # each iteration leaves as many multiplications as its number says
            for _ in range(number):
                torch.ones(2) * 2
        taken.append([path.name for path in tracer.take_files()])
    return taken


def test_a_trace_is_written_once_when_its_iterations_are_done(tmp_path):
    taken = traced(tmp_path, 2, WARM_UP + 4)
    assert taken == [*[[]] * (WARM_UP + 1), ["trace.json", "operations.txt"], [], []]


def test_a_trace_is_of_the_iterations_asked_for(tmp_path):
    traced(tmp_path, 2, WARM_UP + 4)
    events = json.loads((tmp_path / "profile" / "trace.json").read_text())["traceEvents"]
    found = [event for event in events if event.get("name") == "aten::mul"]
    assert len(found) == WARM_UP + (WARM_UP + 1)
    assert "aten::mul" in (tmp_path / "profile" / "operations.txt").read_text()


def test_nothing_is_traced_unasked(tmp_path):
    assert traced(tmp_path, 0, WARM_UP + 2) == [[]] * (WARM_UP + 2)
    assert not (tmp_path / "profile").exists()


@pytest.fixture(scope="module")
def ticks(tmp_path_factory, dataset):
    folder = tmp_path_factory.mktemp("traced") / "run"
    recipe = tiny("report.tick_kimg=0.064", "loss.pl_weight=0.0")
    acceleration = Acceleration(profile=1)
    return without_steps(train(tiny_run(recipe, dataset, folder, acceleration=acceleration)))


def test_a_traced_run_tells_of_its_trace_and_goes_on(ticks):
    names = [[path.name for path in tick.files] for tick in ticks]
    assert ["trace.json", "operations.txt"] in names
    assert ticks[-1].kimg == 0.064
