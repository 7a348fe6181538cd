import pytest

from stylegan_cli.runtime import World
from stylegan_cli.training.phases import path_length_penalty, path_lengths
from tests.networks.vectors import GENERATORS, Vectors, deviation, generator

BACKENDS = ("eager", "ref")


def broadcast(G, w):
    return w[:, None].repeat(1, G.num_ws, 1)


@pytest.mark.parametrize("name", GENERATORS)
def test_w_equals_the_original(name):
    vectors = Vectors(name)
    G = generator(vectors)
    w = G.mapping(vectors["z"], vectors["c"])
    assert deviation(broadcast(G, w), vectors["ws"]) < 1e-5


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("noise_mode", ["const", "none"])
def test_images_equal_the_original(name, noise_mode, backend):
    vectors = Vectors(name)
    images = generator(vectors, backend).synthesis(vectors["ws"], noise_mode)
    assert deviation(images, vectors[f"img_{noise_mode}"]) < 1e-4


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", GENERATORS)
def test_path_lengths_equal_the_original(name, backend):
    vectors = Vectors(name)
    lengths = lengths_of(generator(vectors, backend), vectors)
    assert deviation(lengths, vectors["pl_lengths"]) < 1e-4


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", GENERATORS)
def test_path_length_gradients_equal_the_original(name, backend):
    vectors = Vectors(name)
    G = generator(vectors, backend)
    penalty, mean = path_length_penalty(
        lengths_of(G, vectors), vectors["pl_mean_before"].float(), 0.01, World()
    )
    (2 * penalty.mean()).backward()
    assert deviation(penalty, vectors["pl_penalty"]) < 1e-5
    assert mean.item() == pytest.approx(vectors["pl_mean_after"].item(), rel=1e-5)
    for key, expected in vectors.below("pl_grad/").items():
        assert deviation(G.get_parameter(key).grad, expected) < 1e-5, key


def lengths_of(G, vectors):
    ws = broadcast(G, G.mapping(vectors["pl_z"], vectors["pl_c"]))
    return path_lengths(G.synthesis(ws, "const"), ws, vectors["pl_noise"])
