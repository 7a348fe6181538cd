import os
import shutil
from pathlib import Path

import pytest

from stylegan_cli.cli.network import find_network, open_network
from stylegan_cli.cli.options import StudyFlags
from stylegan_cli.errors import NetworkFileError
from stylegan_cli.shipped import USUAL, shipped_network


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Two runs: `b` is the newer one, though its first snapshot is the oldest file of all."""
    monkeypatch.chdir(tmp_path)
    for age, name in enumerate(("b/network-000100", "a/network-000300", "b/network-000200")):
        path = tmp_path / "runs" / f"{name}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        os.utime(path, (1000 + age, 1000 + age))
    return tmp_path / "runs"


def test_a_file_is_taken_as_it_is(tmp_path):
    path = tmp_path / "any.safetensors"
    path.touch()
    assert find_network(path) == path


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(NetworkFileError, match="no such file"):
        find_network(tmp_path / "any.safetensors")


def test_a_run_gives_its_snapshot_of_most_kimg(runs):
    assert find_network(runs / "b").name == "network-000200.safetensors"


def test_without_a_choice_the_newest_run_gives_it(runs):
    assert find_network(None).read_text() == "b/network-000200"


def test_a_run_without_snapshots_is_refused(runs):
    (runs / "c").mkdir()
    with pytest.raises(NetworkFileError, match=r"c: no network-\*\.safetensors.*; name a run"):
        find_network(runs / "c")
    (runs / "c" / "state.pt").touch()
    with pytest.raises(NetworkFileError, match="; train until it writes one"):
        find_network(runs / "c")


def test_without_any_run_it_is_that_of_the_package(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_network(None) == shipped_network()


def test_a_network_of_the_package_goes_by_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_network(Path(USUAL)) == shipped_network()


def test_a_folder_of_that_name_is_meant_before_the_package(runs, monkeypatch):
    monkeypatch.chdir(runs)
    (runs / "b").rename(USUAL)
    assert find_network(Path(USUAL)).parent == Path(USUAL)


def test_the_network_taken_is_named_on_stderr(runs, network_file, capsys):
    shutil.copy(network_file, runs / "b" / "network-000400.safetensors")
    network = open_network(None, StudyFlags(device="cpu"))
    captured = capsys.readouterr()
    assert network.path.name == "network-000400.safetensors"
    assert captured.out == ""
    assert captured.err == ("network runs/b/network-000400.safetensors: tiny, 16×16, 12 kimg\n")


def test_a_wrong_variable_is_named(monkeypatch):
    monkeypatch.setenv("SGTOOL_NETWORK", "gone.safetensors")
    with pytest.raises(
        NetworkFileError, match=r"^\$SGTOOL_NETWORK: gone.safetensors: no such file"
    ):
        find_network(None)
