import numpy as np
import pytest

from stylegan_cli.errors import UsageError
from stylegan_cli.latents.stored_arrays import StoredArray, recognise
from tests.tiny import code_sizes

SAME = code_sizes(z_dim=512, w_dim=512, num_ws=18)
OTHER = code_sizes(z_dim=64, w_dim=512, num_ws=18)
ONE_CODE = code_sizes(z_dim=512, w_dim=512, num_ws=1, has_w=False)


def kind(shapes, shape, name="codes", said=None, dtype=np.float32):
    array = StoredArray(shape=shape, dtype=np.dtype(dtype), read=lambda: None)
    return recognise("here", name, array, shapes, said)


@pytest.mark.parametrize(
    ("shapes", "shape", "name", "found"),
    [
        (OTHER, (64,), "codes", "z"),
        (OTHER, (5, 64), "codes", "z"),
        (OTHER, (512,), "codes", "w"),
        (OTHER, (1, 1, 512), "codes", "w"),
        (OTHER, (17, 512), "w", "w"),
        (OTHER, (2, 18, 64), "codes", "z"),
        (SAME, (1, 18, 512), "codes", "ws"),
        (SAME, (1, 18, 512), "w", "ws"),
        (SAME, (2, 3, 18, 512), "ws", "ws"),
        (SAME, (512,), "z", "z"),
        (SAME, (5, 512), "projected_w", "w"),
        (SAME, (18, 512), "ws", "ws"),
        (SAME, (18, 512), "z", "z"),
        (SAME, (3, 18, 512), "z", "z"),
        (ONE_CODE, (5, 512), "codes", "z"),
        (ONE_CODE, (5, 1, 512), "ws", "ws"),
    ],
    ids=str,
)
def test_shape_and_name_tell_what_codes_are(shapes, shape, name, found):
    assert kind(shapes, shape, name) == found


@pytest.mark.parametrize(
    ("shape", "name", "words"),
    [
        ((5, 512), "codes", r"could be z or w; write FILE:codes/z or FILE:codes/w"),
        ((18, 512), "w", r"could be w or ws; write FILE:w/w or FILE:w/ws"),
        ((18, 512), "codes", "could be z or w or ws"),
        ((5, 14, 512), "ws", r"does not fit this network; it takes z \[512\], w \[512\], ws \[18"),
        ((5, 100), "codes", "does not fit this network"),
        ((), "w", "does not fit this network"),
    ],
)
def test_what_does_not_fit_or_could_be_several_is_refused(shape, name, words):
    with pytest.raises(UsageError, match=words):
        kind(SAME, shape, name)


@pytest.mark.parametrize("said", ["z", "w", "ws"])
def test_what_was_said_goes_before_the_name(said):
    assert kind(SAME, (18, 512), "z", said) == said


def test_what_was_said_must_fit():
    with pytest.raises(UsageError, match="does not fit this network as ws"):
        kind(SAME, (5, 512), "codes", "ws")


@pytest.mark.parametrize("dtype", [object, "U3", np.complex64, bool, "datetime64[s]"])
def test_other_things_than_numbers_are_no_codes(dtype):
    with pytest.raises(UsageError, match="holds no numbers"):
        kind(SAME, (1, 18, 512), dtype=dtype)


@pytest.mark.parametrize(
    ("shape", "name", "words"),
    [
        ((1, 18, 128), "w", r"one code of 18 layers \(as in StyleGAN2 of 1024 px\), but .* has 10"),
        ((1, 8, 128), "w", r"one code of 8 layers \(as in StyleGAN2 of 32 px\)"),
        ((7, 14, 128), "codes", "7 codes of 14 layers"),
        ((2, 6, 14, 128), "projected_w", "12 codes of 14 layers"),
        ((18, 128), "w", "one code of 18 layers"),
        ((12, 128), "latent", "one code of 12 layers"),
        ((1, 9, 128), "w", "one code of 9 layers, but this network has 10"),
        ((10, 1, 128), "w", "10 codes of 1 layers"),
        ((10, 2, 128), "w", "10 codes of 2 layers"),
        ((3, 4, 128), "w_avg", "3 codes of 4 layers"),
    ],
)
def test_a_w_of_other_layers_is_never_read_as_many_codes(shape, name, words):
    network = code_sizes(z_dim=64, w_dim=128, num_ws=10)
    with pytest.raises(UsageError, match=f"{words}.*; write FILE:{name}/w to read each row as a w"):
        kind(network, shape, name)
    assert kind(network, shape, name, "w") == "w"


@pytest.mark.parametrize("shape", [(128, 10), (1, 128, 10), (1, 128, 18), (1280,)])
def test_transposed_and_flattened_codes_are_refused(shape):
    with pytest.raises(UsageError, match="does not fit this network; it takes"):
        kind(code_sizes(z_dim=64, w_dim=128, num_ws=10), shape, "w")


@pytest.mark.parametrize("shape", [(18, 512), (1, 18, 512), (4, 18, 512)])
def test_a_w_per_layer_is_not_read_as_codes_of_a_network_without_layers(shape):
    with pytest.raises(UsageError, match=r"of 18 layers.*; write FILE:codes/z"):
        kind(ONE_CODE, shape)
    assert kind(ONE_CODE, shape, "z") == "z"


def test_named_ws_of_other_layers_are_refused_without_another_reading():
    with pytest.raises(UsageError, match=r"does not fit this network; it takes .* ws \[18, 512\]"):
        kind(SAME, (1, 14, 512), "ws")
