"""Run folders, study folders and study files as a report reads them.

Of a run, everything but the recipe may be missing.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylegan_cli.directions.file import is_directions
from stylegan_cli.errors import DataError, NetworkFileError, OutputError, RecipeError, SgtoolError
from stylegan_cli.files import similar
from stylegan_cli.hdf5 import open_hdf5
from stylegan_cli.metrics.store import is_measurements
from stylegan_cli.networks.header import read_header
from stylegan_cli.networks.snapshot import file_sha256
from stylegan_cli.recipe import MAX_CHARACTERS, Settled, load
from stylegan_cli.rendering.header import UNFINISHED, StudyHeader
from stylegan_cli.rendering.store import is_study, open_study
from stylegan_cli.report.history import METRICS, STATS, History, lines_of, read_history
from stylegan_cli.training.run_folder import snapshots

RECIPE = "recipe.toml"
WANTED = "give run folders, study folders or their .h5 files"


@dataclass(frozen=True, kw_only=True)
class ReadRun:
    """The contents of a run's folder.

    Attributes:
        name: Unique among the runs of the report.
        recipe: None if it cannot be read.
        fakes: Pictures of the network's images, by thousands of images of training.
        metrics: The lines of `metrics.jsonl`, unchecked.
        network: Facts about the newest network, if there is one.
        problems: Messages about unreadable files.
    """

    name: str
    folder: Path
    recipe: Settled | None
    recipe_text: str
    history: History
    fakes: tuple[tuple[float, Path], ...]
    metrics: tuple[Mapping[str, Any], ...]
    network: Mapping[str, Any]
    problems: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Study:
    """The facts in a study's file.

    Attributes:
        name: Unique among the studies of the report.
        missing: Number of images and measurements still missing.
        metrics: The lines of `metrics.jsonl` beside the file.
        problems: Messages about unreadable files.
    """

    name: str
    path: Path
    header: StudyHeader
    created_utc: str
    versions: Mapping[str, Any]
    missing: int
    metrics: tuple[Mapping[str, Any], ...]
    problems: tuple[str, ...]

    @property
    def title(self) -> str:
        kind = self.header.study
        return self.name if self.name == kind else f"{kind}: {self.name}"


@dataclass(frozen=True, kw_only=True)
class MeasuredFolder:
    """A folder of metrics without a run or study."""

    name: str
    metrics: tuple[Mapping[str, Any], ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Report:
    """The contents of a page.

    Attributes:
        inputs: Runs, studies and folders of metrics as requested.
    """

    inputs: tuple[str, ...]
    runs: tuple[ReadRun, ...]
    studies: tuple[Study, ...]
    others: tuple[MeasuredFolder, ...] = ()

    @property
    def things(self) -> tuple[ReadRun | Study | MeasuredFolder, ...]:
        return (*self.runs, *self.studies, *self.others)

    @property
    def title(self) -> str:
        first, *others = [thing.name for thing in self.things]
        more = f" and {len(others) - 2} more" if len(others) > 2 else ""
        return ", ".join([first, *others[:2]]) + more

    @property
    def histories(self) -> dict[str, History]:
        """Return the history of each run, by its name."""
        return {run.name: run.history for run in self.runs}

    @property
    def measured(self) -> list[ReadRun | Study | MeasuredFolder]:
        """Return what has metrics."""
        return [thing for thing in self.things if thing.metrics]

    @property
    def sections(self) -> list[str]:
        """Return the titles of the page's sections."""
        wanted = {
            ("Overview", "Training curves", "Fakes over time"): self.runs,
            ("Studies",): self.studies,
            ("Metrics",): self.measured,
            ("Recipe",): self.runs,
            ("Provenance",): self.runs or self.studies,
        }
        return [name for names, there in wanted.items() if there for name in names]


def open_report(paths: Sequence[Path]) -> Report:
    """Open a report of these folders and files; pictures are read later.

    Damage within a run becomes a problem of that run.

    Raises:
        DataError: Some are not a run or study, or cannot be read; names all of these.
    """
    problems: list[str] = []
    folders, files = _sorted_out(paths, problems)
    names = _names([*folders, *files])
    studies: list[Study] = []
    for file in files:
        try:
            studies.append(read_study(file, names[file]))
        except SgtoolError as error:
            problems.append(str(error))
    if problems:
        raise DataError("\n".join(problems))
    runs = [path for path in folders if (path / RECIPE).is_file()]
    read = {path: lines_of(path / METRICS) for path in folders if path not in runs}
    return Report(
        inputs=tuple(map(str, paths)),
        runs=tuple(read_run(path, names[path]) for path in runs),
        studies=tuple(studies),
        others=tuple(
            MeasuredFolder(name=names[path], metrics=tuple(metrics), problems=tuple(problems))
            for path, (metrics, problems) in read.items()
        ),
    )


