import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylegan_cli.errors import UsageError
from stylegan_cli.ranges import (
    format_ints,
    layer_groups,
    parse_floats,
    parse_ints,
    parse_layers,
)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("7", (7,)),
        ("0-3", (0, 1, 2, 3)),
        ("0-2,20", (0, 1, 2, 20)),
        (" 4 , 5-6 ", (4, 5, 6)),
        ("3-3", (3,)),
        ("2,1,2", (2, 1, 2)),
        ("4294967295", (4294967295,)),
    ],
)
def test_a_list_of_ints_keeps_order_and_repeats(text, numbers):
    assert parse_ints(text) == numbers


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("5-2", "`rows=5-2`: the range runs backwards; write 2-5"),
        ("-3", "the valid range is 0-4294967295"),
        ("4294967296", "4294967296 is out of range; the valid range is 0-4294967295"),
        ("0-99999999999", "99999999999 is out of range"),
        ("0-4294967295", "4,294,967,296 numbers are too many; ask for at most 1,000,000"),
        ("0-999999,0", "1,000,001 numbers are too many"),
        ("", "an empty list"),
        ("1,,2", "nothing between commas"),
        ("1,", "nothing between commas"),
        ("a", "not a whole number or range"),
        ("1.5", "not a whole number or range"),
        ("1-2-3", "not a whole number or range"),
        ("٣", "not a whole number or range"),
        ("9" * 5000, "not a whole number or range"),
    ],
)
def test_what_is_no_list_of_ints_is_refused_in_words(text, words):
    with pytest.raises(UsageError, match=re.escape(words)) as caught:
        parse_ints(text, parameter="rows")
    assert str(caught.value).startswith("`rows")


def test_ints_outside_a_given_range_are_refused_not_clamped():
    assert parse_ints("0-10", valid=range(11)) == tuple(range(11))
    with pytest.raises(UsageError, match="the valid range is 0-10"):
        parse_ints("3-11", valid=range(11))


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((), ""),
        ((5,), "5"),
        ((1, 2), "1,2"),
        ((1, 2, 3), "1-3"),
        ((*range(16), 20, 3, 4), "0-15,20,3,4"),
        ((3, 2, 1), "3,2,1"),
        ((1, 1, 1), "1,1,1"),
    ],
)
def test_ints_are_written_with_the_ranges_that_shorten_them(numbers, text):
    assert format_ints(numbers) == text


@given(st.lists(st.integers(0, 40), min_size=1))
def test_written_ints_read_back_the_same(numbers):
    assert parse_ints(format_ints(numbers)) == tuple(numbers)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1", (1.0,)),
        ("1,0.7,-0.5", (1.0, 0.7, -0.5)),
        ("1e-3", (0.001,)),
        ("-1:1:9", (-1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0)),
        ("1:0:3,7", (1.0, 0.5, 0.0, 7.0)),
    ],
)
def test_floats_are_listed_or_swept_with_both_ends(text, numbers):
    assert parse_floats(text) == numbers


def test_a_sweep_holds_the_numbers_as_people_write_them():
    assert parse_floats("0:1:11") == (*(float(f"0.{i}") for i in range(10)), 1.0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "an empty list"),
        ("x", "not a number"),
        ("1:2", "not START:STOP:COUNT"),
        ("1:2:3:4", "not START:STOP:COUNT"),
        ("0:1:1", "both ends need at least 2"),
        ("0:1:2.5", "COUNT is not a whole number"),
        ("0:1:99999999", "99,999,999 numbers are too many"),
        ("nan", "not a finite number"),
        ("sNaN", "not a finite number"),
        ("-inf", "not a finite number"),
        ("1e999", "not a finite number"),
    ],
)
def test_what_is_no_list_of_floats_is_refused_in_words(text, words):
    with pytest.raises(UsageError, match=re.escape(words)):
        parse_floats(text)


def sides(count):
    """Sides of the layers of a network, two at each."""
    return [4 << (i // 2) for i in range(count)]


@pytest.mark.parametrize(
    ("text", "layers"),
    [
        ("coarse", (0, 1, 2, 3)),
        ("middle", (4, 5, 6, 7)),
        ("fine", (8, 9)),
        ("all", tuple(range(10))),
        ("0-6", tuple(range(7))),
        ("8-", (8, 9)),
        ("3", (3,)),
        ("8-,coarse,0-1", (0, 1, 2, 3, 8, 9)),
    ],
)
def test_layers_of_a_64_px_network_ascend_without_repeats(text, layers):
    assert parse_layers(text, sides(10)) == layers


def test_the_named_groups_are_all_layers():
    assert parse_layers("coarse,middle,fine", sides(18)) == parse_layers("all", sides(18))


@pytest.mark.parametrize("text", ["10", "10-", "5-10", "99-"])
def test_layers_beyond_the_network_are_refused_not_clamped(text):
    with pytest.raises(UsageError, match="out of range; the valid range is 0-9"):
        parse_layers(text, sides(10))


def test_a_group_the_network_does_not_have_is_refused():
    with pytest.raises(UsageError, match=r"`layers=fine`: .* its finest are 32 px"):
        parse_layers("fine", sides(8))


@pytest.mark.parametrize("text", ["", "corse", "-3", "4-2", "8--"])
def test_what_is_no_list_of_layers_is_refused(text):
    with pytest.raises(UsageError, match="`layers"):
        parse_layers(text, sides(10))


@pytest.mark.parametrize(
    ("text", "layers"),
    [("coarse", (0, 1, 2)), ("middle", (3, 4)), ("all", (0, 1, 2, 3, 4)), ("0,3-", (0, 3, 4))],
)
def test_groups_of_layers_go_by_their_sides(text, layers):
    assert parse_layers(text, (4, 8, 8, 16, 16)) == layers


def test_groups_without_layers_are_left_out():
    assert layer_groups((4, 8, 64)) == {"coarse": (0, 1), "fine": (2,)}
