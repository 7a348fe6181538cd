"""Where a measurement was made."""

import importlib.metadata
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import torch


def environment(device: torch.device, packages: Sequence[str] = ()) -> dict[str, object]:
    """Date, hardware, versions and settings.

    Args:
        packages: Whose versions are told beside ours.
    """
    facts: dict[str, object] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": device.type,
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "bf16_instructions": sorted({"amx_bf16", "avx512_bf16"} & set(_cpuinfo().split())),
        "load_average_at_start": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "malloc_environment": _malloc(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "versions": _versions(("torch", "numpy", "stylegan_cli", *packages)),
    }
    if device.type == "cuda":
        facts |= {"gpu": torch.cuda.get_device_name(device), "cuda": torch.version.cuda}
    return facts


def _versions(packages: Sequence[str]) -> dict[str, str]:
    found = {}
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _malloc() -> dict[str, str]:
    """Variables that change how the C library hands out memory."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith("MALLOC_") or name in ("GLIBC_TUNABLES", "LD_PRELOAD")
    }


def _cpu_model() -> str:
    lines = _cpuinfo().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _cpuinfo() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text() if path.exists() else ""
