"""Real networks and runs, small enough for a test."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from stylegan_cli.data.dataset import Dataset
from stylegan_cli.networks.family import build_discriminator, build_generator
from stylegan_cli.networks.header import Header
from stylegan_cli.networks.sizes import Sizes
from stylegan_cli.networks.snapshot import Network, load_network, save_network
from stylegan_cli.recipe import (
    DataSection,
    DiscriminatorSection,
    GeneratorSection,
    Machine,
    Settled,
    load,
    written,
)
from stylegan_cli.sizes import square
from stylegan_cli.training.events import Event, Stepped
from stylegan_cli.training.settling import Run, settle

TINY = (
    "title=tiny",
    "data.resolution=16",
    "generator.z_dim=8",
    "generator.w_dim=8",
    "generator.mapping_layers=2",
    "generator.channel_base=128",
    "generator.channel_max=8",
    "loss.r1_gamma=1.0",
    "loss.r1_interval=4",
    "loss.pl_interval=2",
    "train.batch_size=8",
    "train.ema_kimg=0.1",
    "train.total_kimg=0.064",
    "train.precision=fp32",
    "report.tick_kimg=0.016",
    "report.image_ticks=2",
    "report.snapshot_ticks=2",
    "report.state_ticks=1",
    "health.every_ticks=0",
)


def grown(path: Path, lod: float) -> Network:
    """Network of a file as if levels were still missing."""
    network = load_network(path)
    network.G.lod = lod
    return replace(network, lod=lod)


STYLEGAN3 = (
    "generator.family=stylegan3",
    "generator.architecture=orig",
    "generator.noise=false",
    "generator.kernel=1",
    "generator.radial_filters=true",
    "bands.layers=6",
    "loss.pl_weight=0.0",
    "loss.pl_interval=0",
    "loss.style_mixing_prob=0.0",
)
"""Makes the tiny recipe one of StyleGAN3, configuration R."""


def tiny(*overrides: str) -> Settled:
    """Recipe of a run of eight steps at 16 px."""
    return load("stylegan2", [*TINY, *overrides])


def tiny_run(recipe: Settled, dataset: Dataset, folder: Path, **options: Any) -> Run:
    """A run on the CPU; from a network, if the recipe names one."""
    found = settle(written(recipe), folder, machine=Machine())
    options = {"device": torch.device("cpu"), **options}
    return Run(recipe=found.recipe, origin=found.origin, dataset=dataset, folder=folder, **options)


def without_steps(events: Iterable[Event]) -> list[Any]:
    """The events of a run but for the steps between them."""
    return [event for event in events if not isinstance(event, Stepped)]


GROWING = (
    "discriminator.mbstd_group_size=2",
    "growing.initial_resolution=8",
    "growing.training_kimg=0.016",
    "growing.transition_kimg=0.016",
    "growing.batch_size={16 = 4}",
    "growing.lr={16 = 0.003}",
    "train.total_kimg=0.048",
)


def tiny_growing(*overrides: str, family: str = "stylegan1-f") -> Settled:
    """Recipe of a run of nine steps: three at 8 px, two that fade 16 px in, four at 16 px."""
    # Progressive GAN averages weights by a constant decay
    own = ("train.ema_kimg=10",) if family == "progan" else ()
    return load(family, [*TINY, *GROWING, *own, *overrides])


def write_network(
    path: Path,
    *,
    resolution: int | str = 16,
    channels: int = 3,
    classes: tuple[str, ...] = (),
    label_columns: Mapping[str, tuple[float, float, float]] = {},
) -> Path:
    """An untrained network whose noise and mean of W are not zero, as a trained one's are not."""
    recipe = Settled(
        title="tiny",
        data=DataSection(resolution=resolution, channels=channels),
        generator=GeneratorSection(
            z_dim=8, w_dim=8, mapping_layers=2, channel_base=128, channel_max=16
        ),
        discriminator=DiscriminatorSection(channel_base=128, channel_max=16),
    )
    return write_untrained(path, recipe, classes=classes, label_columns=label_columns)


def write_untrained(
    path: Path,
    recipe: Settled,
    *,
    classes: tuple[str, ...] = (),
    label_columns: Mapping[str, tuple[float, float, float]] = {},
    lod: float = 0.0,
) -> Path:
    """The untrained network of a recipe, its noise and mean of W not zero."""
    c_dim = len(classes) or len(label_columns)
    G = build_generator(recipe, c_dim=c_dim)
    with torch.no_grad():
        G.mapping.w_avg.copy_(torch.linspace(-1, 1, G.w_dim))
        for name, parameter in G.named_parameters():
            if name.endswith("noise_strength"):
                parameter.fill_(0.3)
    header = Header(
        recipe=recipe,
        c_dim=c_dim,
        classes=classes,
        label_columns=label_columns,
        kimg=12.0,
        lod=lod,
        licence="made up",
        provenance={"data": "none"},
    )
    save_network(path, header, G, build_discriminator(recipe, c_dim=c_dim))
    return path


def code_sizes(*, z_dim: int, w_dim: int, num_ws: int, c_dim: int = 0, has_w: bool = True) -> Sizes:
    """Return the sizes of a network that takes codes of these."""
    return Sizes(
        size=square(16),
        channels=3,
        z_dim=z_dim,
        w_dim=w_dim,
        c_dim=c_dim,
        has_w=has_w,
        layer_levels=(4,) * num_ws,
        noise_sizes=(),
        can_move=False,
        lod=0.0,
    )
