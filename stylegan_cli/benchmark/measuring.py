"""Measurements of a case: memory once, then all contenders timed in turns."""

import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from stylegan_cli.benchmark.steps import GENERATE, BenchmarkCase, BenchmarkForm, generation
from stylegan_cli.runtime import is_out_of_memory, pick_dtype
from stylegan_cli.training.acceleration import Acceleration, take_news
from stylegan_cli.training.trial import Steps, Trial, kinds

Clock = Callable[[], float]


def interleaved(
    contenders: Mapping[str, Mapping[str, Callable[[], object]]],
    rounds: int,
    *,
    clock: Clock = time.perf_counter,
    repeats: int = 1,
) -> Iterator[tuple[str, str, float]]:
    """Yield contender, step and seconds of every step of every contender, in turns: A B C, A B C, …

    Args:
        repeats: Steps in a row per time, without waiting for the device between
            them.
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
                    yield contender, step, took


def repeats_on(device: torch.device) -> int:
    """Return the number of steps in a row that overlap work of CPU and device."""
    return 8 if device.type == "cuda" else 1


def wall_clock(device: torch.device) -> Clock:
    """Return a clock in seconds that waits for a GPU to finish."""
    if device.type != "cuda":
        return time.perf_counter

    def finished() -> float:
        torch.cuda.synchronize(device)
        return time.perf_counter()

    return finished


@dataclass(frozen=True, kw_only=True)
class Contender:
    """Steps ready to run.

    Attributes:
        plain: The same steps operation by operation, if a step is compiled or captured.
        warmup: Steps that run once before anything is timed.
        held_bytes: Bytes that stay in memory from step to step.
        notes: Requests that were not followed, in words.
    """

    steps: Steps
    plain: Steps = field(default_factory=dict)
    warmup: Sequence[str] = ()
    held_bytes: Callable[[], int] = int
    notes: Callable[[], Sequence[str]] = list


@dataclass(frozen=True, kw_only=True)
class Result:
    """Measurements of a case so far.

    Attributes:
        memory_bytes: Peak bytes of tensors in training, by contender.
        seconds: All times, by contender and step.
        left_out: Reasons for missing contenders.
        notes: Requests that were not followed, by contender.
    """

    case: BenchmarkCase
    memory_bytes: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    notes: dict[str, Sequence[str]] = field(default_factory=dict)


def benchmark(
    cases: Sequence[BenchmarkCase],
    forms: Sequence[BenchmarkForm],
    device: torch.device,
    *,
    rounds: int,
) -> Iterator[tuple[str, Result]]:
    """Measure cases in all forms; yields the step just done, and what was measured so far."""
    for case in cases:
        makers = {form.name: partial(contender, case, form, device) for form in forms}
        yield from measure(Result(case=case), makers, device, rounds=rounds)


def step_count(
    cases: Sequence[BenchmarkCase], forms: Sequence[BenchmarkForm], *, rounds: int
) -> int:
    """Return how often `benchmark` yields."""
    each = [len(forms) * (1 + len(kinds(case.recipe.loss))) for case in cases]
    return sum(each) * (1 + rounds)


def contender(case: BenchmarkCase, form: BenchmarkForm, device: torch.device) -> Contender:
    """Return the networks of a case in a form."""
    training = Trial(
        case.recipe,
        case.stage,
        device,
        pick_dtype(form.precision, device),
        Acceleration(engine=form.engine, backend=form.backend),
    )
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
        notes=partial(take_news, training.engine),
    )


def measure(
    result: Result,
    makers: Mapping[str, Callable[[], Contender]],
    device: torch.device,
    *,
    rounds: int,
    clock: Clock | None = None,
) -> Iterator[tuple[str, Result]]:
    """Fill a result, leaving out contenders that do not fit into memory.

    Args:
        makers: Functions that make each contender, by name.
        clock: Replaces wall-clock time.
    """
    steps: dict[str, Steps] = {}
    for name, make in makers.items():
        try:
            made = make()
            for step in made.warmup:
                made.steps[step]()
            new_bytes = 0
            for step, run in made.steps.items():
                took = _new_bytes(made.plain.get(step, run), device)
                new_bytes = new_bytes if step == GENERATE else max(new_bytes, took)
                yield f"{name}: {step}", result
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            result.left_out[name] = "out of memory"
            continue
        steps[name], result.notes[name] = made.steps, made.notes()
        result.memory_bytes[name] = made.held_bytes() + new_bytes
    for name, step, seconds in interleaved(
        steps, rounds, clock=clock or wall_clock(device), repeats=repeats_on(device)
    ):
        result.seconds.setdefault(name, {}).setdefault(step, []).append(seconds)
        yield f"{name}: {step}", result


def _new_bytes(step: Callable[[], object], device: torch.device) -> int:
    """Return the most bytes a step held at once beyond those that were there before."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        step()
        return int(torch.cuda.max_memory_allocated(device) - before)
    storages = _LiveStorages()
    with storages:
        step()
    return storages.most


class _LiveStorages(TorchDispatchMode):
    """Bytes of the storages that operations create, as long as each lives."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.held: int = 0
        self.most: int = 0
        self.known: dict[int, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        old = {key for key, _ in _storages((args, kwargs))}
        result = func(*args, **(kwargs or {}))
        for key, storage in _storages(result):
            if key not in old and key not in self.known:
                self.known[key] = storage.nbytes()
                self.held += storage.nbytes()
                self.most = max(self.most, self.held)
                weakref.finalize(storage, self._remove, key)
        return result

    def _remove(self, key: int) -> None:
        self.held -= self.known.pop(key)


def _storages(values: Any) -> list[tuple[int, torch.UntypedStorage]]:
    tensors = (leaf for leaf in tree_leaves(values) if isinstance(leaf, torch.Tensor))
    storages = (tensor.untyped_storage() for tensor in tensors)
    return [(storage._cdata, storage) for storage in storages]
