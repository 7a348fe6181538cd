import json
from pathlib import Path

import h5py
import pytest

from tests.commands import sgtool

SEFA = ("discover", "sefa", "--count", "2", "--strength", "-1,0,1", "--measured-on", "2")


def test_sefa_writes_directions_sheets_and_a_ranking(here):
    done = sgtool(*SEFA)
    assert done.exit_code == 0, done.stderr
    paths = done.stdout.splitlines()
    assert paths[0] == "directions.h5" and all(Path(path).exists() for path in paths)
    assert "random direction" in done.stderr and "sefa/1" in done.stderr
    with h5py.File("directions.h5") as file:
        assert set(file["sefa"]) == {"0", "1"}
        assert {"sigma", "lpips_per_sigma", "consistency"} <= set(file["sefa/0"].attrs)


def test_scores_of_another_table_are_another_question(here):
    words = ("discover", "attribute", "smile", "--measured-on", "2", "--strength", "0,1")
    words = (*words, "--top", "0.2", "--scores", "scores.csv")
    for factor, code in ((7, 0), (7, 0), (5, 1)):
        rows = (f"{seed},{seed * factor % 11}" for seed in range(60))
        Path("scores.csv").write_text("\n".join(["seed,smile", *rows]))
        done = sgtool(*words)
        assert done.exit_code == code, done.stderr
    assert "holds another study (directions_sha256" in done.stderr


def test_found_directions_edit_images(here):
    assert sgtool(*SEFA).exit_code == 0
    words = ("edit", "--seeds", "0,1", "--direction", "directions.h5:sefa/0@0-3", "-o", "out")
    done = sgtool(*words, "--strength", "-1,0,1", "--json")
    facts = json.loads(done.stdout)
    assert done.exit_code == 0 and Path("out/edit-differences.png").exists()
    assert [each["strength"] for each in facts["reach"]] == [-1, 0, 1]
    with h5py.File("out/edit.h5") as file:
        assert file["images"].shape[:2] == (2, 3)


def test_layers_of_an_edit_are_those_of_every_direction_without_its_own(here):
    assert sgtool(*SEFA).exit_code == 0
    words = ("edit", "--seeds", "0", "--direction", "directions.h5:sefa/0", "--layers", "0-3")
    done = sgtool(*words, "--direction", "directions.h5:sefa/1@4-", "-o", "out", "--json")
    assert done.exit_code == 0, done.stderr
    named = json.loads(done.stdout)["request"]["directions"]
    assert named == ["directions.h5:sefa/0@0-3", "directions.h5:sefa/1@4-"]


@pytest.mark.parametrize("layers", ["0-99", "", "tiny"])
def test_layers_that_the_network_lacks_are_refused_by_name(here, layers):
    assert sgtool(*SEFA).exit_code == 0
    done = sgtool("edit", "--direction", "directions.h5:sefa/0", "--layers", layers)
    assert done.exit_code == 2 and "--layers" in done.stderr


def test_layers_that_a_direction_names_itself_are_refused_with_it(here):
    assert sgtool(*SEFA).exit_code == 0
    done = sgtool("edit", "--direction", "directions.h5:sefa/0@0-99=2", "--layers", "0")
    assert done.exit_code == 2 and "--layers" not in done.stderr
    assert "--direction directions.h5:sefa/0@0-99=2: 99 is out of range" in done.stderr


def test_an_edit_is_filmed_and_found_again(here):
    assert sgtool(*SEFA).exit_code == 0
    words = ("edit", "--seeds", "0,1", "--direction", "directions.h5:sefa/0", "-o", "out")
    done = sgtool(*words, "--video")
    assert done.exit_code == 0, done.stderr
    assert "out/edit.mp4" in done.stdout.splitlines() and Path("out/edit.mp4").exists()
    again = sgtool(*words, "--video", "--json")
    assert "all 120 frames exist already" in again.stderr
    assert json.loads(again.stdout)["video"] == "out/edit.mp4"


def test_a_film_of_a_single_strength_is_refused_before_anything_is_drawn(here):
    assert sgtool(*SEFA).exit_code == 0
    words = ("edit", "--seeds", "0", "--direction", "directions.h5:sefa/0", "-o", "out")
    done = sgtool(*words, "--strength", "2", "--video")
    assert (done.exit_code, done.stdout) == (2, "") and "only one strength" in done.stderr
    assert not Path("out").exists()


@pytest.mark.parametrize("name", ["hair=bun", "a@0-3", "../up", "/etc", "a:b"])
def test_a_name_that_no_reference_can_spell_is_refused(here, name):
    done = sgtool(*SEFA, "--name", name)
    assert (done.exit_code, done.stdout) == (2, "") and "--name" in done.stderr
    assert not list(here.iterdir())


