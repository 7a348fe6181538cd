import h5py
import numpy as np
import pytest
import torch

from stylegan_cli.errors import UsageError
from stylegan_cli.latents.labels import class_index
from stylegan_cli.latents.lookup import codes_of_picks
from stylegan_cli.latents.references import parse_picks
from stylegan_cli.latents.sampling import (
    Sampling,
    broadcast_layers,
    codes_of_seeds,
    mix_layers,
    truncate,
    z_of_seeds,
)
from stylegan_cli.networks.header import Header
from tests.tiny import tiny


def labelled(*classes, c_dim=None):
    """The description of a network of these classes."""
    c_dim = len(classes) if c_dim is None else c_dim
    facts = {"kimg": 0.0, "licence": "", "provenance": {}}
    return Header(recipe=tiny(), c_dim=c_dim, classes=classes, **facts)


W_AVG = torch.linspace(-1, 1, 8)


@pytest.fixture
def ws():
    return torch.randn(3, 6, 8, generator=torch.Generator().manual_seed(0))


def test_z_of_a_seed_is_the_fields():
    expected = np.random.RandomState(42).randn(512).astype(np.float32)
    assert np.array_equal(z_of_seeds([7, 42], 512)[1], expected)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_numpy_does_not_take_is_refused(seed):
    with pytest.raises(UsageError, match="valid range is 0-4294967295"):
        z_of_seeds([seed], 8)


def test_a_code_is_the_same_to_the_bit_whatever_its_neighbours(network):
    together = codes_of_seeds(network, range(20), Sampling()).ws
    alone = [codes_of_seeds(network, [seed], Sampling()).ws[0] for seed in range(20)]
    assert np.array_equal(together, alone)


def test_every_layer_gets_the_same_w(network):
    ws = codes_of_seeds(network, [5], Sampling()).ws
    assert ws.shape == (1, network.G.num_ws, network.G.w_dim)
    assert (ws == ws[:, :1]).all()


def test_psi_one_changes_no_bit(ws):
    assert torch.equal(truncate(ws, W_AVG, 1.0, 3), ws)


def test_psi_zero_gives_w_avg(ws):
    assert torch.equal(truncate(ws, W_AVG, 0.0), W_AVG.expand_as(ws))


def test_psi_minus_one_mirrors_w_at_the_mean(ws):
    mirrored = truncate(ws, W_AVG, -1.0)
    assert torch.allclose((mirrored + ws) / 2, W_AVG.expand_as(ws), atol=1e-6)


@pytest.mark.parametrize("cutoff", range(7))
def test_cutoff_leaves_the_layers_from_it_on(ws, cutoff):
    moved = truncate(ws, W_AVG, 0.5, cutoff)
    assert torch.equal(moved[:, cutoff:], ws[:, cutoff:])
    assert torch.equal(moved[:, :cutoff], truncate(ws, W_AVG, 0.5)[:, :cutoff])


@pytest.mark.parametrize("cutoff", [-1, 7])
def test_a_cutoff_beyond_the_layers_is_refused(ws, cutoff):
    with pytest.raises(UsageError, match=r"`cutoff=.*valid range is 0-6"):
        truncate(ws, W_AVG, 0.5, cutoff)


@pytest.mark.parametrize("psi", [float("nan"), float("inf")])
def test_psi_must_be_finite(ws, psi):
    with pytest.raises(UsageError, match=r"`psi=(nan|inf)`"):
        truncate(ws, W_AVG, psi)


def test_mixing_no_layer_gives_rows_and_all_layers_columns(ws):
    rows, cols = ws[:2].numpy(), ws[1:].numpy()
    assert np.array_equal(mix_layers(rows, cols, []), np.stack([rows, rows], axis=1))
    assert np.array_equal(mix_layers(rows, cols, range(6)), np.stack([cols, cols], axis=0))


