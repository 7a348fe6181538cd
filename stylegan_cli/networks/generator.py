"""The generator of every family: a mapping network, and a synthesis network of this contract."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stylegan_cli.errors import UsageError
from stylegan_cli.networks.layers import Dense, freeze_layers, normalize, randn
from stylegan_cli.networks.noise import NoiseInput, NoiseLayer, noise_layers
from stylegan_cli.ops import BackendName
from stylegan_cli.recipe import Settled
from stylegan_cli.shapes import C, Images, Motions, W, Ws, Z
from stylegan_cli.sizes import Size

LabelForm = Literal["projected", "embedded", "joined"]


@dataclass(frozen=True, kw_only=True)
class MappingOptions:
    """Options of a mapping network.

    Attributes:
        layers: Number of dense layers; 0 returns the normalized latents (and labels).
        labels: Form in which labels enter: "projected" to w_dim numbers that are normalized
            apart from z, [ADA]; "embedded" by a matrix, [SG1], or "joined" as they are, [PG],
            both normalized together with z.
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


def motion_matrices(motions: Float[Tensor, "n 3"]) -> Motions:
    """Return the matrices of motions that are given as numbers.

    Args:
        motions: Shift to the right and down in image widths, and turn counter-clockwise in
            degrees; the picture turns around its centre, then shifts.
    """
    x, y, degrees = motions.double().unbind(1)
    cos, sin = torch.cos(degrees.deg2rad()), torch.sin(degrees.deg2rad())
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    rows = torch.stack([cos, sin, x, -sin, cos, y, zero, zero, one], dim=1)
    return rows.reshape(-1, 3, 3).to(motions)


@dataclass(frozen=True, kw_only=True)
class Blueprint:
    """Recipe, sizes and forms that the layers of a synthesis network are built from.

    Attributes:
        w_dim: Length of a code, which is not the recipe's where there are no mapping layers.
        dtype: Type of the activations; layers of low resolution may stay in float32.
    """

    recipe: Settled
    w_dim: int
    dtype: torch.dtype
    backend: BackendName

    @property
    def channels(self) -> int:
        """Channels of the image."""
        return self.recipe.data.channels


class Synthesis(nn.Module):
    """Network from codes to images.

    Attributes:
        num_ws: Codes per image. A network with 1 has no styles to mix: one code drives all layers.
        lod: Levels that a growing network still lacks, fractional while one fades in; 0 in a
            network that does not grow.
        tracked: Last parts of the names of buffers, besides `w_avg`, that training updates in
            forward passes.
        can_compile: `torch.compile` takes it as one program.
        can_move: The input can be shifted and turned, and the image with it.
        means_move_for_d: Update running means, including that of w, only with the images made for
            the loss of D, [SG3]; otherwise with all images made in training.
    """

    num_ws: int
    lod: float = 0.0
    tracked: tuple[str, ...] = ()
    means_move_for_d: bool = False
    can_move: bool = False
    can_compile: bool = True

    @property
    def noise_sizes(self) -> tuple[Size, ...]:
        """Size of each noise input, up to the level the network has grown to."""
        raise NotImplementedError

    @property
    def layer_levels(self) -> tuple[int, ...]:
        """Level at which each code acts: coarse up to 8 px, middle up to 32, fine above.

        Networks whose layers have no such level return nominal ones.
        """
        raise NotImplementedError

    def moved(self, ws: Ws, noise: NoiseInput, motions: Motions) -> Images:
        """Make images with shifted and turned inputs; only if `can_move`."""
        raise NotImplementedError

    def moving(self, ws: Ws, noise: NoiseInput) -> tuple[Images, Tensor | None]:
        """Make images; return them and the tracked buffers as this batch updates them."""
        return self(ws, noise), None

    @torch.no_grad()
    def track(self, moved: Tensor) -> None:
        """Store the values of tracked buffers that `moving` returned."""
        buffers = [b for name, b in self.named_buffers() if name.rpartition(".")[2] in self.tracked]
        for buffer, value in zip(buffers, moved, strict=True):
            buffer.copy_(value)

    def frozen(self, dtype: torch.dtype) -> "Synthesis":
        """Turn into a network that draws the same images with less work; see `Freezable`."""
        freeze_layers(self, dtype)
        return self

    def forward(self, ws: Ws, noise: NoiseInput) -> Images:
        """Make float32 images, as large as the network has grown.

        Args:
            noise: "const" takes the maps stored in the network, "none" none; or one
                `[n or 1, 1, h, w]` map per noise input.
        """
        raise NotImplementedError


def noise_by_layer(synthesis: Synthesis, noise: NoiseInput) -> Sequence[Tensor | None]:
    """Return the noise map of each layer with a noise input, None where it gets none."""
    if noise == "none":
        return [None] * synthesis.num_ws
    if noise == "const":
        return [layer.noise_const[None, None] for layer in noise_layers(synthesis)]
    return noise


class Generator(nn.Module):
    """G: network from latents and labels to images.

    Attributes:
        has_styles: Each layer takes its own w; otherwise one code drives all layers.
        has_w: There is an intermediate latent space; otherwise the code is z itself.
    """

    def __init__(
        self, mapping: MappingNetwork, synthesis: Synthesis, *, size: Size, channels: int
    ) -> None:
        super().__init__()
        self.z_dim, self.c_dim, self.w_dim = mapping.z_dim, mapping.c_dim, mapping.w_dim
        self.size, self.channels = size, channels
        self.synthesis = synthesis
        self.mapping = mapping
        self.num_ws = synthesis.num_ws
        self.has_styles = synthesis.num_ws > 1
        self.has_noise = bool(synthesis.noise_sizes)
        self.has_w = self.has_styles or mapping.layers > 0

    def forward(self, z: Z, c: C | None = None) -> Images:
        """Draw latents with the fixed noise, as large as the network has grown, not truncated.

        Args:
            c: Labels; a network without labels needs none.

        Raises:
            UsageError: The network has labels, and there are none.
        """
        if c is None and self.c_dim:
            raise UsageError(f"this network has labels; give them as c, float32 [n, {self.c_dim}]")
        ws = self.ws(z, z.new_zeros(len(z), 0) if c is None else c)
        images: Images = self.synthesis(ws, "const")
        return images

    def ws(self, z: Z, c: C) -> Ws:
        """Map each z to a w, repeated for every layer."""
        w: W = self.mapping(z, c)
        return w.unsqueeze(1).expand(-1, self.num_ws, -1)

    @property
    def tracked(self) -> dict[str, Tensor]:
        """Buffers, by name, that training updates in forward passes."""
        moving = ("w_avg", *self.synthesis.tracked)
        return {
            name: buffer
            for name, buffer in self.named_buffers()
            if name.rpartition(".")[2] in moving
        }

    @property
    def noise_layers(self) -> tuple[NoiseLayer, ...]:
        """Layers with noise inputs, up to the level G has grown to; input i is of style layer i."""
        layers = noise_layers(self.synthesis)
        return tuple(layers[: len(self.synthesis.noise_sizes)])

    @property
    def lod(self) -> float:
        """Levels that G still lacks; fractional while one fades in."""
        return self.synthesis.lod

    @lod.setter
    def lod(self, lod: float) -> None:
        self.synthesis.lod = lod

    @property
    def grown_size(self) -> Size:
        """Size of the images at the level G has grown to."""
        return self.size >> int(self.lod)

    @property
    def active_ws(self) -> int:
        """Number of style layers up to the level G has grown to."""
        return self.num_ws - 2 * int(self.lod) if self.has_styles else 1
