import itertools

import pytest
import torch

from stylegan_cli.networks.family import build_discriminator, build_generator
from stylegan_cli.ops import fast, pick_backend, reference
from stylegan_cli.recipe import DataSection, DiscriminatorSection, GeneratorSection, Settled
from stylegan_cli.sizes import square
from stylegan_cli.training.phases import path_lengths, r1_penalty
from tests.ops.derivatives import derivatives, relative_error, seeded

CLAMP = 0.8  # low, so that it is felt
PRECISIONS = ((torch.float64, 1e-10), (torch.float32, 1e-5))
SIZES = [  # samples, channels in, channels out, side
    (1, 1, 1, 3),
    (1, 3, 8, 5),
    (2, 8, 3, 7),
    (3, 1, 8, 5),
    (3, 8, 1, 3),
    (1, 3, 3, 17),
]

every_size = pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
every_precision = pytest.mark.parametrize(
    ("dtype", "tolerance"), PRECISIONS, ids=["float64", "float32"]
)


def assert_equal_forms(call, inputs, dtype, tolerance):
    """The fast form in this precision against the reference form in double precision."""
    expected = derivatives(lambda *xs: call(reference, *xs), inputs)
    got = derivatives(lambda *xs: call(fast, *xs), [x.to(dtype) for x in inputs])
    # terms that cancel, as the style's gradient of a single demodulated channel, have no digits
    floor = 0.1 * max(tensor.norm().item() for tensor in expected)
    for ours, theirs in zip(got, expected, strict=True):
        assert ours.dtype == dtype
        assert relative_error(ours, theirs, floor) <= tolerance


def styled_inputs(size, kernel, noise_side):
    n, c_in, c_out, side = size
    shapes = [(n, c_in, side, side), (c_out, c_in, kernel, kernel), (n, c_in), (c_out,)]
    if noise_side:
        shapes.append((n, 1, noise_side, noise_side))
    return [seeded(i, *shape) for i, shape in enumerate(shapes)]


@every_precision
@every_size
@pytest.mark.parametrize(
    ("up", "noise", "gain", "clamp"),
    [
        (False, False, 1.0, None),
        (True, False, 1.0, None),
        (False, True, 0.5, CLAMP),
        (True, True, 0.5, CLAMP),
    ],
)
def test_styled_conv_equals_the_reference(size, up, noise, gain, clamp, dtype, tolerance):
    def call(form, x, weight, style, bias, noise=None):
        return form.styled_conv(x, weight, style, noise, bias, up=up, gain=gain, clamp=clamp)

    noise_side = size[-1] * (2 if up else 1) if noise else 0
    assert_equal_forms(call, styled_inputs(size, 3, noise_side), dtype, tolerance)


@every_precision
@pytest.mark.parametrize("up", [False, True])
def test_one_noise_map_serves_all_samples(up, dtype, tolerance):
    def call(form, x, weight, style, bias, noise):
        return form.styled_conv(x, weight, style, noise, bias, up=up)

    *inputs, _ = styled_inputs((3, 3, 8, 5), 3, 5)
    side = 10 if up else 5
    assert_equal_forms(call, [*inputs, seeded(7, 1, 1, side, side)], dtype, tolerance)


@every_precision
@every_size
@pytest.mark.parametrize("clamp", [None, CLAMP])
def test_to_rgb_equals_the_reference(size, clamp, dtype, tolerance):
    def call(form, x, weight, style, bias):
        return form.to_rgb(x, weight, style, bias, clamp=clamp)

    assert_equal_forms(call, styled_inputs(size, 1, 0), dtype, tolerance)


@every_precision
@every_size
@pytest.mark.parametrize(
    ("kernel", "resample", "bias", "lrelu", "gain", "clamp"),
    [
        (1, None, True, True, 1.0, None),
        (3, None, True, True, 0.5, CLAMP),
        (3, None, False, False, 1.0, None),
        (1, "up", False, False, 0.5, None),
        (3, "up", True, True, 0.5, CLAMP),
        (3, "up", False, True, 1.0, None),
        (1, "down", False, False, 0.5, None),
        (3, "down", True, True, 0.5, CLAMP),
    ],
)
def test_conv_equals_the_reference(
    size, kernel, resample, bias, lrelu, gain, clamp, dtype, tolerance
):
    n, c_in, c_out, side = size
    if kernel == 1 and resample == "down":
        side += 1  # an image of odd size has no half

    def call(form, x, weight, shift=None):
        return form.conv(x, weight, shift, resample=resample, lrelu=lrelu, gain=gain, clamp=clamp)

    shapes = [(n, c_in, side, side), (c_out, c_in, kernel, kernel), (c_out,)]
    inputs = [seeded(i, *shape) for i, shape in enumerate(shapes)]
    assert_equal_forms(call, inputs if bias else inputs[:2], dtype, tolerance)


