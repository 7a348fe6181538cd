import json
import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch
from typer.testing import CliRunner

from stylegan_cli.cli.app import app
from stylegan_cli.recipe import dumps, loads
from stylegan_cli.training.run_folder import load_state, save_state
from tests.tiny import tiny, tiny_growing


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "tiny.toml"
    path.write_text(dumps(tiny("train.total_kimg=0.016")))
    return path


def train(*arguments):
    return CliRunner().invoke(app, ["train", *map(str, arguments)])


def test_stdout_carries_the_paths_written(recipe, image_folder):
    result = train(recipe, "--data", image_folder, "-o", "run")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "run/network-000000.016.safetensors",
        "run/fakes-000000.016.png",
    ]


def test_the_default_folder_is_named_after_recipe_and_data(recipe, image_folder, tmp_path):
    train(recipe, "--data", image_folder)
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [f"tiny-{image_folder.name}"]


def test_without_a_terminal_there_is_a_line_per_tick(recipe, image_folder):
    lines = train(recipe, "--data", image_folder, "-o", "run").stderr.splitlines()
    assert [line for line in lines if line.startswith("0.016 of 0.016 kimg")]


def test_what_is_measured_on_the_way_is_told(recipe, image_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("SGTOOL_CACHE", str(tmp_path / "cache"))
    settings = ("--set", "metrics.every_ticks=1", "--set", "metrics.num=8")
    settings += ("--set", "metrics.detector=alex")
    lines = train(recipe, "--data", image_folder, "-o", "run", *settings).stderr.splitlines()
    assert [line for line in lines if line.startswith("0.0 kimg: fd_alex ")]
    assert [line for line in lines if line.startswith("detector alex, named in the results")]


def test_a_finished_run_says_what_it_is_good_for(recipe, image_folder):
    told = train(recipe, "--data", image_folder, "-o", "a run").stderr
    assert re.findall(r"^  sgtool (\w+) .*'a run'$", told, re.MULTILINE) == [
        "grid",
        "mix",
        "report",
    ]


def test_a_part_of_the_images_is_said_to_be_one(recipe, image_folder):
    result = train(recipe, "--data", image_folder, "-o", "run", "--set", "data.max_images=5")
    assert f"{image_folder}: 5 of 12 images" in result.stderr.splitlines()


def test_more_images_wanted_than_there_are_is_said(recipe, image_folder):
    result = train(recipe, "--data", image_folder, "-o", "run", "--set", "data.max_images=5000")
    assert result.exit_code == 0
    assert "data.max_images: 5000, but there are " in result.stderr


def test_json_names_the_run_and_its_files(recipe, image_folder):
    result = train(recipe, "--data", image_folder, "-o", "run", "--json", "--quiet")
    assert json.loads(result.stdout)["run"] == "run"
    assert result.stderr == ""


def test_dry_run_prints_a_recipe_that_reads_back(recipe):
    result = train(recipe, "--set", "loss.r1_gamma=auto", "--dry-run")
    assert loads(result.stdout).loss.r1_gamma == pytest.approx(0.0002 * 16**2 / 8)


def test_dry_run_tells_what_auto_comes_to_and_why(recipe):
    settings = ("--set", "train.batch_size=auto", "--set", "train.lr_g=auto", "--dry-run")
    result = train(recipe, *settings, "--device", "cpu")
    assert loads(result.stdout).train.batch_size == 16
    assert "train.batch_size is auto: 16 (1 × 4096 / resolution, at most 16 a CPU" in result.stderr
    told = json.loads(train(recipe, *settings, "--device", "cpu", "--json").stdout)["automatic"]
    assert told["train.lr_g"] == {"value": 0.0025, "why": "0.002 at 1024 px, 0.0025 below"}


def test_a_run_that_is_lost_ends_in_words_where_that_is_asked(recipe, image_folder, tmp_path):
    diverging = tiny("train.lr_g=1.0", "train.lr_d=1.0", "report.tick_kimg=0.008")
    recipe.write_text(dumps(diverging))
    words = (recipe, "--data", image_folder, "-o", "run", "--stop-on-alarm")
    result = train(*words)
    assert result.exit_code == 1
    assert re.search("warning: 0.0 kimg: divergence: the scores of D diverge", result.stderr)
    assert re.search("error: ended by --stop-on-alarm: divergence; the state is", result.stderr)
    stopped_at = load_state(tmp_path / "run" / "state.pt")["cur_nimg"]
    assert 0 < stopped_at < 64
    assert train(*words).exit_code == 0
    last = (tmp_path / "run" / "stats.jsonl").read_text().splitlines()[-1]
    assert json.loads(last)["cur_nimg"] == 64


def test_dry_run_as_json_has_counts_and_memory(recipe):
    cost = json.loads(train(recipe, "--dry-run", "--json").stdout)
    assert set(cost) == {"recipe", "parameters", "num_ws", "memory", "hours"}
    assert cost["num_ws"] == 6
    assert set(cost["parameters"]) == {"mapping", "synthesis", "generator", "discriminator"}
    memory = cost["memory"]
    assert memory["total_bytes"] == memory["weight_bytes"] + memory["activation_bytes"]


@pytest.fixture
def growing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "growing.toml"
    path.write_text(dumps(tiny_growing()))
    return path


def test_a_dry_run_tells_hours_and_memory(recipe):
    result = train(recipe, "--dry-run")
    assert re.search(r"about \d+ MiB of memory on each device with 8 images", result.stderr)
    assert re.search(
        r"(about \S+ minutes|less than a minute) here, at \S+ s/kimg in a short trial",
        result.stderr,
    )
    assert json.loads(train(recipe, "--dry-run", "--json").stdout)["hours"] > 0


def test_a_run_too_large_to_try_is_left_to_the_benchmark():
    result = train("stylegan2", "--dry-run", "--device", "cpu")
    assert "measure how long it takes: sgtool bench stylegan2" in result.stderr


def test_dry_run_tells_when_which_resolution_begins(growing):
    result = train(growing, "--dry-run")
    assert "starts at 8 px, 16 px from 0.016 kimg" in result.stderr.splitlines()


def test_dry_run_as_json_has_the_stages_of_a_growing_run(growing):
    stages = json.loads(train(growing, "--dry-run", "--json").stdout)["stages"]
    assert [(stage["resolution"], stage["from_kimg"]) for stage in stages] == [(8, 0), (16, 0.016)]
    assert stages[1] == {
        "lod": 0.0, "resolution": 16, "from_kimg": 0.016, "batch_size": 4,
        "lr_g": 0.003, "lr_d": 0.003,
    }  # fmt: skip


def test_a_batch_size_that_growing_never_takes_is_told(recipe):
    size = ("--set", "data.resolution=16", "--set", "train.batch_size=8")
    size += ("--set", "generator.channel_base=64")
    told = train("stylegan1-f", "--dry-run", *size).stderr
    assert "--set train.batch_size=8 has no effect" in told
    assert "--set growing.batch_size={}" in told
    for heard in (["--set", "growing.batch_size={}"], ["--set", "data.resolution=64"]):
        assert "no effect" not in train("stylegan1-f", "--dry-run", *size, *heard).stderr


def test_a_dry_run_of_a_network_without_styles_counts_none(recipe):
    size = ("--set", "data.resolution=8", "--set", "generator.channel_base=64")
    told = train("progan", "--dry-run", *size).stderr
    assert ", no styles\n" in told


def test_a_growing_run_tells_how_far_it_is(growing, image_folder):
    lines = train(growing, "--data", image_folder, "-o", "run").stderr.splitlines()
    assert [line for line in lines if "lod 0.25  16 px" in line]


def test_dry_run_writes_nothing(recipe, tmp_path):
    train(recipe, "--dry-run")
    assert list(tmp_path.iterdir()) == [recipe]


def test_all_problems_of_the_call_are_told_at_once(recipe):
    result = train(recipe, "--set", "train.batchsize=3", "--set", "data.resolution=100")
    assert result.exit_code == 2
    assert "batch_size" in result.stderr
    assert "power of two" in result.stderr


def test_no_images_is_a_wrong_call(recipe):
    result = train(recipe)
    assert result.exit_code == 2
    assert "--data" in result.stderr


def test_images_of_another_size_name_the_remedy(recipe, image_folder, tmp_path):
    CliRunner().invoke(
        app, ["data", "prepare", str(image_folder), "-o", "d.zip", "--resolution", "16"]
    )
    result = train(recipe, "--data", "d.zip", "--set", "data.resolution=32")
    assert result.exit_code == 1
    assert "--set data.resolution=16" in result.stderr


def test_an_unusable_folder_ends_in_words(recipe, image_folder, tmp_path):
    (tmp_path / "file").write_text("in the way")
    result = train(recipe, "--data", image_folder, "-o", "file/run")
    assert result.exit_code == 1
    assert "file/run" in result.stderr


def test_a_damaged_state_is_named(recipe, image_folder, tmp_path):
    train(recipe, "--data", image_folder, "-o", "run")
    state = tmp_path / "run" / "state.pt"
    state.write_bytes(state.read_bytes()[:1000])
    result = train(recipe, "--data", image_folder, "-o", "run")
    assert result.exit_code == 1
    assert "run/state.pt: damaged training state" in result.stderr


can_hang_up = pytest.mark.skipif(
    signal.getsignal(signal.SIGHUP) == signal.SIG_IGN, reason="nohup has children ignore SIGHUP"
)


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT, pytest.param(signal.SIGHUP, marks=can_hang_up)]
)
def test_a_signal_saves_the_state_first(recipe, image_folder, tmp_path, number):
    process = subprocess.Popen(endless(recipe, image_folder), stderr=subprocess.PIPE)
    wait_for(tmp_path / "run" / "fakes-000000.png")
    process.send_signal(number)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert b"the same command resumes the run" in errors
    assert load_state(tmp_path / "run" / "state.pt")["cur_nimg"] > 0


