import errno
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from stylegan_cli import __version__
from stylegan_cli.cli.app import ErrorsInWords, app
from stylegan_cli.errors import DataError, Interrupted, UsageError

SGTOOL = (sys.executable, "-c", "from stylegan_cli.cli.app import main; main()")

HELP_SECONDS = 0.5
"""Of processor time, which other work on the machine does not stretch as it does wall time."""

HEAVY = {"torch", "numpy", "h5py", "PIL", "matplotlib", "pydantic", "rich", "safetensors"}


def sgtool(*words, **kwargs):
    return subprocess.run([*SGTOOL, *words], capture_output=True, text=True, timeout=60, **kwargs)


def commands(command, path=()) -> Iterator[tuple[tuple[str, ...], object]]:
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*path, name))


def failing(error):
    """An app like sgtool whose only command raises."""
    broken = typer.Typer(cls=ErrorsInWords, rich_markup_mode=None)

    @broken.callback()
    def every() -> None: ...

    @broken.command()
    def work() -> None:
        raise error

    return CliRunner().invoke(broken, ["work"])


def test_version_is_printed():
    done = sgtool("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"sgtool {__version__}\n", "")


def test_help_imports_nothing_heavy():
    code = "import sys, stylegan_cli.cli.app as app; print(*{m.split('.')[0] for m in sys.modules})"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not HEAVY & set(loaded.stdout.split())


def test_help_is_quick():
    def cpu_seconds():
        before = os.times()
        assert sgtool("--help").returncode == 0
        after = os.times()
        spent = (after.children_user, after.children_system)
        return sum(spent) - before.children_user - before.children_system

    assert min(cpu_seconds() for _ in range(3)) <= HELP_SECONDS


@pytest.mark.parametrize(
    "path", [path for path, _ in commands(get_command(app))], ids=lambda path: " ".join(path) or "-"
)
def test_every_help_has_an_example_of_itself(path):
    result = CliRunner().invoke(app, [*path, "--help"])
    assert result.exit_code == 0
    assert "  " + " ".join(("sgtool", *path)) in result.stdout.split("Examples:")[1]


@pytest.mark.parametrize("group", [(), ("data",), ("eval",), ("recipe",), ("weights",)])
def test_no_command_is_cut_short_in_the_list_of_commands(group):
    listed = CliRunner().invoke(app, [*group, "--help"]).stdout.partition("Commands:")[2]
    assert listed
    assert "..." not in listed


def test_a_short_flag_asks_for_help_everywhere():
    for path, _ in commands(get_command(app)):
        asked = CliRunner().invoke(app, [*path, "-h"])
        assert (asked.exit_code, asked.stdout[:6]) == (0, "Usage:")


def test_places_for_words_are_written_alike_in_the_usage_of_every_command():
    for path, _ in commands(get_command(app)):
        usage = CliRunner().invoke(app, [*path, "--help"]).stdout.partition("\n\n")[0]
        assert not re.search(r"\[\[|\.\.\.[]}]", usage), path


def test_every_flag_says_what_it_does():
    for path, command in commands(get_command(app)):
        for parameter in command.params:
            assert getattr(parameter, "help", None), (path, parameter.name)


@pytest.mark.parametrize(
    ("words", "suggestion"),
    [
        (("rcipe",), "recipe"),
        (("recipe", "chek"), "check"),
        (("recipe", "list", "--jsn"), "--json"),
    ],
)
def test_a_misspelt_word_is_answered_with_the_right_one(words, suggestion):
    done = sgtool(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert suggestion in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("error", "code", "stderr"),
    [
        (DataError("a[b].zip: empty"), 1, "error: a[b].zip: empty\n"),
        (UsageError("--x: wrong\n--y: wrong"), 2, "error: --x: wrong\nerror: --y: wrong\n"),
        (Interrupted("state saved"), 130, "state saved\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (
            OSError(errno.ENOSPC, "No space left on device", "/data/a.h5"),
            1,
            "error: /data/a.h5: no space left on device; free space there, or write elsewhere"
            " with -o\n",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "/x"),
            1,
            "error: /x: permission denied; change its permissions or choose another place\n",
        ),
        (OSError("unable to open file"), 1, "error: unable to open file\n"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_become_words_and_an_exit_code(error, code, stderr):
    result = failing(error)
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", stderr)


def test_a_mistake_of_ours_keeps_its_traceback():
    assert isinstance(failing(ZeroDivisionError()).exception, ZeroDivisionError)


def test_a_reader_that_leaves_early_ends_it_quietly():
    with subprocess.Popen(
        [*SGTOOL, "recipe", "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_an_interrupt_while_it_starts_ends_it_quietly():
    code = (
        "import signal, typer.main; from stylegan_cli.__main__ import main;"
        # which a process in the background ignores
        "signal.signal(signal.SIGINT, signal.default_int_handler);"
        "typer.main.get_command = lambda _: signal.raise_signal(signal.SIGINT); main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_help_that_finds_no_room_ends_in_words():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*SGTOOL, "--help"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and done.stderr.startswith("error: no space left on device")


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_stream_that_is_closed_does_no_harm(stream):
    code = f"import sys; sys.{stream} = None; from stylegan_cli.cli.app import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "recipe", "list"], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_path_that_is_no_text_is_printed_as_its_bytes(image_folder, tmp_path):
    words = ["data", "prepare", image_folder, "-o", b"\xff.zip", "--resolution", "8", "-q"]
    # the usual locales make Python's stdout strict; tests may run in another one
    settings = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run([*SGTOOL, *words], capture_output=True, env=settings, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, b"\xff.zip\n"), done.stderr


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ({}, {"GOMP_SPINCOUNT": "10000", "KMP_BLOCKTIME": "1"}),
        ({"GOMP_SPINCOUNT": "7"}, {"GOMP_SPINCOUNT": "7", "KMP_BLOCKTIME": "1"}),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, {"OMP_WAIT_POLICY": "ACTIVE"}),
    ],
    ids=["usual", "own spins", "own policy"],
)
def test_threads_without_work_spin_for_a_moment_unless_the_user_says_otherwise(given, left):
    names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
    others = {name: value for name, value in os.environ.items() if name not in names}
    code = f"""
import json, os
from stylegan_cli.cli.app import app
app(["recipe", "list"], standalone_mode=False)
print(json.dumps({{name: os.environ[name] for name in {names} if name in os.environ}}))
"""
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, env=others | given, timeout=60)
    assert json.loads(done.stdout.splitlines()[-1]) == left
