"""Processes stopped for a while, clocks that go backwards, users without a name or home."""

import os
import signal

import pytest

from tests.faults.commands import COMMANDS, SETTINGS, TRAIN
from tests.faults.trees import tree

NAMES = ("train", "grid", "video", "project", "fid")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_process_that_was_stopped_for_a_while_goes_on(name, server, fresh):
    folder = fresh("whole")
    whole = server.run(folder, COMMANDS[name], settings=SETTINGS)
    expected, folder = tree(folder), fresh("stopped")
    middle = whole.operations // 2
    done = server.run(
        folder, COMMANDS[name], settings=SETTINGS, operation=middle, signal=signal.SIGSTOP
    )
    assert done.codes == [0], done.errors
    assert tree(folder) == expected


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_clock_that_goes_backwards_changes_nothing(name, server, fresh):
    folder = fresh("whole")
    whole = server.run(folder, COMMANDS[name], settings=SETTINGS)
    expected, folder = tree(folder), fresh("late")
    middle = whole.operations // 2
    server.run(folder, COMMANDS[name], settings=SETTINGS, operation=middle)
    done = server.run(folder, COMMANDS[name], settings=SETTINGS, clock=-400 * 86400)
    assert done.codes == [0], done.errors
    assert tree(folder) == expected


@pytest.mark.slow
@pytest.mark.skipif(
    os.name == "nt" or os.geteuid() != 0, reason="only root may become another user"
)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_user_without_name_and_home_can_do_everything(name, server, fresh):
    folder = fresh("nobody")
    for path in (*folder.parents, folder, *folder.rglob("*")):
        if path.owner() == "root" and str(path).startswith("/tmp/"):
            path.chmod(0o777 if path.is_dir() else 0o666)
    settings = {**SETTINGS, "MPLCONFIGDIR": str(folder)}
    done = server.run(folder, COMMANDS[name], settings=settings, user=54321)
    assert done.codes == [0], done.errors


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fid", "train"])
def test_without_a_place_for_the_cache_the_words_say_how_to_give_one(name, server, fresh):
    folder = fresh("nobody")
    for path in (*folder.parents, folder, *folder.rglob("*")):
        if path.owner() == "root" and str(path).startswith("/tmp/"):
            path.chmod(0o777 if path.is_dir() else 0o666)
    settings = {"SGTOOL_CACHE": "", "XDG_CACHE_HOME": "", "MPLCONFIGDIR": str(folder)}
    done = server.run(folder, COMMANDS[name], settings=settings, user=54321)
    assert done.codes == [1]
    assert "error: you have no home folder here; set SGTOOL_CACHE to a folder" in done.errors


@pytest.mark.slow
def test_a_training_that_reaches_nan_keeps_the_last_good_state(server, fresh):
    folder = fresh("nan")
    run = folder / "out"
    first = server.run(folder, [*TRAIN, "--set=train.total_kimg=0.016", "-o", "out"])
    assert first.codes == [0], first.errors
    good = tree(run)["state.pt"]
    broken = ["--set=train.total_kimg=0.064", "--overwrite", "--set=train.lr_g=1e30"]
    again = server.run(folder, [*TRAIN, *broken, "-o", "nan"])
    assert again.codes == [1]
    assert "NaN or infinite" in again.errors
    assert tree(run)["state.pt"] == good
