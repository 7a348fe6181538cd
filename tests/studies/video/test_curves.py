import numpy as np
import pytest

from stylegan_cli.studies.video.motion import EASINGS, cubic, lerp, slerp


def vectors(seed, *shape):
    return np.random.RandomState(seed).randn(*shape).astype(np.float32)


def times(*values):
    return np.array(values)[:, None]


A, B, C, D = (vectors(i, 1, 64) for i in range(4))


def norm(rows):
    return np.linalg.norm(rows, axis=-1)


def angle(a, b):
    return np.arccos((a * b).sum(-1) / norm(a) / norm(b))


@pytest.mark.parametrize("curve", [lerp, lambda a, b, t: cubic(C, a, b, D, t)])
def test_lines_and_splines_reach_both_ends_to_the_bit(curve):
    start, end = curve(A, B, times(0.0, 1.0)).astype(np.float32)
    assert np.array_equal(start, A[0])
    assert np.array_equal(end, B[0])


def test_an_arc_reaches_both_ends():
    assert np.allclose(slerp(A, B, times(0.0, 1.0)), np.concatenate([A, B]), atol=1e-6)


def test_the_squared_norm_goes_linearly_along_an_arc():
    share = times(0.0, 0.2, 0.7, 1.0)
    expected = (1 - share) * norm(A) ** 2 + share * norm(B) ** 2
    assert np.allclose(norm(slerp(A, B, share)) ** 2, expected[:, 0])


def test_an_arc_turns_at_constant_speed():
    arc = slerp(A, B, times(0.0, 0.25, 0.5, 0.75, 1.0))
    assert np.allclose(angle(arc[:-1], arc[1:]), angle(A, B) / 4)


def test_normal_noise_keeps_its_variance_along_an_arc():
    a, b = vectors(0, 400, 64), vectors(1, 400, 64)
    halfway = slerp(a, b, np.full((400, 1), 0.5))
    assert abs(halfway.var() - 1) < 0.02
    assert lerp(a, b, np.full((400, 1), 0.5)).var() < 0.6


def test_the_arc_between_opposites_keeps_the_norm():
    halfway = slerp(A, -A, times(0.5))
    assert np.allclose(norm(halfway), norm(A))
    assert np.allclose((halfway * A).sum(), 0, atol=1e-4)


@pytest.mark.parametrize("factor", [0.0, 1.0, 2.0])
def test_without_an_angle_an_arc_is_straight(factor):
    end = slerp(A, factor * A, times(1.0))
    assert np.allclose(end, factor * A, atol=1e-5)


def test_a_spline_has_one_slope_on_both_sides_of_a_keyframe():
    step = 1e-4
    before = (cubic(A, B, C, D, times(1.0)) - cubic(A, B, C, D, times(1 - step))) / step
    behind = (cubic(B, C, D, A, times(step)) - cubic(B, C, D, A, times(0.0))) / step
    assert np.allclose(before, behind, atol=1e-2)


def test_a_spline_through_points_on_a_line_stays_on_it():
    points = [A + i * (B - A) for i in range(4)]
    assert np.allclose(cubic(*points, times(0.3)), A + 1.3 * (B - A), atol=1e-5)


@pytest.mark.parametrize("name", EASINGS)
def test_an_easing_goes_from_0_to_1_evenly_around_the_middle(name):
    ease = EASINGS[name]
    steps = [ease(i / 20) for i in range(21)]
    assert (steps[0], steps[10], steps[20]) == (0, 0.5, 1)
    assert steps == sorted(steps)
    assert np.allclose(np.add(steps, steps[::-1]), 1)


@pytest.mark.parametrize("name", ["smooth", "smoother"])
def test_a_smooth_easing_rests_at_both_ends(name):
    assert EASINGS[name](0.01) < 0.001
    assert EASINGS[name](0.99) > 0.999
