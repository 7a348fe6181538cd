import math

import numpy as np
import pytest

from stylegan_cli.metrics.separability.separability import (
    Separation,
    best_plane,
    conditional_entropy,
    most_confident,
    separability,
    separate,
)


def yes(*flags):
    return np.array(flags, bool)


def separation(entropy):
    return Separation(entropy=entropy, share=0.5, accuracy=1.0, converged=True)


def h(p):
    return -(p * math.log2(p) + (1 - p) * math.log2(1 - p))


def made_codes(n=400, dim=8):
    return np.random.RandomState(0).randn(n, dim).astype(np.float32)


def test_nothing_remains_unknown_when_all_is_said():
    truth = yes(0, 1, 1, 0, 1)
    assert conditional_entropy(truth, truth) == 0
    assert conditional_entropy(~truth, truth) == 0


def test_all_remains_unknown_when_nothing_is_said():
    assert conditional_entropy(yes(1, 1, 1, 1), yes(0, 1, 1, 1)) == pytest.approx(h(0.25))
    assert conditional_entropy(yes(0, 0, 1, 1), yes(0, 1, 0, 1)) == pytest.approx(1)


def test_conditional_entropy_by_hand():
    said, true = yes(0, 0, 0, 0, 1, 1, 1, 1, 1, 1), yes(0, 0, 0, 1, 1, 1, 1, 1, 0, 0)
    expected = 0.4 * h(1 / 4) + 0.6 * h(2 / 6)
    assert conditional_entropy(said, true) == pytest.approx(expected)


def test_the_surest_are_kept_and_ties_keep_their_order():
    logits = np.array([0.1, -5.0, 2.0, -2.0, 4.0])
    assert most_confident(logits, 3).tolist() == [1, 4, 2]


def test_logits_so_large_that_probabilities_would_be_1_still_rank():
    assert most_confident(np.array([50.0, 80.0, -60.0], np.float32), 2).tolist() == [1, 2]


def test_a_separable_attribute_is_told_by_a_plane():
    codes = made_codes()
    result = separate(codes, codes @ np.arange(8) + 1 > 0)
    assert result.accuracy > 0.98
    assert result.entropy < 0.15
    assert result.converged


def test_two_clusters_leave_nothing_unknown():
    codes = made_codes()
    has = codes[:, 0] > 0
    codes[has, 0] += 3
    assert separate(codes, has).entropy == 0


def test_an_independent_attribute_stays_unknown():
    has = np.random.RandomState(1).rand(4000) < 0.5
    assert separate(made_codes(4000, 2), has).entropy == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("one", [True, False])
def test_an_attribute_that_all_have_or_none_costs_nothing(one):
    result = separate(made_codes(10), np.full(10, one))
    assert (result.entropy, result.accuracy, result.share) == (0, 1, float(one))


def test_the_scale_of_the_codes_does_not_matter():
    codes = made_codes()
    has = codes[:, 0] + 0.5 * made_codes(400, 9)[:, 8] > 0
    stretched = codes * np.logspace(-6, 3, 8, dtype=np.float32)
    assert np.mean(best_plane(codes, has)[0] == best_plane(stretched, has)[0]) > 0.99


def test_a_code_that_never_varies_is_no_trouble():
    codes = made_codes()
    codes[:, 3] = 7
    assert separate(codes, codes[:, 0] > 0).accuracy > 0.98


def test_a_search_that_does_not_end_is_told(monkeypatch):
    import sklearn.svm

    class Hasty(sklearn.svm.LinearSVC):
        def __init__(self, **settings):
            super().__init__(**settings, max_iter=1)

    monkeypatch.setattr(sklearn.svm, "LinearSVC", Hasty)
    codes = made_codes()
    _, converged = best_plane(codes, codes[:, 0] + codes[:, 1] ** 2 > 0.5)
    assert not converged


def test_the_score_is_two_to_the_sum_of_bits():
    assert separability([]) == 1
    assert separability([separation(0.5), separation(1.5)]) == pytest.approx(4)
