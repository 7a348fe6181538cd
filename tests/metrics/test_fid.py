import numpy as np
import pytest

from stylegan_cli.metrics.fid import frechet_distance, moments
from tests.metrics.reference import features, reference


def test_the_distance_is_the_originals():
    real, fake = (moments(reference(name)) for name in ("feat_real", "feat_fake"))
    assert frechet_distance(real, fake) == pytest.approx(float(reference("fid")), rel=1e-9)
    assert frechet_distance(real, fake) == pytest.approx(
        float(reference("fid_torch_fidelity")), rel=1e-6
    )


def test_the_distance_is_that_of_the_plain_formula():
    a, b = moments(features(60)), moments(features(80, seed=1, shift=0.5))
    eigenvalues = np.linalg.eigvals(a.covariance @ b.covariance).astype(complex)
    plain = np.sum((a.mean - b.mean) ** 2) + np.trace(a.covariance + b.covariance)
    plain -= 2 * np.sqrt(eigenvalues).real.sum()
    assert frechet_distance(a, b) == pytest.approx(plain, rel=1e-9)


def test_it_is_the_same_both_ways():
    a, b = moments(features(60)), moments(features(80, seed=1))
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-9)


def test_moments_have_no_distance_to_themselves():
    a = moments(features(60))
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


def test_a_shift_costs_its_squared_length():
    x = features(60).astype(np.float64)
    shifted = frechet_distance(moments(x), moments(x + 2.0))
    assert shifted == pytest.approx(4.0 * x.shape[1], rel=1e-6)


def test_fewer_images_than_dimensions_give_a_finite_distance():
    a, b = moments(features(5, 40)), moments(features(6, 40, seed=1))
    assert 0 < frechet_distance(a, b) < np.inf
