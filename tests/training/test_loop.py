import json
import os
import shutil
import signal
import subprocess
import sys
import time
from itertools import count

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from typer.testing import CliRunner

from stylegan_cli.cli.app import app
from stylegan_cli.data.dataset import open_dataset
from stylegan_cli.errors import Interrupted, OutputError, TrainingError
from stylegan_cli.networks.snapshot import load_network
from stylegan_cli.recipe import dumps, load
from stylegan_cli.sizes import square
from stylegan_cli.training.events import Begun
from stylegan_cli.training.loop import train
from stylegan_cli.training.run_folder import snapshots
from tests.processes import in_two_processes
from tests.tiny import STYLEGAN3, tiny, tiny_growing, tiny_run, without_steps

CPU = torch.device("cpu")


def run(recipe, dataset, folder, **options):
    return without_steps(train(tiny_run(recipe, dataset, folder), **options))


def final_weights(folder):
    return load_file(sorted(folder.glob("network-*"))[-1])


def assert_same_bits(a, b):
    assert a.keys() == b.keys()
    assert [key for key in a if not torch.equal(a[key], b[key])] == []


@pytest.fixture(scope="module")
def uninterrupted(dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    run(tiny(), dataset, folder / "run")
    return folder / "run"


def test_a_run_holds_its_files(uninterrupted):
    names = {path.name for path in uninterrupted.iterdir()}
    assert names >= {"recipe.toml", "stats.jsonl", "state.pt", "reals.png", "fakes-000000.000.png"}
    assert {"network-000000.032.safetensors", "network-000000.064.safetensors"} <= names
    assert not [name for name in names if "partial" in name]


def test_stats_tell_what_researchers_ask_for(uninterrupted):
    lines = [json.loads(line) for line in (uninterrupted / "stats.jsonl").read_text().splitlines()]
    assert [line["cur_nimg"] for line in lines] == [16, 32, 48, 64]
    assert set(lines[0]) >= {
        "kimg", "loss_g", "loss_d", "score_real", "score_fake", "r_t", "r1_penalty",
        "pl_length", "pl_penalty", "pl_mean", "grad_norm_g", "grad_norm_g_reg", "grad_norm_d",
        "grad_norm_d_reg", "sec_per_kimg", "seconds", "memory_gib",
    }  # fmt: skip


def test_the_written_recipe_repeats_the_run(uninterrupted):
    assert load(uninterrupted / "recipe.toml") == tiny()


def test_stopped_anywhere_a_run_ends_with_the_same_bits(dataset, uninterrupted, tmp_path):
    for stop_after in (1, 2, 3):
        steps = count(1)
        try:
            run(tiny(), dataset, tmp_path / "run", stop=lambda n=stop_after, s=steps: next(s) == n)
        except Interrupted:
            continue
    run(tiny(), dataset, tmp_path / "run")
    assert_same_bits(final_weights(tmp_path / "run"), final_weights(uninterrupted))


def test_statistics_go_on_where_a_stopped_run_left_them(dataset, uninterrupted, tmp_path):
    steps = count(1)
    with pytest.raises(Interrupted):
        run(tiny(), dataset, tmp_path / "run", stop=lambda: next(steps) == 3)
    run(tiny(), dataset, tmp_path / "run")
    assert losses(tmp_path / "run") == losses(uninterrupted)


def losses(folder):
    lines = [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]
    return [(line["cur_nimg"], line["loss_g"], line["loss_d"]) for line in lines]


def test_a_killed_process_loses_nothing_but_time(image_folder, uninterrupted, tmp_path):
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(dumps(tiny()))
    folder = tmp_path / "run"
    command = [
        sys.executable, "-m", "stylegan_cli", "train", str(recipe),
        "--data", str(image_folder), "-o", str(folder), "--device", "cpu", "--quiet",
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    process = subprocess.Popen(command, env=environment)
    deadline = time.monotonic() + 120
    while not (folder / "state.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert CliRunner().invoke(app, command[3:]).exit_code == 0
    assert_same_bits(final_weights(folder), final_weights(uninterrupted))


def test_a_finished_run_stays_as_it_is(dataset, uninterrupted):
    before = {path: path.stat().st_mtime_ns for path in uninterrupted.iterdir()}
    ticks = run(tiny(), dataset, uninterrupted)
    assert [type(tick) for tick in ticks] == [Begun]
    assert {path: path.stat().st_mtime_ns for path in uninterrupted.iterdir()} == before


def test_a_finished_run_writes_a_network_that_was_deleted(dataset, tmp_path):
    run(tiny(), dataset, tmp_path)
    *_, path = snapshots(tmp_path)
    weights = final_weights(tmp_path)
    for each in snapshots(tmp_path):
        each.unlink()
    (begun,) = run(tiny(), dataset, tmp_path)
    assert begun.files == (path,)
    assert_same_bits(final_weights(tmp_path), weights)


def test_a_run_can_go_on_for_longer(dataset, tmp_path):
    run(tiny("train.total_kimg=0.032"), dataset, tmp_path / "run")
    ticks = run(tiny("train.total_kimg=0.048"), dataset, tmp_path / "run")
    assert [tick.kimg for tick in ticks] == [0.032, 0.048]


def test_what_comes_every_few_ticks_comes_with_its_tick(dataset, tmp_path):
    # in floats 3 · 12 images are more than 36
    recipe = tiny(
        "train.batch_size=4", "train.total_kimg=0.040", "report.tick_kimg=0.012",
        "report.image_ticks=3",
    )  # fmt: skip
    ticks = run(recipe, dataset, tmp_path / "run")
    with_pictures = [
        tick.kimg for tick in ticks if any(name.startswith("fakes") for name in names(tick.files))
    ]
    assert with_pictures == [0, 0.036, 0.04]


def names(files):
    return [path.name for path in files]


def test_time_of_a_stopped_session_counts(dataset, tmp_path):
    with pytest.raises(Interrupted):
        run(tiny("report.tick_kimg=1"), dataset, tmp_path / "run", stop=lambda: True)
    assert run(tiny(), dataset, tmp_path / "run")[0].seconds > 0


def test_time_that_passes_between_ticks_is_not_time_of_training(dataset, tmp_path):
    began = time.monotonic()
    for tick in train(tiny_run(tiny("train.total_kimg=0.016"), dataset, tmp_path / "run")):
        seconds = getattr(tick, "seconds", 0.0)
        time.sleep(0.1)
    assert seconds < time.monotonic() - began - 4 * 0.1


def test_data_whose_labels_changed_are_refused_in_words(image_folder, tmp_path):
    recipe = tiny("data.labels=true", "train.total_kimg=0.008")
    images = tmp_path / "images"
    shutil.copytree(image_folder, images)
    run(recipe, open_dataset(images, resolution=16, labels=True), tmp_path / "run")
    count = len(open_dataset(images, resolution=16))
    shutil.copytree(image_folder / "a", images / "c")
    told = (
        rf"other images, names or labels \({count} at .* there, {count + 6} at .*`init_from=.*run`"
    )
    with pytest.raises(OutputError, match=told):
        run(recipe, open_dataset(images, resolution=16, labels=True), tmp_path / "run")


def test_another_recipe_is_refused_in_the_same_folder(dataset, uninterrupted):
    with pytest.raises(OutputError, match=r"holds another run .*lr_g"):
        run(tiny("train.lr_g=0.1"), dataset, uninterrupted)


def test_a_run_resumes_with_its_images_wherever_they_lie(dataset, tmp_path):
    for path, kimg in (("a.zip", 0.008), ("other-machine/b.zip", 0.016)):
        recipe = tiny(f"train.total_kimg={kimg}", f"data.path={path}")
        ticks = run(recipe, dataset, tmp_path / "run")
    assert ticks[0].resumed
    assert load(tmp_path / "run" / "recipe.toml").data.path == "other-machine/b.zip"


def test_a_run_whose_state_is_gone_is_not_begun_again(dataset, uninterrupted, tmp_path):
    shutil.copytree(uninterrupted, tmp_path / "run")
    (tmp_path / "run" / "state.pt").unlink()
    before = (tmp_path / "run" / "stats.jsonl").read_bytes()
    with pytest.raises(OutputError, match=r"state\.pt: is gone.*`overwrite`.*`init_from="):
        run(tiny(), dataset, tmp_path / "run")
    assert (tmp_path / "run" / "stats.jsonl").read_bytes() == before


def test_overwrite_starts_anew(dataset, tmp_path):
    run(tiny("train.total_kimg=0.016"), dataset, tmp_path / "run")
    ticks = run(tiny("train.total_kimg=0.016", "seed=1"), dataset, tmp_path / "run", overwrite=True)
    assert ticks[0].kimg == 0


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_something_else_is_left_alone(dataset, tmp_path, overwrite):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match="not a run"):
        run(tiny(), dataset, tmp_path, overwrite=overwrite)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_numbers_that_are_none_stop_the_run_before_its_state_is_replaced(dataset, tmp_path):
    recipe = tiny("train.lr_g=1e30", "train.lr_d=1e30")
    with pytest.raises(TrainingError, match="NaN or infinite at"):
        run(recipe, dataset, tmp_path / "run")
    assert not (tmp_path / "run" / "state.pt").exists()


def test_accumulated_gradients_give_the_same_losses(dataset, tmp_path):
    # without path lengths, whose running mean moves on with every round; and few steps, because
    # each makes rounding errors larger
    recipe = ("loss.pl_weight=0", "train.total_kimg=0.032")
    run(tiny(*recipe), dataset, tmp_path / "whole")
    run(tiny(*recipe, "train.batch_per_device=4"), dataset, tmp_path / "halves")
    pairs = zip(losses(tmp_path / "whole"), losses(tmp_path / "halves"), strict=True)
    for whole, halves in pairs:
        assert halves == pytest.approx(whole, rel=1e-5)


def test_tensorboard_gets_the_scalars_and_pictures_on_request(dataset, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run(tiny("train.total_kimg=0.016", "report.tensorboard=true"), dataset, tmp_path / "run")
    events = EventAccumulator(str(tmp_path / "run")).Reload()
    assert "fakes" in events.Tags()["images"]
    assert events.Scalars("loss_g")[0].step == 16


def test_labels_condition_both_networks(image_folder, tmp_path):
    labelled = open_dataset(image_folder, resolution=16, labels=True)
    run(tiny("data.labels=true", "train.total_kimg=0.016"), labelled, tmp_path / "run")
    network = load_network(tmp_path / "run" / "network-000000.016.safetensors", discriminator=True)
    assert (network.c_dim, network.classes) == (2, ("a", "b"))


@pytest.fixture(scope="module")
def grown(dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("grown")
    run(tiny_growing(), dataset, folder / "run")
    return folder / "run"


def test_growing_is_told_in_the_statistics(grown, uninterrupted):
    lines = [json.loads(line) for line in (grown / "stats.jsonl").read_text().splitlines()]
    told = [(line["cur_nimg"], line["lod"], line["resolution"]) for line in lines]
    assert told == [(16, 1.0, 8), (32, 0.25, 16), (48, 0.0, 16)]
    assert not {"lod", "resolution"} & set(json.loads(first_line(uninterrupted / "stats.jsonl")))


def first_line(path):
    return path.read_text().splitlines()[0]


@pytest.mark.parametrize("batch", [5, 6])
def test_ticks_are_crossed_whatever_the_batch(dataset, tmp_path, batch):
    recipe = tiny_growing(
        f"growing.batch_size={{8 = 7, 16 = {batch}}}", "discriminator.mbstd_group_size=1",
        "report.tick_kimg=0.010",
    )  # fmt: skip
    kimgs = [tick.kimg for tick in run(recipe, dataset, tmp_path / "run")]
    shown = [0, 7, 14, *range(21, 60, batch)]
    first_past = [next(n for n in shown if n >= tick) / 1000 for tick in (0, 10, 20, 30, 40, 48)]
    assert kimgs == first_past


def test_stopped_at_every_step_a_growing_run_ends_with_the_same_bits(dataset, grown, tmp_path):
    sessions = 0
    while True:
        sessions += 1
        try:
            run(tiny_growing(), dataset, tmp_path / "run", stop=lambda: True)
            break
        except Interrupted:
            continue
    assert sessions == 9
    assert_same_bits(final_weights(tmp_path / "run"), final_weights(grown))
    assert losses(tmp_path / "run") == losses(grown)


@pytest.fixture(scope="module")
def half_grown(dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("half grown")
    run(tiny_growing("train.total_kimg=0.016"), dataset, folder / "run")
    return folder / "run"


def test_pictures_of_a_growing_run_have_the_full_size(half_grown):
    for path in (*half_grown.glob("fakes-*"), half_grown / "reals.png"):
        with Image.open(path) as picture:
            assert picture.size == (12 * 16, 8 * 16)


def test_a_network_saved_while_growing_draws_at_its_size(half_grown):
    network = load_network(half_grown / "network-000000.016.safetensors", discriminator=True)
    assert (network.lod, network.G.grown_size, network.D.lod) == (1.0, square(8), 1.0)


ADA = ("augment.mode=ada", "augment.pipe=bgcfnc", "augment.target=-0.9", "augment.ada_kimg=0.1")


def test_stopped_anywhere_an_augmented_run_ends_with_the_same_bits(dataset, tmp_path):
    # an adjustment every third step, so that it is stopped between them too
    recipe = tiny(*ADA, "augment.interval=3")
    run(recipe, dataset, tmp_path / "whole")
    for stop_after in (1, 1, 2, 1):
        steps = count(1)
        with pytest.raises(Interrupted):
            run(recipe, dataset, tmp_path / "run", stop=lambda n=stop_after, s=steps: next(s) == n)
    run(recipe, dataset, tmp_path / "run")
    assert_same_bits(final_weights(tmp_path / "run"), final_weights(tmp_path / "whole"))
    assert told(tmp_path / "run", "augment_p") == told(tmp_path / "whole", "augment_p")
    assert told(tmp_path / "run", "augment_p")[-1] > 0.4
    assert (tmp_path / "run" / "reals-augmented.png").exists()


def told(folder, name):
    lines = (folder / "stats.jsonl").read_text().splitlines()
    return [json.loads(line)[name] for line in lines]


def test_networks_with_running_means_end_with_the_same_bits_too(dataset, tmp_path):
    blur = ("loss.blur_sigma=1.0", "loss.blur_fade_kimg=0.04")
    recipe, steps = tiny(*STYLEGAN3, *blur, "train.total_kimg=0.032"), count(1)
    run(recipe, dataset, tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(recipe, dataset, tmp_path / "run", stop=lambda: next(steps) == 2)
    run(recipe, dataset, tmp_path / "run")
    assert_same_bits(final_weights(tmp_path / "run"), final_weights(tmp_path / "whole"))


SHARED = {
    "resumed": tiny("train.total_kimg=0.032"),
    # StyleGAN's first constant, normalised, is all rounding error
    "grown": tiny_growing(family="stylegan2-b"),
    "augmented": tiny(*ADA, "augment.interval=1", "train.total_kimg=0.032"),
}
"""Recipes that two processes train; they start but once, as importing torch takes longer."""


@pytest.fixture(scope="module")
def two(image_folder, tmp_path_factory):
    """Folder of the runs of two processes; that of the first recipe was resumed."""
    folder = tmp_path_factory.mktemp("two")
    commands = []
    for name, recipe in {"half": tiny("train.total_kimg=0.016"), **SHARED}.items():
        file = folder / f"{name}.toml"
        file.write_text(dumps(recipe))
        run_folder = folder / name.replace("half", "resumed")
        commands.append(("train", file, "--data", image_folder, "-o", run_folder))
    words = ("--device", "cpu")
    in_two_processes(*((*command, *words) for command in commands), OMP_NUM_THREADS="1")
    return folder


@pytest.mark.parametrize(
    ("name", "rounding"), [("resumed", 1e-5), ("grown", 1e-5), ("augmented", 1e-4)]
)
def test_two_processes_train_what_one_does(two, dataset, tmp_path, name, rounding):
    run(SHARED[name], dataset, tmp_path / "one")
    for shared, alone in zip(losses(two / name), losses(tmp_path / "one"), strict=True):
        assert shared == pytest.approx(alone, rel=rounding)


def test_two_processes_adjust_the_augmentation_as_one_does(two, dataset, tmp_path):
    run(SHARED["augmented"], dataset, tmp_path / "one")
    strengths = told(two / "augmented", "augment_p")
    assert strengths == pytest.approx(told(tmp_path / "one", "augment_p"))
    assert strengths[-1] > 0.2
