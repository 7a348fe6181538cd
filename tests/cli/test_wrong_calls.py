import os

import pytest
from typer.testing import CliRunner

from stylegan_cli.cli.app import app


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            "grid --seeds 0 --noise-mode randm",
            "'randm' is not one of 'const', 'random', 'none'; did you mean random?",
        ),
        ("grid --seeds 0 --noise-mode x", "'x' is not one of 'const', 'random', 'none'"),
        ("edit", "Missing option '--direction'. For example: sgtool edit --seeds 0-3"),
        ("data prepare -o a.zip", "For example: sgtool data prepare photos/ -o photos.zip"),
    ],
)
def test_a_wrong_call_is_answered_with_the_choice_meant_or_an_example(command, said):
    result = CliRunner().invoke(app, command.split())
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert "Value error" not in result.stderr


@pytest.mark.parametrize(
    "command",
    [
        "info {}",
        "convert {} a.safetensors",
        "grid --seeds 0 --network {}",
        "grid --seeds 0 --network={}",
        "train --data {}",
        "train --set data.path={}",
        "data prepare images -o {}",
        "discover attribute smile --scores {}",
        "weights add {}",
    ],
)
def test_pipes_are_neither_read_nor_replaced(command, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    result = CliRunner().invoke(app, command.format(pipe).split())
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{pipe}: neither a file nor a folder" in result.stderr
    assert pipe.is_fifo()


def test_a_command_that_nobody_has_is_not_offered_again():
    result = CliRunner().invoke(app, ["eval", "nope"])
    assert result.exit_code == 2 and "In sgtool" not in result.stderr


def test_a_number_below_its_bound_is_refused_in_words():
    result = CliRunner().invoke(app, ["project", "0", "--steps", "0"])
    assert "--steps': must be at least 1" in result.stderr


def test_a_mask_that_is_not_there_is_missed_before_any_work(tmp_path):
    for words in (["project", "0"], ["discover", "channels"]):
        result = CliRunner().invoke(app, [*words, "--mask", f"{tmp_path}/mask.png"])
        assert result.exit_code == 1
        assert f"{tmp_path}/mask.png: there is no such file" in result.stderr


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (["train", ""], "after train"),
        (["grid", "--seeds", "0", "-o", ""], "after -o"),
        (["grid", "--network=", "--seeds", "0"], "--network"),
        (["data", "prepare", "", "-o", "a.zip"], "after prepare"),
        (["convert", "", "a.safetensors"], "after convert"),
    ],
)
def test_an_empty_word_is_no_path(words, place):
    result = CliRunner().invoke(app, words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{place}: an empty value; is a variable of your script unset?" in result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("grid --seeds 1 --seeds 2", "--seeds 1: replaced by --seeds 2"),
        ("grid --psi=1 --psi 0.5", "--psi 1: replaced by --psi 0.5"),
        ("mix --rows 1 --rows --cols 3", "--rows 1: replaced by --rows --cols"),
        ("data prepare images --output a.zip -o b.zip", "--output a.zip: replaced by -o b.zip"),
        ("discover sefa --count 2 --count 3", "--count 2: replaced by --count 3"),
        ("eval ppl --num 2 --num 3", "--num 2: replaced by --num 3"),
        ("video --loop --no-loop", "--loop: replaced by --no-loop"),
    ],
)
def test_an_option_replaced_by_a_later_one_is_named(words, said):
    result = CliRunner().invoke(app, [*words.split(), "--no-such-option"])
    assert result.exit_code == 2 and f"warning: {said}, which comes later" in result.stderr


def test_options_that_repeat_and_switches_may_be_given_twice():
    words = "recipe show stylegan2 --set train.lr_g=1.0 --set train.lr_d=0.5 --json --json"
    result = CliRunner().invoke(app, words.split())
    assert (result.exit_code, result.stderr) == (0, "")


def test_what_follows_two_dashes_or_an_option_is_no_option_given_twice(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["info", "--json", "--", "--json", "--json"])
    assert "--json: " in result.stderr and "replaced" not in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["info", "~/none"],
        ["grid", "--network=~/none"],
        ["grid", "--seeds", "0,~/none/a.h5"],
        ["train", "--set", "data.path=~/none"],
    ],
)
def test_a_home_that_the_shell_left_is_expanded(words, monkeypatch):
    monkeypatch.setenv("HOME", "/home/a\\b")
    result = CliRunner().invoke(app, words)
    assert result.exit_code != 0 and "/home/a\\b/none" in result.stderr
