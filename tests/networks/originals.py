"""Networks with the weights of the TensorFlow originals, from the reference vectors."""

from dataclasses import replace

import torch

from stylegan_cli.interop.tensor_maps import Change
from stylegan_cli.interop.tensorflow_releases import (
    Naming,
    discriminator_name,
    generator_form,
    generator_name,
    kernel_form,
)
from stylegan_cli.networks.discriminators import Discriminator
from stylegan_cli.networks.family import build_discriminator, build_generator
from stylegan_cli.networks.generator import Generator
from stylegan_cli.ops import BackendName
from stylegan_cli.recipe import DataSection, DiscriminatorSection, GeneratorSection, Settled
from tests.networks.vectors import Vectors

FAMILIES = {
    "progan_32": "progan",
    "sg1_32": "stylegan1",
    "sg1_cond_fused_16": "stylegan1",
    "sg1_traditional_input_16": "stylegan1",
    "sg2tf_configd_32": "stylegan2",
    "sg2tf_configf_32": "stylegan2",
}
"""Family of the network in each file."""
FIXED = tuple(name for name, family in FAMILIES.items() if family != "progan")
"""Files that hold images and logits of fully grown networks."""
GROWN = tuple(
    (name, lod)
    for name, lods in {
        "progan_32": (0.0, 0.4, 1.0, 1.6),
        "sg1_32": (0.4, 1.0, 1.6, 2.3),
        "sg2tf_configd_32": (0.4, 1.0, 1.6),
    }.items()
    for lod in lods
)
"""Files that hold networks on their way, and how far those are."""


def recipe_of(name: str) -> Settled:
    """Recipe of the networks in a file."""
    config, family = Vectors(name).config, FAMILIES[name]
    synthesis = config.get("synthesis") or config["generator"]
    progressive = family != "stylegan2" or "architecture" not in synthesis
    base, largest = 2 * synthesis["fmap_base"], synthesis["fmap_max"]
    generator = GeneratorSection(
        family=family,
        architecture="progressive" if progressive else synthesis["architecture"],
        channel_base=base,
        channel_max=largest,
        input="const" if synthesis.get("const_input_layer", family != "progan") else "latent",
        styles=synthesis.get("use_styles", family != "progan"),
        noise=synthesis.get("use_noise", family != "progan"),
    )
    return Settled(
        data=DataSection(resolution=synthesis["resolution"]),
        generator=replace(generator, **_latents(config)),
        discriminator=DiscriminatorSection(
            architecture="progressive" if progressive else config["discriminator"]["architecture"],
            fused_scale=config["discriminator"].get("fused_scale", True) or family != "progan",
            channel_base=base,
            channel_max=largest,
        ),
    )


def original_generator(name: str, backend: BackendName = "auto") -> Generator:
    G = build_generator(recipe_of(name), c_dim=Vectors(name)["c"].shape[1], backend=backend)
    _fill(G, name, ("mapping/", "synthesis/", "generator/"))
    return G.requires_grad_(False)


def original_discriminator(name: str, backend: BackendName = "auto") -> Discriminator:
    D = build_discriminator(recipe_of(name), c_dim=Vectors(name)["c"].shape[1], backend=backend)
    _fill(D, name, ("discriminator/",))
    return D.requires_grad_(False)


def _latents(config: dict) -> dict[str, int]:
    if "generator" in config:
        size = config["generator"]["latent_size"]
        return {"z_dim": size, "w_dim": size, "mapping_layers": 0}
    mapping = config["mapping"]
    return {
        "z_dim": mapping["latent_size"],
        "w_dim": mapping["dlatent_size"],
        "mapping_layers": mapping["mapping_layers"],
    }


def _fill(network: torch.nn.Module, name: str, prefixes: tuple[str, ...]) -> None:
    vectors, own = Vectors(name), network.state_dict()
    tensors = {key: own[key] for key in own if key.endswith("w_avg")}
    for key in vectors.arrays:
        variable = key.removeprefix("var/")
        if key.startswith("var/") and variable.startswith(prefixes) and not key.endswith("/lod"):
            ours, form = _our_name_and_form(variable, name)
            tensors[ours] = form(vectors[key])
    network.load_state_dict(tensors)


def _our_name_and_form(variable: str, name: str) -> tuple[str | None, Change]:
    config = Vectors(name).config
    if variable.startswith("discriminator/"):
        side = config["discriminator"]["resolution"]
        return discriminator_name(variable.removeprefix("discriminator/"), side), kernel_form
    synthesis = config.get("synthesis") or config["generator"]
    naming = Naming(
        resolution=synthesis["resolution"],
        layers="modulated" if FAMILIES[name] == "stylegan2" else "tails",
        fused_from=8 if synthesis.get("fused_scale") else None,
    )
    plain = variable.replace("generator/", "synthesis/")
    return generator_name(plain, naming), generator_form(plain, naming)
