"""Traces of some iterations, to see what takes the time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile, schedule

from stylegan_cli.files import writing, written_whole

WARM_UP = 4
"""Iterations before the trace, in which memory is allocated and kernels are chosen."""
ROWS = 40


@dataclass(kw_only=True)
class Tracer:
    """A tracer of iterations of a session, shortly after its start.

    Attributes:
        count: Number of iterations; 0 traces none.
        folder: Place of `trace.json`, for chrome://tracing or ui.perfetto.dev, and of
            `operations.txt`, the most expensive operations.
        files: Files written since they were last taken.
    """

    count: int
    folder: Path
    device: torch.device
    files: list[Path] = field(default_factory=list)
    _profile: profile | None = None

    @contextmanager
    def iteration(self) -> Iterator[None]:
        """Count the body as an iteration.

        Raises:
            OutputError: The folder cannot be written.
        """
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
        """Return the files written since the last call."""
        taken, self.files = self.files, []
        return taken

    def _started(self) -> profile:
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

    def _write(self, done: profile) -> None:
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
