import json
import math

import numpy as np
import pytest
import torch

from stylegan_cli.errors import UsageError
from stylegan_cli.networks.bands import (
    Level,
    down_filter,
    low_pass,
    plans_of,
    up_filter,
)
from stylegan_cli.networks.drawing import compiled, prepare
from stylegan_cli.networks.family import build_generator, count_parameters
from stylegan_cli.networks.stylegan3 import FourierInput
from stylegan_cli.recipe import loads
from tests.networks.stylegan3 import generator
from tests.networks.vectors import FOLDER, Vectors, deviation

NETWORKS = ("sg3_t_32", "sg3_r_cond_32", "sg3_t_gray_moved_16")
CONFIGURATIONS = [f"{kind}_{side}" for kind in "TR" for side in (32, 64, 256, 1024)]
TURNS = (
    "generator.kernel=1",
    "generator.radial_filters=true",
    "generator.channel_base=65536",
    "generator.channel_max=1024",
)
"""What configuration R changes."""
PARAMETERS = {
    "T": {256: 28_472_133, 512: 24_873_519, 1024: 22_313_167},
    "R": {256: 18_816_387, 512: 16_665_594, 1024: 15_093_151},
}


@pytest.fixture(scope="module")
def tables():
    with np.load(FOLDER / "sg3_filters.npz", allow_pickle=False) as file:
        return dict(file)


def paper(kind, side, *overrides):
    family = ("generator.family=stylegan3", f"data.resolution={side}")
    return loads("", overrides=[*family, *(TURNS if kind == "R" else ()), *overrides])


def paper_plans(name):
    return plans_of(paper(*name.split("_")))


def numbers(plan):
    source, target = plan.source, plan.target
    return {
        "in_size": source.size,
        "out_size": target.size,
        "in_channels": source.channels,
        "out_channels": target.channels,
        "in_rate": source.rate,
        "out_rate": target.rate,
        "tmp_rate": plan.fine_rate,
        "in_cutoff": source.cutoff,
        "out_cutoff": target.cutoff,
        "in_half_width": source.half_width,
        "out_half_width": target.half_width,
        "up": plan.up,
        "down": plan.down,
        "up_taps": plan.up_taps,
        "down_taps": plan.down_taps,
        "pad_front": plan.padding[0],
        "pad_back": plan.padding[1],
        "radial": plan.radial,
    }


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_layers_have_the_numbers_of_the_original(name, tables):
    columns = json.loads(str(tables["columns"]))
    layers = paper_plans(name)
    assert [plan.name for plan in layers] == json.loads(str(tables[f"{name}/layer_names"]))
    for plan, row in zip(layers, tables[f"{name}/table"], strict=True):
        expected = dict(zip(columns, row, strict=True))
        for key, value in numbers(plan).items():
            assert value == pytest.approx(expected[key], rel=1e-12), (plan.name, key)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_filters_equal_the_original(name, tables):
    for i, plan in enumerate(paper_plans(name)):
        for kind, taps in (("up", up_filter(plan)), ("down", down_filter(plan))):
            stored = tables.get(f"{name}/L{i}/{kind}_filter")
            assert (taps is None) == (stored is None)
            if taps is not None:
                np.testing.assert_allclose(taps.numpy(), stored, atol=1e-7)


@pytest.mark.parametrize("radial", [False, True])
def test_a_filter_passes_constants_and_stops_above_its_transition(radial):
    taps = low_pass(24, cutoff=8.0, width=12.0, rate=64, radial=radial).double()
    line = taps.sum(0) if radial else taps
    turns = torch.outer(torch.arange(14, 33) / 64.0, torch.arange(24.0)).double()
    response = torch.polar(torch.ones_like(turns), 2 * math.pi * turns) @ line.to(torch.complex128)
    assert line.sum().item() == pytest.approx(1)
    assert response.abs().max() < 1e-2


@pytest.mark.parametrize("kind", "TR")
@pytest.mark.parametrize("side", [256, 512, 1024])
def test_there_are_as_many_parameters_as_in_the_original(kind, side):
    with torch.device("meta"):
        G = build_generator(paper(kind, side), c_dim=0)
    assert count_parameters(G) == PARAMETERS[kind][side]


def layers(synthesis):
    return [synthesis.get_submodule(name) for name in synthesis.names]


def relative_rms(got, expected):
    return ((got - expected).norm() / expected.norm()).item()


@pytest.fixture(scope="module", params=NETWORKS)
def original(request):
    vectors = Vectors(request.param)
    return vectors, generator(vectors)


