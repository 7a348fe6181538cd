"""Measurements of a case: memory once, then all contenders timed in turns.

The timed steps are the work of `sgtool train` and `sgtool grid` on a batch.
"""

import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise, product
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from stylegan_cli.networks.drawing import ready_to_draw
from stylegan_cli.networks.execution import Execution
from stylegan_cli.networks.family import build_generator
from stylegan_cli.networks.snapshot import Precision
from stylegan_cli.ops import BackendName
from stylegan_cli.recipe import Settled
from stylegan_cli.rendering.render import to_pixels
from stylegan_cli.runtime import is_out_of_memory, pick_dtype, repeatable
from stylegan_cli.training.acceleration import Acceleration, EngineName, take_news
from stylegan_cli.training.engines import eager
from stylegan_cli.training.schedule import Stage, stages
from stylegan_cli.training.trial import Steps, Trial, kinds

GENERATE = "generate"


@dataclass(frozen=True, kw_only=True)
class BenchmarkCase:
    """Networks of a recipe, grown as far as a stage.

    Attributes:
        kimg: Thousands of images at this stage, including fading in.
    """

    name: str
    recipe: Settled
    stage: Stage
    kimg: float


@dataclass(frozen=True)
class BenchmarkForm:
    """The precision, backend and engine that networks compute with.

    Attributes:
        engine: Computes the gradients of training; "compiled" draws with a compiled network,
            too.
    """

    precision: Precision
    backend: BackendName
    engine: EngineName = "eager"

    @property
    def name(self) -> str:
        engine = "" if self.engine == "eager" else f" {self.engine}"
        return f"{self.backend} {self.precision}{engine}"


def cases(name: str, recipe: Settled, *, batch_size: int | None = None) -> list[BenchmarkCase]:
    """Return the recipe, with another batch size if given, at each resolution it grows through."""
    passed = [
        stage if batch_size is None else replace(stage, batch_size=batch_size)
        for stage in stages(recipe)
    ]
    begins = [*(stage.from_kimg for stage in passed), recipe.train.total_kimg]
    return [
        BenchmarkCase(name=name, recipe=recipe, stage=stage, kimg=end - begin)
        for stage, (begin, end) in zip(passed, pairwise(begins), strict=True)
    ]


def forms(
    device: torch.device,
    precisions: Sequence[Precision] = (),
    backends: Sequence[BackendName] = (),
    engines: Sequence[EngineName] = ("eager",),
) -> list[BenchmarkForm]:
    """Return every precision in every backend with every engine.

    Args:
        precisions: If empty, fp32, and bf16 if the device gains from it.
        backends: If empty, the automatic one, and `ref` in the first precision.
    """
    gains = pick_dtype("auto", device) == torch.bfloat16
    chosen: Sequence[Precision] = precisions or (("fp32", "bf16") if gains else ("fp32",))
    plain = [] if backends else [BenchmarkForm(chosen[0], "ref")]
    taken: Sequence[BackendName] = backends or ("auto",)
    combined = product(taken, engines, chosen)
    return [
        *plain,
        *(BenchmarkForm(precision, backend, engine) for backend, engine, precision in combined),
    ]


def generation(
    case: BenchmarkCase, form: BenchmarkForm, device: torch.device
) -> Callable[[], None]:
    """Return a step that draws a batch of pictures, as `sgtool grid` does."""
    dtype, n = pick_dtype(form.precision, device), case.stage.batch_size
    G = build_generator(case.recipe, c_dim=0, dtype=dtype, backend=form.backend)
    G = G.to(device).eval().requires_grad_(False)
    G.lod = case.stage.lod
    compiled = form.engine == "compiled"
    how = Execution(backend=form.backend, compile=compiled, batch_size=n)
    drawn = ready_to_draw(G, form.precision, how)
    z, c = torch.randn(n, G.z_dim, device=device), torch.zeros(n, 0, device=device)

    def generate() -> None:
        repeatable(device, dtype)
        with torch.no_grad():
            ws = drawn.mapping(z, c).unsqueeze(1).expand(-1, drawn.num_ws, -1)
            to_pixels(drawn.synthesis(ws, "const"))

    return generate


@dataclass(frozen=True, kw_only=True)
class Contender:
    """Steps ready to run.

    Attributes:
        plain: The same steps operation by operation, if a step is compiled or captured.
        warmup: Steps that run once before anything is timed.
        held_bytes: Bytes that stay in memory from step to step.
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
    steps = sum(1 + len(kinds(case.recipe.loss)) for case in cases)
    return steps * len(forms) * (1 + rounds)


def contender(case: BenchmarkCase, form: BenchmarkForm, device: torch.device) -> Contender:
    """Return the networks of a case in a form."""
    training = Trial(
        case.recipe,
        case.stage,
        device,
        pick_dtype(form.precision, device),
        Acceleration(engine=form.engine, backend=form.backend),
    )
    plain = replace(form, engine="eager")
    return Contender(
        steps={GENERATE: generation(case, form, device), **training.steps},
        plain={}
        if form == plain
        else {GENERATE: generation(case, plain, device), **training.iterations(eager)},
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
    clock: Callable[[], float] | None = None,
) -> Iterator[tuple[str, Result]]:
    """Fill a result, leaving out contenders that do not fit into memory.

    Args:
        clock: Replaces wall-clock time, which waits for a GPU to finish.
    """
    steps: dict[str, Steps] = {}
    for name, make in makers.items():
        try:
            made = make()
            for step in made.warmup:
                made.steps[step]()
            new_bytes = 0
            for step, run in made.steps.items():
                held = _new_bytes(made.plain.get(step, run), device)
                new_bytes = new_bytes if step == GENERATE else max(new_bytes, held)
                yield f"{name}: {step}", result
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            result.left_out[name] = "out of memory"
            continue
        steps[name], result.notes[name] = made.steps, made.notes()
        result.memory_bytes[name] = made.held_bytes() + new_bytes
    for name, step, seconds in _timed(steps, rounds, device, clock or partial(_finished, device)):
        result.seconds.setdefault(name, {}).setdefault(step, []).append(seconds)
        yield f"{name}: {step}", result


def _timed(
    contenders: Mapping[str, Steps], rounds: int, device: torch.device, clock: Callable[[], float]
) -> Iterator[tuple[str, str, float]]:
    """Yield contender, step and seconds of every step, in turns: A B C, A B C, …"""
    # on a GPU, several steps in a row overlap its work with that of the CPU
    repeats = 8 if device.type == "cuda" else 1
    names = dict.fromkeys(step for steps in contenders.values() for step in steps)
    for step, (contender, steps) in product(tuple(names) * rounds, contenders.items()):
        if step in steps:
            start = clock()
            for _ in range(repeats):
                steps[step]()
            yield contender, step, (clock() - start) / repeats


def _finished(device: torch.device) -> float:
    """Return the time in seconds once a GPU has finished."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


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
