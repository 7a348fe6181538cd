"""`sgtool train`: a recipe and images to a run folder."""

import re
import shlex
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stylegan_cli.cli import automatic, completion, console
from stylegan_cli.cli import init_from as starting
from stylegan_cli.cli.console import echo_json
from stylegan_cli.cli.data import say_account
from stylegan_cli.cli.dry_run import show_cost
from stylegan_cli.cli.init_from import FreezeDFlag, FreezeMappingFlag, InitFlag, PartialFlag
from stylegan_cli.cli.options import (
    BackendFlag,
    DeviceFlag,
    JsonFlag,
    OverwriteFlag,
    QuietFlag,
    SetFlag,
    VerboseFlag,
    examples,
)
from stylegan_cli.cli.ticks import show_ticks
from stylegan_cli.errors import UsageError
from stylegan_cli.ops import BackendName

if TYPE_CHECKING:
    from stylegan_cli.recipe import Choice, Settled
    from stylegan_cli.training.acceleration import Conduct, EngineName
    from stylegan_cli.training.alarms import Alarm


CompileFlag = Annotated[
    bool,
    typer.Option("--compile", help="Compile the main phases; minutes at the start, faster after."),
]
GraphsFlag = Annotated[
    bool,
    typer.Option("--cuda-graphs", help="Replay each phase as a CUDA graph; not yet tried out."),
]
ProfileFlag = Annotated[
    int,
    typer.Option(
        "--profile", metavar="N", min=0, help="Trace N iterations into RUN/profile, and go on."
    ),
]


def conduct_of(*, compiled: bool, captured: bool, backend: BackendName, profile: int) -> "Conduct":
    """The flags as one record.

    Raises:
        UsageError: Two of them exclude each other.
    """
    from stylegan_cli.training.acceleration import Conduct

    if compiled and captured:
        raise UsageError("--compile and --cuda-graphs: each is a way of its own; leave one out")
    engine: EngineName = "compiled" if compiled else "captured" if captured else "eager"
    return Conduct(engine=engine, backend=backend, profile=profile)


EXAMPLES = examples(
    "sgtool train",
    "sgtool train stylegan2-small --data people.zip",
    "sgtool train stylegan2 --data photos.zip --set data.resolution=256 -o runs/photos",
    "sgtool train stylegan2 --set data.resolution=512 --dry-run --json",
    "sgtool train --init-from runs/faces --data cats.zip --freeze-d 4",
    "sgtool train stylegan2 --data photos.zip --profile 5",
    "torchrun --nproc-per-node 8 -m stylegan_cli train stylegan2 --data photos.zip",
)
QUICKSTART = "quickstart"


def train(
    recipe: Annotated[
        str | None,
        typer.Argument(
            metavar="RECIPE",
            autocompletion=completion.recipes,
            help="A recipe's file or shipped name; quickstart if not given.",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="PATH", help="Prepared .zip or .h5, or a folder of images."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="The run's folder; runs/RECIPE-DATA if not given.",
        ),
    ] = None,
    assignments: SetFlag = None,
    init_from: InitFlag = None,
    allow_partial: PartialFlag = False,
    freeze_d: FreezeDFlag = 0,
    freeze_mapping: FreezeMappingFlag = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", "-n", help="Print the resolved recipe and its cost, and stop."),
    ] = False,
    device: DeviceFlag = "auto",
    backend: BackendFlag = "auto",
    compiled: CompileFlag = False,
    cuda_graphs: GraphsFlag = False,
    profile: ProfileFlag = 0,
    stop_on_alarm: Annotated[
        bool,
        typer.Option(
            "--stop-on-alarm",
            help="End with exit code 1 at divergence, collapse or a collapsed mapping.",
        ),
    ] = False,
    overwrite: OverwriteFlag = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
    verbose: VerboseFlag = False,
) -> None:
    """Train a network on images.

    Everything goes into the run's folder: recipe.toml, stats.jsonl, pictures, networks and the
    training state. Stop with Ctrl-C, or SIGTERM, which saves the state: the same command goes on
    where it stopped. What goes wrong is said as a warning when it comes up.
    --profile writes trace.json, for ui.perfetto.dev, and operations.txt after a few iterations.
    """
    from stylegan_cli.recipe import load

    overrides = [
        *([f"data.path={data}"] if data else []),
        *starting.assignments(
            init_from, partial=allow_partial, freeze_d=freeze_d, freeze_mapping=freeze_mapping
        ),
        *(assignments or []),
    ]
    source = recipe or str(init_from or QUICKSTART)
    reasons: Mapping[str, Choice] = {}
    if recipe is None and init_from is not None:
        begun = output or Path("runs") / _folder_name(source, data)
        chosen = starting.recipe_of(init_from, begun, overrides)
    else:
        chosen = load(source, overrides)
    folder = output or Path("runs") / _folder_name(source, chosen.data.path)
    if recipe is not None or init_from is None:
        chosen, reasons = automatic.settle(
            source, overrides, device_name=device, run=None if overwrite else folder
        )
    if dry_run:
        show_cost(chosen, device, reasons, json=json)
        return
    conduct = conduct_of(compiled=compiled, captured=cuda_graphs, backend=backend, profile=profile)
    written = _train(
        chosen, folder, device, conduct, overwrite=overwrite, stop_on_alarm=stop_on_alarm
    )
    if json and written:
        echo_json({"run": str(folder), "files": [str(path) for path in written]})
    else:
        for path in written:
            typer.echo(path)


