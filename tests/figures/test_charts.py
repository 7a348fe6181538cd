import numpy as np
import pytest

from stylegan_cli.figures.charts import BAR, Curve, Panel, bar_chart, histogram, line_chart

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


GREY, BLUE = (0xC9, 0xC9, 0xC9), (0x4C, 0x78, 0xA8)


def area(picture, colour):
    return int((picture == colour).all(axis=2).sum())


def drawn(values, low, high):
    return histogram(np.asarray(values, np.float32), (low, high), 1.0, title="ppl", x="distance")


def test_what_does_not_count_is_grey():
    values = np.concatenate([np.full(50, 0.1), np.linspace(1, 2, 50)])
    some, all_count = drawn(values, 1.0, 2.0), drawn(values, 0.0, 2.0)
    assert area(some, GREY) > area(some, BLUE) > 0
    # bars without height leave the trace of their edge
    assert area(all_count, GREY) < area(all_count, BLUE) / 10


def test_values_far_out_do_not_squeeze_the_others():
    usual = np.linspace(0, 1, 100)
    without, with_far = drawn(usual, 0.0, 1.0), drawn([*usual, 1e6], 0.0, 1.0)
    assert abs(area(with_far, BLUE) / area(without, BLUE) - 1) < 0.05


def test_equal_values_can_be_drawn():
    assert area(drawn([3.0, 3.0], 3.0, 3.0), BLUE) > 0


def panel(*spread):
    curve = Curve(name="fd", x=(0.0, 1.0), y=(1.0, 2.0), spread=spread or (0.0, 0.0))
    return Panel(x="psi", y="distance", curves=(curve,))


def test_every_panel_makes_the_picture_higher():
    one, two = line_chart([panel()]), line_chart([panel(), panel()])
    assert one.shape[1:] == two.shape[1:]
    assert one.shape[2] == 3
    assert two.shape[0] > one.shape[0]


def test_a_spread_is_seen():
    assert not np.array_equal(line_chart([panel()]), line_chart([panel(0.5, 0.5)]))
