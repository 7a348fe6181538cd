import numpy as np
import pytest

from stylegan_cli.figures.charts import BAR, bar_chart

COLOUR = [int(BAR[i : i + 2], 16) for i in (1, 3, 5)]


def bars(picture):
    """Heights of the bars from left to right, in pixels."""
    heights = (picture == COLOUR).all(axis=2).sum(axis=0)
    starts = np.flatnonzero((heights[1:] > 0) & (heights[:-1] == 0))
    return [int(heights[start + 10]) for start in starts]


def test_bars_are_as_high_as_their_numbers():
    low, high = bars(bar_chart([1.0, 3.0], ["a", "b"], ["1", "3"], x="x", y="y"))
    assert high / low == pytest.approx(3, rel=0.03)


def test_a_number_of_zero_has_no_bar():
    assert len(bars(bar_chart([0.0, 2.0, 0.0], ["a", "b", "c"], ["", "", ""], x="x", y="y"))) == 1


def test_nothing_but_zeros_can_be_charted():
    assert bars(bar_chart([0.0, 0.0], ["a", "b"], ["0", "0"], x="x", y="y")) == []


def test_the_same_numbers_give_the_same_picture():
    first, again = (bar_chart([1.0, 2.0], ["a", "b"], ["1", "2"], x="x", y="y") for _ in range(2))
    assert np.array_equal(first, again)
