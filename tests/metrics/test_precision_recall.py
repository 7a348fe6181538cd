import numpy as np
import pytest

from stylegan_cli.metrics import distances as blocks
from stylegan_cli.metrics.distances import neighbours, reach
from stylegan_cli.metrics.precision_recall import density_coverage, precision_recall
from tests.metrics.reference import features, reference


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "ROWS", 7)
    monkeypatch.setattr(blocks, "COLUMNS", 11)


def distances(a, b):
    return np.linalg.norm(a[:, None].astype(np.float64) - b[None], axis=2)


def test_values_are_the_originals():
    real, fake = reference("feat_real"), reference("feat_fake")
    precision, recall = precision_recall(real, fake, k=3)
    assert precision == pytest.approx(float(reference("precision_k3")), abs=1e-12)
    assert recall == pytest.approx(float(reference("recall_k3")), abs=1e-12)
    density, coverage = density_coverage(real, fake, k=3)
    assert density == pytest.approx(float(reference("density_k3")), abs=1e-12)
    assert coverage == pytest.approx(float(reference("coverage_k3")), abs=1e-12)


@pytest.mark.usefixtures("small_blocks")
def test_blocks_give_what_the_whole_matrix_gives():
    real, fake = features(40, 3), features(30, 3, seed=1)
    between = distances(fake, real)
    real_reach = np.sort(distances(real, real))[:, 3]
    fake_reach = np.sort(distances(fake, fake))[:, 3]
    np.testing.assert_allclose(reach(real, 3), real_reach)
    precision, recall = precision_recall(real, fake, k=3)
    assert precision == (between <= real_reach).any(1).mean()
    assert recall == (between <= fake_reach[:, None]).any(0).mean()
    density, coverage = density_coverage(real, fake, k=3)
    assert density == pytest.approx((between < real_reach).sum() / (3 * 30))
    assert coverage == (between < real_reach).any(0).mean()


@pytest.mark.usefixtures("small_blocks")
def test_neighbours_are_the_nearest_in_their_order():
    points, others = features(20, 3), features(30, 3, seed=1)
    indices, found = neighbours(points, others, 4)
    assert np.array_equal(indices, np.argsort(distances(points, others))[:, :4])
    np.testing.assert_allclose(found, np.sort(distances(points, others))[:, :4])


def test_a_set_covers_itself():
    x = features(50)
    precision, recall = precision_recall(x, x)
    assert (precision, recall) == (1, 1)


def test_copies_cover_each_other():
    x = np.repeat(features(5, 64), 6, axis=0)  # more copies than neighbours: nobody reaches out
    precision, recall = precision_recall(x, x, k=3)
    assert (precision, recall) == (1, 1)


def test_sets_far_apart_cover_nothing():
    real, fake = features(30), features(30, seed=1, shift=1e4)
    (precision, recall), (density, coverage) = (
        precision_recall(real, fake),
        density_coverage(real, fake),
    )
    assert (precision, recall) == (0, 0)
    assert (density, coverage) == (0, 0)


def test_fakes_of_one_mode_are_precise_and_do_not_recall():
    random = np.random.RandomState(0)
    real = random.randn(300, 2).astype(np.float32)
    fake = (0.05 * random.randn(300, 2)).astype(np.float32)
    precision, recall = precision_recall(real, fake)
    assert precision > 0.95
    assert recall < 0.2
