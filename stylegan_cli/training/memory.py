"""What is done where a device's memory does not suffice."""

import sys

import torch

from stylegan_cli.errors import TrainingError, UsageError
from stylegan_cli.recipe import Settled
from stylegan_cli.runtime import World
from stylegan_cli.training.alarms import Alarm
from stylegan_cli.training.schedule import Share, share_of, stages


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that a device's memory does not suffice."""
    # the CPU's allocator has no class of error of its own
    known = isinstance(error, (MemoryError, torch.OutOfMemoryError))
    return known or "DefaultCPUAllocator" in str(error)


def smaller_batch_per_device(recipe: Settled, share: Share, world: World) -> int:
    """What memory may suffice for where it did not for a share: at most half as many at once.

    Raises:
        TrainingError: Not even one image of the full resolution is known to fit.
    """
    at_once = len(share.split()[0])
    # meant at full resolution: what fills a small one may be less than one image there
    for fewer in range(at_once // 2 // 4**share.stage.levels, 0, -1):
        if _comes_out_even(recipe, world, fewer):
            return fewer
    raise TrainingError(
        f"out of memory with {at_once} images at once, and fewer do not go; the last state is "
        "kept. Choose a smaller --set generator.channel_base=… or data.resolution, in another "
        "folder"
    )


def begin_anew_words(share: Share, batch_per_device: int) -> str:
    """Why one of several processes ends, and how all go on."""
    return (
        f"out of memory with {len(share.split()[0])} images at once; the last state is kept. The "
        f"same command goes on from there with train.batch_per_device={batch_per_device}; "
        "torchrun --max-restarts 3 gives it by itself"
    )


def memory_alarm(share: Share, batch_per_device: int) -> Alarm:
    """How a run goes on whose memory did not suffice."""
    return Alarm(
        name="memory",
        message=f"out of memory; goes on with {len(share.split()[0])} images at once, "
        f"{share.rounds} times a step, as --set train.batch_per_device={batch_per_device} does "
        "from the start",
    )


def peak_memory(device: torch.device) -> int:
    """Bytes: the GPU's for a GPU, else the process's; 0 where the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "win32":
        return 0
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _comes_out_even(recipe: Settled, world: World, batch_per_device: int) -> bool:
    try:
        for stage in stages(recipe):
            share_of(recipe, stage, world, batch_per_device=batch_per_device)
    except UsageError:
        return False
    return True
