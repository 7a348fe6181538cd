import json
import re
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from stylegan_cli import api
from stylegan_cli.cli.app import app
from stylegan_cli.errors import NetworkFileError, UsageError
from stylegan_cli.latents.labels import (
    class_index,
    describe_label,
    expand_labels,
    parse_label,
    usual_label,
)
from stylegan_cli.latents.references import parse_picks
from stylegan_cli.latents.sampling import Sampling, codes_of_seeds
from stylegan_cli.networks.header import read_header
from stylegan_cli.networks.snapshot import load_network, save_tensors
from tests.tiny import write_network

COLUMNS = {"smile": (0.0, 0.25, 1.0), "age": (18.0, 40.0, 90.0)}


@pytest.fixture(scope="module")
def numbered(tmp_path_factory):
    path = tmp_path_factory.mktemp("numbered") / "network-000012.safetensors"
    return load_network(write_network(path, label_columns=COLUMNS))


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("0.3,50", (0.3, 50)),
        ("smile=0.5", (0.5, 40)),
        ("age=-1e1, smile=1", (1, -10)),
    ],
)
def test_numbers_come_in_order_or_by_name_beside_the_mean(numbered, text, label):
    assert np.allclose(parse_label(numbered, text), label)


def test_shares_of_classes_are_a_label_too(network_with_classes):
    assert parse_label(network_with_classes, "cat=0.5,owl=0.5").tolist() == [0.5, 0, 0.5]
    assert parse_label(network_with_classes, "0,1,0").tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0.3", "1 numbers, and a label of this network has 2: smile, age"),
        ("smil=1", "no smil in its labels; did you mean smile?"),
        ("smile=0.5,3", "no 3.0 in its labels"),
        ("smile=x", "`label=x`"),
        ("smile=0:1:3", "3 labels, and one is wanted"),
        ("=", "not a label"),
    ],
)
def test_a_label_that_the_network_has_not_is_refused(numbered, text, words):
    with pytest.raises(UsageError, match=re.escape(words)):
        parse_label(numbered, text)


def test_a_network_without_labels_takes_none(network):
    with pytest.raises(UsageError, match="has no labels"):
        parse_label(network, "0.5")


def test_sweeps_go_along_together():
    assert expand_labels("a=0:1:3,b=5") == ("a=0.0,b=5.0", "a=0.5,b=5.0", "a=1.0,b=5.0")
    assert expand_labels("0:1:2,1:0:2") == ("0.0,1.0", "1.0,0.0")
    with pytest.raises(UsageError, match="sweeps of different lengths: 2, 3"):
        expand_labels("0:1:2,1:0:3")


def test_the_label_changes_the_image_and_its_mean_is_the_default(numbered):
    codes = {
        text: codes_of_seeds(numbered, [0], Sampling(label=text))
        for text in (None, "0.25,40", "smile=1")
    }
    assert np.array_equal(codes[None].ws, codes["0.25,40"].ws)
    assert not np.array_equal(codes[None].ws, codes["smile=1"].ws)
    assert codes["smile=1"].labels.tolist() == [[1, 40]]
    assert describe_label(numbered, usual_label(numbered)) == "smile=0.25,age=40"


def test_numbers_are_no_classes(numbered):
    assert class_index(numbered, None) is None
    with pytest.raises(UsageError, match=r"numbers \(smile, age\), no classes; give `label`"):
        codes_of_seeds(numbered, [0], Sampling(class_name="1"))
    with pytest.raises(UsageError, match="a class is a label"):
        codes_of_seeds(numbered, [0], Sampling(class_name="1", label="0,0"))
    with pytest.raises(UsageError, match="numbers, no classes"):
        api.grid(numbered, parse_picks("0"), options=api.GridOptions(per_class=True))


def test_a_grid_has_a_row_for_each_label(numbered):
    plan = api.grid(numbered, parse_picks("0-1"), Sampling(label="smile=0:1:3"))
    assert list(plan.axes) == ["label", "seed"]
    assert (plan.axes["label"][1], plan.axes["seed"]) == ("smile=0.5,age=40", ("0", "1"))
    assert plan.request["label"] == [[0, 40], [0.5, 40], [1, 40]]
    assert plan.codes.labels[2, 1].tolist() == [1, 40]
    with pytest.raises(UsageError, match="has no rows"):
        options = api.GridOptions(collage=True)
        api.grid(numbered, parse_picks("0-1"), Sampling(label="smile=0:1:3"), options)


def test_a_video_moves_through_the_label_itself(numbered):
    labels = expand_labels("smile=0:1:3")
    tracks = api.Tracks(seeds=parse_picks("0"), labels=labels)
    found = api.video(numbered, tracks, api.Motion(interp="lerp-z", seconds=1.0, fps=2.0))
    assert found.stills.request["label"] == [[0, 40], [0.5, 40], [1, 40]]
    assert found.stills.codes.labels[:, 0, 0].tolist() == [0, 0.5, 1]


@pytest.mark.parametrize(
    "command",
    [
        ("grid", "--seeds", "0", "--label", "smile=0.5"),
        ("mix", "--rows", "0", "--cols", "1", "--label", "0.5,30"),
        ("truncation", "--seeds", "0", "--psi", "1", "--label", "age=20"),
        ("video", "--seeds", "0", "--label", "smile=0:1:2", "--seconds", "0.1", "--fps", "10"),
    ],
)
def test_commands_take_a_label(numbered, command, tmp_path):
    place = tmp_path / ("x.gif" if command[0] == "video" else "x")
    done = CliRunner().invoke(
        app, [*command, "--network", str(numbered.path), "-o", str(place), "--json"]
    )
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["request"]["label"]


def test_the_file_of_a_network_names_its_numbers(numbered, tmp_path):
    assert read_header(numbered.path).label_columns == COLUMNS
    assert api.describe(numbered.path)["label_columns"]["age"] == (18, 40, 90)
    wrong = replace(numbered, c_dim=3)
    save_tensors(tmp_path / "x.safetensors", wrong, {})
    with pytest.raises(NetworkFileError, match="label_columns are not those"):
        read_header(tmp_path / "x.safetensors")
