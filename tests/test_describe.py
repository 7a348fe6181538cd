import json
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylegan_cli.describe import describe
from stylegan_cli.errors import DataError, NetworkFileError, SgtoolError
from stylegan_cli.networks.snapshot import file_sha256
from stylegan_cli.recipe import Settled, dumps
from stylegan_cli.rendering.recording import Recording
from stylegan_cli.studies.grid import grid
from stylegan_cli.training.run_folder import save_state


def test_a_network_tells_its_shape_and_origin(network_file):
    facts = describe(network_file)
    assert facts["kind"] == "network"
    assert (facts["resolution"], facts["num_ws"], facts["kimg"]) == (16, 6, 12.0)
    assert facts["licence"] == "made up"
    assert facts["sha256"] == file_sha256(network_file)
    parameters = facts["parameters"]
    assert parameters["generator"] == parameters["mapping"] + parameters["synthesis"]


def test_a_recipe_tells_every_key(tmp_path):
    (tmp_path / "a.toml").write_text(dumps(Settled(title="mine")))
    facts = describe(tmp_path / "a.toml")
    assert (facts["kind"], facts["title"]) == ("recipe", "mine")
    assert facts["recipe"]["train"]["batch_size"] == 32
    assert facts["parameters"]["generator"] == 30_370_060


def test_a_training_state_tells_how_far_it_is(tmp_path):
    save_state(tmp_path / "state.pt", {"cur_nimg": 1500})
    assert describe(tmp_path / "state.pt")["kimg"] == 1.5


def test_a_state_that_would_run_code_is_refused(tmp_path):
    # the pickle of os.system, called with a command: what an attacker would send
    (tmp_path / "state.pt").write_bytes(b"cos\nsystem\n(S'touch pwned'\ntR.")
    with pytest.raises(NetworkFileError, match=r"state.pt: damaged"):
        describe(tmp_path / "state.pt")
    assert not Path("pwned").exists()


def test_a_run_tells_its_networks_and_newest_figures(tmp_path, network_file):
    (tmp_path / "recipe.toml").write_text(dumps(Settled(title="mine")))
    (tmp_path / "stats.jsonl").write_bytes(b'{"kimg": "\xed"}\n{"kimg": 2}\n{"kim')
    shutil.copy(network_file, tmp_path)
    facts = describe(tmp_path)
    assert (facts["kind"], facts["title"]) == ("run", "mine")
    assert facts["networks"] == [network_file.name]
    assert facts["last"] == {"kimg": 2}
    assert facts["resumable"] is False


def test_the_newest_figures_of_a_long_run_take_little_memory(tmp_path):
    (tmp_path / "recipe.toml").write_text(dumps(Settled(title="mine")))
    with (tmp_path / "stats.jsonl").open("wb") as file:
        # holes: no disk is taken
        file.seek(2**31)
        file.write(b'\n{"kimg": 2}\n')
    tracemalloc.start()
    assert describe(tmp_path)["last"] == {"kimg": 2}
    assert tracemalloc.get_traced_memory()[1] < 2**25
    tracemalloc.stop()


def test_a_study_and_its_folder_tell_the_same(tmp_path, network):
    with Recording(network, grid(network, [3, 4]), tmp_path) as recording:
        list(recording.cells())
        list(recording.pictures())
    facts = describe(tmp_path)
    assert facts["kind"] == "study"
    assert facts["request"]["seeds"] == "3,4"
    assert facts["missing"] == 0
    assert {**facts, "path": ""} == {**describe(tmp_path / "grid.h5"), "path": ""}


def test_a_data_set_tells_counts_and_classes(tmp_path):
    for name in ("cat/a.png", "cat/b.png", "dog/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / name)
    facts = describe(tmp_path)
    assert (facts["kind"], facts["images"]) == ("data set", 3)
    assert facts["labels"] == {"cat": 2, "dog": 1}
    assert facts["first_image"] == "8×8 RGB"


def test_every_description_is_json(network_file):
    assert json.loads(json.dumps(describe(network_file)))["path"] == str(network_file)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.safetensors", b"\x10\0\0\0\0\0\0\0{", "not a readable network file"),
        ("a.pt", b"text", "damaged training state"),
        ("lfs.pt", b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
        ("lfs.safetensors", b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
        ("page.safetensors", b"<!DOCTYPE html>", "a web page, not a network"),
        ("a.h5", b"\x89HDF\r\n\x1a\nrest", "not a readable HDF5 file"),
        ("a.toml", b"[data]\nresolutoin = 3\n", "resolution"),
        ("a.zip", b"PK\x03\x04", r"a\.zip"),
        ("a.txt", b"hello.png\n", r"hello\.png"),
        ("a.bin", b"\0\1", r"a\.bin: not a source of images"),
    ],
)
def test_damaged_and_foreign_files_end_in_words(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SgtoolError, match=words):
        describe(tmp_path / name)


def test_an_empty_folder_ends_in_words(tmp_path):
    with pytest.raises(DataError, match="contains no images, run or study"):
        describe(tmp_path)


def test_an_unfinished_study_is_said_to_be_one(tmp_path):
    (tmp_path / ".grid.h5.partial").touch()
    with pytest.raises(DataError, match="an unfinished study; run its command again"):
        describe(tmp_path)


def test_a_file_that_is_not_there_ends_in_words(tmp_path):
    with pytest.raises(DataError, match="there is no such file"):
        describe(tmp_path / "a.h5")


@pytest.mark.parametrize("suffix", ["npz", "npy"])
def test_a_file_of_codes_tells_its_arrays(tmp_path, suffix):
    (np.savez if suffix == "npz" else np.save)(tmp_path / f"w.{suffix}", np.zeros((2, 8)))
    facts = describe(tmp_path / f"w.{suffix}")
    name = "arr_0" if suffix == "npz" else "w"
    assert (facts["kind"], facts["arrays"]) == ("codes", {name: "float64 [2, 8]"})
