import numpy as np
import pytest
import torch

from stylegan_cli.directions.direction import Direction, Move, in_all_layers, moved_codes
from stylegan_cli.directions.file import Discovery, write_discovery
from stylegan_cli.directions.references import parse_direction
from stylegan_cli.errors import UsageError
from stylegan_cli.figures.png import resize
from stylegan_cli.latents.references import parse_picks
from stylegan_cli.latents.sampling import PLAIN, Sampling, codes_of_seeds
from stylegan_cli.networks.styles import style_layers
from stylegan_cli.rendering.render import render
from stylegan_cli.sizes import square
from stylegan_cli.studies.editing import EditOptions, edit
from stylegan_cli.studies.grid import grid
from stylegan_cli.studies.video.films import STEPS, film_of_edit


def unit(dim, seed=0):
    row = np.random.default_rng(seed).normal(size=dim)
    return row / np.linalg.norm(row)


def made(network, space="w", seed=0, sigma=1.5):
    G = network.G
    if space == "w":
        vector = in_all_layers(unit(G.w_dim, seed), range(G.num_ws), G.num_ws)
    elif space == "z":
        vector = unit(G.z_dim, seed).astype(np.float32)
    else:
        vector = np.zeros(sum(layer.channels for layer in style_layers(G)), np.float32)
        vector[5 + seed] = 1
    return Direction(
        name=f"{space}/{seed}",
        space=space,
        vector=vector,
        sigma=sigma,
        method="made",
        network_sha256=network.sha256,
    )


