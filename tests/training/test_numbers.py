"""Labels that are numbers, from a table beside pictures to images that follow them."""

import csv
import json

import h5py
import numpy as np
import pytest
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from stylegan_cli.cli.app import app
from stylegan_cli.data.dataset import open_dataset
from stylegan_cli.networks.header import read_header
from stylegan_cli.training.loop import train
from tests.tiny import tiny, tiny_run

SIDE, KIMG = 16, 24


def run(*command):
    done = CliRunner().invoke(app, list(map(str, command)))
    assert done.exit_code == 0, done.output
    return done


@pytest.fixture(scope="session")
def discs(tmp_path_factory):
    return draw_discs(tmp_path_factory.mktemp("discs"), 24)


def draw_discs(folder, count):
    """Discs of some brightness and tint, and a table of both; the brightness of two is unknown."""
    random = np.random.RandomState(0)
    with (folder / "discs.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["name", "brightness", "tint", "shape"])
        for i in range(count):
            brightness, tint = random.uniform(0, 1, 2)
            x, y, radius = random.uniform((-1, -1, 4), (1, 1, 6))
            picture = Image.new("RGB", (SIDE, SIDE), (24, 24, 24))
            shares = 1, 0.85 + 0.15 * tint, 1 - 0.15 * tint
            colour = tuple(round((40 + 215 * brightness) * share) for share in shares)
            box = (8 + x - radius, 8 + y - radius, 8 + x + radius, 8 + y + radius)
            ImageDraw.Draw(picture).ellipse(box, fill=colour)
            picture.save(folder / f"{i:05d}.png")
            known = f"{brightness:.4f}" if i > 1 else ""
            table.writerow([f"{i:05d}.png", known, f"{tint:.4f}", "disc"])
    return folder


def prepared(discs, path, *more):
    run("data", "prepare", discs, "-o", path, "--labels", discs / "discs.csv", *more)
    return open_dataset(path, resolution=SIDE, labels=True)


@pytest.mark.parametrize("suffix", ["zip", "h5"])
def test_columns_of_a_table_become_the_label(discs, tmp_path, suffix):
    columns = ("--label-columns", "brightness,tint", "--labelled-only")
    dataset = prepared(discs, tmp_path / f"d.{suffix}", *columns)
    assert (len(dataset), dataset.c_dim) == (22, 2)
    assert dataset.label_names == ("brightness", "tint")
    low, mean, high = dataset.label_columns["brightness"]
    assert 0 < low < mean < high < 1


def test_a_label_column_of_fractions_is_a_number(discs, tmp_path):
    (tmp_path / "one.csv").write_text("name,label\n00000.png,0.25\n00001.png,1\n")
    run("data", "prepare", discs, "-o", tmp_path / "d.zip", "--labels", tmp_path / "one.csv",
        "--labelled-only")  # fmt: skip
    dataset = open_dataset(tmp_path / "d.zip", resolution=SIDE, labels=True)
    assert dataset.label_columns == {"label": (0.25, 0.625, 1.0)}


def test_a_survey_tells_the_range_of_each_number(discs, tmp_path):
    prepared(discs, tmp_path / "d.zip", "--label-columns", "brightness,tint", "--labelled-only")
    sheet = ("--sheet", tmp_path / "sheet.png")
    found = json.loads(run("data", "inspect", tmp_path / "d.zip", "--json", *sheet).stdout)
    low, mean, high = found["label_columns"]["tint"]
    assert 0 < low < mean < high < 1
    table = run("data", "inspect", tmp_path / "d.zip", *sheet, "--overwrite").stdout
    assert f"label tint\t{low:g} to {high:g}, mean {mean:.4g}" in table


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ("brightnes", "no such column; did you mean brightness?"),
        ("brightness,shape", "shape is 'disc', no number"),
        ("brightness", "2 of 24 images have no label"),
    ],
)
def test_columns_that_are_no_label_end_in_words(discs, tmp_path, columns, words):
    command = ["data", "prepare", str(discs), "-o", str(tmp_path / "d.zip")]
    table = ["--labels", str(discs / "discs.csv"), "--label-columns", columns]
    done = CliRunner().invoke(app, [*command, *table])
    assert done.exit_code in (1, 2)
    assert words in done.output
    assert not (tmp_path / "d.zip").exists()


def test_a_run_hands_the_names_on_to_its_network(discs, tmp_path):
    dataset = prepared(discs, tmp_path / "d.zip", "--label-columns", "tint")
    recipe = tiny("data.labels=true", "train.total_kimg=0.016")
    list(train(tiny_run(recipe, dataset, tmp_path / "run")))
    header = read_header(tmp_path / "run" / "network-000000.016.safetensors")
    assert header.c_dim == 1
    assert header.label_columns == dataset.label_columns


@pytest.mark.slow  # two minutes on one free core
def test_images_follow_their_label(tmp_path, tmp_path_factory):
    from scipy.stats import spearmanr

    discs = draw_discs(tmp_path_factory.mktemp("many"), 2000)
    prepared(discs, tmp_path / "d.zip", "--label-columns", "brightness,tint", "--labelled-only")
    thin = ("data.resolution=16", "generator.z_dim=32", "generator.w_dim=32")
    thin += ("generator.mapping_layers=2", "generator.channel_base=512")
    thin += ("discriminator.channel_base=512", "generator.channel_max=32")
    more = ("discriminator.channel_max=32", "data.labels=true", "report.image_ticks=100")
    settings = [f"--set={each}" for each in (*thin, *more, f"train.total_kimg={KIMG}")]
    run("train", "stylegan2-small", "--data", tmp_path / "d.zip", "-o", tmp_path / "run",
        "--device", "cpu", *settings)  # fmt: skip
    run("grid", "--seeds", "0-31", "--label", "brightness=0:1:11", "--network", tmp_path / "run",
        "-o", tmp_path / "grid")  # fmt: skip
    with h5py.File(tmp_path / "grid" / "grid.h5") as file:
        images, labels = file["images"][()], file["labels"][()]
    seen = images[:, :, 6:10, 6:10].mean((2, 3, 4))
    found = spearmanr(labels[:, :, 0].ravel(), seen.ravel()).statistic
    assert found >= 0.6
