"""Networks of lucidrains' stylegan2-pytorch: its public classes, unchanged."""

import sys
from functools import partial
from types import ModuleType
from unittest.mock import MagicMock, patch

import torch
from torch import Tensor, nn

from benchmarks.cases import top_channels
from benchmarks.peers import Peer, Styles, UnavailableError
from stylegan_cli.benchmark import BenchmarkCase

DIFFERS = (
    "G has 2, D 4 times network_capacity channels at full resolution; D has a third 3×3 "
    "convolution in each block and a block more at 4×4, G a convolution more "
    "there; other resampling filters; no minibatch deviation; one noise image, cropped"
)

ONLY_FOR_ITS_TRAINER = (
    "aim",
    "contrastive_learner",
    "fire",
    "retry",
    "retry.api",
    "torchvision",
    "torchvision.transforms",
    "torchvision.utils",
    "vector_quantize_pytorch",
)
"""Modules it imports for its command line and options; its networks work with stand-ins."""


def lucidrains(case: BenchmarkCase) -> Peer:
    """Return networks with the channels of the case.

    Raises:
        UnavailableError: The package cannot be imported.
    """
    try:
        package = _import()
    except (ImportError, AssertionError) as error:
        raise UnavailableError(f"{type(error).__name__}: {error}") from error
    section, side = case.recipe.generator, case.stage.level

    def new_generator() -> nn.Module:
        # G has twice, D four times `network_capacity` channels at full resolution
        return nn.ModuleDict(
            {
                "mapping": package.StyleVectorizer(section.z_dim, section.mapping_layers),
                "synthesis": package.Generator(
                    side,
                    section.w_dim,
                    network_capacity=top_channels(case) // 2,
                    fmap_max=case.recipe.generator.channel_max,
                ),
            }
        )

    G = new_generator()
    D = package.Discriminator(
        side, network_capacity=top_channels(case) // 4, fmap_max=case.recipe.generator.channel_max
    )
    return Peer(
        new_generator=new_generator,
        G=G,
        D=D,
        styles=Styles(
            mapping=G["mapping"],
            z_dim=section.z_dim,
            layers=G["synthesis"].num_layers,
            layers_first=False,
        ),
        images=partial(_images, G["synthesis"], side),
        logits=lambda images: D(images)[0],
        path_length_loss=_PathLength(package),
        r1_loss=package.gradient_penalty,
        differs=DIFFERS,
    )


class _PathLength:
    """Squared distance of the package's path lengths from their running mean."""

    def __init__(self, package: ModuleType) -> None:
        self.package, self.mean = package, torch.zeros(())

    def __call__(self, styles: Tensor, images: Tensor) -> Tensor:
        lengths: Tensor = self.package.calc_pl_lengths(styles, images)
        self.mean.lerp_(lengths.detach().mean(), 0.01)
        return (lengths - self.mean).square().mean()


def _images(synthesis: nn.Module, side: int, styles: Tensor) -> Tensor:
    images: Tensor = synthesis(styles, torch.rand(len(styles), side, side, 1))
    return images


def _import() -> ModuleType:
    """Import the package without what only its trainer needs: those modules and a GPU."""
    missing = [name for name in ONLY_FOR_ITS_TRAINER if name not in sys.modules]
    sys.modules.update({name: MagicMock() for name in missing})
    try:
        with patch.object(torch.cuda, "is_available", return_value=True):
            from stylegan2_pytorch import stylegan2_pytorch
    finally:
        for name in missing:
            del sys.modules[name]
    return stylegan2_pytorch
