"""Pictures that are moved and turned by their input."""

import numpy as np
import pytest
import torch

from stylegan_cli.errors import UsageError
from stylegan_cli.interop.foreign import save_foreign
from stylegan_cli.interop.reading import read_foreign
from stylegan_cli.latents.references import parse_picks
from stylegan_cli.networks.generator import motion_matrices
from stylegan_cli.networks.snapshot import load_network
from stylegan_cli.ranges import parse_points
from stylegan_cli.rendering.render import render, to_pixels
from stylegan_cli.studies.grid import GridOptions, grid
from stylegan_cli.studies.video.motion import Motion, Tracks
from stylegan_cli.studies.video.video import footage, video
from tests.networks.vectors import FOLDER, Vectors


@pytest.fixture(scope="module")
def mobile(tmp_path_factory):
    path = tmp_path_factory.mktemp("mobile") / "network.safetensors"
    save_foreign(read_foreign(FOLDER / "sg3_t_32.pkl"), path)
    return load_network(path)


def drawn(network, plan):
    cells = {cell.address.position: cell.pixels for cell in render(network.G, plan)}
    return np.stack([cells[key] for key in sorted(cells)])


def test_matrices_turn_counter_clockwise_and_then_shift():
    (matrix,) = motion_matrices(torch.tensor([[0.25, -0.5, 90.0]]))
    right = matrix @ torch.tensor([1.0, 0, 1])
    torch.testing.assert_close(right, torch.tensor([0.25, -1.5, 1]))


@torch.no_grad()
def test_a_moved_grid_shows_what_the_original_shows_with_the_inverse_transform(mobile):
    transform = Vectors("sg3_t_32")["transform/both"].double()
    forward = torch.linalg.inv(transform)
    angle = torch.rad2deg(torch.atan2(forward[0, 1], forward[0, 0])).item()
    shift = (forward[0, 2].item(), forward[1, 2].item())
    plan = grid(mobile, parse_picks("0"), options=GridOptions(translate=shift, rotate=angle))
    expected = to_pixels(Vectors("sg3_t_32")["img_transform/both"])
    assert abs(drawn(mobile, plan).astype(int) - expected).max() <= 1


def test_a_video_moves_on_straight_lines_between_its_keyframes(mobile):
    tracks = Tracks(seeds=parse_picks("3"), translate=((0.0, 0.0), (0.5, 0.0)), rotate=(0.0, 90.0))
    made = video(mobile, tracks, Motion(seconds=0.1, fps=20.0, loop=False))
    frames = list(footage(mobile, made).draw(range(made.frames), None))
    for share, frame in zip((0.0, 0.5, 1.0), frames, strict=True):
        options = GridOptions(translate=(0.5 * share, 0.0), rotate=90 * share)
        (still,) = drawn(mobile, grid(mobile, parse_picks("3"), options=options))
        assert abs(frame.astype(int) - still).max() <= 1


def test_a_grid_that_is_not_moved_is_requested_as_before(mobile):
    plan = grid(mobile, parse_picks("0"))
    assert "motion" not in plan.request
    assert plan.codes.motions is None
    moved = grid(mobile, parse_picks("0"), options=GridOptions(rotate=5.0))
    assert moved.request == {**plan.request, "motion": [0, 0, 5]}


@pytest.mark.parametrize("options", [GridOptions(rotate=5.0), GridOptions(translate=(0.1, 0.0))])
def test_networks_whose_input_cannot_move_are_refused(network, options):
    with pytest.raises(UsageError, match="cannot be moved"):
        grid(network, parse_picks("0"), options=options)


def test_points_are_told_apart_by_colons():
    assert parse_points("0,0:0.5,-1", 2, parameter="translate") == ((0, 0), (0.5, -1))
    assert parse_points("0:90", 1, parameter="rotate") == ((0,), (90,))
    with pytest.raises(UsageError, match="write for example"):
        parse_points("1,2:3", 2, parameter="translate")
