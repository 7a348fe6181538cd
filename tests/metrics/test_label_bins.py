"""Evaluations of images by a number of their labels."""

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from stylegan_cli.cli.app import app
from stylegan_cli.errors import UsageError
from stylegan_cli.metrics.pictures import StoredPictures
from stylegan_cli.metrics.protocol import label_bins
from stylegan_cli.networks.header import read_header
from stylegan_cli.sizes import square
from tests.tiny import write_network

COLUMNS = {"smile": (0.0, 0.5, 1.0), "age": (0.0, 0.0, 1.0)}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("numbers")
    return write_network(folder / "network-000012.safetensors", label_columns=COLUMNS)


def bins(path, wanted, smiles, ages=None):
    ages = np.zeros(len(smiles)) if ages is None else ages
    table = np.stack([smiles, ages], axis=1).astype(np.float32)
    data = StoredPictures(
        name="made",
        size=square(16),
        count=len(table),
        read=lambda _: np.zeros((16, 16, 3), np.uint8),
        sha256="0",
        how="",
        label=lambda index: table[index],
    )
    found = label_bins(wanted, data, read_header(path))
    return {name: chosen.rows.tolist() for name, chosen in found}


def test_bins_hold_as_many_images_each_and_all_of_them(path):
    smiles = np.random.default_rng(0).permutation(100) / 100
    found = bins(path, "smile", smiles)
    assert [len(rows) for rows in found.values()] == [25] * 4
    assert sorted(row for rows in found.values() for row in rows) == list(range(100))
    assert smiles[found["smile 0 to 0.24"]].max() == 0.24


def test_few_values_have_a_bin_each(path):
    assert bins(path, "age:3", [0.5] * 4, [0, 1, 1, 0]) == {"age 0": [0, 3], "age 1": [1, 2]}


def test_bins_that_are_close_have_names_of_their_own(path):
    found = bins(path, "smile:2", [0.5, 0.5000001, 0.5000002, 0.5000003])
    assert len(found) == 2


@pytest.mark.parametrize("wanted", ["smiel", "smile:0", "smile:1.5", "smile:101", ":2", "smile:"])
def test_what_is_no_bin_of_a_number_is_refused(path, wanted):
    with pytest.raises(UsageError) as error:
        bins(path, wanted, [0.0, 1.0])
    assert error.value.parameter == "per_label"


def test_every_bin_is_measured_against_its_own_images(path, tmp_path, monkeypatch):
    monkeypatch.setenv("SGTOOL_CACHE", str(tmp_path / "cache"))
    random, labels = np.random.RandomState(0), []
    for i in range(12):
        name = f"{i:02d}.png"
        pixels = random.randint(0, 256, (16, 16, 3)).astype(np.uint8)
        (tmp_path / "images").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "images" / name)
        labels.append([name, [i / 12, 0.0]])
    (tmp_path / "images/dataset.json").write_text(json.dumps({"labels": labels}))
    words = ["eval", "fid", "--network", str(path), "--data", str(tmp_path / "images")]
    more = ["--num", "8", "--per-label", "smile:2", "-o", str(tmp_path / "out"), "--json"]
    done = CliRunner().invoke(app, [*words, *more])
    assert done.exit_code == 0, done.stderr
    records = json.loads(done.stdout)["records"]
    assert [each["label"] for each in records] == [
        "smile 0 to 0.41666666",
        "smile 0.5 to 0.9166667",
    ]
    assert [each["num_real"] for each in records] == [6, 6]
    numbers = [each["results"]["fd_alex"] for each in records]
    assert numbers[0] != numbers[1]
    whole = CliRunner().invoke(app, [*words, *more[:2], *more[4:]])
    assert json.loads(whole.stdout)["records"][0]["results"]["fd_alex"] not in numbers
