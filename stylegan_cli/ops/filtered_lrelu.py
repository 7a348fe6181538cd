"""Leaky ReLU between a filtered up- and a filtered downsampling, [SG3] section 2.3.

The fine grid has 4 to 16 times the samples of the input, so it is touched as rarely as plain
PyTorch allows: written once, activated in place and read once. Filters are depthwise convolutions
of the coarse grid, one for each phase of the fine one. The backward pass recomputes the fine grid
instead of storing it, which costs little beside the convolution of the layer.
"""

import math
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from stylegan_cli.ops.autograd import apply, linear


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Filter of images: one-dimensional for both axes, or two-dimensional.

    Attributes:
        taps: Row by row.
        shape: `(taps,)` or `(rows, columns)`.
    """

    taps: tuple[float, ...]
    shape: tuple[int, ...]

    @classmethod
    def of(cls, tensor: Tensor | None) -> "Filter | None":
        """Convert `[taps]` or `[rows, columns]`."""
        if tensor is None:
            return None
        return cls(taps=tuple(tensor.double().flatten().tolist()), shape=tuple(tensor.shape))

    @property
    def length(self) -> int:
        return self.shape[0]

    @property
    def is_2d(self) -> bool:
        return len(self.shape) == 2

    def tensor(self) -> Tensor:
        """Return a float64 tensor of that shape on the CPU."""
        return torch.tensor(self.taps, dtype=torch.float64, device="cpu").reshape(self.shape)


@dataclass(frozen=True, kw_only=True)
class Resampling:
    """Options of a leaky ReLU between two resamplings.

    Attributes:
        up_filter: None is a single tap of 1.
        padding: Samples added before and after each axis of the fine grid; negative values crop.
        clamp: Limit of the values before downsampling, or None.
    """

    up: int
    down: int
    up_filter: Filter | None
    down_filter: Filter | None
    padding: tuple[int, int]
    slope: float = 0.2
    gain: float = math.sqrt(2)
    clamp: float | None = None

    @property
    def limits(self) -> tuple[float, float]:
        """Smallest and largest value of the fine grid that is not clamped."""
        limit = math.inf if self.clamp is None else self.clamp / self.gain
        return -limit / self.slope, limit


def filtered_lrelu(x: Tensor, resampling: Resampling) -> Tensor:
    """Compute `reference.filtered_lrelu` of x plus bias, in the dtype of x, channels last."""
    return apply(_FilteredLeakyReLU, x, resampling)


class _FilteredLeakyReLU(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, resampling: Resampling) -> Tensor:
        ctx.save_for_backward(x)
        ctx.resampling = resampling
        up, down = _grids(tuple(x.shape[2:]), resampling)
        fine = F.leaky_relu_(expand(x, up), resampling.slope)
        limit = resampling.limits[1]
        if limit < math.inf:
            fine = fine.clamp_(-limit, limit)
        return reduce(fine, down)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        resampling = ctx.resampling
        up, down = _grids(tuple(x.shape[2:]), resampling)
        with torch.no_grad():
            fine = expand(x, up)
        gradient = linear(dy, partial(expand, grid=down), partial(reduce, grid=down))
        gradient = torch.ops.aten.leaky_relu_backward(gradient, fine, resampling.slope, False)
        low, high = resampling.limits
        if high < math.inf:
            gradient = torch.ops.aten.hardtanh_backward(gradient, fine, low, high)
        return linear(gradient, partial(reduce, grid=up), partial(expand, grid=up)), None


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Pair of grids of samples, and the filter between them.

    Attributes:
        h: The filter in `fine[j] = Σᵢ coarse[i] · h[j + offset − factor · i]`, on both axes.
        offset: A multiple of the factor.
        gain: For both axes together.
        coarse: Height and width.
        fine: Height and width, multiples of the factor.
    """

    h: Filter
    factor: int
    offset: int
    gain: float
    coarse: tuple[int, int]
    fine: tuple[int, int]


