"""The tests' own check of types and shapes."""

import numpy as np
import pytest

from stylegan_cli.latents.sampling import mix_layers, z_of_seeds
from stylegan_cli.ranges import parse_ints


def test_a_wrong_type_is_found_where_there_are_no_shapes():
    with pytest.raises(Exception, match="text"):
        parse_ints(3)


def test_a_wrong_shape_is_found():
    codes = np.zeros((2, 4, 3), np.float32)
    with pytest.raises(Exception, match="'cols'"):
        mix_layers(codes, codes[:, :3], [0])


def test_a_right_call_passes():
    assert z_of_seeds([1], 4).shape == (1, 4)