@pytest.fixture(scope="module")
def file(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("directions") / "directions.h5"
    for space in ("w", "z", "s"):
        found = [made(network, space, seed) for seed in (0, 1)]
        write_discovery(
            path,
            Discovery(
                group=space,
                request={},
                network_sha256=network.sha256,
                make=lambda found=found: found,
            ),
        )
    return path


def pixels(network, plan):
    return {cell.address: cell.pixels for cell in render(network.G, plan)}


@pytest.mark.parametrize("name", ["w/0", "z/0", "s/0"])
def test_strength_zero_is_the_image_of_grid(network, file, name):
    sampling = Sampling(psi=0.7)
    options = EditOptions(strengths=(-2.0, 0.0, 2.0))
    plan = edit(network, [0, 1], [parse_direction(f"{file}:{name}")], options, sampling)
    plain = grid(network, [0, 1], sampling)
    np.testing.assert_array_equal(plan.codes.ws[:, 1], plain.codes.ws)
    drawn, as_grid = pixels(network, plan), pixels(network, plain)
    for seed in (0, 1):
        np.testing.assert_array_equal(drawn["/", (seed, 1)], as_grid["/", (seed,)])
        assert not np.array_equal(drawn["/", (seed, 0)], drawn["/", (seed, 2)])


@pytest.mark.parametrize("space", ["w", "s"])
def test_there_and_back_returns_the_code(network, space):
    codes, direction = codes_of_seeds(network, [3, 4], PLAIN), made(network, space)
    there = moved_codes(network, codes, [Move(direction, 3.0)], PLAIN)
    back = moved_codes(network, there, [Move(direction, -3.0)], PLAIN)
    np.testing.assert_allclose(back.ws, codes.ws, atol=1e-6)
    if space == "s":
        assert np.abs(back.style_offsets).max() < 1e-6 < np.abs(there.style_offsets).max()


def test_the_order_of_directions_means_nothing(network):
    codes = codes_of_seeds(network, [3, 4], PLAIN)
    moves = [Move(direction=made(network, "w", seed), steps=2.0 - seed) for seed in range(3)]
    moves.append(Move(direction=made(network, "s"), steps=2.0))
    one, other = (moved_codes(network, codes, each, PLAIN) for each in (moves, moves[::-1]))
    np.testing.assert_allclose(one.ws, other.ws, atol=1e-6)


def test_coordinates_are_the_same_for_every_seed(network, file):
    plan = edit(
        network,
        [0, 1, 2],
        [parse_direction(f"{file}:w/0")],
        EditOptions(strengths=(-1.0, 2.0), absolute=True),
    )
    along = plan.codes.ws @ unit(network.G.w_dim)
    np.testing.assert_allclose(along[:, 0], -1.5, atol=1e-5)
    np.testing.assert_allclose(along[:, 1], 3.0, atol=1e-5)
    assert "seed" in plan.made.sources, "the untouched images stand beside"


def test_steps_of_each_direction_add_up_at_strength_one(network, file):
    picks = [parse_direction(f"{file}:w/0=2"), parse_direction(f"{file}:w/1@0-1=-1")]
    plan = edit(network, [5], picks)
    assert plan.request["strengths"] == [0.0, 1.0]
    offset = plan.codes.ws[0, 1] - plan.codes.ws[0, 0]
    expected = np.tile(2 * 1.5 * unit(network.G.w_dim), (network.G.num_ws, 1))
    expected[:2] -= 1.5 * unit(network.G.w_dim, 1)
    np.testing.assert_allclose(offset, expected, atol=1e-5)


def test_codes_in_files_are_not_truncated(network, file, tmp_path):
    w = np.random.default_rng(0).normal(size=(1, network.G.w_dim)).astype(np.float32)
    np.save(tmp_path / "w.npy", w)
    picks = parse_picks(f"3,{tmp_path}/w.npy:w")
    options = EditOptions(strengths=(0.0,))
    plan = edit(network, picks, [parse_direction(f"{file}:w/0")], options, Sampling(psi=0.5))
    np.testing.assert_array_equal(plan.codes.ws[1, 0, 0], w[0])
    truncated = codes_of_seeds(network, [3], Sampling(psi=0.5))
    np.testing.assert_array_equal(plan.codes.ws[0, 0], truncated.ws[0])


def test_a_style_channel_moves_what_no_w_can(network, file):
    options = EditOptions(strengths=(0.0, 20.0))
    plan = edit(network, [0], [parse_direction(f"{file}:s/0")], options)
    drawn = pixels(network, plan)
    assert not np.array_equal(drawn["/", (0, 0)], drawn["/", (0, 1)])
    np.testing.assert_array_equal(plan.codes.ws[0, 0], plan.codes.ws[0, 1])


def test_networks_without_w_move_in_z_and_keep_its_length(growing_networks):
    network = growing_networks["progan"]
    codes = codes_of_seeds(network, [0, 1], PLAIN)
    direction = made(network, "z")
    moved = moved_codes(network, codes, [Move(direction, 2.0)], PLAIN)
    length = (moved.ws**2).mean(axis=2)
    np.testing.assert_allclose(length, 1, atol=1e-4)
    assert not np.allclose(moved.ws, codes.ws)


def test_directions_of_z_need_a_z(network):
    codes = codes_of_seeds(network, [0], PLAIN)
    stored = type(codes)(ws=codes.ws, noise_seed=codes.noise_seed, labels=codes.labels)
    with pytest.raises(UsageError, match="no z"):
        moved_codes(network, stored, [Move(direction=made(network, "z"), steps=1.0)], PLAIN)


def test_moved_styles_leave_no_trace(network):
    G, codes = network.G, codes_of_seeds(network, [0], PLAIN)
    ws = torch.from_numpy(codes.ws)
    before = G.synthesis(ws, "const")
    moved = moved_codes(network, codes, [Move(direction=made(network, "s"), steps=5.0)], PLAIN)
    assert moved.style_offsets.any()
    torch.testing.assert_close(G.synthesis(ws, "const"), before, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["w/0", "z/0", "s/0"])
def test_a_film_runs_from_the_lowest_strength_to_the_highest_and_back(network, file, name):
    directions = [parse_direction(f"{file}:{name}")]
    options = EditOptions(strengths=(2.0, -2.0, 0.0))
    film = film_of_edit(network, [0, 1, 2], directions, options)
    drawn = pixels(network, edit(network, [0, 1, 2], directions, options))
    frames = list(film.draw(range(film.total), None))
    for number, column in ((0, 1), (STEPS // 2, 2), (STEPS, 0)):
        frame = frames[number].astype(int)
        for seed, (top, left) in enumerate(((0, 0), (0, 128), (128, 0))):
            still = resize(drawn["/", (seed, column)], square(128)).astype(int)
            assert np.abs(frame[top : top + 128, left : left + 128] - still).max() <= 1
    assert all(np.array_equal(frames[i], frames[-i]) for i in range(1, STEPS))


def test_a_frame_of_a_film_is_the_same_alone(network, file):
    film = film_of_edit(
        network, [0, 1], [parse_direction(f"{file}:w/0")], EditOptions(strengths=(0.0, 3.0))
    )
    (alone,) = film.draw(range(70, 71), None)
    np.testing.assert_array_equal(alone, list(film.draw(range(72), None))[70])


def test_a_film_needs_two_strengths(network, file):
    options = EditOptions(strengths=(1.0,))
    with pytest.raises(UsageError, match="only one strength"):
        film_of_edit(network, [0], [parse_direction(f"{file}:w/0")], options)


@pytest.mark.parametrize("steps", [1e5, -1e308])
def test_steps_that_lead_nowhere_are_refused(network, steps):
    codes = codes_of_seeds(network, [3], PLAIN)
    with pytest.raises(UsageError, match=r"w/0: .* steps lead nowhere; the valid range"):
        moved_codes(network, codes, [Move(made(network), steps)], PLAIN)


def test_an_edit_of_styles_stays_with_its_code_in_a_file(network, file, tmp_path):
    plan = edit(network, [3], [parse_direction(f"{file}:s/0")], EditOptions(strengths=(0.0, 2.0)))
    np.savez(tmp_path / "c.npz", ws=plan.codes.ws, style_offsets=plan.codes.style_offsets)
    again = grid(network, parse_picks(f"{tmp_path}/c.npz:0/1")).codes
    np.testing.assert_array_equal(again.style_offsets[0], plan.codes.style_offsets[0, 1])
    # codes that no style was moved of are like any others
    assert grid(network, parse_picks(f"{tmp_path}/c.npz:0/0")).codes.style_offsets is None
