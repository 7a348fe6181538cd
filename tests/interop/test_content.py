"""A file is identified by its bytes, whatever its name."""

import gzip
import shutil

import pytest
import torch

from stylegan_cli.describe import describe
from stylegan_cli.errors import ForeignFileError
from stylegan_cli.interop.reading import read_foreign
from tests.interop.rosinality2 import checkpoint
from tests.networks.vectors import FOLDER

PICKLE = FOLDER / "sg2_g_cond_32_ada.pkl"


@pytest.fixture(scope="module")
def generator():
    return read_foreign(PICKLE).recipe.generator


@pytest.mark.parametrize("name", ["faces.pt", "faces.pth", "faces.bin", "faces", "faces.ckpt"])
def test_a_network_pickle_is_read_under_any_name(name, generator, tmp_path):
    path = tmp_path / name
    shutil.copy(PICKLE, path)
    assert describe(path)["kind"] == "foreign network"
    assert read_foreign(path).recipe.generator == generator


@pytest.mark.parametrize("name", ["faces.pkl", "faces.pkl.gz", "faces.pt"])
def test_gzip_is_named_with_the_way_to_unpack_it(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(gzip.compress(PICKLE.read_bytes()[:1000]))
    with pytest.raises(ForeignFileError, match="compressed with gzip; unpack it first"):
        read_foreign(path)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod."])
@pytest.mark.parametrize("where", ["every part", "whole file"])
def test_prefixes_of_wrapped_modules_are_removed_with_a_note(prefix, where, tmp_path):
    root = checkpoint()
    parts = {key: value for key, value in root.items() if isinstance(value, dict)}
    if where == "every part":
        wrapped = {key: _prefixed(value, prefix) for key, value in parts.items()}
        content = {**root, **wrapped}
    else:
        content = _prefixed(parts["g_ema"], prefix)
        content = {"g_ema": content, "latent_avg": root["latent_avg"]}
    torch.save(content, tmp_path / "x.pt")
    foreign = read_foreign(tmp_path / "x.pt")
    assert any(f"began with {prefix}" in note for note in foreign.notes)
    assert set(foreign.tensors) >= {"g_ema.mapping.w_avg"}


@pytest.mark.parametrize(
    ("wrap", "place"),
    [
        (lambda root: {"state_dict": root}, "state_dict"),
        (lambda root: {"epoch": 3, "model": {"net": root}}, "model.net"),
        (lambda root: {"params": {}, "params_ema": root["g_ema"]}, "params_ema"),
        (lambda root: {"g_ema": _prefixed(root["g_ema"], "generator.")}, "g_ema.generator"),
        (lambda root: {"state_dict": _prefixed(root["g_ema"], "G_ema.")}, "state_dict.G_ema"),
        (lambda root: {"state_dict": _prefixed(root["g_ema"], "g_ema.")}, "state_dict"),
        (
            lambda root: {"G": dict.fromkeys(root["g_ema"], torch.ones(1)), "ema": root["g_ema"]},
            "ema",
        ),
    ],
)
def test_a_network_in_any_wrapping_is_found_and_its_place_noted(wrap, place, tmp_path):
    root = checkpoint()
    torch.save(wrap(root), tmp_path / "x.pt")
    foreign = read_foreign(tmp_path / "x.pt")
    torch.save(root, tmp_path / "plain.pt")
    plain = read_foreign(tmp_path / "plain.pt").tensors
    assert f"the network is its {place}" in foreign.notes
    same = (name for name in plain if name.startswith("g_ema.synthesis."))
    assert all(torch.equal(foreign.tensors[name], plain[name]) for name in same)


def test_weights_that_are_no_numbers_are_noted(tmp_path):
    root = checkpoint()
    root["g_ema"]["conv1.activate.bias"][0] = torch.nan
    torch.save(root, tmp_path / "x.pt")
    note = "NaN or infinite numbers in g_ema.conv1.activate.bias; copy or download it again"
    assert note in read_foreign(tmp_path / "x.pt").notes


def test_what_is_no_network_says_what_was_found(tmp_path):
    torch.save({"model": {"fc.weight": torch.ones(2)}, "epoch": 3}, tmp_path / "x.pt")
    with pytest.raises(ForeignFileError, match=r"found model \(fc.weight, …\), epoch; it knows"):
        read_foreign(tmp_path / "x.pt")


def test_the_decoder_of_an_encoder_checkpoint_is_its_generator(tmp_path):
    root = checkpoint()
    state = _prefixed(root["g_ema"], "decoder.") | {"encoder.body.weight": torch.ones(2)}
    torch.save({"state_dict": state, "latent_avg": root["latent_avg"]}, tmp_path / "e4e.pt")
    foreign = read_foreign(tmp_path / "e4e.pt")
    assert any("decoder of an encoder" in note for note in foreign.notes)


class Home(torch.nn.Linear):
    """A model of the user's own."""


def test_a_whole_model_is_refused_with_the_way_to_save_its_weights(tmp_path):
    torch.save(Home(2, 2), tmp_path / "model.pt")
    with pytest.raises(ForeignFileError, match=r"torch\.save\(model\.state_dict\(\)"):
        read_foreign(tmp_path / "model.pt")


def _prefixed(state, prefix):
    return {f"{prefix}{name}": value for name, value in state.items()}
