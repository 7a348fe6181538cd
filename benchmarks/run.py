"""Time sgtool and its peers: `python -m benchmarks.run --case 64 --case 256 -o times.json`."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

import torch

from benchmarks.cases import CASES, CPU_CASES, GPU_CASES, case_named, environment
from benchmarks.peer_labml import labml
from benchmarks.peer_lucidrains import lucidrains
from benchmarks.peers import Peer, UnavailableError, contender_of
from benchmarks.report import WorkOf, as_json, as_text
from benchmarks.roofline import MACHINE, Work, machine_steps, with_work
from stylegan_cli.benchmark.measuring import (
    BenchmarkCase,
    BenchmarkForm,
    Contender,
    Result,
    contender,
    forms,
    measure,
)
from stylegan_cli.runtime import keep_freed_memory, pick_device


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
