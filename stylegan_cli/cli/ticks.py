"""A training run as somebody watches it: a live line on a terminal, a line per tick elsewhere."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from stylegan_cli.cli import console
from stylegan_cli.cli.init_from import lines_of
from stylegan_cli.errors import Interrupted, TrainingError

if TYPE_CHECKING:
    from rich.progress import Progress

    from stylegan_cli.training.alarms import Alarm
    from stylegan_cli.training.tick import Tick

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
"""What of a tick's statistics is shown, and under which short name; the rest is in the file."""


def show_ticks(ticks: "Iterable[Tick]", lost: "list[Alarm] | None" = None) -> None:
    """Run a training to its end and tell how it goes.

    Args:
        lost: Takes the alarms that say that the run is lost; whoever stops the training for them
            has it end in words.

    Raises:
        TrainingError: There are such alarms.
    """
    if lost is None:
        _show(ticks)
        return
    try:
        _show(_gathering(ticks, lost))
    except Interrupted:
        if not lost:
            raise
    if lost:
        raise TrainingError(
            f"ended by --stop-on-alarm: {lost[0].name}; the state is saved. The same command goes "
            "on all the same; other values need another folder"
        )


def _gathering(ticks: "Iterable[Tick]", lost: "list[Alarm]") -> "Iterator[Tick]":
    for tick in ticks:
        lost.extend(alarm for alarm in tick.alarms if alarm.is_fatal)
        yield tick


def _show(ticks: "Iterable[Tick]") -> None:
    if console.on_terminal():
        _show_live(ticks)
        return
    for tick in ticks:
        for line in _lines(tick):
            console.note(line)
        for line in alarms(tick):
            console.warn(line)


def _show_live(ticks: "Iterable[Tick]") -> None:
    with _progress() as bar:
        task = bar.add_task("training", total=None, kimg="0", rate="", numbers="")
        for tick in ticks:
            for line in alarms(tick):
                bar.console.print(f"warning: {line}", style="yellow", soft_wrap=True)
            if tick.metrics:
                bar.console.print(measured(tick), markup=False, soft_wrap=True)
                bar.update(task, rate="")
            if tick.metrics or (tick.alarms and not tick.stats):
                continue
            bar.update(
                task,
                total=tick.total_kimg,
                completed=tick.kimg,
                kimg=f"{tick.kimg:.1f} of {tick.total_kimg:g} kimg",
                rate=_pace(tick),
                numbers=numbers(tick.stats),
            )
            for line in lines_of(tick.transfer) if tick.transfer else ():
                bar.console.print(line, markup=False, soft_wrap=True)
            for path in tick.files:
                bar.console.print(str(path), soft_wrap=True)


def _progress() -> "Progress":
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    def text(name: str) -> TextColumn:
        return TextColumn(f"{{task.fields[{name}]}}", markup=False)

    columns = (BarColumn(bar_width=20), text("kimg"), text("rate"), text("numbers"))
    return Progress(*columns, TimeElapsedColumn(), console=console.rich_console())


def _pace(tick: "Tick") -> str:
    if not tick.stats:
        return "first tick"
    pace = f"{rate(tick.stats)} · {time_left(tick)}"
    return f"{pace} · measuring" if tick.is_due else pace


def _lines(tick: "Tick") -> list[str]:
    lines = [*lines_of(tick.transfer)] if tick.transfer else []
    lines += [f"wrote {path}" for path in tick.files]
    if tick.metrics:
        lines.append(measured(tick))
    if tick.stats:
        lines.append(
            f"{tick.kimg:.1f} of {tick.total_kimg:g} kimg   {rate(tick.stats)}   "
            f"{time_left(tick)}   {numbers(tick.stats)}"
        )
    return lines


def measured(tick: "Tick") -> str:
    """What was measured, and when: `0.2 kimg: fd_alex 12.3`."""
    values = "  ".join(f"{name} {value:.4g}" for name, value in tick.metrics.items())
    return f"{tick.kimg:.1f} kimg: {values}"


def alarms(tick: "Tick") -> list[str]:
    """What goes wrong, when it comes up: `0.2 kimg: collapse: …`."""
    return [f"{tick.kimg:.1f} kimg: {alarm.name}: {alarm.message}" for alarm in tick.alarms]


def rate(stats: Mapping[str, int | float]) -> str:
    """Seconds a thousand images take."""
    return f"{stats['sec_per_kimg']:.3g} s/kimg"


def time_left(tick: "Tick") -> str:
    """How long the run will still take at the pace of its last tick."""
    seconds = math.ceil((tick.total_kimg - tick.kimg) * tick.stats["sec_per_kimg"])
    if seconds <= 0:
        return "done"
    hours, rest = divmod(seconds, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d} left"


def numbers(stats: Mapping[str, int | float]) -> str:
    """How far a growing network is; losses, scores and penalties, short."""
    grown = [f"lod {stats['lod']:.3g}  {stats['resolution']} px"] if "lod" in stats else []
    shown = [f"{short} {stats[name]:.3g}" for name, short in SHOWN.items() if name in stats]
    return "  ".join([*grown, *shown])
