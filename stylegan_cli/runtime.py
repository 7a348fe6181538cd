"""Device, precision, random streams, threads and processes of a run."""

import ctypes
import hashlib
import os
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from stylegan_cli.errors import UsageError

if TYPE_CHECKING:
    import torch

T = TypeVar("T")
R = TypeVar("R")


def stream_seed(seed: int, *purpose: str | int) -> int:
    """Return the seed of the stream for one purpose: 63 bits, unrelated between purposes."""
    key = "/".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little") >> 1


def numpy_stream(seed: int, *purpose: str | int) -> np.random.Generator:
    """Return a NumPy generator of the stream for one purpose, such as `("mirror", epoch)`."""
    return np.random.Generator(np.random.PCG64(stream_seed(seed, *purpose)))


def torch_stream(seed: int, *purpose: str | int) -> "torch.Generator":
    """Return a torch generator, on the CPU, of the stream for one purpose."""
    import torch

    return torch.Generator().manual_seed(stream_seed(seed, *purpose))


def versions_of(*packages: str) -> dict[str, str]:
    """Return the versions of packages, of those that are installed."""
    found = {}
    for name in packages:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def pick_device(name: str = "auto") -> "torch.device":
    """Return the device of that name; "auto" is this process's GPU if there is one.

    Raises:
        UsageError: This machine has no such device.
    """
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda":
        name = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    try:
        device = torch.device(name)
        torch.ones(1, device=device).item()
    except (RuntimeError, AssertionError) as error:
        # for an unknown name, torch's message lists all of its devices
        reason = str(error).partition("Expected one of")[0] or "no such device"
        raise UsageError(
            f"not usable here ({reason.splitlines()[0]}); use auto, cpu or cuda",
            parameter="device",
            value=name,
        ) from None
    return device


def pick_dtype(precision: str, device: "torch.device") -> "torch.dtype":
    """Return the activation type; "auto" is bf16 only if the device gains from it."""
    import torch

    if precision == "fp32":
        return torch.float32
    if precision == "bf16":
        return torch.bfloat16
    if device.type == "cuda":
        gains = torch.cuda.get_device_capability(device) >= (8, 0)
    else:
        cpuinfo = Path("/proc/cpuinfo")
        flags = set(cpuinfo.read_text().split()) if cpuinfo.exists() else set()
        gains = bool(flags & {"amx_bf16", "avx512_bf16"})
    return torch.bfloat16 if gains else torch.float32


def repeatable(device: "torch.device", dtype: "torch.dtype") -> None:
    """Make a GPU give the same bits each time, and compute float32 as float32 if that is asked.

    Args:
        dtype: Type of the activations; with bfloat16, the rest may use TF32.
    """
    import torch

    if device.type == "cuda":
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
        # not fp32_precision, which came with torch 2.9: torch.compile fails with it (#166387)
        torch.backends.cudnn.allow_tf32 = dtype == torch.bfloat16
        torch.backends.cuda.matmul.allow_tf32 = dtype == torch.bfloat16


def upload(tensor: "torch.Tensor", device: "torch.device") -> "torch.Tensor":
    """Copy a CPU tensor to a device without waiting for the device's queue."""
    if device.type == "cuda":
        # only copies from pinned memory are asynchronous
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def is_out_of_memory(error: Exception) -> bool:
    """Return whether an error means that a device ran out of memory."""
    import torch

    # the CPU's allocator has no error class of its own
    known = isinstance(error, (MemoryError, torch.OutOfMemoryError))
    return known or "DefaultCPUAllocator" in str(error)


