"""Answers that need no network are given without importing torch, which takes seconds."""

import json
import subprocess
import sys
import zipfile

import pytest
from PIL import Image
from typer.testing import CliRunner

from stylegan_cli.cli.app import app
from stylegan_cli.directions.file import write_discovery
from stylegan_cli.recipe import dumps, load
from stylegan_cli.studies.discovery.finding import find_sefa
from tests.tiny import tiny

RUNNER = """
import json, sys
from stylegan_cli.cli.app import app
for words in json.load(sys.stdin):
    try:
        app(words)
    except SystemExit as end:
        found = sorted({"torch", "sklearn", "matplotlib"} & sys.modules.keys())
        print("ENDED", json.dumps([" ".join(words), end.code, found]))
"""


def check_light(*commands, code=0, folder=None):
    """Run commands one after another in one process: all end with a code, and import no torch."""
    lists = [[*map(str, words)] for words in commands]
    done = subprocess.run(
        [sys.executable, "-c", RUNNER],
        input=json.dumps(lists),
        capture_output=True,
        text=True,
        timeout=120,
        cwd=folder,
    )
    ends = [line[6:] for line in done.stdout.splitlines() if line.startswith("ENDED ")]
    expected = [[" ".join(words), code, []] for words in lists]
    assert [*map(json.loads, ends)] == expected, done.stderr


@pytest.fixture(scope="module")
def studies(tmp_path_factory, network):
    """A folder with one finished study of each kind."""
    folder = tmp_path_factory.mktemp("studies")
    write_discovery(folder / "d.h5", find_sefa(network, count=1))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for words in STUDIES:
            done = CliRunner().invoke(app, [*words, "--network", str(network.path)])
            assert done.exit_code == 0, done.output
    return folder


STUDIES = (
    ("edit", "--seeds", "0", "--direction", "d.h5:sefa/0", "--strength", "0,1"),
    ("video", "--seeds", "0-1", "--seconds", "0.1", "--fps", "20", "-o", "film.gif"),
    ("grid", "--seeds", "0-1", "--psi", "0.5,1"),
    ("mix", "--rows", "1", "--cols", "2", "--crossover", "2"),
    ("truncation", "--seeds", "0"),
    ("noise", "--seeds", "0", "--draws", "2"),
)


def test_a_study_that_exists_already_takes_no_torch(studies, network_file):
    again = ((*words, "--network", network_file) for words in STUDIES)
    check_light(*again, folder=studies)


