import numpy as np
import pytest

from stylegan_cli.errors import MetricError
from stylegan_cli.metrics import features as feature_files
from stylegan_cli.metrics import fid
from stylegan_cli.metrics.features import check_features
from stylegan_cli.metrics.fid import moments
from tests.metrics.reference import features


@pytest.mark.parametrize("ddof", [0, 1])
def test_moments_are_those_of_numpy(monkeypatch, ddof):
    monkeypatch.setattr(fid, "ROWS_AT_ONCE", 7)
    x = features(50)
    found = moments(x, ddof=ddof)
    np.testing.assert_allclose(found.mean, x.mean(0, dtype=np.float64), rtol=1e-12)
    np.testing.assert_allclose(
        found.covariance, np.cov(x.astype(np.float64), rowvar=False, ddof=ddof), rtol=1e-10
    )
    assert found.count == 50


def test_a_large_mean_costs_no_digits():
    x = features(200).astype(np.float64)
    near, far = moments(x), moments(x + 1e7)
    np.testing.assert_allclose(far.covariance, near.covariance, atol=1e-6)


def test_the_features_stay_as_they_are():
    x = features(20)
    before = x.copy()
    moments(x)
    assert np.array_equal(x, before)


def test_too_few_images_are_refused():
    with pytest.raises(MetricError, match="photos: 1 images are too few, this metric needs 2"):
        check_features(features(1), at_least=2, what="photos")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_features_that_are_not_finite_name_the_image(monkeypatch, bad):
    monkeypatch.setattr(feature_files, "ROWS_AT_ONCE", 4)
    x = features(10)
    x[6, 3] = bad
    with pytest.raises(MetricError, match="photos: the features of image 6 are not finite"):
        check_features(x, at_least=2, what="photos")
