"""`sgtool data inspect`: a survey of a data set and a sheet of its images."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stylegan_cli import api
from stylegan_cli.cli import console
from stylegan_cli.cli.options import QuietFlag, with_flags
from stylegan_cli.ranges import parse_ints

VALUES_SHOWN = 40


@with_flags
def inspect(
    path: str,
    /,
    sheet: Path | None = None,
    seed: int = 0,
    preview: str | None = None,
    overwrite: bool = False,
    json: bool = False,
    quiet: QuietFlag = False,
) -> None:
    """Print what is in a data set, and draw a sample of its images.

    Counts images, sizes, channels, labels, damaged files, and exact and near duplicates. On a
    folder of images, it shows what `prepare` will find.

    Args:
        path (D): Data set, in any form that `prepare` reads.
        sheet (FILE.png): Picture of some of the images; D-sheet.png if not given.
        seed (N): Seed of the choice of images.
        preview (A,B,C): Channels of a stack that the picture shows, counted from 0; the first three
            if not given.

    Examples:
        sgtool data inspect people.zip --sheet sheet.png
        sgtool data inspect photos/ --json
        sgtool data inspect scans.h5 --preview 4,2,1
    """
    channels = None if preview is None else parse_ints(preview, parameter="preview")
    with api.open_sources([path]) as [source]:
        survey = api.Survey()
        total = source.tally().images
        for image in console.track(api.examine(source), label="inspect", total=total):
            survey.add(image)
        report = survey.report(source)
        shown = sheet or _default_sheet(Path(path).resolve())
        picture = api.sample_sheet(source, seed=seed, preview=channels)
        api.write_sheet(picture, shown, source=path, overwrite=overwrite or not sheet)
    if json:
        console.echo_json({"path": path, **asdict(report), "sheet": str(shown)})
    else:
        console.echo_table(("what", "found"), [*_rows(report), ("sheet", shown)])


def _default_sheet(data: Path) -> Path:
    """Return a path in the folder where you are or, where that is one of images, beside it."""
    inside = data in (Path.cwd(), *Path.cwd().parents)
    return (data.parent if inside else Path()) / f"{data.stem}-sheet.png"


def _rows(report: "api.SurveyReport") -> Iterator[tuple[str, Any]]:
    """Yield the report as rows of two columns."""
    yield "images", report.images
    yield "broken", len(report.broken)
    yield from (("broken image", f"{bad['name']}: {bad['reason']}") for bad in report.broken)
    yield "other files", report.ignored
    yield from (
        ("  such as", f"{group.example}: {reason} ({group.count})")
        for reason, group in report.passed.items()
    )
    yield "sizes", _listed(report.sizes)
    yield "channels", _listed(report.channels)
    yield "formats", _listed(report.formats)
    yield "labels", _listed(report.labels)
    yield from (
        (f"label {name}", f"{low:g} to {high:g}, mean {mean:.4g}")
        for name, (low, mean, high) in report.label_columns.items()
    )
    yield "without label", report.unlabelled
    yield from ((f"attribute {key}", _shortened(n)) for key, n in report.attributes.items())
    yield from _duplicate_rows("exact duplicates", report.exact_duplicates)
    yield from _duplicate_rows("near duplicates", report.near_duplicates)
    channels = " R G B" if len(report.mean) == 3 else ""
    yield f"mean{channels}", " ".join(map(str, report.mean))
    yield f"std{channels}", " ".join(map(str, report.std))
    yield from (("note", console.flags(remark)) for remark in report.remarks)
    nested = ("sources", "left_out", "frames")
    known = {key: value for key, value in report.prepared.items() if key not in nested}
    yield "prepared", ", ".join(f"{key} {value}" for key, value in known.items()) or "no"


def _duplicate_rows(name: str, found: "api.Duplicates") -> Iterator[tuple[str, Any]]:
    yield name, found.count
    yield from (("  such as", " ~ ".join(pair)) for pair in found.examples)


def _shortened(counts: dict[str, int]) -> str:
    """Return counts in words; of captions and numbers, some values stand for all."""
    if len(counts) <= VALUES_SHOWN:
        return _listed(counts)
    some = ", ".join(list(counts)[:3])
    return f"{len(counts)} values, such as {some}"


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{key}: {count}" for key, count in counts.items()) or "none"
