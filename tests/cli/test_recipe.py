import json

import pytest

from stylegan_cli.recipe import load, loads, shipped
from stylegan_cli.recipe.keys import recipe_keys
from stylegan_cli.recipe.validation import key_types
from tests.commands import sgtool


def test_list_prints_a_line_for_each_shipped_recipe():
    result = sgtool("recipe", "list")
    lines = [line.split("\t") for line in result.stdout.splitlines()]
    assert lines == [[name, load(name).title] for name in shipped()]


def test_list_as_json_holds_names_and_titles():
    rows = json.loads(sgtool("recipe", "list", "--json").stdout)
    assert [row["name"] for row in rows] == list(shipped())


def test_show_prints_a_recipe_that_reads_back_the_same():
    result = sgtool("recipe", "show", "stylegan2", "--set", "data.resolution=64")
    assert result.stdout.startswith("# StyleGAN2")
    assert loads(result.stdout) == load("stylegan2", ["data.resolution=64"])


def test_show_as_json_holds_every_key():
    shown = json.loads(sgtool("recipe", "show", "stylegan2", "--json").stdout)
    assert shown["train"]["batch_per_device"] is None
    assert shown["generator"]["channel_max"] == 512


def test_show_has_tables_on_a_line_and_as_objects_in_json():
    changes = ("--set", "growing.lr={8 = 0.5}")
    assert "lr = {8 = 0.5}\n" in sgtool("recipe", "show", "progan", *changes).stdout
    shown = json.loads(sgtool("recipe", "show", "progan", "--json", *changes).stdout)
    assert shown["growing"]["lr"] == {"8": 0.5}


def test_show_of_an_unknown_recipe_fails_with_the_nearest():
    result = sgtool("recipe", "show", "stylegan4")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "stylegan2" in result.stderr


def test_check_of_good_recipes_prints_no_data(tmp_path):
    good = tmp_path / "good.toml"
    good.write_text("schema = 1")
    result = sgtool("recipe", "check", "stylegan2", str(good))
    assert (result.exit_code, result.stdout) == (0, "")
    assert f"{good}: no problems" in result.stderr


def test_check_reports_every_problem_of_every_file(tmp_path):
    bad, worse, good = (tmp_path / name for name in ("bad.toml", "worse.toml", "good.toml"))
    bad.write_text("train.batch_size = 0\nsead = 1")
    worse.write_text("train = ")
    good.write_text("")
    result = sgtool("recipe", "check", str(bad), str(worse), str(good), "missing.toml", "--quiet")
    assert (result.exit_code, result.stdout) == (2, "")
    starts = [line.split(": ")[1] for line in result.stderr.splitlines()]
    assert starts == [str(bad), str(bad), str(worse), "missing.toml"]


def test_check_takes_changes():
    assert sgtool("recipe", "check", "stylegan2", "--set", "data.resolution=64").exit_code == 0
    refused = sgtool("recipe", "check", "stylegan2", "--set", "data.resolution=65")
    assert refused.exit_code == 2 and "data.resolution=65" in refused.stderr


def test_keys_lists_every_key_with_a_type_and_a_line():
    rows = [line.split("\t") for line in sgtool("recipe", "keys").stdout.splitlines()]
    assert [row[0] for row in rows] == list(key_types())
    assert [row for row in rows if not (len(row) == 4 and row[1] and row[3])] == []


def test_keys_of_a_part_have_types_defaults_and_bounds():
    rows = sgtool("recipe", "keys", "loss.r1").stdout.splitlines()
    assert rows[0] == 'loss.r1_gamma\tfloat >= 0 | "auto"\t10.0\tWeight γ of R1.'
    assert rows[1].split("\t")[:3] == ["loss.r1_interval", "int >= 1", "16"]


def test_keys_as_json_hold_the_same():
    rows = json.loads(sgtool("recipe", "keys", "ema_decay", "--json").stdout)
    assert [(row["name"], row["default"]) for row in rows] == [("train.ema_decay", "")]


def test_keys_of_an_unknown_part_lead_to_all_keys():
    result = sgtool("recipe", "keys", "momentum")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "`sgtool recipe keys` lists all" in result.stderr


@pytest.mark.parametrize("key", recipe_keys(), ids=lambda key: key.name)
def test_defaults_that_are_shown_are_valid_assignments(key):
    if key.default:
        assert load("stylegan2", [f"{key.name}={key.default}"])


def test_the_help_of_train_leads_to_the_keys():
    assert "sgtool recipe keys" in " ".join(sgtool("train", "--help").stdout.split())
