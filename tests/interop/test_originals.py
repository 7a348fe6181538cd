import re
import zipfile

import numpy as np
import pytest
import torch

from stylegan_cli.errors import ForeignFileError
from stylegan_cli.interop.foreign import save_foreign
from stylegan_cli.interop.reading import read_foreign
from stylegan_cli.interop.tensorflow_networks import GeneratorKind, PickledNetwork, fused_from
from stylegan_cli.interop.tensorflow_releases import Naming, generator_form
from stylegan_cli.latents.sampling import broadcast_layers
from stylegan_cli.networks.layers import upscale
from stylegan_cli.networks.snapshot import load_network
from stylegan_cli.sizes import square
from tests.interop.made import Network, as_modules, dumped, tiny_release
from tests.networks.vectors import Vectors, deviation


def variables(vectors, part):
    """Variables of a part of an original, by their names in that part."""
    prefix = f"var/{part}/"
    return {
        key.removeprefix(prefix): vectors.arrays[key]
        for key in vectors.arrays
        if key.startswith(prefix)
    }


def styled_release(name, lod=0.0, **changes):
    """Pickle of the network and discriminator in a file of vectors, as TensorFlow's release."""
    vectors = Vectors(name)
    config = vectors.config
    synthesis = {**variables(vectors, "synthesis"), "lod": np.float32(lod)}
    parts = {
        "synthesis": Network("G_synthesis", "G_synthesis", synthesis, **config["synthesis"]),
        "mapping": Network(
            "G_mapping", "G_mapping", variables(vectors, "mapping"), **config["mapping"]
        ),
    }
    own = {"lod": np.float32(lod), "dlatent_avg": vectors.arrays["dlatent_avg"]}
    options = {**config["synthesis"], **config["mapping"], **changes}
    G = Network("Gs", "G_style", own, parts=parts, version=3, **options)
    critic = variables(vectors, "discriminator")
    D = Network("D", "D_basic", critic, version=3, **config["discriminator"])
    return G, D, G


def progan_release(lod=0.0, **changes):
    vectors = Vectors("progan_32")
    own = {**variables(vectors, "generator"), "lod": np.float32(lod)}
    options = {**vectors.config["generator"], **changes}
    G = Network("Gs", "G_paper", own, version=2, **options)
    critic = variables(vectors, "discriminator")
    D = Network("D", "D_paper", critic, version=2, **vectors.config["discriminator"])
    return G, D, G


def converted(root, folder, protocol=4, **names):
    path = folder / "release.pkl"
    path.write_bytes(dumped(root, protocol, **names))
    foreign = read_foreign(path)
    save_foreign(foreign, folder / "ours.safetensors")
    return foreign, load_network(
        folder / "ours.safetensors", discriminator=foreign.has_discriminator
    )


def images(network, vectors):
    G = network.G
    ws = broadcast_layers(G.mapping(vectors["z"], vectors["c"]), G.num_ws)
    return upscale(G.synthesis(ws, "const"), G.size)


@pytest.mark.parametrize("lod", [0.0, 1.6])
def test_progressive_gan_makes_its_images_and_verdicts_at_any_level(lod, tmp_path):
    vectors = Vectors("progan_32")
    foreign, network = converted(progan_release(lod), tmp_path, network="tfutil")
    assert (foreign.kind, foreign.recipe.generator.family, foreign.lod) == (
        "progan-tf",
        "progan",
        pytest.approx(lod),
    )
    assert foreign.recipe.discriminator.fused_scale is False
    assert deviation(images(network, vectors), vectors[f"img_lod{lod}"]) < 1e-4


@pytest.mark.parametrize("name", ["sg1_32", "sg2tf_configd_32"])
def test_a_network_on_its_way_makes_the_images_of_its_level(name, tmp_path):
    vectors = Vectors(name)
    _, network = converted(styled_release(name, 1.6), tmp_path)
    assert network.G.grown_size == square(16)
    assert deviation(images(network, vectors), vectors["img_const_lod1.6"]) < 1e-4


@pytest.mark.parametrize("protocol", range(6))
def test_every_protocol_reads_back(protocol, tmp_path):
    vectors = Vectors("sg1_traditional_input_16")
    foreign, network = converted(styled_release("sg1_traditional_input_16"), tmp_path, protocol)
    assert foreign.recipe.generator.input == "latent"
    assert deviation(images(network, vectors), vectors["img_const"]) < 1e-4
    logits = network.D(vectors["d_images"], vectors["d_c"])
    assert deviation(logits, vectors["logits"]) < 1e-4


def tensorflow_name(name):
    """What a variable of the TensorFlow release is called, from its name in PyTorch's."""
    if name == "mapping.w_avg":
        return "dlatent_avg"
    for ours, theirs in {"embed": "LabelEmbed", r"fc(\d+)": r"Dense\1"}.items():
        name = re.sub(rf"^mapping\.{ours}\.", f"mapping/{theirs}/", name)
    name = re.sub(r"^synthesis\.b4\.(const|conv1)", _at_the_start, name)
    name = re.sub(r"^synthesis\.b(\d+)\.", r"synthesis/\1x\1/", name)
    for ours, theirs in {"conv0.": "Conv0_up/", "conv1.": "Conv1/", "torgb.": "ToRGB/"}.items():
        name = name.replace(ours, theirs)
    return name.replace("affine.", "mod_").replace("Conv.", "Conv/")