def test_mixed_layers_are_the_columns_and_the_others_the_rows(ws):
    rows, cols = ws[:1].numpy(), ws[1:].numpy()
    mixed = mix_layers(rows, cols, [0, 4])
    for col in range(2):
        assert np.array_equal(mixed[0, col, [0, 4]], cols[col, [0, 4]])
        assert np.array_equal(mixed[0, col, [1, 2, 3, 5]], rows[0, [1, 2, 3, 5]])


def test_broadcasting_repeats_w_for_each_layer():
    w = torch.arange(4.0).reshape(2, 2)
    assert torch.equal(broadcast_layers(w, 3)[:, 2], w)


@pytest.mark.parametrize(
    ("chosen", "index"), [(None, 0), ("dog", 1), ("2", 2), ("7", 3)], ids=lambda value: str(value)
)
def test_a_class_is_chosen_by_name_or_number(chosen, index):
    assert class_index(labelled("cat", "dog", "owl", "7"), chosen) == index


def test_a_network_without_classes_has_no_class():
    assert class_index(labelled(), None) is None


@pytest.mark.parametrize(
    ("classes", "c_dim", "chosen", "words"),
    [
        ((), 0, "cat", "has no classes; leave `class` out"),
        (("cat", "dog"), 2, "fish", "choose 0-1 or one of cat, dog"),
        ((), 5, "5", "choose 0-4$"),
        ((), 5, "-1", "choose 0-4$"),
        ((), 5, "²", "choose 0-4$"),
    ],
)
def test_a_class_that_is_not_there_is_refused(classes, c_dim, chosen, words):
    with pytest.raises(UsageError, match=words):
        class_index(labelled(*classes, c_dim=c_dim), chosen)


def test_classes_give_different_codes_for_a_seed(network_with_classes):
    cat, owl = (
        codes_of_seeds(network_with_classes, [3], Sampling(class_name=name))
        for name in ("cat", "owl")
    )
    assert cat.labels.tolist() == [[1, 0, 0]]
    assert owl.labels.tolist() == [[0, 0, 1]]
    assert not np.allclose(cat.ws, owl.ws)


@pytest.mark.parametrize(
    ("kind", "sampling", "words"),
    [
        ("progan", Sampling(psi=0.7), "`psi=0.7`: .* has no w to truncate"),
        ("progan", Sampling(cutoff=1), "`cutoff=1`: .* one code for all layers"),
        ("traditional", Sampling(psi=0.7, cutoff=1), "`cutoff=1`: .* one code for all layers"),
        ("progan", Sampling(noise_mode="random"), "`noise_mode=random`: .* no noise inputs"),
        ("traditional", Sampling(noise_mode="none"), "`noise_mode=none`: .* no noise inputs"),
    ],
)
def test_what_a_generator_lacks_is_refused_in_words(growing_networks, kind, sampling, words):
    with pytest.raises(UsageError, match=words):
        codes_of_seeds(growing_networks[kind], [0], sampling)


@pytest.mark.parametrize("kind", ["traditional", "stylegan1", "stylegan2"])
def test_psi_zero_gives_the_mean_image_in_every_family_with_w(growing_networks, kind):
    network = growing_networks[kind]
    ws = codes_of_seeds(network, [0, 1], Sampling(psi=0.0)).ws
    assert (ws == network.G.mapping.w_avg.numpy()).all()


def codes(network, text, **sampling):
    return codes_of_picks(network, parse_picks(str(text)), Sampling(**sampling))


@pytest.fixture
def stored(network, tmp_path):
    """Files of the z, w and ws of seeds 0 to 3."""
    seeds = codes_of_seeds(network, range(4), Sampling())
    np.savez(tmp_path / "z.npz", z=seeds.z)
    np.save(tmp_path / "w.npy", seeds.ws[:, 0])
    np.savez(tmp_path / "projected.npz", w=seeds.ws)
    return tmp_path


