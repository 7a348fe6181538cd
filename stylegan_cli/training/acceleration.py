"""Acceleration: the part of a run that belongs to the machine, not to the recipe."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from stylegan_cli.errors import UsageError
from stylegan_cli.files import writing, written_whole
from stylegan_cli.ops import BackendName, pick_backend
from stylegan_cli.recipe import Settled
from stylegan_cli.runtime import World

if TYPE_CHECKING:
    import torch
    from torch.profiler import profile

    from stylegan_cli.training.engines import Engine

EngineName = Literal["eager", "compiled", "captured"]


@dataclass(frozen=True, kw_only=True)
class Acceleration:
    """The engine and backend of gradient computation, and tracing.

    Results are bit-identical only with the same engine and backend.

    Attributes:
        engine: Step by step, compiled, or as CUDA graphs.
        profile: Number of iterations to trace into the run's folder.
        threads: Number of threads on a CPU; None chooses.
    """

    engine: EngineName = "eager"
    backend: BackendName = "auto"
    profile: int = 0
    threads: int | None = None


USUAL = Acceleration()
WARM_UP = 4
"""Iterations before a trace, in which memory is allocated and kernels are chosen."""
ROWS = 40
"""Operations in the table of a trace."""


def check_acceleration(
    acceleration: Acceleration, recipe: Settled, device: "torch.device", world: World
) -> None:
    """Raise UsageError if this recipe or this machine does not allow the acceleration."""
    pick_backend(acceleration.backend)
    if acceleration.engine == "eager":
        return
    name = {"compiled": "compile", "captured": "cuda_graphs"}[acceleration.engine]
    if recipe.augment.mode != "none":
        raise UsageError(
            f"`{name}`: augmentation crops and pads each image by chance, which a fixed program "
            f"cannot; leave out `{name}`, or set `augment.mode=none`"
        )
    if acceleration.engine == "compiled":
        from stylegan_cli.networks.drawing import check_compiler

        check_compiler(device)
    elif device.type != "cuda":
        raise UsageError(f"`{name}`: needs a CUDA GPU, but the run is on {device}; leave it out")
    elif world.size > 1:
        raise UsageError(f"`{name}`: works in one process only; leave it out")


def open_engine(name: EngineName, dtype: "torch.dtype") -> "Engine":
    """Return the engine of that name for activations of this type."""
    from stylegan_cli.training.engines import captured, compiled, eager

    if name == "compiled":
        return compiled(dtype)
    return captured() if name == "captured" else eager


def take_news(engine: "Engine") -> list[str]:
    """Return what an engine could not do as asked, since the last call."""
    from stylegan_cli.training.engines import Fixed

    return engine.take_news() if isinstance(engine, Fixed) else []


@dataclass(kw_only=True)
class Tracer:
    """A tracer of iterations of a session, shortly after its start.

    Attributes:
        count: Number of iterations; 0 traces none.
        folder: Place of `trace.json`, for chrome://tracing or ui.perfetto.dev, and of
            `operations.txt`, the most expensive operations.
    """

    count: int
    folder: Path
    device: "torch.device"
    files: list[Path] = field(default_factory=list)
    _profile: "profile | None" = None

    @contextmanager
    def iteration(self) -> Iterator[None]:
        """Count the body as an iteration."""
        if self.count and self._profile is None:
            self._profile = self._started()
        yield
        if self.count and self._profile is not None:
            self._profile.step()
            if self.files:
                # a profiler that waits would slow down the iterations after
                self._profile.stop()
                self.count = 0

    def take_files(self) -> list[Path]:
        taken, self.files = self.files, []
        return taken

    def _started(self) -> "profile":
        from torch.profiler import ProfilerActivity, profile, schedule

        activities = [ProfilerActivity.CPU]
        if self.device.type == "cuda":
            activities.append(ProfilerActivity.CUDA)
        began = profile(
            activities=activities,
            schedule=schedule(wait=WARM_UP - 1, warmup=1, active=self.count, repeat=1),
            on_trace_ready=self._write,
        )
        began.start()
        return began

    def _write(self, done: "profile") -> None:
        with writing(self.folder):
            self.folder.mkdir(exist_ok=True)
        trace, table = self.folder / "trace.json", self.folder / "operations.txt"
        with written_whole(trace) as temporary:
            done.export_chrome_trace(str(temporary))
        by = f"self_{self.device.type}_time_total"
        lines = done.key_averages().table(sort_by=by, row_limit=ROWS, max_name_column_width=60)
        with written_whole(table) as temporary:
            temporary.write_text(f"{self.count} iterations\n{lines}\n", encoding="utf-8")
        self.files += [trace, table]
