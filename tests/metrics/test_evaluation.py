from collections import deque
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from stylegan_cli.errors import DataError, MetricError, UsageError
from stylegan_cli.metrics.cases import folder_case, network_case
from stylegan_cli.metrics.features import Workplace
from stylegan_cli.metrics.fid import FID, frechet_distance, moments
from stylegan_cli.metrics.metric import Request
from stylegan_cli.metrics.nearest import NEAREST, nearest_picture, nearest_record
from stylegan_cli.metrics.outputs import best_of, curves, link_best
from stylegan_cli.metrics.pictures import real_images
from stylegan_cli.metrics.protocol import OURS, PROTOCOLS
from tests.tiny import tiny, write_network, write_untrained

PLACE = Workplace(folder=Path())


def case_of(path, data, protocol=OURS, **changes):
    return network_case(path, data, Request(**{"num": 8, **changes}), protocol, PLACE)


def opened(path, network):
    """The real images, without the remarks on them."""
    steps = real_images(str(path), network)
    with pytest.raises(StopIteration) as end:
        next(steps)
    return end.value.value


def test_a_number_is_that_of_its_features(evaluation):
    made = evaluation()
    (result,) = made.results()
    (case,) = made.cases
    plain = frechet_distance(
        *(moments(made.features(side, FID)) for side in (case.reals, case.fakes[0]))
    )
    assert result.values == {"fd_alex": plain}
    assert (case.reals.counted, case.fakes[0].counted) == (12, 8)


def test_equal_seeds_give_equal_numbers_and_others_do_not(evaluation):
    def values(**options):
        made = evaluation(metrics=("fid", "kid", "pr"), **options)
        return [result.values for result in made.results()]

    assert values() == values()
    assert values(seed=1)[0] != values()[0]


def test_repeats_are_seeds_that_count_on(evaluation):
    (result,) = evaluation(repeat=2).results()
    singles = [next(evaluation(seed=seed).results()).values["fd_alex"] for seed in (0, 1)]
    (record,) = result.records
    assert [run["fd_alex"] for run in record["runs"]] == singles
    assert result.values["fd_alex"] == pytest.approx(np.mean(singles))
    assert result.spread["fd_alex"] == pytest.approx(np.std(singles, ddof=1))


def test_a_record_tells_what_the_numbers_depend_on(evaluation, network, data):
    (record,) = next(evaluation().results()).records
    expected = {
        "metric": "fid",
        "network_sha256": network.sha256,
        "data_sha256": data.sha256,
        "seed": 0,
        "psi": 1.0,
        "noise_mode": "random",
        "num_fake": 8,
        "num_real": 12,
        "detector": "alex",
        "standard_detector": False,
        "snapshot_pkl": network.path.name,
    }
    assert {key: record[key] for key in expected} == expected


def test_protocols_fill_up_the_reals_and_mirror_them_as_the_training_did(tmp_path, data):
    def rows(*, mirror):
        recipe = tiny(f"data.mirror={str(mirror).lower()}")
        path = write_untrained(tmp_path / f"{mirror}.safetensors", recipe)
        return case_of(path, data, PROTOCOLS["stylegan1"], num=30).reals.rows

    assert np.array_equal(rows(mirror=False), np.arange(30) % 12)
    assert np.array_equal(rows(mirror=True) % 12, np.arange(30) % 12)
    assert rows(mirror=True).max() >= 12


def test_a_folder_is_at_no_distance_from_itself(evaluation, data, image_folder):
    (result,) = evaluation(folder_case(image_folder, data, OURS)).results()
    assert result.values["fd_alex"] == pytest.approx(0, abs=1e-6)


def test_classes_are_compared_with_themselves(data, image_folder):
    case = folder_case(image_folder, data, OURS, chosen="b")
    assert case.reals.rows.tolist() == case.fakes[0].rows.tolist() == list(range(6, 12))
    with pytest.raises(MetricError, match="no image of class c; there are a, b"):
        folder_case(image_folder, data, OURS, chosen="c")


