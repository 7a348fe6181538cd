"""Time sgtool and its peers: `python -m benchmarks.run --case 64 --case 256 -o times.json`."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.cases import CASES, CPU_CASES, GPU_CASES, case_named, environment
from benchmarks.peer_labml import labml
from benchmarks.peer_lucidrains import lucidrains
from benchmarks.peers import Peer, UnavailableError, contender_of
from benchmarks.roofline import MACHINE, Speed, Work, machine_steps, rates, speeds, with_work
from stylegan_cli.benchmark import (
    GENERATE,
    BenchmarkCase,
    BenchmarkForm,
    Contender,
    Result,
    contender,
    forms,
    measure,
)
from stylegan_cli.benchmark.summary import ITERATION, Summary, record, summaries
from stylegan_cli.runtime import keep_freed_memory, pick_device

PLAIN = "ref fp32"
"""The contender that others are compared with, if it fits into memory."""

WorkOf = Mapping[str, Mapping[str, Work]]
"""Work by contender and step."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print tables, write JSON."""
    options = _parser().parse_args(arguments)
    device = pick_device(options.device)
    if options.malloc == "kept":
        keep_freed_memory()
    torch.manual_seed(0)
    where = environment(options.malloc, device)
    sys.stdout.write("".join(f"{key}: {value}\n" for key, value in where.items()) + "\n")
    results = []
    usual = GPU_CASES if device.type == "cuda" else CPU_CASES
    for case in map(case_named, options.case or usual):
        there, left_out = _peers(case) if device.type == "cpu" else ({}, {})
        result = Result(case=case, left_out=left_out)
        work = _measure(result, there, device, options)
        results.append(as_json(result, there, work))
        sys.stdout.write(as_text(result, there, work) + "\n")
        sys.stdout.flush()
        if options.output:
            options.output.parent.mkdir(parents=True, exist_ok=True)
            found = {"environment": where, "results": results}
            options.output.write_text(json.dumps(found, indent=1) + "\n")


def _peers(case: BenchmarkCase) -> tuple[dict[str, Peer], dict[str, str]]:
    """Return every installed peer, and the reasons for the others; StyleGAN2 only."""
    there, left_out = {}, {}
    known = {"labml-nn": labml, "stylegan2-pytorch": lucidrains}
    for name, build in known.items() if case.recipe.generator.family == "stylegan2" else ():
        try:
            there[name] = build(case)
        except UnavailableError as error:
            left_out[name] = str(error)
    return there, left_out


def _measure(
    result: Result, there: Mapping[str, Peer], device: torch.device, options: argparse.Namespace
) -> WorkOf:
    case, clock = result.case, time.process_time if options.clock == "cpu" else None
    makers: dict[str, Callable[[], Contender]] = {
        MACHINE: lambda: Contender(steps=machine_steps(device)),
        **{form.name: partial(contender, case, form, device) for form in _forms(case, device)},
        **{name: partial(contender_of, peer, case) for name, peer in there.items()},
    }
    work: dict[str, Mapping[str, Work]] = {}
    counting = {name: with_work(make, name, work) for name, make in makers.items()}
    for doing, _ in measure(result, counting, device, rounds=options.rounds, clock=clock):
        sys.stderr.write(f"{datetime.now():%H:%M:%S} {case.name}: {doing}\n")
    return work


def _forms(case: BenchmarkCase, device: torch.device) -> list[BenchmarkForm]:
    """Return the device's forms; on a GPU also compiled and captured, except with augmentation."""
    fixed = device.type == "cuda" and case.recipe.augment.mode == "none"
    return forms(device, engines=("eager", "compiled", "captured") if fixed else ("eager",))


def as_json(result: Result, there: Mapping[str, Peer], work: WorkOf) -> dict[str, Any]:
    """Return every sample, the medians, the roofline, and speeds beside the plain form."""
    found = summaries(result)
    return record(result) | {
        "peak": asdict(rates(result, work)),
        "roofline": {name: [asdict(s) for s in speeds(result, work, name)] for name in found},
        "times_as_fast_as": _baseline(found),
        "speed": {name: _speedups(one, found) for name, one in found.items()},
        "peers": {
            name: {"differs": peer.differs, "parameters": peer.parameters}
            for name, peer in there.items()
        },
    }


