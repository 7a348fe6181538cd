import numpy as np
import pytest

from stylegan_cli.training.augment import transforms_of
from stylegan_cli.training.outputs import STRENGTHS, augmented_sheet


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_sheet_has_a_row_for_each_strength(channels):
    reals = np.random.RandomState(0).randint(0, 256, (3, 8, 8, channels)).astype(np.uint8)
    sheet = augmented_sheet(reals, [1, 2, 3], transforms_of("bgc"), "bgc")
    side = 96
    assert sheet.shape[0] > len(STRENGTHS) * side
    assert sheet.shape[1] > len(reals) * side
