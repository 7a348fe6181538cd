"""Cost of augmentation in a training step: `python -m benchmarks.augment -o augment.json`.

On a CPU the times are CPU times of the process, independent of other work on the machine; on a
GPU they are wall-clock times until the GPU has finished.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.cases import case_named, environment
from stylegan_cli.benchmark import (
    BenchmarkCase,
    BenchmarkForm,
    Precision,
    Result,
    contender,
    measure,
)
from stylegan_cli.benchmark.summary import ITERATION, seconds_of
from stylegan_cli.runtime import keep_freed_memory, pick_device

ALLOWED = 1.35
"""Largest permitted ratio of an augmented iteration to a plain one."""
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, write JSON; fail if augmentation takes too long."""
    options = _parser().parse_args(arguments)
    device = pick_device(options.device)
    if device.type == "cpu":
        keep_freed_memory()
    torch.manual_seed(0)
    results = [
        _measure(case_named(name), device, options) for name in options.case or ("64", "256")
    ]
    where = environment("kept" if device.type == "cpu" else "default", device)
    text = json.dumps({"environment": where, "p": options.p, "results": results}, indent=1) + "\n"
    if options.output:
        options.output.write_text(text, encoding="utf-8")
    ratios = [ratio for result in results for ratio in result["ratio"].values()]
    if max(ratios) > ALLOWED:
        raise SystemExit(f"augmented {max(ratios):.2f} times as long as plain, more than {ALLOWED}")


def _measure(
    case: BenchmarkCase, device: torch.device, options: argparse.Namespace
) -> dict[str, Any]:
    section = replace(case.recipe.augment, mode="fixed", p=options.p)
    changed = replace(case, recipe=replace(case.recipe, augment=section))
    makers = {
        f"{kind} {precision}": partial(contender, each, BenchmarkForm(precision, "auto"), device)
        for precision in PRECISIONS
        for kind, each in (("plain", case), ("augmented", changed))
    }
    result = Result(case=case)
    clock = time.process_time if device.type == "cpu" else None
    for doing, _ in measure(result, makers, device, rounds=options.rounds, clock=clock):
        sys.stderr.write(f"{case.name}: {doing}\n")
    ratio = {precision: _ratio(result, precision) for precision in PRECISIONS}
    sys.stdout.write(f"{case.name}: augmented over plain: {ratio}\n")
    seconds = {name: seconds_of(result, name) for name in makers}
    return {"case": case.name, "ratio": ratio, "seconds": seconds, "samples": result.seconds}


def _ratio(result: Result, precision: Precision) -> float:
    plain, changed = (
        seconds_of(result, f"{kind} {precision}")[ITERATION] for kind in ("plain", "augmented")
    )
    return round(changed / plain, 3)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.augment", description=__doc__)
    parser.add_argument("--case", action="append", choices=("64", "256"), help="[both]")
    parser.add_argument("--p", type=float, default=0.8, help="probability of each transform [0.8]")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", default="auto")
    parser.add_argument("-o", "--output", type=Path, help="JSON file with every sample")
    return parser


if __name__ == "__main__":
    main()
