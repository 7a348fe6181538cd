"""The part that all study commands share: draw, store, compose, report."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from stylegan_cli import api
from stylegan_cli.cli import console
from stylegan_cli.cli.network import open_network
from stylegan_cli.cli.options import StudyFlags


def run_study(
    make_plan: Callable[["api.Network", "api.Sampling"], "api.Plan"],
    flags: StudyFlags,
    findings: Callable[[Path], Mapping[str, object]] | None = None,
    make_film: Callable[["api.Network", "api.Sampling"], "api.Footage"] | None = None,
) -> None:
    """Draw a study into its folder and print the paths; the same request again resumes.

    Args:
        findings: Prints a summary of the finished HDF5 file and returns it for JSON.
        make_film: Makes the footage of a film beside the pictures.
    """
    network = open_network(flags.network, flags)
    sampling = api.Sampling(
        psi=flags.psi,
        cutoff=flags.cutoff,
        noise_mode=flags.noise_mode,
        class_name=flags.class_name,
        label=flags.label,
    )
    plan = make_plan(network, sampling)
    film = make_film(network, sampling) if make_film else None
    for text in plan.notes:
        console.note(text)
    note_label(network, plan, flags.class_name, flags.label)
    folder = flags.output or api.default_folder(network, plan)
    with api.Recording(network, plan, folder, overwrite=flags.overwrite) as recording:
        missing = recording.missing
        for text in plan.made.notes if missing else ():
            console.note(text)
        left = recording.unmeasured
        further = f", {left} measurements are missing" if left else ""
        _note_progress(recording, folder, "images", further)
        _record(recording, flags.batch)
    found = findings(recording.paths.hdf5) if findings else {}
    pdfs = list(api.write_pdfs(recording.paths)) if flags.pdf else []
    films = [folder / f"{plan.study}.mp4"] if film else []
    if film:
        with api.Filming(film, films[0], overwrite=flags.overwrite) as filming:
            record_film(filming, flags.batch)
        found = {**found, "video": str(films[0])}
    facts = {**_summary(recording, network, pdfs, made=missing), **found}
    paths = recording.paths
    written = (*paths.sheets, *paths.pictures, *pdfs, *films, paths.hdf5, paths.images)
    console.echo_result(written, facts, as_json=flags.json)


def note_label(
    network: "api.Network", plan: "api.Plan", class_name: str | None, label: str | None
) -> None:
    """Print which class or label is drawn, if none was chosen."""
    if class_name is None and plan.request.get("class") == 0:
        console.note(f"class 0 of {network.c_dim}; choose another with --class")
    if label is None and network.label_columns:
        console.note(f"label {api.mean_label(network)}, the mean; choose another with --label")


def record_film(filming: "api.Filming", batch_size: int | None) -> None:
    """Draw the missing frames of a film, and encode it."""
    place, missing = filming.paths.file, filming.missing
    _note_progress(filming, place, "frames")
    _run(console.track(filming.frames(batch_size), label="frames", total=missing))
    console.detail(f"{place}: encoding {filming.total} frames")
    filming.finish()


def _note_progress(
    work: "api.Recording | api.Filming", place: Path, what: str, further: str = ""
) -> None:
    if work.damage:
        console.warn(f"{work.damage}; starting over")
    there = work.total - work.missing
    if not work.missing:
        exist = f"all {work.total} {what} exist" if work.total > 1 else f"the {what[:-1]} exists"
        console.note(f"{place}: {exist} already{further}")
    elif there:
        console.note(f"{place}: resuming, {there} of {work.total} {what} exist")


def _record(recording: "api.Recording", batch_size: int | None) -> None:
    cells, measurements = recording.cells(batch_size), recording.measurements(batch_size)
    _run(console.track(cells, label="images", total=recording.missing))
    _run(console.track(measurements, label="measurements", total=recording.unmeasured))
    pictures = recording.total + len(recording.paths.sheets) + len(recording.paths.pictures)
    _run(console.track(recording.pictures(), label="pictures", total=pictures))


def _run(steps: Iterable[object]) -> None:
    deque(steps, maxlen=0)


def _summary(
    recording: "api.Recording", network: "api.Network", pdfs: list[Path], *, made: int
) -> dict[str, object]:
    paths = recording.paths
    return {
        "study": paths.header.study,
        "request": paths.header.request,
        "network": str(network.path),
        "network_sha256": network.sha256,
        "sheets": [str(path) for path in paths.sheets],
        "pictures": [str(path) for path in paths.pictures],
        "pdfs": [str(path) for path in pdfs],
        "hdf5": str(paths.hdf5),
        "images": str(paths.images),
        "total": recording.total,
        "made_now": made,
    }
