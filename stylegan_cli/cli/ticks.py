"""Progress of a training run: a live line on a terminal, a line per tick elsewhere."""

import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from stylegan_cli import api
from stylegan_cli.cli import console
from stylegan_cli.errors import Interrupted, TrainingError

BAR = 20
QUIET_SECONDS = 25.0
"""Longest time without a line where no terminal shows a bar."""
SHOWN = {
    "loss_g": "G",
    "loss_d": "D",
    "score_real": "real",
    "score_fake": "fake",
    "r_t": "r_t",
    "augment_p": "p",
    "r1_penalty": "r1",
    "gp_norm": "gp",
    "pl_length": "pl",
}
"""Statistics shown for a tick, with their short names; the file has all of them."""


def show_events(events: "Iterable[api.Event]", lost: "list[api.Alarm] | None" = None) -> None:
    """Run a training to its end and show its progress.

    Args:
        lost: Takes the fatal alarms, for which the caller stops the training.
    """
    try:
        _show(events if lost is None else _gathering(events, lost))
    except Interrupted:
        if not lost:
            raise
    if lost:
        raise TrainingError(
            f"ended by `stop_on_alarm`: {lost[0].name}; the state is saved. The same command "
            "resumes the run nevertheless; other values need another folder"
        )


def _gathering(events: "Iterable[api.Event]", lost: "list[api.Alarm]") -> "Iterator[api.Event]":
    for event in events:
        if isinstance(event, api.Ticked | api.News):
            lost.extend(alarm for alarm in event.alarms if alarm.is_fatal)
        yield event


def _show(events: "Iterable[api.Event]") -> None:
    if console.on_terminal():
        _show_live(events)
        return
    pace, said = Pace(), time.monotonic()
    for event in events:
        pace.see(event)
        for line in _lasting(event):
            console.note(line)
        is_tick = isinstance(event, api.Ticked)
        if is_tick or (isinstance(event, api.Stepped) and time.monotonic() - said >= QUIET_SECONDS):
            numbers = pace.numbers if is_tick else ()
            console.note("   ".join((pace.progress, *pace.estimates, "  ".join(numbers))).rstrip())
            said = time.monotonic()
        for line in alarms(event):
            console.warn(line)


def _show_live(events: "Iterable[api.Event]") -> None:
    from rich.progress import BarColumn, Progress, TextColumn

    pace = Pace()
    line = TextColumn("{task.description}", markup=False)
    with Progress(BarColumn(BAR), line, console=console.rich_console()) as bar:
        task = bar.add_task("", total=None)
        for event in events:
            pace.see(event)
            for text in alarms(event):
                bar.console.print(console.flags(f"warning: {text}"), style="yellow", soft_wrap=True)
            for text in _lasting(event):
                bar.console.print(text, markup=False, soft_wrap=True)
            bar.update(
                task,
                total=pace.total_kimg,
                completed=pace.kimg,
                description=pace.line(bar.console.width - BAR - 1),
            )


@dataclass(kw_only=True)
class Pace:
    """Progress, pace and numbers of a run, from the events so far.

    Attributes:
        numbers: Size of a growing network, and losses, scores and penalties of the last tick.
        tick: Seconds per kimg of the last tick, and its kimg.
        since: Time and kimg at the end of the last tick.
    """

    kimg: float = 0.0
    total_kimg: float = 0.0
    numbers: tuple[str, ...] = ()
    is_measuring: bool = False
    tick: tuple[float, float] | None = None
    since: tuple[float, float] = (0.0, 0.0)

    def see(self, event: "api.Event") -> None:
        """Take an event into account."""
        if isinstance(event, api.News):
            return
        self.is_measuring = isinstance(event, api.Ticked) and event.is_due
        if isinstance(event, api.Measured):
            self.since = time.monotonic(), self.kimg
            return
        self.kimg, self.total_kimg = event.kimg, event.total_kimg
        if isinstance(event, api.Stepped):
            return
        if isinstance(event, api.Ticked):
            self.tick = event.stats["sec_per_kimg"], event.kimg - self.since[1]
            self.numbers = tuple(_numbers(event.stats))
        self.since = time.monotonic(), event.kimg

    @property
    def progress(self) -> str:
        """Return how much is done."""
        digits = 3 if self.total_kimg < 1 else 2 if self.kimg < 10 else 1
        return f"{self.kimg:.{digits}f} of {self.total_kimg:g} kimg"

    @property
    def estimates(self) -> tuple[str, ...]:
        """Return seconds per kimg and the time left."""
        pace = self.seconds_per_kimg
        if pace is None:
            return ("first tick",)
        found = f"{pace:.3g} s/kimg", time_left((self.total_kimg - self.kimg) * pace)
        return (*found, "measuring") if self.is_measuring else found

    @property
    def seconds_per_kimg(self) -> float | None:
        """Return the pace of the last tick, or of the present one once it tells more."""
        began, kimg = self.since
        done = self.kimg - kimg
        if self.tick is not None and done < self.tick[1] / 4:
            return self.tick[0]
        return (time.monotonic() - began) / done if done > 0 else None

    def line(self, width: int) -> str:
        """Return all that fits into a width; the numbers that do not are left out."""
        text = " · ".join((self.progress, *self.estimates))
        for number in self.numbers:
            if len(text) + 2 + len(number) > width:
                break
            text += f"  {number}"
        return text


