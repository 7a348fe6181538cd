import json
import shutil

import pytest
from typer.testing import CliRunner

from stylegan_cli.cli.app import app
from stylegan_cli.networks.header import read_header
from stylegan_cli.recipe import loads
from tests.tiny import tiny, tiny_growing, write_untrained


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = tiny("seed=7", "title=faces", "train.total_kimg=0.016")
    return write_untrained(tmp_path / "faces.safetensors", recipe)


def train(*arguments):
    return CliRunner().invoke(app, ["train", *map(str, arguments)])


def test_without_a_recipe_that_of_the_network_is_taken(source):
    recipe = loads(train("--init-from", source, "--dry-run").stdout)
    assert recipe.init.network == str(source)
    assert (recipe.title, recipe.generator) == ("faces", tiny().generator)


def test_the_flags_are_keys_of_the_recipe(source):
    flags = ("--init-from", source, "--allow-partial", "--freeze-d", 2, "--freeze-mapping")
    init = loads(train(*flags, "--dry-run").stdout).init
    assert (init.allow_partial, init.freeze_d, init.freeze_mapping) == (True, 2, True)


def test_the_flags_stand_above_a_recipe(source):
    result = train("stylegan2", "--init-from", source, "--dry-run")
    assert result.exit_code == 1
    assert "add --set data.resolution=16 --set generator.z_dim=8" in result.stderr


def test_dry_run_tells_where_the_weights_come_from(source):
    told = train("--init-from", source, "--freeze-d", 1, "--dry-run").stderr
    assert f"starts from {source}: faces, 12 kimg" in told
    assert "licence of its weights: made up" in told
    assert "frozen: d.b16.fromrgb" in told


def test_dry_run_as_json_has_what_does_not_fit(source):
    flags = ("--init-from", source, "--allow-partial", "--set", "data.resolution=32")
    init = json.loads(train(*flags, "--dry-run", "--json").stdout)["init"]
    (strength,) = [m for m in init["misfits"] if m["name"].endswith("b32.conv0.noise_strength")]
    assert (strength["theirs"], strength["ours"]) == (None, [])
    assert init["licence"] == "made up"


def test_dry_run_takes_the_number_of_labels_from_the_network(tmp_path):
    recipe = tiny("data.labels=true")
    path = write_untrained(tmp_path / "n.safetensors", recipe, classes=("a", "b"))
    assert train("--init-from", path, "--dry-run").exit_code == 0


def test_dry_run_prints_the_size_a_growing_run_starts_at(tmp_path):
    path = write_untrained(tmp_path / "n.safetensors", tiny_growing())
    assert "starts at 16 px" in train("--init-from", path, "--dry-run").stderr.splitlines()


def test_a_run_tells_what_it_took(source, image_folder):
    flags = ("--init-from", source, "--allow-partial", "--set", "generator.w_dim=16")
    told = train(*flags, "--data", image_folder, "-o", "run").stderr
    words = "does not fit, starts at random: g_ema.mapping.fc1.weight: 8×8 there, 16×16 here"
    assert words in told.splitlines()


def test_the_same_command_resumes_without_the_network(source, image_folder):
    flags = ("--init-from", source, "--data", image_folder, "--freeze-d", 1)
    train(*flags)
    source.unlink()
    assert train(*flags, "--set", "train.total_kimg=0.032").exit_code == 0
    assert "holds another run" in train(*flags[:-2]).stderr


def test_a_run_may_start_from_a_run(source, image_folder, tmp_path):
    (tmp_path / "old").mkdir()
    shutil.copy(source, tmp_path / "old" / "network-000012.safetensors")
    result = train("--init-from", "old", "--data", image_folder)
    assert result.exit_code == 0
    network = result.stdout.splitlines()[0]
    assert network.startswith(f"runs/old-{image_folder.name}/")
    assert read_header(tmp_path / network).provenance["init"]["title"] == "faces"


def test_flags_without_a_network_are_a_wrong_call(source):
    result = train("stylegan2-small", "--freeze-d", 1, "--dry-run")
    assert result.exit_code == 2
    assert "does nothing without init.network" in result.stderr