def test_fakes_of_a_class_meet_reals_of_that_class(tmp_path, image_folder):
    path = write_network(tmp_path / "network.safetensors", classes=("a", "b"))
    data = opened(image_folder, path)
    case = case_of(path, data, class_name="1")
    assert case.reals.rows.tolist() == list(range(6, 12))
    assert case.facts["class"] == "b"
    assert case_of(path, data).fakes[0].labels is not None


def test_labels_of_another_data_set_are_refused(tmp_path, image_folder):
    path = write_network(tmp_path / "network.safetensors", classes=("a", "b", "c"))
    with pytest.raises(DataError, match=r"labels have 2 numbers, those of .* 3"):
        next(real_images(str(image_folder), path))


def test_a_network_with_classes_needs_labels_from_somewhere(network_with_classes):
    with pytest.raises(UsageError, match="give `data` or `class`"):
        case_of(network_with_classes.path, None)


@pytest.mark.parametrize(("metric", "least"), [("fid", 2), ("pr", 6)])
def test_too_few_images_are_refused_before_anything_long(evaluation, metric, least):
    with pytest.raises(MetricError, match=f"few; {metric} needs at least {least}"):
        evaluation(metrics=(metric,), num=least - 1)


def test_the_smallest_distance_is_the_best_and_linked(evaluation, network, data, tmp_path):
    paths = [write_network(tmp_path / f"network-{i:06d}.safetensors") for i in range(2)]
    made = evaluation()
    (result,) = made.results()
    rivals = [
        replace(
            result,
            network=path,
            values={"fd_alex": value},
        )
        for path, value in zip(paths, (2.0, 1.0), strict=True)
    ]
    best = best_of([FID], rivals)
    assert (best.network, best.name, best.value) == (paths[1], "fd_alex", 1.0)
    for _ in range(2):
        link = link_best(best).link
        assert link.name == "best-fd_alex.safetensors"
        assert link.resolve() == paths[1].resolve()


def test_values_become_curves_in_the_order_of_psi(evaluation):
    (result,) = evaluation().results()
    along = [
        replace(
            result,
            records=({**result.records[0], "psi": psi},),
            values={"fd_alex": 10 * psi},
        )
        for psi in (1.0, 0.5)
    ]
    (panel,) = curves([FID], along, "psi")
    (curve,) = panel.curves
    assert (curve.name, curve.x, curve.y) == ("fd_alex", (0.5, 1.0), (5.0, 10.0))


def test_nearest_images_are_the_nearest_in_their_order(evaluation):
    made = evaluation()
    record = nearest_record(made, shown=3, count=2)
    fake = np.asarray(made.features(made.cases[0].fakes[0], FID), np.float64)
    real = np.asarray(made.features(made.cases[0].reals, FID), np.float64)
    distances = np.linalg.norm(fake[:, None] - real[None], axis=2)
    closest = np.argsort(distances.min(1))[:3]
    assert [each["seed"] for each in record["closest"]] == closest.tolist()
    reals = [each["reals"] for each in record["closest"]]
    assert np.array_equal(reals, np.argsort(distances[closest])[:, :2])
    median, among_reals, ratio = record["results"].values()
    assert median == pytest.approx(np.median(distances.min(1)))
    assert record["results"]["nearest_ratio_alex"] == ratio == median / among_reals
    assert nearest_picture(made, record).shape[2] == 3


def test_all_that_look_at_features_compute_them_in_float32(network, data, monkeypatch, tmp_path):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    place = Workplace(folder=tmp_path)
    # as if there was a GPU
    vars(place)["device"] = torch.device("cuda")
    request = Request(network=network.path, data=data.name, num=8, options=NEAREST.options())
    with suppress(Exception):
        deque(NEAREST.work(request, place), maxlen=0)
    assert not torch.backends.cudnn.allow_tf32


def test_images_without_class_cannot_be_chosen_by_class(data):
    unlabelled = replace(data, classes=None)
    with pytest.raises(MetricError, match="not all images have a class"):
        folder_case(Path(data.name), unlabelled, OURS, chosen="a")
