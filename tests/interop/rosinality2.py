"""rosinality's StyleGAN2 in plain PyTorch, written from section 3.7 of the file formats alone."""

import math

import torch
import torch.nn.functional as F

TAPS = torch.tensor([1.0, 3.0, 3.0, 1.0])
KERNEL = torch.outer(TAPS, TAPS) / 64
WIDTHS = {4: 8, 8: 8, 16: 8, 32: 4}
STYLE = 6


def checkpoint(resolution=32, layers=3, seed=0):
    """A converted checkpoint of random numbers: `g_ema`, `latent_avg` and `d`."""
    random = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=random)

    return {
        "g_ema": generator_state(normal, resolution, layers),
        "latent_avg": normal(STYLE),
        "d": discriminator_state(normal, resolution),
    }


def levels(resolution):
    return int(math.log2(resolution)) - 2


def generator_state(normal, resolution, layers):
    state = {"input.input": normal(1, WIDTHS[4], 4, 4)}
    for i in range(layers):
        state[f"style.{i + 1}.weight"] = 100 * normal(STYLE, STYLE)
        state[f"style.{i + 1}.bias"] = 10 * normal(STYLE)
    state |= styled(normal, "conv1", WIDTHS[4], WIDTHS[4])
    state |= rgb(normal, "to_rgb1", WIDTHS[4])
    state["noises.noise_0"] = normal(1, 1, 4, 4)
    for level in range(levels(resolution)):
        side = 8 << level
        before, width = WIDTHS[side // 2], WIDTHS[side]
        state |= styled(normal, f"convs.{2 * level}", before, width)
        state[f"convs.{2 * level}.conv.blur.kernel"] = 4 * KERNEL
        state |= styled(normal, f"convs.{2 * level + 1}", width, width)
        state |= rgb(normal, f"to_rgbs.{level}", width)
        state[f"to_rgbs.{level}.upsample.kernel"] = 4 * KERNEL
        for number in (2 * level + 1, 2 * level + 2):
            state[f"noises.noise_{number}"] = normal(1, 1, side, side)
    return state


def styled(normal, name, inputs, outputs):
    return {
        f"{name}.conv.weight": normal(1, outputs, inputs, 3, 3),
        f"{name}.conv.modulation.weight": normal(inputs, STYLE),
        f"{name}.conv.modulation.bias": 1 + 0.1 * normal(inputs),
        f"{name}.noise.weight": normal(1),
        f"{name}.activate.bias": normal(outputs),
    }


def rgb(normal, name, inputs):
    return {
        f"{name}.conv.weight": normal(1, 3, inputs, 1, 1),
        f"{name}.conv.modulation.weight": normal(inputs, STYLE),
        f"{name}.conv.modulation.bias": 1 + 0.1 * normal(inputs),
        f"{name}.bias": normal(1, 3, 1, 1),
    }


def discriminator_state(normal, resolution):
    state = {
        "convs.0.0.weight": normal(WIDTHS[resolution], 3, 1, 1),
        "convs.0.1.bias": normal(WIDTHS[resolution]),
    }
    for j in range(1, levels(resolution) + 1):
        side = resolution >> (j - 1)
        width, below = WIDTHS[side], WIDTHS[side // 2]
        state |= {
            f"convs.{j}.conv1.0.weight": normal(width, width, 3, 3),
            f"convs.{j}.conv1.1.bias": normal(width),
            f"convs.{j}.conv2.0.kernel": KERNEL,
            f"convs.{j}.conv2.1.weight": normal(below, width, 3, 3),
            f"convs.{j}.conv2.2.bias": normal(below),
            f"convs.{j}.skip.0.kernel": KERNEL,
            f"convs.{j}.skip.1.weight": normal(below, width, 1, 1),
        }
    width = WIDTHS[4]
    return state | {
        "final_conv.0.weight": normal(width, width + 1, 3, 3),
        "final_conv.1.bias": normal(width),
        "final_linear.0.weight": normal(width, width * 16),
        "final_linear.0.bias": normal(width),
        "final_linear.1.weight": normal(1, width),
        "final_linear.1.bias": normal(1),
    }


def activate(x, bias):
    return F.leaky_relu(x + bias.reshape(1, -1, *[1] * (x.ndim - 2)), 0.2) * math.sqrt(2)


def fir(x, kernel, before, behind):
    """Zero padding, then true convolution with the kernel."""
    padded = F.pad(x, (before, behind, before, behind))
    y = F.conv2d(padded.flatten(0, 1)[:, None], kernel.flip((0, 1))[None, None])
    return y.reshape(*x.shape[:2], *y.shape[2:])


def stuffed(x):
    n, c, h, w = x.shape
    y = x.new_zeros(n, c, 2 * h, 2 * w)
    y[:, :, ::2, ::2] = x
    return y


def map_latents(state, z):
    x = z / (z.square().mean(1, keepdim=True) + 1e-8).sqrt()
    layers = sum(name.startswith("style.") for name in state) // 2
    for i in range(1, layers + 1):
        weight = state[f"style.{i}.weight"]
        x = activate(
            x @ (weight * 0.01 / math.sqrt(weight.shape[1])).T, state[f"style.{i}.bias"] * 0.01
        )
    return x


def modulated(state, name, x, w, *, demodulate):
    weight = state[f"{name}.conv.weight"][0]
    affine = state[f"{name}.conv.modulation.weight"]
    style = w @ (affine / math.sqrt(affine.shape[1])).T + state[f"{name}.conv.modulation.bias"]
    kernels = weight / math.sqrt(weight[0].numel()) * style[:, None, :, None, None]
    if demodulate:
        kernels = kernels / (kernels.square().sum((2, 3, 4), keepdim=True) + 1e-8).sqrt()
    blur = state.get(f"{name}.conv.blur.kernel")
    rows = []
    for image, kernel in zip(x, kernels, strict=True):
        if blur is None:
            y = F.conv2d(image[None], kernel, padding=weight.shape[-1] // 2)
        else:
            y = F.conv_transpose2d(image[None], kernel.transpose(0, 1), stride=2)
            y = fir(y, blur, 1, 1)
        rows.append(y)
    return torch.cat(rows)


def styled_layer(state, name, x, w, noise):
    y = modulated(state, name, x, w, demodulate=True)
    return activate(y + state[f"{name}.noise.weight"] * noise, state[f"{name}.activate.bias"])


def rgb_layer(state, name, x, w, image):
    new = modulated(state, name, x, w, demodulate=False) + state[f"{name}.bias"]
    if image is None:
        return new
    return new + fir(stuffed(image), state[f"{name}.upsample.kernel"], 2, 1)


def generate(state, ws):
    """Images of one w per layer, `[n, layers, w]`, with the noise of the file."""
    x = state["input.input"].expand(len(ws), -1, -1, -1)
    x = styled_layer(state, "conv1", x, ws[:, 0], state["noises.noise_0"])
    image = rgb_layer(state, "to_rgb1", x, ws[:, 1], None)
    for level in range(sum(name.startswith("to_rgbs") for name in state) // 5):
        first, second = 2 * level, 2 * level + 1
        x = styled_layer(
            state, f"convs.{first}", x, ws[:, first + 1], state[f"noises.noise_{first + 1}"]
        )
        x = styled_layer(
            state, f"convs.{second}", x, ws[:, second + 1], state[f"noises.noise_{second + 1}"]
        )
        image = rgb_layer(state, f"to_rgbs.{level}", x, ws[:, second + 2], image)
    return image


def plain_conv(state, name, x, *, stride=1, padding=0):
    weight = state[f"{name}.weight"]
    return F.conv2d(x, weight / math.sqrt(weight[0].numel()), stride=stride, padding=padding)


def dense(state, name, x):
    weight = state[f"{name}.weight"]
    return x @ (weight / math.sqrt(weight.shape[1])).T


def judge(state, images):
    """Logits of images."""
    x = activate(plain_conv(state, "convs.0.0", images), state["convs.0.1.bias"])
    for j in range(1, sum(name.endswith("skip.1.weight") for name in state) + 1):
        name = f"convs.{j}"
        y = activate(
            plain_conv(state, f"{name}.conv1.0", x, padding=1), state[f"{name}.conv1.1.bias"]
        )
        y = fir(y, state[f"{name}.conv2.0.kernel"], 2, 2)
        y = activate(
            plain_conv(state, f"{name}.conv2.1", y, stride=2), state[f"{name}.conv2.2.bias"]
        )
        skip = fir(x, state[f"{name}.skip.0.kernel"], 1, 1)
        x = (y + plain_conv(state, f"{name}.skip.1", skip, stride=2)) / math.sqrt(2)
    x = torch.cat([x, deviation(x)], 1)
    x = activate(plain_conv(state, "final_conv.0", x, padding=1), state["final_conv.1.bias"])
    x = activate(dense(state, "final_linear.0", x.flatten(1)), state["final_linear.0.bias"])
    return dense(state, "final_linear.1", x) + state["final_linear.1.bias"]


def deviation(x, group=4):
    n, c, h, w = x.shape
    group = min(group, n)
    parts = x.reshape(group, n // group, c, h, w)
    value = (parts.var(0, correction=0) + 1e-8).sqrt().mean((1, 2, 3))
    return value.repeat(group).reshape(n, 1, 1, 1).expand(n, 1, h, w)
