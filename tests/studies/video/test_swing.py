import numpy as np
import pytest

from stylegan_cli.directions.file import write_discovery
from stylegan_cli.directions.references import parse_direction
from stylegan_cli.errors import UsageError
from stylegan_cli.studies.discovery.finding import find_sefa
from stylegan_cli.studies.grid import grid
from stylegan_cli.studies.video.motion import Motion, Screen, Tracks
from stylegan_cli.studies.video.video import Image, footage, video


@pytest.fixture(scope="module")
def picks(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("directions") / "directions.h5"
    write_discovery(path, find_sefa(network, count=2))
    return [parse_direction(f"{path}:sefa/0"), parse_direction(f"{path}:sefa/1=0.5")]


SWING = Motion(interp="direction", seconds=0.4, fps=10.0)


def test_a_swing_goes_to_either_side_and_rests_at_the_still(network, picks):
    found = video(
        network, Tracks(seeds=[3, 4], directions=picks, strength=2.0), SWING, Screen(cols=2)
    )
    assert found.frames == 2 * 2 * 4
    images = [Image(frame, 1) for frame in range(8)]
    codes = found.swung(found.moments(images))
    still = grid(network, [4]).codes.ws[0]
    np.testing.assert_array_equal(codes.ws[0], still)
    np.testing.assert_array_equal(codes.ws[4].round(5), still.round(5))
    out, back = codes.ws[2] - still, codes.ws[6] - still
    np.testing.assert_allclose(out, -back, atol=1e-5)
    direction = found.swing.directions[0]
    np.testing.assert_allclose(out, 2 * direction.sigma * direction.vector, atol=1e-5)


def test_frames_at_keyframes_are_the_images_of_grid(network, picks):
    found = video(network, Tracks(seeds=[3], directions=picks[:1]), SWING)
    frames = list(footage(network, found).draw(range(found.frames), None))
    assert np.array_equal(frames[0], frames[4]) and not np.array_equal(frames[0], frames[2])


def test_directions_and_the_interpolation_go_together(network, picks):
    with pytest.raises(UsageError, match="direction"):
        video(network, Tracks(seeds=[3]), SWING)
    with pytest.raises(UsageError, match="interp"):
        video(network, Tracks(seeds=[3, 4], directions=picks), Motion())
    with pytest.raises(UsageError, match="returns"):
        video(network, Tracks(seeds=[3], directions=picks), Motion(interp="direction", loop=False))
    with pytest.raises(UsageError, match="streams"):
        video(network, Tracks(seeds=[3, 4], directions=picks), SWING)
