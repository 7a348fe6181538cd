import json

import numpy as np
import pytest
import torch

from stylegan_cli.ops import fast, reference
from stylegan_cli.ops.filtered_lrelu import Filter, Resampling, filtered_lrelu
from stylegan_cli.ops.reference import upfirdn2d
from tests.networks.vectors import FOLDER, deviation
from tests.ops.derivatives import derivatives, relative_error, seeded


@pytest.fixture(scope="module")
def originals():
    with np.load(FOLDER / "sg3_ops.npz", allow_pickle=False) as file:
        return dict(file)


def read(originals, case):
    """Tensors of a case and its resampling; margins left, right, top, bottom apart."""
    prefix = f"filtered_lrelu/{case}/"
    found = {key.removeprefix(prefix): a for key, a in originals.items() if key.startswith(prefix)}
    options = json.loads(str(found.pop("options")))
    tensors = {key: torch.tensor(array) for key, array in found.items()}
    margins = tuple(options.pop("padding_left_right_top_bottom"))
    resampling = Resampling(
        up_filter=Filter.of(tensors.get("fu")),
        down_filter=Filter.of(tensors.get("fd")),
        padding=margins[:2],
        **options,
    )
    return tensors, resampling, margins


@pytest.mark.parametrize("case", ["same", "up4", "radial", "uneven", "rgb"])
def test_the_reference_form_equals_the_original(case, originals):
    tensors, resampling, margins = read(originals, case)
    x, b = tensors["x"].requires_grad_(), tensors["b"].requires_grad_()
    y = reference.filtered_lrelu(x, b, resampling, padding=margins)
    dx, db = torch.autograd.grad((y * tensors["y_weight"]).sum(), (x, b))
    assert deviation(y, tensors["y"]) < 1e-5
    assert relative_error(dx, tensors["dx"]) < 1e-5
    assert relative_error(db, tensors["db"]) < 1e-5


@pytest.mark.parametrize("case", ["same", "up4", "radial", "rgb"])
def test_the_fast_form_equals_the_original(case, originals):
    tensors, resampling, _ = read(originals, case)
    x = tensors["x"].requires_grad_()
    y = filtered_lrelu(x + tensors["b"][:, None, None], resampling)
    (dx,) = torch.autograd.grad((y * tensors["y_weight"]).sum(), x)
    assert deviation(y, tensors["y"]) < 1e-5
    assert relative_error(dx, tensors["dx"]) < 1e-5
    assert y.is_contiguous(memory_format=torch.channels_last)


def line(seed, taps):
    return Filter.of(seeded(seed, taps))


def plane(seed, taps):
    return Filter.of(seeded(seed, taps, taps))


RESAMPLINGS = {
    "the rate stays": {"up": 2, "down": 2, "padding": (9, 8)},
    "rows and columns are cut": {"up": 2, "down": 2, "padding": (-3, -4)},
    "the rate doubles": {"up": 4, "down": 2, "up_filter": line(2, 24), "padding": (-6, -9)},
    "a radial filter": {"up": 2, "down": 2, "down_filter": plane(3, 12), "padding": (11, 10)},
    "planes both ways": {
        "up": 2,
        "down": 1,
        "up_filter": plane(4, 5),
        "down_filter": plane(5, 3),
        "padding": (2, 3),
    },
    "threefold": {"up": 3, "down": 2, "up_filter": line(6, 7), "padding": (3, 3)},
    "no filters": {"up": 1, "down": 1, "up_filter": None, "down_filter": None, "padding": (0, 0)},
}


@pytest.mark.parametrize("clamp", [None, 0.7])
@pytest.mark.parametrize("name", RESAMPLINGS)
def test_both_forms_have_the_same_derivatives(name, clamp):
    usual = {"up_filter": line(0, 12), "down_filter": line(1, 12)}
    resampling = Resampling(**{**usual, **RESAMPLINGS[name]}, clamp=clamp)
    margins = (*resampling.padding, *resampling.padding)
    x, bias = seeded(7, 2, 3, 17, 20), seeded(8, 3)

    def expected(x, bias):
        return reference.filtered_lrelu(x, bias, resampling, padding=margins)

    def found(x, bias):
        return filtered_lrelu(x + bias[:, None, None], resampling)

    pairs = zip(derivatives(found, [x, bias]), derivatives(expected, [x, bias]), strict=True)
    for got, wanted in pairs:
        assert relative_error(got, wanted, floor=1e-12) < 1e-10


def test_bfloat16_equals_float32_up_to_rounding():
    resampling = Resampling(
        up=2,
        down=2,
        up_filter=Filter.of(torch.ones(12) / 12),
        down_filter=Filter.of(torch.ones(12) / 12),
        padding=(9, 8),
    )
    x = seeded(0, 2, 3, 9, 9, dtype=torch.float32)
    y = filtered_lrelu(x.bfloat16(), resampling)
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y.float(), filtered_lrelu(x, resampling), rtol=0.05, atol=0.05)


@pytest.mark.parametrize("case", ["demod3", "demod1"])
def test_the_modulated_convolution_equals_the_original(case, originals):
    prefix = f"modulated_conv/{case}/"
    keys = ("x", "w", "s", "input_gain", "y", "y_weight", "dx", "dw", "ds")
    t = {key: torch.tensor(originals[prefix + key]) for key in keys}
    inputs = [t[key].requires_grad_() for key in "xws"]
    plain = Resampling(
        up=1, down=1, up_filter=None, down_filter=None, padding=(0, 0), slope=1.0, gain=1.0
    )
    for form in (reference, fast):
        bias = torch.zeros(len(t["w"]))
        y = form.alias_free_conv(*inputs, bias, plain, input_gain=t["input_gain"])
        assert deviation(y, t["y"]) < 1e-5
        gradients = torch.autograd.grad((y * t["y_weight"]).sum(), inputs)
        for key, gradient in zip("xws", gradients, strict=True):
            assert relative_error(gradient, t[f"d{key}"]) < 1e-4


def test_two_dimensional_filters_and_margins_are_taken_as_they_are():
    x, taps = seeded(0, 1, 1, 5, 6), seeded(1, 3, 2)
    y = upfirdn2d(x, taps, padding=(1, 0, 2, -1))
    assert y.shape == (1, 1, 4, 6)
    assert y[0, 0, 0, 1].item() == pytest.approx(
        (taps[0, 0] * x[0, 0, 0, 1] + taps[0, 1] * x[0, 0, 0, 0]).item()
    )
