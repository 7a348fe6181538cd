"""The time of a run, as a trial of bounded length estimates it."""

from itertools import count

import torch

from stylegan_cli.training.trial import MOST_SECONDS, forecast
from tests.tiny import tiny

RECIPE = tiny("train.batch_size=16")


def tried(seconds):
    """Forecast by a clock that is asked all along a first step, and how often it was asked.

    Args:
        seconds: Time between two questions.
    """
    questions = count()
    found = forecast(
        RECIPE, torch.device("cpu"), torch.float32, clock=lambda: next(questions) * seconds
    )
    return found, next(questions)


def test_the_slower_a_machine_the_fewer_images_are_tried():
    whole, asked = tried(1e-9)
    assert whole.images == 16
    few, _ = tried(0.8 * MOST_SECONDS / asked)
    assert few.images == 1
    assert few.hours > 0
    none, until_then = tried(4 * MOST_SECONDS / asked)
    assert none is None
    assert until_then < asked / 2
