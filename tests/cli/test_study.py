import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from stylegan_cli.latents.sampling import Sampling
from stylegan_cli.rendering.render import render
from stylegan_cli.studies.grid import grid
from tests.commands import sgtool


def test_grid_prints_exactly_the_paths_it_wrote(here):
    done = sgtool("grid", "--seeds", "0-2", "-o", "out")
    assert (done.exit_code, done.stdout) == (0, "out/grid.png\nout/grid.h5\nout/images\n")
    assert sorted(path.name for path in Path("out/images").iterdir()) == [
        "seed0000.png",
        "seed0001.png",
        "seed0002.png",
    ]


def test_the_pngs_are_the_images_of_the_file(here, network):
    assert sgtool("grid", "--seeds", "4,5", "--psi", "0.5", "-o", "out").exit_code == 0
    drawn = [cell.pixels for cell in render(network.G, grid(network, [4, 5], Sampling(psi=0.5)))]
    with h5py.File("out/grid.h5") as file:
        for i, seed in enumerate((4, 5)):
            stored = file["images"][i]
            assert np.array_equal(np.asarray(Image.open(f"out/images/seed000{seed}.png")), stored)
            assert np.abs(stored.astype(int) - drawn[i]).max() <= 1


def test_json_is_one_object_with_the_paths(here):
    done = sgtool("mix", "--rows", "1,2", "--cols", "3", "--crossover", "0,6", "--json")
    facts = json.loads(done.stdout)
    assert facts["total"] == facts["made_now"] == 7
    assert all(Path(path).exists() for path in (*facts["sheets"], facts["hdf5"], facts["images"]))
    assert [path.rpartition("/")[2] for path in facts["sheets"]] == [
        "mix-crossover-0.png",
        "mix-crossover-6.png",
    ]


def test_mix_alone_draws_a_matrix(here):
    facts = json.loads(sgtool("mix", "--json").stdout)
    assert (facts["request"]["rows"], facts["request"]["cols"]) == ("0-3", "4-9")


def test_a_file_in_place_of_the_folder_is_named(here):
    Path("taken").touch()
    for folder in ("taken", "taken/out"):
        refused = sgtool("grid", "--seeds", "0", "-o", folder)
        assert refused.exit_code == 1
        assert "taken: a file, where a folder is needed; choose another place" in refused.stderr


def test_a_single_image_is_counted_as_one(here):
    first, again = (sgtool("grid", "--seeds", "0", "-o", "out") for _ in range(2))
    assert first.stdout == again.stdout and "out: the image exists already" in again.stderr


def test_without_o_the_request_names_the_folder(here):
    first, again = (sgtool("grid", "--seeds", "1").stdout for _ in range(2))
    other = sgtool("grid", "--seeds", "1", "--psi", "0.7").stdout
    assert first == again != other
    assert first.startswith("results/grid-")


def test_the_same_request_again_says_that_it_is_done(here):
    first = sgtool("mix", "--rows", "1", "--cols", "3", "-o", "out")
    again = sgtool("mix", "--rows", "1", "--cols", "3", "-o", "out")
    assert (again.exit_code, again.stdout) == (0, first.stdout)
    assert "all 3 images exist already" in again.stderr


def test_another_request_for_the_folder_is_refused_unless_it_may_overwrite(here):
    words = ("mix", "--rows", "1", "--cols", "3", "-o", "out", "--crossover")
    assert sgtool(*words, "2").exit_code == 0
    refused = sgtool(*words, "3")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "out: holds another study (matrices is crossover 2, not crossover 3)" in refused.stderr
    assert sgtool(*words, "3", "--overwrite").exit_code == 0


def names(done):
    return [line.rpartition("/")[2] for line in done.stdout.splitlines()]


