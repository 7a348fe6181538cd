"""Measurements of a case: work is counted once, then all contenders are timed in turns."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import torch

from stylegan_cli.benchmark.steps import GENERATE, Case, Form, Steps, Training, generation, kinds
from stylegan_cli.benchmark.work import MACHINE, Work, counted, machine_steps
from stylegan_cli.training.memory import is_out_of_memory

Clock = Callable[[], float]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One timing."""

    contender: str
    step: str
    seconds: float


def interleaved(
    contenders: Mapping[str, Mapping[str, Callable[[], object]]],
    rounds: int,
    *,
    clock: Clock = time.perf_counter,
    repeats: int = 1,
) -> Iterator[Sample]:
    """Times of every step of every contender: A B C, A B C, …, each step in each round once.

    Args:
        repeats: Times are the mean of so many steps in a row, as long as a clock that waits for
            a device should not come between them.
    """
    names = dict.fromkeys(step for steps in contenders.values() for step in steps)
    for _ in range(rounds):
        for step in names:
            for contender, steps in contenders.items():
                if step in steps:
                    start = clock()
                    for _ in range(repeats):
                        steps[step]()
                    took = (clock() - start) / repeats
                    yield Sample(contender=contender, step=step, seconds=took)


def repeats_on(device: torch.device) -> int:
    """Steps in a row whose draws on the CPU a device computes along with."""
    return 8 if device.type == "cuda" else 1


def wall_clock(device: torch.device) -> Clock:
    """Seconds; on a GPU, when all that it was given is done."""
    if device.type != "cuda":
        return time.perf_counter

    def finished() -> float:
        torch.cuda.synchronize(device)
        return time.perf_counter()

    return finished


@dataclass(frozen=True, kw_only=True)
class Contender:
    """Steps ready to be taken.

    Attributes:
        plain: The same ones operation by operation, for their work to be counted, where a step is
            something else.
        warmup: Those of them that are taken once before anything is counted or timed.
        held_bytes: Of what stays in memory from step to step.
        notes: What did not go as asked, in words.
    """

    steps: Steps
    plain: Steps = field(default_factory=dict)
    warmup: Sequence[str] = ()
    held_bytes: Callable[[], int] = int
    notes: Callable[[], Sequence[str]] = list


@dataclass(frozen=True, kw_only=True)
class Result:
    """What is known of a case; more from step to step.

    Attributes:
        work: By contender and step.
        held_bytes: By contender.
        seconds: All times, by contender and step.
        left_out: Why contenders are missing.
        notes: What did not go as asked, by contender.
    """

    case: Case
    work: dict[str, dict[str, Work]] = field(default_factory=dict)
    held_bytes: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    notes: dict[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Progress:
    """One step further: what was done, and what is known by now."""

    doing: str
    result: Result


def benchmark(
    cases: Sequence[Case], forms: Sequence[Form], device: torch.device, *, rounds: int
) -> Iterator[Progress]:
    """Measure cases, each in all forms, beside what the machine does at most."""
    for case in cases:
        makers: dict[str, Callable[[], Contender]] = {
            MACHINE: lambda: Contender(steps=machine_steps(device)),
            **{form.name: partial(contender, case, form, device) for form in forms},
        }
        yield from measure(Result(case=case), makers, device, rounds=rounds)


def step_count(cases: Sequence[Case], forms: Sequence[Form], *, rounds: int) -> int:
    """How often `benchmark` yields."""
    machine = len(machine_steps(torch.device("meta")))
    each = [machine + len(forms) * (1 + len(kinds(case.recipe.loss))) for case in cases]
    return sum(each) * (1 + rounds)


def contender(case: Case, form: Form, device: torch.device) -> Contender:
    """Networks of a case in a form."""
    training = Training(case, form, device)
    steps = {GENERATE: generation(case, form, device), **training.steps}
    plain: dict[str, Callable[[], object]] = {}
    if form.engine != "eager":
        by_operation = replace(form, engine="eager")
        plain = {GENERATE: generation(case, by_operation, device), **training.plain_steps}
    return Contender(
        steps=steps,
        plain=plain,
        # the kind with all regularizers runs every kernel
        warmup=[GENERATE, max(training.steps, key=len)],
        held_bytes=training.held_bytes,
        notes=training.notes,
    )


def measure(
    result: Result,
    makers: Mapping[str, Callable[[], Contender]],
    device: torch.device,
    *,
    rounds: int,
    clock: Clock | None = None,
) -> Iterator[Progress]:
    """Fill a result; contenders that do not fit into memory are left out.

    Args:
        makers: Make each contender, by its name.
        clock: Instead of the time that passes.
    """
    steps: dict[str, Steps] = {}
    for name, make in makers.items():
        try:
            made = make()
            for step in made.warmup:
                made.steps[step]()
            works: dict[str, Work] = {}
            for step, run in made.steps.items():
                works[step] = counted(made.plain.get(step, run), device)
                yield Progress(doing=f"{name}: {step}", result=result)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            result.left_out[name] = "out of memory"
            continue
        steps[name], result.work[name] = made.steps, works
        result.held_bytes[name], result.notes[name] = made.held_bytes(), made.notes()
    for sample in interleaved(
        steps, rounds, clock=clock or wall_clock(device), repeats=repeats_on(device)
    ):
        times = result.seconds.setdefault(sample.contender, {})
        times.setdefault(sample.step, []).append(sample.seconds)
        yield Progress(doing=f"{sample.contender}: {sample.step}", result=result)