@pytest.mark.parametrize("file", ["z.npz:z", "w.npy:w", "projected.npz"])
@pytest.mark.parametrize("psi", [1.0, 0.5])
def test_stored_codes_are_those_of_their_seeds(network, stored, file, psi):
    found = codes(network, stored / file, psi=psi).codes.ws
    assert np.array_equal(found, codes(network, "0-3", psi=psi).codes.ws)


def test_seeds_and_files_stand_in_the_order_written(network, stored):
    picked = codes(network, f"7,{stored}/projected.npz:2,1")
    assert picked.names == ("7", "projected 2", "1")
    assert np.array_equal(picked.codes.ws, codes(network, "7,2,1").codes.ws)
    assert picked.codes.z is None


def test_seeds_alone_keep_their_z_and_noise(network):
    together, alone = codes(network, "3,4"), codes_of_seeds(network, [3, 4], Sampling())
    assert np.array_equal(together.codes.z, alone.z)
    assert np.array_equal(together.codes.noise_seed, alone.noise_seed)


def test_files_of_one_name_in_two_folders_are_told_apart(network, stored):
    (stored / "b").mkdir()
    (stored / "b" / "w.npy").write_bytes((stored / "w.npy").read_bytes())
    names = codes(network, f"{stored}/w.npy:w/0,{stored}/b/w.npy:w/0").names
    assert len(set(names)) == 2


def test_the_request_changes_with_what_is_in_the_file(network, stored):
    before = codes(network, stored / "w.npy:w").request
    assert before == codes(network, stored / "w.npy:w").request
    np.save(stored / "w.npy", np.zeros(8))
    assert before != codes(network, stored / "w.npy:w").request


def test_equal_stored_codes_have_equal_noise(network, stored):
    noise = codes(network, f"{stored}/w.npy:w/1,{stored}/w.npy:w/1-2").codes.noise_seed
    assert noise[0] == noise[1] != noise[2]


def test_a_chosen_class_goes_before_a_stored_label_of_z_only(network_with_classes, tmp_path):
    seeds = codes_of_seeds(network_with_classes, [0], Sampling(class_name="dog"))
    np.savez(tmp_path / "z.npz", z=seeds.z, labels=seeds.labels)
    np.savez(tmp_path / "ws.npz", ws=seeds.ws, labels=seeds.labels)
    dog, owl = [[0, 1, 0]], [[0, 0, 1]]
    for file, labels in (("z.npz", owl), ("ws.npz", dog)):
        kept = codes(network_with_classes, tmp_path / file).codes
        chosen = codes(network_with_classes, tmp_path / file, class_name="owl").codes
        assert np.array_equal(kept.ws, seeds.ws)
        assert (kept.labels.tolist(), chosen.labels.tolist()) == (dog, labels)


def test_networks_without_w_take_stored_z(growing_networks, tmp_path):
    network = growing_networks["progan"]
    seeds = codes_of_seeds(network, [0, 1], Sampling())
    np.save(tmp_path / "latents.npy", seeds.z)
    assert np.array_equal(codes(network, tmp_path / "latents.npy").codes.ws, seeds.ws)


def test_a_file_whose_name_is_a_number_is_not_called_like_a_seed(network, stored):
    (stored / "5.npy").write_bytes((stored / "w.npy").read_bytes())
    names = codes(network, f"5,{stored}/5.npy:w/0").names
    assert names[0] == "5" != names[1]


@pytest.mark.parametrize(("array", "said"), [("ws", True), ("z", False)])
def test_codes_of_another_network_are_told_unless_they_are_z(network, tmp_path, array, said):
    made = codes_of_seeds(network, [1], Sampling())
    with h5py.File(tmp_path / "grid.h5", "w") as file:
        file.attrs["network_sha256"] = "ab" * 32
        file["ws"], file["z"] = made.ws, made.z
    (note,) = codes(network, f"{tmp_path}/grid.h5:{array}").notes
    assert ("made for another network" in note) == said
