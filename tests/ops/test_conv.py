from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F
from torch.profiler import ProfilerActivity, profile

from stylegan_cli.networks.discriminators import Discriminator
from stylegan_cli.ops.autograd import conv2d, conv2d_up, no_weight_gradients
from stylegan_cli.recipe import DiscriminatorSection
from stylegan_cli.sizes import square
from stylegan_cli.training.phases import r1_penalty
from tests.ops.derivatives import seeded

GEOMETRIES = [  # kernel, stride, padding, height, width
    (3, 1, 1, 4, 5),
    (3, 2, 0, 5, 7),
    (3, 2, 0, 4, 6),
    (1, 1, 0, 2, 3),
    (3, 1, 0, 3, 4),
]
every_geometry = pytest.mark.parametrize(
    "geometry", GEOMETRIES, ids=lambda geometry: "-".join(map(str, geometry))
)


def operands(geometry, bias=True):
    kernel, _, _, height, width = geometry
    x, weight = seeded(0, 2, 2, height, width), seeded(1, 3, 2, kernel, kernel)
    return [x, weight, *([seeded(2, 3)] if bias else [])]


def convolution(geometry):
    _, stride, padding, _, _ = geometry
    return lambda *tensors: conv2d(*tensors, stride=stride, padding=padding)


@every_geometry
def test_convolution_equals_torch(geometry):
    _, stride, padding, _, _ = geometry
    x, weight, bias = operands(geometry)
    expected = F.conv2d(x, weight, bias, stride, padding)
    assert torch.equal(convolution(geometry)(x, weight, bias), expected)


@pytest.mark.parametrize("kernel", [1, 3, 4])
def test_up_convolution_equals_torch(kernel):
    x, weight = seeded(0, 2, 2, 3, 4), seeded(1, 2, 3, kernel, kernel)
    expected = F.conv_transpose2d(x, weight, stride=2)
    torch.testing.assert_close(conv2d_up(x, weight), expected)


@every_geometry
@pytest.mark.parametrize("bias", [True, False])
def test_first_and_second_derivatives_are_those_of_the_convolution(geometry, bias):
    tensors = [tensor.requires_grad_() for tensor in operands(geometry, bias)]
    assert torch.autograd.gradcheck(convolution(geometry), tensors)
    assert torch.autograd.gradgradcheck(convolution(geometry), tensors)


def test_first_and_second_derivatives_are_those_of_the_up_convolution():
    tensors = [seeded(0, 2, 2, 2, 3).requires_grad_(), seeded(1, 2, 3, 3, 3).requires_grad_()]
    assert torch.autograd.gradcheck(conv2d_up, tensors)
    assert torch.autograd.gradgradcheck(conv2d_up, tensors)


@every_geometry
def test_gradients_do_not_depend_on_being_differentiated_again(geometry):
    tensors = [tensor.requires_grad_() for tensor in operands(geometry)]
    loss = convolution(geometry)(*tensors).square().sum()
    once = torch.autograd.grad(loss, tensors, retain_graph=True)
    again = torch.autograd.grad(loss, tensors, create_graph=True)
    for first, second in zip(once, again, strict=True):
        torch.testing.assert_close(first, second)


@pytest.mark.parametrize("create_graph", [False, True])
def test_no_weight_gradients_leaves_weights_without_gradient(create_graph):
    x, weight, bias = (tensor.requires_grad_() for tensor in operands(GEOMETRIES[0]))
    y = conv2d(x, weight, bias, padding=1)
    with no_weight_gradients():
        gradients = torch.autograd.grad(
            y.sum(), [x, weight, bias], create_graph=create_graph, allow_unused=True
        )
    assert [gradient is None for gradient in gradients] == [False, True, True]


def test_no_weight_gradients_leaves_up_weights_without_gradient():
    x, weight = seeded(0, 2, 2, 2, 3).requires_grad_(), seeded(1, 2, 3, 3, 3).requires_grad_()
    y = conv2d_up(x, weight)
    with no_weight_gradients():
        gradients = torch.autograd.grad(y.sum(), [x, weight], allow_unused=True)
    assert [gradient is None for gradient in gradients] == [False, True]


def test_no_weight_gradients_holds_in_the_threads_autograd_uses_on_a_gpu():
    x, weight = (tensor.requires_grad_() for tensor in operands(GEOMETRIES[0], bias=False))
    y = conv2d(x, weight).sum()
    with no_weight_gradients(), ThreadPoolExecutor(1) as threads:
        gradients = threads.submit(torch.autograd.grad, y, [x, weight], allow_unused=True).result()
    assert [gradient is None for gradient in gradients] == [False, True]


def test_weight_gradients_are_back_after_an_error():
    x, weight = (tensor.requires_grad_() for tensor in operands(GEOMETRIES[0], bias=False))
    with pytest.raises(ZeroDivisionError), no_weight_gradients():
        raise ZeroDivisionError
    conv2d(x, weight).sum().backward()
    assert weight.grad is not None


def test_a_penalty_of_an_inner_gradient_reaches_the_weights():
    x, weight = (tensor.requires_grad_() for tensor in operands(GEOMETRIES[0], bias=False))

    def weight_gradient(convolve):
        y = convolve(x, weight).square().sum()
        with no_weight_gradients():
            (inner,) = torch.autograd.grad(y, x, create_graph=True)
        return torch.autograd.grad(inner.square().sum(), weight)[0]

    torch.testing.assert_close(weight_gradient(conv2d), weight_gradient(F.conv2d))


def kernels_in_r1(backend):
    """Height of the kernel of every convolution in R1 of a tiny discriminator and its backward."""
    torch.manual_seed(0)
    D = Discriminator(
        DiscriminatorSection(channel_base=128, channel_max=8),
        size=square(16),
        channels=3,
        c_dim=0,
        backend=backend,
    )
    images = seeded(0, 4, 3, 16, 16).float().requires_grad_()
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as record:
        r1_penalty(
            D(images, images.new_empty(4, 0)), images, square(images.shape[3])
        ).mean().backward()
    kernel_operand = {"aten::convolution": 1, "aten::convolution_backward": 2}
    return [
        event.input_shapes[kernel_operand[event.name]][-2]
        for event in record.events()
        if event.name in kernel_operand
    ]


def test_r1_convolves_with_no_kernel_of_the_images_size():
    kernels = kernels_in_r1("eager")
    assert len(kernels) > 10
    assert max(kernels) <= 4


def test_torchs_own_second_derivative_would():
    assert max(kernels_in_r1("ref")) >= 8
