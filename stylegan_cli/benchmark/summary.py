"""Rates of a case, the hours of a run, and the JSON record of a measurement."""

import json
import os
import platform
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import torch

from stylegan_cli.benchmark import GENERATE, BenchmarkCase, Result
from stylegan_cli.files import written_whole
from stylegan_cli.recipe import values
from stylegan_cli.runtime import versions_of
from stylegan_cli.training.schedule import stages
from stylegan_cli.training.trial import kinds

ITERATION = "iteration"
"""The mean training iteration, with each kind weighted by its frequency."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Medians of one contender.

    Attributes:
        seconds: Time of every step, and of the mean iteration.
    """

    seconds: Mapping[str, float]
    images_per_second: float
    seconds_per_kimg: float
    memory_bytes: int
    hours: float


def seconds_of(result: Result, name: str) -> dict[str, float]:
    """Return medians of the steps and of the mean iteration; empty until all are timed."""
    seconds = medians(result, name)
    shares = {step: kind.share for step, kind in kinds(result.case.recipe.loss).items()}
    if not seconds.keys() >= shares.keys() or GENERATE not in seconds:
        return {}
    return {**seconds, ITERATION: sum(seconds[step] * share for step, share in shares.items())}


def summaries(result: Result) -> dict[str, Summary]:
    """Summarize every contender whose steps were all timed."""
    case, found = result.case, {}
    for name in result.seconds:
        if seconds := seconds_of(result, name):
            per_kimg = seconds[ITERATION] / case.stage.batch_size * 1000
            found[name] = Summary(
                seconds=seconds,
                images_per_second=case.stage.batch_size / seconds[GENERATE],
                seconds_per_kimg=per_kimg,
                memory_bytes=result.memory_bytes[name],
                hours=per_kimg * case.kimg / 3600,
            )
    return found


def run_hours(results: Sequence[Result]) -> Iterator[tuple[BenchmarkCase, dict[str, float]]]:
    """Yield the last case of every run that was timed to its end, and its hours by contender.

    Args:
        results: Cases of each recipe, one after the other.
    """
    hours: dict[str, float] = {}
    for result in results:
        found = {name: summary.hours for name, summary in summaries(result).items()}
        if result.case.stage.from_kimg:
            found = {name: hours[name] + took for name, took in found.items() if name in hours}
        hours = found
        if result.case.stage.lod == stages(result.case.recipe)[-1].lod:
            yield result.case, hours


def medians(result: Result, name: str) -> dict[str, float]:
    """Return the median seconds of each step of a contender."""
    return {step: median(samples) for step, samples in result.seconds.get(name, {}).items()}


def environment(device: torch.device, packages: Sequence[str] = ()) -> dict[str, object]:
    """Return date, hardware, versions and settings."""
    path = Path("/proc/cpuinfo")
    cpuinfo = path.read_text() if path.exists() else ""
    found = re.search(r"^model name\s*:(.*)$", cpuinfo, re.MULTILINE)
    facts: dict[str, object] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": device.type,
        "cpu": found[1].strip() if found else platform.processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "bf16_instructions": sorted({"amx_bf16", "avx512_bf16"} & set(cpuinfo.split())),
        "load_average_at_start": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        # variables that change how the C library hands out memory
        "malloc_environment": {
            name: value
            for name, value in os.environ.items()
            if name.startswith("MALLOC_") or name in ("GLIBC_TUNABLES", "LD_PRELOAD")
        },
        "platform": platform.platform(),
        "python": platform.python_version(),
        "versions": versions_of("torch", "numpy", "stylegan_cli", *packages),
    }
    if device.type == "cuda":
        facts |= {"gpu": torch.cuda.get_device_name(device), "cuda": torch.version.cuda}
    return facts


def document(environment: Mapping[str, object], results: Sequence[Result]) -> dict[str, Any]:
    """Return all measurements and where they were made, ready for JSON."""
    return {"environment": dict(environment), "results": [record(result) for result in results]}


def write_document(path: Path, content: Mapping[str, Any]) -> None:
    """Write a document as JSON."""
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def record(result: Result) -> dict[str, Any]:
    """Return all measurements of a case, ready for JSON."""
    case = result.case
    found = summaries(result)
    return {
        "recipe": case.name,
        "resolution": case.stage.size.value,
        "lod": case.stage.lod,
        "batch_size": case.stage.batch_size,
        "kimg": case.kimg,
        "keys": values(case.recipe),
        "contenders": {
            name: {
                **(asdict(found[name]) if name in found else {}),
                "memory_bytes": result.memory_bytes[name],
                "notes": list(result.notes[name]),
                "samples": result.seconds[name],
            }
            for name in result.seconds
        },
        "left_out": dict(result.left_out),
    }
