"""`sgtool bench`: speed and memory of training and drawing on this machine."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import typer

from stylegan_cli import api
from stylegan_cli.cli import completion, console
from stylegan_cli.cli.network import machine
from stylegan_cli.cli.options import QuietFlag, SetFlag, with_flags
from stylegan_cli.errors import Interrupted, UsageError
from stylegan_cli.ranges import parse_ints

Word = TypeVar("Word", bound=str)
DEFAULT = "stylegan2-small"
COLUMNS = ("recipe", "px", "batch", "form", "img/s", "s/kimg", "GiB", "hours")


@with_flags
def bench(
    recipes: Annotated[list[str] | None, typer.Argument(autocompletion=completion.recipes)] = None,
    /,
    assignments: SetFlag = None,
    resolution: str | None = None,
    batch_size: str | None = None,
    precision: str | None = None,
    backend: str | None = None,
    compiled: Annotated[bool, typer.Option("--compile")] = False,
    captured: Annotated[bool, typer.Option("--cuda-graphs")] = False,
    rounds: Annotated[int, typer.Option(min=1)] = 5,
    device: str = "auto",
    output: Annotated[Path | None, typer.Option("--output", "-o")] = None,
    json: bool = False,
    quiet: QuietFlag = False,
) -> None:
    """Measure how fast this machine trains and draws images.

    Prints a line for each recipe, resolution, batch size and form (backend, precision, compiled
    or not): images drawn per second, seconds per thousand images of training, the memory of
    training, and the hours the recipe takes at that resolution. After Ctrl-C, prints the
    measurements so far.

    Args:
        recipes (RECIPE): Recipe files or names. Default: stylegan2-small.
        resolution (LIST): Resolutions, such as 64,128.
        batch_size (LIST): Batch sizes, such as 16,64.
        precision (LIST): fp32, bf16 or both. Default: bf16 too where the device gains from it.
        backend (LIST): auto, ref (the plain form), eager, triton. Default: auto in every precision,
            ref in the first.
        compiled: Also measure compiled training and drawing (experimental; takes minutes).
        captured: Also measure training as CUDA graphs (experimental).
        rounds (N): Rounds to take the median of.
        output (FILE): Also write every sample as JSON.

    Examples:
        sgtool bench
        sgtool bench stylegan2 --resolution 32,64 --set generator.channel_base=2048 -o speed.json
        sgtool bench stylegan1-f progan --resolution 32 --batch-size 16 --backend auto
        sgtool bench stylegan2 --resolution 256 --batch-size 64,16 --device cuda --json
    """
    precisions: list[Literal["fp32", "bf16"]] = _words(precision, "precision", ("fp32", "bf16"))
    backends = _words(backend, "backend", api.BACKENDS)
    written = [
        (name, api.read_recipe(name, changes))
        for name in recipes or [DEFAULT]
        for changes in _variants(assignments or [], resolution)
    ]
    sizes = (
        parse_ints(batch_size, parameter="batch_size", valid=range(1, 2**20))
        if batch_size
        else (None,)
    )
    for _, recipe in written:
        # problems are found before torch is imported
        recipe.settle()
    place = api.pick_device(device)
    if place.type == "cpu":
        api.keep_freed_memory()
    asked: dict[api.EngineName, bool] = {"eager": True, "compiled": compiled, "captured": captured}
    engines = [engine for engine, is_asked in asked.items() if is_asked]
    chosen = api.benchmark_forms(place, precisions, backends, engines)
    here = machine(device)
    cases = [
        case
        for name, recipe in written
        for size in sizes
        for case in api.benchmark_cases(name, recipe.settle(here), batch_size=size)
    ]
    report = _Report(where=api.machine_facts(place), file=output, results=[])
    steps = api.benchmark(cases, chosen, place, rounds=rounds)
    total = api.benchmark_steps(cases, chosen, rounds=rounds)
    try:
        for _, result in console.track(steps, label="steps", total=total):
            report.take(result)
    except KeyboardInterrupt:
        report.tell(json=json)
        raise Interrupted("stopped; these are the measurements so far") from None
    report.tell(json=json)
    for last, hours in api.run_hours(report.results):
        times = ", ".join(f"{took:.1f} with {name}" for name, took in hours.items())
        kimg = last.recipe.train.total_kimg
        console.note(f"{_named(last)}: hours for {kimg:,.0f} kimg: {times}")


@dataclass(frozen=True, kw_only=True)
class _Report:
    """Measurements so far, and their file."""

    where: Mapping[str, object]
    file: Path | None
    results: list["api.BenchmarkResult"]

    def take(self, result: "api.BenchmarkResult") -> None:
        """Add a case if it is new; the previous one is complete then."""
        if result not in self.results:
            self.save()
            self.results.append(result)

    def save(self) -> None:
        if self.file is not None:
            api.write_benchmark(self.file, api.benchmark_document(self.where, self.results))

    def tell(self, *, json: bool) -> None:
        """Print the measurements and what is missing."""
        self.save()
        if json:
            console.echo_json(api.benchmark_document(self.where, self.results))
        else:
            console.echo_table(COLUMNS, [row for result in self.results for row in _rows(result)])
        for result in self.results:
            for name, why in result.left_out.items():
                console.warn(f"{_named(result.case)}: {name} left out: {why}")
            for name, notes in result.notes.items():
                for note in notes:
                    console.warn(f"{_named(result.case)}: {name}: {note}")


def _words(text: str | None, parameter: str, valid: Sequence[Word]) -> list[Word]:
    """Return the words of a list such as `auto,ref`."""
    words = text.split(",") if text is not None else []
    for word in words:
        if word not in valid:
            raise UsageError(
                f"no {word!r}; write one or more of {', '.join(valid)}",
                parameter=parameter,
                value=text,
            )
    return [known for word in words for known in valid if known == word]


def _variants(assignments: Sequence[str], resolutions: str | None) -> list[list[str]]:
    """Return the assignments for each resolution."""
    if resolutions is None:
        return [[*assignments]]
    sides = parse_ints(resolutions, parameter="resolution", valid=range(4, 1025))
    return [[*assignments, f"data.resolution={side}"] for side in sides]


def _named(case: "api.BenchmarkCase") -> str:
    return f"{case.name}, {case.stage.size.value} px, batch {case.stage.batch_size}"


def _rows(result: "api.BenchmarkResult") -> Iterator[tuple[str, ...]]:
    stage = result.case.stage
    for name, found in api.benchmark_summaries(result).items():
        yield (
            result.case.name,
            str(stage.size.value),
            str(stage.batch_size),
            name,
            f"{found.images_per_second:.1f}",
            f"{found.seconds_per_kimg:.1f}",
            f"{found.memory_bytes / 2**30:.2f}",
            f"{found.hours:.1f}",
        )