@every_precision
@every_size
@pytest.mark.parametrize("blur", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_box_up_conv_equals_the_reference(size, blur, bias, dtype, tolerance):
    x, weight, _, _ = styled_inputs(size, 3, 0)

    def call(form, x, weight, shift=None):
        return form.box_up_conv(x, weight, shift, blur=blur)

    inputs = [x, weight, seeded(4, len(weight))]
    assert_equal_forms(call, inputs if bias else inputs[:2], dtype, tolerance)


@every_precision
@every_size
@pytest.mark.parametrize("blur", [False, True])
def test_box_down_conv_equals_the_reference(size, blur, dtype, tolerance):
    n, c_in, c_out, side = size
    shapes = [(n, c_in, side + 1, side + 1), (c_out, c_in, 3, 3), (c_out,)]

    def call(form, x, weight, bias):
        return form.box_down_conv(x, weight, bias, blur=blur)

    inputs = [seeded(i, *shape) for i, shape in enumerate(shapes)]
    assert_equal_forms(call, inputs, dtype, tolerance)


@every_precision
@every_size
@pytest.mark.parametrize("noise", [False, True])
def test_noise_bias_act_equals_the_reference(size, noise, dtype, tolerance):
    n, c, _, side = size
    shapes = [(n, c, side, side), (c,), (n, 1, side, side), (c,)]
    inputs = [seeded(i, *shape) for i, shape in enumerate(shapes)]

    def call(form, x, bias, maps=None, strength=None):
        return form.noise_bias_act(x, maps, strength, bias)

    assert_equal_forms(call, inputs if noise else inputs[:2], dtype, tolerance)


@every_precision
@every_size
@pytest.mark.parametrize("noise", [False, True])
def test_noise_act_without_bias_equals_the_reference(size, noise, dtype, tolerance):
    n, c, _, side = size
    shapes = [(n, c, side, side), (n, 1, side, side), (c,)]
    inputs = [seeded(i, *shape) for i, shape in enumerate(shapes)]

    def call(form, x, maps=None, strength=None):
        return form.noise_bias_act(x, maps, strength, None)

    assert_equal_forms(call, inputs if noise else inputs[:1], dtype, tolerance)


@every_precision
@every_size
@pytest.mark.parametrize("epsilon", [1e-8, 0.1])
def test_adain_equals_the_reference(size, epsilon, dtype, tolerance):
    n, c, _, side = size

    def call(form, x, style):
        return form.adain(x, style, epsilon)

    assert_equal_forms(call, [seeded(0, n, c, side, side), seeded(1, n, 2 * c)], dtype, tolerance)


@pytest.mark.parametrize("form", [fast, reference])
def test_adain_gives_the_statistics_of_the_style(form):
    x, style = 5 + 3 * seeded(0, 2, 4, 8, 8), seeded(1, 2, 8)
    y = form.adain(x, style)
    torch.testing.assert_close(y.mean((2, 3)), style[:, 4:])
    torch.testing.assert_close(y.std((2, 3), correction=0), (style[:, :4] + 1).abs())


@every_precision
@pytest.mark.parametrize(("n", "channels", "side"), [(1, 1, 2), (2, 3, 6), (3, 8, 10)])
@pytest.mark.parametrize("name", ["upsample", "downsample"])
def test_resampling_equals_the_reference(name, n, channels, side, dtype, tolerance):
    def call(form, x):
        return getattr(form, name)(x)

    assert_equal_forms(call, [seeded(0, n, channels, side, side)], dtype, tolerance)


@pytest.mark.parametrize("name", ["conv", "styled_conv", "to_rgb"])
def test_inputs_keep_their_values(name):
    x, weight, style, bias = styled_inputs((2, 3, 3, 5), 1, 0)
    noise = seeded(7, 2, 1, 5, 5)
    calls = {
        "conv": lambda: fast.conv(x, weight, bias, clamp=CLAMP),
        "styled_conv": lambda: fast.styled_conv(x, weight, style, noise, bias, clamp=CLAMP),
        "to_rgb": lambda: fast.to_rgb(x, weight, style, bias, clamp=CLAMP),
    }
    before = [tensor.clone() for tensor in (x, weight, style, bias, noise)]
    calls[name]()
    assert all(map(torch.equal, (x, weight, style, bias, noise), before))


def test_feature_maps_keep_the_reduced_type_and_images_are_float32():
    x = seeded(0, 2, 8, 6, 6).bfloat16()
    weight, style, bias = (
        seeded(i, *shape).float() for i, shape in enumerate([(8, 8, 3, 3), (2, 8), (8,)])
    )
    point = weight[..., :1, :1]
    for up, resample in itertools.product([False, True], [None, "up", "down"]):
        assert fast.styled_conv(x, weight, style, None, bias, up=up).dtype == torch.bfloat16
        assert fast.conv(x, weight, bias, resample=resample).dtype == torch.bfloat16
    assert fast.to_rgb(x, point, style, bias).dtype == torch.float32


def tiny_recipe(*, g="skip", d="resnet"):
    return Settled(
        data=DataSection(resolution=16),
        generator=GeneratorSection(
            architecture=g, z_dim=16, w_dim=16, mapping_layers=2, channel_base=256, channel_max=16
        ),
        discriminator=DiscriminatorSection(architecture=d, channel_base=256, channel_max=16),
    )


def tiny_generator(architecture, dtype):
    G = build_generator(tiny_recipe(g=architecture), c_dim=0, dtype=dtype)
    for name, parameter in G.named_parameters():
        if name.endswith("noise_strength"):
            torch.nn.init.constant_(parameter, 0.1)
    return G.double() if dtype == torch.float64 else G


def tiny_discriminator(architecture, dtype):
    D = build_discriminator(tiny_recipe(d=architecture), c_dim=0, dtype=dtype)
    return D.double() if dtype == torch.float64 else D


def joined_gradients(network):
    gradients = [p.grad.flatten().double() for p in network.parameters() if p.grad is not None]
    return torch.cat(gradients)


def penalized_discriminator(architecture, dtype):
    """Logits, R1 of each image, and R1's gradient for all weights."""
    D = tiny_discriminator(architecture, dtype)
    weight_type = next(D.parameters()).dtype
    images = seeded(1, 8, 3, 16, 16).to(weight_type).requires_grad_()
    logits = D(images, images.new_empty(8, 0))
    penalty = r1_penalty(logits, images, square(16))
    penalty.mean().backward()
    return logits.detach(), penalty.detach(), joined_gradients(D)


def measured_generator(architecture, dtype):
    """Images, path lengths, and the gradient of their squares for all weights."""
    G = tiny_generator(architecture, dtype)
    weight_type = next(G.parameters()).dtype
    z = seeded(2, 16, 16).to(weight_type)
    ws = G.mapping(z, z.new_empty(16, 0))[:, None].repeat(1, G.num_ws, 1)
    images = G.synthesis(ws, "const")
    lengths = path_lengths(images, ws, seeded(3, 16, 3, 16, 16).to(weight_type))
    lengths.square().mean().backward()
    return images.detach(), lengths.detach(), joined_gradients(G)


every_architecture = pytest.mark.parametrize("architecture", ["orig", "skip", "resnet"])


@every_architecture
def test_r1_in_bfloat16_keeps_its_weight_gradients(architecture):
    logits, penalty, gradients = penalized_discriminator(architecture, torch.bfloat16)
    exact = penalized_discriminator(architecture, torch.float64)
    assert relative_error(logits, exact[0], floor=len(logits) ** 0.5) <= 2e-2  # near 0: no digits
    assert relative_error(penalty.mean(), exact[1].mean()) <= 5e-2
    assert relative_error(gradients, exact[2]) <= 5e-2


@every_architecture
def test_path_lengths_in_bfloat16_keep_their_weight_gradients(architecture):
    images, lengths, gradients = measured_generator(architecture, torch.bfloat16)
    exact = measured_generator(architecture, torch.float64)
    assert relative_error(images, exact[0]) <= 2e-2
    assert relative_error(lengths, exact[1]) <= 2e-2
    assert relative_error(gradients, exact[2]) <= 5e-2


@every_architecture
def test_both_forms_of_networks_agree_in_float64(architecture, monkeypatch):
    ours = measured_generator(architecture, torch.float64)
    ours += penalized_discriminator(architecture, torch.float64)
    monkeypatch.setenv("SGTOOL_BACKEND", "ref")
    assert pick_backend() is reference
    theirs = measured_generator(architecture, torch.float64)
    theirs += penalized_discriminator(architecture, torch.float64)
    for got, expected in zip(ours, theirs, strict=True):
        assert relative_error(got, expected) <= 1e-10