def as_text(result: Result, there: Mapping[str, Peer], work: WorkOf) -> str:
    """Return tables of speeds beside the plain form and of times, and notes."""
    found = summaries(result)
    speed = {name: speeds(result, work, name) for name in found}
    sections = (_speed_table(found, speed), _time_table(found), _notes(result, there, work))
    return "\n\n".join("\n".join(lines) for lines in ([_heading(result)], *sections)) + "\n"


def _heading(result: Result) -> str:
    case, rounds = result.case, len(next(iter(result.seconds[MACHINE].values())))
    section = case.recipe.generator
    return (
        f"{case.name}: {section.family}, {case.stage.level} px, channel_base "
        f"{section.channel_base}, channel_max {section.channel_max}, batch "
        f"{case.stage.batch_size}, medians of {rounds} rounds"
    )


def _baseline(found: Mapping[str, Summary]) -> str:
    return PLAIN if PLAIN in found else next(iter(found), "")


def _speedups(one: Summary, found: Mapping[str, Summary]) -> dict[str, float]:
    plain = found[_baseline(found)]
    return {step: plain.seconds[step] / seconds for step, seconds in one.seconds.items()}


def _speed_table(
    found: Mapping[str, Summary], roofline: Mapping[str, tuple[Speed, Speed]]
) -> Iterator[str]:
    shares = ("FLOP/s", "bytes/s", "roofline")
    columns = ("drawing", "img/s", *shares, "training", "s/kimg", *shares, "MiB")
    rows = {}
    for name, one in found.items():
        speed = _speedups(one, found)
        rows[name] = [
            f"{speed[GENERATE]:.2f}",
            f"{one.images_per_second:.1f}",
            *_percent(roofline[name][0]),
            f"{speed[ITERATION]:.2f}",
            f"{one.seconds_per_kimg:.1f}",
            *_percent(roofline[name][1]),
            f"{one.memory_bytes / 2**20:.0f}",
        ]
    return _table(f"times as fast as {_baseline(found)}", columns, rows)


def _time_table(found: Mapping[str, Summary]) -> Iterator[str]:
    steps = list(next(iter(found.values())).seconds)
    rows = {
        name: [f"{one.seconds[step] * 1000:.0f}" for step in steps] for name, one in found.items()
    }
    return _table("ms", steps, rows)


def _percent(speed: Speed) -> list[str]:
    return [f"{share:.0%}" for share in (speed.flops, speed.bytes, speed.roofline)]


def _table(corner: str, columns: Sequence[str], rows: Mapping[str, Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join([corner, *columns])} |"
    yield "|---" * (1 + len(columns)) + "|"
    for name, values in rows.items():
        yield f"| {' | '.join([name, *values])} |"


def _notes(result: Result, there: Mapping[str, Peer], work: WorkOf) -> Iterator[str]:
    limits = rates(result, work)
    peaks = [f"{flops / 1e9:.0f} GFLOP/s {dtype}" for dtype, flops in limits.flops.items()]
    yield f"machine: {', '.join(peaks)}, {limits.bytes / 1e9:.1f} GB/s"
    for name, peer in there.items():
        g, d = (peer.parameters[network] / 1e6 for network in "GD")
        yield f"{name}: G {g:.2f} M, D {d:.2f} M parameters; {peer.differs}"
    for name, why in result.left_out.items():
        yield f"{name} left out: {why}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument(
        "--case",
        action="append",
        choices=CASES,
        metavar="NAME",
        help=f"may be repeated: {', '.join(CPU_CASES)} [all of these on a CPU], "
        f"{', '.join(GPU_CASES)} [all of these on a GPU]",
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda; peers on a CPU only [cpu]")
    parser.add_argument(
        "--clock",
        choices=("wall", "cpu"),
        default="wall",
        help="cpu: CPU time of the process, for a machine with other work [wall]",
    )
    parser.add_argument("--rounds", type=int, default=5, help="timed rounds [5]")
    parser.add_argument(
        "--malloc",
        choices=("default", "kept"),
        default="default",
        help="kept: the process keeps freed memory, for every contender",
    )
    parser.add_argument("-o", "--output", type=Path, help="JSON file with every sample")
    return parser


if __name__ == "__main__":
    main()
