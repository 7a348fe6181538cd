"""Work of a step (FLOPs and memory traffic) compared with the machine's limits.

Traffic counts each operation separately: it reads its inputs and writes its results, without
caches or fusion. Workspaces inside an operation are not counted.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import conv_flop_count, flop_registry, register_flop_formula

from stylegan_cli.benchmark import GENERATE, Contender, Result
from stylegan_cli.benchmark.summary import ITERATION, medians, seconds_of
from stylegan_cli.runtime import repeatable
from stylegan_cli.training.trial import kinds

FUSED = getattr(torch.ops.mkldnn, "_convolution_pointwise", None)
"""A convolution with its leaky ReLU, where torch has it."""
if FUSED is not None and FUSED not in flop_registry:

    @register_flop_formula(FUSED)
    def _fused_flops(x_shape: Any, w_shape: Any, *_: Any, out_shape: Any, **__: Any) -> int:
        return conv_flop_count(x_shape, w_shape, out_shape)


ATEN = torch.ops.aten
UNTOUCHED = {ATEN.empty, ATEN.empty_like, ATEN.empty_strided, ATEN.new_empty, ATEN.detach}
"""Operations that neither read nor write."""


@dataclass(frozen=True, kw_only=True)
class Rates:
    """The highest rates of a machine.

    Attributes:
        flops: FLOPs by type of the operands, such as "float32".
        bytes: Read and written.
    """

    flops: Mapping[str, float]
    bytes: float


@dataclass(frozen=True, kw_only=True)
class Operation:
    """FLOPs (a multiplication and an addition are two) and traffic of one operation."""

    dtype: str
    flops: int
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Work:
    """Computation and memory traffic of a step."""

    operations: Sequence[Operation]

    @property
    def flops(self) -> int:
        return sum(operation.flops for operation in self.operations)

    @property
    def bytes(self) -> int:
        return sum(operation.bytes for operation in self.operations)

    def arithmetic_seconds(self, rates: Rates) -> float:
        """Return the time of the FLOPs alone, at the highest rate of each type."""
        return sum(_arithmetic(operation, rates) for operation in self.operations)

    def traffic_seconds(self, rates: Rates) -> float:
        """Return the time of the traffic alone."""
        return self.bytes / rates.bytes

    def floor_seconds(self, rates: Rates) -> float:
        """Return the time on a roofline: each operation takes the longer of FLOPs and traffic."""
        return sum(
            max(_arithmetic(operation, rates), operation.bytes / rates.bytes)
            for operation in self.operations
        )


def counted(step: Callable[[], object]) -> Work:
    """Return the work of a step, which runs once."""
    counter = _Counter()
    with counter:
        step()
    return Work(operations=counter.operations)


def _arithmetic(operation: Operation, rates: Rates) -> float:
    return operation.flops / rates.flops[operation.dtype] if operation.flops else 0.0


class _Counter(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations: list[Operation] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        inputs, results = _tensors((args, kwargs)), _tensors(result)
        old = {tensor.untyped_storage()._cdata for tensor in inputs}
        fresh = [tensor for tensor in results if tensor.untyped_storage()._cdata not in old]
        changed = _changed(func, args, kwargs)
        if func.overloadpacket not in UNTOUCHED and (fresh or changed):
            formula = flop_registry.get(func.overloadpacket)
            self.operations.append(
                Operation(
                    dtype=_dtype(inputs),
                    flops=formula(*args, **kwargs, out_val=result) if formula else 0,
                    bytes=_size([*_read(func, args, inputs), *fresh, *changed]),
                )
            )
        return result


def _tensors(values: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]


def _read(func: Any, args: Sequence[Any], inputs: list[Tensor]) -> list[Tensor]:
    """Return the inputs an operation reads."""
    if func.overloadpacket is not ATEN.convolution_backward:
        return inputs
    # each of image and weight is read only for the other's gradient
    dy, x, weight = args[:3]
    for_x, for_weight, _ = args[-1]
    return [dy, *([weight] if for_x else []), *([x] if for_weight else [])]


def _changed(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Tensor]:
    """Return the inputs an operation writes to."""
    given = dict(zip((argument.name for argument in func._schema.arguments), args, strict=False))
    return _tensors(
        [
            value
            for argument in func._schema.arguments
            if argument.is_write
            and (value := (given | dict(kwargs)).get(argument.name)) is not None
        ]
    )


def _size(tensors: Iterable[Tensor]) -> int:
    """Return the bytes of tensors; repeats in an expanded one count once."""
    return sum(
        min(tensor.numel() * tensor.element_size(), tensor.untyped_storage().nbytes())
        for tensor in tensors
    )


def _dtype(inputs: Sequence[Tensor]) -> str:
    return str(inputs[0].dtype).removeprefix("torch.") if inputs else ""


MACHINE = "machine"
"""Its name among the contenders."""
COPY = "copy"
DTYPES = (torch.float32, torch.bfloat16)


def machine_steps(device: torch.device) -> dict[str, Callable[[], object]]:
    """Return steps that keep only arithmetic, or only memory, busy."""
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
    """Return the highest rates among the steps of a machine."""
    flops: dict[str, float] = {}
    for step, took in seconds.items():
        if step != COPY:
            dtype = step.split()[-1]
            flops[dtype] = max(flops.get(dtype, 0.0), work[step].flops / took)
    return Rates(flops=flops, bytes=work[COPY].bytes / seconds[COPY])


def _multiply(dtype: torch.dtype, operation: Callable[[], torch.Tensor]) -> None:
    # a GPU may multiply float32 in TF32, at another rate
    repeatable(torch.device("cuda" if torch.cuda.is_available() else "cpu"), dtype)
    operation()


@dataclass(frozen=True, kw_only=True)
class Speed:
    """A step beside the machine's limits, as shares of its time.

    Attributes:
        flops: The time that its FLOPs take at the machine's highest rate: share of peak FLOP/s.
        bytes: The time that its memory traffic takes: share of peak bytes/s.
        roofline: The time in which the machine would do all operations one by one, each bound by
            its FLOPs or its traffic. Above 1 where caches save traffic.
    """

    seconds: float
    flops: float
    bytes: float
    roofline: float


def with_work(
    make: Callable[[], Contender], name: str, work: dict[str, Mapping[str, Work]]
) -> Callable[[], Contender]:
    """Return a maker that also counts the work of each step.

    Args:
        work: Receives the work by contender and step.
    """

    def made() -> Contender:
        contender = make()
        for step in contender.warmup:
            contender.steps[step]()
        work[name] = {
            step: counted(contender.plain.get(step, run)) for step, run in contender.steps.items()
        }
        return contender

    return made


def rates(result: Result, work: Mapping[str, Mapping[str, Work]]) -> Rates:
    """Return the most the machine did beside a case."""
    return machine_rates(work[MACHINE], medians(result, MACHINE))


def speeds(
    result: Result, work: Mapping[str, Mapping[str, Work]], name: str
) -> tuple[Speed, Speed]:
    """Return a contender's speed in drawing and in the mean iteration of training."""
    seconds, limits = seconds_of(result, name), rates(result, work)
    shares = {step: kind.share for step, kind in kinds(result.case.recipe.loss).items()}
    return (
        _speed(work[name], seconds[GENERATE], {GENERATE: 1.0}, limits),
        _speed(work[name], seconds[ITERATION], shares, limits),
    )


def _speed(
    work: Mapping[str, Work], seconds: float, shares: Mapping[str, float], limits: Rates
) -> Speed:
    """Return the speed of several steps together, each as often as its share says."""

    def part(of: Callable[[Work], float]) -> float:
        return sum(share * of(work[step]) for step, share in shares.items()) / seconds

    return Speed(
        seconds=seconds,
        flops=part(lambda each: each.arithmetic_seconds(limits)),
        bytes=part(lambda each: each.traffic_seconds(limits)),
        roofline=part(lambda each: each.floor_seconds(limits)),
    )
