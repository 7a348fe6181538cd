"""The progress line of a training run."""

import time

import pytest

from stylegan_cli.cli.ticks import Pace, show_events, threads_line, time_left
from stylegan_cli.training.events import Begun, Measured, Stepped, Ticked
from stylegan_cli.training.trial import Threads

STATS = {"sec_per_kimg": 50.0, "loss_g": 1.5, "loss_d": 0.75, "score_real": 2.0, "pl_length": 0.1}


def begun(kimg=0.0, **facts):
    return Begun(kimg=kimg, total_kimg=100.0, seconds=0.0, **facts)


def stepped(kimg):
    return Stepped(kimg=kimg, total_kimg=100.0)


def ticked(kimg, **facts):
    return Ticked(kimg=kimg, total_kimg=100.0, stats=STATS, seconds=0.0, **facts)


def after(*events, seconds=0.0):
    """Pace after events, of which the last took so many seconds."""
    pace = Pace()
    for event in events[:-1]:
        pace.see(event)
    pace.since = pace.since[0] - seconds, pace.since[1]
    pace.see(events[-1])
    return pace


@pytest.mark.parametrize(
    ("seconds", "text"), [(5000.0, "1:23:20 left"), (149.2, "0:02:30 left"), (0.0, "done")]
)
def test_time_left_is_in_hours_minutes_and_seconds(seconds, text):
    assert time_left(seconds) == text


def test_the_first_tick_is_estimated_from_its_steps():
    assert after(begun()).estimates == ("first tick",)
    pace = after(begun(), stepped(0.5), seconds=10)
    assert pace.progress == "0.50 of 100 kimg"
    assert pace.seconds_per_kimg == pytest.approx(20, rel=0.05)
    assert pace.estimates[1].startswith("0:33:")


def test_a_tick_just_begun_has_the_pace_of_the_last():
    pace = after(begun(), ticked(1.0), stepped(1.1), seconds=50)
    assert pace.progress == "1.10 of 100 kimg"
    assert pace.estimates == ("50 s/kimg", "1:22:25 left")


def test_a_tick_half_done_has_a_pace_of_its_own():
    pace = after(begun(), ticked(1.0), stepped(1.5), seconds=50)
    assert pace.seconds_per_kimg == pytest.approx(100, rel=0.05)


def test_time_of_measuring_is_no_time_of_training():
    pace = after(begun(), ticked(1.0, is_due=True), Measured(kimg=1.0, values={}), seconds=500)
    pace.see(stepped(1.5))
    assert pace.seconds_per_kimg == pytest.approx(0, abs=1)


@pytest.mark.parametrize("width", [59, 99])
def test_the_line_fits_and_leaves_out_losses_first(width):
    pace = after(begun(), ticked(97.5))
    line = pace.line(width)
    assert line.startswith("97.5 of 100 kimg · 50 s/kimg · 0:02:05 left")
    assert len(line) <= width
    assert ("G 1.5" in line) == (width >= 48)
    assert ("pl 0.1" in line) == (width > 80)


def test_a_resumed_run_says_where(capsys):
    show_events([begun(1.4, resumed=True, threads=Threads(count=2, before=2))])
    assert capsys.readouterr().err == "2 threads; choose with --threads\nresuming at 1.4 kimg\n"


def test_steps_give_a_line_after_a_while_where_no_terminal_is(capsys, monkeypatch):
    def events():
        yield begun()
        yield stepped(0.1)
        monkeypatch.setattr(time, "monotonic", lambda now=time.monotonic: now() + 26)
        yield stepped(0.2)
        yield stepped(0.3)

    show_events(events())
    lines = capsys.readouterr().err.splitlines()
    assert [line.split("   ")[0] for line in lines] == ["0.20 of 100 kimg"]


@pytest.mark.parametrize(
    ("threads", "words"),
    [
        (Threads(count=1, seconds={2: 0.5, 1: 0.25}), "1 thread, as a step took 0.25 s (2: 0.5 s)"),
        (Threads(count=4, before=2), "4 threads, but the run had 2 so far: the last bits"),
        (Threads(count=4), "4 threads; choose with --threads"),
    ],
)
def test_threads_come_with_their_reason(threads, words):
    assert threads_line(threads).startswith(words)
