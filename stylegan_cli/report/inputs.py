"""Loading of run folders, study folders and study files for a report."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stylegan_cli.errors import DataError, NetworkFileError, SgtoolError
from stylegan_cli.files import similar
from stylegan_cli.networks.snapshot import file_sha256, read_header
from stylegan_cli.rendering.folder import UNFINISHED
from stylegan_cli.report.run import RECIPE, Run, read_run
from stylegan_cli.report.sections import Report
from stylegan_cli.report.study import Study, read_study

WANTED = "give run folders, study folders or their .h5 files"


def open_report(paths: Sequence[Path]) -> Report:
    """Open a report of these folders and files; pictures are read later.

    Damage within a run becomes a problem of that run.

    Raises:
        DataError: Some are not a run or study, or cannot be read; names all of these.
    """
    problems: list[str] = []
    folders, files = _sorted_out(paths, problems)
    names = _names([*folders, *files])
    studies = list(_read_studies(files, names, problems))
    if problems:
        raise DataError("\n".join(problems))
    runs = [_read_run(path, names[path]) for path in folders]
    return Report(inputs=tuple(map(str, paths)), runs=tuple(runs), studies=tuple(studies))


def _sorted_out(paths: Sequence[Path], problems: list[str]) -> tuple[list[Path], list[Path]]:
    """Sort the paths into run folders and study files, each once."""
    folders: list[Path] = []
    files: list[Path] = []
    for path in {path.resolve(): path for path in paths}.values():
        if (path / RECIPE).is_file():
            folders.append(path)
            continue
        try:
            files += _study_files(path)
        except DataError as error:
            problems.append(str(error))
    return folders, files


def _study_files(path: Path) -> list[Path]:
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder{similar(path)}")
    if not path.is_dir():
        if path.suffix == ".h5":
            return [path]
        raise DataError(f"{path}: neither a run nor a study; {WANTED}")
    found = sorted(path.glob("*.h5"))
    if not found:
        unfinished = any(path.glob(UNFINISHED.format("*")))
        reason = "an unfinished study; run its command again to finish it"
        raise DataError(
            f"{path}: {reason if unfinished else f'contains no run or study; {WANTED}'}"
        )
    return found


def _read_studies(
    files: Sequence[Path], names: Mapping[Path, str], problems: list[str]
) -> Iterator[Study]:
    for path in files:
        try:
            yield read_study(path, names[path])
        except SgtoolError as error:
            problems.append(str(error))


def _read_run(folder: Path, name: str) -> Run:
    try:
        return read_run(folder, name, _newest_network(folder))
    except NetworkFileError as error:
        return read_run(folder, name, {}, (str(error),))


def _newest_network(folder: Path) -> Mapping[str, Any]:
    for path in sorted(folder.glob("network-*.safetensors"))[-1:]:
        header = read_header(path)
        facts = {"kimg": header.kimg, "licence": header.licence}
        return {"file": path.name, "sha256": file_sha256(path), **facts, **header.provenance}
    return {}


def _names(paths: Sequence[Path]) -> dict[Path, str]:
    """Return names of runs and studies: the folder's, or the whole path if two agree."""
    short = {path: (path if path.is_dir() else path.parent).resolve().name for path in paths}
    count = Counter(short.values())
    return {path: name if count[name] == 1 else str(path) for path, name in short.items()}
