"""StyleGAN3's networks from reference vectors."""

from torch import Tensor, nn

from stylegan_cli.networks.mapping import MappingNetwork, MappingOptions
from stylegan_cli.networks.stylegan3.bands import Bands, LayerPlan, layer_plans, levels
from stylegan_cli.networks.stylegan3.synthesis import Synthesis, SynthesisOptions
from stylegan_cli.ops import BackendName
from tests.networks.vectors import Vectors


def plans(
    resolution: int, *, channel_base: int, channel_max: int, channels: int = 3, turns: bool
) -> list[LayerPlan]:
    bands = Bands()
    found = levels(
        resolution, bands, channel_base=channel_base, channel_max=channel_max, channels=channels
    )
    return layer_plans(found, bands, kernel=1 if turns else 3, radial_filters=turns)


def networks(
    vectors: Vectors, state: dict[str, Tensor], backend: BackendName = "auto"
) -> tuple[MappingNetwork, Synthesis]:
    config = vectors.config
    mapping = MappingNetwork(
        z_dim=config["z_dim"],
        c_dim=config["c_dim"],
        w_dim=config["w_dim"],
        options=MappingOptions(layers=config["mapping_kwargs"]["num_layers"], w_avg_beta=0.998),
    )
    layers = plans(
        config["img_resolution"],
        channel_base=config["channel_base"],
        channel_max=config["channel_max"],
        channels=config["img_channels"],
        turns=config.get("use_radial_filters", False),
    )
    options = SynthesisOptions(
        w_dim=config["w_dim"], clamp=config.get("conv_clamp", 256.0), backend=backend
    )
    synthesis = Synthesis(layers, options)
    G = nn.ModuleDict({"mapping": mapping, "synthesis": synthesis})
    G.load_state_dict({k: v for k, v in state.items() if not k.endswith("_filter")})
    return mapping, synthesis
