import pytest

from stylegan_cli.networks.family import build_discriminator
from stylegan_cli.recipe import load
from tests.recipe.problems import problems_of

FROM = ("data.resolution=32", "init.network=n.safetensors")


@pytest.mark.parametrize("name", ["stylegan2", "stylegan2-d", "stylegan1-f", "progan"])
def test_as_many_layers_may_be_frozen_as_stand_before_the_last_block(name):
    D = build_discriminator(load(name, FROM), c_dim=0)
    layers = [layer for side in D.levels for layer in D.get_submodule(f"b{side}").children()]
    assert load(name, [*FROM, f"init.freeze_d={len(layers)}"])
    (problem,) = problems_of(name, *FROM, f"init.freeze_d={len(layers) + 1}")
    assert f"but D has {len(layers)} layers before its last block" in problem


@pytest.mark.parametrize(("architecture", "layers"), [("orig", 7), ("skip", 9), ("resnet", 10)])
def test_architectures_differ_in_their_layers(architecture, layers):
    change = (*FROM, f"discriminator.architecture={architecture}")
    assert f"D has {layers} layers" in problems_of("stylegan2", *change, "init.freeze_d=99")[0]