def test_w_equals_the_original(original):
    vectors, G = original
    w = G.mapping(vectors["z"], vectors["c"])
    assert deviation(w[:, None].expand(-1, 16, -1), vectors["ws"]) < 1e-5


@torch.no_grad()
def test_every_layer_equals_the_original(original):
    vectors, synthesis = original[0], original[1].synthesis
    ws, (_, *names) = vectors["ws"], json.loads(str(vectors.arrays["layer_names"]))
    x = synthesis.input(ws[:, 0])
    assert x.std(unbiased=False).item() == pytest.approx(vectors["layer_std"][0].item(), rel=1e-5)
    for i, (name, layer) in enumerate(zip(names, layers(synthesis), strict=True), start=1):
        x = layer(x, ws[:, i])
        deviations = vectors["layer_std"][i].item()
        assert x.std(unbiased=False).item() == pytest.approx(deviations, rel=1e-4)
        if f"layer/{name}" in vectors.arrays:
            expected = vectors[f"layer/{name}"]
            assert deviation(x[0, : len(expected)], expected) < 3e-4, name


@torch.no_grad()
@pytest.mark.parametrize("kind", ["", "_trunc"])
def test_images_equal_the_original(original, kind):
    vectors, synthesis = original[0], original[1].synthesis
    images = synthesis(vectors[f"ws{kind}"])
    assert deviation(images, vectors[f"img{kind}_const"]) < 3e-4


@torch.no_grad()
def test_the_reference_form_gives_the_same_images():
    vectors = Vectors("sg3_t_32")
    images = generator(vectors, "ref").synthesis(vectors["ws"])
    assert deviation(images, vectors["img_const"]) < 3e-4


@torch.no_grad()
def test_a_prepared_generator_makes_the_same_images(original):
    vectors, G = original
    images = prepare(G).synthesis(vectors["ws"], "none")
    assert deviation(images, vectors["img_const"]) < 3e-4


def test_gradients_equal_the_original(original):
    vectors, G = original
    ws = G.mapping(vectors["z"], vectors["c"])[:, None].repeat(1, 16, 1)
    loss = (G.synthesis(ws) * vectors["grad_weight"]).sum()
    expected = vectors.below("grad/")
    inputs = {key: ws if key == "ws" else G.get_parameter(key) for key in expected}
    for key, got in zip(inputs, torch.autograd.grad(loss, [*inputs.values()]), strict=True):
        assert (got - expected[key]).abs().max() <= 5e-3 * expected[key].abs().max(), key
        assert relative_rms(got, expected[key]) < 1e-3, key


@torch.no_grad()
@pytest.mark.parametrize("move", ["shift", "turn", "both", "zoom"])
def test_a_moved_input_gives_the_images_of_the_original(original, move):
    vectors, synthesis = original[0], original[1].synthesis
    stored = synthesis.input.transform.clone()
    synthesis.input.transform.copy_(vectors[f"transform/{move}"])
    images = synthesis(vectors["ws"][:1])
    synthesis.input.transform.copy_(stored)
    assert (images - vectors[f"img_transform/{move}"]).abs().max() < 1e-5


@torch.no_grad()
def test_magnitudes_move_towards_the_mean_square_of_what_comes_in():
    vectors = Vectors("sg3_t_32")
    synthesis = generator(vectors).synthesis
    ws, first = vectors["ws"], layers(synthesis)[0]
    images, magnitudes = synthesis.moving(ws)
    energy = synthesis.input(ws[:, 0]).square().mean()
    beta = 0.5 ** (32 / 20_000)
    assert magnitudes[0].item() == pytest.approx(
        energy.lerp(first.magnitude_ema, beta).item(), rel=1e-5
    )
    assert not torch.equal(images, synthesis(ws))
    synthesis.track(magnitudes)
    assert first.magnitude_ema == magnitudes[0]
    torch.testing.assert_close(images, synthesis(ws))


def test_frequencies_fill_a_disc_evenly():
    torch.manual_seed(0)
    waves = FourierInput(
        Level(size=36, channels=4000, rate=16, cutoff=2.0, half_width=6.0), w_dim=4
    )
    radii = waves.freqs.norm(dim=1) / 2
    assert radii.max() <= 1
    assert radii.square().mean().item() == pytest.approx(0.5, abs=0.02)
    assert waves.phases.mean().item() == pytest.approx(0, abs=0.02)


def test_to_compile_it_is_refused():
    G = generator(Vectors("sg3_t_gray_moved_16"))
    with pytest.raises(UsageError, match="cannot be compiled"):
        compiled(G, 4)
