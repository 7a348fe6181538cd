import json
import os
import tracemalloc

import pytest
import torch

from stylegan_cli.errors import NetworkFileError, OutputError, RecipeError
from stylegan_cli.recipe import dumps, load
from stylegan_cli.training.run_folder import (
    RunFolder,
    kimg_of,
    load_state,
    newest_network,
    save_state,
    snapshots,
)
from tests.tiny import tiny


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path)


def take(folder, recipe, *, overwrite=False):
    folder.check(recipe, overwrite=overwrite)
    folder.take(recipe, overwrite=overwrite)


def begin(folder, recipe):
    take(folder, recipe)
    folder.append_stats({"cur_nimg": 8})


def test_half_a_recipe_left_by_a_killed_process_does_not_bar_its_folder(folder):
    (folder.path / ".recipe.toml.partial").write_text("schema =")
    take(folder, tiny())
    assert (folder.path / "recipe.toml").exists()


def test_a_refusal_names_what_makes_it_another_run(folder):
    begin(folder, tiny())
    longer = tiny(
        "train.total_kimg=9", "report.tick_kimg=2", "report.image_ticks=3", "train.lr_g=1"
    )
    with pytest.raises(OutputError, match=r"another run \(train.lr_g is 0.002 there, 1.0 here\)"):
        take(folder, longer)


def test_an_origin_is_known_by_its_content_wherever_it_lies(folder):
    begin(folder, tiny("init.network=old", "init.sha256=" + 64 * "a"))
    take(folder, tiny("init.network=elsewhere/old", "init.sha256=" + 64 * "a"))
    with pytest.raises(OutputError, match=r"another run \(init.sha256 is a+ there, b+ here\)"):
        take(folder, tiny("init.network=elsewhere/old", "init.sha256=" + 64 * "b"))


def test_a_run_without_progress_makes_way_for_another(folder):
    take(folder, tiny())
    folder.reals.touch()
    take(folder, tiny("train.lr_g=1"))
    assert [path.name for path in folder.path.iterdir()] == ["recipe.toml"]
    assert load(folder.recipe).train.lr_g == 1


def test_a_run_may_be_measured_otherwise_than_it_began(folder):
    begin(folder, tiny())
    measured = tiny("metrics.every_ticks=5", "metrics.keep_best=3")
    take(folder, measured)
    assert load(folder.path / "recipe.toml") == measured


def test_an_equal_recipe_is_left_alone(folder):
    begin(folder, tiny())
    before = folder.recipe.stat()
    take(folder, tiny())
    assert (folder.recipe.stat().st_ino, folder.recipe.stat().st_mtime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
    )


def test_a_run_from_before_there_were_metrics_is_resumed(folder):
    begin(folder, tiny())
    text, _, _ = dumps(tiny()).partition("\n[metrics]")
    (folder.path / "recipe.toml").write_text(text)
    take(folder, tiny())
    assert load(folder.path / "recipe.toml") == tiny()


def test_a_run_whose_recipe_has_keys_auto_is_resumed(folder):
    begin(folder, tiny())
    old = dumps(tiny()).replace("ada_kimg = 500.0", 'ada_kimg = "auto"')
    assert old != dumps(tiny())
    (folder.path / "recipe.toml").write_text(old)
    take(folder, tiny())


def test_an_overwritten_run_takes_its_metrics_and_links_along(folder):
    begin(folder, tiny())
    (folder.path / "metrics.jsonl").touch()
    (folder.path / "best-fd_alex.safetensors").symlink_to("network-000001.safetensors")
    take(folder, tiny(), overwrite=True)
    assert [path.name for path in folder.path.iterdir()] == ["recipe.toml"]


def test_a_recipe_of_any_size_does_not_fill_the_memory(folder):
    begin(folder, tiny())
    with folder.recipe.open("rb+") as file:
        file.truncate(2**40)
    with pytest.raises(RecipeError, match="not a recipe: more than"):
        take(folder, tiny())
    take(folder, tiny(), overwrite=True)
    assert folder.recipe.read_text() == dumps(tiny())


def test_a_recipe_is_not_written_through_a_planted_link(folder):
    precious = folder.path.parent / "precious.txt"
    precious.write_text("mine")
    (folder.path / ".recipe.toml.partial").symlink_to(precious)
    take(folder, tiny())
    assert precious.read_text() == "mine"
    assert not folder.recipe.is_symlink()


def test_statistics_later_than_a_state_are_taken_back(folder):
    for cur_nimg in (8, 16, 24):
        folder.append_stats({"cur_nimg": cur_nimg})
    folder.take_back_stats(16)
    lines = folder.stats.read_text().splitlines()
    assert [json.loads(line)["cur_nimg"] for line in lines] == [8, 16]


@pytest.mark.parametrize("kept", [0, 1, 40])
def test_lines_longer_than_a_block_are_taken_back_too(folder, kept):
    for cur_nimg in range(40):
        folder.append_stats({"cur_nimg": cur_nimg + 1, "long": "x" * (5000 if cur_nimg % 3 else 9)})
    folder.take_back_stats(kept)
    lines = folder.stats.read_text().splitlines()
    assert [json.loads(line)["cur_nimg"] for line in lines] == list(range(1, kept + 1))


