"""StyleGAN3's networks from reference vectors."""

import json
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from stylegan_cli.networks.family import build_generator
from stylegan_cli.networks.generator import Generator
from stylegan_cli.ops import BackendName
from stylegan_cli.recipe import Settled, loads
from stylegan_cli.recipe.sections import inline
from tests.networks.vectors import Vectors


def recipe(config: Mapping[str, Any]) -> Settled:
    """Recipe of the network with these options of the release."""
    values = {
        "generator.family": "stylegan3",
        "data.resolution": config["img_resolution"],
        "data.channels": config["img_channels"],
        "generator.z_dim": config["z_dim"],
        "generator.w_dim": config["w_dim"],
        "generator.mapping_layers": config["mapping_kwargs"]["num_layers"],
        "generator.channel_base": config["channel_base"],
        "generator.channel_max": config["channel_max"],
        "generator.conv_clamp": config.get("conv_clamp", 256.0),
        "generator.kernel": config.get("conv_kernel", 3),
        "generator.radial_filters": config.get("use_radial_filters", False),
    }
    return loads("", overrides=[f"{key}={inline(value)}" for key, value in values.items()])


def generator(vectors: Vectors, backend: BackendName = "auto") -> Generator:
    G = build_generator(recipe(vectors.config), c_dim=vectors.config["c_dim"], backend=backend)
    load(G, vectors.below("state/"))
    return G


def load(G: Generator, state: Mapping[str, Tensor]) -> None:
    G.load_state_dict({key: t for key, t in state.items() if not key.endswith("_filter")})


def config_in(text: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(str(text))
    return found
