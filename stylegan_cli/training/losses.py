"""The adversarial loss: non-saturating logistic, [SG1] section 2.1 (from Goodfellow et al.)."""

import torch.nn.functional as F
from torch import Tensor

from stylegan_cli.shapes import Logits


def generator_loss(fake_logits: Logits) -> Tensor:
    """−log σ(D(G(z))) of each sample, `[n, 1]`."""
    return F.softplus(-fake_logits)


def discriminator_loss(fake_logits: Logits, real_logits: Logits) -> Tensor:
    """−log(1 − σ(D(G(z)))) − log σ(D(x)) of each sample, `[n, 1]`."""
    return F.softplus(fake_logits) + F.softplus(-real_logits)
