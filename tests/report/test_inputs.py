import json
import shutil

import h5py
import pytest

from stylegan_cli.errors import DataError
from stylegan_cli.networks.snapshot import file_sha256
from stylegan_cli.rendering.recording import Recording
from stylegan_cli.report import write_page
from stylegan_cli.report.inputs import open_report
from stylegan_cli.studies.grid import grid
from stylegan_cli.studies.mixing import mix
from tests.report.runs import write_run


def record(network, plan, folder):
    with Recording(network, plan, folder) as recording:
        list(recording.cells())
        list(recording.pictures())
    return folder


@pytest.fixture
def run(tmp_path, network_file):
    folder = write_run(tmp_path / "people")
    shutil.copy(network_file, folder)
    return folder


@pytest.fixture
def study(tmp_path, network):
    return record(network, grid(network, [3, 4]), tmp_path / "faces")


def page_of(tmp_path, *paths):
    page = tmp_path / "report.html"
    steps = list(write_page(open_report(paths), page, most_fakes=9))
    return page.read_text(encoding="utf-8"), [problem for problem in steps if problem]


def test_runs_study_folders_and_study_files_may_be_mixed(run, study):
    report = open_report([run, study])
    assert [each.name for each in report.runs] == ["people"]
    assert [each.name for each in report.studies] == ["faces"]
    assert open_report([study / "grid.h5"]).studies[0].name == "faces"


def test_an_input_given_again_is_shown_once(run, study):
    report = open_report([run, run / ".", study, study / "grid.h5"])
    assert (len(report.runs), len(report.studies)) == (1, 2)


def test_names_that_agree_are_told_apart_by_their_paths(tmp_path):
    first, second = (write_run(tmp_path / parent / "people") for parent in "ab")
    assert [run.name for run in open_report([first, second]).runs] == [str(first), str(second)]


def test_the_newest_network_tells_where_it_comes_from(tmp_path, run, network_file):
    shutil.copy(network_file, run / "network-000003.safetensors")
    text, _ = page_of(tmp_path, run)
    assert f"<td>{file_sha256(network_file)}</td>" in text
    assert "<td>network-000012.safetensors</td>" in text
    assert "<td>made up</td>" in text


def test_a_study_tells_which_runs_network_drew_it(tmp_path, run, study):
    assert "network-000012.safetensors of people" in page_of(tmp_path, run, study)[0]
    assert "· network " in page_of(tmp_path / "..", study)[0]


def test_a_study_shows_its_request_and_every_picture(tmp_path, network):
    folder = record(network, mix(network, [1], [2, 3], crossover=[0, 3]), tmp_path / "styles")
    text, problems = page_of(tmp_path, folder)
    assert problems == []
    # two matrices, and both as bands of one picture
    assert text.count("data:image/webp") == 3
    assert (
        "rows 1 · cols 2,3 · matrices crossover 0, crossover 3 · psi 1 · noise mode const" in text
    )


@pytest.mark.parametrize("harm", ["removed", "of another study"])
def test_a_picture_that_is_not_the_studys_is_composed_anew(tmp_path, network, study, harm):
    text, _ = page_of(tmp_path, study)
    (study / "grid.png").unlink()
    if harm == "of another study":
        other = record(network, grid(network, [5]), tmp_path / "other")
        shutil.copy(other / "grid.png", study)
    again, problems = page_of(tmp_path, study)
    assert problems == []
    assert again.split("<h2>Studies")[1] == text.split("<h2>Studies")[1]


def test_a_damaged_network_is_a_problem_of_its_run(tmp_path, run):
    (run / "network-000099.safetensors").write_bytes(b"cut short")
    text, problems = page_of(tmp_path, run)
    assert len(problems) == 1
    assert "network-000099.safetensors: not a readable network file" in problems[0]
    assert "Training curves" in text


def test_metrics_of_a_study_are_shown(tmp_path, study):
    (study / "metrics.jsonl").write_text('{"fd_alex": 3.25}\n')
    assert "<td>fd_alex 3.25</td>" in page_of(tmp_path, study)[0]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("gone", None, "gone: there is no such file or folder"),
        ("empty", {}, "empty: contains no run or study; give run folders"),
        ("half", {".mix.h5.partial": b""}, "half: an unfinished study; run its command"),
        ("bad", {"mix.h5": b"no"}, "mix.h5: not a readable HDF5 file"),
        ("net.safetensors", b"x", "net.safetensors: neither a run nor a study"),
    ],
)
def test_what_is_no_run_or_study_is_named(tmp_path, name, content, words):
    if isinstance(content, dict):
        (tmp_path / name).mkdir()
        for file, inside in content.items():
            (tmp_path / name / file).write_bytes(inside)
    elif content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=words):
        open_report([tmp_path / name])


def test_all_broken_inputs_are_named_at_once(tmp_path, run):
    with pytest.raises(DataError) as error:
        open_report([tmp_path / "x", run, tmp_path / "y"])
    assert [line.partition(":")[0] for line in str(error.value).splitlines()] == [
        str(tmp_path / "x"),
        str(tmp_path / "y"),
    ]


def test_a_folder_of_metrics_alone_is_shown(tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    lines = [
        {"results": {"fd_alex": 2.5}, "network": f"{name}/network-1.safetensors"} for name in "ab"
    ]
    (folder / "metrics.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    with h5py.File(folder / "ppl.h5", "w") as file:
        file.attrs["metric"] = "ppl"
    opened = open_report([folder])
    assert (opened.title, opened.sections) == ("results", ["Metrics"])
    page = tmp_path / "page.html"
    list(write_page(opened, page, most_fakes=1))
    assert "<td>fd_alex 2.5</td><td>b/network-1.safetensors</td>" in page.read_text()


def test_a_folder_stands_for_the_runs_and_studies_in_it(tmp_path, run, study):
    assert open_report([tmp_path]).things == open_report([study, run]).things
    (tmp_path / "metrics.jsonl").write_text('{"results": {"fd_alex": 2.5}}\n')
    assert [thing.name for thing in open_report([tmp_path]).others] == [tmp_path.name]


def test_a_data_set_in_the_folder_is_no_study(study):
    with h5py.File(study / "people.h5", "w") as file:
        file["images"] = [0]
    assert [each.name for each in open_report([study]).studies] == ["faces"]


def test_a_file_of_directions_stands_for_the_studies_beside_it(tmp_path, study):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["directions"] = 1
    (tmp_path / "a").mkdir()
    study.rename(tmp_path / "a" / "sefa")
    assert [each.name for each in open_report([tmp_path / "a.h5"]).studies] == ["sefa"]
