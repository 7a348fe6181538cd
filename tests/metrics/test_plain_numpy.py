"""Every number on fresh random features, beside its definition written out in NumPy."""

import numpy as np
import pytest

from stylegan_cli.metrics.fid import frechet_distance, moments
from stylegan_cli.metrics.inception_score import inception_score
from stylegan_cli.metrics.kid import kernel_distance, mmd2
from stylegan_cli.metrics.precision_recall import density_coverage, precision_recall


def independent(random, n):
    return random.randn(n, 24)


def nearly_degenerate(random, n):
    """Standard deviations from 1e-5 to 1e3, hidden in a rotation; some directions twice."""
    turned = np.linalg.qr(np.random.RandomState(7).randn(24, 24))[0]
    return (random.randn(n, 24) * np.logspace(-5, 3, 24)) @ turned @ np.repeat(turned, 2, axis=1)


def wider_than_many(random, n):
    return random.randn(n, 3 * n) @ np.diag(np.linspace(0.1, 2, 3 * n)) + 5


def with_copies(random, n):
    return np.round(random.randn(n, 2))


@pytest.fixture(params=[independent, nearly_degenerate, wider_than_many, with_copies])
def sets(request):
    """Reals and fakes of 60 images each."""
    random = np.random.RandomState(11)
    real, fake = (request.param(random, 60) for _ in range(2))
    return real, 0.9 * fake + 0.1 * np.abs(fake).mean()


def test_frechet_distance(sets):
    real, fake = sets
    a, b = ((x - x.mean(0)) / np.sqrt(len(x) - 1) for x in sets)
    # Tr (Σ_a Σ_b)^½ is the sum of the singular values of A Bᵀ, whatever the rank
    root = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    shift = np.sum((real.mean(0) - fake.mean(0)) ** 2)
    total = (a**2).sum() + (b**2).sum()
    found = frechet_distance(moments(real), moments(fake))
    assert found == pytest.approx(shift + total - 2 * root, rel=1e-6, abs=1e-6 * total)


def test_kernel_distance(sets):
    real, fake = sets
    inside = [np.delete((x @ x.T / x.shape[1] + 1) ** 3, range(0, 3600, 61)) for x in sets]
    between = (real @ fake.T / real.shape[1] + 1) ** 3
    plain = sum(kernels.sum() / (60 * 59) for kernels in inside) - 2 * between.mean()
    scale = np.abs(between).max()
    assert mmd2(real, fake) == pytest.approx(plain, rel=1e-9, abs=1e-9 * scale)
    # subsets of all images are all of them
    assert kernel_distance(real, fake)[0] == pytest.approx(plain, rel=1e-9, abs=1e-9 * scale)


def test_precision_recall_density_coverage(sets):
    real, fake = (x.astype(np.float32).astype(np.float64) for x in sets)
    between = np.linalg.norm(fake[:, None] - real, axis=2)
    reach = {k: [np.sort(np.linalg.norm(x[:, None] - x, axis=2))[:, k] for x in (real, fake)]
             for k in (3, 5)}  # fmt: skip
    precision, recall = precision_recall(real, fake, k=3)
    assert precision == (between <= reach[3][0]).any(1).mean()
    assert recall == (between <= reach[3][1][:, None]).any(0).mean()
    density, coverage = density_coverage(real, fake, k=5)
    assert density == pytest.approx((between < reach[5][0]).sum() / (5 * 60))
    assert coverage == (between < reach[5][0]).any(0).mean()


@pytest.mark.parametrize("sharpness", [0.1, 1.0, 100.0])
def test_inception_score(sharpness):
    random = np.random.RandomState(3)
    logits = sharpness * random.randn(57, 12)
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    scores = []
    for part in range(10):
        rows = p[part * 57 // 10 : (part + 1) * 57 // 10]
        mean = rows.mean(0)
        kl = [sum(q * np.log(q / m) for q, m in zip(row, mean, strict=True) if q > 0)
              for row in rows]  # fmt: skip
        scores.append(np.exp(np.mean(kl)))
    mean, std = inception_score(p)
    assert mean == pytest.approx(np.mean(scores), rel=1e-9)
    assert std == pytest.approx(np.std(scores), rel=1e-6, abs=1e-12)
