import math

import pytest
import torch
import torch.nn.functional as F

from stylegan_cli.recipe import LossSection
from stylegan_cli.training.phases import class_loss, discriminator_loss, generator_loss

LOGISTIC = LossSection()
WASSERSTEIN = LossSection(adversarial="wgan", wgan_drift=0.001)


def logits(*values):
    return torch.tensor(values).reshape(-1, 1)


@pytest.mark.parametrize(
    ("loss", "expected"), [(LOGISTIC, math.log1p(math.exp(-2.0))), (WASSERSTEIN, -2.0)]
)
def test_g_wants_its_images_taken_for_real(loss, expected):
    assert generator_loss(logits(2.0), loss).item() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (LOGISTIC, math.log1p(math.exp(2.0)) + math.log1p(math.exp(-3.0))),
        (WASSERSTEIN, 2.0 - 3.0 + 0.001 * 9.0),
    ],
)
def test_d_wants_fakes_below_reals(loss, expected):
    found = discriminator_loss(logits(2.0), logits(3.0), loss)
    assert found.item() == pytest.approx(expected)


def test_classes_cost_their_cross_entropy():
    verdicts = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    classes = torch.tensor([0, 2, 1, 1, 0])
    expected = F.cross_entropy(verdicts[:, 1:], classes, reduction="none")
    found = class_loss(verdicts, F.one_hot(classes, 3).float())
    torch.testing.assert_close(found.squeeze(1), expected)


def test_a_d_without_classes_pays_for_none():
    assert class_loss(logits(1.0, 2.0), torch.ones(2, 3)).tolist() == [[0.0], [0.0]]
