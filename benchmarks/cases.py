"""The measured cases, sizes of networks and batches, and the environment of a measurement."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import torch

from stylegan_cli.benchmark import BenchmarkCase, cases
from stylegan_cli.benchmark.summary import environment as machine_facts
from stylegan_cli.recipe import load

PEERS = ("labml-nn", "stylegan2-pytorch", "kornia", "torch-fidelity")
REPOSITORY = Path(__file__).resolve().parent.parent

ADA = ("augment.mode=fixed", "augment.p=0.6")
"""[ADA]'s "bgc" at a probability that small data sets reach."""


def _size(resolution: int, channel_base: int, batch: int, channel_max: int = 512) -> list[str]:
    return [
        f"data.resolution={resolution}",
        f"generator.channel_base={channel_base}",
        f"generator.channel_max={channel_max}",
        f"train.batch_size={batch}",
    ]


def _with_ada(sizes: Mapping[str, list[str]]) -> dict[str, tuple[str, list[str]]]:
    plain = {name: ("stylegan2", size) for name, size in sizes.items()}
    return plain | {f"{name}-ada": ("stylegan2", [*size, *ADA]) for name, size in sizes.items()}


CPU_CASES: Mapping[str, tuple[str, list[str]]] = {
    "64": ("stylegan2", _size(64, 4096, 8, channel_max=128)),
    "256": ("stylegan2", _size(256, 8192, 4)),
    "stylegan1": ("stylegan1-f", [*_size(64, 4096, 8, channel_max=128), "growing.batch_size={}"]),
    "progan": ("progan", [*_size(64, 4096, 8, channel_max=128), "growing.batch_size={}"]),
    "small": ("stylegan2-small", []),
    "256-wide": ("stylegan2", _size(256, 16_384, 4)),
}
GPU_CASES: Mapping[str, tuple[str, list[str]]] = _with_ada(
    {
        "256-batch-64": _size(256, 16_384, 64),
        "256-batch-16": _size(256, 16_384, 16),
        "1024-batch-16": _size(1024, 32_768, 16),
        "1024-batch-4": _size(1024, 32_768, 4),
    }
)
CASES: Mapping[str, tuple[str, list[str]]] = {**CPU_CASES, **GPU_CASES}
"""A recipe and its changes, by name of the case."""


def case_named(name: str) -> BenchmarkCase:
    """Return one of CASES; networks that grow are taken at full size."""
    recipe, overrides = CASES[name]
    return cases(name, load(recipe, overrides))[-1]


def top_channels(case: BenchmarkCase) -> int:
    """Return the number of feature maps at full resolution."""
    section = case.recipe.generator
    return min(section.channel_base // case.stage.level, section.channel_max)


def environment(malloc: str, device: torch.device | None = None) -> dict[str, object]:
    """Return commit, date, hardware, versions and settings."""
    facts = machine_facts(device or torch.device("cpu"), PEERS)
    return {"commit": _commit(), "malloc": malloc, **facts}


def _commit() -> str:
    command = ["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