def _at_the_start(match):
    return {"const": "synthesis/4x4/Const/const", "conv1": "synthesis/4x4/Conv"}[match[1]]


def tensorflow_value(name, value):
    if name.endswith("noise_const"):
        return value[None, None]
    if name.endswith(".const"):
        return value[None]
    if name.endswith("affine.bias"):
        return value - 1
    if value.ndim == 4:
        flipped = value[:, :, ::-1, ::-1] if ".conv0." in name else value
        return np.ascontiguousarray(flipped.transpose(2, 3, 1, 0))
    return np.ascontiguousarray(value.T) if value.ndim else value


def noise_number(name):
    side, layer = re.fullmatch(r"synthesis\.b(\d+)\.conv(\d)\.noise_const", name).groups()
    return max(2 * int(side).bit_length() - 7 + int(layer), 0)


def ada_tensorflow_release(**options):
    """The conditional network of PyTorch's release as one of TensorFlow's."""
    arrays = Vectors("sg2_g_cond_32").arrays
    found = {}
    for key, value in arrays.items():
        name = key.removeprefix("state/")
        if key.startswith("state/") and not name.endswith("resample_filter"):
            noise = name.endswith("noise_const")
            theirs = f"synthesis/noise{noise_number(name)}" if noise else tensorflow_name(name)
            found[theirs] = tensorflow_value(name, value)
    parts = {
        role: Network(
            f"G_{role}",
            f"G_{role}",
            {k.removeprefix(f"{role}/"): v for k, v in found.items() if k.startswith(f"{role}/")},
            version=5,
        )
        for role in ("mapping", "synthesis")
    }
    own = {"dlatent_avg": found["dlatent_avg"]}
    return Network("Gs", "G_main", own, parts=parts, version=5, **options)


def test_a_conditional_network_of_ada_for_tensorflow_makes_its_images(tmp_path):
    vectors = Vectors("sg2_g_cond_32")
    foreign, network = converted(ada_tensorflow_release(conv_clamp=256), tmp_path)
    assert (foreign.kind, foreign.c_dim) == ("stylegan2-ada-tf", 5)
    assert foreign.recipe.generator.conv_clamp == 256
    assert not foreign.has_discriminator
    assert deviation(images(network, vectors), vectors["img_const"]) < 1e-4


def test_layers_of_128_pixels_and_more_are_fused_where_nothing_else_is_said():
    kind = GeneratorKind(version=3, family="stylegan1", grows=True, styles=True)
    made = PickledNetwork()
    assert fused_from(made, (), kind) == 128
    naming = Naming(resolution=256, layers="tails", fused_from=128)
    kernel = torch.randn(3, 3, 2, 4)
    for side, reversed_axes in ((64, ()), (128, (2, 3)), (256, (2, 3))):
        form = generator_form(f"synthesis/{side}x{side}/Conv0_up/weight", naming)
        assert torch.equal(form(kernel), kernel.permute(3, 2, 0, 1).flip(reversed_axes))
        plain = generator_form(f"synthesis/{side}x{side}/Conv1/weight", naming)
        assert torch.equal(plain(kernel), kernel.permute(3, 2, 0, 1))


def ada_state():
    """State dict of the conditional network, as PyTorch's release keeps it."""
    vectors = Vectors("sg2_g_cond_32")
    return {key.removeprefix("state/"): vectors[key] for key in vectors.arrays if "state/" in key}


def ada_release(state, **attributes):
    own = {"synthesis.b4.conv1": attributes, "mapping.fc0": {"bias_gain": 0.01}}
    return {"G_ema": as_modules(state, own)}


def test_clamps_of_the_pytorch_releases_are_part_of_the_network(tmp_path):
    foreign, _ = converted(ada_release(ada_state(), conv_clamp=256), tmp_path)
    assert foreign.recipe.generator.conv_clamp == 256


def test_strides_and_half_precision_are_honoured(tmp_path):
    vectors, state = Vectors("sg2_g_cond_32"), ada_state()
    for name, tensor in state.items():
        if tensor.ndim == 4:
            state[name] = tensor.contiguous(memory_format=torch.channels_last)
    state["mapping.w_avg"] = state["mapping.w_avg"].half()
    _, network = converted(ada_release(state), tmp_path)
    assert deviation(images(network, vectors), vectors["img_const"]) < 1e-4


def test_a_pickle_within_a_zip_is_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "tiny.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weights/tiny.pkl", tiny_release())
        archive.writestr("readme.txt", "hello")
    assert read_foreign(tmp_path / "tiny.zip").recipe.data.resolution == 8


def broken(change):
    state = ada_state()
    change(state)
    return ada_release(state)