def endless(recipe, images):
    return [
        sys.executable, "-m", "stylegan_cli", "train", str(recipe), "--device", "cpu",
        "--data", str(images), "-o", "run", "--set", "train.total_kimg=1000",
        "--set", "report.tick_kimg=100",
    ]  # fmt: skip


@can_hang_up
def test_a_terminal_that_is_gone_saves_the_state_first(recipe, image_folder, tmp_path):
    terminal, side = pty.openpty()
    process = subprocess.Popen(
        endless(recipe, image_folder), stdin=side, stdout=side, stderr=side, start_new_session=True
    )
    os.close(side)
    read_until(terminal, b"of 1000 kimg")
    # the kernel sends the signal when a controlling terminal goes
    os.close(terminal)
    process.send_signal(signal.SIGHUP)
    try:
        assert process.wait(timeout=60) == 130
    finally:
        process.kill()
    assert load_state(tmp_path / "run" / "state.pt")["cur_nimg"] > 0


def test_a_second_process_is_refused_while_the_first_trains(recipe, image_folder, tmp_path):
    process = subprocess.Popen(endless(recipe, image_folder), stderr=subprocess.DEVNULL)
    try:
        wait_for(tmp_path / "run" / "fakes-000000.png")
        for words in ((), ("--overwrite",)):
            result = train(recipe, "--data", image_folder, "-o", "run", *words)
            assert result.exit_code == 1
            assert f"run: process {process.pid} on " in result.stderr
            assert "is training here; wait for it, stop it, or choose" in result.stderr
    finally:
        process.kill()
        process.wait()
    # the lock goes with the process, however it ends
    command = (recipe, "--data", image_folder, "-o", "run", "--overwrite")
    assert train(*command).exit_code == 0
    assert not (tmp_path / "run" / ".lock").exists()


