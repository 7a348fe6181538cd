import shutil

import pytest
import torch

from stylegan_cli.errors import UsageError
from stylegan_cli.networks.drawing import compiled, prepare
from stylegan_cli.networks.family import build_generator
from stylegan_cli.networks.noise import noise_maps
from stylegan_cli.recipe import load
from tests.interop.export.networks import shapes_unchecked
from tests.tiny import TINY


def prepared(family="stylegan2"):
    overrides = [each for each in TINY if not each.startswith(("loss.", "train."))]
    return prepare(build_generator(load(family, overrides), c_dim=0))


def styles(G, n):
    return torch.randn(n, G.num_ws, G.w_dim, generator=torch.Generator().manual_seed(0))


def noise_of(G, mode, n):
    if mode != "random":
        return mode
    return noise_maps(G.synthesis.noise_sizes, range(n), torch.device("cpu"))


@pytest.mark.parametrize("noise", ["const", "none", "random"])
@pytest.mark.parametrize("n", [1, 2, 5])
def test_batches_of_any_size_go_through_a_program_for_one_size(n, noise):
    G = prepared()
    program = compiled(G, 2)
    with torch.compiler.set_stance("force_eager"):
        images = program.synthesis(styles(G, n), noise_of(G, noise, n))
    expected = G.synthesis(styles(G, n), noise_of(G, noise, n))
    assert torch.allclose(images, expected, atol=1e-5)


@pytest.mark.parametrize("family", ["stylegan2", "stylegan1-f", "progan"])
def test_a_compiled_generator_has_the_same_attributes(family):
    G = prepared(family)
    program = compiled(G, 2)
    for fact in ("num_ws", "active_ws", "has_styles", "has_noise", "has_w", "grown_size", "lod"):
        assert getattr(program, fact) == getattr(G, fact), fact
    assert len(program.noise_layers) == len(G.noise_layers)


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning"
)  # PyTorch's compiler uses what it deprecates
@pytest.mark.skipif(shutil.which("g++") is None, reason="compiles")
def test_compiled_images_are_those_of_the_generator():
    G = prepared()
    program = compiled(G, 2)
    for n in (3, 1):
        with shapes_unchecked():
            images, expected = (each.synthesis(styles(G, n), "const") for each in (program, G))
        assert (images - expected).norm() <= 1e-5 * expected.norm()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_failing_compiler_is_a_usage_error(monkeypatch):
    monkeypatch.setenv("CXX", "/bin/false")
    G = prepared()
    failing = torch._inductor.config.patch({"cpp.cxx": (None, "/bin/false")})
    with failing, shapes_unchecked(), pytest.raises(UsageError, match="leave `compile` out"):
        compiled(G, 3).synthesis(styles(G, 3), "none")
