import pytest
import torch
from torch import nn

from stylegan_cli.runtime import World
from stylegan_cli.training.optimizers import adam, step


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
