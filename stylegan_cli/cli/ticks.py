"""Progress of a training run: a live line on a terminal, a line per tick elsewhere."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from stylegan_cli import api
from stylegan_cli.cli import console
from stylegan_cli.cli.init_from import lines_of
from stylegan_cli.errors import Interrupted, TrainingError

if TYPE_CHECKING:
    from rich.progress import Progress


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

    Raises:
        TrainingError: There are such alarms.
    """
    if lost is None:
        _show(events)
        return
    try:
        _show(_gathering(events, lost))
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
    for event in events:
        for line in lines(event):
            console.note(line)
        for line in alarms(event):
            console.warn(line)


def _show_live(events: "Iterable[api.Event]") -> None:

    with _progress() as bar:
        task = bar.add_task("training", total=None, kimg="0", rate="", numbers="")
        for event in events:
            for line in alarms(event):
                bar.console.print(console.flags(f"warning: {line}"), style="yellow", soft_wrap=True)
            for line in _lasting(event):
                bar.console.print(line, markup=False, soft_wrap=True)
            if isinstance(event, api.Measured):
                bar.update(task, rate="")
            if isinstance(event, api.Begun | api.Ticked):
                ticked = event if isinstance(event, api.Ticked) else None
                bar.update(
                    task,
                    total=event.total_kimg,
                    completed=event.kimg,
                    kimg=f"{event.kimg:.1f} of {event.total_kimg:g} kimg",
                    rate=_pace(ticked) if ticked else "first tick",
                    numbers=numbers(ticked.stats) if ticked else "",
                )


def _progress() -> "Progress":
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    def text(name: str) -> TextColumn:
        return TextColumn(f"{{task.fields[{name}]}}", markup=False)

    columns = (BarColumn(bar_width=20), text("kimg"), text("rate"), text("numbers"))
    return Progress(*columns, TimeElapsedColumn(), console=console.rich_console())


def _pace(tick: "api.Ticked") -> str:
    pace = f"{rate(tick.stats)} · {time_left(tick)}"
    return f"{pace} · measuring" if tick.is_due else pace


def _lasting(event: "api.Event") -> "Iterator[str]":
    """Yield the lines of an event that stay on a terminal, where a bar shows the numbers."""

    if isinstance(event, api.Measured):
        values = "  ".join(f"{name} {value:.4g}" for name, value in event.values.items())
        yield f"{event.kimg:.1f} kimg: {values}"
        return
    if isinstance(event, api.Begun) and event.transfer:
        yield from lines_of(event.transfer)
    yield from (f"wrote {path}" for path in event.files)


def lines(event: "api.Event") -> "Iterator[str]":
    """Yield the lines of an event but for its alarms, such as `0.2 kimg: fd_alex 12.3`."""

    yield from _lasting(event)
    if isinstance(event, api.Ticked):
        yield (
            f"{event.kimg:.1f} of {event.total_kimg:g} kimg   {rate(event.stats)}   "
            f"{time_left(event)}   {numbers(event.stats)}"
        )


def alarms(event: "api.Event") -> "Iterator[str]":
    """Yield a line for each alarm of an event, such as `0.2 kimg: collapse: …`."""

    for alarm in event.alarms if isinstance(event, api.Ticked | api.News) else ():
        yield f"{event.kimg:.1f} kimg: {alarm.name}: {alarm.message}"


def rate(stats: Mapping[str, int | float]) -> str:
    """Return the seconds a thousand images take."""
    return f"{stats['sec_per_kimg']:.3g} s/kimg"


def time_left(tick: "api.Ticked") -> str:
    """Return the time left for the run at the pace of its last tick."""
    seconds = math.ceil((tick.total_kimg - tick.kimg) * tick.stats["sec_per_kimg"])
    if seconds <= 0:
        return "done"
    hours, rest = divmod(seconds, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d} left"


def numbers(stats: Mapping[str, int | float]) -> str:
    """Return the size of a growing network, and losses, scores and penalties, in short."""
    grown = [f"lod {stats['lod']:.3g}  {stats['resolution']} px"] if "lod" in stats else []
    shown = [f"{short} {stats[name]:.3g}" for name, short in SHOWN.items() if name in stats]
    return "  ".join([*grown, *shown])
