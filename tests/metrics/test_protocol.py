import numpy as np
import pytest

from stylegan_cli.errors import UsageError
from stylegan_cli.metrics.protocol import (
    OURS,
    PROTOCOLS,
    check_metrics,
    protocol_named,
    real_rows,
    result_name,
)
from stylegan_cli.metrics.registry import metrics


@pytest.mark.parametrize(
    ("protocol", "metric", "value", "name"),
    [
        (None, "fid", "fid", "fid"),
        (None, "kid", "kid_sd", "kid_sd"),
        (None, "is", "is_mean", "is_mean"),
        ("stylegan1", "fid", "fid", "fid50k"),
        ("stylegan2", "is", "is_std", "is50k_std"),
        ("ada", "fid", "fid", "fid50k_full"),
        ("ada", "kid", "kid", "kid50k_full"),
        ("ada", "is", "is_mean", "is50k_mean"),
    ],
)
def test_the_standard_detector_and_count_give_the_published_names(protocol, metric, value, name):
    assert (
        result_name(value, metrics()[metric], "inception", 50_000, protocol_named(protocol)) == name
    )


@pytest.mark.parametrize(
    ("protocol", "value", "name"),
    [
        (None, "precision", "precision"),
        ("stylegan2", "precision", "pr50k3_precision"),
        ("ada", "recall", "pr50k3_full_recall"),
    ],
)
def test_precision_and_recall_are_named_with_their_own_standard_detector(protocol, value, name):
    assert result_name(value, metrics()["pr"], "vgg16", 50_000, protocol_named(protocol)) == name


@pytest.mark.parametrize(
    ("protocol", "metric", "value", "detector", "count", "name"),
    [
        (None, "fid", "fid", "alex", 50_000, "fd_alex"),
        (None, "fid", "fid", "inception", 5_000, "fd_inception"),
        (None, "kid", "kid_sd", "alex", 50_000, "kd_sd_alex"),
        (None, "pr", "precision", "inception", 50_000, "precision_inception"),
        ("ada", "fid", "fid", "alex", 50_000, "fd50k_full_alex"),
        ("ada", "fid", "fid", "inception", 2_500, "fid2500_full"),
        ("stylegan2", "pr", "recall", "alex", 1_000, "pr1k3_recall_alex"),
    ],
)
def test_anything_else_says_what_it_is(protocol, metric, value, detector, count, name):
    assert result_name(value, metrics()[metric], detector, count, protocol_named(protocol)) == name


def test_reals_are_all_taken_unless_the_protocol_fills():
    for protocol in (OURS, PROTOCOLS["ada"]):
        assert np.array_equal(real_rows(protocol, 5, 12, mirrored=False), np.arange(5))


def test_filling_repeats_the_reals_in_their_order():
    rows = real_rows(PROTOCOLS["stylegan1"], 5, 12, mirrored=False)
    assert rows.tolist() == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]
    assert real_rows(PROTOCOLS["stylegan1"], 5, 3, mirrored=False).tolist() == [0, 1, 2]


def test_half_of_the_filled_reals_are_mirrored_by_chance():
    rows = real_rows(PROTOCOLS["stylegan1"], 100, 10_000, mirrored=True)
    assert np.array_equal(rows % 100, np.arange(10_000) % 100)
    assert 0.48 < (rows >= 100).mean() < 0.52


def test_what_there_is_not_is_said_in_words():
    with pytest.raises(UsageError, match="`protocol=sg9`: no such protocol; use stylegan1"):
        protocol_named("sg9")
    with pytest.raises(UsageError, match="stylegan1`: does not define kid; it has fid"):
        check_metrics(["kid"], PROTOCOLS["stylegan1"])
