import json
import re
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from stylegan_cli.networks.header import read_header
from stylegan_cli.networks.snapshot import load_network
from tests.commands import sgtool
from tests.interop.hostile import HOSTILE
from tests.networks.vectors import FOLDER, Vectors
from tests.tiny import write_network

PICKLES = {path.stem: re.sub("_(ada|tf)$", "", path.stem) for path in FOLDER.glob("*.pkl")}
"""Files of the originals, and the vectors that tell what images they make."""


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("converted")
    for name in PICKLES:
        done = sgtool("convert", FOLDER / f"{name}.pkl", folder / f"{name}.safetensors")
        assert done.exit_code == 0, done.stderr
    return folder


def pixels(images):
    return (images.permute(0, 2, 3, 1) * 127.5 + 128).clip(0, 255).to(torch.uint8).numpy()


@pytest.mark.parametrize("name", PICKLES)
def test_grid_draws_the_images_of_the_original(name, converted, tmp_path):
    vectors = Vectors(PICKLES[name])
    drawn = []
    for seed in range(3):
        label = [f"--class={vectors['c'][seed].argmax()}"] if vectors["c"].shape[1] else []
        flags = ("--seeds", seed, "--psi", "1", "--noise-mode", "const", *label)
        network = converted / f"{name}.safetensors"
        done = sgtool("grid", *flags, "--network", network, "-o", tmp_path / str(seed))
        assert done.exit_code == 0, done.stderr
        with h5py.File(tmp_path / str(seed) / "grid.h5") as study:
            drawn.append(study["images"][:].reshape(-1, *study["images"].shape[-3:])[0])
    expected = pixels(vectors["img_const"][:3])
    assert np.abs(np.stack(drawn).astype(int) - expected).max() <= 1


CONDITIONAL = FOLDER / "sg2_g_cond_32_ada.pkl"


def test_json_tells_where_everything_came_from(tmp_path):
    done = sgtool("convert", CONDITIONAL, tmp_path / "a.safetensors", "--json")
    facts = json.loads(done.stdout)
    assert (facts["family"], facts["resolution"], facts["c_dim"]) == ("stylegan2", 32, 5)
    assert facts["unused"] == ["G", "augment_pipe"]
    assert facts["tensors"]["g_ema.synthesis.b8.conv0.weight"] == {
        "from": "G_ema.synthesis.b8.conv0.weight",
        "shape": [20, 20, 3, 3],
    }
    assert facts["bytes"] == (tmp_path / "a.safetensors").stat().st_size


def test_the_licence_is_said_and_stays_with_the_file(tmp_path):
    done = sgtool("convert", CONDITIONAL, tmp_path / "a.safetensors")
    assert done.stdout == f"{tmp_path / 'a.safetensors'}\n"
    assert "licence: non-commercial" in done.stderr
    header = read_header(tmp_path / "a.safetensors")
    assert header.licence.startswith("non-commercial")
    assert header.provenance["kind"] == "stylegan2-ada-pytorch"
    assert header.provenance["source"] == CONDITIONAL.name
    assert len(header.provenance["source_sha256"]) == 64


def test_the_discriminator_comes_along(tmp_path):
    sgtool("convert", CONDITIONAL, tmp_path / "a.safetensors")
    network = load_network(tmp_path / "a.safetensors", discriminator=True)
    assert network.D is not None


def test_a_file_that_is_there_is_replaced_only_when_asked_to(tmp_path):
    (tmp_path / "a.safetensors").write_text("mine")
    refused = sgtool("convert", CONDITIONAL, tmp_path / "a.safetensors")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "--overwrite" in refused.stderr
    assert (tmp_path / "a.safetensors").read_text() == "mine"
    done = sgtool("convert", CONDITIONAL, tmp_path / "a.safetensors", "--overwrite")
    again = sgtool("convert", CONDITIONAL, tmp_path / "a.safetensors")
    assert (again.exit_code, again.stdout) == (0, done.stdout)
    assert "exists already, converted from the same network" in again.stderr
    assert done.exit_code == 0


