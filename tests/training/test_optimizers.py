import pytest
import torch
from torch import nn

from stylegan_cli.runtime import World
from stylegan_cli.training.optimizers import adam, ema_decay, step, update_ema


@pytest.mark.parametrize(
    ("interval", "lr", "beta2"), [(4, 0.0016, 0.991991968), (16, 0.00188235, 0.990585457)]
)
def test_adam_makes_up_for_the_additional_steps(interval, lr, beta2):
    group = adam(nn.Linear(1, 1), lr=0.002, beta1=0.0, beta2=0.99, interval=interval)
    defaults = group.param_groups[0]
    assert defaults["lr"] == pytest.approx(lr, rel=1e-5)
    assert defaults["betas"] == (0.0, pytest.approx(beta2, rel=1e-8))


def test_a_gradient_that_is_no_number_moves_nothing():
    layer = nn.Linear(2, 1, bias=False)
    before = layer.weight.detach().clone()
    optimizer = adam(layer, lr=0.1, beta1=0.0, beta2=0.99, interval=4)
    layer.weight.grad = torch.tensor([[float("nan"), 1.0]])
    step(optimizer, World())
    moved = layer.weight.detach() != before
    assert moved.tolist() == [[False, True]]


def test_step_returns_the_norm_of_the_gradients_and_clears_them():
    layer = nn.Linear(2, 1, bias=False)
    layer.weight.grad = torch.tensor([[3.0, 4.0]])
    optimizer = adam(layer, lr=0.1, beta1=0.0, beta2=0.99, interval=4)
    assert step(optimizer, World()).item() == pytest.approx(5)
    assert layer.weight.grad is None


@pytest.mark.parametrize(
    ("batch_size", "decay"),
    [(4, 0.9997227796), (8, 0.9994456360), (16, 0.9988915793), (32, 0.9977843871),
     (64, 0.9955736832), (256, 0.9824119399)],
)  # fmt: skip
def test_decay_halves_an_old_weight_in_ten_kimg(batch_size, decay):
    got = ema_decay(batch_size=batch_size, ema_kimg=10.0, rampup=0.0, cur_nimg=10**6)
    assert got == pytest.approx(decay, abs=1e-9)


def test_the_first_update_of_a_ramp_is_a_copy():
    assert ema_decay(batch_size=8, ema_kimg=10.0, rampup=0.05, cur_nimg=0) == 0


def test_a_ramp_ends_at_the_full_half_life():
    late = {"batch_size": 8, "ema_kimg": 10.0, "cur_nimg": 10**6}
    assert ema_decay(**late, rampup=0.05) == ema_decay(**late, rampup=0.0)


def test_parameters_are_averaged_and_buffers_copied():
    average, network = nn.BatchNorm1d(1), nn.BatchNorm1d(1)
    nn.init.constant_(network.weight, 3.0)
    network.running_mean.fill_(7.0)
    update_ema(average, network, 0.75)
    assert average.weight.item() == pytest.approx(1.5)
    assert average.running_mean.item() == 7
