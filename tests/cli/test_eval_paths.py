"""`sgtool eval ppl` and `sgtool eval separability`, as typed."""

import json
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from stylegan_cli.metrics.outputs import read_records
from stylegan_cli.metrics.path_length import path_length
from tests.commands import sgtool
from tests.networks.families import small
from tests.tiny import write_network, write_untrained

SEPARABILITY = ("eval", "separability", "--data", "labelled", "--num", "40", "-o", "out")
CLASSIFIER = ("--classifier-kimg", "0.016", "--classifier-features", "4")
TRAINING = ("--train-classifier", *CLASSIFIER)


@pytest.fixture(scope="module")
def network32(tmp_path_factory):
    return write_network(
        tmp_path_factory.mktemp("32") / "network-000012.safetensors", resolution=32
    )


@pytest.fixture
def here(tmp_path, monkeypatch, network32):
    """A folder of its own to work in, with a network of 32 px chosen."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SGTOOL_NETWORK", str(network32))
    monkeypatch.setenv("SGTOOL_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def labelled(here, monkeypatch, network_file):
    """Eight labelled images of 16 px, and a network of that size chosen."""
    monkeypatch.setenv("SGTOOL_NETWORK", str(network_file))
    random = np.random.RandomState(0)
    for i in range(8):
        path = here / "labelled" / ("dark", "light")[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        level = 60 + 120 * (i % 2)
        pixels = level + random.randint(-40, 40, (16, 16, 3))
        Image.fromarray(pixels.astype(np.uint8)).save(path)
    return here


def test_ppl_alone_works_offline_and_prints_a_number(here):
    done = sgtool("eval", "ppl", "--num", "6")
    assert done.exit_code == 0
    name, value, error = done.stdout.split()
    assert name == "ppl_alex_w_full"
    assert float(value) > 0
    assert float(error) > 0
    assert "the standard one is vgg16" in done.stderr
    assert list(Path("results").glob("ppl_alex_w_full-*.png"))


def test_the_same_seed_gives_the_same_number_in_another_place(here):
    first, again = (sgtool("eval", "ppl", "--num", "2", "-o", out).stdout for out in "ab")
    assert first == again
    assert sgtool("eval", "ppl", "--num", "2", "-o", "c", "--seed", "1").stdout != first


def test_the_distances_and_the_record_are_kept(here):
    facts = json.loads(sgtool("eval", "ppl", "--num", "5", "--space", "z", "--json").stdout)
    (record,) = facts["records"]
    _, hdf5, picture = map(Path, facts["files"])
    with h5py.File(hdf5) as file:
        distances = file["distances"][:]
    assert picture.exists()
    assert record["results"] == {"ppl_alex_z_full": path_length(distances).ppl}
    assert (record["space"], record["num"], record["standard_detector"]) == ("z", 5, False)
    (kept,) = read_records(Path("results/metrics.jsonl"))
    assert kept["results"] == record["results"]
    assert "torch" in kept["versions"]


def test_ppl_again_says_that_all_is_there_and_records_nothing_new(here):
    first = sgtool("eval", "ppl", "--num", "4", "-o", "out")
    again = sgtool("eval", "ppl", "--num", "4", "-o", "out")
    assert again.stdout == first.stdout
    assert "all pairs exist already" in again.stderr
    assert len(read_records(Path("out/metrics.jsonl"))) == 1


def test_an_interrupted_ppl_goes_on_to_the_same_number(here):
    whole = sgtool("eval", "ppl", "--num", "6", "-o", "whole", "--batch", "2")
    (path,) = Path("whole").glob("*.h5")
    Path("cut").mkdir()
    cut = Path("cut") / f".{path.name}.partial"
    path.rename(cut)
    with h5py.File(cut, "r+") as file:
        file["done"][2:] = False
        file["distances"][2:] = 0
    rest = sgtool("eval", "ppl", "--num", "6", "-o", "cut", "--batch", "2")
    assert "resuming, 2 pairs exist" in rest.stderr
    assert rest.stdout == whole.stdout


def test_repeats_have_seeds_of_their_own_and_a_spread(here):
    done = sgtool("eval", "ppl", "--num", "2", "--repeat", "2", "--json")
    records = json.loads(done.stdout)["records"]
    assert [record["seed"] for record in records] == [0, 1]
    values = [record["results"]["ppl_alex_w_full"] for record in records]
    _, mean, spread = sgtool("eval", "ppl", "--num", "2", "--repeat", "2").stdout.split()
    assert float(mean) == pytest.approx(np.mean(values), rel=1e-4)
    assert float(spread) == pytest.approx(np.std(values, ddof=1), rel=1e-2)


def test_all_snapshots_of_a_run_make_a_table(here):
    for kimg in ("000001", "000002"):
        write_network(here / f"network-{kimg}.safetensors", resolution=32)
    done = sgtool("eval", "ppl", "--num", "2", "--all-snapshots", ".", "-o", "out")
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [row[0] for row in rows] == ["network-000001", "network-000002"]
    assert "best by ppl_alex_w_full: network-00000" in done.stderr
    assert Path("best-ppl_alex_w_full.safetensors").is_symlink()


def test_a_network_without_w_is_measured_in_z_and_refused_in_w(here):
    recipe = small("progan")
    larger = replace(recipe, data=replace(recipe.data, resolution=32))
    write_untrained(here / "progan.safetensors", larger)
    refused = sgtool("eval", "ppl", "--network", "progan.safetensors", "--space", "w")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "--space w: this network makes images straight from z" in refused.stderr
    done = sgtool("eval", "ppl", "--network", "progan.safetensors", "--num", "2")
    assert done.stdout.startswith("ppl_alex_z_full\t")


@pytest.mark.parametrize(
    ("words", "code", "stderr"),
    [
        (("--protocol", "sg9"), 2, "--protocol sg9: no such protocol; use stylegan1"),
        (("--protocol", "stylegan1", "--no-crop"), 2, "it has ppl_zfull, ppl_wfull"),
        (("--crop",), 2, "16 px after cropping are too few"),
        (("--num", "1"), 2, "--num"),
        (("--psi", "nan"), 2, "--psi nan"),
        (("--class", "cat"), 2, "has no classes"),
        (("--detector", "squeeze"), 2, "--detector squeeze"),
        (("--detector", "vgg16"), 1, "vgg16"),
        (("--all-snapshots", "nowhere"), 1, "no network-*.safetensors there"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_mistake_ends_in_words_and_writes_nothing(here, words, code, stderr):
    done = sgtool("eval", "ppl", *words)
    assert (done.exit_code, done.stdout) == (code, "")
    assert stderr in done.stderr
    assert list(here.iterdir()) == []


def test_separability_trains_its_classifiers_once_and_tells_each_attribute(labelled):
    first = sgtool(*SEPARABILITY, *TRAINING)
    assert first.exit_code == 0, first.stderr
    rows = [line.split("\t") for line in first.stdout.splitlines()]
    assert [row[0] for row in rows] == [
        "separability_trained_w",
        "separability_trained_z",
        "class=light in w",
        "class=light in z",
    ]
    assert float(rows[0][1]) == pytest.approx(2 ** float(rows[2][1]), rel=1e-3)
    assert rows[2][5:] == ["20 of 40", "yes"]
    assert "classifier class=light: accuracy" in first.stderr
    again = sgtool(*SEPARABILITY, *CLASSIFIER)
    assert again.stdout == first.stdout
    assert "all images exist already" in again.stderr


def test_separability_of_rectangles_of_five_channels(here, monkeypatch):
    network = write_network(here / "network-000001.safetensors", resolution="24x16", channels=5)
    random = np.random.RandomState(0)
    for i in range(8):
        folder = here / "stacks" / ("light" if i % 2 else "dark")
        folder.mkdir(parents=True, exist_ok=True)
        stack = random.randint(100 * (i % 2), 100 * (i % 2) + 100, (16, 24, 5))
        np.save(folder / f"{i}.npy", stack.astype(np.uint8))
    command = ("eval", "separability", "--network", str(network), "--data", "stacks")
    done = sgtool(*command, "--num", "40", *TRAINING)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("separability_trained_w\t")


def test_a_classifier_in_a_file_needs_no_data(labelled):
    trained = sgtool(*SEPARABILITY, *TRAINING)
    folder = Path("cache/classifiers")
    for place in (folder, *folder.iterdir()):
        named = sgtool("eval", "separability", "--num", "40", "--classifier", str(place), "-o", "b")
        assert named.exit_code == 0, named.stderr
        assert named.stdout == trained.stdout


def test_an_attribute_that_no_classifier_tells_is_refused_before_images_are_judged(labelled):
    sgtool(*SEPARABILITY, *TRAINING)
    # drawing so many would take hours
    told = ("--classifier", "cache/classifiers", "--samples", "10000000")
    for command in ("attribute", "channels"):
        done = sgtool("discover", command, "lighter", *told)
        assert (done.exit_code, done.stdout) == (2, "")
        assert "lighter: no score has that name" in done.stderr


def test_a_classifier_that_learned_nothing_is_told(labelled):
    # one image is held out, so a guess is right about it or about none
    done = sgtool(*SEPARABILITY, *TRAINING)
    assert "class=light: the classifier is no better than a constant answer" in done.stderr


def test_separability_of_several_seeds_has_a_spread(labelled):
    done = sgtool(*SEPARABILITY, *TRAINING, "--repeat", "2", "--space", "z", "--json")
    records = json.loads(done.stdout)["records"]
    values = [record["results"]["separability_trained_z"] for record in records]
    shown = sgtool(*SEPARABILITY, *TRAINING, "--repeat", "2", "--space", "z").stdout
    _, mean, spread = shown.splitlines()[0].split("\t")
    assert [record["seed"] for record in records] == [0, 1]
    assert float(mean) == pytest.approx(np.mean(values), rel=1e-4)
    assert float(spread) == pytest.approx(np.std(values, ddof=1), rel=1e-2)


def test_separability_of_a_run_links_its_best_network(labelled):
    for kimg in ("000001", "000002"):
        write_network(labelled / f"network-{kimg}.safetensors")
    done = sgtool(*SEPARABILITY, *TRAINING, "--all-snapshots", ".")
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [row[:2] for row in rows] == [
        [f"network-{kimg}", f"separability_trained_{space}"]
        for kimg in ("000001", "000002")
        for space in "wz"
    ]
    assert Path("best-separability_trained_w.safetensors").is_symlink()


def test_all_measures_features_paths_and_planes_alike_each_time(labelled):
    command = ("eval", "all", "--data", "labelled", "--num", "16", *TRAINING)
    first, again = (sgtool(*command, "-o", out) for out in "ab")
    assert first.exit_code == 0, first.stderr
    assert again.stdout == first.stdout
    names = [line.split("\t")[0] for line in first.stdout.splitlines()]
    assert names[-2:] == ["separability_trained_w", "separability_trained_z"]
    assert {"fd_alex", "kd_alex", "recall_alex"} < set(names)
    assert "ppl left out" in first.stderr  # images of 16 px


def test_all_measures_paths_in_both_spaces_and_says_why_no_planes(here):
    done = sgtool("eval", "all", "--images", "x", "--data", "x")
    assert done.exit_code == 1
    random = np.random.RandomState(0)
    Path("plain").mkdir()
    for i in range(8):
        Image.fromarray(random.randint(0, 256, (32, 32, 3)).astype(np.uint8)).save(f"plain/{i}.png")
    done = sgtool("eval", "all", "--data", "plain", "--num", "8")
    names = [line.split("\t")[0] for line in done.stdout.splitlines()]
    assert names[-2:] == ["ppl_alex_w_full", "ppl_alex_z_full"]
    assert "separability left out: no attributes" in done.stderr


def test_all_leaves_out_what_needs_more_images(here):
    random = np.random.RandomState(0)
    Path("three").mkdir()
    for i in range(3):
        Image.fromarray(random.randint(0, 256, (32, 32, 3)).astype(np.uint8)).save(f"three/{i}.png")
    done = sgtool("eval", "all", "--data", "three", "--num", "4")
    assert done.exit_code == 0 and "fd_alex" in done.stdout and "ppl_alex_z_full" in done.stdout
    assert "images are too few; pr needs at least 6" in done.stderr


def test_judgements_entropies_and_record_are_kept(labelled):
    assert sgtool(*SEPARABILITY, *TRAINING).exit_code == 0
    (path,) = Path("out").glob("separability_trained-*.h5")
    with h5py.File(path) as file:
        assert file["logits"].shape == (40, 1)
        assert file["attribute_names"][:].tolist() == [b"class=light"]
        entropy = float(file["entropy_w"][0])
    (record,) = read_records(Path("out/metrics.jsonl"))
    assert record["results"]["separability_trained_w"] == pytest.approx(2**entropy)
    assert record["num_kept"] == 20
    (space, _) = record["attributes"]
    assert (space["name"], space["space"], space["converged"]) == ("class=light", "w", True)
    assert 0 <= space["classifier_accuracy"] <= 1
    assert record["num_pruned"] == 20


def test_too_few_images_for_the_dimensions_are_reported(labelled):
    done = sgtool(*SEPARABILITY, *TRAINING, "--space", "w")
    assert "20 codes that count are few for the 8 dimensions of w" in done.stderr
    assert "in z" not in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "stderr"),
    [
        ((), 2, "no classifier of class=light yet; set --train-classifier"),
        (("--classifier", "a", "--only", "b"), 2, "--classifier and --only: use only one of them"),
        (("--classifier", "missing"), 1, "missing: there is no such file"),
        (("--protocol", "ada"), 2, "--protocol ada: does not define separability"),
        (("--only", "nose", *TRAINING), 2, "--only nose: no such attribute; there is class=light"),
        (("--attributes", "missing.csv", *TRAINING), 1, "missing.csv: there is no such file"),
        (("--seed", "4295"), 2, "--seed 4295: out of range"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_mistake_in_separability_ends_in_words(labelled, words, code, stderr):
    done = sgtool(*SEPARABILITY, *words)
    assert (done.exit_code, done.stdout) == (code, "")
    assert stderr in done.stderr


def test_an_attribute_that_all_images_have_is_named(labelled):
    for path in Path("labelled/light").iterdir():
        path.rename(f"labelled/dark/light-{path.name}")
    Path("labelled/light").rmdir()
    done = sgtool(*SEPARABILITY, *TRAINING)
    assert done.exit_code == 1
    assert "no attribute varies" in done.stderr
