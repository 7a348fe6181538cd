import numpy as np
import pytest

from stylegan_cli.metrics.inception_score import inception_score
from tests.metrics.reference import reference


def test_mean_and_deviation_are_the_originals():
    mean, std = inception_score(reference("is_probs"))
    assert mean == pytest.approx(float(reference("is_mean")), rel=1e-6)
    assert std == pytest.approx(float(reference("is_std")), rel=1e-5)


def test_equal_images_score_one():
    mean, std = inception_score(np.full((20, 5), 0.2, np.float32))
    assert (mean, std) == pytest.approx((1, 0))


def test_sure_and_different_images_score_the_number_of_classes():
    mean, std = inception_score(np.tile(np.eye(4, dtype=np.float32), (10, 1)))
    assert (mean, std) == pytest.approx((4, 0))


def test_parts_are_runs_of_neighbours():
    halves = np.repeat(np.eye(2, dtype=np.float32), 10, axis=0)
    assert inception_score(halves, splits=2)[0] == pytest.approx(1)
    assert inception_score(halves, splits=1)[0] == pytest.approx(2)
