"""`sgtool report`: runs and studies on one page."""

from pathlib import Path
from typing import Annotated

import typer

from stylegan_cli import api
from stylegan_cli.cli import console
from stylegan_cli.cli.options import QuietFlag, with_flags


@with_flags
def report(
    inputs: list[Path],
    /,
    output: Annotated[Path, typer.Option("--output", "-o")] = Path("report.html"),
    fakes: Annotated[int, typer.Option(min=1)] = 40,
    overwrite: bool = False,
    json: bool = False,
    quiet: QuietFlag = False,
) -> None:
    """Show runs, studies and metrics on one self-contained HTML page.

    The page has training curves, fakes over time, pictures of studies, metrics, recipes and
    provenance. Several runs share their charts. A page of the same inputs, or of some of them, is
    replaced.

    Args:
        inputs (RUN|RESULT): Run folders, study folders, .h5 files of studies or directions, folders
            of metrics, or folders of such.
        output (FILE): The page to write.
        fakes (N): At most N pictures of each run's fakes, 0.1 MB each.

    Examples:
        sgtool report runs/people -o people.html
        sgtool report runs/people runs/people-ada -o compared.html
        sgtool report runs/people results/mix-0a1b2c3d results/grid-4e5f6a7b --fakes 20
    """
    opened = api.open_report(_without_videos(inputs))
    steps = api.write_report(opened, output, most_fakes=fakes, overwrite=overwrite)
    for problem in console.track(steps, label="parts of the page", total=None):
        if problem is not None:
            console.warn(problem)
    facts = {"report": str(output), "bytes": output.stat().st_size}
    console.echo_result([output], facts, as_json=json)


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
