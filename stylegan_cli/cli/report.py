"""`sgtool report`: runs and studies on one page."""

from pathlib import Path
from typing import Annotated

import typer

from stylegan_cli import api
from stylegan_cli.cli import console
from stylegan_cli.cli.console import echo_json
from stylegan_cli.cli.options import JsonFlag, OverwriteFlag, QuietFlag, examples

EXAMPLES = examples(
    "sgtool report runs/people -o people.html",
    "sgtool report runs/people runs/people-ada -o compared.html",
    "sgtool report runs/people results/mix-0a1b2c3d results/grid-4e5f6a7b --fakes 20",
)


def report(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN|RESULT",
            help="Run folders, study folders, .h5 files of studies, folders of metrics.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The page to write.")
    ] = Path("report.html"),
    fakes: Annotated[
        int,
        typer.Option(
            metavar="N", min=1, help="At most N pictures of each run's fakes, 0.1 MB each."
        ),
    ] = 40,
    overwrite: OverwriteFlag = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Show runs, studies and metrics on one self-contained HTML page.

    The page has training curves, fakes over time, pictures of studies, metrics, recipes and
    provenance. Several runs share their charts. A page of the same inputs is replaced.
    """
    opened = api.open_report(_without_videos(inputs))
    steps = api.write_report(opened, output, most_fakes=fakes, overwrite=overwrite)
    for step in console.track(steps, label="parts of the page", total=None):
        if step.problem is not None:
            console.warn(step.problem)
    if json:
        echo_json({"report": str(output), "bytes": output.stat().st_size})
    else:
        typer.echo(output)


def _without_videos(inputs: list[Path]) -> list[Path]:
    """Return the inputs a page can show, or all of them if there is none, to be refused later."""
    videos = [
        path
        for path in inputs
        if api.is_video(path)
        or (path.is_dir() and not [*path.glob("*.h5")] and any(map(api.is_video, path.iterdir())))
    ]
    shown = [path for path in inputs if path not in videos]
    for video in videos if shown else ():
        console.warn(f"{video}: left out: the page does not show videos")
    return shown or inputs
