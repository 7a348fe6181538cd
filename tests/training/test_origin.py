from pathlib import Path

import pytest

from stylegan_cli.errors import NetworkFileError
from stylegan_cli.interop.reading import read_foreign
from stylegan_cli.networks.snapshot import file_sha256
from stylegan_cli.training.transfer import open_origin
from tests.tiny import tiny, write_untrained


@pytest.fixture
def networks(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    write_untrained(folder / "network-000001.safetensors", tiny("seed=1"))
    write_untrained(folder / "network-000002.safetensors", tiny("seed=2"))
    return folder


def origin_of(network, **keys):
    return open_origin(str(network), **keys)


def test_of_a_run_the_newest_network_is_taken(networks):
    origin = origin_of(networks)
    assert origin.path.name == "network-000002.safetensors"
    assert origin.sha256 == file_sha256(origin.path)


def test_of_a_run_the_hash_tells_which_network(networks):
    first = networks / "network-000001.safetensors"
    assert origin_of(networks, sha256=file_sha256(first)).path == first


def test_another_file_than_that_of_the_hash_is_refused(networks):
    first, second = sorted(networks.iterdir())
    with pytest.raises(NetworkFileError, match=r"init\.sha256 is "):
        origin_of(first, sha256=file_sha256(second))


@pytest.mark.parametrize(("name", "words"), [("", "no network-"), ("no.safetensors", "no such fi")])
def test_no_network_ends_in_words(tmp_path, name, words):
    with pytest.raises(NetworkFileError, match=words):
        origin_of(tmp_path / name)


def test_networks_of_other_programs_are_read_as_such(tmp_path):
    reference = Path(__file__).parents[1] / "reference" / "sg2_g_cond_32_ada.pkl"
    foreign, origin = read_foreign(reference), origin_of(reference)
    assert origin.sha256 == file_sha256(reference)
    assert origin.tensors.keys() == foreign.tensors.keys()
    assert (origin.recipe.data.labels, origin.c_dim) == (True, 5)
    assert origin.licence == foreign.licence


def test_a_large_file_that_is_no_network_is_refused_unhashed(tmp_path):
    with (tmp_path / "a.safetensors").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(NetworkFileError, match="not a readable network file"):
        origin_of(tmp_path / "a.safetensors")
