"""Networks from a recipe: the one place that knows the families."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from stylegan_cli.networks import progan, stylegan1, stylegan2
from stylegan_cli.networks.discriminators import Discriminator
from stylegan_cli.networks.generator import Generator, Synthesis
from stylegan_cli.networks.layers import features_by_side
from stylegan_cli.networks.mapping import LabelForm, MappingNetwork, MappingOptions
from stylegan_cli.ops import BackendName
from stylegan_cli.recipe import GeneratorSection, Settled
from stylegan_cli.recipe.automatic import resolve
from stylegan_cli.recipe.sections import Family, Variant
from stylegan_cli.runtime import stream_seed

_VARIANTS: Mapping[Variant, Mapping[str, Any]] = {
    "original": {},
    "rosinality": {"early_bias": True, "epsilon": 1e-5},
}
"""What differs in the layers of style-based generators of [SG1]."""
LABELS: Mapping[Family, LabelForm] = {
    "progan": "joined",
    "stylegan1": "embedded",
    "stylegan2": "projected",
}


def build_generator(
    recipe: Settled,
    *,
    c_dim: int,
    dtype: torch.dtype = torch.float32,
    backend: BackendName = "auto",
) -> Generator:
    """G at its initial weights, which depend on `recipe.seed` only; on the CPU.

    Under `torch.device("meta")` it has shapes but no weights and costs no memory.

    Args:
        dtype: Type of the activations from 8×8 on; weights are float32.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(recipe.seed, "init", "G"))
        mapping = _mapping(recipe.generator, c_dim)
        return Generator(
            mapping,
            _synthesis(recipe, mapping.w_dim, dtype, backend),
            resolution=recipe.data.resolution,
            channels=recipe.data.channels,
        )


def build_discriminator(
    recipe: Settled,
    *,
    c_dim: int,
    dtype: torch.dtype = torch.float32,
    backend: BackendName = "auto",
) -> Discriminator:
    """D at its initial weights, as `build_generator`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(recipe.seed, "init", "D"))
        return Discriminator(
            resolve(recipe).discriminator,
            family=recipe.generator.family,
            resolution=recipe.data.resolution,
            channels=recipe.data.channels,
            c_dim=c_dim,
            dtype=dtype,
            backend=backend,
        )


def count_parameters(module: nn.Module) -> int:
    """Trainable numbers of a network."""
    return sum(parameter.numel() for parameter in module.parameters())


def _mapping(section: GeneratorSection, c_dim: int) -> MappingNetwork:
    options = MappingOptions(
        layers=section.mapping_layers,
        lr_multiplier=section.mapping_lr_multiplier,
        labels=LABELS[section.family],
        root2_in_weight=section.family != "stylegan2",
        w_avg_beta=section.w_avg_beta,
    )
    return MappingNetwork(z_dim=section.z_dim, c_dim=c_dim, w_dim=section.w_dim, options=options)


def _synthesis(recipe: Settled, w_dim: int, dtype: torch.dtype, backend: BackendName) -> Synthesis:
    section, channels = recipe.generator, recipe.data.channels
    features = features_by_side(recipe.data.resolution, section.channel_base, section.channel_max)
    if section.family == "stylegan2":
        styled2 = stylegan2.SynthesisOptions(
            architecture=section.architecture,
            w_dim=w_dim,
            channels=channels,
            clamp=section.conv_clamp,
            dtype=dtype,
            backend=backend,
        )
        return stylegan2.Synthesis(features, styled2)
    if section.styles:
        styled1 = stylegan1.StyledOptions(
            w_dim=w_dim,
            channels=channels,
            input=section.input,
            noise=section.noise,
            **_VARIANTS[section.variant],
            dtype=dtype,
            backend=backend,
        )
        return stylegan1.Synthesis(features, styled1)
    traditional = progan.TraditionalOptions(
        w_dim=w_dim,
        channels=channels,
        blur=section.family == "stylegan1",
        dtype=dtype,
        backend=backend,
    )
    return progan.Synthesis(features, traditional)
