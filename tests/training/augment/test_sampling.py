import torch
import torch.nn.functional as F

from stylegan_cli.training.augment.geometry import sample_bilinear
from tests.ops.derivatives import seeded

GRID = seeded(1, 2, 5, 3, 2)  # some of it outside


def test_values_are_those_of_grid_sample():
    x = seeded(0, 2, 3, 4, 6)
    torch.testing.assert_close(
        sample_bilinear(x, GRID), F.grid_sample(x, GRID, align_corners=False)
    )


def test_derivatives_are_those_of_the_operation():
    x = seeded(0, 2, 2, 4, 6).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: sample_bilinear(x, GRID), x)
    assert torch.autograd.gradgradcheck(lambda x: sample_bilinear(x, GRID), x)


def test_gradients_do_not_depend_on_the_layout_of_the_incoming_gradient():
    x = seeded(0, 2, 3, 4, 6).requires_grad_()
    dy = seeded(2, 2, 3, 5, 3)
    gradients = [
        torch.autograd.grad(sample_bilinear(x, GRID), x, cotangent)[0]
        for cotangent in (dy, dy.contiguous(memory_format=torch.channels_last))
    ]
    assert torch.equal(*gradients)
