"""Out of memory: smaller rounds of the same batch."""

import sys

import torch

from stylegan_cli.errors import TrainingError, UsageError
from stylegan_cli.recipe import Settled
from stylegan_cli.runtime import World
from stylegan_cli.training.alarms import Alarm
from stylegan_cli.training.schedule import Share, share_of, stages


def is_out_of_memory(error: Exception) -> bool:
    """Return whether an error means that a device ran out of memory."""
    # the CPU's allocator has no error class of its own
    known = isinstance(error, (MemoryError, torch.OutOfMemoryError))
    return known or "DefaultCPUAllocator" in str(error)


def smaller_batch_per_device(recipe: Settled, share: Share, world: World) -> int:
    """Return a `batch_per_device` of at most half the images at once of a share that failed."""
    at_once = len(share.split()[0])
    # counted at full resolution: memory filled at a small one may hold less than one image there
    for fewer in range(at_once // 2 // 4**share.stage.missing, 0, -1):
        if _comes_out_even(recipe, world, fewer):
            return fewer
    raise TrainingError(
        f"out of memory with {at_once} images at once, and fewer are not possible; the last state "
        "is kept. Choose a smaller `generator.channel_base=…` or `data.resolution=…`, in another "
        "folder"
    )


def memory_error(share: Share, batch_per_device: int) -> TrainingError:
    """Return the error with which one of several processes ends, so that all can resume."""
    return TrainingError(
        f"out of memory with {len(share.split()[0])} images at once; the last state is kept. The "
        f"same command resumes from there with train.batch_per_device={batch_per_device}; under "
        "torchrun, max-restarts=3 restarts it for you"
    )


def memory_alarm(share: Share, batch_per_device: int) -> Alarm:
    """Return the alarm of a run that continues with fewer images at once."""
    return Alarm(
        name="memory",
        message=f"out of memory; continues with {len(share.split()[0])} images at once, "
        f"{share.rounds} times a step; `train.batch_per_device={batch_per_device}` does so from "
        "the start",
    )


def peak_memory(device: torch.device) -> int:
    """Return bytes used at most, of the GPU or else the process; 0 if the system does not tell."""
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
