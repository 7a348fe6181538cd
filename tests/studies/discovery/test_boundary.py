from typing import get_args

import numpy as np
import pytest

from stylegan_cli.errors import MetricError, UsageError
from stylegan_cli.studies.discovery.attributes import Ends, Method, boundary, conditioned, ends
from tests.directions.vectors import reference, worst_cosine

W = reference()["pca/w"]


def published_ends():
    part = {
        name: reference()[f"svm/{name}"]
        for name in ("top_train", "bottom_train", "top_validation", "bottom_validation")
    }
    score = reference()["svm/score"]
    between = np.setdiff1d(np.arange(len(W)), np.concatenate([*part.values()]))
    return Ends(
        train=np.concatenate([part["top_train"], part["bottom_train"]]),
        validation=np.concatenate([part["top_validation"], part["bottom_validation"]]),
        between=between,
        is_high=score[between] >= (score.max() + score.min()) / 2,
    )


def test_boundary_equals_the_reference():
    found = boundary(W, published_ends())
    np.testing.assert_allclose(found.vector, reference()["svm/boundary"], atol=1e-3)
    assert worst_cosine(found.vector, reference()["svm/boundary"]) >= 1 - 1e-5
    assert found.accuracy == reference()["svm/accuracy_validation"]
    assert np.isclose(found.accuracy_between, reference()["svm/accuracy_remaining"], atol=2e-3)


def test_mean_difference_equals_the_reference():
    found = boundary(W, published_ends(), "mean")
    np.testing.assert_allclose(found.vector, reference()["svm/mean_difference"], atol=1e-6)


def test_ends_are_the_published_ones_but_for_chance():
    found, published = ends(reference()["svm/score"], ratio=0.1), published_ends()
    for name in ("train", "validation", "between"):
        assert len(getattr(found, name)) == len(getattr(published, name))
    every = [np.sort(np.concatenate([each.train, each.validation])) for each in (found, published)]
    np.testing.assert_array_equal(*every)


def test_scores_that_are_no_numbers_are_left_out():
    scores = reference()["svm/score"].copy()
    scores[:100] = np.nan
    chosen = ends(scores, ratio=0.1)
    assert min(map(np.min, (chosen.train, chosen.validation, chosen.between))) >= 100


@pytest.mark.parametrize("scores", [np.zeros(1000), np.arange(10.0)])
def test_scores_that_tell_nothing_are_refused(scores):
    with pytest.raises(MetricError):
        ends(scores)


@pytest.mark.parametrize("method", get_args(Method))
def test_a_linear_score_gives_its_direction_back(method):
    random = np.random.default_rng(0)
    codes, true = random.normal(size=(20000, 16)), random.normal(size=16)
    found = boundary(codes, ends(codes @ true, ratio=0.1), method)
    assert worst_cosine(found.vector, true) > 0.95
    assert found.vector @ true > 0 and found.accuracy > 0.95


@pytest.mark.parametrize("count", [1, 2, 3])
def test_conditioned_directions_equal_the_reference(count):
    given = reference()["condition/given"]
    found = conditioned(given[0], given[1 : 1 + count], "abc")
    np.testing.assert_allclose(found, reference()[f"condition/on_{count}"], atol=1e-5)
    assert np.abs(given[1 : 1 + count] @ found).max() < 1e-6


def test_a_held_direction_is_uncorrelated_with_the_move():
    given, covariance = reference()["condition/given"], np.cov(W, rowvar=False)
    found = conditioned(given[0], given[1:], "abc", covariance)
    assert np.abs(given[1:] @ covariance @ found).max() < 1e-6


def test_holding_the_direction_itself_names_it():
    given = reference()["condition/given"]
    with pytest.raises(UsageError, match="smile"):
        conditioned(given[0], np.stack([given[1], -2 * given[0]]), ["age", "smile"])
