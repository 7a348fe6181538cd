import numpy as np
import pytest

from stylegan_cli.errors import UsageError
from stylegan_cli.latents.stored_arrays import StoredArray
from stylegan_cli.latents.stored_codes import CodeShapes, recognise

SAME = CodeShapes(z_dim=512, w_dim=512, num_ws=18)
OTHER = CodeShapes(z_dim=64, w_dim=512, num_ws=18)
ONE_CODE = CodeShapes(z_dim=512, w_dim=512, num_ws=1, has_w=False)


def kind(shapes, shape, name="codes", said=None, dtype=np.float32):
    array = StoredArray(shape=shape, dtype=np.dtype(dtype), read=lambda: None)
    return recognise("here", name, array, shapes, said)


@pytest.mark.parametrize(
    ("shapes", "shape", "name", "found"),
    [
        (OTHER, (64,), "codes", "z"),
        (OTHER, (5, 64), "codes", "z"),
        (OTHER, (512,), "codes", "w"),
        (OTHER, (3, 4, 512), "codes", "w"),
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
