from itertools import pairwise

import pytest
import torch

from stylegan_cli.training.augment import augment, draw, transforms_of
from tests.ops.derivatives import seeded
from tests.training.augment.percentiles import draws_at

EVERYTHING = transforms_of("bgcfnc")
every_kind_of_image = pytest.mark.parametrize("channels", [1, 3, 4])


@every_kind_of_image
@pytest.mark.parametrize("size", [(4, 4), (8, 8), (16, 24)])
def test_images_of_any_kind_keep_their_shape_and_type(channels, size):
    for dtype in (torch.float32, torch.float64):
        x = seeded(0, 2, channels, *size, dtype=dtype)
        y = augment(x, draw([1, 2]), EVERYTHING, 1.0)
        assert (y.shape, y.dtype) == (x.shape, dtype)
        assert y.isfinite().all()


def test_images_in_reduced_precision_are_augmented_in_float32():
    x = seeded(0, 2, 3, 16, 16).bfloat16()
    found = augment(x, draw([1, 2]), EVERYTHING, 1.0)
    torch.testing.assert_close(found, augment(x.float(), draw([1, 2]), EVERYTHING, 1.0))


@every_kind_of_image
def test_nothing_happens_with_a_probability_of_0(channels):
    x = seeded(0, 3, channels, 16, 16)
    torch.testing.assert_close(augment(x, draw([1, 2, 3]), EVERYTHING, 0.0), x, rtol=0, atol=1e-9)


@pytest.mark.parametrize("transform", ["brightness", "filter", "noise", "cutout"])
def test_nothing_at_all_happens_outside_geometry_with_a_probability_of_0(transform):
    x = seeded(0, 3, 3, 16, 16, dtype=torch.float32)
    torch.testing.assert_close(augment(x, draw([1, 2, 3]), {transform}, 0.0), x, rtol=0, atol=1e-6)


@every_kind_of_image
def test_first_and_second_derivatives_are_those_of_the_pipe(channels):
    x = seeded(0, 2, channels, 5, 6).requires_grad_()

    def curved(x):
        # the pipe itself is affine, and its second derivative nothing
        return augment(x.square(), draw([1, 2]), EVERYTHING, 1.0)

    assert torch.autograd.gradcheck(curved, x, fast_mode=True)
    assert torch.autograd.gradgradcheck(curved, x, fast_mode=True)


def test_a_penalty_of_gradients_goes_through_the_pipe():
    x, weight = seeded(0, 2, 3, 8, 8), seeded(1, 2, 3, 8, 8).requires_grad_()

    def penalty(weight):
        leaf = x.clone().requires_grad_()
        scores = (augment(leaf, draw([1, 2]), EVERYTHING, 1.0) * weight).sum()
        return torch.autograd.grad(scores, leaf, create_graph=True)[0].square().sum()

    assert torch.autograd.gradcheck(penalty, weight, fast_mode=True)


def test_alpha_is_moved_and_cut_out_and_nothing_else():
    x = seeded(0, 2, 4, 16, 16)
    draws = draws_at(0.7, 2)
    alpha = augment(x, draws, EVERYTHING, 1.0)[:, 3:]
    moved = augment(x[:, 3:], draws, transforms_of("bg") | {"cutout"}, 1.0)
    torch.testing.assert_close(alpha, moved)


def test_colours_do_not_depend_on_alpha():
    x = seeded(0, 2, 4, 16, 16)
    draws = draws_at(0.7, 2)
    found = augment(x, draws, EVERYTHING - {"noise"}, 1.0)[:, :3]
    torch.testing.assert_close(found, augment(x[:, :3], draws, EVERYTHING - {"noise"}, 1.0))


@pytest.mark.parametrize(
    ("transform", "share"),
    [("brightness", 0.3), ("x_flip", 0.15), ("rotate90", 0.225), ("cutout", 0.3), ("rotate", 0.3)],
)
def test_a_transform_happens_with_its_probability(transform, share):
    x = seeded(0, 1, 1, 4, 4).expand(600, -1, -1, -1)
    changed = (augment(x, draw(range(600)), {transform}, 0.3) - x).abs().amax((1, 2, 3)) > 1e-6
    assert changed.double().mean().item() == pytest.approx(share, abs=0.06)


def test_transforms_happen_independently():
    chances = draw(range(600)).chances
    both = ((chances["scale"] < 0.5) & (chances["aniso"] < 0.5)).double().mean().item()
    assert both == pytest.approx(0.25, abs=0.05)


def test_noise_of_an_image_is_its_own():
    x = torch.zeros(3, 3, 8, 8)
    y = augment(x, draw([1, 2, 2]), {"noise"}, 1.0)
    assert torch.equal(y[1], y[2])
    assert not torch.allclose(y[0], y[1])


def test_what_is_cut_out_is_half_as_high_and_wide():
    y = augment(torch.ones(1, 3, 8, 16), draws_at(0.5, 1), {"cutout"}, 1.0)
    expected = torch.ones(8, 16)
    expected[2:6, 4:12] = 0
    assert torch.equal(y[0, 0], expected)


def test_a_named_pipe_adds_to_the_one_before():
    names = ("blit", "bg", "bgc", "bgcf", "bgcfn", "bgcfnc")
    pipes = [transforms_of(name) for name in names]
    assert all(less < more for less, more in pairwise(pipes))
    alone = frozenset().union(
        *(transforms_of(n) for n in ("blit", "geom", "color", "filter", "noise", "cutout"))
    )
    assert pipes[-1] == alone
