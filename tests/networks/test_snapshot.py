import hashlib
import json
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from stylegan_cli.errors import NetworkFileError, OutputError
from stylegan_cli.networks.family import build_discriminator, build_generator
from stylegan_cli.networks.header import Header, read_header
from stylegan_cli.networks.snapshot import load_network, open_network, read_tensors, save_network
from tests.tiny import tiny, tiny_growing


@pytest.fixture(scope="module")
def header():
    return Header(
        recipe=tiny(),
        c_dim=2,
        classes=("cat", "dog"),
        kimg=1.5,
        licence="CC0",
        provenance={"data": "pets.zip"},
    )


@pytest.fixture(scope="module")
def networks(header):
    return build_generator(header.recipe, c_dim=2), build_discriminator(header.recipe, c_dim=2)


@pytest.fixture
def file(header, networks, tmp_path):
    path = tmp_path / "network-000001.safetensors"
    save_network(path, header, *networks)
    return path


def test_a_saved_network_loads_with_the_same_bits(file, networks):
    loaded = load_network(file, discriminator=True)
    for mine, theirs in zip(networks, (loaded.G, loaded.D), strict=True):
        expected = mine.state_dict()
        assert all(torch.equal(t, expected[k]) for k, t in theirs.state_dict().items())


def test_network_files_have_the_usual_permissions(file, tmp_path):
    usual = tmp_path / "usual"
    usual.touch()
    assert file.stat().st_mode == usual.stat().st_mode


def test_a_header_describes_its_network(file, header):
    assert read_header(file) == header


def test_a_loaded_generator_has_no_gradients(file):
    assert not any(p.requires_grad for p in load_network(file).G.parameters())


def test_the_hash_is_that_of_the_file(file):
    assert load_network(file).sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize("kept", [0, 7, 100, 5000])
def test_a_truncated_file_is_refused(file, kept):
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(NetworkFileError, match=r"not a readable network file|it is empty"):
        load_network(file)


def test_a_text_file_is_refused(tmp_path):
    path = tmp_path / "network.safetensors"
    path.write_text("hello")
    with pytest.raises(NetworkFileError, match="not a readable network file"):
        load_network(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(NetworkFileError, match="no such file"):
        load_network(tmp_path / "network.safetensors")


def test_other_safetensors_are_no_network(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(NetworkFileError, match="not a network of sgtool"):
        load_network(path)


def test_a_newer_schema_asks_for_an_upgrade(file):
    rewrite(file, schema="2")
    with pytest.raises(NetworkFileError, match="schema 2 is newer"):
        load_network(file)


def test_a_damaged_description_is_named(file):
    rewrite(file, recipe="generator = 3")
    with pytest.raises(NetworkFileError, match="damaged description"):
        load_network(file)


def test_weights_that_do_not_fit_are_named(file):
    rewrite(file, drop="g_ema.synthesis.b4.const")
    with pytest.raises(NetworkFileError, match=r"synthesis\.b4\.const"):
        load_network(file)


def test_weights_too_large_to_be_mapped_end_in_words(tmp_path):
    extent = {"dtype": "F32", "shape": [2**38], "data_offsets": [0, 2**40]}
    header = json.dumps({"g_ema.w": extent}).encode()
    with (tmp_path / "a.safetensors").open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + 2**40)
    try:
        read_tensors(tmp_path / "a.safetensors")  # on a machine with a TiB
    except NetworkFileError as error:
        assert "its weights cannot be read" in str(error)


@pytest.mark.parametrize("shape", [(), (2, 4), (0,)])
def test_a_mean_of_another_shape_is_named(shape, file):
    with safe_open(file, framework="pt") as opened:
        metadata = opened.metadata()
    save_file({**load_file(file), "g_ema.mapping.w_avg": torch.zeros(shape)}, file, metadata)
    network = open_network(file)
    with pytest.raises(NetworkFileError, match="w_avg"):
        assert network.sizes.w_dim, network.G


@pytest.mark.parametrize(("kind", "bytes_each"), [("F4", 0.5), ("C64", 8), ("F6_E2M3", 0.75)])
def test_numbers_that_are_no_weights_are_named(kind, bytes_each, file):
    header = json.dumps(
        {
            "__metadata__": safe_open(file, framework="pt").metadata(),
            "g_ema.w": {"dtype": kind, "shape": [8], "data_offsets": [0, int(8 * bytes_each)]},
        }
    ).encode()
    file.write_bytes(len(header).to_bytes(8, "little") + header + bytes(int(8 * bytes_each)))
    with pytest.raises(NetworkFileError, match=r"weights (are float32|cannot be read)"):
        load_network(file)


@pytest.mark.parametrize(
    "entry",
    [
        "[" * 50_000,
        '{"sha256": "0", "path": "%s"}' % ("x" * 5000),
        '{"sha256": "0", "path": "\\u0000"}',
    ],
)
def test_a_difference_from_nowhere_ends_in_words(entry, file):
    rewrite(file, difference_of=entry)
    with pytest.raises(NetworkFileError, match=r"damaged description|neither|too long"):
        load_network(file)


def rewrite(path, *, drop=None, **metadata):
    with safe_open(path, framework="pt") as opened:
        found = opened.metadata()
    tensors = {key: tensor for key, tensor in load_file(path).items() if key != drop}
    changed = {key: value for key, value in {**found, **metadata}.items() if value is not None}
    save_file(tensors, path, changed)


def test_a_failed_write_leaves_nothing(header, networks, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="a file, where a folder is needed"):
        save_network(tmp_path / "file" / "network.safetensors", header, *networks)


def test_labels_may_have_no_names(header, networks, tmp_path):
    path = tmp_path / "network-000002.safetensors"
    save_network(path, replace(header, classes=()), *networks)
    assert load_network(path).classes == ()


def test_a_growing_network_loads_at_its_level(header, tmp_path):
    recipe, path = tiny_growing(), tmp_path / "network-000003.safetensors"
    G, D = build_generator(recipe, c_dim=0), build_discriminator(recipe, c_dim=0)
    save_network(path, replace(header, recipe=recipe, c_dim=0, lod=0.25), G, D)
    loaded = load_network(path, discriminator=True)
    assert (loaded.lod, loaded.G.lod, loaded.D.lod) == (0.25, 0.25, 0.25)


def test_a_file_without_lod_is_fully_grown(file):
    rewrite(file, lod=None)
    assert read_header(file).lod == 0


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("schema", "0"),
        ("schema", "one"),
        ("c_dim", "-1"),
        ("c_dim", "9" * 30),
        ("classes", "[" * 30_000),
        ("classes", '{"a": 1}'),
        ("classes", "[1]"),
        ("kimg", "nan"),
        ("kimg", "-1"),
        ("lod", "nan"),
        ("lod", "inf"),
        ("lod", "-1"),
        ("lod", "3"),
        ("provenance", "[]"),
        ("provenance", "{" * 30_000),
        ("recipe", "["),
    ],
)
def test_a_tampered_description_ends_in_words(key, value, file):
    rewrite(file, **{key: value})
    with pytest.raises(NetworkFileError, match=r"damaged description|unknown schema"):
        read_header(file)
