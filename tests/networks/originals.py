"""Networks with the weights of the TensorFlow originals, from the reference vectors."""

import re
from dataclasses import replace

import torch
from torch import Tensor

from stylegan_cli.networks.build import build_discriminator, build_generator
from stylegan_cli.networks.discriminators import Discriminator
from stylegan_cli.networks.generator import Generator
from stylegan_cli.ops import BackendName
from stylegan_cli.recipe import DataSection, DiscriminatorSection, GeneratorSection, Recipe
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
NAMES = {
    r"mapping/Dense(\d+)/(\w+)": r"mapping.fc\1.\2",
    r"mapping/LabelConcat/weight": r"mapping.embedding",
    r"synthesis/4x4/Const/const": r"synthesis.b4.CONST",
    r"\w+/4x4/Dense/weight": r"synthesis.b4.input.weight",
    r"discriminator/4x4/Dense0/(\w+)": r"b4.fc.\1",
    r"discriminator/(4x4/Dense1|Output)/(\w+)": r"b4.out.\2",
    r"discriminator/4x4/Conv/(\w+)": r"b4.conv.\1",
    r"discriminator/(\d+)x\d+/Conv0/(\w+)": r"b\1.conv0.\2",
    r"discriminator/(\d+)x\d+/Conv1(?:_down)?/(\w+)": r"b\1.conv1.\2",
    r"discriminator/(\d+)x\d+/Skip/(\w+)": r"b\1.skip.\2",
    r"discriminator/(\d+)x\d+/FromRGB/(\w+)": r"b\1.fromrgb.\2",
    r"\w+/(\d+)x\d+/(?:Const|Dense|Conv0(?:_up)?)/(.+)": r"synthesis.b\1.conv0.\2",
    r"\w+/(\d+)x\d+/Conv1?/(.+)": r"synthesis.b\1.conv1.\2",
    r"synthesis/(\d+)x\d+/ToRGB/(.+)": r"synthesis.b\1.torgb.\2",
}
"""What a variable of an original is called here, the first that fits."""


def recipe_of(name: str) -> Recipe:
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
    return Recipe(
        data=DataSection(resolution=synthesis["resolution"]),
        generator=replace(generator, **_latents(config)),
        discriminator=DiscriminatorSection(
            architecture="progressive" if progressive else config["discriminator"]["architecture"],
            fused_scale=config["discriminator"].get("fused_scale", True) or family != "progan",
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
    vectors, config = Vectors(name), Vectors(name).config
    own = set(network.state_dict())
    tensors = {}
    for key in vectors.arrays:
        variable = key.removeprefix("var/")
        if key.startswith("var/") and variable.startswith(prefixes) and not key.endswith("/lod"):
            ours = _our_name(variable, own, config)
            tensors[ours] = _our_form(variable, ours, vectors[key], config)
    tensors |= {key: network.state_dict()[key] for key in own if key.endswith("w_avg")}
    network.load_state_dict(tensors)


def _our_name(variable: str, own: set[str], config: dict) -> str:
    resolution = config["discriminator"]["resolution"]
    if match := re.fullmatch(r"(\w+)/(To|From)RGB_lod(\d+)/(.+)", variable):
        _, way, lod, rest = match.groups()
        side = resolution >> int(lod)
        name = f"synthesis.b{side}.torgb.{rest}" if way == "To" else f"b{side}.fromrgb.{rest}"
    elif match := re.fullmatch(r"synthesis/noise(\d+)", variable):
        name = _noise_name(int(match[1]), styled2="synthesis.b4.conv1.affine.weight" in own)
    else:
        pattern = next(pattern for pattern in NAMES if re.fullmatch(pattern, variable))
        name = re.sub(pattern, NAMES[pattern], variable)
    return next(candidate for candidate in _spellings(name) if candidate in own)


def _noise_name(index: int, *, styled2: bool) -> str:
    if styled2:
        index += 1
    side, layer = 4 << (index // 2), index % 2
    part = "conv" if styled2 else "tail"
    return f"synthesis.b{side}.{part}{layer}.noise_const"


def _spellings(name: str) -> list[str]:
    for theirs, ours in {
        "/": ".",
        "mod_": "affine.",
        "StyleMod": "affine",
        "Noise.weight": "noise_strength",
    }.items():
        name = name.replace(theirs, ours)
    return [
        re.sub(r"conv(\d)\.(?!weight)", r"tail\1.", name),
        name,
        name.replace("CONST", "const"),
        name.replace("CONST", "input.const"),
    ]


def _our_form(variable: str, ours: str, tensor: Tensor, config: dict) -> Tensor:
    if ours.endswith("noise_const"):
        return tensor[0, 0]
    if ours.endswith("const"):
        return tensor[0]
    if variable.endswith("mod_bias"):
        return tensor + 1
    if tensor.ndim == 2 and ours != "mapping.embedding":
        return tensor.T
    if tensor.ndim == 4:
        weight = tensor.permute(3, 2, 0, 1)
        return weight.flip((2, 3)) if _is_reversed(variable, config) else weight
    return tensor


def _is_reversed(variable: str, config: dict) -> bool:
    # the fused form applies its kernel as a transposed convolution
    synthesis = config.get("synthesis") or config["generator"]
    return bool(synthesis.get("fused_scale")) and "Conv0_up" in variable
