"""What the two players pay for each image, `[n, 1]`."""

import torch
import torch.nn.functional as F

from stylegan_cli.recipe import LossSection
from stylegan_cli.shapes import C, Logits, Verdict


def generator_loss(fakes: Logits, loss: LossSection) -> Logits:
    """−log σ(D(G(z))), non-saturating, [SG1] section 2.1; or −D(G(z)), Wasserstein, [PG]."""
    return -fakes if loss.adversarial == "wgan" else F.softplus(-fakes)


def discriminator_loss(fakes: Logits, reals: Logits, loss: LossSection) -> Logits:
    """−log(1 − σ(D(G(z)))) − log σ(D(x)); or D(G(z)) − D(x) + ε · D(x)², [PG] appendix A."""
    if loss.adversarial == "wgan":
        return fakes - reals + loss.wgan_drift * reals.square()
    return F.softplus(fakes) + F.softplus(-reals)


def class_loss(verdicts: Verdict, c: C) -> Logits:
    """Cross-entropy of the class that D sees, AC-GAN; 0 where it does not look for classes."""
    if verdicts.shape[1] == 1:
        return torch.zeros_like(verdicts)
    return F.cross_entropy(verdicts[:, 1:], c, reduction="none").unsqueeze(1)
