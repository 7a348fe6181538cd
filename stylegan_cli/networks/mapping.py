"""The mapping network: latents and labels to intermediate latents."""

import torch
from torch import Tensor, nn

from stylegan_cli.networks.layers import Dense, normalize
from stylegan_cli.shapes import C, W, Z


class MappingNetwork(nn.Module):
    """Multi-layer perceptron from z and c to w, [SG1] section 2, labels as in [ADA].

    Latents and embedded labels are normalised separately, then joined. The discriminator uses
    the same network without z to embed labels.

    Args:
        z_dim: 0 maps labels alone.
        c_dim: 0 maps latents alone.
        w_avg_beta: Share of the old mean of w in each update; None tracks none.
    """

    w_avg: Tensor

    def __init__(
        self,
        *,
        z_dim: int,
        c_dim: int,
        w_dim: int,
        layers: int,
        lr_multiplier: float = 0.01,
        w_avg_beta: float | None = None,
    ) -> None:
        super().__init__()
        self.z_dim, self.c_dim, self.w_dim = z_dim, c_dim, w_dim
        self.layers = layers
        self.w_avg_beta = w_avg_beta
        if c_dim:
            self.embed = Dense(c_dim, w_dim)
        inputs = z_dim + (w_dim if c_dim else 0)
        for i in range(layers):
            layer = Dense(inputs, w_dim, lrelu=True, lr_multiplier=lr_multiplier)
            self.add_module(f"fc{i}", layer)
            inputs = w_dim
        if w_avg_beta is not None:
            self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(self, z: Z, c: C) -> W:
        """One w per sample, not yet repeated for each layer nor truncated."""
        parts = [normalize(z)] if self.z_dim else []
        if self.c_dim:
            parts.append(normalize(self.embed(c)))
        x = torch.cat(parts, dim=1)
        for i in range(self.layers):
            x = self.get_submodule(f"fc{i}")(x)
        return x

    @torch.no_grad()
    def track(self, w_mean: Tensor) -> None:
        """Move w_avg towards the mean of a batch of w, `[w_dim]`."""
        if self.w_avg_beta is not None:
            self.w_avg.copy_(w_mean.lerp(self.w_avg, self.w_avg_beta))
