"""Kernels of our own against those of PyTorch: on a GPU, or on the CPU in Triton's interpreter."""

import pytest
import torch

from stylegan_cli.errors import UsageError
from stylegan_cli.networks.family import build_discriminator, build_generator
from stylegan_cli.ops import fast, fir, pick_backend
from tests.ops.derivatives import derivatives, relative_error, seeded
from tests.tiny import tiny

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
LIMIT = 0.7  # low, so that it is felt; bfloat16 cannot hold it
PRECISIONS = [(torch.float64, 1e-10), (torch.float32, 1e-5), (torch.bfloat16, 5e-2)]
CASES = [  # samples, channels, height, width; maps of noise; limit
    ((1, 3, 5, 7), 1, LIMIT),  # more pixels than a program does
    ((3, 1, 1, 3), 3, LIMIT),
    ((2, 8, 3, 3), 1, None),
    ((1, 70, 1, 2), 0, LIMIT),  # more channels than a program does
]

pytestmark = pytest.mark.usefixtures("fused", "empty_is_nan")
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: "x".join(map(str, case[0])))
blurred_or_not = pytest.mark.parametrize("blurred", [False, True], ids=["plain", "blurred"])


def tail_inputs(size, blurred, noises):
    n, c, height, width = size
    image = (n, c, height + blurred, width + blurred)
    shapes = [image, (n, c), (c,), *([(noises, 1, height, width)] if noises else [])]
    return [seeded(i, *shape) for i, shape in enumerate(shapes)]


def in_precision(inputs, dtype):
    """The image in this dtype, what is in memory but once no narrower than float32."""
    wide = torch.promote_types(dtype, torch.float32)
    image, *others = inputs
    return [image.to(DEVICE, dtype), *(x.to(DEVICE, wide) for x in others)]


def tail(kernels, blurred, limit):
    def call(y, scale, shift, noise=None):
        return kernels.tail(y, scale, noise, shift, blurred=blurred, limit=limit)

    return call


def assert_equal_tails(fused, case, blurred, dtype, tolerance):
    size, noises, limit = case
    inputs = in_precision(tail_inputs(size, blurred, noises), dtype)
    # of the rounded inputs, so that the same values are negative or beyond the limit
    expected = derivatives(tail(fir, blurred, limit), [x.cpu().double() for x in inputs])
    got = derivatives(tail(fused, blurred, limit), inputs)
    floor = 0.1 * max(tensor.norm().item() for tensor in expected)
    for ours, theirs in zip(got, expected, strict=True):
        assert relative_error(ours.cpu(), theirs, floor) <= tolerance


@every_case
@blurred_or_not
def test_tail_and_its_derivatives_are_those_of_pytorch(fused, case, blurred):
    assert_equal_tails(fused, case, blurred, torch.float64, 1e-10)


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS[1:], ids=["float32", "bfloat16"])
@blurred_or_not
def test_tail_and_its_derivatives_lose_no_more_than_the_dtype(fused, blurred, dtype, tolerance):
    assert_equal_tails(fused, ((2, 8, 3, 3), 2, LIMIT), blurred, dtype, tolerance)


@pytest.mark.parametrize(
    ("blurred", "dtype", "tolerance"), [(False, *PRECISIONS[0]), *((True, *p) for p in PRECISIONS)]
)
def test_the_backward_kernel_gives_what_can_be_differentiated_again(
    fused, blurred, dtype, tolerance
):
    inputs = in_precision(tail_inputs((2, 3, 5, 7), blurred, 2), dtype)
    leaves = [x.requires_grad_() for x in inputs]
    z = tail(fused, blurred, LIMIT)(*leaves)
    weights = seeded(9, *z.shape).to(DEVICE, dtype)
    once = torch.autograd.grad(z, leaves, weights, retain_graph=True)
    again = torch.autograd.grad(z, leaves, weights, create_graph=True)
    for kernel, composition in zip(once, again, strict=True):
        assert kernel.dtype == composition.dtype
        assert relative_error(kernel, composition, floor=0.1) <= tolerance


FILTERS = {
    "blur": lambda form, x: form.blur(x, 1, 4.0),
    "triangle": lambda form, x: form.blur(x, 2, taps=(1.0, 2.0, 1.0)),
    "upsample": lambda form, x: form.upsample(x),
    "downsample": lambda form, x: form.downsample(x),
}


@pytest.mark.parametrize(
    ("name", "dtype", "tolerance"),
    [*((name, *PRECISIONS[0]) for name in FILTERS), *(("blur", *p) for p in PRECISIONS[1:])],
)
def test_filters_and_their_derivatives_are_those_of_pytorch(fused, name, dtype, tolerance):
    x = seeded(0, 2, 3, 6, 4)
    expected = derivatives(lambda x: FILTERS[name](fir, x), [x])
    got = derivatives(lambda x: FILTERS[name](fused, x), in_precision([x], dtype))
    for ours, theirs in zip(got, expected, strict=True):
        assert ours.dtype == dtype
        assert relative_error(ours.cpu(), theirs) <= tolerance


@blurred_or_not
def test_what_comes_in_any_layout_goes_out_channels_last(fused, blurred):
    y, scale, shift = in_precision(tail_inputs((2, 8, 4, 4), blurred, 0), torch.float32)
    results = [tail(fused, blurred, None)(y, scale, shift), fused.blur(y, 1), fused.upsample(y)]
    assert all(x.is_contiguous(memory_format=torch.channels_last) for x in results)


@pytest.mark.parametrize("build", [build_generator, build_discriminator])
def test_a_network_built_for_triton_equals_the_plain_one(monkeypatch, build):
    if DEVICE.type == "cpu":
        monkeypatch.setenv("TRITON_INTERPRET", "1")
    recipe = tiny("data.resolution=8", "generator.channel_max=2", "generator.conv_clamp=1.0")
    results = []
    for backend in ("eager", "triton"):
        network = build(recipe, c_dim=0, dtype=torch.float64, backend=backend).double().to(DEVICE)
        no_labels = torch.zeros(1, 0, device=DEVICE)
        if build is build_generator:
            w = network.mapping(seeded(0, 1, 8).to(DEVICE), no_labels)
            y = network.synthesis(w[:, None].expand(-1, network.num_ws, -1), "const")
        else:
            y = network(seeded(0, 1, 3, 8, 8).to(DEVICE), no_labels)
        y.square().sum().backward()
        gradients = [p.grad.flatten() for p in network.parameters() if p.grad is not None]
        results.append((y.detach(), torch.cat(gradients)))
    for plain, own in zip(*results, strict=True):
        torch.testing.assert_close(own, plain, rtol=1e-10, atol=1e-12)


def test_triton_is_chosen_by_the_environment(monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    monkeypatch.setenv("SGTOOL_BACKEND", "triton")
    assert pick_backend() is pick_backend("triton") is not pick_backend("eager")


def test_a_network_on_the_cpu_is_refused(fused, monkeypatch):
    from stylegan_cli.ops import triton_programs

    monkeypatch.setattr(triton_programs, "INTERPRETED", False)
    with pytest.raises(UsageError, match="`backend=triton`: its kernels run on a GPU"):
        fused.upsample(torch.ones(1, 1, 2, 2))


def test_it_has_every_operation_that_networks_use(fused):
    assert set(fast.__all__) - {"box_kernel"} <= set(fused.__all__)
