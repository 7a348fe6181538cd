import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.roofline import Operation, Rates, Work, counted, machine_rates, speeds
from stylegan_cli.benchmark import Result, cases
from stylegan_cli.networks.family import build_discriminator
from stylegan_cli.ops.autograd import conv2d
from tests.tiny import tiny

RATES = Rates(flops={"float32": 100.0, "bfloat16": 200.0}, bytes=10.0)


def work(*operations):
    return Work(operations=[Operation(dtype=d, flops=f, bytes=b) for d, f, b in operations])


def test_a_product_of_matrices_is_two_flops_for_each_of_its_terms():
    a, b = torch.randn(3, 5), torch.randn(5, 7)
    found = counted(lambda: a @ b)
    assert (found.flops, found.bytes) == (2 * 3 * 5 * 7, 4 * (15 + 35 + 21))


def test_an_operation_in_place_reads_and_writes():
    x = torch.randn(10)
    assert counted(lambda: x.add_(1)).bytes == 2 * 40


def test_many_tensors_at_once_are_all_seen():
    xs, ys = [torch.randn(10), torch.randn(5)], [torch.randn(10), torch.randn(5)]
    assert counted(lambda: torch._foreach_lerp_(xs, ys, 0.5)).bytes == 3 * 60


def test_views_and_empty_tensors_cost_nothing():
    x = torch.randn(4, 6)
    found = counted(lambda: (x.T.reshape(6, 2, 2)[1:].detach(), torch.empty(9)))
    assert (found.operations, found.flops) == ([], 0)


def test_what_is_repeated_is_read_once():
    x = torch.randn(1)
    assert counted(lambda: x.expand(1000).clone()).bytes == 4 + 4000


def test_second_derivatives_through_our_own_functions_are_counted():
    x = torch.randn(2, 3, 8, 8, requires_grad=True)
    weight = torch.randn(4, 3, 3, 3, requires_grad=True)
    once = 2 * 2 * 4 * 8 * 8 * 3 * 9

    def penalty():
        (gradient,) = torch.autograd.grad(conv2d(x, weight, padding=1).sum(), x, create_graph=True)
        gradient.square().sum().backward()

    # forward, the gradient for x (here without that for the weight), then those two of that one
    assert counted(lambda: conv2d(x, weight, padding=1)).flops == once
    assert counted(penalty).flops >= 4 * once


def test_a_leaky_relu_adds_no_flops_to_its_convolution():
    x, weight = torch.randn(2, 3, 8, 8), torch.randn(4, 3, 3, 3)
    alone = counted(lambda: conv2d(x, weight, padding=1))
    assert counted(lambda: conv2d(x, weight, padding=1, slope=0.2)).flops == alone.flops > 0


def test_flops_of_a_network_are_those_of_torchs_counter():
    D = build_discriminator(tiny(), c_dim=0)
    images, c = torch.randn(4, 3, 16, 16), torch.zeros(4, 0)
    with FlopCounterMode(display=False) as counter:
        D(images, c).sum().backward()
    assert counted(lambda: D(images, c).sum().backward()).flops == counter.get_total_flops()


def test_an_operation_takes_the_longer_of_its_flops_and_its_traffic():
    found = work(("float32", 100, 5), ("bfloat16", 100, 20), ("float32", 0, 10))
    assert found.arithmetic_seconds(RATES) == pytest.approx(1 + 0.5)
    assert found.traffic_seconds(RATES) == pytest.approx(3.5)
    assert found.floor_seconds(RATES) == pytest.approx(1 + 2 + 1)


def test_the_best_rate_is_the_machines():
    steps = {
        "matmul float32": work(("float32", 100, 1)),
        "conv 8 float32": work(("float32", 50, 1)),
    }
    steps["copy"] = work(("float32", 0, 10))
    found = machine_rates(steps, dict.fromkeys(steps, 1.0))
    assert (found.flops, found.bytes) == ({"float32": 100.0}, 10.0)


def test_shares_compare_with_what_the_machine_did():
    case = cases("tiny", tiny())[0]
    steps = ("generate", "step", "step+Greg", "step+Greg+Dreg")
    times = {"machine": {"matmul float32": [1.0], "copy": [1.0]}, "fast": {s: [4.0] for s in steps}}
    done = {
        "machine": {
            "matmul float32": work(("float32", 100, 1)),
            "copy": work(("float32", 0, 10)),
        },
        "fast": {step: work(("float32", 100, 5)) for step in steps},
    }
    drawing, training = speeds(Result(case=case, seconds=times), done, "fast")
    assert (drawing.flops, drawing.bytes, drawing.roofline) == (1 / 4, 0.5 / 4, 1 / 4)
    assert training.flops == pytest.approx(1 / 4)
