import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from stylegan_cli.cli.app import app
from stylegan_cli.metrics.outputs import read_records
from tests.tiny import tiny, write_network, write_untrained


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def here(tmp_path, monkeypatch, network_file, image_folder, cache):
    """A folder of its own to work in, with a network chosen and data beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SGTOOL_NETWORK", str(network_file))
    monkeypatch.setenv("SGTOOL_CACHE", str(cache))
    Path("data").symlink_to(image_folder)
    return tmp_path


def sgtool(*words):
    return CliRunner().invoke(app, ["eval", *words])


def test_fid_prints_its_honest_name_and_appends_a_record(here):
    done = sgtool("fid", "--data", "data", "--num", "8")
    assert done.exit_code == 0, done.stderr
    name, value, _ = done.stdout.rstrip("\n").split("\t")
    (record,) = read_records(Path("results/metrics.jsonl"))
    assert name == "fd_alex"
    assert float(value) == pytest.approx(record["results"]["fd_alex"], rel=1e-5)
    assert "the standard one is" in done.stderr
    assert "comes out too large" in done.stderr


def test_the_same_again_computes_no_features_and_gives_the_same_numbers(here):
    command = ("all", "--data", "data", "--num", "8", "--json")
    first, again = (sgtool(*command) for _ in range(2))
    values = [
        [record["results"] for record in json.loads(done.stdout)["records"]]
        for done in (first, again)
    ]
    assert values[0] == values[1]
    assert [sorted(each) for each in values[0]] == [
        ["fd_alex"],
        ["kd_alex", "kd_sd_alex"],
        ["coverage_alex", "density_alex", "precision_alex", "recall_alex"],
    ]
    assert "metrics.jsonl: these results exist already" in again.stderr
    assert "the Inception Score nee" in first.stderr
    Path("results/metrics.jsonl").unlink()
    assert "features of 20 of 20 images exist already" in sgtool(*command).stderr


def test_a_data_set_that_moved_is_told_with_the_network_that_records_it(here, tmp_path):
    network = write_untrained(tmp_path / "network.safetensors", tiny("data.path=gone/people.zip"))
    done = sgtool("fid", "--network", str(network), "--num", "8")
    assert done.exit_code == 1
    assert "gone/people.zip: there is no such file or folder; " in done.stderr
    assert "network.safetensors records it" in done.stderr
    assert "give --data" in done.stderr


def test_training_data_named_by_a_pattern_of_shards_is_found_again(here, tmp_path, image_folder):
    for number in range(2):
        with tarfile.open(tmp_path / f"shard-{number}.tar", "w") as shard:
            for image in sorted(image_folder.rglob("*.png"))[number::2]:
                shard.add(image, image.name)
    recipe = tiny("data.path=shard-{0..1}.tar")
    network = write_untrained(tmp_path / "network.safetensors", recipe)
    done = sgtool("fid", "--network", str(network), "--num", "8")
    assert done.exit_code == 0, done.stderr
    assert "data shard-{0..1}.tar, as in training" in done.stderr


@pytest.mark.parametrize(
    "odd", [{"results": {"fd_alex": "2"}}, {"results": {}}, {"sd": None}, {"versions": {}}]
)
def test_a_record_without_numbers_or_of_other_versions_is_no_result(here, odd):
    command = ("fid", "--data", "data", "--num", "8")
    value = sgtool(*command).stdout
    (record,) = read_records(Path("results/metrics.jsonl"))
    Path("results/metrics.jsonl").write_text(json.dumps({**record, **odd}) + "\n")
    again = sgtool(*command)
    assert again.stdout == value
    assert "these results exist already" not in again.stderr


def test_a_record_goes_into_the_run(here):
    Path("run").mkdir()
    Path("run/recipe.toml").touch()
    write_network(Path("run/network-000001.safetensors"))
    assert sgtool("fid", "--network", "run", "--data", "data", "--num", "8").exit_code == 0
    assert read_records(Path("run/metrics.jsonl"))


def test_snapshots_make_a_table_a_plot_and_a_link_to_the_best(here):
    Path("run").mkdir()
    for i in (1, 2):
        write_network(Path(f"run/network-00000{i}.safetensors"))
    done = sgtool("fid", "--all-snapshots", "run", "--data", "data", "--num", "8", "-o", "out")
    assert done.exit_code == 0, done.stderr
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [row[0] for row in rows] == ["network-000001", "network-000002"]
    assert {row[1] for row in rows} == {"fd_alex"}
    best = min(rows, key=lambda row: float(row[2]))[0]
    assert Path("run/best-fd_alex.safetensors").resolve().stem == best
    assert len(list(Path("out").glob("fid-*-snapshot.png"))) == 1


def test_a_curve_over_psi_is_a_table_and_a_plot(here):
    done = sgtool("fid", "--psi-curve", "0.5:1:2", "--data", "data", "--num", "8", "-o", "out")
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["0.5", "1"]
    assert len(list(Path("out").glob("fid-*-psi.png"))) == 1


def test_repeats_are_a_mean_and_a_deviation(here):
    done = sgtool("fid", "--repeat", "2", "--data", "data", "--num", "8", "-o", "out")
    _, value, sd = done.stdout.rstrip("\n").split("\t")
    (record,) = read_records(Path("out/metrics.jsonl"))
    runs = [run["fd_alex"] for run in record["runs"]]
    assert float(value) == pytest.approx(np.mean(runs), rel=1e-5)
    assert float(sd) == pytest.approx(np.std(runs, ddof=1), rel=1e-5)


def test_every_class_is_measured_by_itself(here):
    write_network(Path("classes.safetensors"), classes=("a", "b"))
    done = sgtool(
        "fid", "--per-class", "--network", "classes.safetensors", "--data", "data", "--num", "4"
    )
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["a", "b"], done.stderr


def test_folders_are_measured_against_each_other(here):
    done = sgtool("fid", "--images", "data/a", "--data", "data/a", "--save-features", "-o", "out")
    assert done.exit_code == 0, done.stderr
    assert float(done.stdout.split("\t")[1]) == pytest.approx(0, abs=1e-6)
    (file,) = Path("out").glob("fid-*.h5")
    with h5py.File(file) as saved:
        assert np.array_equal(saved["alex/fake"][:], saved["alex/real"][:])
        assert saved["alex/real"].shape == (6, 256)


def test_nearest_images_are_a_picture_and_numbers(here):
    done = sgtool(
        "nearest", "--data", "data", "--num", "8", "--show", "2", "--neighbours", "3", "--json"
    )
    found = json.loads(done.stdout)
    (record,) = found["records"]
    assert len(record["closest"]) == 2
    assert len(record["closest"][0]["reals"]) == 3
    with Image.open(found["files"][-1]) as picture:
        assert picture.width > 4 * 96


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("is", "--data", "data"), 2, "the Inception Score needs classes, and alex has none"),
        (("fid", "--data", "data", "--detector", "inception"), 1, "its weights are not here"),
        (
            ("fid", "--data", "data", "--detector", "eye"),
            2,
            "no detector of features has that name",
        ),
        (("fid", "--data", "nowhere"), 1, "nowhere: there is no such file"),
        (
            ("fid", "--data", "data", "--num", "1"),
            1,
            "1 fake images are too few; fid needs at least 2",
        ),
        (("fid", "--data", "data", "--protocol", "x"), 2, "--protocol x: no such protocol"),
        (("kid", "--data", "data", "--protocol", "stylegan1"), 2, "does not define kid"),
        (("fid", "--data", "data", "--seed", "9999"), 2, "--seed 9999: out of range"),
        (("fid", "--data", "data", "--psi-curve", "1", "--per-class"), 2, "use only one of them"),
        (("fid", "--data", "data", "--per-class"), 2, "has no classes"),
        (("fid", "--data", "data", "--class", "a"), 2, "the network has no classes"),
        (
            ("fid", "--images", "data"),
            2,
            "--images: needs real images to compare with; give --data",
        ),
        (("fid", "--images", "data", "--data", "data", "--repeat", "2"), 2, "applies to networks"),
        (
            ("fid", "--images", "data", "--data", "data", "--num", "9"),
            2,
            "--num: applies to networks",
        ),
        (
            ("fid", "--images", "data", "--data", "data", "--network", "portraits-64"),
            2,
            "--network and --images: use only one of them",
        ),
        (
            ("fid", "--all-snapshots", "data", "--network", "portraits-64"),
            2,
            "--network and --all-snapshots: use only one of them",
        ),
        (("fid", "--all-snapshots", "data"), 1, "no network-*.safetensors there"),
        (("fid",), 2, "does not record its data set; give --data"),
    ],
)
def test_a_wrong_call_ends_in_words_and_writes_nothing(here, words, code, said):
    done = sgtool(*words)
    assert (done.exit_code, done.stdout) == (code, "")
    assert said in done.stderr
    assert sorted(path.name for path in here.iterdir()) == ["data"]


def test_images_of_mixed_sizes_are_named(here):
    for i, side in enumerate((8, 9)):
        Path("mixed").mkdir(exist_ok=True)
        Image.new("RGB", (side, side)).save(f"mixed/{i}.png")
    done = sgtool("fid", "--images", "mixed", "--data", "data")
    assert done.exit_code == 1
    assert "mixed/1.png: 9×9, but the first image is 8×8" in done.stderr


@pytest.mark.slow
def test_two_processes_give_the_numbers_of_one(here):
    command = [
        "stylegan_cli", "eval", "all", "--data", "data", "--num", "10", "--batch", "4",
        "--device", "cpu",
    ]  # fmt: skip
    # the fixture works elsewhere, where no package lies beside it
    settings = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[3])}
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    # after --, or torchrun takes --num for the start of an option of its own
    for words, name in (([sys.executable, "-m"], "one"), ([*launcher, "-m", "--"], "two")):
        subprocess.run(
            [*words, *command, "-o", name],
            check=True,
            capture_output=True,
            env={**os.environ, **settings, "SGTOOL_CACHE": str(here / name)},
        )
    one, two = (read_records(Path(name, "metrics.jsonl")) for name in ("one", "two"))
    assert [each["results"] for each in one] == [each["results"] for each in two]
    for file in Path("one/features").iterdir():
        assert file.read_bytes() == Path("two/features", file.name).read_bytes()


def test_a_network_of_the_environment_gives_way_to_images(here, monkeypatch):
    monkeypatch.setenv("SGTOOL_NETWORK", "portraits-64")
    done = sgtool("fid", "--images", "data", "--data", "data", "--json")
    assert done.exit_code == 0, done.stderr