def _train(
    recipe: "Settled",
    folder: Path,
    device_name: str,
    conduct: "Conduct",
    *,
    overwrite: bool,
    stop_on_alarm: bool,
) -> list[Path]:
    from stylegan_cli import api
    from stylegan_cli.runtime import keep_freed_memory, world

    device = api.pick_device(device_name)
    if device.type == "cpu":
        keep_freed_memory()
    with world(device) as processes, _stop_signals() as stopped:
        if not processes.is_first:
            console.set_level("quiet")
        console.note(f"{folder}: training {recipe.title} on {device}")
        dataset = api.training_data(recipe)
        lost: list[Alarm] = []
        whole = f" of {len(dataset.whole)}" if dataset.whole is not dataset else ""
        console.note(f"{recipe.data.path}: {len(dataset)}{whole} images")
        if dataset.account is not None:
            say_account(dataset.account)
        if len(dataset) == 1:
            console.warn("one image is too few to measure diversity and nearest images by")
        wanted = recipe.data.max_images
        if wanted is not None and wanted > len(dataset):
            console.note(f"data.max_images: {wanted}, but there are {len(dataset)}; all are used")
        _name_detector(recipe)
        ticks = api.train(
            recipe,
            dataset,
            folder,
            device=device,
            world=processes,
            conduct=conduct,
            overwrite=overwrite,
            stop=lambda: bool(stopped or lost),
        )
        show_ticks(ticks, lost if stop_on_alarm else None)
        if not processes.is_first:
            return []
        if not stopped:
            _say_what_next(recipe, folder)
    return [
        *sorted(folder.glob("network-*.safetensors"))[-1:],
        *sorted(folder.glob("fakes-*"))[-1:],
    ]


def _say_what_next(recipe: "Settled", folder: Path) -> None:
    """Three commands that show what a finished run is good for."""
    run = shlex.quote(str(folder))
    has_styles = recipe.generator.styles
    study = "mix --rows 0-3 --cols 4-9 --crossover 2,4" if has_styles else "video --interp slerp-z"
    console.note(f"{folder}: done. Next, for example:")
    console.note(f"  sgtool grid --seeds 0-31 --network {run}")
    console.note(f"  sgtool {study} --network {run}")
    console.note(f"  sgtool report {run}")


def _name_detector(recipe: "Settled") -> None:
    from stylegan_cli import api
    from stylegan_cli.detectors import default_detector

    name = recipe.metrics.detector or default_detector("features")
    note = api.detector_note(name, "features") if recipe.metrics.every_ticks else ""
    if note:
        console.note(note)


@contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """Signals to stop received so far; a second Ctrl-C stops at once."""
    received: list[int] = []

    def note(number: int, _: object) -> None:
        if received and number == signal.SIGINT:
            raise KeyboardInterrupt
        received.append(number)
        # on a terminal, the live line is still open
        start = "\n" if console.on_terminal() else ""
        console.note(f"{start}stopping after this step; the state is being saved")

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _folder_name(source: str, data: Path | str | None) -> str:
    name = Path(data).stem if data else "no-data"
    parts = [Path(source).stem] if source == QUICKSTART else [Path(source).stem, name]
    return re.sub(r"[^\w.-]+", "-", "-".join(parts))