def _lasting(event: "api.Event") -> "Iterator[str]":
    """Yield the lines of an event that stay on a terminal, where a bar shows the numbers."""
    if isinstance(event, api.Measured):
        values = "  ".join(f"{name} {value:.4g}" for name, value in event.values.items())
        yield f"{event.kimg:.1f} kimg: {values}"
    if isinstance(event, api.Begun):
        if event.threads is not None:
            yield threads_line(event.threads)
        if event.resumed and event.kimg < event.total_kimg:
            yield f"resuming at {event.kimg:.4g} kimg"
        if event.transfer:
            yield from transfer_lines(event.transfer)
    if not isinstance(event, api.Measured | api.Stepped):
        yield from (f"wrote {path}" for path in event.files)


def transfer_lines(transfer: "api.Transfer") -> Iterator[str]:
    """Yield lines on the weights that are taken, random or frozen."""
    origin = transfer.origin
    shown = f", {origin.kimg:g} kimg" if origin.kimg else ""
    yield (
        f"starts from {origin.path}: {origin.recipe.title}{shown}; "
        f"{len(transfer.taken)} tensors taken"
    )
    yield f"licence of its weights: {origin.licence}"
    yield from origin.notes
    if not origin.has_discriminator:
        yield "it has no discriminator: D starts at random"
    for misfit in transfer.misfits:
        outcome = "is ignored" if misfit.ours is None else "starts at random"
        yield f"does not fit, {outcome}: {misfit.words}"
    if transfer.frozen:
        yield f"frozen: {', '.join(transfer.frozen)}"


def threads_line(threads: "api.Threads") -> str:
    """Return the number of threads and why, such as `1 thread: 0.3 s a step (2: 0.5 s)`."""
    count = f"{threads.count} thread{'s' if threads.count > 1 else ''}"
    if threads.before not in (None, threads.count):
        return (
            f"{count}, but the run had {threads.before} so far: the last bits of its weights will "
            "differ from those of a run that was never stopped"
        )
    others = [
        f"{number}: {seconds:.2g} s"
        for number, seconds in threads.seconds.items()
        if number != threads.count
    ]
    if not others:
        return f"{count}; choose with --threads"
    return (
        f"{count}, as a step took {threads.seconds[threads.count]:.2g} s ({', '.join(others)}); "
        "choose with --threads"
    )


def alarms(event: "api.Event") -> "Iterator[str]":
    """Yield a line for each alarm of an event, such as `0.2 kimg: collapse: …`."""
    for alarm in event.alarms if isinstance(event, api.Ticked | api.News) else ():
        yield f"{event.kimg:.1f} kimg: {alarm.name}: {alarm.message}"


def time_left(seconds: float) -> str:
    """Return the time left in hours, minutes and seconds."""
    whole = math.ceil(seconds)
    if whole <= 0:
        return "done"
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d} left"


def _numbers(stats: Mapping[str, int | float]) -> Iterator[str]:
    if "lod" in stats:
        yield f"lod {stats['lod']:.3g}  {stats['resolution']} px"
    # what rounding leaves of zero is zero
    shown = ((short, round(stats[name], 12)) for name, short in SHOWN.items() if name in stats)
    yield from (f"{short} {value:.3g}" for short, value in shown)
