import numpy as np
import pytest

from stylegan_cli.metrics import kid as module
from stylegan_cli.metrics.kid import kernel_distance, mmd2
from tests.metrics.reference import features, reference


def test_the_value_of_one_subset_is_the_originals():
    real, fake = reference("feat_real")[:700], reference("feat_fake")[:700]
    assert mmd2(real, fake) == pytest.approx(
        float(reference("kid_single_subset_first700")), rel=1e-9
    )


def test_mmd2_is_the_sum_over_pairs():
    x, y = features(5).astype(float), features(5, seed=1).astype(float)

    def k(a, b):
        return (a @ b / len(a) + 1) ** 3

    others = [(i, j) for i in range(5) for j in range(5) if i != j]
    plain = sum(k(x[i], x[j]) + k(y[i], y[j]) for i, j in others) / 20
    plain -= 2 / 25 * sum(k(a, b) for a in x for b in y)
    assert mmd2(x, y) == pytest.approx(plain, rel=1e-9)


def test_the_distance_is_the_mean_over_subsets(monkeypatch):
    monkeypatch.setattr(module, "SUBSETS", 3)
    mean, sd = kernel_distance(features(30), features(30, seed=1))
    assert mean == pytest.approx(mmd2(features(30), features(30, seed=1)), rel=1e-9)
    assert sd == pytest.approx(0, abs=1e-9)  # subsets of all images are the same


def test_equal_seeds_choose_equal_subsets(monkeypatch):
    monkeypatch.setattr(module, "SUBSET_SIZE", 10)
    real, fake = features(40), features(30, seed=1)
    assert kernel_distance(real, fake, seed=4) == kernel_distance(real, fake, seed=4)
    assert kernel_distance(real, fake, seed=4) != kernel_distance(real, fake, seed=5)


def test_it_is_unbiased():
    equal = [mmd2(features(20, 4, seed=i), features(20, 4, seed=1000 + i)) for i in range(100)]
    assert abs(np.mean(equal)) < 3 * np.std(equal) / np.sqrt(len(equal))
