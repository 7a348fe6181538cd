"""rosinality's StyleGAN(1) in plain PyTorch, written from section 3.8 of the file formats alone."""

import math

import torch
import torch.nn.functional as F

WIDTHS = (8, 8, 8, 4)
FUSED_FROM = 3
CODE = 6
TAPS = torch.tensor([1.0, 2.0, 1.0])
BLUR = torch.outer(TAPS, TAPS) / 16


def generator_state(layers=3, seed=0):
    """Random numbers up to 32 px, whose size is doubled in one operation at 32 px."""
    random = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=random)

    state = {}
    for i in range(layers):
        state[f"style.{2 * i + 1}.linear.weight_orig"] = normal(CODE, CODE)
        state[f"style.{2 * i + 1}.linear.bias"] = normal(CODE)
    for b, width in enumerate(WIDTHS):
        state |= block_state(normal, b, width)
        state[f"generator.to_rgb.{b}.conv.weight_orig"] = normal(3, width, 1, 1)
        state[f"generator.to_rgb.{b}.conv.bias"] = normal(3)
    return state


def block_state(normal, b, width):
    name = f"generator.progression.{b}"
    before = WIDTHS[b - 1]
    if b == 0:
        first = {f"{name}.conv1.input": normal(1, width, 4, 4)}
    elif b >= FUSED_FROM:
        first = {
            f"{name}.conv1.0.weight": normal(before, width, 3, 3),
            f"{name}.conv1.0.bias": normal(width),
        }
    else:
        first = {
            f"{name}.conv1.1.conv.weight_orig": normal(width, before, 3, 3),
            f"{name}.conv1.1.conv.bias": normal(width),
        }
    if b > 0:
        place = 1 if b >= FUSED_FROM else 2
        for kernel in ("weight", "weight_flip"):
            first[f"{name}.conv1.{place}.{kernel}"] = BLUR[None, None].clone()
    second = {
        f"{name}.conv2.conv.weight_orig": normal(width, width, 3, 3),
        f"{name}.conv2.conv.bias": normal(width),
    }
    for number in (1, 2):
        second |= {
            f"{name}.noise{number}.weight_orig": normal(1, width, 1, 1),
            f"{name}.adain{number}.style.linear.weight_orig": normal(2 * width, CODE),
            f"{name}.adain{number}.style.linear.bias": normal(2 * width),
        }
    return first | second


def map_latents(state, z):
    x = z / (z.square().mean(1, keepdim=True) + 1e-8).sqrt()
    for i in range(sum(name.startswith("style.") for name in state) // 2):
        weight = state[f"style.{2 * i + 1}.linear.weight_orig"]
        x = x @ (weight * math.sqrt(2 / weight.shape[1])).T
        x = F.leaky_relu(x + state[f"style.{2 * i + 1}.linear.bias"], 0.2)
    return x


def generate(state, ws, noise):
    """Images of one w per layer, `[n, layers, w]`, and one noise map per resolution."""
    x = None
    for b in range(len(WIDTHS)):
        name = f"generator.progression.{b}"
        x = state[f"{name}.conv1.input"].expand(len(ws), -1, -1, -1) if b == 0 else up(state, b, x)
        x = tail(state, name, 1, x, ws[:, 2 * b], noise[b])
        x = conv(x, state[f"{name}.conv2.conv.weight_orig"], state[f"{name}.conv2.conv.bias"])
        x = tail(state, name, 2, x, ws[:, 2 * b + 1], noise[b])
    weight = state[f"generator.to_rgb.{b}.conv.weight_orig"]
    scale = math.sqrt(2 / weight.shape[1])
    return F.conv2d(x, weight * scale, state[f"generator.to_rgb.{b}.conv.bias"])


def conv(x, weight, bias):
    return F.conv2d(x, weight * math.sqrt(2 / weight[0].numel()), bias, padding=1)


def up(state, b, x):
    name = f"generator.progression.{b}.conv1"
    if b >= FUSED_FROM:
        weight = state[f"{name}.0.weight"]
        wide = F.pad(weight * math.sqrt(2 / (weight.shape[0] * 9)), (1, 1, 1, 1))
        shifts = wide[:, :, 1:, 1:] + wide[:, :, :-1, 1:] + wide[:, :, 1:, :-1]
        kernel = (shifts + wide[:, :, :-1, :-1]) / 4
        y = F.conv_transpose2d(x, kernel, state[f"{name}.0.bias"], stride=2, padding=1)
    else:
        large = F.interpolate(x, scale_factor=2, mode="nearest")
        y = conv(large, state[f"{name}.1.conv.weight_orig"], state[f"{name}.1.conv.bias"])
    channels = y.shape[1]
    return F.conv2d(y, BLUR.expand(channels, 1, 3, 3), padding=1, groups=channels)


def tail(state, name, number, x, w, noise):
    scale = state[f"{name}.noise{number}.weight_orig"] * math.sqrt(2 / x.shape[1])
    x = F.leaky_relu(x + scale * noise, 0.2)
    affine = state[f"{name}.adain{number}.style.linear.weight_orig"]
    style = w @ (affine * math.sqrt(2 / affine.shape[1])).T
    style = style + state[f"{name}.adain{number}.style.linear.bias"]
    gamma, beta = style[:, :, None, None].chunk(2, 1)
    centred = x - x.mean((2, 3), keepdim=True)
    return gamma * centred / (centred.square().mean((2, 3), keepdim=True) + 1e-5).sqrt() + beta
