import pytest
import torch

from stylegan_cli.latents.sampling import broadcast_layers, truncate
from stylegan_cli.networks.layers import halve, upscale
from tests.networks.originals import FIXED, GROWN, original_discriminator, original_generator
from tests.networks.vectors import Vectors, deviation

BACKENDS = ("eager", "ref")


def shrunk(images, side):
    while images.shape[-1] > side:
        images = halve(images)
    return images


@pytest.mark.parametrize("name", FIXED)
def test_w_equals_the_original(name):
    vectors, G = Vectors(name), original_generator(name)
    ws = broadcast_layers(G.mapping(vectors["z"], vectors["c"]), G.num_ws)
    assert deviation(ws, vectors["ws"]) < 1e-5


@pytest.mark.parametrize("name", FIXED)
def test_truncated_w_equals_the_original(name):
    vectors = Vectors(name)
    psi, cutoff = vectors["truncation_psi"].item(), int(vectors["truncation_cutoff"])
    ws = truncate(vectors["ws"], vectors["dlatent_avg"], psi, None if cutoff < 0 else cutoff)
    assert deviation(ws, vectors["ws_trunc"]) < 1e-5


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", FIXED)
def test_images_equal_the_original(name, backend):
    vectors, G = Vectors(name), original_generator(name, backend)
    images = G.synthesis(vectors["ws"], "const")
    assert deviation(images, vectors["img_const"]) < 1e-4


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("name", "lod"), GROWN)
def test_images_while_fading_equal_the_original(name, lod, backend):
    vectors, G = Vectors(name), original_generator(name, backend)
    G.lod = lod
    ws = broadcast_layers(G.mapping(vectors["z"], vectors["c"]), G.num_ws)
    images = upscale(G.synthesis(ws, "const"), G.size)
    expected = f"img_lod{lod}" if name == "progan_32" else f"img_const_lod{lod}"
    assert deviation(images, vectors[expected]) < 1e-4


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", FIXED)
def test_logits_equal_the_original(name, backend):
    vectors, D = Vectors(name), original_discriminator(name, backend)
    logits = D(vectors["d_images"], vectors["d_c"])
    assert deviation(logits, vectors["logits"]) < 1e-4


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("name", "lod"), GROWN)
def test_logits_while_fading_equal_the_original(name, lod, backend):
    vectors, D = Vectors(name), original_discriminator(name, backend)
    D.lod = lod
    images = shrunk(vectors["d_images"], D.size.height >> int(lod))
    assert deviation(D(images, vectors["d_c"]), vectors[f"logits_lod{lod}"]) < 1e-4


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", FIXED)
def test_image_gradients_equal_the_original(name, backend):
    vectors, D = Vectors(name), original_discriminator(name, backend)
    images = vectors["d_images"].requires_grad_()
    (gradient,) = torch.autograd.grad(D(images, vectors["d_c"]).sum(), images)
    assert deviation(gradient, vectors["d_image_grad"]) < 1e-3
