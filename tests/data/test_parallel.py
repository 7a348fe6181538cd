import threading
from itertools import count, islice

import pytest

from stylegan_cli.data.parallel import ordered_map


def test_results_come_in_order():
    assert list(ordered_map(lambda x: x * x, range(100), workers=4, ahead=10)) == [
        x * x for x in range(100)
    ]


def test_an_endless_stream_is_taken_a_bounded_number_ahead():
    taken = []
    results = ordered_map(lambda x: x, (taken.append(n) or n for n in count()), workers=2, ahead=5)
    assert list(islice(results, 3)) == [0, 1, 2]
    results.close()
    assert len(taken) <= 3 + 5


def test_an_error_reaches_the_caller_in_its_place():
    results = ordered_map(lambda x: 1 // (3 - x), range(9), workers=2, ahead=4)
    assert list(islice(results, 3)) == [0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_no_threads_are_left_behind():
    before = threading.active_count()
    results = ordered_map(lambda x: x, count(), workers=4, ahead=8)
    next(results)
    results.close()
    assert threading.active_count() == before
