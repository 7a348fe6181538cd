"""Programs for the GPU in Triton's language, which `triton` launches.

Feature maps are channels last, `[n, h, w, c]` in memory; a program computes some pixels of some
channels of one sample. Sums are float32, and float64 for float64 maps. `constants` are the slope
of the leaky ReLU, the limit, and the taps.
"""

import os

import triton
import triton.language as tl

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
"""Whether the programs run on the CPU; Triton reads the variable only when it is imported."""


@triton.jit
def _add(a, b):
    # Triton's own sum works in its interpreter only if that was on when Triton was imported
    return a + b


@triton.jit
def _tile(PIXELS: tl.constexpr, CHANNELS: tl.constexpr):
    pixel = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    channel = tl.program_id(2) * CHANNELS + tl.arange(0, CHANNELS)
    # only the sample needs offsets beyond 2³¹
    return pixel, tl.program_id(1).to(tl.int64), channel


@triton.jit
def _source(row, column, a, b, h, w, UP: tl.constexpr, DOWN: tl.constexpr, PADDING: tl.constexpr):
    """Return the pixel that taps a and b read for a pixel of the result, and if it exists."""
    i = row * DOWN + a - PADDING
    j = column * DOWN + b - PADDING
    there = (i >= 0) & (j >= 0) & (i < h * UP) & (j < w * UP) & (i % UP == 0) & (j % UP == 0)
    return (i // UP) * w + j // UP, there


@triton.jit
def _filtered(
    x,
    constants,
    pixel,
    channel,
    c,
    h,
    w,
    out_h,
    out_w,
    UP: tl.constexpr,
    DOWN: tl.constexpr,
    PADDING: tl.constexpr,
    TAPS: tl.constexpr,
):
    """Compute pixels of one sample of the filtered image x, `[pixels, channels]`."""
    row, column = pixel // out_w, pixel % out_w
    inside = (pixel < out_h * out_w)[:, None] & (channel < c)[None, :]
    total = tl.full(inside.shape, 0, constants.dtype.element_ty)
    for a in tl.static_range(TAPS):
        for b in tl.static_range(TAPS):
            source, there = _source(row, column, a, b, h, w, UP, DOWN, PADDING)
            mask = inside & there[:, None]
            value = tl.load(x + source[:, None] * c + channel[None, :], mask=mask, other=0.0)
            tap = tl.load(constants + 2 + a) * tl.load(constants + 2 + b)
            total += tap * value.to(total.dtype)
    return total


@triton.jit
def fir(
    x,
    y,
    constants,
    c,
    h,
    w,
    out_h,
    out_w,
    UP: tl.constexpr,
    DOWN: tl.constexpr,
    PADDING: tl.constexpr,
    TAPS: tl.constexpr,
    PIXELS: tl.constexpr,
    CHANNELS: tl.constexpr,
):
    pixel, n, channel = _tile(PIXELS, CHANNELS)
    x += n * h * w * c
    result = _filtered(x, constants, pixel, channel, c, h, w, out_h, out_w, UP, DOWN, PADDING, TAPS)
    inside = (pixel < out_h * out_w)[:, None] & (channel < c)[None, :]
    tl.store(y + n * out_h * out_w * c + pixel[:, None] * c + channel[None, :], result, mask=inside)


@triton.jit
def tail(
    y,
    z,
    scale,
    noise,
    shift,
    constants,
    c,
    h,
    w,
    out_h,
    out_w,
    NOISES: tl.constexpr,
    PADDING: tl.constexpr,
    TAPS: tl.constexpr,
    PIXELS: tl.constexpr,
    CHANNELS: tl.constexpr,
):
    pixel, n, channel = _tile(PIXELS, CHANNELS)
    y += n * h * w * c
    value = _filtered(y, constants, pixel, channel, c, h, w, out_h, out_w, 1, 1, PADDING, TAPS)
    real, visible = channel < c, pixel < out_h * out_w
    factor = tl.load(scale + n * c + channel, mask=real, other=0.0).to(value.dtype)
    offset = tl.load(shift + channel, mask=real, other=0.0).to(value.dtype)
    value = value * factor[None, :] + offset[None, :]
    if NOISES > 0:
        first = n * out_h * out_w if NOISES > 1 else 0
        grain = tl.load(noise + first + pixel, mask=visible, other=0.0)
        value += grain.to(value.dtype)[:, None]
    slope, limit = tl.load(constants), tl.load(constants + 1)
    value = tl.where(value < 0, value * slope, value)
    value = tl.minimum(tl.maximum(value, -limit), limit)
    place = z + n * out_h * out_w * c + pixel[:, None] * c + channel[None, :]
    tl.store(place, value, mask=visible[:, None] & real[None, :])


@triton.jit
def _bent(dz, z, place, mask, constants):
    """Compute the gradient before leaky ReLU and clamp from their result z."""
    slope, limit = tl.load(constants), tl.load(constants + 1)
    result = tl.load(z + place, mask=mask, other=0.0).to(slope.dtype)
    gradient = tl.load(dz + place, mask=mask, other=0.0).to(slope.dtype)
    gradient = tl.where(result < 0, gradient * slope, gradient)
    return tl.where(tl.abs(result) < limit, gradient, 0.0)


@triton.jit
def tail_backward(
    dz,
    z,
    y,
    scale,
    dy,
    d_scale,
    d_shift,
    d_noise,
    constants,
    samples,
    c,
    h,
    w,
    out_h,
    out_w,
    PADDING: tl.constexpr,
    TAPS: tl.constexpr,
    PIXELS: tl.constexpr,
    CHANNELS: tl.constexpr,
):
    """Compute all gradients of a tail for pixels of y; z is as large or smaller."""
    pixel, n, channel = _tile(PIXELS, CHANNELS)
    row, column = pixel // w, pixel % w
    real = channel < c
    inside = (pixel < h * w)[:, None] & real[None, :]
    dz += n * out_h * out_w * c
    z += n * out_h * out_w * c

    total = tl.full(inside.shape, 0, constants.dtype.element_ty)
    for a in tl.static_range(TAPS):
        for b in tl.static_range(TAPS):
            source, there = _source(row, column, a, b, out_h, out_w, 1, 1, PADDING)
            place = source[:, None] * c + channel[None, :]
            tap = tl.load(constants + 2 + a) * tl.load(constants + 2 + b)
            total += tap * _bent(dz, z, place, inside & there[:, None], constants)

    here = n * h * w * c + pixel[:, None] * c + channel[None, :]
    value = tl.load(y + here, mask=inside, other=0.0).to(total.dtype)
    factor = tl.load(scale + n * c + channel, mask=real, other=0.0).to(total.dtype)
    tl.store(dy + here, total * factor[None, :], mask=inside)
    # the adjoint times y equals the gradient times filtered y, which is not stored
    row_of_sums = (tl.program_id(0) * samples + n) * c + channel
    tl.store(d_scale + row_of_sums, tl.reduce(total * value, 0, _add), mask=real)

    visible = (pixel < h * w) & (row < out_h) & (column < out_w)
    own = row * out_w + column
    mask = visible[:, None] & real[None, :]
    gradient = _bent(dz, z, own[:, None] * c + channel[None, :], mask, constants)
    tl.store(d_shift + row_of_sums, tl.reduce(gradient, 0, _add), mask=real)
    place = (tl.program_id(2) * samples + n) * out_h * out_w + own
    tl.store(d_noise + place, tl.reduce(gradient, 1, _add), mask=visible)