def read_until(descriptor, words):
    seen = b""
    while words not in seen:
        seen += os.read(descriptor, 1000)


def wait_for(path):
    deadline = time.monotonic() + 120
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.02)


def test_a_failed_start_leaves_nothing_and_its_advice_works(recipe, image_folder, tmp_path):
    train(recipe, "--data", image_folder, "-o", "first")
    words = ("--init-from", "first", "--data", image_folder, "-o", "deep/run")
    changed = (recipe, *words, "--set", "generator.w_dim=16")
    refused = train(*changed)
    assert refused.exit_code == 1
    assert not (tmp_path / "deep").exists()
    assert "--allow-partial" in refused.stderr
    assert train(*changed, "--allow-partial").exit_code == 0
    advice = re.search("add (--set .*) for the same network", refused.stderr)
    assert advice is not None
    assert train(recipe, *words[:-1], "other", *shlex.split(advice[1])).exit_code == 0


def test_a_failed_start_keeps_the_run_it_would_overwrite(recipe, image_folder, tmp_path):
    train(recipe, "--data", image_folder, "-o", "run")
    shutil.copytree("run", "origin")
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    words = ("--init-from", "origin", "--set", "generator.w_dim=16", "--overwrite")
    assert train(recipe, "--data", image_folder, "-o", "run", *words).exit_code == 1
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before


