import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import save

from stylegan_cli.errors import NetworkFileError, OutputError
from stylegan_cli.latents.lookup import codes_of_picks
from stylegan_cli.latents.references import parse_picks
from stylegan_cli.latents.sampling import PLAIN
from stylegan_cli.networks.snapshot import load_network
from stylegan_cli.studies.projection import tuning
from stylegan_cli.studies.projection.states import read_states
from tests.studies.projection.test_projection import pictures, projected
from tests.studies.projection.vectors import load

__all__ = ["pictures"]


@pytest.fixture
def found(network, tmp_path, pictures, monkeypatch):
    monkeypatch.setattr(tuning, "STEPS", 3)
    return projected(network, tmp_path / "out", pictures[:2])


def weights(G):
    return {name: tensor.clone() for name, tensor in G.state_dict().items()}


def test_codes_near_a_pivot_are_the_published_ones():
    vectors = load()
    pivot, sample = (torch.from_numpy(vectors[f"pti/{name}"]) for name in ("pivot", "sample"))
    near = tuning.towards(pivot, sample, float(vectors["pti/alpha"]))
    np.testing.assert_allclose(near, vectors["pti/result"], atol=1e-5)


def test_the_network_is_tuned_and_kept_as_a_difference(network, found, tmp_path):
    tuned = found.tuning()
    nearness = list(tuned.steps())
    assert len(nearness) == tuned.total == 6
    assert nearness[-2] < nearness[0]
    tuned.save()
    path = tmp_path / "out/tuned.safetensors"
    assert path.stat().st_size < 0.6 * network.path.stat().st_size
    again = load_network(path)
    assert again.provenance["tuned_from"] == network.sha256
    for name, tensor in again.G.state_dict().items():
        torch.testing.assert_close(tensor, tuned.G.state_dict()[name], rtol=0, atol=2e-6)
    picked = codes_of_picks(again, parse_picks(f"{tmp_path}/out/projected.h5:0"), PLAIN)
    assert "another network" not in picked.notes[0]
    assert all(after < before for _, before, after in found.tuned())
    assert found.tuning() is None, "the same again is done"
    assert found.tuning(local=True) is not None


def test_a_difference_finds_its_network_beside_it_or_says_where_it_was(network, found, tmp_path):
    tuned = found.tuning()
    list(tuned.steps())
    moved = tmp_path / "gone" / "base.safetensors"
    moved.parent.mkdir()
    shutil.copy(network.path, moved)
    found._workshop.network = load_network(moved)
    tuned.save()
    moved.rename(tmp_path / "out" / "other-name.safetensors")
    assert load_network(tmp_path / "out/tuned.safetensors").kimg == network.kimg
    (tmp_path / "out" / "other-name.safetensors").unlink()
    with pytest.raises(NetworkFileError, match="copy that network into"):
        load_network(tmp_path / "out/tuned.safetensors")


@pytest.mark.parametrize("local", [False, True])
def test_a_tuning_that_was_stopped_has_the_same_bits(found, monkeypatch, local):
    monkeypatch.setattr(tuning, "SAVED_EVERY", 0.0)
    whole = found.tuning(local=local)
    list(whole.steps())
    found.folder.tuning.unlink()
    steps = found.tuning(local=local).steps()
    for _ in range(4):
        next(steps)
    resumed = found.tuning(local=local)
    assert resumed.done == 4
    list(resumed.steps())
    for name, tensor in weights(whole.G).items():
        assert torch.equal(tensor, resumed.G.state_dict()[name]), name


def test_a_damaged_state_of_a_tuning_is_named(found):
    found.folder.tuning.write_bytes(b"x" * 64)
    with pytest.raises(OutputError, match=r"\.tuning\.safetensors: damaged .*; remove it"):
        found.tuning()


@pytest.mark.parametrize("content", [b"x" * 64, save({"waiting/0/none": torch.zeros(1)})])
def test_a_damaged_state_of_a_search_is_named(tmp_path, content):
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(OutputError, match=r"a\.safetensors: damaged .*; remove it"):
        read_states(tmp_path / "a.safetensors", torch.device("cpu"))


def test_locality_holds_the_images_of_other_codes(network, found, monkeypatch):
    monkeypatch.setattr(tuning, "LOCAL_WEIGHT", 10.0)
    near = torch.from_numpy(found.records[0].cells["/"]["ws"])[None] + 0.3
    moved = []
    for local in (False, True):
        tuned = found.tuning(local=local)
        list(tuned.steps())
        with torch.no_grad():
            change = tuned.G.synthesis(near, "none") - network.G.synthesis(near, "none")
        moved.append(change.square().mean().item())
    assert moved[1] < moved[0]
