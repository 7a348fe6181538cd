import argparse

import pytest
import torch

from stylegan_cli.errors import ForeignFileError, UsageError
from stylegan_cli.interop.foreign import save_foreign
from stylegan_cli.interop.reading import read_foreign
from stylegan_cli.interop.rosinality2 import rosinality_checkpoint, save_checkpoint
from stylegan_cli.networks.snapshot import load_network
from tests.interop import rosinality2 as reference
from tests.networks.families import small
from tests.networks.vectors import deviation
from tests.tiny import tiny, write_network, write_untrained


def written(path, content):
    torch.save(content, path)
    return path


def changed(checkpoint, part, **changes):
    """A checkpoint with tensors of a part replaced, or left out where the change is None."""
    state = {**checkpoint[part], **changes}
    return {**checkpoint, part: {name: each for name, each in state.items() if each is not None}}


def opened(foreign, path):
    save_foreign(foreign, path)
    return load_network(path, discriminator=foreign.has_discriminator)


@pytest.fixture(scope="module")
def original():
    return reference.checkpoint()


@pytest.fixture(scope="module")
def network(original, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rosinality")
    foreign = read_foreign(written(folder / "checkpoint.pt", original))
    return opened(foreign, folder / "ours.safetensors")


def seeded(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def test_w_equals_the_original(original, network):
    z = seeded(4, reference.STYLE)
    expected = reference.map_latents(original["g_ema"], z)
    assert deviation(network.G.mapping(z, torch.empty(4, 0)), expected) < 1e-5


def test_images_equal_the_original(original, network):
    ws = seeded(2, network.G.num_ws, reference.STYLE)
    expected = reference.generate(original["g_ema"], ws)
    assert deviation(network.G.synthesis(ws, "const"), expected) < 1e-5


def test_logits_equal_the_original(original, network):
    images = seeded(8, 3, 32, 32)
    expected = reference.judge(original["d"], images)
    torch.testing.assert_close(network.D(images, torch.empty(8, 0)), expected, rtol=1e-5, atol=0)


def test_the_mean_of_w_is_that_of_the_file(original, network):
    assert torch.equal(network.G.mapping.w_avg, original["latent_avg"])


@pytest.mark.parametrize("resolution", [4, 8])
def test_the_smallest_networks_read_and_make_the_original_images(resolution, tmp_path):
    original = reference.checkpoint(resolution, layers=1)
    foreign = read_foreign(written(tmp_path / "small.pt", original))
    network = opened(foreign, tmp_path / "ours.safetensors")
    ws, images = seeded(2, network.G.num_ws, reference.STYLE), seeded(4, 3, resolution, resolution)
    expected = reference.generate(original["g_ema"], ws)
    assert deviation(network.G.synthesis(ws, "const"), expected) < 1e-5
    verdict = reference.judge(original["d"], images)
    torch.testing.assert_close(network.D(images, torch.empty(4, 0)), verdict, rtol=1e-5, atol=1e-5)


def test_sizes_are_told_by_the_tensors(network):
    section = network.recipe.generator
    assert network.recipe.data.resolution == 32
    assert (section.z_dim, section.w_dim, section.mapping_layers) == (6, 6, 3)
    assert (section.channel_base, section.channel_max) == (128, 8)


@pytest.fixture(scope="module")
def trained(original, tmp_path_factory):
    """As training writes it: no mean of W, but optimizers and arguments."""
    content = {
        "g": original["g_ema"],
        "d": original["d"],
        "g_ema": original["g_ema"],
        "g_optim": {"state": {}, "param_groups": []},
        "d_optim": {},
        "ada_aug_p": 0.0,
        "args": argparse.Namespace(size=32, path="faces.lmdb", augment=False),
    }
    return read_foreign(written(tmp_path_factory.mktemp("trained") / "010000.pt", content))


def test_a_missing_mean_of_w_is_estimated_and_told(original, trained):
    estimate = trained.tensors["g_ema.mapping.w_avg"]
    many = reference.map_latents(original["g_ema"], seeded(20_000, reference.STYLE))
    torch.testing.assert_close(estimate, many.mean(0), rtol=0, atol=0.05)
    assert "has no mean of W; it is estimated from 10,000 latents of seed 0" in trained.notes
    assert trained.names["g_ema.mapping.w_avg"] == "(estimated)"


def test_what_training_leaves_beside_the_networks_is_listed_as_unused(trained):
    assert set(trained.unused) == {"g", "g_optim", "d_optim", "ada_aug_p"}


def test_the_arguments_of_training_are_kept(trained):
    assert trained.provenance["args"] == {"size": 32, "path": "faces.lmdb", "augment": False}


def test_a_bare_generator_reads(original, tmp_path):
    foreign = read_foreign(written(tmp_path / "bare.pt", original["g_ema"]))
    assert not foreign.has_discriminator
    assert foreign.names["g_ema.synthesis.b4.const"] == "input.input"


def test_old_files_without_noise_get_some_that_is_always_the_same(original, tmp_path):
    lost = dict.fromkeys(name for name in original["g_ema"] if name.startswith("noises."))
    path = written(tmp_path / "old.pt", changed(original, "g_ema", **lost))
    first, again = read_foreign(path), read_foreign(path)
    name = "g_ema.synthesis.b8.conv0.noise_const"
    assert torch.equal(first.tensors[name], again.tensors[name])
    assert not torch.equal(first.tensors[name], first.tensors[name.replace("conv0", "conv1")])
    assert "has no fixed noise; it is drawn from seed 0" in first.notes


@pytest.mark.parametrize(
    ("part", "changes", "words"),
    [
        ("g_ema", {"convs.0.conv.blur.kernel": reference.KERNEL}, "is not the filter 1, 3, 3, 1"),
        ("d", {"convs.1.skip.0.kernel": torch.ones(4, 4) / 16}, "is not the filter 1, 3, 3, 1"),
        ("g_ema", {"conv1.conv.weight": None}, "no weights for g_ema.synthesis.b4.conv1.weight"),
        ("g_ema", {"input.input": torch.ones(8, 4, 4)}, "g_ema.input.input has the shape 8×4×4"),
        (
            "g_ema",
            {"attention.0.weight": torch.ones(1)},
            "g_ema.attention.0.weight is not a tensor",
        ),
        ("g_ema", {"style.1.bias": 3}, "g_ema style.1.bias is not a tensor"),
        ("d", {"convs.9.conv1.1.bias": torch.ones(1)}, "d.convs.9.conv1.1.bias is not a tensor of"),
    ],
)
def test_other_networks_end_in_words(part, changes, words, original, tmp_path):
    path = written(tmp_path / "other.pt", changed(original, part, **changes))
    with pytest.raises(ForeignFileError, match=words):
        read_foreign(path)


def test_feature_maps_that_no_recipe_has_end_in_words(tmp_path, monkeypatch):
    monkeypatch.setitem(reference.WIDTHS, 8, 16)
    path = written(tmp_path / "wide.pt", reference.checkpoint())
    with pytest.raises(ForeignFileError, match="8 at 4 px, 16 at 8 px"):
        read_foreign(path)


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    recipe = tiny("discriminator.architecture=resnet", "generator.channel_base=256")
    path = write_untrained(tmp_path_factory.mktemp("ours") / "ours.safetensors", recipe)
    return load_network(path, discriminator=True)


def test_our_networks_there_and_back_are_the_same_bits(ours, tmp_path):
    checkpoint = rosinality_checkpoint(ours)
    save_checkpoint(tmp_path / "theirs.pt", checkpoint)
    back = opened(read_foreign(tmp_path / "theirs.pt"), tmp_path / "back.safetensors")
    for there, here in ((back.G, ours.G), (back.D, ours.D)):
        state = here.state_dict()
        assert there.state_dict().keys() == state.keys()
        assert all(torch.equal(tensor, state[name]) for name, tensor in there.state_dict().items())
    ws, images = seeded(2, ours.G.num_ws, ours.G.w_dim), seeded(4, 3, 16, 16)
    assert torch.equal(back.G.synthesis(ws, "const"), ours.G.synthesis(ws, "const"))
    label = torch.empty(4, 0)
    assert torch.equal(back.D(images, label), ours.D(images, label))


def test_licence_and_training_come_back_too(ours, tmp_path):
    save_checkpoint(tmp_path / "theirs.pt", rosinality_checkpoint(ours))
    back = read_foreign(tmp_path / "theirs.pt")
    assert (back.licence, back.kimg, back.unused) == ("made up", 12.0, ())
    assert back.provenance["data"] == "none"


def test_what_we_write_is_what_the_original_loads(ours):
    ours_there = rosinality_checkpoint(ours).content
    original = reference.checkpoint(16, layers=2)
    for part in ("g_ema", "d"):
        assert ours_there[part].keys() == original[part].keys()
    kernels = [name for name in ours_there["g_ema"] if name.endswith("kernel")]
    assert all(ours_there["g_ema"][name].allclose(original["g_ema"][name]) for name in kernels)


def test_what_we_write_makes_our_images_there(ours):
    there = rosinality_checkpoint(ours).content
    ws, images = seeded(2, ours.G.num_ws, ours.G.w_dim), seeded(4, 3, 16, 16)
    expected = ours.G.synthesis(ws, "const")
    assert deviation(reference.generate(there["g_ema"], ws), expected) < 1e-5
    verdict = ours.D(images, torch.empty(4, 0))
    torch.testing.assert_close(reference.judge(there["d"], images), verdict, rtol=1e-4, atol=1e-5)


def test_every_tensor_of_ours_is_in_the_checkpoint(ours):
    written_from = set(rosinality_checkpoint(ours).names.values())
    assert written_from == {
        *(f"g_ema.{name}" for name in ours.G.state_dict()),
        *(f"d.{name}" for name in ours.D.state_dict()),
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (("generator.architecture=resnet",), "architecture is resnet"),
        (("data.channels=1",), "channels is 1"),
        (("data.channels=4",), "channels is 4"),
        (("generator.z_dim=4",), "w_dim is 8"),
        (("generator.mapping_lr_multiplier=1",), "mapping_lr_multiplier is 1.0"),
    ],
)
def test_what_rosinality_lacks_ends_in_words(changes, words, tmp_path):
    network = load_network(write_untrained(tmp_path / "n.safetensors", tiny(*changes)))
    with pytest.raises(UsageError, match=words):
        rosinality_checkpoint(network)


def test_other_families_end_in_words(tmp_path):
    network = load_network(write_untrained(tmp_path / "n.safetensors", small("stylegan1")))
    with pytest.raises(
        UsageError, match="family is stylegan1, and rosinality's StyleGAN2 supports"
    ):
        rosinality_checkpoint(network)


def test_labels_end_in_words(tmp_path):
    network = load_network(write_network(tmp_path / "n.safetensors", classes=("a", "b")))
    with pytest.raises(UsageError, match="length of labels is 2"):
        rosinality_checkpoint(network)


def test_a_discriminator_that_rosinality_lacks_is_left_out_and_told(tmp_path):
    recipe = tiny("discriminator.architecture=skip")
    path = write_untrained(tmp_path / "n.safetensors", recipe)
    there = rosinality_checkpoint(load_network(path, discriminator=True))
    assert "d" not in there.content
    assert there.unused == ("d.",)
    assert any("discriminator (skip" in note for note in there.notes)


def test_how_to_load_it_there_is_told(ours):
    (note,) = rosinality_checkpoint(ours).notes
    assert "set self.channels to {4: 8, 8: 8, 16: 8} in its model.py" in note
