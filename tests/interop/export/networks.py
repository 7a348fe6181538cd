"""Networks small enough to be traced in a second or two."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import jaxtyping
import pytest

from stylegan_cli.networks.snapshot import Network, load_network
from stylegan_cli.recipe import Settled
from tests.networks.families import ARCHITECTURES, GROWING, paper, small
from tests.tiny import write_untrained

KINDS = (*ARCHITECTURES, *GROWING)


@contextmanager
def shapes_unchecked() -> Iterator[None]:
    """While tracing, the number of images is a symbol; jaxtyping would compare it with numbers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jaxtyping.config, "jaxtyping_disable", True)
        yield


def recipe(kind: str, *, resolution: int = 8, channels: int = 3) -> Settled:
    """Of a network of any kind; those of StyleGAN2 are thin, but with as many layers."""
    made = small(kind) if kind in GROWING else _stylegan2(kind)
    return replace(made, data=replace(made.data, resolution=resolution, channels=channels))


def opened(folder: Path, made: Settled, *, classes: tuple[str, ...] = ()) -> Network:
    """The untrained network of a recipe, written and read again."""
    path = folder / "network-000012.safetensors"
    return load_network(write_untrained(path, made, classes=classes))


def _stylegan2(architecture: str) -> Settled:
    made = paper(g=architecture, mapping_layers=2)
    thin = replace(made.generator, z_dim=8, w_dim=8, channel_base=128, channel_max=16)
    return replace(made, generator=thin)
