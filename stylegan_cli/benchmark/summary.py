"""What follows from the times of a case: rates, and shares of what the machine does at most."""

import importlib.metadata
import json
import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import torch

from stylegan_cli.benchmark.measuring import Result
from stylegan_cli.benchmark.steps import GENERATE, Case, kinds
from stylegan_cli.benchmark.work import MACHINE, Rates, Work, machine_rates
from stylegan_cli.files import written_whole
from stylegan_cli.recipe.files import values
from stylegan_cli.training.schedule import stages

ITERATION = "iteration"
"""The mean iteration of training, of all kinds as often as each occurs."""


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


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Medians of one contender.

    Attributes:
        seconds: Of every step, and of the mean iteration.
        memory_bytes: Most that tensors take while training.
        hours: That the recipe takes at this resolution.
    """

    seconds: Mapping[str, float]
    images_per_second: float
    seconds_per_kimg: float
    generation: Speed
    training: Speed
    memory_bytes: int
    hours: float


def rates(result: Result) -> Rates | None:
    """What the machine did at most beside a case; None where that was not timed."""
    seconds = _medians(result, MACHINE)
    return machine_rates(result.work[MACHINE], seconds) if seconds else None


def seconds_of(result: Result, name: str) -> dict[str, float]:
    """Medians of a contender's steps and of the mean iteration; empty until all were timed."""
    seconds = _medians(result, name)
    if not seconds:
        return {}
    shares = _shares(result.case)
    return {**seconds, ITERATION: sum(seconds[step] * share for step, share in shares.items())}


def summaries(result: Result) -> dict[str, Summary]:
    """Of every contender but the machine, as far as all of its steps were timed."""
    limits = rates(result)
    found = {name: seconds_of(result, name) for name in result.work if name != MACHINE}
    return {
        name: _summary(result, name, seconds, limits)
        for name, seconds in found.items()
        if seconds and limits
    }


def run_hours(results: Sequence[Result]) -> Iterator[tuple[Case, dict[str, float]]]:
    """The last case of every run that was timed to its end, and hours of the run by contender.

    Args:
        results: Of the cases of each recipe one after the other.
    """
    hours: dict[str, float] = {}
    for result in results:
        found = {name: summary.hours for name, summary in summaries(result).items()}
        if result.case.stage.from_kimg:
            found = {name: hours[name] + took for name, took in found.items() if name in hours}
        hours = found
        if result.case.stage.lod == stages(result.case.recipe)[-1].lod:
            yield result.case, hours


def _medians(result: Result, name: str) -> dict[str, float]:
    times = result.seconds.get(name, {})
    if times.keys() != result.work.get(name, {}).keys():
        return {}
    return {step: median(samples) for step, samples in times.items()}


def _shares(case: Case) -> dict[str, float]:
    return {step: kind.share for step, kind in kinds(case.recipe.loss).items()}


def _summary(result: Result, name: str, seconds: Mapping[str, float], limits: Rates) -> Summary:
    case, work, shares = result.case, result.work[name], _shares(result.case)
    per_kimg = seconds[ITERATION] / case.stage.batch_size * 1000
    return Summary(
        seconds=seconds,
        images_per_second=case.stage.batch_size / seconds[GENERATE],
        seconds_per_kimg=per_kimg,
        generation=_speed(work, seconds[GENERATE], {GENERATE: 1.0}, limits),
        training=_speed(work, seconds[ITERATION], shares, limits),
        memory_bytes=result.held_bytes[name] + max(work[step].new_bytes for step in shares),
        hours=per_kimg * case.kimg / 3600,
    )


def _speed(
    work: Mapping[str, Work], seconds: float, shares: Mapping[str, float], limits: Rates
) -> Speed:
    """Of several steps together, each as often as its share says."""

    def part(of: Callable[[Work], float]) -> float:
        return sum(share * of(work[step]) for step, share in shares.items()) / seconds

    return Speed(
        seconds=seconds,
        flops=part(lambda each: each.arithmetic_seconds(limits)),
        bytes=part(lambda each: each.traffic_seconds(limits)),
        roofline=part(lambda each: each.floor_seconds(limits)),
    )


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


def document(environment: Mapping[str, object], results: Sequence[Result]) -> dict[str, Any]:
    """Everything that was measured, and where."""
    return {"environment": dict(environment), "results": [record(result) for result in results]}


def write_document(path: Path, content: Mapping[str, Any]) -> None:
    """Write what `document` gave as JSON.

    Raises:
        OutputError: The place cannot be written.
    """
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def record(result: Result) -> dict[str, Any]:
    """Everything that is known of a case."""
    case, limits = result.case, rates(result)
    found = summaries(result)
    return {
        "recipe": case.name,
        "resolution": case.stage.resolution,
        "lod": case.stage.lod,
        "batch_size": case.stage.batch_size,
        "kimg": case.kimg,
        "keys": values(case.recipe),
        "peak": None if limits is None else asdict(limits),
        "contenders": {name: _contender(result, name, found.get(name)) for name in result.seconds},
        "left_out": dict(result.left_out),
    }


def _contender(result: Result, name: str, found: Summary | None) -> dict[str, Any]:
    return {
        **(asdict(found) if found else {}),
        "held_bytes": result.held_bytes[name],
        "notes": list(result.notes[name]),
        "work": {step: _work(work) for step, work in result.work[name].items()},
        "samples": result.seconds[name],
    }


def _work(work: Work) -> Mapping[str, int]:
    return {"flops": work.flops, "bytes": work.bytes, "new_bytes": work.new_bytes}
