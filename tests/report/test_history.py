from pathlib import Path

import pytest

from stylegan_cli.report.history import History, read_history


@pytest.fixture
def stats(tmp_path):
    return tmp_path / "stats.jsonl"


def read(path, text):
    path.write_bytes(text)
    return read_history(path)


def test_a_run_that_is_just_writing_is_no_problem(stats):
    history, problems = read(stats, b'{"kimg": 1, "a": 2}\n{"kimg": 2, "a": 3}\n{"kim')
    assert history.series("a") == ((1, 2), (2, 3))
    assert problems == []


def test_damaged_lines_are_counted_and_left_out(stats):
    text = b'{"kimg": 1, "a": 2}\nnonsense\n[1]\n\xff\n' + b"[" * 100_000 + b'\n{"kimg": 2}\n'
    history, problems = read(stats, text)
    assert len(history.ticks) == 2
    assert problems == [f"{stats}: 4 of 6 lines are not JSON objects and are left out"]


def test_what_is_no_number_is_left_out(stats):
    line = b'{"kimg": 1, "a": NaN, "b": Infinity, "c": "x", "d": true, "e": [1], "f": 5}\n'
    history, _ = read(stats, line.replace(b"}", b', "g": 1' + b"0" * 400 + b"}"))
    assert history.last == {"kimg": 1, "f": 5}


def test_ticks_come_in_order_and_the_later_line_holds(stats):
    history, _ = read(stats, b'{"kimg": 2, "a": 1}\n{"kimg": 1, "a": 2}\n{"kimg": 2, "a": 3}\n')
    assert history.series("a") == ((1, 2), (2, 3))


def test_kimg_follows_from_images(stats):
    assert read(stats, b'{"cur_nimg": 500, "a": 1}\n{"a": 2}\n')[0].series("a") == ((0.5, 1),)


def test_a_run_without_statistics_has_an_empty_history():
    history, problems = read_history(Path("nowhere"))
    assert (history.ticks, history.last, history.names, problems) == ((), {}, (), [])


def test_switches_are_where_the_resolution_changes():
    ticks = [
        {"kimg": float(i), "resolution": float(size)} for i, size in enumerate([8, 8, 16, 16, 32])
    ]
    assert History(ticks=tuple(ticks)).switches() == ((2.0, 16), (4.0, 32))


def test_a_network_that_does_not_grow_has_no_switches():
    assert History(ticks=({"kimg": 1.0}, {"kimg": 2.0})).switches() == ()


def test_alarms_are_told_with_their_time(stats):
    alarm = b'{"kimg": 2, "alarms": [{"name": "collapse", "message": "all the same"}, 7]}\n'
    history, _ = read(stats, b'{"kimg": 1, "alarms": "none"}\n' + alarm)
    assert history.alarms == ((2.0, "collapse: all the same"),)
