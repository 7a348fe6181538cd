import pytest
import torch

from benchmarks.roofline import counted
from stylegan_cli.benchmark import BenchmarkForm, cases, contender, generation
from stylegan_cli.sizes import square
from stylegan_cli.training.trial import Trial
from tests.tiny import tiny, tiny_growing

CPU = torch.device("cpu")
FORM = BenchmarkForm("fp32", "auto")


def trial(case):
    return Trial(case.recipe, case.stage, CPU, torch.float32)


def at_8_px(family, resolution):
    """An iteration of networks of this resolution, grown to 8 px."""
    recipe = tiny_growing(f"data.resolution={resolution}", family=family)
    return trial(cases(family, recipe, batch_size=4)[0])


def work_of(training):
    (step,) = training.steps.values()
    step()
    return counted(step)


def state_bytes(G):
    return sum(tensor.numel() * tensor.element_size() for tensor in G.state_dict().values())


@pytest.mark.parametrize("family", ["progan", "stylegan1-a", "stylegan1-f", "stylegan2-a"])
def test_training_at_8_px_costs_what_networks_of_8_px_cost(family):
    large, small = at_8_px(family, 64), at_8_px(family, 8)
    cost, least = work_of(large), work_of(small)
    assert {large.state.G.grown_size, small.state.G.grown_size} == {square(8)}
    assert cost.flops == least.flops > 0
    # levels to come are averaged (two are read, one is written), and have styles
    idle = state_bytes(large.state.G) - state_bytes(small.state.G)
    assert 3 * idle <= cost.bytes - least.bytes < 1.1 * 3 * idle


def test_levels_to_come_have_no_moments():
    training = at_8_px("stylegan1-f", 64)
    work_of(training)
    known = {id(parameter) for parameter in training.state.opt_g.state}
    blocks = training.state.G.synthesis
    assert all(id(p) in known for p in blocks.get_submodule("b8").conv1.parameters())
    assert not any(id(p) in known for p in blocks.get_submodule("b16").parameters())


def test_an_iteration_with_regularizers_does_more():
    training = trial(cases("tiny", tiny())[0])
    flops = [counted(step).flops for step in training.steps.values()]
    assert flops == sorted(set(flops))


def test_what_a_network_holds_includes_its_moments():
    training = trial(cases("tiny", tiny())[0])
    before = training.held_bytes()
    training.steps["step+Greg+Dreg"]()
    moments = 2 * sum(p.numel() * 4 for p in training.state.G.parameters())
    assert training.held_bytes() - before >= moments


@pytest.mark.parametrize(("engine", "has_twins"), [("eager", False), ("compiled", True)])
def test_compiled_steps_are_counted_operation_by_operation(engine, has_twins):
    made = contender(cases("tiny", tiny())[0], BenchmarkForm("fp32", "auto", engine), CPU)
    assert (made.plain.keys() == made.steps.keys()) == has_twins


def test_the_plain_form_and_the_fast_one_are_told_apart():
    case = cases("tiny", tiny())[0]
    flops = {
        backend: counted(generation(case, BenchmarkForm("fp32", backend), CPU)).flops
        for backend in ("ref", "auto")
    }
    # the plain one filters an image with zeros between its pixels
    assert flops["ref"] > 1.2 * flops["auto"]
