"""What a machine does at most: large matrix products, convolutions and copies."""

from collections.abc import Callable, Mapping
from functools import partial

import torch
import torch.nn.functional as F

from stylegan_cli.benchmark.work import Rates, Work
from stylegan_cli.runtime import repeatable

MACHINE = "machine"
"""Its name among the contenders."""
COPY = "copy"
DTYPES = (torch.float32, torch.bfloat16)


def machine_steps(device: torch.device) -> dict[str, Callable[[], object]]:
    """Steps that keep nothing but arithmetic, or nothing but memory, busy."""
    large = device.type == "cuda"
    side, images, elements = (8192, 64, 2**28) if large else (1024, 8, 2**25)
    steps: dict[str, Callable[[], object]] = {}
    for dtype in DTYPES:
        name = str(dtype).removeprefix("torch.")
        square = torch.randn(side, side, device=device, dtype=dtype)
        steps[f"matmul {name}"] = partial(_multiply, dtype, partial(torch.mm, square, square))
        for channels, size in ((128, 32), (512, 16)):
            image = torch.randn(images, channels, size, size, device=device, dtype=dtype)
            weight = torch.randn(channels, channels, 3, 3, device=device, dtype=dtype)
            operands = (
                part.contiguous(memory_format=torch.channels_last) for part in (image, weight)
            )
            convolve = partial(F.conv2d, *operands, padding=1)
            steps[f"conv {channels} {name}"] = partial(_multiply, dtype, convolve)
    source = torch.randn(elements, device=device)
    steps[COPY] = partial(torch.empty_like(source).copy_, source)
    return steps


def machine_rates(work: Mapping[str, Work], seconds: Mapping[str, float]) -> Rates:
    """The highest rates that the steps of a machine came to.

    Args:
        work: Of each step.
        seconds: That each took.
    """
    flops: dict[str, float] = {}
    for step, took in seconds.items():
        if step != COPY:
            dtype = step.split()[-1]
            flops[dtype] = max(flops.get(dtype, 0.0), work[step].flops / took)
    return Rates(flops=flops, bytes=work[COPY].bytes / seconds[COPY])


def _multiply(dtype: torch.dtype, operation: Callable[[], torch.Tensor]) -> None:
    # a GPU may multiply float32 in TF32, which is another rate
    repeatable(torch.device("cuda" if torch.cuda.is_available() else "cpu"), dtype)
    operation()