def test_images_of_which_none_can_be_read_leave_nothing(recipe, tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    (images / "a.png").write_bytes(b"no picture")
    assert train(recipe, "--data", images, "-o", "run").exit_code == 1
    assert not (tmp_path / "run").exists()


def test_snapshots_below_a_kimg_are_all_kept(recipe, image_folder, tmp_path):
    settings = ("report.tick_kimg=0.008", "report.snapshot_ticks=1", "report.image_ticks=1")
    flags = [word for setting in settings for word in ("--set", setting)]
    train(recipe, "--data", image_folder, "-o", "run", *flags)
    names = sorted(path.name for path in (tmp_path / "run").glob("*-0*"))
    assert names == [
        "fakes-000000.000.png", "fakes-000000.008.png", "fakes-000000.016.png",
        "network-000000.008.safetensors", "network-000000.016.safetensors",
    ]  # fmt: skip


def test_one_picture_trains_without_raw_warnings(recipe, image_folder, tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    shutil.copy(next(image_folder.rglob("*.png")), images)
    command = [
        sys.executable, "-W", "always", "-m", "stylegan_cli", "train", str(recipe),
        "--data", str(images), "-o", "run", "--device", "cpu", "--set", "health.every_ticks=1",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0
    assert "Warning" not in done.stderr
    assert "1 image: too few to measure the diversity of fakes against" in done.stderr


@pytest.mark.parametrize(
    ("variable", "value"), [("WORLD_SIZE", "x"), ("RANK", ""), ("MASTER_PORT", "port")]
)
def test_a_launcher_that_sets_no_numbers_is_told_so(
    recipe, image_folder, monkeypatch, variable, value
):
    given = {"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}
    for name, number in {**given, variable: value}.items():
        monkeypatch.setenv(name, number)
    result = train(recipe, "--data", image_folder, "-o", "run")
    assert result.exit_code == 2
    assert f"{variable}: {value!r} is not a whole number" in result.stderr


@pytest.fixture
def saved(recipe, image_folder, tmp_path):
    train(recipe, "--data", image_folder, "-o", "run")
    return tmp_path / "run" / "state.pt"


def drop(name):
    return lambda state: {key: value for key, value in state.items() if key != name}


def put(name, value):
    return lambda state: {**state, name: value}


@pytest.mark.parametrize(
    "tamper",
    [
        drop("G"), drop("cur_nimg"), drop("opt_d"), drop("sums"),
        put("G", {}), put("G", 3), put("cur_nimg", "8"), put("cur_nimg", -1), put("lod", 1e9),
        put("seconds", float("nan")), put("opt_g", {"state": {}, "param_groups": []}),
        put("opt_g", {"state": {0: {}}, "param_groups": [{}]}), put("pl_mean", "0"),
        put("pl_mean", torch.zeros(3)), put("sums", [1]), put("alarm_counts", {"divergence": "x"}),
        put("batch_per_device", 0), put("augmentation", {"p": 2.0, "signs": torch.zeros(2)}),
        put("sums", {"loss_g": torch.zeros(3)}), put("origin", {}),
    ],
)  # fmt: skip
def test_a_tampered_state_ends_in_words(saved, recipe, image_folder, tamper):
    save_state(saved, tamper(load_state(saved)))
    more = ("--set", "train.total_kimg=0.032")
    result = train(recipe, "--data", image_folder, "-o", "run", *more)
    assert result.exit_code == 1
    assert "run/state.pt: damaged training state (" in result.stderr
    assert isinstance(result.exception, SystemExit)


def test_a_state_with_moments_of_other_weights_ends_in_words(saved, recipe, image_folder):
    state = load_state(saved)
    state["opt_g"]["state"][0]["exp_avg"] = torch.zeros(1, 2, 3)
    save_state(saved, state)
    result = train(recipe, "--data", image_folder, "-o", "run", "--set", "train.total_kimg=0.032")
    assert (result.exit_code, "do not fit the weights" in result.stderr) == (1, True)
