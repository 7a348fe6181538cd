import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from stylegan_cli.errors import Interrupted, NetworkFileError
from stylegan_cli.networks.family import build_discriminator, build_generator
from stylegan_cli.networks.header import read_header
from stylegan_cli.networks.snapshot import file_sha256
from stylegan_cli.recipe import InitSection, load
from stylegan_cli.training.loop import train
from stylegan_cli.training.optimizers import freeze, frozen_parts
from tests.networks.families import small
from tests.tiny import tiny, tiny_run, without_steps, write_untrained

CPU = torch.device("cpu")
KEPT = ("d.b16.fromrgb.", "d.b16.conv0.", "g_ema.mapping.fc")


def run(recipe, dataset, folder, **options):
    return without_steps(train(tiny_run(recipe, dataset, folder), **options))


def final(folder):
    return load_file(sorted(folder.glob("network-*"))[-1])


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("source") / "n.safetensors"
    return write_untrained(path, tiny("seed=7"))


def recipe_from(source, *overrides):
    return tiny(f"init.network={source}", "init.freeze_d=2", "init.freeze_mapping=true", *overrides)


@pytest.fixture(scope="module")
def trained(source, dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "run"
    run(recipe_from(source), dataset, folder)
    return folder


def names_of(kind, count):
    recipe = small(kind)
    G, D = build_generator(recipe, c_dim=0), build_discriminator(recipe, c_dim=0)
    return list(frozen_parts(InitSection(network="n", freeze_d=count), G, D))


def test_layers_are_counted_from_the_highest_resolution():
    G, D = build_generator(tiny(), c_dim=0), build_discriminator(tiny(), c_dim=0)
    parts = frozen_parts(InitSection(network="n", freeze_d=5, freeze_mapping=True), G, D)
    assert list(parts) == [
        "g_ema.mapping", "d.b16.fromrgb", "d.b16.conv0", "d.b16.conv1", "d.b16.skip", "d.b8.conv0",
    ]  # fmt: skip


def test_blocks_that_read_images_count_that_layer():
    assert names_of("stylegan1", 4)[-1] == "d.b8.fromrgb"


def test_a_frozen_layer_keeps_its_names_and_has_no_parameters():
    layer = nn.Linear(2, 2)
    names = set(layer.state_dict())
    freeze(layer)
    assert set(layer.state_dict()) == names
    assert list(layer.parameters()) == []
    assert not layer(torch.ones(1, 2)).requires_grad


def test_what_is_frozen_stays_bit_equal_and_the_rest_does_not(source, trained):
    before, after = load_file(source), final(trained)
    kept = {name for name in before if torch.equal(before[name], after[name])}
    assert {name for name in before if name.startswith(KEPT)} <= kept
    learned = {name for name in before if name.endswith("weight") and not name.startswith(KEPT)}
    assert not learned & kept


def test_optimizers_know_nothing_of_what_is_frozen(source, trained):
    state = torch.load(trained / "state.pt", weights_only=True)
    G, D = build_generator(tiny(), c_dim=0), build_discriminator(tiny(), c_dim=0)
    kept_g = len(list(G.mapping.parameters()))
    assert len(state["opt_g"]["state"]) == len(list(G.parameters())) - kept_g
    assert len(state["opt_d"]["state"]) == len(list(D.parameters())) - 4


def test_a_stopped_run_goes_on_without_the_file_it_started_from(source, trained, dataset, tmp_path):
    copied = tmp_path / "copied.safetensors"
    copied.write_bytes(source.read_bytes())
    with pytest.raises(Interrupted):
        run(recipe_from(copied), dataset, tmp_path / "run", stop=lambda: True)
    copied.unlink()
    run(recipe_from(copied), dataset, tmp_path / "run")
    ours, uninterrupted = final(tmp_path / "run"), final(trained)
    assert [name for name in ours if not torch.equal(ours[name], uninterrupted[name])] == []


def test_without_state_or_file_a_run_does_not_begin(dataset, tmp_path):
    with pytest.raises(NetworkFileError, match="no such file"):
        run(recipe_from(tmp_path / "gone.safetensors"), dataset, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_run_remembers_where_it_started(source, trained):
    network = sorted(trained.glob("network-*"))[-1]
    begun = load(trained / "recipe.toml").init
    assert begun.sha256 == file_sha256(source)
    header = read_header(network)
    assert header.licence == "made up; and that of the images it was trained on"
    assert header.provenance["init"]["network_sha256"] == begun.sha256