def test_layers_may_be_given_again_for_another_matrix(here):
    done = sgtool("mix", "--rows", "1", "--cols", "3", "--layers", "coarse", "--layers", "4-")
    assert names(done) == [
        "mix-coarse-layers-0-3.png",
        "mix-layers-4,5.png",
        "mix-bands.png",
        "mix.h5",
        "images",
    ]


def test_several_psi_give_a_sheet_each(here):
    done = sgtool("grid", "--seeds", "1,2", "--psi", "0.5,1")
    assert names(done) == ["grid-psi-0.5.png", "grid-psi-1.png", "grid.h5", "images"]


def test_psi_may_be_a_sweep_from_below_zero(here):
    assert sgtool("truncation", "--seeds", "1", "--psi", "-1:1:3", "-o", "out").exit_code == 0
    found = sorted(path.name for path in Path("out/images").iterdir())
    assert found == ["seed0001-psi-1.png", "seed0001-psi0000.png", "seed0001-psi0001.png"]


def test_the_mean_of_w_is_an_image_of_its_own(here):
    words = ("truncation", "--seeds", "1", "--psi", "1,0", "-o", "out", "--mean")
    assert sgtool(*words).exit_code == 0
    with h5py.File("out/truncation.h5") as file:
        assert np.array_equal(file["mean/images"], file["images"][0, 1])
    assert np.array_equal(
        np.asarray(Image.open("out/images/mean.png")),
        np.asarray(Image.open("out/images/seed0001-psi0000.png")),
    )
    again = sgtool(*words)
    assert "all 3 images exist already" in again.stderr


def test_per_class_gives_a_row_for_each_class(here, network_with_classes):
    words = ("--network", str(network_with_classes.path), "-o", "out")
    done = sgtool("grid", "--seeds", "1,2", "--per-class", *words)
    assert (done.exit_code, "class 0 of 3" in done.stderr) == (0, False)
    with h5py.File("out/grid.h5") as file:
        assert file["images"].shape[:2] == (3, 2)
        assert file["labels"][2, 0].tolist() == [0, 0, 1]


def test_how_a_file_was_read_is_said(here):
    assert sgtool("grid", "--seeds", "1,2", "-o", "out").exit_code == 0
    done = sgtool("grid", "--seeds", "7,out/grid.h5:1", "-o", "more")
    assert done.exit_code == 0
    assert "out/grid.h5:1: 1 ws (a w for each layer) from its array ws" in done.stderr
    with h5py.File("out/grid.h5") as first, h5py.File("more/grid.h5") as more:
        assert np.array_equal(first["ws"][1], more["ws"][1])
        assert list(more["seed_names"].asstr()) == ["7", "grid 1"]


def test_pdf_is_written_beside_each_composed_picture(here):
    words = ("mix", "--rows", "1", "--cols", "3", "--crossover", "2,4", "-o", "out")
    assert sgtool(*words).exit_code == 0
    done = sgtool(*words, "--pdf", "--json")
    assert done.exit_code == 0
    pdfs = json.loads(done.stdout)["pdfs"]
    assert pdfs == ["out/mix-crossover-2.pdf", "out/mix-crossover-4.pdf", "out/mix-bands.pdf"]
    assert all(Path(path).read_bytes().startswith(b"%PDF") for path in pdfs)


def test_a_crossover_nobody_chose_is_named(here):
    assert "crossover 3 of 0-6" in sgtool("mix", "--rows", "1", "--cols", "3").stderr


def test_a_class_nobody_chose_is_named(here, network_with_classes):
    words = ("grid", "--seeds", "1", "--network", str(network_with_classes.path))
    assert "class 0 of 3" in sgtool(*words).stderr
    assert "class 0 of 3" not in sgtool(*words, "--class", "cat").stderr


def test_quiet_says_nothing_but_the_paths(here):
    done = sgtool("grid", "--seeds", "1", "--quiet")
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 3


