from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
import torch

from stylegan_cli.directions.file import write_discovery
from stylegan_cli.directions.population import population
from stylegan_cli.directions.references import (
    DirectionPick,
    export_direction,
    open_direction,
    parse_direction,
)
from stylegan_cli.errors import SgtoolError, UsageError
from stylegan_cli.studies.discovery.finding import find_sefa
from tests.directions.test_file import discovery
from tests.directions.vectors import worst_cosine


@pytest.fixture(scope="module")
def drawn(network):
    return cache(partial(population, network, 500))


@pytest.mark.parametrize(
    ("text", "pick"),
    [
        ("d.h5:sefa/0", DirectionPick(path=Path("d.h5"), name="sefa/0")),
        (
            "a b.h5:pca/3@coarse,8-=-2.5",
            DirectionPick(path=Path("a b.h5"), name="pca/3", layers="coarse,8-", factor=-2.5),
        ),
        ("smile.npy=2", DirectionPick(path=Path("smile.npy"), factor=2.0)),
        ("x/d.npz:3@0-1", DirectionPick(path=Path("x/d.npz"), name="3", layers="0-1")),
    ],
)
def test_directions_are_written_as_they_are_read(text, pick):
    assert parse_direction(text) == pick
    assert parse_direction(pick.text) == pick


@pytest.mark.parametrize("text", ["", "sefa/0", "d.h5:sefa/0=", "d.h5:a=1,2", "d.h5:a=x"])
def test_other_texts_are_refused(text):
    with pytest.raises(UsageError, match="`direction"):
        parse_direction(text)


@pytest.mark.parametrize("shape", [(8,), (1, 8), (1, 1, 8)])
def test_one_vector_moves_all_layers(tmp_path, network, drawn, shape):
    row = np.random.default_rng(0).normal(size=8)
    np.save(tmp_path / "smile.npy", row.reshape(shape))
    found = open_direction(network, parse_direction(str(tmp_path / "smile.npy")), drawn)
    assert found.layers == tuple(range(network.G.num_ws))
    assert worst_cosine(found.unit, row) > 1 - 1e-6
    assert found.sigma == pytest.approx((drawn().w @ (row / np.linalg.norm(row))).std(), rel=1e-4)


def test_a_vector_for_each_layer_keeps_its_zeros(tmp_path, network, drawn):
    rows = np.random.default_rng(0).normal(size=(network.G.num_ws, 8))
    rows[2:] = 0
    np.save(tmp_path / "age.npy", rows)
    found = open_direction(network, parse_direction(str(tmp_path / "age.npy")), drawn)
    assert found.layers == (0, 1)


def test_ganspace_components_are_rows(tmp_path, network, drawn):
    rows = np.random.default_rng(0).normal(size=(5, 1, 8))
    np.savez(tmp_path / "c.npz", lat_comp=rows, lat_stdev=np.ones(5), lat_mean=np.zeros((1, 8)))
    found = open_direction(network, parse_direction(f"{tmp_path}/c.npz:3"), drawn)
    assert worst_cosine(found.unit, rows[3]) > 1 - 1e-6


def test_rosinality_eigenvectors_are_columns(tmp_path, network, drawn):
    columns = torch.randn(8, 8, generator=torch.Generator().manual_seed(0))
    torch.save({"ckpt": "x.pt", "eigvec": columns}, tmp_path / "factor.pt")
    found = open_direction(network, parse_direction(f"{tmp_path}/factor.pt:2"), drawn)
    assert worst_cosine(found.unit, columns[:, 2].numpy()) > 1 - 1e-6


def test_a_tensor_alone_is_a_direction(tmp_path, network, drawn):
    torch.save(torch.ones(1, 8), tmp_path / "age.pt")
    assert open_direction(network, parse_direction(f"{tmp_path}/age.pt"), drawn).layers


@pytest.mark.parametrize("values", [np.ones(7), np.zeros(8), np.full(8, np.nan), np.ones((3, 8))])
def test_what_is_no_direction_ends_in_words(tmp_path, network, drawn, values):
    np.save(tmp_path / "x.npy", values)
    with pytest.raises(SgtoolError, match=r"x\.npy"):
        open_direction(network, parse_direction(str(tmp_path / "x.npy")), drawn)


def test_an_exported_direction_is_read_again(tmp_path, network, drawn):
    path = tmp_path / "directions.h5"
    write_discovery(path, find_sefa(network, layers=("coarse",), count=1))
    pick = parse_direction(f"{path}:sefa/coarse/0")
    export_direction(tmp_path / "b.npy", pick)
    assert np.load(tmp_path / "b.npy").shape == (1, network.G.w_dim)
    found = open_direction(network, pick, drawn)
    again = open_direction(network, parse_direction(f"{tmp_path}/b.npy@coarse"), drawn)
    np.testing.assert_allclose(again.vector, found.vector, rtol=1e-5)


def test_a_direction_is_exported_as_npy_only(tmp_path):
    with pytest.raises(UsageError, match=r"x\.doc: a direction is written as a \.npy file"):
        export_direction(tmp_path / "x.doc", parse_direction(f"{tmp_path}/directions.h5:sefa/0"))


def test_directions_of_another_network_are_refused_unless_forced(tmp_path, network, drawn):
    path, G = tmp_path / "directions.h5", network.G
    found = discovery()
    vector = np.zeros((G.num_ws, G.w_dim), np.float32)
    vector[:, 0] = 1
    made = tuple(type(each)(**{**vars(each), "vector": vector}) for each in found.directions)
    write_discovery(path, replace(found, make=lambda: made))
    pick = parse_direction(f"{path}:sefa/0@0-1")
    with pytest.raises(UsageError, match="another network"):
        open_direction(network, pick, drawn)
    assert open_direction(network, pick, drawn, force=True).layers == (0, 1)
