import numpy as np

from stylegan_cli.figures.charts import histogram

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