def test_the_same_again_is_done_and_another_is_refused(here):
    assert sgtool(*SEFA).exit_code == 0
    again = sgtool(*SEFA)
    assert again.exit_code == 0 and ": all " in again.stderr
    other = sgtool("discover", "sefa", "--count", "3")
    assert other.exit_code == 1 and "other options" in other.stderr
    pca = sgtool("discover", "pca", "--samples", "200", *SEFA[2:], "--json")
    assert pca.exit_code == 0, pca.stderr
    assert len(json.loads(pca.stdout)["ranking"]) == 3


def test_a_network_without_w_is_explored_in_z(here, monkeypatch, growing_networks):
    monkeypatch.setenv("SGTOOL_NETWORK", str(growing_networks["progan"].path))
    assert sgtool(*SEFA).exit_code == 0
    done = sgtool("edit", "--seeds", "0", "--direction", "directions.h5:sefa/0", "-o", "out")
    assert done.exit_code == 0, done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--direction", "sefa/0"), "not a direction in a file"),
        (("--direction", "directions.h5:sefa/0"), "no such file"),
        ((), "direction"),
    ],
)
def test_directions_that_are_not_there_end_in_words(here, words, said):
    done = sgtool("edit", *words)
    assert done.exit_code != 0 and said in done.stderr.replace("\n", " ")
    assert list(here.iterdir()) == []


def test_attributes_of_pixels_are_found_and_told(here):
    words = ("attribute", "brightness", "size", "--samples", "200", "--top", "0.2")
    done = sgtool("discover", *words, *SEFA[4:], "--json")
    assert done.exit_code == 0, done.stderr
    assert "NaN" not in done.stdout
    ranked = {each["name"]: each for each in json.loads(done.stdout)["ranking"]}
    assert ranked["attribute/brightness"]["shift"] > 0
    assert "others' shift" in done.stderr
    assert Path("directions/attribute/discover-attribute-attributes.png").exists()


def test_channels_are_found_by_what_they_change(here):
    words = ("channels", "brightness", "--samples", "200", "--count", "2")
    done = sgtool("discover", *words, *SEFA[4:])
    assert done.exit_code == 0, done.stderr
    edited = sgtool("edit", "--direction", "directions.h5:channels/brightness/0=5", "--json")
    assert edited.exit_code == 0, edited.stderr


def test_channels_of_an_attribute_and_local_ones_share_a_file(here):
    for words in (("brightness", "--samples", "200"), ()):
        done = sgtool("discover", "channels", *words, "--count", "1", *SEFA[4:])
        assert done.exit_code == 0, done.stderr
    with h5py.File("directions.h5") as file:
        assert set(file["channels"]) == {"brightness", "local"}


def test_styles_are_written_once(here):
    done = sgtool("discover", "styles", "--count", "2", "--samples", "200")
    assert (done.exit_code, done.stdout) == (0, "styles.h5\n")
    assert sgtool("mix", "--rows", "0", "--cols", "styles.h5:centres").exit_code == 0
    assert sgtool("discover", "styles").exit_code == 1


def test_directions_are_compared(here):
    assert sgtool(*SEFA).exit_code == 0
    done = sgtool("discover", "compare", "directions.h5:sefa", "directions.h5:sefa/0")
    assert done.stdout.splitlines()[0].split("\t") == ["sefa/0", "+1.00"]


def test_directions_are_exported_and_described(here):
    assert sgtool(*SEFA).exit_code == 0
    done = sgtool("discover", "export", "directions.h5:sefa/1", "one.npy")
    assert (done.exit_code, done.stdout) == (0, "one.npy\n")
    assert sgtool("discover", "export", "directions.h5:sefa/1", "one.npy").exit_code == 1
    facts = json.loads(sgtool("info", "directions.h5", "--json").stdout)
    assert "sefa/0" in json.dumps(facts)


def test_something_must_tell_an_attribute(here):
    done = sgtool("discover", "attribute")
    assert done.exit_code == 2 and "brightness" in done.stderr
    done = sgtool("discover", "attribute", "--with", "0-9")
    assert done.exit_code == 2 and "--without" in done.stderr


@pytest.mark.parametrize("output", ["faces", "faces.npz"])
def test_a_file_of_directions_is_called_as_it_is_read(here, output):
    done = sgtool(*SEFA, "-o", output)
    assert done.exit_code == 2 and "must end in .h5" in done.stderr
    assert list(here.iterdir()) == []
