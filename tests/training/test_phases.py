import pytest
import torch

from stylegan_cli.networks.build import build_discriminator
from stylegan_cli.training.phases import Reals, judge
from tests.tiny import tiny


@pytest.mark.parametrize("n", [1, 2, 3, 4, 8])
def test_fakes_and_reals_are_judged_as_if_alone(n):
    D = build_discriminator(tiny(), c_dim=0)
    fakes, reals = torch.randn(2, n, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    c = torch.zeros(n, 0)
    judged = judge(D, fakes, c, Reals(images=reals, c=c))
    for logits, images in zip(judged, (fakes, reals), strict=True):
        torch.testing.assert_close(logits, D(images, c))
