"""`sgtool train`: a recipe and images to a run folder."""

import os
import re
import shlex
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from stylegan_cli import api
from stylegan_cli.cli import completion, console
from stylegan_cli.cli.data import say_account
from stylegan_cli.cli.dry_run import show_cost
from stylegan_cli.cli.network import local, machine
from stylegan_cli.cli.options import (
    BackendFlag,
    NetworkFlag,
    OutputFlag,
    QuietFlag,
    SetFlag,
    VerboseFlag,
    with_flags,
)
from stylegan_cli.cli.ticks import show_events
from stylegan_cli.errors import UsageError

QUICKSTART = "quickstart"


@dataclass(frozen=True, kw_only=True)
class TrainFlags:
    """Options of `sgtool train`.

    Attributes:
        data (PATH): Prepared .zip or .h5, a folder of images, shards, parquet, or their address.
        output (FOLDER): The run's folder; runs/RECIPE-DATA if not given.
        init_from (NET): Start from this network, run or address; without RECIPE, with its recipe
            too.
        allow_partial: Start layers that do not fit at random.
        freeze_d (N): Keep N layers of D, the highest resolution first.
        freeze_mapping: Keep the mapping network of G.
        dry_run: Print the settled recipe, its memory and hours, and stop.
        compile: Compile the main phases (experimental): minutes at the start.
        cuda_graphs: Replay each phase as a CUDA graph (experimental).
        threads (N): Threads on a CPU; a new run takes the fastest number by a short trial.
        profile (N): Trace N iterations into RUN/profile.
        stop_on_alarm: End with exit code 1 at divergence, collapse or a collapsed mapping.
    """

    data: str | None = None
    output: OutputFlag = None
    assignments: SetFlag = None
    init_from: NetworkFlag = None
    allow_partial: bool = False
    freeze_d: Annotated[int, typer.Option(min=0)] = 0
    freeze_mapping: bool = False
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n")] = False
    device: str = "auto"
    backend: BackendFlag = "auto"
    compile: bool = False
    cuda_graphs: bool = False
    threads: Annotated[int | None, typer.Option(min=1)] = None
    profile: Annotated[int, typer.Option(min=0)] = 0
    stop_on_alarm: bool = False
    overwrite: bool = False
    json: bool = False
    quiet: QuietFlag = False
    verbose: VerboseFlag = False

    @property
    def acceleration(self) -> "api.Acceleration":
        if self.compile and self.cuda_graphs:
            raise UsageError("`compile` and `cuda_graphs` exclude each other; leave one out")
        return api.Acceleration(
            engine="compiled" if self.compile else "captured" if self.cuda_graphs else "eager",
            backend=self.backend,
            profile=self.profile,
            threads=self.threads,
        )


@with_flags
def train(
    recipe: Annotated[str | None, typer.Argument(autocompletion=completion.recipes)] = None,
    /,
    *,
    flags: TrainFlags,
) -> None:
    """Train a network on images.

    Everything goes into the run's folder: recipe.toml, stats.jsonl, pictures, networks and the
    training state. Ctrl-C, SIGTERM and a closed terminal stop the run and save its state; the same
    command resumes it. Problems are printed as warnings when they arise. --set changes any key of
    the recipe; sgtool recipe keys explains each.
    --profile writes trace.json, for ui.perfetto.dev, and operations.txt after a few iterations.

    Args:
        recipe (RECIPE): File or shipped name of a recipe; quickstart if not given.

    Examples:
        sgtool train
        sgtool train stylegan2-small --data people.zip
        sgtool train stylegan2 --data photos.zip --set data.resolution=256 -o runs/photos
        sgtool train stylegan2 --set data.resolution=512 --dry-run --json
        sgtool train --init-from runs/faces --data cats.zip --freeze-d 4
        sgtool train stylegan2 --data photos.zip --profile 5
        torchrun --nproc-per-node 8 -m stylegan_cli train stylegan2 --data photos.zip
    """
    written, folder = _written(recipe, flags)
    # problems of the recipe and of the images are found before torch is imported
    settled = written.settle()
    idle = api.idle_batch_size(settled) if "train.batch_size" in written.assigned else None
    if idle:
        console.warn(idle)
    dataset = None if flags.dry_run else api.training_data(settled)
    files = api.RunFolder(folder)
    if dataset is not None and not flags.overwrite and files.begun() is not None:
        # and another run in the folder: what was chosen there needs no look at this machine
        begun = api.settle(written, folder, machine=api.Machine())
        files.check(begun.recipe, overwrite=False)
        if _needs_no_torch(begun.recipe, flags) and files.is_finished(
            begun.recipe, dataset.fingerprint
        ):
            _describe_images(begun.recipe, dataset)
            _show_results(begun.recipe, folder, is_done=True, json=flags.json)
            return
    here = machine(flags.device) if written.choices() else api.Machine()
    if dataset is None:
        settlement = api.settle(written, folder, machine=here, anew=flags.overwrite)
        name = recipe or QUICKSTART
        show_cost(settlement, flags.device, recipe_name=name, json=flags.json)
        return
    acceleration = flags.acceleration
    device = api.pick_device(flags.device)
    if device.type == "cpu":
        api.keep_freed_memory()
    with api.world(device) as processes, _stop_signals() as stopped:
        if not processes.is_first:
            console.set_level("quiet")
        settlement = api.settle(
            written, folder, machine=here, world=processes, anew=flags.overwrite
        )
        console.note(f"{folder}: training {settlement.recipe.title} on {device}")
        run = api.Run(
            recipe=settlement.recipe,
            dataset=dataset,
            folder=folder,
            device=device,
            world=processes,
            acceleration=acceleration,
            origin=settlement.origin,
        )
        _describe_images(run.recipe, dataset)
        lost: list[api.Alarm] = []
        events = api.train(run, overwrite=flags.overwrite, stop=lambda: bool(stopped or lost))
        show_events(events, lost if flags.stop_on_alarm else None)
        if processes.is_first:
            _show_results(run.recipe, folder, is_done=not stopped, json=flags.json)