def test_only_the_last_lines_of_long_statistics_are_read(folder):
    with folder.stats.open("wb") as file:
        # a hole: no disk is taken, but a reader of all of it would hold two gigabytes
        file.seek(2**31)
        file.write(b"\n")
    folder.append_stats({"cur_nimg": 8})
    folder.append_stats({"cur_nimg": 16})
    tracemalloc.start()
    folder.take_back_stats(8)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2**20
    with folder.stats.open("rb") as file:
        file.seek(2**31)
        assert file.read() == b'\n{"cur_nimg": 8}\n'


UNSEEN = (
    *(b'{"cur_n', b"\0\0\0\0", b"\xff\xfe\n", b'{"cur_nimg": 1}'),
    b'{"cur_nimg": 1%s}\n' % (b"0" * 400),
)


@pytest.mark.parametrize("rest", UNSEEN)
def test_a_line_cut_by_a_crash_counts_as_never_written(folder, rest):
    folder.append_stats({"cur_nimg": 8})
    folder.stats.write_bytes(folder.stats.read_bytes() + rest)
    folder.take_back_stats(16)
    assert folder.stats.read_text().splitlines() == ['{"cur_nimg": 8}']


def test_names_below_a_kimg_tell_snapshots_apart_and_sort_by_time(folder):
    numbers = (0, 160, 999, 1000, 25_000_160)
    for cur_nimg in reversed(numbers):
        folder.network(cur_nimg, fine=True).touch()
    assert [kimg_of(path) for path in snapshots(folder.path)] == [n / 1000 for n in numbers]


def test_names_of_whole_kimg_stay_readable_beside_finer_ones(folder):
    for path in (folder.network(0), folder.network(1500, fine=True), folder.network(2000)):
        path.touch()
    assert newest_network(folder.path).name == "network-000002.safetensors"
    assert [kimg_of(path) for path in snapshots(folder.path)] == [0, 1.5, 2]


def test_a_run_without_networks_has_no_newest_one(folder):
    with pytest.raises(NetworkFileError, match="name a run that has written one"):
        newest_network(folder.path)


def test_a_state_comes_back(tmp_path):
    save_state(tmp_path / "state.pt", {"pl_mean": torch.tensor(2.0), "cur_nimg": 3})
    state = load_state(tmp_path / "state.pt")
    assert (state["pl_mean"].item(), state["cur_nimg"]) == (2, 3)


@pytest.mark.parametrize("kept", [0, 10, 500])
def test_a_cut_state_is_refused_in_words(tmp_path, kept):
    path = tmp_path / "state.pt"
    save_state(path, {"pl_mean": torch.zeros(100)})
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(NetworkFileError, match="damaged training state"):
        load_state(path)


def test_a_state_cannot_run_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return print, ("executed",)

    torch.save({"schema": 1, "evil": Evil()}, tmp_path / "state.pt")
    with pytest.raises(NetworkFileError, match="damaged training state"):
        load_state(tmp_path / "state.pt")


@pytest.fixture
def finished(folder):
    """Folder of a run that is recorded as finished."""
    take(folder, tiny())
    save_state(folder.state, {"cur_nimg": 64})
    (folder.path / "network-000000.064.safetensors").touch()
    folder.finish(64, "images")
    return folder


def test_a_finished_run_is_known_by_its_record(finished):
    assert finished.is_finished(tiny(), "images")
    assert not finished.is_finished(tiny(), "other images")
    assert not finished.is_finished(tiny("report.image_ticks=3"), "images")


def test_a_run_that_shall_be_longer_is_not_finished(finished):
    longer = tiny("train.total_kimg=0.128")
    take(finished, longer)
    assert not finished.is_finished(longer, "images")


@pytest.mark.parametrize("damage", ["state.pt", "finished.json", "recipe.toml"])
def test_a_finished_run_with_other_files_is_looked_at(finished, damage):
    (finished.path / damage).write_bytes((finished.path / damage).read_bytes()[:-9])
    assert not finished.is_finished(tiny(), "images")


def test_a_failed_write_keeps_the_state_before(tmp_path, monkeypatch):
    path = tmp_path / "state.pt"
    save_state(path, {"cur_nimg": 1})

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OutputError, match="No space left"):
        save_state(path, {"cur_nimg": 2})
    monkeypatch.undo()
    assert load_state(path)["cur_nimg"] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["state.pt"]


def test_a_finished_run_without_a_network_is_looked_at(finished):
    (finished.path / "network-000000.064.safetensors").unlink()
    assert not finished.is_finished(tiny(), "images")


@pytest.mark.parametrize("name", ["state.pt", "finished.json"])
def test_a_run_with_a_pipe_in_place_of_a_file_is_not_finished(finished, name):
    pipe(finished.path / name)
    assert not finished.is_finished(tiny(), "images")


def test_pipes_in_place_of_a_state_and_a_recipe_are_refused(finished):
    pipe(finished.state)
    with pytest.raises(NetworkFileError, match=r"state.pt: cannot be read \(a pipe or device"):
        load_state(finished.state)
    pipe(finished.recipe)
    with pytest.raises(OSError, match="a pipe or device"):
        finished.begun()


def pipe(path):
    path.unlink()
    os.mkfifo(path)
