"""What augmentation adds to a training step: `python -m benchmarks.augment -o augment.json`.

On a CPU the clock is the time the process computes, which other work on the machine does not
count in; on a GPU the time that passes until it is done.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from benchmarks.cases import Case, thin
from benchmarks.environment import environment
from benchmarks.ours import augmented
from benchmarks.timing import Summary, interleaved, summary
from stylegan_cli.runtime import keep_freed_memory, pick_device

ALLOWED = 1.35
"""How many times as long as a plain iteration an augmented one may take."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, write JSON; fails where augmentation takes too long."""
    options = _parser().parse_args(arguments)
    device = pick_device(options.device)
    if device.type == "cpu":
        keep_freed_memory()
    torch.manual_seed(0)
    results = [_measure(thin(size), device, options) for size in options.size or [64, 256]]
    found = {"environment": _environment(device), "p": options.p, "results": results}
    text = json.dumps(found, indent=1) + "\n"
    if options.output:
        options.output.write_text(text, encoding="utf-8")
    ratios = [ratio for result in results for ratio in result["ratio"].values()]
    if max(ratios) > ALLOWED:
        raise SystemExit(f"augmented {max(ratios):.2f} times as long as plain, more than {ALLOWED}")


def _measure(case: Case, device: torch.device, options: argparse.Namespace) -> dict[str, object]:
    reals = torch.rand(case.batch_size, 3, case.resolution, case.resolution, device=device) * 2 - 1
    contenders = augmented(case, reals, options.p)
    times = interleaved(contenders, options.rounds, case.warmup, _say, _clock(device))
    summaries = {name: summary(samples, case.batch_size) for name, samples in times.items()}
    ratio = {kind: _ratio(summaries, kind) for kind in ("fp32", "bf16")}
    for name, found in summaries.items():
        steps = "  ".join(f"{step} {1000 * s:.1f}" for step, s in found.seconds.items())
        sys.stdout.write(f"{case.name}: {name}: ms {steps}\n")
    sys.stdout.write(f"{case.name}: augmented over plain: {ratio}\n")
    seconds = {name: dict(found.seconds) for name, found in summaries.items()}
    return {"case": case.name, "ratio": ratio, "seconds": seconds, "samples": times}


def _ratio(summaries: dict[str, Summary], kind: str) -> float:
    plain, changed = (summaries[f"{name} {kind}"].seconds for name in ("plain", "augmented"))
    return round(changed["iteration"] / plain["iteration"], 3)


def _clock(device: torch.device) -> Callable[[], float]:
    if device.type == "cpu":
        return time.process_time

    def finished() -> float:
        torch.cuda.synchronize(device)
        return time.perf_counter()

    return finished


def _environment(device: torch.device) -> dict[str, object]:
    where = environment("kept" if device.type == "cpu" else "default")
    return where | {"gpu": torch.cuda.get_device_name(device)} if device.type == "cuda" else where


def _say(news: str) -> None:
    sys.stderr.write(f"{news}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.augment", description=__doc__)
    parser.add_argument("--size", type=int, action="append", choices=(64, 256))
    parser.add_argument("--p", type=float, default=0.8, help="probability of each transform [0.8]")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", default="auto")
    parser.add_argument("-o", "--output", type=Path, help="JSON file with every sample")
    return parser


if __name__ == "__main__":
    main()