def _needs_no_torch(recipe: "api.Settled", flags: TrainFlags) -> bool:
    """Return whether nothing but the state of a run could tell that there is something to do."""
    usual = flags.acceleration == api.Acceleration() and flags.device in ("auto", "cpu")
    return usual and api.process_count() == 1 and not recipe.metrics.every_ticks


def _written(recipe: str | None, flags: TrainFlags) -> "tuple[api.Recipe, Path]":
    """Return the recipe with its changes, and the folder of the run."""
    origin = None
    if flags.init_from is not None:
        address = api.address_of(flags.init_from)
        if address:
            local(flags.init_from)
        # as recipes name it
        origin = address or str(flags.init_from)
    given = {
        "data.path": flags.data,
        "init.network": origin,
        "init.allow_partial": "true" * flags.allow_partial,
        "init.freeze_d": flags.freeze_d,
        "init.freeze_mapping": "true" * flags.freeze_mapping,
    }
    changes = [f"{key}={value}" for key, value in given.items() if value]
    changes += flags.assignments or []
    if recipe is None and origin is not None:
        folder = flags.output or Path("runs") / _folder_name(origin, flags.data)
        return api.change(api.recipe_of_network(origin, folder), changes), folder
    name = recipe or QUICKSTART
    written = api.read_recipe(name, changes)
    usual = Path("runs") / _folder_name(name, written.values.get("data.path"))
    return written, flags.output or usual


def _show_results(recipe: "api.Settled", folder: Path, *, is_done: bool, json: bool) -> None:
    """Print the paths of the newest network and picture."""
    if is_done:
        _suggest(recipe, folder)
    fakes = sorted(folder.glob("fakes-*"), key=lambda path: path.stat().st_mtime_ns)
    files = [str(path) for path in (*api.snapshots(folder)[-1:], *fakes[-1:])]
    facts = {"run": str(folder), "files": files}
    console.echo_result(files, facts, as_json=json and bool(files))


def _describe_images(recipe: "api.Settled", dataset: "api.Dataset") -> None:
    data = recipe.data
    whole = f" of {len(dataset.whole)}" if dataset.whole is not dataset else ""
    console.note(f"{data.path}: {len(dataset)}{whole} image{'s' * (len(dataset) != 1)}")
    if dataset.account is not None:
        say_account(dataset.account)
    if data.max_images is not None and data.max_images > len(dataset):
        console.note(
            f"data.max_images: {data.max_images}, but there are {len(dataset)}; all are used"
        )
    name = recipe.metrics.detector or api.default_detector("features")
    note = api.detector_note(name, "features") if recipe.metrics.every_ticks else ""
    if note:
        console.note(note)


def _suggest(recipe: "api.Settled", folder: Path) -> None:
    """Print three commands that show the results of a finished run."""
    run = shlex.quote(str(folder))
    has_styles = recipe.generator.styles
    study = "mix --rows 0-3 --cols 4-9 --crossover 2,4" if has_styles else "video --interp slerp-z"
    console.note(f"{folder}: done. Next, for example:")
    console.note(f"  sgtool grid --seeds 0-31 --network {run}")
    console.note(f"  sgtool {study} --network {run}")
    console.note(f"  sgtool report {run}")


@contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """Yield the list of stop signals received so far; a second Ctrl-C stops at once."""
    received: list[int] = []
    # asked now: once it is gone, it no longer counts as one
    terminals = [descriptor for descriptor in (1, 2) if os.isatty(descriptor)]

    def note(number: int, _: object) -> None:
        if received and number == signal.SIGINT:
            raise KeyboardInterrupt
        received.append(number)
        if number == HANGUP:
            _leave(terminals)
        # on a terminal, the live line is still open
        start = "\n" if console.on_terminal() else ""
        console.note(f"{start}stopping after this step; the state is being saved")

    numbers = [signal.SIGINT, signal.SIGTERM]
    # nohup has it ignored, and that stays
    if HANGUP is not None and signal.getsignal(HANGUP) != signal.SIG_IGN:
        numbers.append(HANGUP)
    before = {number: signal.signal(number, note) for number in numbers}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


HANGUP: signal.Signals | None = getattr(signal, "SIGHUP", None)


def _leave(terminals: list[int]) -> None:
    """Write to nowhere from here on: a terminal that is gone answers with errors."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in terminals:
        os.dup2(nowhere, descriptor)


def _folder_name(source: str, data: object) -> str:
    name = Path(str(data)).stem if data else "no-data"
    own = source == QUICKSTART and str(data).startswith("sample:")
    # images of the user make another run than those that sgtool draws
    parts = [Path(source).stem] if own else [Path(source).stem, name]
    return re.sub(r"[^\w.-]+", "-", "-".join(parts))