def _sorted_out(paths: Sequence[Path], problems: list[str]) -> tuple[list[Path], list[Path]]:
    """Sort the paths into folders of runs or metrics and study files, each once."""
    folders: list[Path] = []
    files: list[Path] = []
    inside = [each for path in paths for each in _within(path)]
    for path in {path.resolve(): path for path in inside}.values():
        is_measured = (path / METRICS).is_file() and not _studies_in(path)
        if (path / RECIPE).is_file() or is_measured:
            folders.append(path)
            continue
        try:
            files += _study_files(path)
        except DataError as error:
            problems.append(str(error))
    return folders, files


def _within(path: Path) -> list[Path]:
    """Return the runs and studies in a folder of such, or beside a file of directions."""
    folder = path.with_suffix("") if path.is_file() and is_directions(path) else path
    if not folder.is_dir() or (folder / RECIPE).is_file() or _studies_in(folder):
        return [path]
    runs = {each.parent for each in folder.glob(f"*/{RECIPE}")}
    studies = {each.parent for each in folder.glob("*/*.h5") if is_study(each)}
    own = [path] if (folder / METRICS).is_file() else []
    return [*own, *sorted(runs | studies)] or [path]


def _study_files(path: Path) -> list[Path]:
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder{similar(path)}")
    if not path.is_dir():
        if path.suffix == ".h5":
            return [path]
        raise DataError(f"{path}: neither a run nor a study; {WANTED}")
    found = _studies_in(path)
    if not found:
        if any(path.glob(UNFINISHED.format("*"))):
            raise DataError(f"{path}: an unfinished study; run its command again to finish it")
        raise DataError(f"{path}: contains no run or study; {WANTED}")
    return found


def _studies_in(folder: Path) -> list[Path]:
    """Return the files of studies, damaged ones too; those of metrics or data sets are none."""

    def is_other(file: Path) -> bool:
        try:
            with open_hdf5(file) as opened:
                return "study" not in opened.attrs
        except (DataError, OutputError):
            return False

    files = sorted(folder.glob("*.h5"))
    return [file for file in files if not (is_measurements(file) or is_other(file))]


def _newest_network(folder: Path) -> tuple[Mapping[str, Any], list[str]]:
    for path in snapshots(folder)[-1:]:
        try:
            header = read_header(path)
        except NetworkFileError as error:
            return {}, [str(error)]
        facts = {"kimg": header.kimg, "licence": header.licence}
        return {"file": path.name, "sha256": file_sha256(path), **facts, **header.provenance}, []
    return {}, []


def _names(paths: Sequence[Path]) -> dict[Path, str]:
    """Return names of runs and studies: the folder's, or the whole path if two agree."""
    short = {path: (path if path.is_dir() else path.parent).resolve().name for path in paths}
    count = Counter(short.values())
    return {path: name if count[name] == 1 else str(path) for path, name in short.items()}


def read_run(folder: Path, name: str) -> ReadRun:
    """Read everything a report shows of a run except its pictures."""
    recipe: Settled | None = None
    problems: list[str] = []
    try:
        recipe = load(folder / RECIPE)
    except RecipeError as error:
        problems += str(error).splitlines()
    network, network_problems = _newest_network(folder)
    history, history_problems = read_history(folder / STATS)
    metrics, metrics_problems = lines_of(folder / METRICS)
    return ReadRun(
        name=name,
        folder=folder,
        recipe=recipe,
        recipe_text=_start_of(folder / RECIPE),
        history=history,
        fakes=_find_fakes(folder),
        metrics=tuple(metrics),
        network=network,
        problems=(*problems, *network_problems, *history_problems, *metrics_problems),
    )


def _start_of(recipe: Path) -> str:
    with recipe.open(encoding="utf-8", errors="replace") as file:
        return file.read(MAX_CHARACTERS)


def read_study(path: Path, name: str) -> Study:
    """Read everything a report shows of a study except its pictures.

    Raises:
        DataError: It is not a study, or damaged.
    """
    metrics, problems = lines_of(path.with_name(METRICS))
    with open_study(path) as file:
        tables = (*file.tables, *file.measurements)
        return Study(
            name=name,
            path=path,
            header=file.header,
            created_utc=file.created_utc,
            versions=file.versions,
            missing=sum(int((~file.done(table)).sum()) for table in tables),
            metrics=tuple(metrics),
            problems=tuple(problems),
        )


def _find_fakes(folder: Path) -> tuple[tuple[float, Path], ...]:
    found = (
        (float(named[1]), path)
        for path in folder.glob("fakes-*.png")
        if (named := re.fullmatch(r"fakes-(\d{1,9}(?:\.\d{3})?)\.png", path.name))
    )
    return tuple(sorted(found))
