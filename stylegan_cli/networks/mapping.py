"""The mapping network, from latents and labels to intermediate latents."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from stylegan_cli.networks.layers import Dense, normalize, randn
from stylegan_cli.shapes import C, W, Z

LabelForm = Literal["projected", "embedded", "joined"]


@dataclass(frozen=True, kw_only=True)
class MappingOptions:
    """Options of a mapping network.

    Attributes:
        layers: Number of dense layers; 0 returns the normalized latents (and labels).
        labels: Form in which labels enter: "projected" to w_dim numbers that are normalized
            apart from z, [ADA]; "embedded" by a matrix, [SG1], or "joined" as they are, [PG],
            both normalized together with z.
        root2_in_weight: See `Dense`.
        w_avg_beta: Share of the old mean of w in each update; None tracks no mean.
    """

    layers: int
    lr_multiplier: float = 0.01
    labels: LabelForm = "projected"
    root2_in_weight: bool = False
    w_avg_beta: float | None = None


class MappingNetwork(nn.Module):
    """Multi-layer perceptron from z and c to w, [SG1] section 2.

    The discriminator of [ADA] embeds labels with the same network, without z.

    Args:
        z_dim: 0 maps labels alone.
        c_dim: 0 maps latents alone.
        w_dim: Width of each layer; without layers, w is as long as the input.
    """

    w_avg: Tensor

    def __init__(self, *, z_dim: int, c_dim: int, w_dim: int, options: MappingOptions) -> None:
        super().__init__()
        self.z_dim, self.c_dim = z_dim, c_dim
        self.layers, self.labels = options.layers, options.labels
        self.w_avg_beta = options.w_avg_beta
        inputs = z_dim + self._add_labels(w_dim)
        for i in range(options.layers):
            layer = Dense(
                inputs,
                w_dim,
                lrelu=True,
                root2_in_weight=options.root2_in_weight,
                lr_multiplier=options.lr_multiplier,
            )
            self.add_module(f"fc{i}", layer)
            inputs = w_dim
        self.w_dim = inputs
        if options.w_avg_beta is not None:
            self.register_buffer("w_avg", torch.zeros(self.w_dim))

    def forward(self, z: Z, c: C) -> W:
        """Return one w per sample, not yet repeated for each layer and not truncated."""
        x = self._inputs(z, c)
        for i in range(self.layers):
            x = self.get_submodule(f"fc{i}")(x)
        return x

    @torch.no_grad()
    def track(self, w_mean: Tensor) -> None:
        """Move w_avg towards the mean of a batch of w, `[w_dim]`."""
        if self.w_avg_beta is not None:
            self.w_avg.copy_(w_mean.lerp(self.w_avg, self.w_avg_beta))

    def _add_labels(self, w_dim: int) -> int:
        """Add the parameters that labels need; return how many inputs labels become."""
        if not self.c_dim:
            return 0
        if self.labels == "projected":
            self.embed = Dense(self.c_dim, w_dim)
            return w_dim
        if self.labels == "embedded":
            self.embedding = nn.Parameter(randn(self.c_dim, self.z_dim))
            return self.z_dim
        return self.c_dim

    def _inputs(self, z: Z, c: C) -> Tensor:
        if not self.c_dim:
            return normalize(z)
        if self.labels == "projected":
            label = normalize(self.embed(c))
            return torch.cat([normalize(z), label], dim=1) if self.z_dim else label
        return normalize(torch.cat([z, c @ self.embedding if self.labels == "embedded" else c], 1))