def labelled_as_before_ada(embedding):
    """StyleGAN2 of the release before ADA, widened by labels; D gives every label its logit."""
    (G, D, _), classes = styled_release("sg2tf_configf_32"), len(embedding)
    mapping, critic = (
        dict(each.state["variables"]) for each in (G.state["components"]["mapping"], D)
    )
    wide = mapping["Dense0/weight"]
    mapping["Dense0/weight"] = np.concatenate([wide, np.ones_like(wide)])
    mapping["LabelConcat/weight"] = embedding
    for name in ("Output/weight", "Output/bias"):
        critic[name] = np.repeat(critic[name], classes, axis=-1)
    G.state["components"]["mapping"].state["variables"] = list(mapping.items())
    D.state["variables"] = list(critic.items())
    return G, D, G


def test_labels_as_before_ada_are_embedded_beside_the_latents(tmp_path):
    vectors = Vectors("sg2tf_configf_32")
    # an embedding of zeros leaves the latents as long as they are without labels
    release = labelled_as_before_ada(np.zeros((3, 16), np.float32))
    foreign, network = converted(release, tmp_path)
    assert (foreign.c_dim, foreign.recipe.generator.labels) == (3, "embedded")
    c = torch.eye(3)[torch.arange(len(vectors["z"])) % 3]
    ws = broadcast_layers(network.G.mapping(vectors["z"], c), network.G.num_ws)
    assert deviation(network.G.synthesis(ws, "const"), vectors["img_const"]) < 1e-4
    c = torch.eye(3)[torch.arange(len(vectors["d_images"])) % 3]
    assert deviation(network.D(vectors["d_images"], c), vectors["logits"]) < 1e-4


def test_labels_as_before_ada_are_normalized_together_with_the_latents(tmp_path):
    embedding = np.random.default_rng(0).normal(size=(3, 16)).astype(np.float32)
    _, network = converted(labelled_as_before_ada(embedding), tmp_path)
    z, c = torch.randn(3, 16), torch.eye(3)
    joint = torch.cat([z, torch.from_numpy(embedding)], dim=1)
    x = joint * (joint.square().mean(1, keepdim=True) + 1e-8).rsqrt()
    for i in range(8):
        x = network.G.mapping.get_submodule(f"fc{i}")(x)
    torch.testing.assert_close(network.G.mapping(z, c), x)


WORDS = {
    "no filter as synthesis.L0_": lambda: {
        "G_ema": as_modules(
            {"synthesis.input.freqs": torch.zeros(2), "mapping.w_avg": torch.zeros(2)}
        )
    },
    "Theano release": lambda: Network("G", "G_paper", {}, version=None),
    "no generator among them": lambda: Network("D", "D_basic", {}),
    "not the filter 1, 3, 3, 1": lambda: broken(
        lambda state: state.update({"synthesis.b8.resample_filter": torch.ones(4, 4) / 16})
    ),
    "synthesis.b8.conv1.bias has the shape 3": lambda: broken(
        lambda state: state.update({"synthesis.b8.conv1.bias": torch.zeros(3)})
    ),
    "no weights for g_ema.synthesis.b8.conv1.bias": lambda: broken(
        lambda state: state.pop("synthesis.b8.conv1.bias")
    ),
    "weights of layers that sgtool does not have: G_ema.synthesis.b8.more": lambda: broken(
        lambda state: state.update({"synthesis.b8.more": torch.zeros(3)})
    ),
    "channel counts do not halve": lambda: broken(
        lambda state: state.update({"synthesis.b16.conv1.weight": torch.zeros(7, 7, 3, 3)})
    ),
    "generator.conv_clamp": lambda: ada_release(ada_state(), conv_clamp=-1.0),
    "the activation swish": lambda: ada_release(ada_state(), activation="swish"),
    "layers without noise inputs": lambda: ada_release(ada_state(), use_noise=False),
    "lod is 9": lambda: styled_release("sg1_32", 9.0),
    "built with blur_filter [1, 1]": lambda: styled_release("sg1_32", blur_filter=[1, 1]),
    "pixel norm True": lambda: styled_release("sg1_32", use_pixel_norm=True),
    "not of networks": lambda: [1, 2],
}
"""What a file that cannot be converted is told, and the file."""


@pytest.mark.parametrize("words", WORDS)
def test_what_sgtool_does_not_have_is_told_in_words(words, tmp_path):
    path = tmp_path / "other.pkl"
    path.write_bytes(dumped(WORDS[words]()))
    with pytest.raises(ForeignFileError, match=re.escape(words)) as caught:
        read_foreign(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_discriminator_that_ours_cannot_hold_is_left_out_and_said(tmp_path):
    G, D, _ = styled_release("sg1_32")
    D.state["variables"].append(("16x16/Conv0/weight_sn", np.zeros(3, np.float32)))
    foreign, _ = converted((G, D, G), tmp_path)
    assert not foreign.has_discriminator
    (note,) = foreign.notes
    assert note.startswith("its discriminator is left out: ")
    assert "16x16/Conv0/weight_sn" in note
