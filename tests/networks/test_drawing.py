import pytest
import torch

from stylegan_cli.errors import UsageError
from stylegan_cli.latents.sampling import PLAIN, sampling_request
from stylegan_cli.networks.drawing import check_compiler
from stylegan_cli.networks.execution import Execution, open_for_drawing, precision_of
from stylegan_cli.networks.stylegan2 import FrozenLayer
from stylegan_cli.recipe import Settled
from stylegan_cli.rendering.render import render
from stylegan_cli.studies.grid import grid
from tests.tiny import tiny, write_network


def pixels(network):
    return [cell.pixels for cell in render(network.G, grid(network, range(4)))]


def largest_difference(one, other):
    pairs = zip(pixels(one), pixels(other), strict=True)
    return max(int(abs(a.astype(int) - b.astype(int)).max()) for a, b in pairs)


@pytest.mark.parametrize("precision", ["auto", "fp32", "bf16"])
def test_auto_is_float32_unless_the_recipe_says_bf16(precision):
    recipe = tiny(f"train.precision={precision}")
    assert precision_of(recipe, Execution()) == ("bf16" if precision == "bf16" else "fp32")
    assert precision_of(recipe, Execution(precision="bf16")) == "bf16"
    assert precision_of(recipe, Execution(precision="fp32")) == "fp32"


def test_networks_are_drawn_in_float32_by_default():
    assert precision_of(Settled(title="x"), Execution()) == "fp32"


def test_a_network_for_drawing_is_prepared(network_file):
    layers = open_for_drawing(network_file).G.noise_layers
    assert all(isinstance(layer, FrozenLayer) for layer in layers)


def test_pictures_of_every_backend_are_within_a_grey_level(network_file):
    reference = open_for_drawing(network_file, execution=Execution(backend="ref"))
    assert largest_difference(open_for_drawing(network_file), reference) <= 1


def test_bf16_pictures_are_close(network_file):
    half = open_for_drawing(network_file, execution=Execution(precision="bf16"))
    assert 0 < largest_difference(half, open_for_drawing(network_file)) <= 16


@pytest.mark.parametrize("backend", ["eager", "ref"])
def test_bf16_is_part_of_a_request_and_float32_is_not(network_file, backend):
    for precision, said in (("bf16", "bf16"), ("fp32", None)):
        execution = Execution(precision=precision, backend=backend)
        network = open_for_drawing(network_file, execution=execution)
        assert network.precision == precision
        assert sampling_request(network, PLAIN).get("precision") == said


def test_the_hash_does_not_depend_on_how_a_network_is_drawn(network_file):
    half = open_for_drawing(network_file, execution=Execution(precision="bf16"))
    assert half.sha256 == open_for_drawing(network_file).sha256


def test_compiling_without_a_compiler_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(UsageError, match=r"no-such-compiler here; .*leave `compile`"):
        check_compiler(torch.device("cpu"))
    path = write_network(tmp_path / "n.safetensors")
    with pytest.raises(UsageError, match="`compile`"):
        _ = open_for_drawing(path, execution=Execution(compile=True)).G


def test_an_unknown_backend_is_refused(network_file, monkeypatch):
    monkeypatch.setenv("SGTOOL_BACKEND", "quick")
    with pytest.raises(UsageError, match="SGTOOL_BACKEND=quick"):
        _ = open_for_drawing(network_file).G