def test_directions_that_were_found_already_take_no_torch(network_file, tmp_path):
    few = ("--measured-on", "2", "--strength", "0,1", "--network", str(network_file))
    commands = (
        ("discover", "sefa", "--layers", "middle", "--layers", "coarse", "--count", "1", *few),
        ("discover", "pca", "--samples", "100", "--count", "1", *few),
        ("discover", "attribute", "warmth", "brightness", "--top", "0.1", "--samples", "100", *few),
        ("discover", "channels", "brightness", "--count", "1", "--samples", "100", *few),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        for words in commands:
            done = CliRunner().invoke(app, words)
            assert done.exit_code == 0, done.output
    written = (tmp_path / "directions.h5").read_bytes()
    check_light(*commands, folder=tmp_path)
    assert (tmp_path / "directions.h5").read_bytes() == written


def test_a_measurement_that_exists_already_takes_no_torch(network_file, image_folder, tmp_path):
    words = ("eval", "fid", "--network", network_file, "--data", image_folder, "--num", "8")
    command = [*map(str, words), "-o", str(tmp_path), "--detector", "alex"]
    assert CliRunner().invoke(app, command).exit_code == 0
    check_light(command, folder=tmp_path)


@pytest.fixture
def labelled(image_folder, tmp_path):
    """A data set whose images have attributes."""
    path = tmp_path / "labelled.zip"
    assert (
        CliRunner().invoke(app, ["data", "prepare", str(image_folder), "-o", str(path)]).exit_code
        == 0
    )
    return path


def test_a_refusal_takes_no_torch(network_file, labelled, tmp_path):
    refused = (
        ("mix", "--rows", "1", "--cols", "2", "--crossover", "99"),
        ("grid", "--seeds", "0-3", "--psi", "inf"),
        ("grid", "--seeds", "0-3", "--cutoff", "99"),
        ("truncation", "--seeds", "0-3", "--class", "cat"),
        ("noise", "--seeds", "0", "--layers", "99"),
        ("edit", "--direction", "d.h5:sefa/0", "--strength", "x"),
        ("edit", "--direction", "d.h5:sefa/0", "--class", "cat"),
        ("video", "--style-seeds", "1", "--crossover", "99"),
        ("video", "--fps", "0"),
        ("video", "-o", "film.doc"),
        ("project", "1", "--init", "best"),
        ("project", "1", "--align", "eyes"),
        ("project", "1", "--class", "cat"),
        ("discover", "sefa", "--layers", "99"),
        ("discover", "sefa", "--psi", "inf"),
        ("discover", "pca", "--space", "foo"),
        ("discover", "pca", "--samples", "3"),
        ("discover", "attribute"),
        ("discover", "attribute", "laugh", "--scores", "scores.csv"),
        ("discover", "styles", "--count", "200", "--samples", "100"),
        ("discover", "attribute", "brightness", "--class", "cat"),
        ("discover", "attribute", "laugh", "--data", labelled),
        ("discover", "attribute", "brightness", "--hold", "laugh", "--data", labelled),
        ("discover", "channels", "laugh", "--data", labelled),
        ("eval", "ppl", "--psi", "inf"),
        ("eval", "ppl", "--detector", "foo"),
        ("eval", "ppl", "--class", "cat"),
        ("eval", "ppl", "--protocol", "foo"),
        ("eval", "fid", "--detector", "foo"),
        ("eval", "equivariance"),
    )
    (tmp_path / "scores.csv").write_text("seed,smile\n0,1\n")
    commands = ((*words, "--network", network_file) for words in refused)
    check_light(*commands, code=2, folder=tmp_path)


def test_a_missing_file_takes_no_torch(tmp_path):
    check_light(
        ("edit", "--direction", "nowhere.h5:sefa/0"),
        ("project", "nowhere.jpg"),
        ("train", "--data", "nowhere.zip"),
        ("train", "--init-from", "nowhere", "--data", "nowhere.zip"),
        ("project", "nowhere.jpg", "--mask", "nowhere.png"),
        ("eval", "fid", "--data", "nowhere.zip"),
        ("eval", "fid", "--network", "nowhere"),
        ("eval", "all", "--network", "nowhere"),
        ("discover", "attribute", "smile", "--scores", "nowhere.csv"),
        ("discover", "attribute", "smile", "--data", "nowhere.zip"),
        ("discover", "channels", "smile", "--data", "nowhere.zip"),
        ("discover", "channels", "--mask", "nowhere.png"),
        ("discover", "compare", "nowhere.h5:sefa", "nowhere.h5:pca"),
        ("weights", "add", "nowhere"),
        ("convert", "nowhere", "x.onnx"),
        ("convert", "nowhere.pkl", "x.safetensors"),
        code=1,
        folder=tmp_path,
    )


def test_data_without_attributes_are_refused_without_torch(network_file, tmp_path):
    Image.new("RGB", (16, 16)).save(tmp_path / "one.png")
    words = ("discover", "attribute", "smile", "--network", network_file, "--data", "one.png")
    check_light(words, code=1, folder=tmp_path)


def test_weights_that_are_none_are_refused_without_torch(tmp_path):
    (tmp_path / "words.txt").write_text("words")
    (tmp_path / "short.safetensors").write_bytes(b"short")
    with zipfile.ZipFile(tmp_path / "none.whl", "w") as archive:
        archive.writestr("words.txt", "words")
    names = ("words.txt", "short.safetensors", "none.whl")
    check_light(*(("weights", "add", name) for name in names), code=1, folder=tmp_path)


def test_another_study_in_the_folder_is_refused_without_torch(studies, network_file):
    (taken,) = (path for path in (studies / "results").iterdir() if path.name.startswith("grid"))
    words = ("grid", "--seeds", "7", "-o", taken, "--network", network_file)
    check_light(words, code=1, folder=studies)


def test_these_commands_take_no_torch(image_folder, tmp_path):
    check_light(
        ("recipe", "list"),
        ("recipe", "show", "stylegan2"),
        ("info", "portraits-64"),
        ("weights", "list"),
        ("data", "sample", "portraits", "--count", "4", "--resolution", "16", "-o", "drawn.zip"),
        ("data", "prepare", image_folder, "-o", "p.zip"),
        ("data", "inspect", "p.zip"),
        ("info", "p.zip"),
        folder=tmp_path,
    )


def test_a_study_is_described_and_reported_without_torch(studies):
    (grid,) = (path for path in (studies / "results").iterdir() if path.name.startswith("grid"))
    check_light(("info", grid), ("report", grid, "-o", "page.html"), folder=studies)


def test_another_run_in_the_folder_is_refused_without_torch(image_folder, tmp_path):
    run, changes = tmp_path / "run", ["data.resolution=16", f"data.path={image_folder}"]
    run.mkdir()
    (run / "recipe.toml").write_text(dumps(load("stylegan2-small", changes)))
    (run / "state.pt").touch()
    words = (f"--set={change}" for change in (*changes, "train.batch_size=4"))
    check_light(("train", "stylegan2-small", *words, "-o", run), code=1)


def test_a_finished_run_is_known_without_torch(image_folder, tmp_path):
    (tmp_path / "tiny.toml").write_text(dumps(tiny("train.total_kimg=0.016")))
    words = ("train", "tiny.toml", "--data", str(image_folder), "-o", "run")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        first = CliRunner().invoke(app, words)
    assert first.exit_code == 0, first.output
    check_light(words, folder=tmp_path)


def test_a_recipe_with_problems_is_refused_without_torch(tmp_path):
    words = ("stylegan2", "--set", "generator.chanel=3")
    check_light(("train", *words), ("bench", *words), code=2, folder=tmp_path)


INTERRUPTED = """
import sys
class Stop:
    def find_spec(self, name, *rest):
        if name == "stylegan_cli.cli.grid":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Stop())
from stylegan_cli.__main__ import main
main()
"""


def test_an_interrupt_while_the_program_loads_is_no_traceback():
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
