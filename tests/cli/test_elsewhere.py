"""Commands of other programs are answered with ours, as docs/coming-from.md says."""

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from stylegan_cli.cli.app import app
from stylegan_cli.cli.elsewhere import forms
from stylegan_cli.recipe import load

PAGE = (Path(__file__).parents[2] / "docs" / "coming-from.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `([^`]+)` \| `sgtool ([^`]+)`", PAGE, re.MULTILINE)


def answered(command):
    result = CliRunner().invoke(app, shlex.split(command))
    assert (result.exit_code, result.stdout) == (2, "")
    return result.stderr


def parse(words):
    """Take a command line up to the point where the command would run; its parameters."""
    command = get_command(app)
    context = command.make_context("sgtool", list(words))
    while hasattr(command, "resolve_command"):
        rest = [*context._protected_args, *context.args]
        name, command, rest = command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)
    return context.params


@pytest.mark.parametrize(("theirs", "ours"), ROWS)
def test_a_command_of_another_program_is_answered_with_ours(theirs, ours):
    assert f"In sgtool, this is\n\n  sgtool {ours}\n" in answered(theirs)


@pytest.mark.parametrize("ours", [ours for _, ours in ROWS])
def test_the_answer_is_a_command_that_sgtool_takes(ours):
    found = parse(shlex.split(ours))
    if ours.startswith("train"):
        assert load(found["recipe"] or "quickstart", found["assignments"] or ())


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("train --gamma 10", "train --set loss.r1_gamma=10"),
        ("train --snap=10", "train --set report.snapshot_ticks=10"),
        ("train small-data --kimg 100", "train small-data --set train.total_kimg=100"),
        ("train --resume noresume --data a.zip", "train auto --data a.zip"),
        ("train --init-from a --aug=noaug", "train --init-from a --set augment.mode=none"),
        ("grid --seeds 0-3 --trunc 0.7", "grid --seeds 0-3 --psi 0.7"),
        ("mix --rows 0 --cols 1 --styles=0-3", "mix --rows 0 --cols 1 --layers 0-3"),
        ("eval kid50k_full", "eval kid"),
        ("metrics --metrics fid50k_full,kid50k_full", "eval all"),
        ("generate", "grid --seeds 0-15"),
        ("projector --target 'my face.png'", "project 'my face.png' --space w"),
    ],
)
def test_a_single_foreign_word_is_enough(theirs, ours):
    assert f"\n  sgtool {ours}\n" in answered(theirs)


def test_options_that_nothing_replaces_are_named():
    assert "not needed: --workers, --nobench" in answered("train --workers 3 --nobench 1")


def test_several_gpus_are_a_matter_of_torchrun():
    assert "torchrun --nproc-per-node 8 -m stylegan_cli" in answered("train --gpus=8")


@pytest.mark.parametrize("command", ["train --ada-length abc", "generate --pics 1.5 --ckpt a.pt"])
def test_words_where_theirs_have_a_number_are_answered_as_always(command):
    assert "In sgtool" not in answered(command)


@pytest.mark.parametrize("command", ["grid --seeds 0 --sed 1", "trian", "data --source a", "sefa"])
def test_a_word_of_no_program_is_answered_as_always(command):
    assert "In sgtool" not in answered(command)


def test_no_option_of_ours_is_taken_for_a_foreign_one():
    for name, options in forms().items():
        command = get_command(app)
        for part in name.split():
            command = command.commands[part]
        # both exist on both sides, with other values there
        known = {option for each in command.params for option in each.opts}
        known -= {"--network", "--resolution"}
        assert known & {f"--{option}" for option in options} == set(), name
