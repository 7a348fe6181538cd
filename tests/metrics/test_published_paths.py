import pytest

from stylegan_cli.errors import UsageError
from stylegan_cli.metrics.ppl import PathOptions, path_name, path_options


@pytest.mark.parametrize(
    ("protocol", "space", "sampling", "crop", "name", "num"),
    [
        ("stylegan1", "z", "full", None, "ppl_zfull", 100_000),
        ("stylegan1", "w", "full", None, "ppl_wfull", 100_000),
        ("stylegan1", "w", "end", None, "ppl_wend", 100_000),
        ("stylegan2", "z", "end", None, "ppl_zend", 50_000),
        ("stylegan2", "w", "end", None, "ppl2_wend", 50_000),
        ("stylegan2", "w", "end", True, "ppl_wend", 50_000),
        ("ada", "w", "full", None, "ppl_wfull", 50_000),
    ],
)
def test_protocols_give_the_published_names(protocol, space, sampling, crop, name, num):
    options = path_options(protocol, space=space, sampling=sampling, crop=crop)
    assert path_name(options, "vgg16") == name
    assert (options.num, options.crop) == (num, name != "ppl2_wend")


def test_only_ada_reduces_crops_as_far_as_whole_images():
    rules = {
        protocol: path_options(protocol, space="w", sampling="full").rule
        for protocol in ("stylegan1", "stylegan2", "ada")
    }
    assert rules == {"stylegan1": "cropped", "stylegan2": "cropped", "ada": "whole"}


def test_without_a_protocol_nothing_is_cropped():
    options = path_options(None, space="w", sampling="full")
    assert (options.crop, options.num) == (False, 5_000)


@pytest.mark.parametrize(
    ("options", "detector", "name"),
    [
        (PathOptions(), "alex", "ppl_alex_w_full"),
        (PathOptions(space="z", sampling="end", crop=True), "alex", "ppl_alex_z_end_crop"),
        (PathOptions(num=50_000), "vgg16", "ppl_vgg16_w_full"),
        (PathOptions(num=5_000, crop=True), "vgg16", "ppl_vgg16_w_full_crop"),
        (PathOptions(num=50_000, crop=True), "alex", "ppl_alex_w_full_crop"),
        (PathOptions(num=50_000, crop=True, psi=0.7), "vgg16", "ppl_vgg16_w_full_crop_psi0.7"),
        (PathOptions(num=50_000, crop=True, class_name="a"), "vgg16", "ppl_vgg16_w_full_crop"),
    ],
)
def test_other_numbers_carry_the_detector_and_what_was_measured(options, detector, name):
    assert path_name(options, detector) == name


def test_what_a_protocol_does_not_define_is_refused():
    with pytest.raises(UsageError, match=r"`crop=False`: .* has no such path length in z"):
        path_options("ada", space="z", sampling="end", crop=False)
    with pytest.raises(UsageError, match="`protocol=sg4`: no such protocol"):
        path_options("sg4", space="z", sampling="end")
