"""Commands that are killed anywhere and started again end as if nothing had happened."""

import random

import pytest

from tests.faults.commands import COMMANDS, SETTINGS, TRAIN_FROM
from tests.faults.conftest import TIMES
from tests.faults.trees import remains, tree

KILLS = 3
KILLED = {**COMMANDS, **TRAIN_FROM}
PROGRESSIVE = {"train", *TRAIN_FROM}
"""Print the paths as they are written, so only the rest of them when resumed."""


@pytest.mark.slow
@pytest.mark.parametrize("name", KILLED)
def test_a_killed_command_loses_nothing_and_repeats_nothing(name, server, fresh):
    words = KILLED[name]
    folder = fresh("whole")
    whole = server.run(folder, words, settings=SETTINGS)
    assert whole.codes == [0], whole.errors
    expected = tree(folder)
    assert not remains(expected)
    moments = random.Random(name)
    for number in range(KILLS * TIMES):
        folder = fresh("killed")
        said = []
        for _ in range(moments.choice([1, 1, 2])):
            kill = (
                {"operation": moments.randrange(whole.operations)}
                if number % 3
                else {"seconds": whole.seconds * moments.uniform(0.05, 1.0)}
            )
            killed = server.run(folder, words, settings=SETTINGS, **kill)
            said.append((kill, killed.signal, killed.codes, killed.errors))
        again = server.run(folder, words, settings=SETTINGS)
        assert again.codes == [0], (said, again.errors)
        found = tree(folder)
        differing = [key for key in {**expected, **found} if expected.get(key) != found.get(key)]
        assert not differing, (said, again.errors)
        assert again.output == whole.output or name in PROGRESSIVE, said
