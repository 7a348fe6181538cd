"""Time sgtool and its peers: `python -m benchmarks.run --size 64 --size 256 -o times.json`."""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import torch

from benchmarks.cases import Case, cases
from benchmarks.environment import environment
from benchmarks.ours import ours
from benchmarks.peers import peers
from benchmarks.report import Result, as_json, as_text
from benchmarks.timing import interleaved
from stylegan_cli.runtime import keep_freed_memory


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print tables, write JSON."""
    options = _parser().parse_args(arguments)
    if options.malloc == "kept":
        keep_freed_memory()
    torch.manual_seed(0)
    where = environment(options.malloc)
    sys.stdout.write("".join(f"{key}: {value}\n" for key, value in where.items()) + "\n")
    results = []
    for case in (case for size in options.size or [64, 256] for case in cases(size)):
        result = _measure(case, options.rounds or case.rounds)
        results.append(as_json(result))
        sys.stdout.write(as_text(result) + "\n")
        sys.stdout.flush()
        if options.output:
            _write(options.output, {"environment": where, "results": results})


def _measure(case: Case, rounds: int) -> Result:
    reals = torch.rand(case.batch_size, 3, case.resolution, case.resolution) * 2 - 1
    field = peers(case, reals)
    contenders = [*ours(case, reals), *field.contenders]
    times = interleaved(contenders, rounds, case.warmup, lambda news: _say(f"{case.name}: {news}"))
    return Result(case=case, contenders=contenders, times=times, left_out=field.left_out)


def _write(path: Path, content: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")


def _say(news: str) -> None:
    sys.stderr.write(f"{datetime.now():%H:%M:%S} {news}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument(
        "--size", type=int, action="append", choices=(64, 256), help="may be repeated [both]"
    )
    parser.add_argument("--rounds", type=int, help="timed rounds [5 at 64 px, 3 at 256 px]")
    parser.add_argument(
        "--malloc",
        choices=("default", "kept"),
        default="default",
        help="kept: freed memory stays with the process, for every contender",
    )
    parser.add_argument("-o", "--output", type=Path, help="JSON file with every sample")
    return parser


if __name__ == "__main__":
    main()
