from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from stylegan_cli.errors import NetworkFileError, UsageError
from stylegan_cli.networks.family import build_generator
from stylegan_cli.training.state import initial_state
from stylegan_cli.training.transfer import Origin, open_origin, plan_transfer, take_over
from tests.networks.families import GROWING, small
from tests.tiny import tiny, write_untrained

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return write_untrained(tmp_path_factory.mktemp("source") / "n.safetensors", tiny("seed=7"))


def plan(source, *overrides, c_dim=0):
    recipe = tiny(f"init.network={source}", *overrides)
    return plan_transfer(open_origin(recipe.init.network), recipe, c_dim=c_dim)


def begun(source, *overrides):
    transfer = plan(source, *overrides)
    recipe = tiny(f"init.network={source}", *overrides)
    state = initial_state(recipe, c_dim=0, device=CPU, dtype=torch.float32)
    take_over(transfer, state)
    return state


def same(network, tensors, prefix):
    own = network.state_dict()
    return {name for name in own if torch.equal(own[name], tensors.get(prefix + name))}


def test_both_generators_and_the_discriminator_become_those_of_the_file(source):
    state, tensors = begun(source), load_file(source)
    assert same(state.G, tensors, "g_ema.") == set(state.G.state_dict())
    assert same(state.G_ema, tensors, "g_ema.") == set(state.G.state_dict())
    assert same(state.D, tensors, "d.") == set(state.D.state_dict())


def test_the_mean_of_w_comes_along(source):
    assert torch.equal(begun(source).G_ema.mapping.w_avg, torch.linspace(-1, 1, 8))


@pytest.mark.parametrize("kind", GROWING)
def test_growing_networks_take_everything(tmp_path, kind):
    recipe = small(kind)
    path = write_untrained(tmp_path / "n.safetensors", recipe)
    origin = open_origin(str(path))
    transfer = plan_transfer(origin, recipe, c_dim=0)
    assert set(transfer.taken) == set(load_file(path))


def test_what_does_not_fit_is_named_with_both_shapes(source):
    with pytest.raises(NetworkFileError) as caught:
        plan(source, "generator.w_dim=16")
    words = str(caught.value)
    assert "g_ema.mapping.fc1.weight: 8×8 there, 16×16 here" in words
    assert "`generator.w_dim=8` for the same network" in words
    assert "`allow_partial`" in words


def test_layers_of_one_network_only_are_named(source):
    with pytest.raises(NetworkFileError) as caught:
        plan(source, "data.resolution=32")
    words = str(caught.value)
    assert "g_ema.synthesis.b32.conv0.weight: nothing there, 4×8×3×3 here" in words
    assert "`data.resolution=16`" in words


def test_discriminators_that_follow_are_not_told_twice(source):
    with pytest.raises(NetworkFileError) as caught:
        plan(source, "generator.channel_max=4")
    assert "`generator.channel_max=8` for the same" in str(caught.value)


def test_labels_that_the_file_lacks_are_told(source):
    with pytest.raises(NetworkFileError, match="labels: 0 numbers there, 3 here"):
        plan(source, "data.labels=true", c_dim=3)


def test_what_does_not_fit_starts_at_random_where_that_is_allowed(source):
    overrides = ("data.resolution=32", "init.allow_partial=true")
    state, tensors = begun(source, *overrides), load_file(source)
    random = build_generator(tiny("data.resolution=32"), c_dim=0).state_dict()
    for name, tensor in state.G.state_dict().items():
        expected = tensors.get(f"g_ema.{name}", random[name])
        assert torch.equal(tensor, expected), name


def test_misfits_are_those_that_are_not_taken(source):
    transfer = plan(source, "data.resolution=32", "init.allow_partial=true")
    ours = {misfit.name for misfit in transfer.misfits if misfit.ours is not None}
    assert "d.b32.conv0.weight" in ours
    assert not ours & set(transfer.taken)
    theirs = [misfit.name for misfit in transfer.misfits if misfit.ours is None]
    assert theirs == ["d.b16.fromrgb.bias", "d.b16.fromrgb.weight"]


def test_weights_that_would_mean_something_else_are_refused_even_in_part(source):
    with pytest.raises(NetworkFileError, match=r"`generator.mapping_lr_multiplier=0.01`"):
        plan(source, "generator.mapping_lr_multiplier=1", "init.allow_partial=true")


def test_another_variant_of_the_same_weights_is_refused(tmp_path):
    recipe = small("stylegan1")
    variant = replace(recipe.generator, variant="rosinality")
    path = write_untrained(tmp_path / "n.safetensors", replace(recipe, generator=variant))
    with pytest.raises(NetworkFileError, match=r'`generator.variant="rosinality"`'):
        plan_transfer(open_origin(str(path)), recipe, c_dim=0)


def without_discriminator(source):
    origin = open_origin(str(source))
    tensors = {name: tensor for name, tensor in origin.tensors.items() if name[0] == "g"}
    return Origin(**{**vars(origin), "tensors": tensors})


def test_without_a_discriminator_there_d_starts_at_random(source):
    transfer = plan_transfer(without_discriminator(source), tiny("init.network=n"), c_dim=0)
    assert transfer.misfits == ()
    assert all(name.startswith("g_ema.") for name in transfer.taken)


def test_layers_of_no_discriminator_cannot_be_kept(source):
    recipe = tiny("init.network=n", "init.freeze_d=1")
    with pytest.raises(UsageError, match="has no discriminator"):
        plan_transfer(without_discriminator(source), recipe, c_dim=0)


def test_a_layer_at_random_is_not_kept(source):
    overrides = ("data.resolution=32", "init.allow_partial=true", "init.freeze_d=1")
    with pytest.raises(UsageError, match=r"d\.b32\.fromrgb\.bias starts at random"):
        plan(source, *overrides)
