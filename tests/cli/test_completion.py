import contextlib

import pytest
from typer.testing import CliRunner

from stylegan_cli.cli import completion
from stylegan_cli.cli.app import app
from stylegan_cli.detectors import detector_names
from stylegan_cli.detectors.weights import PUBLISHED
from stylegan_cli.metrics import ppl as published_paths
from stylegan_cli.metrics import protocol
from stylegan_cli.ranges import parse_layers
from tests.tiny import write_network

SHELLS = {
    "bash": lambda line: {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)},
    "zsh": lambda line: {"_TYPER_COMPLETE_ARGS": line},
    "fish": lambda line: {
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    },
}
"""What each shell's script tells the program of a command line, up to the cursor."""


def completed(line, shell="bash"):
    variables = {"_SGTOOL_COMPLETE": f"complete_{shell}", **SHELLS[shell](line)}
    done = CliRunner().invoke(app, [], prog_name="sgtool", env=variables)
    return done.stdout.split()


@pytest.fixture
def folder(tmp_path):
    for run in ("cats", "dogs"):
        (tmp_path / "runs" / run).mkdir(parents=True)
        write_network(tmp_path / "runs" / run / "network-000012.safetensors", resolution=8)
    (tmp_path / "stylish.toml").touch()
    (tmp_path / "style.txt").touch()
    with contextlib.chdir(tmp_path):
        yield tmp_path


@pytest.mark.parametrize("shell", SHELLS)
def test_recipes_are_offered_in_every_shell(shell, folder):
    assert "stylegan2-small" in " ".join(completed("sgtool train stylegan2-s", shell))


def test_files_of_recipes_are_offered_beside_shipped_ones(folder):
    offered = completed("sgtool recipe show styl")
    assert {"stylegan2", "stylish.toml"} <= set(offered)
    assert "style.txt" not in offered


@pytest.mark.parametrize("flag", ["grid --network", "train --init-from", "eval fid --network"])
def test_runs_are_offered_where_a_network_is_asked_for(flag, folder):
    assert completed(f"sgtool {flag} ru") == ["runs/cats", "runs/dogs", "runs/"]


def test_files_of_networks_are_offered_within_a_run(folder):
    offered = completed("sgtool grid --network runs/cats/n")
    assert offered == ["runs/cats/network-000012.safetensors"]


def test_keys_are_offered_for_set():
    assert completed("sgtool train --set train.batch_s") == ["train.batch_size="]


def test_styles_of_portraits_are_offered():
    assert completed("sgtool data sample portraits --style toon") == ["toon-head"]


def test_kinds_and_metrics_are_offered():
    assert completed("sgtool data sample p") == ["portraits"]
    assert completed("sgtool eval k") == ["kid"]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("eval fid --detector v", ["vgg16"]),
        ("eval ppl --detector a", ["alex"]),
        ("eval fid --protocol a", ["ada"]),
        ("eval separability --protocol stylegan2", ["stylegan2"]),
        ("weights fetch l", ["lpips_vgg16"]),
        ("video --interp slerp", ["slerp-z", "slerp-w"]),
        ("grid --noise-mode r", ["random"]),
        ("mix --layers co", ["coarse"]),
        ("noise --layers coarse,m", ["coarse,middle"]),
    ],
)
def test_names_are_offered_where_one_is_asked_for(line, offered):
    assert completed(f"sgtool {line}") == offered


@pytest.mark.parametrize("shell", SHELLS)
def test_names_are_offered_in_every_shell(shell):
    assert "inception" in " ".join(completed("sgtool eval fid --detector inc", shell))


@pytest.fixture
def animals(tmp_path):
    write_network(tmp_path / "n.safetensors", resolution=8, classes=("cat", "dog"))
    return tmp_path / "n.safetensors"


def test_classes_of_the_network_are_offered(animals):
    assert completed(f"sgtool grid --network {animals} --class d") == ["dog"]
    assert completed(f"sgtool video --network {animals} --class dog,c") == ["dog,cat"]


def test_no_classes_are_offered_without_a_network(tmp_path):
    with contextlib.chdir(tmp_path):
        assert completed("sgtool grid --class d") == []


def test_names_offered_are_those_that_there_are():
    assert set(completion.FEATURE_DETECTORS) == set(detector_names("features"))
    assert set(completion.PROTOCOLS) == set(protocol.PROTOCOLS) == set(published_paths.PROTOCOLS)
    assert set(completion.WEIGHTS) == {file.name for file in PUBLISHED} - {"alex"}
    assert all(parse_layers(group, (4, 16, 64)) for group in completion.LAYERS)