def peak_memory(device: "torch.device") -> int:
    """Return bytes used at most, of the GPU or else the process; 0 if the system does not tell."""
    import torch

    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "win32":
        return 0
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def ordered_map(
    work: Callable[[T], R],
    things: Iterable[T],
    *,
    workers: int | None = None,
    ahead: int | None = None,
) -> Generator[R, None, None]:
    """Yield results in the order of the things, of which there may be no end.

    Args:
        workers: Number of threads; one per core if not given.
        ahead: Greatest number of things in work or waiting to be taken; 4 per thread if not given.
    """
    workers = workers or cores()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="sgtool-data")
    try:
        rest = iter(things)
        first = islice(rest, ahead or 4 * workers)
        pending: deque[Future[R]] = deque(pool.submit(work, thing) for thing in first)
        while pending:
            result = pending.popleft().result()
            for thing in islice(rest, 1):
                pending.append(pool.submit(work, thing))
            yield result
    finally:
        pool.shutdown(cancel_futures=True)


def keep_freed_memory() -> None:
    """Make the C library keep freed memory instead of handing it back to the system.

    Otherwise large CPU tensors are mapped and cleared again for every operation, which takes up to
    a quarter of a training step. Linux with glibc only; elsewhere nothing happens.
    """
    if not sys.platform.startswith("linux"):
        return
    trim_threshold, top_pad, mmap_max = -1, -2, -4
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(mmap_max, 0)
        mallopt(trim_threshold, 2**31 - 1)
        mallopt(top_pad, 2**28)


@dataclass(frozen=True, kw_only=True)
class World:
    """This process among the processes of a run (`torchrun`)."""

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def mean_(self, tensor: "torch.Tensor") -> "torch.Tensor":
        """Replace a tensor by its mean over all processes."""
        if self.size > 1:
            import torch.distributed as dist

            dist.all_reduce(tensor)
            tensor /= self.size
        return tensor

    def barrier(self) -> None:
        """Wait until all processes are here."""
        if self.size > 1:
            import torch.distributed as dist

            dist.barrier()

    def gather(self, value: T) -> list[T]:
        """Return the values of all processes, by rank; the same list in each."""
        if self.size == 1:
            return [value]
        import torch.distributed as dist

        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values

    def any(self, claim: bool) -> bool:
        """Return whether the claim holds in any process."""
        if self.size == 1:
            return claim
        import torch
        import torch.distributed as dist

        flag = torch.tensor(float(claim))
        if dist.get_backend() == "nccl":
            flag = flag.cuda()
        dist.all_reduce(flag, dist.ReduceOp.MAX)
        return bool(flag.item())


def process_count() -> int:
    """Return the number of processes `torchrun` started; 1 without it.

    Raises:
        UsageError: The launcher's variables are not numbers.
    """
    if not {"RANK", "WORLD_SIZE", "MASTER_ADDR"} <= os.environ.keys():
        return 1
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_PORT"):
        value = os.environ.get(name, "0")
        if not (value.isascii() and value.isdigit() and len(value) < 10):
            raise UsageError(
                f"{name}: {value!r} is not a whole number; torchrun sets it, so start with "
                "torchrun, or unset RANK and WORLD_SIZE to train with one process"
            )
    return max(1, int(os.environ["WORLD_SIZE"]))


@contextmanager
def world(device: "torch.device | Callable[[], torch.device]") -> Iterator[World]:
    """Join the processes that `torchrun` started; without it, yield a world of one.

    Args:
        device: A device, or a function that returns it, called if there are several processes.
    """
    if process_count() == 1:
        yield World()
        return
    import torch
    import torch.distributed as dist

    place = device() if callable(device) else device
    if place.type == "cuda":
        torch.cuda.set_device(place)
    try:
        dist.init_process_group("nccl" if place.type == "cuda" else "gloo")
    except (ValueError, RuntimeError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise UsageError(
            f"the processes cannot connect to each other ({reason}); check RANK, WORLD_SIZE, "
            "MASTER_ADDR and MASTER_PORT, or start them with torchrun"
        ) from None
    try:
        yield World(rank=dist.get_rank(), size=dist.get_world_size())
    finally:
        dist.destroy_process_group()
