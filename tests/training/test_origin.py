from pathlib import Path

import pytest

from stylegan_cli.errors import NetworkFileError
from stylegan_cli.interop.reading import read_foreign
from stylegan_cli.networks.snapshot import file_sha256
from stylegan_cli.recipe import InitSection, dumps
from stylegan_cli.training.origin import as_begun, open_origin, with_origin
from stylegan_cli.training.run_folder import RunFolder
from tests.tiny import tiny, tiny_growing, write_untrained


@pytest.fixture
def networks(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    write_untrained(folder / "network-000001.safetensors", tiny("seed=1"))
    write_untrained(folder / "network-000002.safetensors", tiny("seed=2"))
    return folder


def origin_of(network, **keys):
    return open_origin(InitSection(network=str(network), **keys))


def test_of_a_run_the_newest_network_is_taken(networks):
    origin = origin_of(networks)
    assert origin.path.name == "network-000002.safetensors"
    assert origin.sha256 == file_sha256(origin.path)


def test_of_a_run_the_hash_tells_which_network(networks):
    first = networks / "network-000001.safetensors"
    assert origin_of(networks, sha256=file_sha256(first)).path == first


def test_another_file_than_that_of_the_hash_is_refused(networks):
    first, second = sorted(networks.iterdir())
    with pytest.raises(NetworkFileError, match=r"not the network of init\.sha256"):
        origin_of(first, sha256=file_sha256(second))


@pytest.mark.parametrize(("name", "words"), [("", "no network-"), ("no.safetensors", "no such fi")])
def test_no_network_ends_in_words(tmp_path, name, words):
    with pytest.raises(NetworkFileError, match=words):
        origin_of(tmp_path / name)


@pytest.mark.parametrize(
    ("theirs", "lod", "ours", "first"),
    [(16, 0.0, 16, 16), (16, 0.5, 16, 8), (16, 1.0, 16, 8), (16, 0.0, 32, 16), (32, 0.0, 16, 16)],
)
def test_a_growing_run_goes_on_where_its_origin_stands(tmp_path, theirs, lod, ours, first):
    source = tiny_growing(f"data.resolution={theirs}")
    path = write_untrained(tmp_path / "network.safetensors", source, lod=lod)
    recipe = tiny_growing(
        f"data.resolution={ours}", "growing.initial_resolution=4", f"init.network={path}"
    )
    begun = with_origin(recipe, open_origin(recipe.init))
    assert begun.growing.initial_resolution == first


def test_a_growing_run_may_start_higher_than_its_origin_stands(tmp_path):
    path = write_untrained(tmp_path / "network.safetensors", tiny_growing(), lod=1.0)
    recipe = tiny_growing("growing.initial_resolution=16", f"init.network={path}")
    begun = with_origin(recipe, open_origin(recipe.init))
    assert begun.growing.initial_resolution == 16


def test_what_followed_from_an_origin_is_read_from_the_run(tmp_path):
    path = write_untrained(tmp_path / "network.safetensors", tiny_growing())
    recipe = tiny_growing(f"init.network={path}")
    begun = with_origin(recipe, open_origin(recipe.init))
    folder = RunFolder(path=tmp_path)
    folder.recipe.write_text(dumps(begun))
    path.unlink()
    assert as_begun(recipe, folder) == begun


def test_of_a_run_from_elsewhere_nothing_is_taken_over(tmp_path):
    path = write_untrained(tmp_path / "network.safetensors", tiny())
    other = tiny(f"init.network={path}")
    folder = RunFolder(path=tmp_path)
    folder.recipe.write_text(dumps(with_origin(other, open_origin(other.init))))
    recipe = tiny("init.network=elsewhere.safetensors")
    assert as_begun(recipe, folder) == recipe


def test_networks_of_other_programs_are_read_as_such(tmp_path):
    reference = Path(__file__).parents[1] / "reference" / "sg2_g_cond_32_ada.pkl"
    foreign, origin = read_foreign(reference), origin_of(reference)
    assert origin.sha256 == file_sha256(reference)
    assert origin.tensors.keys() == foreign.tensors.keys()
    assert (origin.recipe.data.labels, origin.c_dim) == (True, 5)
    assert origin.licence == foreign.licence
