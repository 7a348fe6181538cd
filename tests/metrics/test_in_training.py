import json
import shutil
from typing import get_args, get_type_hints

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from stylegan_cli.cli.app import app
from stylegan_cli.data.dataset import open_dataset
from stylegan_cli.detectors import detector_names
from stylegan_cli.errors import Interrupted, UsageError
from stylegan_cli.metrics.features import Workplace
from stylegan_cli.metrics.in_training import Gauge, train
from stylegan_cli.recipe import dumps
from stylegan_cli.recipe.sections import MetricsSection
from stylegan_cli.training.events import Begun, Measured, Ticked
from tests.processes import in_two_processes
from tests.tiny import tiny, tiny_run, without_steps

CPU = torch.device("cpu")


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SGTOOL_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def recipe(image_folder):
    return measured(image_folder)


def measured(images, *overrides):
    return tiny(
        f"data.path={images}", "train.total_kimg=0.048", "report.snapshot_ticks=100",
        "metrics.every_ticks=2", "metrics.num=8", "metrics.detector=alex", *overrides,
    )  # fmt: skip


def run(recipe, dataset, folder, **options):
    return without_steps(train(tiny_run(recipe, dataset, folder), **options))


@pytest.fixture(scope="module")
def ticks_and_folder(recipe, dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("measured") / "run"
    return run(recipe, dataset, folder), folder


def records(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def final_weights(folder):
    return load_file(sorted(folder.glob("network-*"))[-1])


def test_networks_are_measured_every_so_many_ticks_and_at_the_end(ticks_and_folder):
    ticks, folder = ticks_and_folder
    found = [event for event in ticks if isinstance(event, Measured)]
    assert [event.kimg for event in found] == [0.032, 0.048]
    assert [record["kimg"] for record in records(folder)] == [0.032, 0.048]
    assert [event.values for event in found] == [record["results"] for record in records(folder)]


def test_measuring_changes_no_bit_of_the_weights(ticks_and_folder, recipe, dataset, tmp_path):
    _, folder = ticks_and_folder
    run(tiny("train.total_kimg=0.048"), dataset, tmp_path / "run")
    with_metrics, without = final_weights(folder), final_weights(tmp_path / "run")
    assert with_metrics.keys() == without.keys()
    assert [key for key in without if not torch.equal(without[key], with_metrics[key])] == []


def test_a_measurement_is_what_eval_says(ticks_and_folder, tmp_path):
    _, folder = ticks_and_folder
    record = records(folder)[-1]
    words = ("fid", "--network", folder, "--num", 8, "--detector", "alex", "--device", "cpu")
    result = CliRunner().invoke(app, ["eval", *map(str, words), "-o", str(tmp_path), "--json"])
    (said,) = json.loads(result.stdout)["records"]
    facts = said.keys() - {"total_time", "total_time_str"}
    assert {key: said[key] for key in facts} == {key: record[key] for key in facts}


def test_a_measurement_that_was_stopped_is_made_when_the_run_goes_on(
    ticks_and_folder, recipe, dataset, tmp_path
):
    _, whole = ticks_and_folder
    folder, due = tmp_path / "run", []
    ticks = train(tiny_run(recipe, dataset, folder), stop=lambda: bool(due))
    with pytest.raises(Interrupted):
        due.extend(tick for tick in ticks if isinstance(tick, Ticked) and tick.is_due)
    assert not (folder / "metrics.jsonl").exists()
    run(recipe, dataset, folder)
    assert [(record["kimg"], record["results"]) for record in records(folder)] == [
        (record["kimg"], record["results"]) for record in records(whole)
    ]


def test_a_finished_run_is_not_measured_again(ticks_and_folder, recipe, dataset):
    _, folder = ticks_and_folder
    before = records(folder)
    assert [type(event) for event in run(recipe, dataset, folder)] == [Begun]
    assert records(folder) == before


ODD = (
    *({"results": {}}, {"results": 1}, {"results": {"fd_alex": None}}, {"results": {"../x": 1}}),
    *({"network": 1}, {"network": "x" * 9000}, {"network": "\0"}, {"network_sha256": ["a"]}),
)


def test_records_of_another_structure_count_for_nothing(
    ticks_and_folder, recipe, dataset, tmp_path
):
    folder = tmp_path / "run"
    shutil.copytree(ticks_and_folder[1], folder, symlinks=True)
    whole = records(folder)
    with (folder / "metrics.jsonl").open("a") as file:
        file.writelines(json.dumps({**whole[0], **odd}) + "\n" for odd in ODD)
    assert [type(event) for event in run(recipe, dataset, folder)] == [Begun]
    gauge = Gauge(recipe, dataset, folder, Workplace(folder=tmp_path))
    gauge._keep_best(folder / whole[-1]["snapshot_pkl"])
    assert sorted(path.name for path in folder.glob("best-*")) == ["best-fd_alex.safetensors"]


@pytest.fixture(scope="module")
def kept_last(image_folder, tmp_path_factory):
    """Folder of a run that measures two networks and keeps the newest."""
    folder = tmp_path_factory.mktemp("kept") / "run"
    recipe = measured(
        image_folder, "data.resolution=8", "generator.channel_max=2", "train.batch_size=512",
        "train.total_kimg=2.048", "report.tick_kimg=1.024", "metrics.every_ticks=1",
        "metrics.keep_last=1",
    )  # fmt: skip
    run(recipe, open_dataset(image_folder, resolution=8), folder)
    return folder


def test_networks_that_the_recipe_does_not_keep_go(kept_last):
    assert len(records(kept_last)) == 2
    left = {path.name for path in kept_last.glob("network-*")}
    assert left == {"network-000002.048.safetensors", best_network(kept_last)}


def test_the_best_network_is_linked(kept_last):
    link = kept_last / "best-fd_alex.safetensors"
    assert link.resolve() == (kept_last / best_network(kept_last)).resolve()


def best_network(folder):
    best = min(records(folder), key=lambda record: record["results"]["fd_alex"])
    return best["snapshot_pkl"]


def test_nothing_to_compare_with_is_said_before_training(dataset, tmp_path):
    with pytest.raises(UsageError, match=r"metrics\.every_ticks: .*data\.path"):
        run(tiny("metrics.every_ticks=1"), dataset, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_networks_are_compared_with_all_images(recipe, dataset, tmp_path):
    place = Workplace(folder=tmp_path)
    gauge = Gauge(recipe, dataset.part(3, seed=0), tmp_path, place)
    assert gauge.data.count == len(dataset)


def test_two_processes_measure_together(recipe, tmp_path):
    (tmp_path / "tiny.toml").write_text(dumps(recipe))
    words = ("--device", "cpu", "-o", tmp_path / "run", "--quiet")
    in_two_processes(("train", tmp_path / "tiny.toml", *words))
    assert [record["kimg"] for record in records(tmp_path / "run")] == [0.032, 0.048]


def test_a_recipe_names_the_detectors_there_are():
    choices, none = get_args(get_type_hints(MetricsSection)["detector"])
    assert set(get_args(choices)) == set(detector_names("features"))
    assert none is type(None)
