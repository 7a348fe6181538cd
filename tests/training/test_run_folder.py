import json

import pytest

from stylegan_cli.errors import OutputError
from stylegan_cli.recipe import dumps, load
from stylegan_cli.training.run_folder import RunFolder
from tests.tiny import tiny


@pytest.fixture
def folder(tmp_path):
    return RunFolder(path=tmp_path)


def test_half_a_recipe_left_by_a_killed_process_does_not_bar_its_folder(folder):
    (folder.path / ".recipe.toml.partial").write_text("schema =")
    folder.prepare(tiny(), overwrite=False)
    assert (folder.path / "recipe.toml").exists()


def test_a_refusal_names_what_makes_it_another_run(folder):
    folder.prepare(tiny(), overwrite=False)
    longer = tiny(
        "train.total_kimg=9", "report.tick_kimg=2", "report.image_ticks=3", "train.lr_g=1"
    )
    with pytest.raises(OutputError, match=r"another run \(train.lr_g is 0.002 there, 1.0 here\)"):
        folder.prepare(longer, overwrite=False)


def test_a_run_may_be_measured_otherwise_than_it_began(folder):
    folder.prepare(tiny(), overwrite=False)
    measured = tiny("metrics.every_ticks=5", "metrics.keep_best=3")
    folder.prepare(measured, overwrite=False)
    assert load(folder.path / "recipe.toml") == measured


def test_a_run_from_before_there_were_metrics_goes_on(folder):
    text, _, _ = dumps(tiny()).partition("\n[metrics]")
    (folder.path / "recipe.toml").write_text(text)
    folder.prepare(tiny(), overwrite=False)
    assert load(folder.path / "recipe.toml") == tiny()


def test_an_overwritten_run_takes_its_metrics_and_links_along(folder):
    folder.prepare(tiny(), overwrite=False)
    (folder.path / "metrics.jsonl").touch()
    (folder.path / "best-fd_alex.safetensors").symlink_to("network-000001.safetensors")
    folder.prepare(tiny(), overwrite=True)
    assert [path.name for path in folder.path.iterdir()] == ["recipe.toml"]


def test_statistics_later_than_a_state_are_taken_back(folder):
    for cur_nimg in (8, 16, 24):
        folder.append_stats({"cur_nimg": cur_nimg})
    folder.take_back_stats(16)
    lines = folder.stats.read_text().splitlines()
    assert [json.loads(line)["cur_nimg"] for line in lines] == [8, 16]


@pytest.mark.parametrize("rest", [b'{"cur_n', b"\0\0\0\0", b"\xff\xfe\n"])
def test_a_line_cut_by_a_crash_counts_as_never_written(folder, rest):
    folder.append_stats({"cur_nimg": 8})
    folder.stats.write_bytes(folder.stats.read_bytes() + rest)
    folder.take_back_stats(16)
    assert folder.stats.read_text().splitlines() == ['{"cur_nimg": 8}']
