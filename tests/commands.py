"""Commands, run as from a shell."""

from typer.testing import CliRunner

from stylegan_cli.cli.app import app


def sgtool(*words):
    """Run a command and return its exit code and what it printed."""
    return CliRunner().invoke(app, [*map(str, words)])
