import json
import os
import subprocess
import sys

import pytest

from stylegan_cli.cli import console
from stylegan_cli.cli.console import echo_json, echo_table

WEIRD = "runs/[bold]a[/]:smile:/" + "x" * 200


@pytest.fixture(autouse=True)
def normal_level():
    console.set_level("normal")
    yield
    console.set_level("normal")


def test_paths_are_said_as_they_are(capsys):
    console.note(WEIRD)
    assert capsys.readouterr() == ("", WEIRD + "\n")


@pytest.mark.parametrize(
    ("level", "said"), [("quiet", "cd"), ("normal", "acd"), ("verbose", "abcd")]
)
def test_the_level_decides_what_is_said(level, said, capsys):
    console.set_level(level)
    console.note("a")
    console.detail("b")
    console.warn("c")
    console.error("d")
    lines = capsys.readouterr().err.splitlines()
    assert [line[-1] for line in lines] == list(said)


def test_without_a_terminal_progress_is_a_line_now_and_then(capsys, monkeypatch):
    monkeypatch.setattr(console, "PLAIN_SECONDS", 0.0)
    assert list(console.track("ab", label="grid", total=2)) == ["a", "b"]
    assert list(console.track([3, 4], label="data", total=None, count=int)) == [3, 4]
    left = "grid: 1 of 2, 0:00:00 left\ngrid: 2 of 2, 0:00:00 left\n"
    assert capsys.readouterr() == ("", left + "data: 3\ndata: 7\n")


def test_short_work_without_a_terminal_says_nothing(capsys):
    assert list(console.track("ab", label="grid", total=2)) == ["a", "b"]
    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_progress_is_a_bar_on_stderr(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    assert list(console.track("ab", label="grid [x]", total=2)) == ["a", "b"]
    out, err = capsys.readouterr()
    assert out == ""
    assert "grid [x]" in err


def test_quiet_draws_no_bar(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    console.set_level("quiet")
    assert list(console.track("ab", label="grid", total=2)) == ["a", "b"]
    assert capsys.readouterr() == ("", "")


def test_colours_obey_no_color(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    console.error("x")
    monkeypatch.setenv("NO_COLOR", "1")
    console.error("x")
    coloured, plain = capsys.readouterr().err.splitlines()
    assert "\x1b[" in coloured
    assert plain == "error: x"


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("`crossover=99`: out of range", "--crossover 99: out of range"),
        ("leave `noise_mode` out", "leave --noise-mode out"),
        ("`loop=False`: a circle closes", "--no-loop: a circle closes"),
        ("`overwrite=True` is missing", "--overwrite is missing"),
        ("add `data.resolution=64`", "add --set data.resolution=64"),
        ("`train.lr_g` must be positive", "train.lr_g must be positive"),
        ("run `sgtool weights fetch`", "run `sgtool weights fetch`"),
    ],
)
def test_parameters_are_shown_as_flags(message, shown):
    assert console.flags(message) == shown


def test_control_characters_of_foreign_text_are_escaped(capsys):
    console.note("licence: \x1b]0;title\x07\x9b31m")
    console.echo_table(("name",), [("a\x1b[2Jb\nc",)])
    out, err = capsys.readouterr()
    assert err == "licence: \\x1b]0;title\\x07\\x9b31m\n"
    assert out == "a\\x1b[2Jb\\nc\n"


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["recipe", "keys"]])
def test_a_reader_that_stops_reading_ends_the_command_without_a_word(words):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "stylegan_cli", *words]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    # as a shell counts a program that SIGPIPE ended
    assert (done.returncode, done.stderr) == (141, b"")


ROWS = [("a", 1), ("long [x]", 20)]


def test_a_table_in_a_pipe_is_tab_separated_without_headings(capsys):
    echo_table(("name", "n"), ROWS)
    assert capsys.readouterr() == ("a\t1\nlong [x]\t20\n", "")


def test_a_table_on_a_terminal_is_aligned_under_headings(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    echo_table(("name", "n"), ROWS)
    assert capsys.readouterr().out == "name      n\na         1\nlong [x]  20\n"


def test_json_is_one_document(capsys):
    echo_json({"path": "µ.zip"})
    assert json.loads(capsys.readouterr().out) == {"path": "µ.zip"}


def test_json_has_null_where_a_number_is_none(capsys):
    echo_json({"a": float("nan"), "b": [float("inf"), -float("inf"), 1e308]})
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail) == {
        "a": None,
        "b": [None, None, 1e308],
    }


def test_json_escapes_what_a_terminal_would_obey_and_bytes_that_are_no_text(capsys):
    value = {"\x9b2J": "a\u202eb", "name": "b\udcffad", "kept": "Zürich 像\n"}
    console.echo_json(value)
    out = capsys.readouterr().out
    assert json.loads(out) == value
    assert r'"\u009b2J": "a\u202eb"' in out
    assert r"b\udcffad" in out
    assert "Zürich 像" in out
