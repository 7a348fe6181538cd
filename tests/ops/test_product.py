import torch

from stylegan_cli.ops.autograd import transform
from tests.ops.derivatives import derivatives, relative_error, seeded


def operands():
    return [seeded(0, 2, 6, 3), seeded(1, 2, 3, 4)]


def test_the_product_and_its_derivatives_are_torchs():
    expected = derivatives(torch.matmul, operands())
    for ours, theirs in zip(derivatives(transform, operands()), expected, strict=True):
        assert relative_error(ours, theirs) <= 1e-12


def test_first_and_second_derivatives_are_those_of_the_product():
    tensors = [tensor.requires_grad_() for tensor in operands()]
    assert torch.autograd.gradcheck(transform, tensors)
    assert torch.autograd.gradgradcheck(transform, tensors)


def second_derivative(product):
    """Gradient for the pixels of a penalty of the matrix's gradient."""
    pixels, matrix = (tensor.requires_grad_() for tensor in operands())
    y = product(pixels, matrix)
    (first,) = torch.autograd.grad(y, matrix, seeded(2, *y.shape), create_graph=True)
    return torch.autograd.grad(first.square().sum(), pixels)[0]


def test_second_derivatives_keep_the_numbers_of_a_pixel_together():
    assert second_derivative(transform).is_contiguous()


def test_torchs_own_would_not():
    assert not second_derivative(torch.matmul).is_contiguous()