@pytest.mark.parametrize(
    ("words", "code", "stderr"),
    [
        (("grid", "--seeds", "5-2"), 2, "--seeds 5-2: the range runs backwards"),
        (("grid", "--seeds", "4294967296"), 2, "the valid range is 0-4294967295"),
        (("grid", "--seeds", "1", "--psi", "nan"), 2, "--psi nan"),
        (("grid", "--seeds", "1", "--cutoff", "7"), 2, "the valid range is 0-6"),
        (("grid", "--seeds", "1", "--class", "cat"), 2, "has no classes"),
        (("grid", "--seeds", "1", "--device", "cuda:99"), 2, "--device cuda:99"),
        (("grid", "--seeds", "1", "--batch", "0"), 2, "--batch"),
        (("edit",), 2, "--direction"),
        (("grid", "--seeds", "1", "--network", "nowhere"), 1, "nowhere: no such file"),
        (("grid", "--seeds", "1", "--network", "."), 1, ".: no network-*.safetensors"),
        (("mix", "--rows", "x", "--cols", "1"), 2, "--rows x"),
        (("grid", "--seeds", "1,gone.npz"), 1, "gone.npz: there is no such file"),
        (("grid", "--seeds", "1", "--per-class"), 2, "--per-class: the network has no classes"),
        (("grid", "--seeds", "1", "--psi", "1,,0"), 2, "--psi: nothing between commas"),
        (("truncation", "--seeds", "1", "--cutoff", "7"), 2, "the valid range is 0-6"),
        (("mix", "--rows", "1", "--cols", "1", "--crossover", "7"), 2, "valid range is 0-6"),
        (("mix", "--rows", "1", "--cols", "1", "--crossover", ""), 2, "--crossover: an empty"),
        (("mix", "--rows", "1", "--cols", "1", "--layers", "6-"), 2, "valid range is 0-5"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_mistake_ends_in_words_and_writes_nothing(here, words, code, stderr):
    done = sgtool(*words)
    assert (done.exit_code, done.stdout) == (code, "")
    assert stderr in done.stderr
    assert list(here.iterdir()) == []


def test_a_place_that_cannot_be_written_ends_in_words(here):
    (here / "file").write_text("")
    done = sgtool("grid", "--seeds", "1", "-o", "file/out")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "file: a file, where a folder is needed" in done.stderr


def test_mix_as_the_readme_has_it_says_that_a_network_has_no_styles(here, growing_networks):
    network = str(growing_networks["progan"].path)
    words = ("mix", "--rows", "1,2", "--cols", "3,4", "--crossover", "8", "--network", network)
    done = sgtool(*words)
    assert done.exit_code == 2
    assert "no styles to mix" in done.stderr


def test_bf16_is_another_request_and_says_so_in_its_file(here):
    plain, half = (
        json.loads(sgtool("grid", "--seeds", "1", "--json", "--precision", precision).stdout)
        for precision in ("auto", "bf16")
    )
    assert "precision" not in plain["request"]
    assert half["request"]["precision"] == "bf16"
    assert half["hdf5"] != plain["hdf5"]
    with h5py.File(half["hdf5"]) as file:
        assert json.loads(file.attrs["request"])["precision"] == "bf16"


def test_a_study_goes_on_with_another_backend(here):
    sgtool("grid", "--seeds", "1", "-o", "out", "--precision", "fp32")
    again = sgtool("grid", "--seeds", "1", "-o", "out", "--backend", "ref", "--json")
    assert json.loads(again.stdout)["made_now"] == 0


def test_compiling_without_a_compiler_ends_in_words(here, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    done = sgtool("grid", "--seeds", "1", "--compile", "-o", "out")
    assert done.exit_code == 2
    assert "no C++ compiler no-such-compiler here" in done.stderr
    assert not Path("out").exists()


@pytest.mark.parametrize("study", ["grid", "noise", "truncation"])
def test_a_study_alone_draws_something(here, study):
    done = sgtool(study, "-o", "out")
    assert done.exit_code == 0 and Path(f"out/{study}.png").exists(), done.stderr
