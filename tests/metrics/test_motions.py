import math

import numpy as np
import pytest
import torch

from stylegan_cli.metrics.motions import (
    decibels,
    difference,
    fractional_shift,
    pseudo_rotate,
    rotate,
    rotation,
    rotation_filter,
    translation,
    whole_shift,
)
from tests.networks.stylegan3 import generator
from tests.networks.vectors import FOLDER, Vectors
from tests.ops.derivatives import seeded


@pytest.fixture(scope="module")
def originals():
    with np.load(FOLDER / "sg3_eq.npz", allow_pickle=False) as file:
        return {key: torch.tensor(a) for key, a in file.items() if a.dtype.kind != "U"}


@pytest.mark.parametrize("case", ["shift0", "shift1"])
def test_shifts_equal_the_original(case, originals):
    images, prefix = originals["warp/images"], f"warp/{case}/"
    side = images.shape[3]
    x, y = (round(share * side) for share in originals[f"{prefix}t_rounded"].tolist())
    moved, mask = whole_shift(images, x, y)
    assert torch.equal(mask, originals[f"{prefix}int_mask"])
    assert torch.equal(moved, originals[f"{prefix}int_ref"])
    x, y = (share * side for share in originals[f"{prefix}t"].tolist())
    moved, mask = fractional_shift(images, x, y)
    assert torch.equal(mask, originals[f"{prefix}frac_mask"])
    torch.testing.assert_close(moved, originals[f"{prefix}frac_ref"], rtol=0, atol=2e-6)


@pytest.mark.parametrize("case", ["turn0", "turn1"])
def test_turns_equal_the_original(case, originals):
    images, prefix = originals["warp/images"], f"warp/{case}/"
    angle = originals[f"{prefix}angle"].item()
    turned, mask = rotate(images, angle)
    assert torch.equal(mask, originals[f"{prefix}ref_mask"].bool())
    torch.testing.assert_close(turned, originals[f"{prefix}ref"], rtol=0, atol=1e-5)
    filtered, mask = pseudo_rotate(images, angle)
    assert torch.equal(mask, originals[f"{prefix}pseudo_mask"].bool())
    torch.testing.assert_close(filtered, originals[f"{prefix}pseudo"], rtol=0, atol=1e-5)
    for matrix, up, name in ((rotation(angle), 4, "ref"), (rotation(-angle), 1, "pseudo")):
        taps = rotation_filter(matrix, up).float()
        torch.testing.assert_close(taps, originals[f"{prefix}{name}_filter"], rtol=0, atol=1e-6)


def test_a_whole_shift_between_pixels_is_a_whole_shift():
    images = seeded(0, 2, 3, 16, 16)
    expected, _ = whole_shift(images, 2, -3)
    found, mask = fractional_shift(images, 2.0, -3.0)
    torch.testing.assert_close(found * mask, expected * mask)


def test_a_quarter_turn_is_counter_clockwise():
    smooth = torch.zeros(1, 1, 64, 64)
    smooth[..., 30:34, 40:44] = 1
    turned, mask = rotate(smooth, math.pi / 2)
    assert mask[20:24, 30:34].all()
    assert turned[0, 0, 20:24, 30:34].mean() > 0.8


def test_equal_pictures_have_no_end_of_decibels():
    images, mask = seeded(0, 2, 3, 8, 8), torch.ones(8, 8, dtype=torch.bool)
    assert decibels(*difference(images, mask, images)) == math.inf


def test_decibels_are_of_the_range_from_minus_1_to_1_where_the_mask_says_so():
    images, mask = torch.zeros(2, 3, 8, 8), torch.arange(8) < 4
    found = difference(images, mask.expand(8, 8), images + torch.where(mask, 0.2, 9.0))
    assert decibels(*found) == pytest.approx(20)


@torch.no_grad()
def test_the_whole_metric_equals_the_original(originals):
    vectors = Vectors("sg3_t_32")
    G = generator(vectors)
    synthesis = G.synthesis
    draws = {k.removeprefix("metric/sg3_t_32/"): a for k, a in originals.items() if "/sg3_t_" in k}
    found = []

    def moved(ws, matrix):
        return synthesis.moved(ws, "none", matrix[None])

    for z, u, v, w in zip(
        draws["z"], draws["u_int"], draws["u_frac"], draws["u_turn"], strict=True
    ):
        ws = G.mapping(z, torch.zeros(4, 0))[:, None].expand(-1, 16, -1)
        images = moved(ws, torch.eye(3))
        x, y = (u.double() / 8 * 32).round().int().tolist()
        whole = difference(*whole_shift(images, x, y), moved(ws, translation(x / 32, y / 32)))
        x, y = (v.double() / 8).tolist()
        expected, mask = fractional_shift(images, x * 32, y * 32)
        fractional = difference(expected, mask, moved(ws, translation(x, y)))
        angle = w.item() * math.pi
        expected, mask = rotate(images, angle)
        turned, seen = pseudo_rotate(moved(ws, rotation(angle)), angle)
        found.append([whole, fractional, difference(expected, mask & seen, turned)])
    for name, each in zip(("eqt_int", "eqt_frac", "eqr"), np.sum(found, 0), strict=True):
        assert decibels(*each.tolist()) == pytest.approx(draws[name].item(), abs=0.01)
