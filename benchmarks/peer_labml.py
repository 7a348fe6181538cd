"""StyleGAN2 of labml-nn: its documented public classes, unchanged."""

import math
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.cases import top_channels
from benchmarks.peers import Peer, Styles, UnavailableError
from stylegan_cli.benchmark import BenchmarkCase

DIFFERS = (
    "bilinear resampling and a 3×3 blur separate from the convolutions; no dense layer of "
    "4×4×channels at the end of D"
)


def labml(case: BenchmarkCase) -> Peer:
    """Return networks with the channels of the case.

    Raises:
        UnavailableError: The package cannot be imported.
    """
    try:
        from labml_nn.gan import stylegan
    except ImportError as error:
        raise UnavailableError(f"{type(error).__name__}: {error}") from error
    section, levels = case.recipe.generator, int(math.log2(case.stage.level))
    channels = {"n_features": top_channels(case), "max_features": case.recipe.generator.channel_max}

    def new_generator() -> nn.Module:
        return nn.ModuleDict(
            {
                "mapping": stylegan.MappingNetwork(section.z_dim, section.mapping_layers),
                "synthesis": stylegan.Generator(levels, section.w_dim, **channels),
            }
        )

    G, D = new_generator(), stylegan.Discriminator(levels, **channels)
    path_length = stylegan.PathLengthPenalty(0.99)
    model = Peer(
        new_generator=new_generator,
        G=G,
        D=D,
        styles=Styles(
            mapping=G["mapping"],
            z_dim=section.z_dim,
            layers=G["synthesis"].n_blocks,
            layers_first=True,
        ),
        images=partial(_images, G["synthesis"], levels),
        logits=D,
        path_length_loss=path_length,
        r1_loss=stylegan.GradientPenalty(),
        differs=DIFFERS,
    )
    # its first value is a constant, which cannot be differentiated
    styles = model.styles(1, mixed=False)
    path_length(styles, model.images(styles))
    return model


def _images(synthesis: nn.Module, levels: int, styles: Tensor) -> Tensor:
    n = styles.shape[1]
    noise: list[tuple[Tensor | None, Tensor]] = [(None, torch.randn(n, 1, 4, 4))]
    for side in (2**level for level in range(3, levels + 1)):
        noise.append((torch.randn(n, 1, side, side), torch.randn(n, 1, side, side)))
    images: Tensor = synthesis(styles, noise)
    return images
