import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylegan_cli.report.charts import Scale, look, number, numbers, worth_seeing

some_numbers = st.lists(st.floats(-1e29, 1e29), min_size=1, max_size=100)


def scale(low, high):
    return Scale(low=float(low), high=float(high), start=100, end=0)


def test_ends_of_the_range_are_ends_of_the_line():
    assert [scale(2, 4)(value) for value in (2.0, 3.0, 4.0)] == [100, 50, 0]


def test_values_outside_end_at_the_edge():
    assert [scale(2, 4)(value) for value in (-7.0, 1e9)] == [100, 0]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 200, (0, 50, 100, 150, 200)),
        (0, 1199, (0, 500, 1000)),
        (-1.2, 1.1, (-1, -0.5, 0, 0.5, 1)),
        (0.21, 0.29, (0.22, 0.24, 0.26, 0.28)),
    ],
)
def test_ticks_are_round_numbers(low, high, ticks):
    assert scale(low, high).ticks() == pytest.approx(ticks)


@given(some_numbers)
def test_any_numbers_have_a_range_with_a_few_ticks_in_it(values):
    low, high = worth_seeing(values)
    ticks = scale(low, high).ticks()
    assert low < high
    assert 1 <= len(ticks) <= 12
    assert all(low - 1e-6 * (high - low) <= tick <= high + 1e-6 * (high - low) for tick in ticks)


def test_the_range_holds_every_ordinary_value():
    assert worth_seeing([3.0, 5.0, 4.0, 4.5]) == (3, 5)


def test_zero_is_shown_where_it_is_near():
    assert worth_seeing([1.0, 5.0, 3.0]) == (0, 5)


def test_one_value_far_out_does_not_flatten_the_others():
    low, high = worth_seeing([*(1 + i / 100 for i in range(100)), 5000.0])
    assert (low, high < 4) == (0, True)


def test_equal_values_lie_in_the_middle():
    low, high = worth_seeing([1.5, 1.5])
    assert (low + high) / 2 == 1.5


@pytest.mark.parametrize(
    ("value", "written"), [(0.39312, "0.393"), (25000.0, "25,000"), (2e-5, "2e-05"), (0.0, "0")]
)
def test_a_number_is_short(value, written):
    assert number(value) == written


def test_numbers_of_an_axis_differ():
    assert numbers([0.6801, 0.6802, 0.6803]) == ["0.6801", "0.6802", "0.6803"]
    assert numbers([10_000.0, 10_000.5]) == ["10,000.0", "10,000.5"]
    assert numbers([0.0, 0.5, 1.0]) == ["0", "0.5", "1"]


def test_what_rounding_leaves_of_zero_is_zero():
    assert number(2.17e-19) == "0"


def test_eighteen_runs_look_different():
    assert len({look(run) for run in range(18)}) == 18
    assert (look(0), look(6), look(12)) == ("c0", "c0 d1", "c0 d2")
