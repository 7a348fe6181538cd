import json

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from stylegan_cli import __version__
from stylegan_cli.cli.info import _rows
from stylegan_cli.shipped import USUAL, shipped_network
from tests.commands import sgtool


def test_facts_are_lines_of_name_and_value(network_file):
    done = sgtool("info", str(network_file))
    facts = dict(line.split("\t") for line in done.stdout.splitlines())
    assert (done.exit_code, facts["kind"], facts["num_ws"]) == (0, "network", "6")
    assert facts["provenance.data"] == "none"


def test_a_list_of_facts_is_in_words():
    rows = dict(_rows({"sources": [{"name": "photos", "prepared": {}}], "sizes": [1.5, 2]}))
    assert rows == {"sources": "name photos", "sizes": "1.5, 2"}


def test_json_is_an_object_for_a_file_and_a_list_for_several(network_file):
    one = json.loads(sgtool("info", str(network_file), "--json").stdout)
    two = json.loads(sgtool("info", str(network_file), str(network_file), "--json").stdout)
    assert two == [one, one]


def test_without_a_file_it_tells_of_the_machine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    facts = json.loads(sgtool("info", "--json").stdout)
    assert facts["versions"]["sgtool"] == __version__
    assert facts["versions"]["torch"] == torch.__version__
    assert facts["devices"][0].startswith("cpu")
    assert facts["default_network"] == str(shipped_network())


def test_the_default_network_is_the_newest_of_the_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    network = tmp_path / "runs" / "a" / "network-000001.safetensors"
    network.parent.mkdir(parents=True)
    network.write_text("")
    assert json.loads(sgtool("info", "--json").stdout)["default_network"] == str(
        network.relative_to(tmp_path)
    )


def test_a_network_of_the_package_goes_by_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    facts = json.loads(sgtool("info", USUAL, "--json").stdout)
    assert facts["title"] == USUAL


def test_one_bad_file_ends_in_words_without_output(network_file, tmp_path):
    done = sgtool("info", str(network_file), str(tmp_path / "nothing"))
    assert (done.exit_code, done.stdout) == (1, "")
    assert "nothing: no such file" in done.stderr


def test_a_long_name_is_not_repeated_in_full_for_all_that_it_holds(network_file, tmp_path):
    tensors, path = load_file(network_file), tmp_path / "long.safetensors"
    with safe_open(network_file, "pt") as file:
        metadata = file.metadata()
    inner = {str(i): i for i in range(1000)}
    metadata["provenance"] = json.dumps({"n" * 50_000: inner})
    save_file(tensors, path, metadata)
    done = sgtool("info", str(path))
    assert done.exit_code == 0
    assert len(done.stdout) < 1_000_000
