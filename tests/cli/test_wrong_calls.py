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
        ("grid", "Missing option '--seeds'. For example: sgtool grid --seeds 0-15"),
        ("data prepare -o a.zip", "For example: sgtool data prepare photos/ -o photos.zip"),
    ],
)
def test_a_wrong_call_is_answered_with_the_choice_meant_or_an_example(command, said):
    result = CliRunner().invoke(app, command.split())
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert "Value error" not in result.stderr