def upsampling(
    size: tuple[int, int], h: Filter, up: int, padding: tuple[int, int], multiple: int
) -> Grid:
    """Return the grids of `upfirdn2d` with these arguments and a gain of 1.

    Args:
        size: Height and width of the input.
        multiple: Multiple of `up` to which the size of the fine grid is rounded up, by samples
            beyond the end.
    """
    offset = h.length - 1 - padding[0]
    # zeros before the filter make cropping of phases unnecessary
    shift, axes = -offset % up, len(h.shape)
    taps = F.pad(h.tensor(), [shift, 0] * axes).flatten().tolist()
    height, width = (
        -(-fine // multiple) * multiple for fine in (_fine(n, h, up, padding) for n in size)
    )
    return Grid(
        h=Filter(taps=tuple(taps), shape=(h.length + shift,) * axes),
        factor=up,
        offset=offset + shift,
        gain=float(up**2),
        coarse=size,
        fine=(height, width),
    )


def _fine(size: int, h: Filter, up: int, padding: tuple[int, int]) -> int:
    """Count the samples of the fine grid that the whole filter reaches."""
    return size * up + sum(padding) - h.length + 1


@lru_cache(maxsize=256)
def _grids(size: tuple[int, int], resampling: Resampling) -> tuple[Grid, Grid]:
    """Return the grids from input to fine grid, and between fine grid and result."""
    identity = Filter(taps=(1.0,), shape=(1,))
    first, second = resampling.up_filter or identity, resampling.down_filter or identity
    up, down, padding = resampling.up, resampling.down, resampling.padding
    expansion = upsampling(size, first, up, padding, math.lcm(up, down))
    rows, columns = ((_fine(n, first, up, padding) - second.length) // down + 1 for n in size)
    # described as its adjoint, an expansion: a filter convolves, its adjoint correlates
    reduction = Grid(
        h=replace(second, taps=second.taps[::-1]),
        factor=down,
        offset=0,
        gain=resampling.gain,
        coarse=(rows, columns),
        fine=expansion.fine,
    )
    return expansion, reduction


def reduce(y: Tensor, grid: Grid) -> Tensor:
    """Reduce the fine to the coarse grid: `coarse[i] = Σⱼ fine[j] · h[j + offset − factor · i]`."""
    step, channels = grid.factor, y.shape[1]
    height, width = grid.coarse
    missing = [(n - 1) * step - grid.offset + grid.h.length for n in grid.coarse]
    top, left = (
        # reading beyond the end costs less than cropping
        (grid.offset, max(end - m, grid.offset))
        for end, m in zip(missing, grid.fine, strict=True)
    )
    y, (rows, columns) = _padded(y, top, left)
    along_y, along_x = _kernels(grid, channels, y.dtype, y.device)
    if grid.h.is_2d:
        y = F.conv2d(y, along_y, None, step, (rows, columns), groups=channels)
    else:
        # along x first, where samples are neighbours in memory; that leaves less work along y
        y = F.conv2d(y, along_x, None, (1, step), (0, columns), groups=channels)
        y = F.conv2d(y, along_y, None, (step, 1), (rows, 0), groups=channels)
    return y[:, :, :height, :width].contiguous(memory_format=torch.channels_last)


def expand(x: Tensor, grid: Grid) -> Tensor:
    """Expand the coarse to the fine grid: `fine[j] = Σᵢ coarse[i] · h[j + offset − factor · i]`.

    The adjoint of `reduce` on the same grids. Each phase of the fine grid is a shorter filter of
    the coarse one.
    """
    step, channels = grid.factor, x.shape[1]
    first = grid.offset // step
    before = -(-grid.h.length // step) - 1 - first
    top, left = (
        (before, m // step + first - n) for n, m in zip(grid.coarse, grid.fine, strict=True)
    )
    x, (rows, columns) = _padded(x, top, left)
    along_y, along_x = _phases(grid, channels, x.dtype, x.device)
    if along_x is None:
        return _stacked([_widened(x, kernel, (rows, columns)) for kernel in along_y])
    tall = _stacked([F.conv2d(x, k, None, 1, (rows, 0), groups=channels) for k in along_y])
    return _widened(tall, along_x, (0, columns))


def _stacked(phases: list[Tensor]) -> Tensor:
    # pixels outermost: otherwise PyTorch chooses a layout that depends on the batch
    rows = torch.stack([phase.permute(0, 2, 3, 1) for phase in phases], dim=2)
    return rows.flatten(1, 2).permute(0, 3, 1, 2)


def _widened(x: Tensor, kernel: Tensor, padding: tuple[int, int]) -> Tensor:
    """Compute all phases along x and interleave their columns.

    The channels of a pixel are neighbours in memory, so phases computed as further channels lie
    where the pixels in between belong.

    Args:
        kernel: Filters of all phases, `[phases · c, 1, …]`.
    """
    n, c = x.shape[:2]
    phases = len(kernel) // c
    wide = torch.cat([x.permute(0, 2, 3, 1)] * phases, dim=3).permute(0, 3, 1, 2)
    y = F.conv2d(wide, kernel, None, 1, padding, groups=phases * c)
    pixels = y.permute(0, 2, 3, 1)
    return pixels.reshape(n, y.shape[2], -1, c).permute(0, 3, 1, 2)


def _padded(
    x: Tensor, rows: tuple[int, int], columns: tuple[int, int]
) -> tuple[Tensor, tuple[int, int]]:
    """Return x, channels last, and the padding that is left for a convolution.

    Uneven and negative margins are applied here; negative ones crop.
    """
    even = [before == behind >= 0 for before, behind in (rows, columns)]
    done = [*((0, 0) if even[1] else columns), *((0, 0) if even[0] else rows)]
    if any(done):
        x = F.pad(x, done)
    x = x.contiguous(memory_format=torch.channels_last)
    return x, (rows[0] if even[0] else 0, columns[0] if even[1] else 0)


@lru_cache(maxsize=512)
def _kernels(
    grid: Grid, channels: int, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return the filters of `reduce` along y and x; twice the same if it is two-dimensional."""
    h = _filter(grid)
    with torch.inference_mode(False):
        kernel = h if grid.h.is_2d else h[:, None]
        kernel = kernel.to(device, dtype).repeat(channels, 1, 1, 1)
        return kernel, kernel if grid.h.is_2d else kernel.mT.contiguous()


@lru_cache(maxsize=512)
def _phases(
    grid: Grid, channels: int, dtype: torch.dtype, device: torch.device
) -> tuple[list[Tensor], Tensor | None]:
    """Return the phases of the filter for `expand`.

    If it is one-dimensional: each phase along y `[c, 1, k, 1]`, and all along x
    `[phases · c, 1, 1, k]`. If it is two-dimensional: for each phase along y all along x
    `[phases · c, 1, k, k]`, and None.
    """
    step = grid.factor
    h = F.pad(_filter(grid), [0, -grid.h.length % step] * (2 if grid.h.is_2d else 1))
    # an expansion convolves, but PyTorch correlates: reverse the filters
    along_y = h.unflatten(0, (-1, step)).transpose(0, 1).flip(1)
    with torch.inference_mode(False):
        if grid.h.is_2d:
            both = along_y.unflatten(2, (-1, step)).movedim(3, 1).flip(3)
            wide = both.to(device, dtype)[:, :, None, None].repeat(1, 1, channels, 1, 1, 1)
            return list(wide.flatten(1, 2)), None
        lines = along_y.to(device, dtype)[:, None, None].repeat(1, channels, 1, 1)
        return list(lines[..., None]), lines.flatten(0, 1)[:, :, None]


def _filter(grid: Grid) -> Tensor:
    h = grid.h.tensor()
    return h * (grid.gain if grid.h.is_2d else math.sqrt(grid.gain))
