import pytest
import torch
from safetensors.torch import save_file

from stylegan_cli.errors import ForeignFileError
from stylegan_cli.interop.foreign import save_foreign
from stylegan_cli.interop.reading import is_foreign, read_foreign
from stylegan_cli.networks.snapshot import load_network
from tests.networks.vectors import Vectors, deviation
from tests.tiny import write_network

RELEASES = ("sg2_g_skip_64", "sg2_g_cond_32", "sg2_g_orig_16", "sg2_g_resnet_32")


def saved(path, content):
    if path.suffix == ".safetensors":
        save_file(content, path)
    else:
        torch.save(content, path)
    return path


def release_state(name):
    vectors = Vectors(name)
    return {
        key.removeprefix("state/"): vectors[key].contiguous()
        for key in vectors.arrays
        if key.startswith("state/")
    }


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("name", RELEASES)
def test_a_state_dict_of_a_release_makes_the_original_images(name, suffix, tmp_path):
    vectors = Vectors(name)
    path = saved(tmp_path / f"state{suffix}", release_state(name))
    save_foreign(read_foreign(path), tmp_path / "ours.safetensors")
    G = load_network(tmp_path / "ours.safetensors").G
    assert deviation(G.synthesis(vectors["ws"], "const"), vectors["img_const"]) < 1e-4


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    path = write_network(tmp_path_factory.mktemp("ours") / "ours.safetensors", classes=("a", "b"))
    return load_network(path, discriminator=True)


def same(foreign, network):
    expected = {f"g_ema.{name}": tensor for name, tensor in network.G.state_dict().items()}
    expected |= {f"d.{name}": tensor for name, tensor in network.D.state_dict().items()}
    return foreign.tensors.keys() == expected.keys() and all(
        torch.equal(tensor, expected[name]) for name, tensor in foreign.tensors.items()
    )


@pytest.mark.parametrize("names", [("g_ema", "d"), ("G_ema", "D")])
def test_state_dicts_of_ours_read_back(names, ours, tmp_path):
    parts = (ours.G.state_dict(), ours.D.state_dict())
    content = {"epoch": 3, **dict(zip(names, parts, strict=True))}
    assert same(read_foreign(saved(tmp_path / "x.pt", content)), ours)


def test_a_network_file_that_lost_its_description_reads_back(ours, tmp_path):
    tensors = {f"g_ema.{name}": each.contiguous() for name, each in ours.G.state_dict().items()}
    tensors |= {f"d.{name}": each.contiguous() for name, each in ours.D.state_dict().items()}
    foreign = read_foreign(saved(tmp_path / "x.safetensors", tensors))
    assert same(foreign, ours)
    assert foreign.c_dim == 2
    assert any("records shapes only" in note for note in foreign.notes)


def test_the_average_is_taken_where_there_are_several_generators(ours, tmp_path):
    other = {name: torch.zeros_like(each) for name, each in ours.G.state_dict().items()}
    content = {"G": other, "G_ema": ours.G.state_dict()}
    foreign = read_foreign(saved(tmp_path / "x.pt", content))
    assert foreign.names["g_ema.synthesis.b4.const"] == "G_ema.synthesis.b4.const"
    assert "G.synthesis.b4.const" in foreign.unused


def test_another_filter_ends_in_words(tmp_path):
    state = release_state("sg2_g_orig_16")
    state["synthesis.b8.resample_filter"] = torch.ones(4, 4) / 16
    with pytest.raises(ForeignFileError, match=r"b8\.resample_filter is not the filter 1, 3, 3, 1"):
        read_foreign(saved(tmp_path / "x.pt", state))


def test_networks_of_ours_are_not_foreign(ours):
    assert not is_foreign(ours.path)


@pytest.mark.parametrize("content", [{"a": torch.ones(1)}, {"a": 1}, [1]])
def test_other_tensors_end_in_words(content, tmp_path):
    with pytest.raises(ForeignFileError, match="contains no network that sgtool knows"):
        read_foreign(saved(tmp_path / "x.pt", content))


@pytest.fixture
def lucidrains(tmp_path):
    state = {"S.net.0.weight": torch.ones(8, 8), "S.net.2.weight": torch.ones(8, 8)}
    for b in range(5):
        for network in ("G", "GE"):
            state[f"{network}.blocks.{b}.to_rgb.conv.weight"] = torch.ones(4, 16, 1, 1)
    return saved(tmp_path / "model_1.pt", {"GAN": state, "version": "1.8.9"})


def test_checkpoints_of_lucidrains_are_refused_with_the_reason(lucidrains):
    with pytest.raises(ForeignFileError, match="lucidrains' StyleGAN2 has layers of its own"):
        read_foreign(lucidrains)