def test_a_file_is_not_replaced_by_its_conversion(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({}, "a.pt")
    before = Path("a.pt").read_bytes()
    done = sgtool("convert", "a.pt", tmp_path / "a.pt", "--overwrite")
    assert done.exit_code == 1 and "a.pt: is the file to convert" in done.stderr
    assert Path("a.pt").read_bytes() == before


def test_a_name_without_a_known_suffix_is_a_wrong_call(tmp_path):
    done = sgtool("convert", CONDITIONAL, tmp_path / "a.network")
    assert (done.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert ".safetensors" in done.stderr


def test_a_refused_file_leaves_nothing_behind(tmp_path):
    (tmp_path / "evil.pkl").write_bytes(HOSTILE["os.system"])
    done = sgtool("convert", tmp_path / "evil.pkl", tmp_path / "a.safetensors")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "refused, nothing in it was run: the name os.system" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["evil.pkl"]


def test_info_tells_what_is_in_a_foreign_file():
    facts = json.loads(sgtool("info", CONDITIONAL, "--json").stdout)
    assert (facts["kind"], facts["format"]) == ("foreign network", "stylegan2-ada-pytorch")
    assert (facts["z_dim"], facts["w_dim"], facts["c_dim"]) == (24, 16, 5)
    assert facts["parameters"]["generator"] > 0


def test_commands_that_draw_ask_for_a_conversion_first(tmp_path):
    done = sgtool("grid", "--seeds", "0", "--network", CONDITIONAL, "-o", tmp_path / "out")
    assert done.exit_code == 1
    assert f"sgtool convert {CONDITIONAL} {CONDITIONAL.stem}.safetensors" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("photo.pkl", b"\xff\xd8\xff\xe0 and so on", "photo.pkl: an image, not a network"),
        ("page.pkl", b"\n<!DOCTYPE html><html>", "page.pkl: a web page, not a network"),
        ("lfs.pt", b"version https://git-lfs.github.com/spec/v1", "lfs.pt: a pointer of Git LFS"),
        ("empty.pkl", b"", "empty.pkl: damaged or truncated: it is empty"),
        ("empty.pt", b"", "empty.pt: damaged or truncated: it is empty"),
        (
            "text.pkl",
            b"hello",
            "text.pkl: not a pickle, or a damaged or truncated one (the memo has nothing at",
        ),
        ("a.onnx", b"text", "a.onnx: for other programs only, sgtool does not read it back"),
        ("a.pt2", b"text", "a.pt2: for other programs only, sgtool does not read it back"),
        ("own.safetensors", b"text", "own.safetensors: is in sgtool's own format already, or"),
    ],
)
def test_what_is_no_network_is_told_for_what_it_is(name, content, words, tmp_path):
    (tmp_path / name).write_bytes(content)
    done = sgtool("convert", tmp_path / name, tmp_path / "to.safetensors")
    assert (done.exit_code, done.stdout) == (1, "")
    assert words in done.stderr


def test_a_folder_is_not_called_missing(tmp_path):
    done = sgtool("convert", tmp_path, tmp_path / "to.safetensors")
    assert done.exit_code == 1
    assert f"{tmp_path}: a folder; name a file in it" in done.stderr


def test_a_run_is_answered_with_its_newest_network(tmp_path):
    (tmp_path / "network-000012.safetensors").touch()
    done = sgtool("convert", tmp_path, tmp_path / "to.safetensors")
    assert done.exit_code == 2
    assert f"already; copy {tmp_path / 'network-000012.safetensors'}" in done.stderr


def test_a_refusal_names_the_file_that_was_given(tmp_path):
    done = sgtool("convert", CONDITIONAL, tmp_path / "a.pt")
    assert done.exit_code == 2
    assert f"error: {CONDITIONAL}: length of labels is 5" in done.stderr


@pytest.mark.parametrize("words", [("info",), ("grid", "--seeds", "0", "--network")])
def test_exported_networks_are_not_said_to_convert(words, tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"text")
    done = sgtool(*words, tmp_path / "a.onnx")
    assert done.exit_code == 1
    assert "give the .safetensors or the run that it was made from" in done.stderr


def test_info_of_an_empty_file_does_not_advise_to_start_again(tmp_path):
    (tmp_path / "a.pt").touch()
    done = sgtool("info", tmp_path / "a.pt")
    assert done.exit_code == 1
    assert "a.pt: the file is empty; copy or download it again" in done.stderr


@pytest.fixture(scope="module")
def there_and_back(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints")
    ours = write_network(folder / "ours.safetensors")
    written = sgtool("convert", ours, folder / "theirs.pt", "--json")
    read = sgtool("convert", folder / "theirs.pt", folder / "back.safetensors")
    assert (written.exit_code, read.exit_code) == (0, 0), written.stderr + read.stderr
    return folder, json.loads(written.stdout), read


def test_a_network_there_and_back_has_the_same_tensors(there_and_back):
    folder, _, _ = there_and_back
    ours, back = (load_file(folder / f"{name}.safetensors") for name in ("ours", "back"))
    assert ours.keys() == back.keys()
    assert all(torch.equal(ours[name], back[name]) for name in ours)


def test_the_report_tells_where_each_tensor_came_from(there_and_back):
    _, report, _ = there_and_back
    const = report["tensors"]["g_ema.input.input"]
    assert const == {"from": "g_ema.synthesis.b4.const", "shape": [1, 16, 4, 4]}
    assert report["licence"] == "made up"
    assert report["unused"] == []


def test_the_licence_is_told_and_standard_output_is_the_path(there_and_back):
    folder, _, read = there_and_back
    assert read.stdout == f"{folder / 'back.safetensors'}\n"
    assert "licence: made up" in read.stderr


def test_info_tells_what_is_in_a_checkpoint(there_and_back):
    folder, _, _ = there_and_back
    facts = json.loads(sgtool("info", folder / "theirs.pt", "--json").stdout)
    assert facts["format"] == "rosinality-stylegan2"
    assert (facts["resolution"], facts["z_dim"], facts["has_discriminator"]) == (16, 8, True)


def test_what_rosinality_lacks_is_a_wrong_call(tmp_path):
    grey = write_network(tmp_path / "grey.safetensors", channels=1)
    done = sgtool("convert", grey, tmp_path / "grey.pt")
    assert done.exit_code == 2
    assert "channels is 1, and rosinality's StyleGAN2 supports only 3" in done.stderr
    assert not (tmp_path / "grey.pt").exists()
