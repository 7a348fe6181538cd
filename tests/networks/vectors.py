"""Reference vectors and the networks they belong to."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stylegan_cli.networks.discriminators import Discriminator
from stylegan_cli.networks.family import build_discriminator, build_generator
from stylegan_cli.networks.generator import Generator
from stylegan_cli.ops import BackendName
from stylegan_cli.recipe import DataSection, DiscriminatorSection, GeneratorSection, Settled

FOLDER = Path(__file__).parents[1] / "reference"
GENERATORS = ("sg2_g_skip_64", "sg2_g_cond_32", "sg2_g_orig_16", "sg2_g_resnet_32")
DISCRIMINATORS = ("sg2_d_resnet_32", "sg2_d_cond_16", "sg2_d_orig_32", "sg2_d_skip_32")


class Vectors:
    """Arrays of one reference file as tensors, by name."""

    def __init__(self, name: str) -> None:
        self.arrays = dict(_read(name))
        self.config = json.loads(str(self.arrays.pop("config")))

    def __getitem__(self, key: str) -> Tensor:
        return torch.tensor(self.arrays[key])

    def below(self, prefix: str) -> dict[str, Tensor]:
        """Arrays under a prefix, in our convention: up-sampling weights in correlation order."""
        return {
            key.removeprefix(prefix): canonical(key, self[key])
            for key in self.arrays
            if key.startswith(prefix) and not key.endswith("resample_filter")
        }


@cache
def _read(name: str) -> dict[str, np.ndarray]:
    """Read a file once: unpacking takes as long as the test of a small network."""
    with np.load(FOLDER / f"{name}.npz", allow_pickle=False) as file:
        arrays = dict(file)
    for array in arrays.values():
        array.flags.writeable = False
    return arrays


def canonical(name: str, tensor: Tensor) -> Tensor:
    reversed_in_release = "synthesis" in name and name.endswith("conv0.weight")
    return tensor.flip((2, 3)) if reversed_in_release else tensor


def generator(vectors: Vectors, backend: BackendName = "auto") -> Generator:
    config = vectors.config
    synthesis = {k: v for k, v in config["synthesis_kwargs"].items() if k != "num_fp16_res"}
    section = GeneratorSection(
        z_dim=config["z_dim"],
        w_dim=config["w_dim"],
        mapping_layers=config["mapping_kwargs"]["num_layers"],
        **synthesis,
    )
    recipe = Settled(data=_data(config), generator=section)
    G = build_generator(recipe, c_dim=config["c_dim"], backend=backend)
    G.load_state_dict(vectors.below("state/"))
    return G


def discriminator(vectors: Vectors, backend: BackendName = "auto") -> Discriminator:
    config = vectors.config
    section = DiscriminatorSection(
        architecture=config["architecture"],
        channel_base=config["channel_base"],
        channel_max=config["channel_max"],
    )
    recipe = Settled(data=_data(config), discriminator=section)
    D = build_discriminator(recipe, c_dim=config["c_dim"], backend=backend)
    D.load_state_dict(vectors.below("state/"))
    return D


def _data(config: dict) -> DataSection:
    return DataSection(resolution=config["img_resolution"], channels=config["img_channels"])


def deviation(got: Tensor, expected: Tensor) -> float:
    """Largest difference in units of the expected values' standard deviation."""
    return ((got - expected).abs().max() / expected.std()).item()
