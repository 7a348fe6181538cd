"""The environment of a measurement in this repository."""

import subprocess
from pathlib import Path

import torch

from stylegan_cli.benchmark.summary import environment as machine_facts

PEERS = ("labml-nn", "stylegan2-pytorch", "kornia", "torch-fidelity")
REPOSITORY = Path(__file__).resolve().parent.parent


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
