"""What holds for networks of the package, whichever they are."""

from pathlib import Path

import pytest
import torch

from stylegan_cli.errors import NetworkFileError
from stylegan_cli.networks.header import read_header
from stylegan_cli.networks.snapshot import load_network
from stylegan_cli.recipe import load
from stylegan_cli.shipped import USUAL, network_at, ship, shipped_names, shipped_network


@pytest.fixture(scope="module")
def shipped(tmp_path_factory, network_file):
    return ship(network_file, "tiny", tmp_path_factory.mktemp("shipped"))


def test_a_network_of_the_package_is_half_as_large(shipped, network_file):
    assert shipped.stat().st_size < 0.6 * network_file.stat().st_size


def test_it_is_used_in_full_precision(shipped):
    network = load_network(shipped)
    assert {tensor.dtype for tensor in network.G.state_dict().values()} == {torch.float32}


def test_rounding_moves_its_images_by_less_than_a_grey_level(shipped, network):
    rounded = load_network(shipped).G
    ws = network.G.mapping.w_avg.expand(1, network.G.num_ws, -1)
    images = [G.synthesis(ws, "const") for G in (rounded, network.G)]
    assert (images[0] - images[1]).abs().max() < 1 / 127.5


def test_its_measurements_are_of_portraits_drawn_on_the_spot(shipped):
    assert read_header(shipped).recipe.data.path == "sample:portraits"


def test_it_counts_the_images_of_all_its_trainings(network_file, tmp_path):
    assert read_header(ship(network_file, "tiny", tmp_path, kimg=420.0)).kimg == 420


def test_its_drawings_are_credited(shipped):
    assert "Johan Melin" in read_header(shipped).licence


def test_the_usual_network_ships():
    assert USUAL in shipped_names()


def test_the_quickstart_starts_from_a_network_that_fits():
    quickstart, network = load("quickstart"), read_header(shipped_network()).recipe
    assert quickstart.init.network == USUAL
    assert quickstart.generator == network.generator
    assert quickstart.discriminator == network.discriminator
    assert quickstart.data.resolution == network.data.resolution


def test_a_misspelt_name_leads_to_the_network_of_the_package(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NetworkFileError, match="did you mean portraits-64"):
        network_at(Path("portrait-64"))


def test_a_file_spelt_like_it_is_meant_before_the_package(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("portraits-65").touch()
    with pytest.raises(NetworkFileError, match=r"did you mean portraits-65\?"):
        network_at(Path("portraits-66"))


def test_the_package_stays_small():
    assert shipped_network().stat().st_size <= 6_000_000


def test_the_usual_network_has_layers_enough_for_a_crossover_at_eight():
    assert load_network(shipped_network()).G.num_ws >= 10
