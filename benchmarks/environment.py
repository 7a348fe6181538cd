"""Where a measurement was made."""

import importlib.metadata
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import torch

PACKAGES = ("torch", "numpy", "stylegan_cli", "labml-nn", "stylegan2-pytorch", "kornia")
REPOSITORY = Path(__file__).resolve().parent.parent


def environment(malloc: str) -> dict[str, object]:
    """Date, hardware, versions and settings."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "bf16_instructions": _bf16_instructions(),
        "load_average_at_start": os.getloadavg()[0],
        "malloc": malloc,
        "malloc_environment": {
            name: value
            for name, value in os.environ.items()
            if name.startswith("MALLOC_") or name in ("GLIBC_TUNABLES", "LD_PRELOAD")
        },
        "platform": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: version for name in PACKAGES if (version := _version(name))},
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit() -> str:
    command = ["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _cpu_model() -> str:
    lines = _cpuinfo().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _bf16_instructions() -> list[str]:
    return sorted({"amx_bf16", "avx512_bf16"} & set(_cpuinfo().split()))


def _cpuinfo() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text() if path.exists() else ""
