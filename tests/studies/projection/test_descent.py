import numpy as np
import pytest
import torch
import torch.nn.functional as F

from stylegan_cli.studies.projection.descent import Descent, State
from stylegan_cli.studies.projection.objective import make_objective, views
from stylegan_cli.studies.projection.spaces import plain_w
from tests.networks.vectors import Vectors, generator
from tests.studies.projection.vectors import load

VECTORS = load()
MAPS = range(len(VECTORS["noise_sides"]))
FIRST = torch.zeros(1, dtype=torch.int64)


def tensor(name: str) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(VECTORS[name]))


def stand_in(images: torch.Tensor) -> torch.Tensor:
    """A detector of two convolutions."""
    x, parts = (images - 127.5) / 127.5, []
    for i in (1, 2):
        x = F.conv2d(x, tensor(f"feat/k{i}"), tensor(f"feat/b{i}"), stride=2, padding=1)
        x = F.leaky_relu(x, 0.2)
        unit = x / (x.square().sum(1, keepdim=True) + 1e-8).sqrt()
        parts.append((unit / np.sqrt(x[0, 0].numel())).flatten(1))
    return torch.cat(parts, dim=1)


@pytest.fixture(scope="module")
def G():
    return generator(Vectors("sg2_g_skip_64")).requires_grad_(False)


@pytest.fixture(scope="module")
def objective():
    return make_objective(stand_in, tensor("target")[None].float() / 127.5 - 1)


def published(G, steps: int) -> tuple[Descent, State]:
    space = plain_w(G.num_ws, spread=0.05 * float(VECTORS["w_std"]))
    descent = Descent(G=G, space=space, steps=steps, keep_best=False)
    maps = [tensor(f"noise_init/{i}")[None, None] for i in MAPS]
    return descent, descent.begin(FIRST, FIRST, [tensor("w_avg")[None], *maps])


def published_noise(count: int):
    random = np.random.RandomState(int(VECTORS["draws_seed"]))
    for side in VECTORS["noise_sides"]:
        random.standard_normal((int(side), int(side)))
    drawn = [random.standard_normal(24).astype(np.float32) for _ in range(count)]
    return lambda picture, attempt, step, shape: torch.from_numpy(drawn[step]).reshape(shape)


def test_the_noise_on_the_code_is_drawn_after_the_maps():
    drawn = published_noise(50)
    for step in (0, 49):
        np.testing.assert_allclose(drawn(0, 0, step, (24,)), VECTORS["w_noise"][step], rtol=1e-6)


def test_fifty_steps_follow_the_published_trajectory(G, objective):
    descent, state = published(G, 50)
    draw = published_noise(50)
    for step in range(50):
        state = descent.step(state, objective, draw)
        torch.testing.assert_close(state.values[0][0], tensor("w_steps")[step], rtol=0, atol=1e-4)
        if step + 1 in (1, 2, 10, 50):
            for i in MAPS:
                expected = tensor(f"noise_after_{step + 1}/{i}")
                torch.testing.assert_close(state.values[1 + i][0, 0], expected, rtol=0, atol=1e-4)
    np.testing.assert_allclose(state.losses[0], VECTORS["dist"], rtol=1e-4)


@pytest.mark.slow
def test_a_longer_run_ends_where_the_published_one_does(G, objective):
    descent, state = published(G, 250)
    draw = published_noise(250)
    for _ in range(250):
        state = descent.step(state, objective, draw)
    np.testing.assert_allclose(state.losses[0, ::10], VECTORS["dist_250"], rtol=2e-2)
    final = descent.conclude(state, objective).best_distance.item()
    assert final == pytest.approx(float(VECTORS["dist_final_250"]), rel=2e-2)


def test_maps_are_standardized_after_every_step(G, objective):
    descent, state = published(G, 50)
    state = descent.step(state, objective, published_noise(1))
    for noise in state.values[1:]:
        assert noise.mean().abs() < 1e-6
        assert abs(noise.square().mean() - 1) < 1e-6


def test_a_batch_goes_where_each_picture_goes_alone(G):
    pictures = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    streams = torch.randn(3, 8, 24, generator=torch.Generator().manual_seed(1))
    together = _codes(G, pictures, streams)
    alone = [_codes(G, pictures[i : i + 1], streams[i : i + 1]) for i in range(3)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-4)


def _codes(G, pictures, streams):
    descent, one = published(G, 20)
    start = [value.expand(len(pictures), *value.shape[1:]) for value in one.values]
    state = descent.begin(torch.arange(len(pictures)), FIRST.expand(len(pictures)), start)
    objective = make_objective(stand_in, pictures, pixel_weight=0.5)
    for _ in range(8):
        state = descent.step(
            state, objective, lambda picture, attempt, step, shape: streams[picture, step]
        )
    return state.values[0]


def test_a_kept_state_goes_on_to_the_same_bits(G, objective):
    descent, state = published(G, 50)
    draw = published_noise(4)
    for _ in range(2):
        state = descent.step(state, objective, draw)
    kept = {name: value.clone() for name, value in state.tensors().items()}
    onwards = [state, State.from_tensors(kept)]
    for _ in range(2):
        onwards = [descent.step(each, objective, draw) for each in onwards]
    assert torch.equal(onwards[0].values[0], onwards[1].values[0])
    assert torch.equal(onwards[0].values[3], onwards[1].values[3])


def test_the_best_of_the_quiet_steps_is_kept(G, objective):
    descent, state = published(G, 8)
    descent = Descent(G=G, space=descent.space, steps=8)
    for _ in range(8):
        state = descent.step(state, objective, lambda *place: torch.zeros(place[-1]))
    state = descent.conclude(state, objective)
    candidates = [*state.losses[0, 6:].tolist(), descent.distance(state, objective).item()]
    assert state.best_distance.item() == pytest.approx(min(candidates), rel=1e-6)


@pytest.mark.parametrize(("channels", "seen"), [(1, 1), (2, 2), (3, 1), (4, 2), (5, 3), (6, 2)])
def test_detectors_look_at_every_channel(channels, seen):
    found = list(views(torch.zeros(2, channels, 8, 8)))
    assert [view.shape for view in found] == [(2, 3, 8, 8)] * seen
